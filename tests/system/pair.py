# SPDX-License-Identifier: Apache-2.0
"""Two test devices that share one engine: each behaves as if it were alone.

They are in the first two slots of `tb_devices` with `PAIR_EN`.
"""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import Feature, Interrupt
from pymodel.registers import Reg, Status
from pymodel.transport import reset
from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import FreeRunning
from tb.native_memory import Settings, latency
from tb.player import Habits, Player, drain, parameters, postpone
from tb.worlds import Setup
from tests.system.racers import EVENT, NOTHING, Racer, new_racer
from tests.system.random_ops import any_memory

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
INDIRECT = Feature.INDIRECT_DESC
FEATURES = [NOTHING, EVENT, INDIRECT, EVENT | INDIRECT]
BASES = (0x8000_0000, 0x9000_0000)  # of the memory of each device's driver


async def both(dut, settings: Settings | None = None) -> list[Bench]:
    """Return the benches of both devices, out of reset."""
    bench = Bench(dut, settings, slot="test")
    await bench.start()
    return [bench, bench.at("net")]  # its slot, where no network device is


def some_setup(number: int, size: int, features: Feature, **fields) -> Setup:
    """Return what the driver of device `number` starts from."""
    return Setup(
        sizes=(size,) * random.choice([1, 2, 4]),
        features=features,
        indirect=random.choice(["never", "multi"]) if features & INDIRECT else "never",
        base=BASES[number],
        memory=1 << 18,
        tables=1 << 13,
        **fields,
    )


async def finished(tasks) -> None:
    """Wait for tasks; the first that fails ends the test."""
    for task in tasks:
        await task


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(size=[4, 64], swapped=[False, True])
async def each_agrees_with_its_model_after_each_operation(dut, size, swapped):
    """Loopback and pattern at the same time, with different features and ring sizes."""
    benches = await both(dut, any_memory())
    pairs = []
    for number, bench in enumerate(benches):
        setup = some_setup(
            number,
            size << number,
            random.choice(FEATURES),
            pattern=bool(number) != swapped,
            callback=random.choice([None, drain, postpone]),
        )
        pairs.append(Comparison(bench, setup, **await parameters(bench)))
    for pair in pairs:
        await pair.start()
    players = [Player(pair, Habits()) for pair in pairs]
    for _ in range(60 if FAST else 15):
        await random.choice(players).step()
    for player in players:
        await player.play(10)


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(features=FEATURES if FAST else FEATURES[::3], patterns=[0, 1, 2, 3])
async def both_run_freely(dut, features, patterns):
    """Traffic on both at once; bit d of `patterns`: device d is a pattern device."""
    benches = await both(dut, any_memory())
    pairs = []
    for number, bench in enumerate(benches):
        wanted = features if number else FEATURES[3 - FEATURES.index(features)]
        setup = some_setup(number, 64, wanted, pattern=bool(patterns >> number & 1), callback=drain)
        pairs.append(FreeRunning(bench, setup, **await parameters(bench)))
        await pairs[-1].start()
    players = [Player(pair, Habits(pause=(0, 20))) for pair in pairs]
    count = 150 if FAST else 30
    await finished([cocotb.start_soon(player.play(count)) for player in players])
    for pair in pairs:
        await pair.stop()


@cocotb.test(timeout_time=200, timeout_unit="ms")
@cocotb.parametrize(which=[0, 1])
async def one_is_reset_while_the_other_runs(dut, which):
    """After Status reads 0 the device touches nothing, at any moment; the other one goes on."""
    benches = await both(dut, Settings(read_latency=(5, 60), write_latency=(5, 60)))
    stays = FreeRunning(
        benches[1 - which],
        some_setup(1 - which, 64, EVENT | INDIRECT, callback=drain),
        **await parameters(benches[1 - which]),
    )
    await stays.start()
    resetting = True

    async def run() -> None:
        player = Player(stays, Habits(pause=(0, 15)))
        while resetting:
            await player.step()
        await player.finish()

    traffic = cocotb.start_soon(run())
    bench = benches[which]
    device = await parameters(bench)
    for turn in range(10 if FAST else 2):
        setup = some_setup(which, 16, random.choice(FEATURES), callback=drain)
        pair = FreeRunning(bench, setup, **device)
        await pair.start(again=turn > 0)
        player = Player(pair, Habits(pause=(0, 10)))
        for _ in range(random.randint(5, 30)):
            await player.step()
        await bench.wait_cycles(random.randrange(60))
        await pair.stop()
        await pair.rtl.run(reset())
        pair.give_up()
        before = bytes(bench.memory.view(setup.base, setup.memory))
        await bench.wait_cycles(200)
        assert bytes(bench.memory.view(setup.base, setup.memory)) == before
        assert not int(bench.irq.value)
        for reg in (Reg.FAULT_CODE, Reg.FAULT_COUNT, Reg.INTERRUPT_STATUS, Reg.STATUS):
            assert await bench.read32(reg) == 0
    resetting = False
    await traffic
    await stays.stop()
    assert await benches[1 - which].read32(Reg.FAULT_COUNT) == 0


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(which=[0, 1])
async def a_fault_of_one_leaves_the_other(dut, which):
    """Only the device at fault says so; the other one's chains are served before and after."""
    benches = await both(dut, latency(20))
    racers: list[Racer] = []
    for number, bench in enumerate(benches):
        world = some_setup(number, 16, EVENT)
        pair = FreeRunning(bench, world, **await parameters(bench))
        await pair.rtl.start()
        racers.append(new_racer(pair.rtl))
    for turn in range(20):
        for racer in racers:
            for _ in range(random.randint(1, 4)):
                racer.publish()
        if turn == 10:
            code = racers[which].spoil()
        for racer in racers:
            await racer.notify()
        if turn == 10:
            break
        for racer in racers:
            await racer.finish(turn)
    well, bad = racers[1 - which], racers[which]
    await well.finish("beside a fault")
    await well.world.wait_quiet()
    assert await bad.bench.read32(Reg.FAULT_CODE) == code
    assert await bad.bench.read32(Reg.FAULT_QUEUE) == 0
    assert await bad.bench.read32(Reg.STATUS) & Status.NEEDS_RESET
    assert await bad.acknowledge() & Interrupt.CONFIG_CHANGE
    assert await well.bench.read32(Reg.FAULT_CODE) == 0
    assert not await well.bench.read32(Reg.STATUS) & Status.NEEDS_RESET
    for turn in range(10):
        well.publish()
        await well.notify()
        await well.finish(turn)
    await well.check()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def registers_are_its_own(dut):
    """What one device's driver selects and sets up does not show in the other one."""
    benches = await both(dut)
    queues = (await parameters(benches[0]))["queues"]
    for number, bench in enumerate(benches):
        await bench.write32(Reg.STATUS, Status.ACKNOWLEDGE)
        await bench.write32(Reg.QUEUE_SEL, number % queues)
        await bench.write32(Reg.DRIVER_FEATURES_SEL, number)
        await bench.write32(0x100, number)
    await benches[0].write32(Reg.STATUS, 0)
    assert await benches[0].read32(Reg.STATUS) == 0
    assert await benches[1].read32(Reg.STATUS) == Status.ACKNOWLEDGE
    assert await benches[0].read32(0x100) == 0
    assert await benches[1].read32(0x100) == 1
    for bench in benches:
        await bench.write32(Reg.DEVICE_FEATURES_SEL, 1)
        offer = await bench.read32(Reg.DEVICE_FEATURES)
        assert offer << 32 & (Feature.IN_ORDER | Feature.SUSPEND) == 0
