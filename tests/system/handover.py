# SPDX-License-Identifier: Apache-2.0
"""Rings that go on in another life of their queue: the driver keeps them and notices nothing.

A queue is stopped, its indices are read, and it starts again at them over the same memory.
"""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import Feature, Interrupt, SplitLayout, start_queue, stop_queue
from pymodel.faults import Fault
from pymodel.layout import U16
from pymodel.packed_layout import EVENT_DESC, EVENT_DISABLE, FIRST, EventSuppression, Position
from pymodel.registers import Reg
from pymodel.transport import notify
from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import FreeRunning
from tb.native_memory import Settings
from tb.player import Habits, Player, drain, parameters, postpone
from tb.worlds import Setup

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
PACKED = os.environ.get("RING") == "packed"
MODULUS = 1 << 16
FEATURES = [Feature(0), Feature.EVENT_IDX, Feature.EVENT_IDX | Feature.INDIRECT_DESC]


def setup(features: Feature, queues: int, near_wrap: bool, callback) -> Setup:
    sizes = random.choices([1, 3, 7, 100, 256] if PACKED else [1, 2, 8, 64, 256], k=queues)
    return Setup(
        sizes=sizes,
        features=features,
        indirect="multi" if features & Feature.INDIRECT_DESC else "never",
        memory=1 << 19,
        tables=1 << 13,
        callback=callback,
        start_index=MODULUS - 20 if near_wrap else 0,
    )


def forget_wishes(pair, queue: int) -> None:
    """Leave in the rings what another device may have left: any wish, or none."""
    layout = pair.rtl.queue(queue).layout
    if isinstance(layout, SplitLayout):
        if pair.rtl.queue(queue).event_idx:
            pair.write(layout.avail_event, U16.pack(random.getrandbits(16)))
        else:
            pair.write(layout.used_flags, U16.pack(random.getrandbits(1)))
    elif pair.rtl.queue(queue).event_idx:
        place = Position(random.randrange(layout.size), random.getrandbits(1))
        pair.write(layout.device, EventSuppression(place.word, EVENT_DESC).pack())
    else:
        pair.write(layout.device, EventSuppression(0, EVENT_DISABLE).pack())


async def hand_over(pair: Comparison, queue: int) -> None:
    """Stop a queue that is idle, and let it go on where it was."""
    bench, model, layout = pair.bench, pair.model, pair.rtl.queue(queue).layout
    await bench.write32(Reg.QUEUE_SEL, queue)
    start = await bench.read32(Reg.QUEUE_AVAIL_INDEX), await bench.read32(Reg.QUEUE_USED_INDEX)
    assert start[0] == start[1], "an idle queue that has returned all is elsewhere"
    for steps in (stop_queue, lambda q: start_queue(q, layout, start), notify):
        if steps is notify:
            assert await bench.read32(Reg.QUEUE_AVAIL_INDEX) == start[0]
            assert await bench.read32(Reg.QUEUE_USED_INDEX) == start[1]
            forget_wishes(pair, queue)
        await pair.rtl.run(steps(queue))
        model.run(steps(queue))
    await pair.rtl.settle()
    model.settle()
    await pair._check("hand_over", queue, registers=True)


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(number=range(len(FEATURES)), near_wrap=[False, True])
async def a_queue_goes_on_in_a_new_life(dut, number, near_wrap):
    """Compared after each operation; with buffers that are added and not published yet."""
    bench = Bench(dut, Settings(read_latency=(1, 20), write_latency=(1, 20)))
    await bench.start()
    device = await parameters(bench)
    callback = random.choice([None, drain, postpone])
    pair = Comparison(
        bench, setup(FEATURES[number], device["queues"], near_wrap, callback), **device
    )
    await pair.start()
    player = Player(pair, Habits(lengths=[1, 9, 64], detach=False))
    for _ in range(40 if FAST else 10):
        for _ in range(random.randint(1, 8)):
            await player.step()
        await hand_over(pair, random.choice(player.queues))
    await player.play(20)


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(number=range(len(FEATURES)), near_wrap=[False, True])
async def a_queue_goes_on_from_the_midst_of_its_work(dut, number, near_wrap):
    """Stopped at any moment; chains that were fetched and not returned are fetched again."""
    bench = Bench(dut, Settings(read_latency=(1, 60), write_latency=(1, 60)))
    await bench.start()
    device = await parameters(bench)
    settings = setup(FEATURES[number], device["queues"], near_wrap, drain)
    pair = FreeRunning(bench, settings, **device)
    await pair.start()
    player = Player(pair, Habits(lengths=[1, 9, 64, 300], detach=False))
    again = 0
    for life in range(120):
        if again and life >= (60 if FAST else 12):
            break
        for _ in range(random.randint(1, 12)):
            await player.step()
        queue = random.choice(player.queues)
        layout = pair.rtl.queue(queue).layout
        await bench.wait_cycles(random.randrange(300))
        while pair.rtl.notified or pair._ringing:
            await bench.wait_cycles(2)
        await bench.write32(Reg.QUEUE_SEL, queue)
        fetched = await bench.read32(Reg.QUEUE_AVAIL_INDEX)
        await pair._access(stop_queue(queue))
        pair._catch_up("stop", queue)
        for _, places in pair.held(queue):  # chains in flight may have been written in part
            for addr, length in places:
                pair.model.memory.write(addr, pair.rtl.memory.read(addr, length))
        used = pair.model.model.ring(queue).used_index
        again += used != fetched
        pair.model.run(stop_queue(queue))
        for steps in (start_queue(queue, layout, (used, used)), notify(queue)):
            await pair._access(steps)
        pair.model.run(start_queue(queue, layout, (used, used)))
        pair.model.run(notify(queue))
        for other in player.queues:
            pair._catch_up("hand_over", other)
        for world in (pair.rtl, pair.model):  # for what was used last and not told any more
            world.interrupt(Interrupt.USED_BUFFER)
        for other in player.queues:
            pair.check_driver("hand_over", other)
    assert again, "nothing was under way when a queue stopped"
    await player.finish()
    await pair.stop()


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def a_place_outside_the_ring_is_refused(dut):
    """Packed: QUEUE_START, in either half; what is written next is taken."""
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    pair = Comparison(bench, setup(Feature.EVENT_IDX, 1, False, None), **device)
    await pair.start()
    size = pair.rtl.queue(0).layout.size
    bad = Position(size, FIRST.wrap).word
    for number, start in enumerate([(bad, FIRST.word), (FIRST.word, bad), (0x7FFF, 0x7FFF)]):
        for world, write in ((pair.rtl, None), (pair.model, pair.model.run)):
            steps = [stop_queue(0), _start_only(0, start)]
            for step in steps:
                if write is None:
                    await world.run(step)
                else:
                    write(step)
        await pair._check("start", 0, registers=True)
        assert await bench.read32(Reg.QUEUE_FAULT) == Fault.QUEUE_START
        assert await bench.read32(Reg.FAULT_COUNT) == number + 1
        assert await bench.read32(Reg.QUEUE_READY) == 0


def _start_only(queue: int, start: tuple[int, int]):
    yield ("w", Reg.QUEUE_SEL, queue)
    yield ("w", Reg.QUEUE_START, start[1] << 16 | start[0])
    yield ("w", Reg.QUEUE_READY, 1)
