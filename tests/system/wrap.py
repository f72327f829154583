# SPDX-License-Identifier: Apache-2.0
"""The ring indices wrap at 65536: operations compared up to it, across it and beyond."""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import Feature
from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import FreeRunning
from tb.player import Habits, Player, drain, parameters, postpone
from tb.worlds import Setup

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
MODULUS = 1 << 16
SIZE = 256
HABITS = Habits(shapes=[(1, 0), (0, 1), (1, 1)], lengths=[1, 5, 16], long=0, deep=0)


def setup(features: Feature, callback, size: int = SIZE, start: int = MODULUS - 24) -> Setup:
    return Setup(
        sizes=(size,),
        features=features,
        indirect="never",
        memory=1 << (17 if size == SIZE else 20),
        tables=1 << 12,
        callback=callback,
        start_index=start,
    )


async def across(pair, player, batches: int) -> None:
    """Let batches of any size pass, at least as many chains as lie before the wrap and after."""
    for _ in range(batches):
        for _ in range(random.randint(1, 9)):
            await player.add(0)
        await player.sync(0)
        if isinstance(pair, FreeRunning):
            await pair.bench.wait_cycles(random.randint(0, 400))
        if not pair.rtl.queue(0).callbacks_on:
            while await player.get(0):
                pass
            await player.restart(0)
        player.free_collected()


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True])
async def indices_wrap(dut, event_idx):
    features = Feature.EVENT_IDX if event_idx else Feature(0)
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    comparison = Comparison(bench, setup(features, random.choice([drain, postpone])), **device)
    await comparison.start()
    before = bench.cycle
    player = Player(comparison, HABITS)
    await across(comparison, player, 12)
    await player.finish()
    assert comparison.rtl.queue(0).used_index < SIZE, "the indices did not wrap"
    cocotb.log.info("run-up %d cycles, across %d", before, bench.cycle - before)


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True])
async def indices_wrap_free_running(dut, event_idx):
    features = Feature.EVENT_IDX if event_idx else Feature(0)
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    pair = FreeRunning(bench, setup(features, random.choice([drain, postpone])), **device)
    await pair.start()
    player = Player(pair, HABITS)
    await across(pair, player, 12)
    await player.finish()
    await pair.stop()
    assert pair.rtl.queue(0).used_index < SIZE, "the indices did not wrap"


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(start=[0, (1 << 15) - 24, MODULUS - 24] if FAST else [0])
@cocotb.parametrize(event_idx=[False, True])
async def the_largest_ring(dut, event_idx, start):
    """The first slots, the last slots of the ring, and the wrap of the indices."""
    features = Feature.EVENT_IDX if event_idx else Feature(0)
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    size = device["queue_size_max"]
    pair = FreeRunning(bench, setup(features, drain, size, start), **device)
    await pair.start()
    player = Player(pair, HABITS)
    await across(pair, player, 12 if FAST else 6)
    half = device["max_chain"] // 2
    assert await player.add(0, (half, half), [3] * (2 * half))
    await player.finish()
    await pair.stop()
