# SPDX-License-Identifier: Apache-2.0
"""NOTIFICATION_DATA: what a notification tells saves the read of the index."""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import Feature
from pymodel.registers import Reg
from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import FreeRunning
from tb.native_memory import Kind, latency
from tb.player import Habits, Player, drain, parameters
from tb.worlds import Setup
from tests.system.racers import EVENT, Racer, begin, new_racer
from tests.system.random_ops import any_memory

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
DATA, INDIRECT = Feature.NOTIFICATION_DATA, Feature.INDIRECT_DESC


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(features=[DATA, DATA | EVENT | INDIRECT, DATA | EVENT | Feature.RING_RESET])
@cocotb.parametrize(free=[False, True])
async def random_operations_agree_with_the_model(dut, features, free):
    """In step and free-running, every notification telling its index."""
    bench = Bench(dut, any_memory())
    await bench.start()
    device = await parameters(bench)
    setup = Setup(
        sizes=[random.choice([1, 4, 64]) for _ in range(min(3, device["queues"]))],
        features=features,
        indirect="multi" if features & INDIRECT else "never",
        memory=1 << 18,
        tables=1 << 13,
        callback=random.choice([None, drain]),
    )
    if free:
        pair = FreeRunning(bench, setup, **device)
        await pair.start()
        await Player(pair, Habits(pause=(0, 30))).play(200 if FAST else 40)
        await pair.stop()
    else:
        comparison = Comparison(bench, setup, **device)
        await comparison.start()
        await Player(comparison, Habits()).play(80 if FAST else 30)


async def trip(racer: Racer, value: int) -> int:
    """Return the cycles from the notification of a chain until its used index is written."""
    bench, memory = racer.bench, racer.memory
    memory.clear_accesses()
    await bench.write32(Reg.QUEUE_NOTIFY, value)
    begun = bench.cycle
    await racer.finish("a chain", 5000)
    await racer.world.wait_quiet()
    return next(a.cycle for a in memory.accesses() if a.kind == Kind.WRITE) - begun


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(slow=[3, 40, 200])
async def an_idle_queue_is_served_a_trip_sooner(dut, slow):
    """With the index told by the notification the used index comes a read's latency sooner."""
    world = await begin(dut, latency(slow), EVENT | DATA, sizes=(8,))
    racer = new_racer(world)
    racer.memory.watch(racer.layout.used_idx, 2)
    times = {}
    for told in [False, True] * (9 if FAST else 3):
        racer.publish()
        index = racer.avail if told else 0  # 0 is old: the engine looks
        times.setdefault(told, []).append(await trip(racer, index << 16))
    saved = min(times[False]) - min(times[True])
    cocotb.log.info("latency %d: %s cycles without, %s told", slow, times[False], times[True])
    assert slow <= saved <= slow + 10, f"{saved} cycles saved"
    assert max(times[True][1:]) < min(times[False])
    await racer.check()
