# SPDX-License-Identifier: Apache-2.0
"""Many queues at once, their fairness, and queues and devices stopped with traffic in flight."""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import (
    OFFER,
    Descriptor,
    Fault,
    Feature,
    Interrupt,
    PackedDescriptor,
    Status,
    start_queue,
    stop_queue,
)
from pymodel.layout import DESC_F_WRITE, INDEX_MODULUS, U16
from pymodel.packed_layout import EVENT_FLAGS_AT, FIRST
from pymodel.registers import Reg
from pymodel.transport import notify, reset
from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import FreeRunning
from tb.native_memory import Settings, latency
from tb.player import Habits, Player, drain, parameters, postpone
from tb.worlds import RtlWorld, Setup, areas

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower and more
EVENT, INDIRECT = Feature.EVENT_IDX, Feature.INDIRECT_DESC

# Fairness: while one queue's chain waits, how many chains of others may be returned; see the page
# on the architecture. A turn is what the engine asks for before it takes up another queue.
TURN = 63 + 2 * 32
CHAINS = 4  # in the chain store, a bit of the bus


def fairness_bound(others: int, width: int) -> int:
    return (2 * others + 3) * TURN + (4 + CHAINS) * width


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(features=[Feature(0), EVENT | INDIRECT])
async def all_queues_at_once(dut, features):
    """Rings of different sizes, all busy; loopback or pattern in each."""
    bench = Bench(dut, Settings(read_latency=(3, 30), write_latency=(3, 30), reorder=2))
    await bench.start()
    device = await parameters(bench)
    sizes = [random.choice([1, 2, 8, 64]) for _ in range(device["queues"])]
    setup = Setup(
        sizes=sizes,
        features=features,
        indirect="multi" if features & INDIRECT else "never",
        memory=1 << 19,
        tables=1 << 12,
        callback=drain,
        pattern=random.random() < 0.5,
    )
    pair = FreeRunning(bench, setup, **device)
    await pair.start()
    await Player(pair, Habits(long=1, long_bytes=3000)).play(100 * len(sizes) if FAST else 120)
    await pair.stop()


class Raw:
    """Queues of empty writable chains, without a driver: only indices, or flags, move."""

    def __init__(self, world: RtlWorld) -> None:
        self.world = world
        self.moved: dict[int, list[int]] = {}  # of packed queues: chains published, and used

    def avail(self, queue: int) -> int:
        layout = self.world.queue(queue).layout
        if layout.packed:
            return self.moved[queue][0] % INDEX_MODULUS
        return U16.unpack(self.world.memory.read(layout.avail_idx, 2))[0]

    def used(self, queue: int) -> int:
        layout = self.world.queue(queue).layout
        if layout.packed:
            avail, used = self.moved[queue]
            while used != avail:
                place = FIRST.ahead(used, layout.size)
                flags = self.world.memory.read(layout.flags(place.offset), 2)
                if not place.is_used(U16.unpack(flags)[0]):
                    break
                used += 1
            self.moved[queue][1] = used
            return used % INDEX_MODULUS
        return U16.unpack(self.world.memory.read(layout.used_idx, 2))[0]

    def prepare(self, queue: int) -> None:
        layout = self.world.queue(queue).layout
        if layout.packed:
            self.moved[queue] = [0, 0]
        else:
            self.world.memory.write(layout.descriptor(0), Descriptor(0, 0, DESC_F_WRITE, 0).pack())

    def publish(self, queue: int, count: int) -> None:
        layout = self.world.queue(queue).layout
        if layout.packed:
            begin = self.moved[queue][0]
            self.moved[queue][0] += count
            for number in range(begin, begin + count):
                place = FIRST.ahead(number, layout.size)
                desc = PackedDescriptor(0, 0, place.offset, place.available | DESC_F_WRITE)
                self.world.memory.write(layout.descriptor(place.offset), desc.pack())
            return
        index = (self.avail(queue) + count) % INDEX_MODULUS
        self.world.memory.write(layout.avail_idx, U16.pack(index))

    async def fill(self, queue: int) -> None:
        """Make all used entries available again; notify where the device asks for it."""
        layout = self.world.queue(queue).layout
        free = self.world.queue(queue).size - (self.avail(queue) - self.used(queue)) % INDEX_MODULUS
        self.publish(queue, free)
        flags = layout.device + EVENT_FLAGS_AT if layout.packed else layout.used_flags
        if free and self.world.memory.read(flags, 2) == b"\0\0":
            await self.world.run(notify(queue))


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(busy=[1, "all"], slow=[2, 60])
async def no_queue_starves(dut, busy, slow):
    """With one queue, or all others, always full, a chain of a quiet queue is soon returned."""
    bench = Bench(dut, latency(slow))
    await bench.start()
    queues = (await parameters(bench))["queues"]
    width = 8 << (await bench.read32(Reg.ENGINE_INFO) >> 8 & 0xFF)
    setup = Setup(sizes=(256,) * queues, features=Feature(0), indirect="never", memory=1 << 19)
    world = RtlWorld(setup, bench)
    await world.start()
    raw, quiet = Raw(world), queues - 1
    full = [0] if busy == 1 else list(range(quiet))
    bound = fairness_bound(len(full), width)
    for queue in (*full, quiet):
        raw.prepare(queue)
    for queue in full:
        await raw.fill(queue)
    worst = 0
    for _ in range(12 if FAST else 3):
        for _ in range(random.randint(1, 20)):  # keep the others full for a while
            await bench.wait_cycles(40)
            for queue in full:
                await raw.fill(queue)
        target, served = (raw.used(quiet) + 1) % INDEX_MODULUS, 0
        raw.publish(quiet, 1)
        await world.run(notify(quiet))
        start, begin = [raw.used(queue) for queue in full], bench.cycle
        while raw.used(quiet) != target:
            await bench.wait_cycles(10)
            for queue in full:
                await raw.fill(queue)
            served = sum((raw.used(queue) - at) % INDEX_MODULUS for queue, at in zip(full, start))
            assert served <= bound, f"{served} chains of others came before"
            assert bench.cycle - begin < 100_000, "the quiet queue is not served at all"
        worst = max(worst, served)
        for queue, at in zip(full, start):  # the others had their turns, or have them now
            while raw.used(queue) == at:
                await bench.wait_cycles(10)
                assert bench.cycle - begin < 100_000, "a full queue sleeps"
    cocotb.log.info("at most %d chains of others, bound %d", worst, bound)


# ---- stopped in flight


async def quiet_memory(pair: FreeRunning, ranges: list[tuple[int, int]], cycles: int) -> None:
    """Check that nothing changes in some ranges for so many cycles."""
    before = [pair.bench.memory.read(*place) for place in ranges]
    await pair.bench.wait_cycles(cycles)
    assert [pair.bench.memory.read(*place) for place in ranges] == before, "still written"


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(features=[Feature(0), EVENT | INDIRECT])
async def device_reset_in_flight(dut, features):
    """After Status reads 0 the device touches nothing; a new start works as the first.

    Each time with the other format of rings.
    """
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    for round in range(8 if FAST else 2):
        bench.memory.configure(
            Settings(read_latency=(5, 60), write_latency=(5, 60), seed=random.getrandbits(32))
        )
        setup = Setup(
            sizes=(16,) * min(4, device["queues"]),
            features=features | (Feature.RING_PACKED if round % 2 else Feature(0)),
            indirect="multi" if features & INDIRECT else "never",
            memory=1 << 17,
            tables=1 << 12,
            callback=random.choice([drain, postpone]),
            pattern=random.random() < 0.3,
        )
        pair = FreeRunning(bench, setup, **device)
        await pair.start(again=round > 0)
        player = Player(pair, Habits(pause=(0, 10)))
        for _ in range(random.randint(10, 60 if FAST else 25)):
            await player.step()
        await bench.wait_cycles(random.randrange(60))
        await pair.stop()
        await pair.rtl.run(reset())
        pair.give_up()
        bench.memory.clear_counters()
        await quiet_memory(pair, [(setup.base, setup.memory)], 300)
        counters = bench.memory.counters()
        assert counters.beats_read == counters.beats_written == 0, counters
        assert not int(dut.irq.value)
        assert int(dut.idle.value)
        assert not pair.writes_refused()
        for reg in (Reg.FAULT_CODE, Reg.FAULT_COUNT, Reg.INTERRUPT_STATUS, Reg.STATUS):
            assert await bench.read32(reg) == 0
    comparison = Comparison(bench, setup, **device)
    await comparison.start(again=True)
    await Player(comparison).play(30 if FAST else 15)


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(features=[Feature(0), EVENT])
async def queue_disabled_in_flight(dut, features):
    """QueueReady 0 leaves the queue's memory alone; others go on; it starts again from 0."""
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    setup = Setup(
        sizes=(16,) * min(3, device["queues"]),
        features=features,
        indirect="never",
        memory=1 << 18,
        tables=1 << 12,
    )
    pair = FreeRunning(bench, setup, **device)
    await pair.start()
    bench.memory.configure(Settings(read_latency=(5, 60), write_latency=(5, 60)))
    habits = Habits(shapes=[(1, 1), (2, 2)], pause=(0, 12), detach=False)
    player = Player(pair, habits)
    stopped = 0
    for _ in range(8 if FAST else 2):
        for _ in range(random.randint(10, 50 if FAST else 20)):
            await player.step()
        while pair.rtl.notified:  # a notification must not come between stop and start
            await bench.wait_cycles(4)
        await bench.wait_cycles(random.randrange(80))
        await pair.rtl.run(stop_queue(stopped))
        pair.follow("stopped", stopped)
        given = [place for _, places in pair.held(stopped) for place in places]
        watched = [*areas(pair.rtl.queue(stopped).layout), *given]
        await quiet_memory(pair, watched, 400)
        for addr, length in given:  # chains in flight may have been written in part
            pair.model.memory.write(addr, pair.rtl.memory.read(addr, length))
        await bench.write32(Reg.QUEUE_SEL, stopped)
        for reg in (Reg.QUEUE_READY, Reg.QUEUE_AVAIL_INDEX, Reg.QUEUE_USED_INDEX):
            assert await bench.read32(reg) == 0
        pair.model.run(stop_queue(stopped))
        pair.renew(stopped)
        player.forget(stopped)
        layout = pair.rtl.queue(stopped).layout
        pair.model.run(start_queue(stopped, layout))
        await pair.rtl.run(start_queue(stopped, layout))
    await player.finish()
    await pair.stop()


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def nothing_before_driver_ok(dut):
    """Chains that wait and notifications sent before DRIVER_OK are served from then on only."""
    bench = Bench(dut, latency(2))
    await bench.start()
    device = await parameters(bench)
    setup = Setup(sizes=(8,), memory=1 << 16, tables=1 << 12, callback=drain)
    comparison = Comparison(bench, setup, **device)
    bench.memory.add_region(setup.base, setup.memory)
    rtl, model = comparison.rtl, comparison.model
    worlds = (rtl, model)
    sequences = [world.sequence() for world in worlds]
    ops = [next(sequence) for sequence in sequences]
    while True:
        assert ops[0] == ops[1]
        op = ops[0]
        if op[0] == "w" and op[1] == Reg.STATUS and op[2] & Status.DRIVER_OK:
            break
        if op[0] == "r":
            answers = [await bench.read32(op[1]), model.model.read32(op[1])]
            assert answers[0] == answers[1]
        else:
            await bench.write32(op[1], op[2])
            model.model.write32(op[1], op[2])
            answers = [0, 0]
        ops = [sequence.send(answer) for sequence, answer in zip(sequences, answers)]
    addr = comparison.allocate(64)
    for world in worlds:
        world.queue(0).add_buf([(addr, 10), (addr + 20, 30)], 1, 1, "early")
        world.queue(0).sync()
    bench.memory.allow(addr + 20, 30)
    bench.memory.clear_counters()
    await rtl.hand_over()
    while model.notified:
        model.run(notify(model.notified.pop()))
    await bench.wait_cycles(300)
    assert bench.memory.counters().beats_read == 0
    assert not int(dut.irq.value)
    assert not rtl.calls
    await bench.write32(Reg.STATUS, ops[0][2])
    model.model.write32(Reg.STATUS, ops[0][2])
    await rtl.settle()
    model.settle()
    assert rtl.calls, "the early notification is forgotten"
    assert rtl.taken == model.taken
    assert rtl.memory.read(setup.base, setup.memory) == model.memory.read(setup.base, setup.memory)


async def offered(bench: Bench) -> int:
    """Return the features that the device offers."""
    offer = 0
    for word in (0, 1):
        await bench.write32(Reg.DEVICE_FEATURES_SEL, word)
        offer |= await bench.read32(Reg.DEVICE_FEATURES) << 32 * word
    return offer


async def taken(bench: Bench, features: int) -> bool:
    """Reset the device, accept features, and return whether it takes that."""
    await bench.write32(Reg.STATUS, 0)
    assert await bench.read32(Reg.STATUS) == 0
    await bench.write32(Reg.STATUS, Status.ACKNOWLEDGE | Status.DRIVER)
    for word in (0, 1):
        await bench.write32(Reg.DRIVER_FEATURES_SEL, word)
        await bench.write32(Reg.DRIVER_FEATURES, features >> 32 * word & 0xFFFFFFFF)
    await bench.write32(Reg.STATUS, Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK)
    return bool(await bench.read32(Reg.STATUS) & Status.FEATURES_OK)


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def features_are_taken_or_refused(dut):
    """Every valid subset of the offer is taken, again and again; any other is not."""
    bench = Bench(dut)
    await bench.start()
    assert await offered(bench) == OFFER
    for _ in range(2):
        for optional in (Feature(0), EVENT, INDIRECT, EVENT | INDIRECT, OFFER & ~Feature.VERSION_1):
            assert await taken(bench, Feature.VERSION_1 | optional)
            assert not await taken(bench, optional), "without VERSION_1"
    others = [bit for bit in range(64) if not OFFER >> bit & 1]
    for bit in others if FAST else random.sample(others, 5):
        assert not await taken(bench, Feature.VERSION_1 | 1 << bit), f"bit {bit} is not offered"


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def a_build_offers_what_it_has(dut):
    """With a switch off its feature is not offered, or has to be taken; the rest works."""
    off = os.environ["SWITCH_OFF"]
    bench = Bench(dut)
    await bench.start()
    one, packed = Feature.VERSION_1, Feature.RING_PACKED
    missing = {"PACKED_EN": packed, "ORDER_EN": Feature.IN_ORDER}.get(off, Feature(0))
    offer = OFFER & ~missing
    assert await offered(bench) == offer
    assert await taken(bench, offer)
    if missing:
        assert not await taken(bench, one | missing)
    rings = [ring for ring in (Feature(0), packed) if ring & offer == ring]
    if off == "SPLIT_EN":
        assert not await taken(bench, one), "without RING_PACKED"
        rings = [packed]
    for turn, ring in enumerate(rings):
        assert await taken(bench, one | ring)
        features = EVENT | INDIRECT | ring | Feature.IN_ORDER & offer
        setup = Setup(sizes=(8,), memory=1 << 16, tables=1 << 12, callback=drain, features=features)
        pair = Comparison(bench, setup, **await parameters(bench), offer=offer)
        await pair.start(again=turn > 0)
        await Player(pair).play(25)
        pair.give_up()


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(ok=[False, True])
async def a_fault_asks_for_a_reset(dut, ok):
    """NEEDS_RESET is set; the configuration interrupt follows if DRIVER_OK is; a reset recovers."""
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    setup = Setup(sizes=(8,), memory=1 << 16, tables=1 << 12, callback=drain)
    if ok:
        comparison = Comparison(bench, setup, **device)
        await comparison.start()
    await bench.write32(Reg.QUEUE_NOTIFY, device["queues"])
    await bench.wait_cycles(50)
    assert await bench.read32(Reg.STATUS) & Status.NEEDS_RESET
    assert await bench.read32(Reg.FAULT_CODE) == Fault.NO_SUCH_QUEUE
    assert int(dut.irq.value) == ok
    assert await bench.read32(Reg.INTERRUPT_STATUS) == (Interrupt.CONFIG_CHANGE if ok else 0)
    await bench.write32(Reg.STATUS, 0)
    for reg in (Reg.STATUS, Reg.FAULT_CODE, Reg.FAULT_COUNT, Reg.INTERRUPT_STATUS):
        assert await bench.read32(reg) == 0
    assert not int(dut.irq.value)
    if ok:
        comparison.give_up()
    again = Comparison(bench, setup, **device)
    await again.start(again=ok)
    await Player(again).play(20)
