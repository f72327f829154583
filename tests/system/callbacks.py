# SPDX-License-Identifier: Apache-2.0
"""Callbacks, `restart` and notifications, at every cycle of the windows in which they race.

The engine works while the driver acts, so a lost interrupt or notification shows as a queue that
is left with work and sleeps; `settle` looks for both.
"""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import Feature
from pymodel.layout import AVAIL_F_NO_INTERRUPT, U16
from pymodel.registers import Reg
from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import Delays, FreeRunning
from tb.native_memory import Settings, latency
from tb.player import Habits, Player, drain, parameters, postpone
from tb.worlds import Setup

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower and more
NOTHING, EVENT = Feature(0), Feature.EVENT_IDX
AT_ONCE = Delays(interrupt=(0, 0), notify=(0, 0))
MODULUS = 1 << 16
SMALL = Habits(shapes=[(1, 1)], lengths=[9], long=0, deep=0, detach=False)


async def begin(dut, settings=None, delays=AT_ONCE, **fields) -> FreeRunning:
    """Return a free-running comparison that has started."""
    bench = Bench(dut, settings)
    await bench.start()
    device = await parameters(bench)
    fields = {"sizes": (8,), "memory": 1 << 15, "tables": 1 << 12, "indirect": "never"} | fields
    pair = FreeRunning(bench, Setup(**fields), delays, **device)
    await pair.start()
    return pair


async def drain_queue(player: Player, queue: int = 0) -> None:
    while await player.get(queue):
        pass


async def time_of_one_chain(pair: FreeRunning, player: Player) -> int:
    """Return the cycles from `sync` until everything is quiet again."""
    start = pair.bench.cycle
    await player.add(0)
    await player.sync(0)
    await pair.wait_quiet()
    return pair.bench.cycle - start


# ---- restart against the use of a buffer


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], chains=[1, 2])
async def restart_at_every_cycle(dut, event_idx, chains):
    """`restart` at each cycle of a chain's way: it sees the buffer, or an interrupt comes."""
    pair = await begin(
        dut,
        Settings(read_latency=(4, 4), write_latency=(6, 6)),
        features=EVENT if event_idx else NOTHING,
        callback=postpone,
    )
    player, vq = Player(pair, SMALL), pair.rtl.queue(0)
    window = await time_of_one_chain(pair, player) + 30
    assert not vq.callbacks_on
    outcomes = set()
    for offset in range(0, window, 1 if FAST else 6):
        await drain_queue(player)
        for part in range(chains):
            await player.add(0)
            if part == 0:
                await player.sync(0)
        if chains > 1:  # its use follows that of the first one
            await player.sync(0)
        await pair.bench.wait_cycles(offset + (0 if FAST else random.randrange(6)))
        runs = len(pair.rtl.calls)
        on = await pair.restart(0)
        pending = chains
        if not on:
            pending -= sum([await player.get(0) for _ in range(chains)])
            on = await pair.restart(0)
            pending = chains if on and pending else 0
        await pair.wait_quiet()
        if on and pending:
            assert len(pair.rtl.calls) == runs + 1, f"no interrupt after restart at {offset}"
        outcomes.add((on, pending))
        await drain_queue(player)
        if vq.callbacks_on:  # off again for the next round
            await time_of_one_chain(pair, player)
        assert not vq.callbacks_on
    assert len(outcomes) > 1, f"the window saw no race: {outcomes}"
    await player.finish()
    await pair.stop()


# ---- a driver that works from interrupts alone


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], style=["drain", "poll"], wrap=[False, True])
async def interrupts_alone_keep_a_driver_going(dut, event_idx, style, wrap):
    """Its callback collects and adds again, or returns False and leaves that to a poller."""
    if wrap and not FAST:
        return  # as many cycles as all else together
    goal, depth = (600, 6) if FAST else (60, 6)
    places: list[int] = []

    def refill(world, queue: int) -> None:
        vq = world.queue(queue)
        while (used := world.take(queue)) is not None:
            if len(world.taken) <= goal - depth:
                start = places[used.data]
                vq.add_buf([(start, 20), (start + 32, 25)], 1, 1, used.data)
                if used.data % 2:
                    vq.sync()
        vq.sync()

    def callback(world, queue: int) -> bool:
        if style == "drain":
            refill(world, queue)
            return True
        return False

    pair = await begin(
        dut,
        Settings(read_latency=(1, 30), write_latency=(1, 30), seed=random.getrandbits(32)),
        Delays(interrupt=(0, 150), notify=(0, 60)),
        features=EVENT if event_idx else NOTHING,
        callback=callback,
        sizes=(256 if wrap else 16,),
        start_index=MODULUS - goal // 2 if wrap else 0,
    )
    for token in range(depth):
        places.append(pair.allocate(64, 64))
        pair.write(places[token], random.randbytes(20))
        pair.bench.memory.allow(places[token] + 32, 25)
        start = places[token]
        await pair.add(0, [(start, 20), (start + 32, 25)], 1, 1, token)
        await pair.sync(0)
    vq, seen, last = pair.rtl.queue(0), 0, pair.bench.cycle
    while len(pair.rtl.taken) < goal:
        await pair.bench.wait_cycles(random.randint(1, 60))
        if not vq.callbacks_on:  # the poller's turn
            while not await pair.restart(0):
                for world in (pair.rtl, pair.model):
                    refill(world, 0)
                pair.check_driver("polling", 0)
        if len(pair.rtl.taken) > seen:
            seen, last = len(pair.rtl.taken), pair.bench.cycle
        assert pair.bench.cycle - last < 5000, f"hangs after {seen} chains: an interrupt is lost"
    await pair.settle()
    assert len(pair.rtl.interrupts) > goal // (4 * depth)
    await pair.stop()


# ---- suppression, exactly


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(wrap=[False, True])
async def used_event_is_obeyed_exactly(dut, wrap):
    """Batches of 1 to 7 with used_event before, inside and behind them: an interrupt or none."""
    if wrap and not FAST:
        return
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    start = MODULUS - 60 if wrap else 0
    setup = Setup(
        sizes=(64,),
        features=EVENT,
        memory=1 << 15,
        tables=1 << 12,
        start_index=start,
        callback=drain,
    )
    pair = Comparison(bench, setup, **device)
    await pair.start()
    addr = pair.allocate(16)
    layout = pair.rtl.queue(0).layout
    served = 0
    for count in (1, 2, 3, 7):
        for ahead in range(-2, count + 2) if FAST else (-1, 0, count - 1, count):
            used = pair.rtl.queue(0).used_index
            for token in range(count):
                await pair.add(0, [(addr, 3)], 1, 0, token)
            pair.write(layout.used_event, U16.pack((used + ahead) % MODULUS))
            pair.write(layout.avail_flags, U16.pack(random.getrandbits(1)))  # disregarded
            before = len(pair.rtl.interrupts)
            await pair.sync(0)
            due = 0 <= ahead < count
            assert (len(pair.rtl.interrupts) > before) == due, (count, ahead)
            served += due
            while await pair.get(0):
                pass
    assert served
    await pair.finish()


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def the_flag_is_obeyed_exactly(dut):
    """Without EVENT_IDX bit 0 of avail.flags decides, and used_event is disregarded."""
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    setup = Setup(sizes=(64,), features=NOTHING, memory=1 << 15, tables=1 << 12, callback=drain)
    pair = Comparison(bench, setup, **device)
    await pair.start()
    addr, layout = pair.allocate(16), pair.rtl.queue(0).layout
    for _ in range(20 if FAST else 8):
        for token in range(random.choice([1, 2, 5])):
            await pair.add(0, [(addr, 3)], 1, 0, token)
        flags = random.choice([0, AVAIL_F_NO_INTERRUPT, 0xFFFE, 0xFFFF])
        pair.write(layout.avail_flags, U16.pack(flags))
        event = pair.rtl.queue(0).used_index + random.randint(-1, 5)
        pair.write(layout.used_event, U16.pack(event % MODULUS))
        before = len(pair.rtl.interrupts)
        await pair.sync(0)
        assert (len(pair.rtl.interrupts) > before) == (flags & 1 == 0), flags
        while await pair.get(0):
            pass
    await pair.finish()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True])
async def an_acknowledged_interrupt_comes_again(dut, event_idx):
    """InterruptACK at every cycle around the next interrupt: the later one is not lost."""
    pair = await begin(dut, latency(3), features=EVENT if event_idx else NOTHING, callback=postpone)
    await pair.stop()
    player, bench, layout = Player(pair, SMALL), pair.bench, pair.rtl.queue(0).layout

    async def one_chain() -> None:
        await player.add(0)
        await player.sync(0)
        pair.rtl.notified.clear()
        if event_idx:  # ask for the next one
            index = pair.rtl.queue(0).avail_index - 1
            pair.write(layout.used_event, U16.pack(index % MODULUS))
        await bench.write32(Reg.QUEUE_NOTIFY, 0)

    await one_chain()
    await bench.wait_irq(2000)
    start = bench.cycle
    await one_chain()
    await pair.rtl.wait_quiet()
    window = bench.cycle - start + 20
    for offset in range(0, window, 1 if FAST else 8):
        await drain_queue(player)
        await one_chain()
        await bench.wait_cycles(offset)
        # the causes are read and acknowledged, then the driver looks at the ring
        causes = await bench.read32(Reg.INTERRUPT_STATUS)
        await bench.write32(Reg.INTERRUPT_ACK, causes)
        seen = U16.unpack(pair.rtl.memory.read(layout.used_idx, 2))[0]
        await pair.rtl.wait_quiet()
        done = U16.unpack(pair.rtl.memory.read(layout.used_idx, 2))[0]
        if done != seen:
            assert int(dut.irq.value), f"ACK at {offset} swallowed a later interrupt"
    await drain_queue(player)


# ---- sync against the engine's going idle


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], slow=[1, 13])
async def sync_at_every_cycle(dut, event_idx, slow):
    """A second chain published at each cycle of the first one's way is served, notified or not."""
    pair = await begin(dut, latency(slow), features=EVENT if event_idx else NOTHING)
    player = Player(pair, SMALL)
    window = await time_of_one_chain(pair, player) + 20
    step = 1 if FAST or slow == 1 else 10  # fast memory: suppressed for a few cycles only
    before = pair.rtl.notifications
    rounds = 0
    for offset in range(0, window, step):
        await drain_queue(player)
        await player.add(0)
        await player.sync(0)
        await pair.bench.wait_cycles(offset + random.randrange(step))
        await player.add(0)
        await player.sync(0)
        await pair.settle()
        rounds += 1
    sent = pair.rtl.notifications - before
    assert rounds < sent < 2 * rounds, f"{sent} notifications in {rounds} rounds: no suppression"
    await player.finish()
    await pair.stop()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True])
async def two_queues_go_idle_together(dut, event_idx):
    """The same race in one queue while another one is anywhere on its own way."""
    pair = await begin(
        dut,
        Settings(read_latency=(2, 12), write_latency=(2, 12), reorder=1),
        features=EVENT if event_idx else NOTHING,
        sizes=(4, 4),
    )
    player = Player(pair, SMALL)
    for _ in range(150 if FAST else 25):
        for _ in range(3):
            queue = random.randrange(2)
            await player.add(queue)
            await player.sync(queue)
            await pair.bench.wait_cycles(random.randrange(90))
        await pair.settle()
        for queue in range(2):
            await drain_queue(player, queue)
    await player.finish()
    await pair.stop()
