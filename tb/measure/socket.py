# SPDX-License-Identifier: Apache-2.0
"""The cocotb test that measures the socket port: cycles and register accesses a buffer.

The driver never waits and never takes an interrupt: it adds a batch, publishes it, and collects
until all of it came back. The device checks what it reads and fills what it writes with patterns.
What was measured is left in the run's folder.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cocotb

from pymodel import pattern_bytes
from pymodel.registers import Config
from tb.measure.runs import RESULTS
from tb.socket.bench import SocketBench
from tb.socket.worlds import BASE, RtlSocketWorld

PAYLOADS = (64, 256, 1500)
DIRECTIONS = ("tx", "rx")
BATCH, BATCHES = 8, 3
SLOT = 2048  # bytes of memory for each buffer


async def measure(bench: SocketBench, direction: str, payload: int) -> dict[str, Any]:
    """Measure buffers of one kind, from an idle port on."""
    world = RtlSocketWorld(bench, in_step=False)
    await world.start([bench.built.slots])
    await bench.write32(Config.MODE, 1)
    vq, out_num = world.queues[0], int(direction == "tx")
    total = BATCH * BATCHES
    for number in range(total):
        data = pattern_bytes(0, number, payload) if out_num else bytes(payload)
        world.memory.write(BASE + number * SLOT, data)

    def work() -> None:
        for first in range(0, total, BATCH):
            for number in range(first, first + BATCH):
                vq.add_buf([(BASE + number * SLOT, payload)], out_num, 1 - out_num, number)
            vq.sync()
            left = BATCH
            while left:
                left -= vq.get_buf() is not None

    begin, accesses = bench.cycle, bench.accesses
    await world.call(work)
    cycles, accesses = bench.cycle - begin, bench.accesses - accesses
    assert await bench.read32(Config.SINK_ERRORS) == 0, "the device read something else"
    for number in range(total):
        found = world.memory.read(BASE + number * SLOT, payload)
        assert found == pattern_bytes(0, number, payload), f"buffer {number}"
    return {
        "direction": direction,
        "payload": payload,
        "data_w": int(bench.dut.DATA_W.value),
        "batch": BATCH,
        "buffers": total,
        "cycles_per_buffer": cycles / total,
        "accesses_per_buffer": accesses / total,
        "cycles_per_access": cycles / accesses,
    }


@cocotb.test()
async def points(dut: Any) -> None:
    """Measure every payload in both directions."""
    bench = SocketBench(dut)
    await bench.start()
    kinds = [(direction, payload) for direction in DIRECTIONS for payload in PAYLOADS]
    found = [await measure(bench, *kind) for kind in kinds]
    path = Path(os.environ["TB_RUN_DIR"]) / RESULTS
    path.write_text(json.dumps({"socket": found}, indent=1) + "\n")
