# SPDX-License-Identifier: Apache-2.0
"""Random operations: compared after each one, and free-running."""

import os
import random

import cocotb

from pymodel import Feature
from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import FreeRunning
from tb.native_memory import Reorder, Settings
from tb.player import Habits, Player, collect_one, drain, parameters, postpone
from tb.worlds import Setup

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
NOTHING = Feature(0)
EVENT, INDIRECT = Feature.EVENT_IDX, Feature.INDIRECT_DESC
PACKED = os.environ.get("RING") == "packed"  # which need be no power of two
SIZES = [1, 2, 5, 255] if PACKED else [1, 2, 4, 256]
CALLBACKS = {"none": None, "drain": drain, "postpone": postpone, "one": collect_one}


def any_memory() -> Settings:
    """Return some behaviour of the memory slave."""
    lowest = random.choice([1, 2, 5, 20])
    highest = lowest + random.choice([0, 1, 7, 40])
    stalls = [random.choice([0, 0, 20, 60]) for _ in range(5)]
    return Settings(
        read_latency=(lowest, highest),
        write_latency=(random.randint(1, lowest), highest),
        read_percent=random.choice([100, 100, 60]),
        write_percent=random.choice([100, 100, 60]),
        stall_ar=stalls[0],
        stall_r=stalls[1],
        stall_aw=stalls[2],
        stall_w=stalls[3],
        stall_b=stalls[4],
        reorder=random.choice(list(Reorder)),
        seed=random.getrandbits(32),
    )


def some_setup(size: int, features: Feature, callback: str, queues: int) -> Setup:
    return Setup(
        sizes=(size,) * queues,
        features=features,
        indirect=random.choice(["never", "multi", "always"]) if features & INDIRECT else "never",
        memory=1 << 18,
        tables=1 << 13,
        pattern=random.random() < 0.3,
        callback=CALLBACKS[callback],
    )


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(
    size=SIZES if FAST else SIZES[1::2],
    features=[NOTHING, EVENT, INDIRECT, EVENT | INDIRECT],
    callback=["none", "drain", "postpone", "one"] if FAST else ["drain", "postpone"],
)
async def compared_after_each_operation(dut, size, features, callback):
    bench = Bench(dut, any_memory())
    await bench.start()
    device = await parameters(bench)
    used = min(device["queues"], random.choice([1, 2, 4]))
    comparison = Comparison(bench, some_setup(size, features, callback, used), **device)
    await comparison.start()
    await Player(comparison, Habits()).play(80 if FAST else 30)


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(
    size=SIZES if FAST else SIZES[1::2],
    features=[NOTHING, EVENT, INDIRECT, EVENT | INDIRECT],
    callback=["none", "drain", "postpone", "one"] if FAST else ["drain", "postpone"],
)
async def free_running(dut, size, features, callback):
    bench = Bench(dut, any_memory())
    await bench.start()
    device = await parameters(bench)
    used = min(device["queues"], random.choice([1, 2, 4]))
    pair = FreeRunning(bench, some_setup(size, features, callback, used), **device)
    await pair.start()
    pause = random.choice([(0, 2), (0, 30), (0, 200)])
    await Player(pair, Habits(pause=pause)).play(200 if FAST else 45)
    await pair.stop()
