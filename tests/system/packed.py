# SPDX-License-Identifier: Apache-2.0
"""What only packed rings have: flags that vouch for the fields beside them, any size, laps."""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import Feature, PackedDescriptor, PackedLayout, Position
from pymodel.layout import DESC_BYTES, DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE, U16
from pymodel.packed_layout import FIRST, EventSuppression
from pymodel.registers import Reg
from pymodel.transport import notify
from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import FreeRunning
from tb.native_memory import Kind, Settings, latency
from tb.player import Habits, Player, drain, parameters
from tb.worlds import RtlWorld, Setup, areas
from tests.system.queues import Raw

EVENT, INDIRECT, PACKED = Feature.EVENT_IDX, Feature.INDIRECT_DESC, Feature.RING_PACKED
STALE_ID, BYTES = 0x5555, 24
RING, WISH, SOURCE, SINK = range(1, 5)  # classes of watched bytes
ROUNDS = 150 if os.environ.get("SIM") == "verilator" else 12


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(single=[True, False])
async def flags_vouch_for_every_field(dut, single):
    """A chain is published in any cycle around a look: nothing of what lay there before is used.

    Its other descriptors may look available before its first one is; their fields are stale too.
    """
    bench = Bench(dut, latency(9))
    await bench.start()
    world = RtlWorld(Setup(sizes=(8,), features=PACKED, indirect="never"), bench)
    await world.start()
    memory, layout = bench.memory, world.queue(0).layout
    assert isinstance(layout, PackedLayout)
    out, into, decoy = (world.allocator.allocate(64, 64) for _ in range(3))
    memory.watch(decoy, 64, 1)
    place = FIRST
    for number in range(90 if ROUNDS > 100 else 30):
        slots = 1 if single else 3
        places = [place.ahead(n, layout.size) for n in range(slots)]
        for at, where in enumerate(places):  # never published
            flags = where.used if at == 0 else where.available | random.choice([0, DESC_F_NEXT])
            stale = PackedDescriptor(decoy, 7, STALE_ID, flags ^ random.choice([0, DESC_F_WRITE]))
            memory.write(layout.descriptor(where.offset), stale.pack())
        after = place.ahead(slots, layout.size)
        memory.write(layout.flags(after.offset), U16.pack(after.used))
        data = random.randbytes(BYTES)
        memory.write(out, data)
        memory.write(into, bytes(BYTES))
        fresh = [PackedDescriptor(out, BYTES, number, 0)]
        if not single:
            half = BYTES // 2
            fresh = [PackedDescriptor(out + n * half, half, 0, DESC_F_NEXT) for n in range(2)]
            fresh.append(PackedDescriptor(into, BYTES, number, DESC_F_WRITE))
        when = bench.cycle + 8 + number
        race = 0
        for where, desc in reversed(list(zip(places, fresh))):
            raw = desc._replace(flags=desc.flags | where.available).pack()
            race = memory.race_at(when, layout.descriptor(where.offset), raw)
        await world.run(notify(0))
        await world.wait_quiet()
        if memory.race_cycle(race) is None:
            await bench.wait_cycles(max(1, when + 2 - bench.cycle))
        await world.run(notify(0))
        await world.wait_quiet()
        used = PackedDescriptor.unpack(memory.read(layout.descriptor(place.offset), 16))
        assert place.is_used(used.flags), f"round {number}: not returned"
        assert (used.id, used.length) == (number, 0 if single else BYTES), f"round {number}"
        assert single or memory.read(into, BYTES) == data, f"round {number}: stale bytes"
        assert not memory.accesses(watch=1), f"round {number}: a stale address was used"
        assert await bench.read32(Reg.FAULT_COUNT) == 0
        place = after


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(size=[3, 5, 7, 100], events=[False, True], laps=[1, 2])
async def any_size_and_lap(dut, size, events, laps):
    """Rings that are no power of two, from just before a lap's end on."""
    bench = Bench(dut, Settings(read_latency=(2, 20), write_latency=(2, 20)))
    await bench.start()
    features = PACKED | INDIRECT | (EVENT if events else Feature(0))
    setup = Setup(
        sizes=(size, size) if (await parameters(bench))["queues"] > 1 else (size,),
        features=features,
        memory=1 << 18,
        tables=1 << 13,
        callback=drain,
        start_index=laps * size - 1,
    )
    pair = Comparison(bench, setup, **await parameters(bench))
    await pair.start()
    await Player(pair, Habits()).play(40)


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(descriptors=[1, 2, 5])
async def chains_in_a_row_while_the_engine_works(dut, descriptors):
    """Chains of several descriptors are read as they come, and their ends are found."""
    bench = Bench(dut, latency(40))
    await bench.start()
    device = await parameters(bench)
    size = min(100, device["queue_size_max"])
    setup = Setup(sizes=(size,), features=PACKED | EVENT, indirect="never", memory=1 << 18)
    pair = FreeRunning(bench, setup, **device)
    await pair.start()
    habits = Habits(shapes=[(descriptors - 1, 1), (descriptors, 0)], lengths=[8, 40], long=0)
    await Player(pair, habits).play(300)
    await pair.stop()


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(size=[3, 7])
async def chains_of_any_length_begin_at_any_place(dut, size):
    """Up to the whole ring, and so across its end; each is compared."""
    bench = Bench(dut, latency(5))
    await bench.start()
    setup = Setup(sizes=(size,), features=PACKED | EVENT, indirect="never", memory=1 << 16)
    pair = Comparison(bench, setup, **await parameters(bench))
    await pair.start()
    player, place, count = Player(pair, Habits()), 0, 0
    left = {(at, length) for at in range(size) for length in range(1, size + 1)}
    while left:
        here = [length for at, length in left if at == place]
        length = random.choice(here or range(1, size + 1))
        left.discard((place, length))
        readable = random.randint(0, length)
        assert await player.add(0, (readable, length - readable), [7] * length)
        await player.sync(0)
        while await player.get(0):
            pass
        player.free_collected()
        place, count = (place + length) % size, count + 1
    await player.finish()
    assert count > size


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def the_largest_ring_wraps(dut):
    """Its first place follows its last one as 16 bits count, but not in memory."""
    bench = Bench(dut)
    await bench.start()
    size = (await parameters(bench))["queue_size_max"]
    setup = Setup(sizes=(size,), features=PACKED, indirect="never", memory=1 << 20)
    world = RtlWorld(setup, bench)
    world.allocator.allocate(16)
    await world.start()
    layout = world.queue(0).layout
    assert layout.areas[0] % 64, "descriptors on both sides of the ring's end share a bus word"
    raw = Raw(world)
    raw.prepare(0)
    for count, settings in ((size - 500, {}), (1000, {"max_reads": 1}), (600, {})):
        bench.memory.configure(Settings(**settings))
        raw.publish(0, count)
        await world.run(notify(0))
        await world.wait_quiet()
        assert raw.used(0) == raw.avail(0), await bench.state()
    assert await bench.read32(Reg.FAULT_COUNT) == 0


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(events=[False, True])
async def the_driver_event_is_obeyed_exactly(dut, events):
    """Batches with the event before, inside and behind them, or none, in every lap."""
    bench = Bench(dut, latency(2))
    await bench.start()
    size, features = 13, PACKED | (EVENT if events else Feature(0))
    setup = Setup(
        sizes=(size,), features=features, indirect="never", memory=1 << 15, callback=drain
    )
    pair = Comparison(bench, setup, **await parameters(bench))
    await pair.start()
    addr, vq = pair.allocate(64), pair.rtl.queue(0)
    assert isinstance(vq.layout, PackedLayout)
    seen = set()
    for _ in range(2 * ROUNDS):
        old = new = Position.of(vq.used_index)
        for token in range(random.choice([1, 1, 2, 4])):
            length = random.choice([1, 1, 2, 3])
            await pair.add(0, [(addr, 3)] * length, length, 0, token)
            new = new.ahead(length, size)
        at = random.choice([old, new]).ahead(random.randrange(size), size)
        near = at.ahead(size - 1, size).ahead(random.choice([1, 1, 2]), size)
        near = random.choice([old, new, near, near, Position(size, old.wrap), Position(14, 1)])
        wish = EventSuppression(near.word, random.choice([0, 1, 2, 2, 2, 2, 3]))
        reserved = random.getrandbits(14) << 2
        pair.write(vq.layout.driver, wish._replace(flags=wish.flags | reserved).pack())
        before = len(pair.rtl.interrupts)
        await pair.sync(0)
        due = wish.wants(old, new, size, events)
        assert (len(pair.rtl.interrupts) > before) == due, (old, new, near, wish.flags)
        seen.add((wish.flags, due))
        while await pair.get(0):
            pass
    assert len(seen) == (5 if events else 4), seen
    await pair.finish()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def only_what_may_be_touched_is(dut):
    """Buffers by their direction; of the ring the second half of each used descriptor, once."""
    bench = Bench(dut, Settings(read_latency=(1, 30), write_latency=(1, 30)))
    await bench.start()
    setup = Setup(sizes=(20,), features=PACKED | EVENT, indirect="never", memory=1 << 16)
    world = RtlWorld(setup, bench)
    await world.start()
    memory, vq, place = bench.memory, world.queue(0), FIRST
    layout = vq.layout
    assert isinstance(layout, PackedLayout)
    ring, wish, _ = areas(layout)
    sources, sinks = ([world.allocator.allocate(64, 64) for _ in range(6)] for _ in range(2))
    memory.watch(*ring, RING)
    memory.watch(*wish, WISH)
    for source, sink in zip(sources, sinks):
        memory.watch(source, 64, SOURCE)
        memory.watch(sink, 64, SINK)
    for _ in range(ROUNDS):
        count = random.randint(1, 6)
        due = []
        for token in range(count):
            segments = [(sources[token], 40), (sinks[token], 30)]
            extra = random.randrange(2)  # a chain of three
            vq.add_buf(segments + [(sinks[token] + 32, 9)] * extra, 1, 1 + extra, token)
            due.append(place)
            place = place.ahead(2 + extra, layout.size)
        vq.sync()
        await world.settle()
        written = []
        for access in memory.accesses(clear=True):
            if access.watch in (SOURCE, WISH):
                assert access.kind == Kind.READ, access
            elif access.watch == SINK:
                assert access.kind == Kind.WRITE, access
            elif access.kind == Kind.WRITE:
                assert len(access.data) == 8 and access.addr % DESC_BYTES == 8, access
                written.append(access.addr - 8)
        assert written == [layout.descriptor(at.offset) for at in due], "not once, or not in order"
        before = memory.read(*ring)
        await bench.wait_cycles(40)
        assert memory.read(*ring) == before and not memory.accesses(watch=RING)
        for token in range(count):
            used = vq.get_buf()
            assert used is not None and used.data == token
    assert place != FIRST


class Noise:
    """Raw rings, legal for some chains and then perhaps not, the same in both worlds."""

    def __init__(self, pair: Comparison, out: int, into: int, tables: int) -> None:
        vq = pair.rtl.queue(0)
        assert isinstance(vq.layout, PackedLayout)
        self.pair, self.layout = pair, vq.layout
        self.out, self.into, self.tables = out, into, tables
        self.place = FIRST

    def data(self, flags: int, hostile: bool) -> PackedDescriptor:
        """Return a data descriptor; writable ones share no byte."""
        length, addr = random.choice([0, 1, 8, 40]), self.out + random.randrange(64)
        if flags & DESC_F_WRITE:
            addr, self.into = self.into, self.into + length
        if hostile and random.random() < 0.3:
            addr, length = (1 << 64) - 8, random.choice([8, 9, 1 << 31])
            length = length if length > 8 else 9
        return PackedDescriptor(addr, length, random.getrandbits(16), flags)

    def table(self, hostile: bool) -> tuple[int, int]:
        """Write an indirect table; return its address and length."""
        count = random.randint(1, 12)
        readable = random.randint(0, count)
        addr, self.tables = self.tables, self.tables + 16 * count
        for at in range(count):
            write = (
                at >= readable if not hostile or random.random() < 0.8 else random.random() < 0.5
            )
            desc = self.data(DESC_F_WRITE * write, hostile and random.random() < 0.1)
            flags = desc.flags | random.getrandbits(16) & ~DESC_F_WRITE  # which mean nothing
            self.pair.write(addr + 16 * at, desc._replace(flags=flags).pack())
        length = 16 * count
        if hostile and random.random() < 0.2:
            addr, length = random.choice(
                [(addr, 0), (addr, length - 1), (8, 32), (-16 % 2**64, 32)]
            )
        return addr, length

    def chain(self, hostile: bool) -> list[tuple[Position, PackedDescriptor]]:
        """Return the descriptors of a chain, the first one's flags as they will be."""
        size, found, place = self.layout.size, [], self.place
        count = random.choice([1, 1, 1, 2, 3, size])
        if not hostile:
            count = min(count, 3, size)
        readable = random.randint(0, count)
        for at in range(count):
            write = (
                at >= readable if not hostile or random.random() < 0.8 else random.random() < 0.5
            )
            desc = self.data(DESC_F_WRITE * write, hostile and random.random() < 0.1)
            if random.random() < (0.2 if hostile or count == 1 else 0):
                addr, length = self.table(hostile)
                desc = desc._replace(addr=addr, length=length, flags=DESC_F_INDIRECT | desc.flags)
            endless = hostile and random.random() < 0.2
            flags = desc.flags | (DESC_F_NEXT if at < count - 1 or endless else 0)
            lap = place.available if at == 0 or not hostile or random.random() < 0.9 else place.used
            found.append((place, desc._replace(flags=flags | lap)))
            place = place.ahead(1, size)
        self.place = place
        return found

    def publish(self, chains: int, hostile: bool) -> None:
        """Write some legal chains, and a last one that may be anything."""
        room, all_of_it = self.layout.size, []
        for number in range(chains + 1):
            last = number == chains
            before, into, tables = self.place, self.into, self.tables
            mine = self.chain(hostile and last)
            if len(mine) > room:
                self.place, self.into, self.tables = before, into, tables
                break
            room -= len(mine)
            all_of_it += mine
        for place, desc in reversed(all_of_it):
            self.pair.write(self.layout.descriptor(place.offset), desc.pack())


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(indirect=[True, False], events=[True, False])
async def hostile_rings_end_in_the_fault_of_the_model(dut, indirect, events):
    """Chains of noise after some that are legal: faults, memory and positions are the model's."""
    bench = Bench(dut, Settings(read_latency=(1, 30), write_latency=(1, 30)))
    await bench.start()
    device = await parameters(bench)
    features = PACKED | (INDIRECT if indirect else Feature(0)) | (EVENT if events else Feature(0))
    seen = set()
    for turn in range(ROUNDS):
        size = random.choice([1, 2, 3, 5, 8, 31, 200])
        setup = Setup(sizes=(size,), features=features, memory=1 << 17, tables=1 << 12)
        pair = Comparison(bench, setup, **device)
        await pair.start(again=turn > 0)
        out, into, tables = (pair.allocate(1 << 13, 64) for _ in range(3))
        pair.write(out, random.randbytes(256))
        bench.memory.allow(into, 1 << 13)
        noise = Noise(pair, out, into, tables)
        noise.publish(random.choice([0, 0, 1, 3, 10]), hostile=random.random() < 0.8)
        for world in (pair.rtl, pair.model):
            world.notified.append(0)
        await pair.rtl.settle()
        pair.model.settle()
        found = [] if pair._same_memory() else pair._memory_differences()
        found += pair.writes_refused() + await pair._register_differences(0, faults=True)
        if found:
            pair._fail(f"round {turn}", 0, found)
        seen.add(await bench.read32(Reg.FAULT_CODE))
        bench.memory.disallow(into, 1 << 13)
        pair.give_up()
    assert len(seen) > (4 if ROUNDS > 100 else 1), seen
