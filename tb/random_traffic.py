# SPDX-License-Identifier: Apache-2.0
"""Random operations on all queues: compared after each, or with a driver that never waits.

The memory's latency, stalls and order of responses are drawn from the seed too. From the
environment: TB_PACE, "step" or "free"; TB_OPERATIONS, how many.
"""

from __future__ import annotations

import os
import random
from typing import Any, Union

import cocotb

from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import FreeRunning
from tb.native_memory import Reorder, Settings
from tb.player import Habits, Player, collect_one, drain, parameters, postpone
from tb.screen import progress, say, tallied
from tb.worlds import Setup

PACES = ("step", "free")
RING_SIZES = (2, 4, 16, 64, 256)
BYTES_A_QUEUE = 1 << 17
REPORT_EVERY = 50  # operations
IN_WAVES = 50  # of the last operations, and all that is left then, waves are written


def drawn_memory() -> Settings:
    """Return some behaviour of the memory."""
    lowest = random.choice([1, 4, 20])
    return Settings(
        read_latency=(lowest, lowest + random.choice([0, 10, 40])),
        write_latency=(lowest, lowest + random.choice([0, 10, 40])),
        stall_ar=random.choice([0, 20]),
        stall_r=random.choice([0, 20]),
        stall_aw=random.choice([0, 20]),
        stall_w=random.choice([0, 20]),
        stall_b=random.choice([0, 20]),
        reorder=random.choice(list(Reorder)),
        seed=random.getrandbits(32),
    )


@cocotb.test(timeout_time=1, timeout_unit="sec")
async def random_traffic_agrees_with_the_model(dut: Any) -> None:
    """Add, sync, get, detach and restart at random, in both worlds."""
    settings = drawn_memory()
    bench = Bench(dut, settings)
    await bench.start()
    device = await parameters(bench)
    setup = Setup(
        sizes=tuple(random.choice(RING_SIZES) for _ in range(device["queues"])),
        indirect=random.choice(["never", "multi", "always"]),
        memory=BYTES_A_QUEUE * device["queues"] + (1 << 18),
        tables=1 << 14,
        callback=random.choice([drain, postpone, collect_one]),
    )
    pace = os.environ.get("TB_PACE", PACES[0])
    if pace not in PACES:
        raise ValueError(f"TB_PACE={pace}: it is one of {', '.join(PACES)}")
    operations = int(os.environ.get("TB_OPERATIONS", "200"))
    pair: Union[Comparison, FreeRunning]
    if pace == "step":
        pair = Comparison(bench, setup, **device)
    else:
        pair = FreeRunning(bench, setup, None, **device)
    say(
        f"  rings of {', '.join(map(str, setup.sizes))}; memory answers reads in "
        f"{settings.read_latency[0]} to {settings.read_latency[1]} cycles, "
        f"reordered: {settings.reorder.name.lower()}"
    )
    with tallied(pair.tally):
        await pair.start()
        begin = bench.cycle
        player = Player(pair, Habits(pause=(0, 40) if pace == "free" else (0, 0)))
        for done in range(operations):
            if done % REPORT_EVERY == 0:
                progress(done, operations, f"steps, {pair.tally.chains} chains, equal so far")
            if operations - done <= IN_WAVES:
                bench.dump(True)
            await player.step()
        progress(operations, operations, "steps, collecting what is left")
        await player.finish()
        if isinstance(pair, FreeRunning):
            pair.tally.cycles = bench.cycle - begin
            await pair.stop()
