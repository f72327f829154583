# SPDX-License-Identifier: Apache-2.0
"""Latency: from a notification of an idle queue to the used index in memory.

One 64-byte readable buffer is published and notified; nothing else happens. The clock runs from
the cycle in which the device accepts the write to QueueNotify (the later of the handshakes of its
address and its data) to the cycle in which the memory changes the used index, or in a packed ring
the used descriptor's flags (the handshake of the W beat).

A *round trip* is one that the next step cannot begin before: the memory's latency from an AR
handshake to the first R handshake and the beats after it, or from a burst's last W handshake to its
B handshake. A split queue has five: the reads of the index, the entry, the descriptor and the
payload, and the write of the used element, which must be acknowledged before the index is written.
A packed one has the reads of the descriptor and the payload, and on a bus of 64 bits, where the
flags come in a later beat than the address that they vouch for, one more read of the descriptor.
The last write itself ends the clock when memory takes it, so it adds no latency of the
memory's. *Overhead* is all cycles but those trips: the register access and the engine's stages.
"""

from __future__ import annotations

import statistics
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge, First

from pymodel import Feature, pattern_bytes
from pymodel.packed_layout import PackedLayout
from pymodel.registers import Reg
from tb.bench import Bench
from tb.free_running import Delays, FreeRunning
from tb.measure.throughput import BASE, MARKS, MEMORY
from tb.native_memory import Kind, latency
from tb.worlds import Setup

PAYLOAD = 64  # bytes
DESCRIPTOR = 16  # bytes
FLAGS = 14  # place of a packed descriptor's flags in it
REPEATS = 9
RING = 16  # entries
PAUSE = 61  # cycles between two measurements, and one more each time


async def accepted(bench: Bench, address: int) -> int:
    """Return the cycle in which the device has taken the next write to a register.

    The device may take the address and the data of a write in either order.
    """
    dut, taken = bench.dut, {"aw": -1, "w": -1}
    if not int(dut.s_axil_awvalid.value):
        await First(dut.s_axil_awvalid.value_change, dut.s_axil_wvalid.value_change)
    while min(taken.values()) < 0:
        await FallingEdge(dut.clk)  # pins are stable; `cycle` is the next edge's
        for channel in taken:
            valid = int(getattr(dut, f"s_axil_{channel}valid").value)
            ready = int(getattr(dut, f"s_axil_{channel}ready").value)
            if valid and ready and taken[channel] < 0:
                taken[channel] = bench.cycle
                if channel == "aw" and int(dut.s_axil_awaddr.value) != address:
                    raise AssertionError(f"write to {int(dut.s_axil_awaddr.value):#x}")
    return max(taken.values())


async def once(bench: Bench, pair: FreeRunning, number: int) -> int:
    """Return the cycles of one buffer, which is the queue's buffer `number`."""
    memory, vq = bench.memory, pair.rtl.queue(0)
    packed = isinstance(vq.layout, PackedLayout)
    mark = vq.layout.descriptor(number % RING) + FLAGS if packed else vq.layout.used_idx
    addr = pair.allocate(PAYLOAD, PAYLOAD)
    pair.write(addr, pattern_bytes(0, number, PAYLOAD))
    await bench.wait_cycles(PAUSE + number)
    memory.watch(mark, 2, MARKS)
    memory.clear_accesses()
    task = cocotb.start_soon(accepted(bench, Reg.QUEUE_NOTIFY))
    await pair.add(0, [(addr, PAYLOAD)], 1, 0, number)
    await pair.sync(0)
    notified = await task
    await pair.settle()
    marks = [log.cycle for log in memory.accesses(watch=MARKS) if log.kind == Kind.WRITE]
    if len(marks) != 1 or await pair.get(0) is None:
        raise AssertionError(f"buffer {number}: it was said to be used {len(marks)} times")
    memory.watch(mark, 2, 0)
    pair.free(addr)
    return marks[0] - notified


def trips(ring: str, data_w: int) -> tuple[int, int]:
    """Return the round trips that a format of rings demands, and their beats after the first."""
    beat = data_w // 8
    payload, descriptor = (-(-length // beat) - 1 for length in (PAYLOAD, DESCRIPTOR))
    if ring == "split":
        return 5, payload + descriptor
    return (3, payload + 2 * descriptor) if beat < DESCRIPTOR else (2, payload)


async def measure(
    bench: Bench, ring: str, cycles: int, device: dict[str, int], again: bool
) -> dict[str, Any]:
    """Measure a ring's latency over a memory whose own is `cycles`."""
    bench.memory.configure(latency(cycles))
    setup = Setup(
        sizes=(RING,),
        features=Feature.INDIRECT_DESC
        | Feature.EVENT_IDX
        | (Feature.RING_PACKED if ring == "packed" else Feature(0)),
        indirect="never",
        base=BASE,
        memory=MEMORY,
        pattern=True,
    )
    pair = FreeRunning(bench, setup, Delays(notify=(0, 0)), **device)
    await pair.start(again)
    bench.memory.watch(BASE, MEMORY, 0)
    await pair.settle()
    found = [await once(bench, pair, number) for number in range(REPEATS)]
    await pair.stop()
    pair.give_up()
    median = int(statistics.median(found))
    round_trips, later = trips(ring, device["data_w"])
    return {
        "ring": ring,
        "data_w": device["data_w"],
        "latency": cycles,
        "cycles_notify_to_used": median,
        "round_trips": round_trips,
        "trip_cycles": round_trips * cycles + later,
        "overhead_cycles": median - round_trips * cycles - later,
        "fastest": min(found),
        "slowest": max(found),
        "repeats": REPEATS,
    }
