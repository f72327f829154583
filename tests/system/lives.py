# SPDX-License-Identifier: Apache-2.0
"""What one life of a queue leaves to the next, and what is thrown away at its end."""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import Feature
from pymodel.layout import U16
from pymodel.registers import Reg
from tb.native_memory import latency
from tests.system.racers import EVENT, PACKED, Racer, begin, new_racer, window_of

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
UNTOUCHED = 0xABCD
AT_LAST = 8  # cycles from the answer to QueueReady 0 to the last burst that was on its way


async def stop(racer: Racer, only: bool = False) -> None:
    """QueueReady 0, read back; the driver then forgets what was under way.

    `only`: nothing but this queue touches what is watched, so no new burst may do so either.
    """
    await racer.bench.write32(Reg.QUEUE_SEL, racer.queue)
    racer.memory.clear_accesses()
    await racer.bench.write32(Reg.QUEUE_READY, 0)
    answered = racer.bench.cycle
    assert await racer.bench.read32(Reg.QUEUE_READY) == 0
    if only:
        late = [a for a in racer.memory.accesses() if a.asked > answered + AT_LAST]
        assert not late, f"stopped by {answered}: {late[0]}"
    racer.forget()


async def live_again(racer: Racer) -> None:
    await racer.bench.write32(Reg.QUEUE_SEL, racer.queue)
    await racer.bench.write32(Reg.QUEUE_READY, 1)


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(chains=[1, 26])
async def a_new_life_starts_afresh(dut, chains):
    """Stopped at each cycle of its work and made ready again, a queue knows nothing of before."""
    world = await begin(dut, latency(6), EVENT, sizes=(64,))
    racer = new_racer(world)
    racer.memory.watch(world.setup.base, world.setup.memory)
    window = await window_of(racer)
    step = 1 if FAST else 7
    for offset in range(0, window, step if chains == 1 else 4 * step):
        for _ in range(chains):
            racer.publish()
        await racer.notify()
        await racer.bench.wait_cycles(offset + random.randrange(step))
        await stop(racer, only=True)
        racer.memory.write(racer.untouched, U16.pack(UNTOUCHED))
        await live_again(racer)
        await racer.notify()
        await racer.bench.wait_idle(3000)
        await racer.world.wait_quiet()
        assert racer.word(racer.untouched) == UNTOUCHED, f"written, offset {offset}"
        assert racer.used == 0, f"offset {offset}"
        racer.publish()
        await racer.notify()
        await racer.finish(f"new life, offset {offset}")
    await racer.check()


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def chains_thrown_away_give_their_storage_back(dut):
    """More faulty chains, with good ones behind them, than the chain store has chunks.

    Another queue works on all the while.
    """
    world = await begin(dut, latency(9), Feature(0), sizes=(32, 32))
    bad, good = new_racer(world), new_racer(world, 1)
    for life in range(24 if FAST else 10):
        for _ in range(6):
            good.publish()
        await good.notify()
        for part in range(12):
            bad.publish()
            if part == life % 3:
                fault = bad.spoil()
        await bad.notify()
        await bad.bench.wait_cycles(random.randrange(60))
        for _ in range(6):
            good.publish()
        await good.notify()
        await good.finish(f"other queue, life {life}")
        await world.wait_quiet()
        await bad.bench.write32(Reg.QUEUE_SEL, 0)
        assert await bad.bench.read32(Reg.QUEUE_FAULT) == fault
        assert bad.used == life % 3
        if PACKED:  # it stays at the chain at fault
            assert await bad.bench.read32(Reg.QUEUE_AVAIL_INDEX) == bad.index(life % 3)
        await stop(bad)
        await live_again(bad)
        assert await bad.bench.read32(Reg.QUEUE_FAULT) == 0
    bad.publish()
    await bad.notify()
    await bad.finish("the last life")
    assert not world.bench.memory.violations()


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def visits_end_together(dut):
    """A queue starves for want of credit again and again while others have nothing: all go idle."""
    world = await begin(dut, latency(4), EVENT, sizes=(64, 8, 8, 8))
    racer = new_racer(world)
    for round_ in range(30 if FAST else 8):
        for _ in range(26):
            racer.publish()
        await racer.notify()
        for _ in range(14):
            await racer.bench.wait_cycles(random.randrange(7))
            await racer.bench.write32(Reg.QUEUE_NOTIFY, random.randint(1, 3))
        await racer.finish(f"round {round_}")
        await world.wait_quiet()
    await racer.check()
