# SPDX-License-Identifier: Apache-2.0
"""Points of the benchmark in which one byte is made wrong: each must be refused."""

import cocotb
import pytest

from tb.bench import Bench
from tb.measure.points import Point
from tb.measure.throughput import measure
from tb.native_memory import Kind
from tb.player import parameters
from tb.sides import Mismatch

TX, RX = Point("tx", 64, 256, latency=16, batch=16), Point("rx", 64, 256, latency=16, batch=16)
CHANGED = b"\x5a"


def readable_byte(pair, buffers):
    """A byte of the driver's data is not what the device's function expects."""
    addr, _ = buffers[70].segments[0]
    for world in (pair.rtl, pair.model):  # the memories stay equal: only the device can tell
        world.memory.write(addr + 9, CHANGED)


def readable_byte_of_one_world(pair, buffers):
    addr, _ = buffers[70].segments[0]
    pair.rtl.memory.write(addr + 9, CHANGED)


def written_byte(pair, buffers):
    """A byte changes in memory after the device has written it."""
    addr, _ = buffers[70].segments[0]
    pair.bench.memory.race_beat(Kind.WRITE, (addr + 8, 8), addr + 9, CHANGED)


def used_length(pair, buffers):
    addr = pair.rtl.queue(0).layout.used_elem(33) + 4
    pair.bench.memory.race_beat(Kind.WRITE, (addr, 4), addr, CHANGED)


def used_head(pair, buffers):
    addr = pair.rtl.queue(0).layout.used_elem(33)
    pair.bench.memory.race_beat(Kind.WRITE, (addr, 4), addr, CHANGED)


def old_element(pair, buffers):
    """An element that was collected long ago changes."""
    layout = pair.rtl.queue(0).layout
    last = min(len(buffers), layout.size) - 1
    old = last - 60
    assert len(buffers) <= old + layout.size, "the element would be written again"
    pair.bench.memory.race_beat(
        Kind.WRITE, (layout.used_elem(last), 8), layout.used_elem(old), CHANGED
    )


def used_event(pair, buffers):
    """The driver's own area of the ring is not the device's to write."""
    layout = pair.rtl.queue(0).layout
    pair.bench.memory.race_beat(Kind.WRITE, (layout.used_idx, 2), layout.used_event, CHANGED)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(
    ("point", [TX, RX]), ("disturb", [used_length, used_head, old_element, used_event])
)
async def a_wrong_ring_is_refused(dut, point, disturb):
    await refused(dut, point, disturb)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(disturb=[readable_byte, readable_byte_of_one_world])
async def wrong_readable_data_is_refused(dut, disturb):
    await refused(dut, TX, disturb)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def wrong_written_data_is_refused(dut):
    await refused(dut, RX, written_byte)


@cocotb.test(timeout_time=2, timeout_unit="ms")
async def the_same_points_undisturbed_are_measured(dut):
    bench, device = await started(dut)
    for again, point in enumerate((TX, RX)):
        found = await measure(bench, point, device, bool(again))
        assert 0 < found["ratio"] <= 1.01


async def started(dut):
    bench = Bench(dut)
    await bench.start()
    return bench, await parameters(bench)


async def refused(dut, point, disturb):
    bench, device = await started(dut)
    with pytest.raises((Mismatch, AssertionError, OSError)) as caught:
        await measure(bench, point, device, False, disturb)
    cocotb.log.info("refused: %s", str(caught.value).partition("\n")[0])
