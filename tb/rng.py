# SPDX-License-Identifier: Apache-2.0
"""The entropy device as a part of `make sim`: a scan, a probe, and reads of any length.

After each of them the whole memory, registers and results must equal the golden model's.
TB_OPERATIONS in the environment says how many reads.
"""

from __future__ import annotations

import os
import random
from functools import partial
from typing import Any

import cocotb

from pymodel import Reg, RngFunction, VirtioRng
from pymodel.bus import SLOT_BYTES
from pymodel.steps import Steps
from tb.bench import SLOTS, Bench
from tb.driver_comparison import DriverComparison
from tb.driver_worlds import DriverSetup, in_slots
from tb.screen import progress, say, tallied

RNG = SLOTS["rng"]
MOST_BYTES = 256
REPORT_EVERY = 10  # operations


def _read(count: int, rng: VirtioRng) -> Steps[bytes]:
    return rng.read(count)


@cocotb.test(timeout_time=1, timeout_unit="sec")
async def entropy_is_read(dut: Any) -> None:
    """Probe the device and read from it."""
    bench = Bench(dut)
    await bench.start()
    info = await bench.read32(RNG * SLOT_BYTES + Reg.ENGINE_INFO)
    setup = DriverSetup(
        functions=in_slots(rng=lambda: RngFunction(data_w=8 << (info >> 8 & 0xFF))),
        memory=1 << 18,
    )
    pair = DriverComparison(bench, setup)
    operations = int(os.environ.get("TB_OPERATIONS", "20"))
    with tallied(pair.tally):
        for slot in await pair.start():
            say(f"  slot {slot}")
        bench.dump(True)
        for done in range(operations):
            count = random.randint(1, MOST_BYTES)
            data = await pair.do("read", RNG, partial(_read, count))
            if done == 0:
                say(f"  {count} bytes, of a source that is no source: {data[:16].hex()} ...")
            if done % REPORT_EVERY == 0:
                progress(done, operations, f"reads, {pair.tally.chains} chains, equal so far")
        progress(operations, operations, "reads, and the device is taken away")
        await pair.remove(RNG)
