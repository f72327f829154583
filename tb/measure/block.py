# SPDX-License-Identifier: Apache-2.0
"""Block requests of 4 KiB: cycles a request beside the limit of the bus, whatever the store.

A request is a chain of header, data and status in an indirect table. They are published in batches
of 64, of which three are under way, so the device is never short of work. Cycles a request is the
time between two writes of the used index over the requests between them, a batch from the start and
one from the end left out. Every byte is compared afterwards, read or written.

The limit counts as `tb.measure.limits` does. For each request the bus reads its header and its
share of rings and descriptors, and the data of a write; it writes the status, its share of the
ring, and the data of a read.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import cocotb

from pymodel import SplitLayout
from pymodel.blk_function import SECTOR
from pymodel.blk_request import BlkRequest
from pymodel.layout import INDEX_MODULUS, U16
from tb.bench import Bench
from tb.blk.worlds import SLOT, BlkPair
from tb.disk import StoreSettings
from tb.measure.limits import limit, touched
from tb.measure.points import BASE_LATENCY
from tb.measure.runs import RESULTS
from tb.native_memory import Kind, latency

BYTES = 4096  # of a request
REQUESTS = 640
BATCH, UNDER_WAY = 64, 3
STORE_LATENCIES = (16, 128, 512)  # cycles
DIRECTIONS = ("read", "write")
HEADER, STATUS, SEGMENTS = 16, 1, 3
MARKS = 3  # class of the used index
MEMORY = 4 << 20


def limit_cycles(direction: str, data_w: int) -> float:
    """Return the fewest cycles a request: those of the busier channel."""
    bus = data_w // 8
    rings = limit("split", data_w, BYTES, BATCH, descriptors=SEGMENTS, indirect=True)
    reads = rings.reads + touched(0, HEADER, bus)
    writes = rings.writes + touched(0, STATUS, bus)
    data = touched(0, BYTES, bus)
    return max(reads, writes + data) if direction == "read" else max(reads + data, writes)


async def measure(world: BlkPair, direction: str, store: int, data_w: int) -> dict[str, Any]:
    """Measure requests of one kind; raise if a byte is wrong."""
    world.native.configure(StoreSettings(latency=(store, store)))
    rtl, memory = world.pair.rtl, world.bench.memory
    rtl.in_step = False
    disk: Any = rtl.driver(SLOT)
    sectors = BYTES // SECTOR
    order = random.sample(range(REQUESTS), REQUESTS)
    if direction == "read":
        requests = [BlkRequest.read(at * sectors, sectors) for at in order]
    else:
        requests = [BlkRequest.write(at * sectors, random.randbytes(BYTES)) for at in order]
    layout = disk.queues[0].layout
    assert isinstance(layout, SplitLayout)
    first = U16.unpack(memory.read(layout.used_idx, 2))[0]
    memory.watch(layout.used_idx, 2, MARKS)
    memory.clear_accesses()
    batches = [requests[at : at + BATCH] for at in range(0, REQUESTS, BATCH)]
    for batch in batches[:UNDER_WAY]:
        await rtl.run(disk.submit(*batch))
    for number, batch in enumerate(batches):
        await rtl.run(disk.finish(*batch))
        for later in batches[number + UNDER_WAY : number + UNDER_WAY + 1]:
            await rtl.run(disk.submit(*later))
    await rtl.settle()
    marks = []
    for access in memory.accesses(watch=MARKS):
        if access.kind == Kind.WRITE:
            used = (U16.unpack(access.data)[0] - first) % INDEX_MODULUS
            marks.append((used, access.cycle))
    memory.watch(layout.used_idx, 2, 0)
    for request in requests:
        at = request.sector * SECTOR
        expected = bytes(world.native.bytes[at : at + BYTES])
        assert (request.data or request.take()) == expected, f"sector {request.sector}"
        request.take()
    begin = next(mark for mark in marks if mark[0] >= BATCH)
    end = next(mark for mark in reversed(marks) if mark[0] <= REQUESTS - BATCH)
    cycles = (end[1] - begin[1]) / (end[0] - begin[0])
    fewest = limit_cycles(direction, data_w)
    return {
        "direction": direction,
        "data_w": data_w,
        "bytes": BYTES,
        "latency": BASE_LATENCY,
        "store_latency": store,
        "requests": REQUESTS,
        "cycles_per_request": round(cycles, 4),
        "limit_cycles": round(fewest, 4),
        "ratio": round(fewest / cycles, 4),
    }


@cocotb.test()
async def points(dut: Any) -> None:
    """Measure both directions at every latency of the store."""
    bench = Bench(dut, latency(BASE_LATENCY))
    content = random.randbytes(REQUESTS * BYTES)
    world = await BlkPair(bench, content, memory=MEMORY).start()
    data_w = int(os.environ["BENCH_WIDTH"])
    found = [
        await measure(world, direction, store, data_w)
        for direction in DIRECTIONS
        for store in STORE_LATENCIES
    ]
    path = Path(os.environ["TB_RUN_DIR"]) / RESULTS
    path.write_text(json.dumps({"block": found}, indent=1) + "\n")
