# SPDX-License-Identifier: Apache-2.0
"""The device is suspended with work under way, and goes on."""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import Feature, Interrupt, Status, resume, suspend
from pymodel.registers import Config, Reg
from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import FreeRunning
from tb.native_memory import latency
from tb.player import Habits, Player, drain, parameters
from tb.worlds import Setup
from tests.system.queues import Raw
from tests.system.racers import EVENT, begin, new_racer, window_of
from tests.system.random_ops import any_memory

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
STAND, INDIRECT = Feature.SUSPEND, Feature.INDIRECT_DESC


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(chains=[1, 26], features=[STAND, STAND | EVENT])
async def suspended_at_any_cycle(dut, chains, features):
    """What was begun is used, with its interrupt; then nothing moves until the device goes on.

    The driver publishes and notifies meanwhile, which it must not: that is served afterwards.
    """
    world = await begin(dut, latency(6), features, sizes=(64, 16))
    bench, memory, racer = world.bench, world.bench.memory, new_racer(world)
    memory.watch(world.setup.base, world.setup.memory)
    window = await window_of(racer)
    step = 1 if FAST else 9
    left = 0
    for offset in range(0, window, step if chains == 1 else 4 * step):
        await racer.acknowledge()
        racer.interrupt_after(1)
        for _ in range(chains):
            racer.publish()
        await racer.notify()
        await bench.wait_cycles(offset + random.randrange(step))
        await world.run(suspend(5000))
        since = bench.cycle
        memory.clear_accesses()
        assert not await bench.read32(Reg.STATUS) & Status.NEEDS_RESET
        causes = await bench.read32(Reg.INTERRUPT_STATUS)
        used = (racer.used - racer.taken) % 65536
        assert bool(causes & Interrupt.USED_BUFFER) == bool(used), f"offset {offset}"
        await racer.acknowledge()
        await bench.write32(Reg.QUEUE_SEL, racer.queue)
        assert await bench.read32(Reg.QUEUE_AVAIL_INDEX) == racer.index(racer.used), (
            "begun and not used"
        )
        left += racer.used != racer.avail
        racer.publish()
        await racer.notify()
        await bench.wait_cycles(150)
        moved = [a for a in memory.accesses() if a.asked > since]
        assert not moved, f"suspended by {since}: {moved[0]}"
        assert not int(dut.irq.value) and await bench.read32(Config.MODE) == 0
        await world.run(resume())
        await racer.finish(f"offset {offset}")
        await world.wait_quiet()
    assert left or not FAST, "no chain was left for after the suspension"
    await racer.check()


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def a_queue_that_is_always_full_is_suspended_too(dut):
    """A driver that never stops publishing does not keep the device from standing still."""
    world = await begin(dut, latency(9), STAND, sizes=(64, 64), memory=1 << 19)
    bench, raw = world.bench, Raw(world)
    for queue in (0, 1):
        raw.prepare(queue)
    for round_ in range(12 if FAST else 4):
        for _ in range(random.randint(1, 9)):
            for queue in (0, 1):
                await raw.fill(queue)
            await bench.wait_cycles(30)
        await bench.write32(Reg.STATUS, Status.SUSPEND)
        begun = bench.cycle
        while await bench.read32(Reg.STATUS) & Status.DRIVER_OK:
            for queue in (0, 1):
                await raw.fill(queue)
            assert bench.cycle - begun < 5000, f"round {round_}"
        used = [raw.used(queue) for queue in (0, 1)]
        await bench.wait_cycles(300)
        assert [raw.used(queue) for queue in (0, 1)] == used
        await bench.write32(Reg.STATUS, Status.DRIVER_OK)
        for queue in (0, 1):
            end = bench.cycle + 3000
            while raw.used(queue) != raw.avail(queue):
                assert bench.cycle < end, f"queue {queue} was forgotten: {await bench.state()}"
                await bench.wait_cycles(20)


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def a_visit_is_cut_short(dut):
    """A visit of a full queue that was begun takes no more entries; the rest comes afterwards."""
    world = await begin(dut, latency(30), STAND, sizes=(256,), memory=1 << 19)
    bench, raw = world.bench, Raw(world)
    raw.prepare(0)
    cut = 0
    for wait in range(20, 90, 1 if FAST else 4):
        await raw.fill(0)
        await bench.wait_cycles(wait)
        before = raw.used(0)
        await world.run(suspend(5000))
        taken = (raw.used(0) - before) % 65536
        cut += 0 < taken < raw.world.queue(0).size
        await world.run(resume())
        await world.wait_quiet()
        assert raw.used(0) == raw.avail(0), f"forgotten after {wait}"
    assert cut > 2, "no visit was cut short"


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(features=[STAND, STAND | EVENT | INDIRECT])
async def suspended_in_traffic_it_agrees_with_the_model(dut, features):
    """Random operations that never wait; suspended again and again, all is as the model has it."""
    bench = Bench(dut, any_memory())
    await bench.start()
    device = await parameters(bench)
    setup = Setup(
        sizes=(16,) * min(3, device["queues"]),
        features=features,
        indirect="multi" if features & INDIRECT else "never",
        memory=1 << 18,
        tables=1 << 13,
        callback=random.choice([None, drain]),
    )
    pair = FreeRunning(bench, setup, **device)
    await pair.start()
    player = Player(pair, Habits(pause=(0, 12)))
    for _ in range(12 if FAST else 3):
        for _ in range(random.randint(3, 15)):
            await player.step()
        await pair._access(suspend(5000))
        for queue in player.queues:
            pair.follow("suspended", queue)
        pair.model.run(suspend())
        bench.memory.clear_counters()
        await bench.wait_cycles(200)
        counters = bench.memory.counters()
        assert counters.beats_read == counters.beats_written == 0, counters
        pair.model.run(resume())  # it does nothing by itself
        await pair._access(resume())
    await player.finish()
    await pair.stop()


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def suspended_when_idle_and_reset_when_suspended(dut):
    """In step with the model: an idle device is suspended and goes on; a reset ends it, too."""
    bench = Bench(dut, latency(3))
    await bench.start()
    device = await parameters(bench)
    setup = Setup(sizes=(8, 4), features=STAND | EVENT, memory=1 << 17, tables=1 << 12)
    pair = Comparison(bench, setup, **device)
    await pair.start()
    for _ in range(4):
        await Player(pair).play(12)
        await pair.rtl.run(suspend())
        pair.model.run(suspend())
        await pair.finish()
        await bench.write32(Reg.QUEUE_NOTIFY, device["queues"] + 1)
        pair.model.model.write32(Reg.QUEUE_NOTIFY, device["queues"] + 1)
        await bench.wait_cycles(30)
        assert not int(dut.irq.value) and not pair.model.model.interrupt_line
        assert await bench.read32(Reg.STATUS) == pair.model.model.status
        await pair.rtl.run(resume())
        pair.model.run(resume())
        await pair.rtl.settle()
        pair.model.settle()
        await pair.finish()
    await bench.write32(Reg.STATUS, Status.SUSPEND)
    await bench.wait_cycles(random.randrange(12))
    await bench.write32(Reg.STATUS, 0)
    assert await bench.read32(Reg.STATUS) == 0
    pair.give_up()
    again = Comparison(bench, setup, **device)
    await again.start(again=True)
    await Player(again).play(12)
