# SPDX-License-Identifier: Apache-2.0
"""What the regression matrix runs at each of its points: random operations, compared.

The environment says the rest: SEED, TB_PROFILE (the memory's behaviour), TB_RING_SIZE.
"""

from __future__ import annotations

import os
from typing import Any

import cocotb

from tb.bench import Bench
from tb.comparison import Comparison
from tb.player import Player, parameters
from tb.screen import progress, tallied
from tb.worlds import Setup

OPERATIONS = int(os.environ.get("TB_OPERATIONS", "120"))
MEMORY_BYTES = 4 << 20
REPORT_EVERY = 50  # operations


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def random_operations_agree_with_the_model(dut: Any) -> None:
    """All operations on all queues: equal to the model after every one."""
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    size = int(os.environ.get("TB_RING_SIZE", "16"))
    setup = Setup(sizes=(size,) * device["queues"], memory=MEMORY_BYTES, tables=1 << 14)
    pair = Comparison(bench, setup, **device)
    with tallied(pair.tally):
        await pair.start()
        player = Player(pair)
        for done in range(OPERATIONS):
            if done % REPORT_EVERY == 0:
                progress(done, OPERATIONS, f"on {device['queues']} queues, equal so far")
            await player.step()
        await player.finish()
    cocotb.log.info("%d operations, %d chains, equal", pair.tally.operations, pair.tally.chains)
