# SPDX-License-Identifier: Apache-2.0
"""Queues that are reset with work under way, and buffers that are taken back by it."""

from __future__ import annotations

import errno
import os
import random

import cocotb

from pymodel import Feature
from pymodel.layout import U16
from pymodel.registers import Reg
from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import FreeRunning
from tb.native_memory import Settings, latency
from tb.player import Habits, Player, collect_one, drain, parameters, postpone
from tb.worlds import Setup, areas, given_to_device
from tests.system.lives import UNTOUCHED, live_again
from tests.system.racers import EVENT, Racer, begin, new_racer, window_of
from tests.system.random_ops import any_memory

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
RESET, INDIRECT = Feature.RING_RESET, Feature.INDIRECT_DESC
OUT, BACK = 24, 40  # bytes of a buffer


async def reset(racer: Racer) -> int:
    """Reset the racer's queue; return the cycle in which it was seen to be done."""
    bench = racer.bench
    await bench.write32(Reg.QUEUE_SEL, racer.queue)
    await bench.write32(Reg.QUEUE_RESET, 1)
    while await bench.read32(Reg.QUEUE_RESET):
        pass
    assert await bench.read32(Reg.QUEUE_READY) == 0
    return bench.cycle


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(chains=[1, 26])
async def a_queue_reset_ends_its_life(dut, chains):
    """Reset at each cycle of its work, a queue's memory is left alone; then it starts afresh.

    Another queue works on all the while, and the registers are answered.
    """
    world = await begin(dut, latency(6), EVENT | RESET, sizes=(64, 16))
    racer, other = new_racer(world), new_racer(world, 1)
    memory, taken = world.bench.memory, 0
    window = await window_of(racer)
    step = 1 if FAST else 7
    for offset in range(0, window, step if chains == 1 else 4 * step):
        for _ in range(chains):
            racer.publish()
        for area in areas(racer.layout):
            memory.watch(*area)
        for chain in racer.flying:
            memory.watch(chain.source, 2 * racer.length)
        await racer.notify()
        other.publish()
        await other.notify()
        await world.bench.wait_cycles(offset + random.randrange(step))
        memory.clear_accesses()
        done = await reset(racer)
        before = [memory.read(*area) for area in areas(racer.layout)]
        other.publish()
        await other.notify()
        await other.finish(f"the other queue, offset {offset}")
        late = [a for a in memory.accesses() if a.asked > done]
        assert not late, f"reset done by {done}: {late[0]}"
        assert [memory.read(*area) for area in areas(racer.layout)] == before
        taken += racer.used
        for chain in racer.flying:
            memory.watch(chain.source, 2 * racer.length, 0)
        racer.forget()
        memory.write(racer.untouched, U16.pack(UNTOUCHED))
        await live_again(racer)
        assert await world.bench.read32(Reg.QUEUE_RESET) == 0
        for reg in (Reg.QUEUE_AVAIL_INDEX, Reg.QUEUE_USED_INDEX):
            assert await world.bench.read32(reg) == racer.first_index
        await racer.notify()
        await world.bench.wait_idle(3000)
        await world.wait_quiet()
        assert racer.word(racer.untouched) == UNTOUCHED, f"written, offset {offset}"
        assert racer.used == 0, f"offset {offset}"
        racer.publish()
        await racer.notify()
        await racer.finish(f"new life, offset {offset}")
    assert taken, "no chain was used before a reset"
    await racer.check()
    await other.check()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(features=[RESET, RESET | EVENT | INDIRECT], late=[False, True])
async def a_buffer_is_taken_back_at_any_cycle(dut, features, late):
    """The one is never touched again, the others come back once and in order, each time.

    The engine has fetched none, some or all of them, and may have used some.
    """
    settings = Settings(read_latency=(4, 4), write_latency=(23, 23), late_writes=True)
    world = await begin(
        dut,
        settings if late else latency(5),
        features,
        sizes=(16,),
        indirect="multi" if features & INDIRECT else "never",
    )
    bench, memory, queue = world.bench, world.bench.memory, world.queue(0)
    for area in given_to_device(queue.layout):
        memory.allow(*area)
    memory.check_writes()
    places = [world.allocator.allocate(OUT + BACK, 64) for _ in range(6)]
    gone = used = 0
    window = 170 if late else 110
    for offset in range(0, window, 1 if FAST else 10):
        tokens = {}
        for place in places[:5]:
            token = len(tokens)
            tokens[token] = random.randbytes(OUT)
            memory.write(place, tokens[token] + bytes(BACK))
            memory.allow(place + OUT, BACK)
            queue.add_buf([(place, OUT), (place + OUT, BACK)], 1, 1, token)
        queue.sync()
        queue.add_buf([(places[5], OUT), (places[5] + OUT, BACK)], 1, 1, "not yet published")
        tokens["not yet published"] = random.randbytes(OUT)
        memory.write(places[5], tokens["not yet published"] + bytes(BACK))
        memory.allow(places[5] + OUT, BACK)
        await world.hand_over()
        await bench.wait_cycles(offset + random.randrange(1 if FAST else 10))
        victim = random.randrange(5)
        place = places[victim]
        try:
            await world.detach(0, victim)
        except OSError as error:
            assert error.errno == errno.ENOENT
            used += 1
        else:
            gone += 1
            memory.catch_up(bench.cycle)
            memory.watch(place, OUT + BACK)
            memory.clear_accesses()
            memory.disallow(place + OUT, BACK)
            memory.write(place, b"\xee" * (OUT + BACK))
            del tokens[victim]
        queue.sync()
        await world.settle()
        came = []
        while (taken := queue.get_buf()) is not None:
            came.append(taken.data)
            at = places[5 if taken.data == "not yet published" else taken.data]
            assert taken.length == OUT
            assert memory.read(at + OUT, OUT) == tokens[taken.data], f"offset {offset}"
            memory.disallow(at + OUT, BACK)
        assert came == list(tokens), f"offset {offset}"
        if victim not in tokens:
            assert memory.read(place, OUT + BACK) == b"\xee" * (OUT + BACK)
            assert not memory.accesses(), f"offset {offset}: touched after it was taken back"
            memory.watch(place, OUT + BACK, 0)
        assert not memory.violations()
        assert queue.num_free == queue.size
    assert gone and used, (gone, used)
    assert await bench.read32(Reg.FAULT_COUNT) == 0


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(features=[RESET, RESET | EVENT | INDIRECT])
async def what_was_never_notified_is_taken_back_as_the_model_does(dut, features):
    """Published buffers that the device has not heard of: every case, compared byte for byte."""
    bench = Bench(dut, latency(3))
    await bench.start()
    setup = Setup(
        sizes=(8,),
        features=features,
        indirect="multi" if features & INDIRECT else "never",
        memory=1 << 18,
        tables=1 << 13,
        callback=random.choice([None, drain, postpone]),
    )
    pair = Comparison(bench, setup, **await parameters(bench))
    await pair.start()
    for gone in range(4):
        places = [pair.allocate(64) for _ in range(4)]
        for world in (pair.rtl, pair.model):
            world.mute = True
        for token, place in enumerate(places):
            await pair.add(0, [(place, 20), (place + 20, 20)], 1, 1, token)
            if token < 3:
                await pair.sync(0)
        await pair.detach(0, gone)
        for token in (gone, 99):
            try:
                await pair.detach(0, token)
            except OSError as error:
                assert error.errno == errno.ENOENT
            else:
                raise AssertionError(f"{token} was taken back twice, or from nowhere")
        for world in (pair.rtl, pair.model):
            world.mute = False
        await pair.sync(0)
        while await pair.get(0):
            pass
        assert not pair.rtl.queue(0).outstanding
        for place in places:
            pair.free(place)
    await pair.finish()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(features=[RESET, RESET | EVENT | INDIRECT], callback=[None, drain, collect_one])
async def published_buffers_are_taken_back_in_traffic(dut, features, callback):
    """Random operations on several queues that never wait, taking published buffers back."""
    bench = Bench(dut, any_memory())
    await bench.start()
    device = await parameters(bench)
    setup = Setup(
        sizes=(16,) * min(3, device["queues"]),
        features=features,
        indirect="multi" if features & INDIRECT else "never",
        memory=1 << 18,
        tables=1 << 13,
        callback=callback,
    )
    pair = FreeRunning(bench, setup, **device)
    await pair.start()
    player = Player(pair, Habits(pause=(0, 12)))
    for _ in range(8):
        await player.play(250 if FAST else 80)
        if player.taken_back or not FAST:
            break
    else:
        raise AssertionError("no published buffer was taken back")
    await pair.stop()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(slow=[2, 60])
async def other_queues_go_on_at_their_pace(dut, slow):
    """While a full queue is reset another one is served no later than with that one at work.

    And the reset soon ends: nothing is fetched any more to be thrown away, and what is thrown away
    passes at a beat a cycle, beside the bursts of others.
    """
    world = await begin(dut, latency(slow), EVENT | RESET, sizes=(128, 64), memory=1 << 20)
    racer, other = new_racer(world, 0, 200), new_racer(world, 1, 200)
    for wait in random.sample(range(20, 12 * slow + 200), 12 if FAST else 3):
        times = []
        for resets in (False, True):
            for _ in range(60):
                racer.publish()
            for _ in range(30):
                other.publish()
            await racer.notify()
            await other.notify()
            start = world.bench.cycle
            await world.bench.wait_cycles(wait)
            resetting = cocotb.start_soon(reset(racer)) if resets else None
            while other.used != other.avail:
                assert world.bench.cycle - start < 20000, await world.bench.state()
                await world.bench.wait_cycles(4)
            times.append(world.bench.cycle - start)
            other.collect()
            if resetting is not None:
                took = await resetting - start - wait
                racer.forget()
                await live_again(racer)
                racer.publish()  # the first chain of a life: both passes find the queue at work
                await racer.notify()
            await racer.finish("the full queue")
            await world.wait_quiet()
        cocotb.log.info("after %d: %d cycles, %d with a reset in %d", wait, *times, took)
        assert times[1] <= times[0] + 20 and took < times[0], (times, took)
    await other.check()
