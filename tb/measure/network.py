# SPDX-License-Identifier: Apache-2.0
"""Frames through the network device: cycles a frame beside the limit of the bus, each way and both.

Receive buffers are published at once, frames to send in batches at the pace of the limit; frames
come in a little slower, since none waits for the device. Cycles a frame to send is the time between
two frames that leave to the MAC over the frames between them, cycles a frame received that between
two writes of the used index; the first third and the last tenth are left out. Every byte of every
frame is compared afterwards, and none may be dropped.

The limit counts as `tb.measure.limits` does, of large batches: a buffer is a frame and its 12 bytes
of header. In full duplex both directions share the channel of reads, by their descriptors, and that
of writes, by their rings.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cocotb

from pymodel import Feature, SplitLayout
from pymodel.layout import INDEX_MODULUS, U16
from pymodel.net_function import HEADER_BYTES, NET_DEVICE_ID, NetFunction
from tb.bench import Bench
from tb.driver_worlds import DriverSetup, RtlDriverWorld, in_slots
from tb.mac import Mac
from tb.measure.limits import LINE, Limit, limit
from tb.measure.points import BASE_LATENCY
from tb.measure.runs import RESULTS
from tb.native_memory import Kind, latency
from tb.net.comparison import NET
from tb.net.raw_driver import RawNet

SIZES = (64, 1500)  # bytes of a frame
DIRECTIONS = ("tx", "rx", "duplex")
FRAMES = {64: 1500, 1500: 300}
BATCH = 32  # frames to send that are published at once
PACE = 1.05  # cycles between frames that come in, in those of the limit
LEAD_CYCLES = 100  # from the last notification to the first frame that comes in
PATIENCE = 40  # longest run, in limits of the whole load
MARKS = 3  # class of the used index
MEMORY, QUEUE_SIZE = 1 << 24, 4096


def limit_cycles(direction: str, data_w: int, size: int) -> float:
    """Return the fewest cycles a frame; in full duplex, a frame each way."""
    one: Limit = limit("split", data_w, HEADER_BYTES + size, None)
    if direction != "duplex":
        return one.cycles(direction)
    return max(one.payload + 2 * one.reads, one.payload + 2 * one.writes)


def rate(marks: Sequence[tuple[int, int]], frames: int) -> float:
    """Return cycles a frame, of (frames so far, cycle) in order."""
    first = next(mark for mark in marks if mark[0] >= frames // 3)
    last = next(mark for mark in reversed(marks) if mark[0] <= frames - frames // 10)
    return (last[1] - first[1]) / (last[0] - first[0])


class Load:
    """The frames of one point, each in memory of its own."""

    def __init__(self, world: RtlDriverWorld, size: int, count: int) -> None:
        room = -(-(HEADER_BYTES + size) // LINE) * LINE
        self.size, self.count = size, count
        self.frames = [random.randbytes(size) for _ in range(count)]
        base = world.allocator.allocate(room * count, LINE)
        self.places = [base + room * number for number in range(count)]
        self.base, self._world = base, world

    def add(self, queue: Any, out: bool, first: int = 0, count: int = QUEUE_SIZE) -> None:
        """Add so many of them to a queue, and publish them."""
        chosen = slice(first, first + count)
        for addr, frame in zip(self.places[chosen], self.frames[chosen]):
            if out:
                self._world.memory.write(addr, bytes(HEADER_BYTES) + frame)
            sizes = (1, 0) if out else (0, 1)
            queue.add_buf([(addr, HEADER_BYTES + self.size)], *sizes, addr)
        queue.sync()

    def check_received(self, queue: Any) -> None:
        """Take all buffers back; raise if a byte is wrong."""
        for number, frame in enumerate(self.frames):
            used = queue.get_buf()
            if used is None or used.length != HEADER_BYTES + self.size:
                raise AssertionError(f"frame {number} did not come")
            if self._world.memory.read(used.data + HEADER_BYTES, self.size) != frame:
                raise AssertionError(f"frame {number} is not what the MAC gave")


async def measure(bench: Bench, direction: str, size: int, data_w: int) -> dict[str, Any]:
    """Measure one point, on a device after its reset; raise if a byte is wrong."""
    await bench.start()
    bench.memory.configure(latency(BASE_LATENCY))
    setup = DriverSetup(
        features=Feature.EVENT_IDX,
        drivers={NET_DEVICE_ID: lambda: RawNet(size=QUEUE_SIZE)},
        functions=in_slots(net=NetFunction),
        memory=MEMORY,
    )
    world = RtlDriverWorld(setup, bench, in_step=False)
    await world.start(again=True)
    driver: Any = world.driver(NET)
    receive, transmit = driver.queues[0], driver.queues[1]
    count, fewest = FRAMES[size], limit_cycles(direction, data_w, size)
    mac = Mac()
    layout = receive.layout
    assert isinstance(layout, SplitLayout)
    bench.memory.watch(layout.used_idx, 2, MARKS)
    bench.memory.clear_accesses()
    out, into = Load(world, size, count), Load(world, size, count)
    if direction != "tx":
        into.add(receive, out=False)
        await world.run(driver.device.kick())
        await bench.wait_cycles(40 * BASE_LATENCY)  # until the device has its buffers
        for number, frame in enumerate(into.frames):
            due = bench.cycle + LEAD_CYCLES + round(number * fewest * PACE)
            mac.queue(frame, cycle=due)
    if direction != "rx":
        start = bench.cycle + LEAD_CYCLES
        for first in range(0, count, BATCH):
            await bench.wait_cycles(start + round(first * fewest) - bench.cycle)
            out.add(transmit, True, first, BATCH)
            await world.run(driver.device.kick())
    end = bench.cycle + round(PATIENCE * fewest * count)
    while not bench.all_idle or mac.waiting:
        if bench.cycle > end:
            raise AssertionError(f"{direction} {size}: not done by cycle {end}")
        await bench.wait_cycles(round(10 * fewest))
    await bench.wait_cycles(10)
    found = {"direction": direction, "data_w": data_w, "bytes": size, "latency": BASE_LATENCY}
    cycles = []
    if direction != "rx":
        sent = mac.sent
        if [frame.data for frame in sent] != out.frames:
            raise AssertionError("the frames that left are not those that were sent")
        cycles.append(rate([(n, frame.cycle) for n, frame in enumerate(sent, 1)], count))
    if direction != "tx":
        into.check_received(receive)
        marks = [
            (U16.unpack(access.data)[0] % INDEX_MODULUS, access.cycle)
            for access in bench.memory.accesses(watch=MARKS)
            if access.kind == Kind.WRITE
        ]
        cycles.append(rate(marks, count))
    bench.memory.watch(layout.used_idx, 2, 0)
    slowest = max(cycles)
    return found | {
        "frames": count,
        "cycles_per_frame": round(slowest, 4),
        "limit_cycles": round(fewest, 4),
        "ratio": round(fewest / slowest, 4),
    }


@cocotb.test()
async def points(dut: Any) -> None:
    """Measure every direction and size at one width."""
    bench = Bench(dut)
    bench.memory.add_region(DriverSetup().base, MEMORY)
    data_w = int(os.environ["BENCH_WIDTH"])
    found = [
        await measure(bench, direction, size, data_w) for size in SIZES for direction in DIRECTIONS
    ]
    path = Path(os.environ["TB_RUN_DIR"]) / RESULTS
    path.write_text(json.dumps({"network": found}, indent=1) + "\n")
