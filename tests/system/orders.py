# SPDX-License-Identifier: Apache-2.0
"""A driver that races on purpose, against each order that must hold.

The driver here is raw: it lays out one chain after the other by hand and knows nothing but the
rings. Writes take effect as late as AXI4 allows, or the log tells when they were acknowledged.
"""

from __future__ import annotations

import bisect
import itertools
import os
import random
from dataclasses import dataclass

import cocotb

from pymodel import Descriptor, Feature, Interrupt
from pymodel.layout import (
    AVAIL_F_NO_INTERRUPT,
    DESC_F_NEXT,
    DESC_F_WRITE,
    U16,
    USED_ELEM_FORMAT,
    USED_F_NO_NOTIFY,
    need_event,
)
from pymodel.registers import Reg
from tb.bench import Bench
from tb.native_memory import Kind, Reorder, Settings, latency
from tb.worlds import RtlWorld, Setup

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
NOTHING, EVENT = Feature(0), Feature.EVENT_IDX
MODULUS = 1 << 16
FORBIDDEN = 0x1000  # in no region
NOBODY = 0xBEEF  # head of no descriptor
LATEST = Settings(read_latency=(4, 4), write_latency=(23, 23), late_writes=True)


@dataclass
class Chain:
    """One chain under way: where it reads and writes, and what it reads."""

    head: int
    source: int
    target: int
    data: bytes


class Racer:
    """One queue, driven by hand. Every chain reads some bytes and gets them back."""

    def __init__(self, world: RtlWorld, queue: int = 0, length: int = 21) -> None:
        self.world, self.queue, self.length = world, queue, length
        self.bench, self.memory = world.bench, world.bench.memory
        self.layout = world.queue(queue).layout
        self.event_idx = bool(world.setup.features & EVENT)
        self.size = self.layout.size
        self.avail = self.taken = 0
        self.flying: list[Chain] = []
        self.places = itertools.cycle(
            [world.allocator.allocate(2 * length + 64, 64) for _ in range(self.size + 1)]
        )
        self.heads = itertools.cycle(range(0, self.size - 1, 2))
        for index in range(self.size):
            self.poison(index)
            self.memory.write(self.layout.avail_entry(index), U16.pack(NOBODY))
        self.memory.allow(self.layout.used, 6 + 8 * self.size)
        self.memory.check_writes()

    def poison(self, index: int) -> None:
        """Make a descriptor one that nobody may use."""
        bad = random.choice(
            [
                Descriptor(FORBIDDEN, 64, 0, 0),
                Descriptor(FORBIDDEN, 64, DESC_F_WRITE, 0),
                Descriptor(self.layout.table, 16, DESC_F_NEXT, index),
                Descriptor(self.layout.table, 16, DESC_F_WRITE, 0),
            ]
        )
        self.memory.write(self.layout.descriptor(index), bad.pack())

    def prepare(self) -> list[tuple[int, bytes]]:
        """Return the writes that publish one more chain, in the order that the driver must keep."""
        source = next(self.places) + random.randrange(32)
        chain = Chain(next(self.heads), source, source + self.length, random.randbytes(self.length))
        self.memory.write(chain.source, bytes(2 * self.length))
        self.memory.allow(chain.target, self.length)
        self.flying.append(chain)
        entry = self.layout.avail_entry(self.avail)
        self.avail = (self.avail + 1) % MODULUS
        first = Descriptor(chain.source, self.length, DESC_F_NEXT, chain.head + 1)
        second = Descriptor(chain.target, self.length, DESC_F_WRITE, 0)
        return [
            (chain.source, chain.data),
            (self.layout.descriptor(chain.head + 1), second.pack()),
            (self.layout.descriptor(chain.head), first.pack()),
            (entry, U16.pack(chain.head)),
            (self.layout.avail_idx, U16.pack(self.avail)),
        ]

    def publish(self) -> None:
        """Publish one more chain now."""
        for addr, data in self.prepare():
            self.memory.write(addr, data)

    def word(self, addr: int) -> int:
        self.memory.catch_up(self.bench.cycle - 1)
        value: int = U16.unpack(self.memory.read(addr, 2))[0]
        return value

    @property
    def used(self) -> int:
        return self.word(self.layout.used_idx)

    def wants_notification(self, before: int) -> bool:
        """Whether the device asked to be told of what came since index `before`."""
        if self.event_idx:
            return need_event(self.word(self.layout.avail_event), self.avail, before)
        return not self.word(self.layout.used_flags) & USED_F_NO_NOTIFY

    def interrupt_after(self, chains: int) -> None:
        """Ask for an interrupt once so many more chains are used; 0 for none."""
        if self.event_idx:
            at = self.taken + chains - 1 if chains else self.taken - 2
            self.memory.write(self.layout.used_event, U16.pack(at % MODULUS))
        else:
            flags = 0 if chains else AVAIL_F_NO_INTERRUPT
            self.memory.write(self.layout.avail_flags, U16.pack(flags))

    async def notify(self) -> None:
        await self.bench.write32(Reg.QUEUE_NOTIFY, self.queue)

    def collect(self) -> int:
        """Take what was used; check it, poison what it leaves behind; return its number."""
        count = 0
        while self.taken != self.used:
            raw = self.memory.read(self.layout.used_elem(self.taken), 8)
            head, length = USED_ELEM_FORMAT.unpack(raw)
            chain = self.flying.pop(0)
            assert (head, length) == (chain.head, self.length)
            assert self.memory.read(chain.target, self.length) == chain.data
            self.memory.write(self.layout.avail_entry(self.taken), U16.pack(NOBODY))
            self.poison(chain.head)
            self.poison(chain.head + 1)
            self.memory.disallow(chain.target, self.length)
            self.taken = (self.taken + 1) % MODULUS
            count += 1
        return count

    async def finish(self, what: object, cycles: int = 3000) -> None:
        """Wait until all was used; collect and check it."""
        end = self.bench.cycle + cycles
        while self.used != self.avail:
            assert self.bench.cycle < end, f"{what}: not used: {await self.bench.state()}"
            await self.bench.wait_cycles(20)
        self.collect()

    async def check(self) -> None:
        """No fault, and nothing was written that may not be."""
        await self.world.wait_quiet()
        assert await self.bench.read32(Reg.FAULT_COUNT) == 0, await self.bench.state()
        assert not self.memory.violations()

    async def acknowledge(self) -> Interrupt:
        """Return and clear the interrupt's causes."""
        causes = await self.bench.read32(Reg.INTERRUPT_STATUS)
        await self.bench.write32(Reg.INTERRUPT_ACK, causes)
        return Interrupt(causes)


async def begin(dut, settings: Settings, features: Feature, **fields) -> RtlWorld:
    bench = Bench(dut, settings)
    await bench.start()
    fields = {"sizes": (8,), "memory": 1 << 18, "tables": 1 << 12, "indirect": "never"} | fields
    world = RtlWorld(Setup(features=features, **fields), bench)
    await world.start()
    return world


async def window_of(racer: Racer) -> int:
    """Return the cycles from a notification until the engine is idle again, and some more."""
    start = racer.bench.cycle
    racer.publish()
    await racer.notify()
    await racer.world.wait_quiet()
    racer.collect()
    return racer.bench.cycle - start + 12


# ---- order 1: entry after index, descriptor after entry


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], gap=[0, 1, 3])
async def stale_bytes_are_never_used_at_any_cycle(dut, event_idx, gap):
    """Payload, descriptors, entry and index are written at each cycle of the engine's looking."""
    world = await begin(dut, latency(3), EVENT if event_idx else NOTHING)
    racer = Racer(world)
    window = await window_of(racer)
    for offset in range(0, window, 1 if FAST else 5):
        at = racer.bench.cycle + 3 + offset + (0 if FAST else random.randrange(5))
        racer.publish()
        before = racer.avail
        for step, (addr, data) in enumerate(racer.prepare()):
            racer.memory.race_at(at + gap * step, addr, data)
        await racer.notify()
        await racer.bench.wait_cycles(at + 5 * gap - racer.bench.cycle)
        if racer.wants_notification(before):
            await racer.notify()
        await racer.finish(f"offset {offset}")
        racer.memory.clear_races()
    await racer.check()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], before=[False, True])
async def stale_bytes_are_never_used_at_any_beat(dut, event_idx, before):
    """The same between any two beats that the engine reads from the available ring or the table."""
    world = await begin(dut, latency(2), EVENT if event_idx else NOTHING)
    racer = Racer(world)
    areas = [(racer.layout.avail, 6 + 2 * racer.size), (racer.layout.table, 16 * racer.size)]
    for area, nth, count in itertools.product(areas, range(1, 7), (1, 2)):
        racer.publish()
        index = racer.avail
        races = [
            racer.memory.race_beat(Kind.READ, area, addr, data, nth=nth, before=before)
            for _ in range(count)
            for addr, data in racer.prepare()
        ]
        await racer.notify()
        await racer.bench.wait_cycles(150)
        if racer.memory.race_cycle(races[-1]) is None:  # there are not so many beats
            racer.memory.clear_races()
            for _ in range(count):
                racer.memory.disallow(racer.flying.pop().target, racer.length)
            racer.avail = index
        elif racer.wants_notification(index):
            await racer.notify()
        await racer.finish(f"beat {nth}")
    await racer.check()


# ---- order 3 (and what the log shows of 4 and 5): acknowledgements before what follows them

USED, INDEX, SUPPRESS, LOOK, FLAG, PAYLOAD, SOURCE = range(1, 8)
SLOW = [
    Settings(write_latency=(80, 80)),
    Settings(write_latency=(1, 90), stall_b=60, stall_w=30, reorder=Reorder.BEATS),
    Settings(read_latency=(1, 40), write_latency=(1, 200), write_percent=40, stall_aw=50),
]


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], slow=[0, 1, 2], length=[5, 700])
async def nothing_overtakes_its_acknowledgement(dut, event_idx, slow, length):
    """Payload and elements before the index, the index before suppression, asking before looking.

    All by the log of the bus: a beat counts when its data was taken, a write as done when its
    response was.
    """
    queues = 2
    world = await begin(
        dut, SLOW[slow], EVENT if event_idx else NOTHING, sizes=(64,) * queues, memory=1 << 20
    )
    racers = [Racer(world, queue, length) for queue in range(queues)]
    memory = world.bench.memory
    for racer in racers:
        layout = racer.layout
        memory.watch(layout.used_elem(0), 8 * layout.size, USED)
        memory.watch(layout.used_idx, 2, INDEX)
        memory.watch(layout.avail_idx, 2, LOOK)
        memory.watch(layout.used_event if event_idx else layout.avail_flags, 2, SUPPRESS)
        memory.watch(layout.avail_event if event_idx else layout.used_flags, 2, FLAG)
    chains: list[tuple[int, Racer, int]] = []  # first byte, queue, used index that vouches for it
    for _ in range(3 if FAST else 2):
        for racer in racers:
            for _ in range(random.choice([1, 3, 20])):
                racer.publish()
                chain = racer.flying[-1]
                memory.watch(chain.source, length, SOURCE)
                memory.watch(chain.target, length, PAYLOAD)
                chains.append((chain.source, racer, racer.avail))
            await racer.notify()
        await world.wait_quiet()
        check_log(memory, racers, sorted(chains, key=lambda chain: chain[0]), length)
        for racer in racers:
            for chain in racer.flying:
                memory.watch(chain.source, 2 * length, 0)
            await racer.finish("log")
        chains.clear()
    for racer in racers:
        await racer.check()


def check_log(memory, racers, chains, length: int) -> None:
    """Hold the log against the orders."""
    starts = [chain[0] for chain in chains]
    done: dict[tuple[Racer, int], int] = {}  # cycle by which all of a chain had come and gone
    log = memory.accesses(clear=True)
    for access in log:
        answer = memory.answered(access.burst) if access.kind == Kind.WRITE else access.cycle
        if access.watch in (PAYLOAD, SOURCE):
            _, racer, index = chains[bisect.bisect(starts, access.addr) - 1]
            done[racer, index] = max(done.get((racer, index), 0), answer)
        elif access.watch == USED and access.kind == Kind.WRITE:
            racer = owner(racers, access.addr)
            for addr in range(access.addr, access.addr + len(access.data), 8):
                slot = (addr - racer.layout.used_elem(0)) // 8
                index = racer.taken + (slot - racer.taken) % racer.size + 1
                done[racer, index] = max(done.get((racer, index), 0), answer)
    for racer in racers:
        mine = [access for access in log if owner(racers, access.addr) is racer]
        published = [a for a in mine if a.watch == INDEX and a.kind == Kind.WRITE]
        assert published, "nothing was published"
        before = racer.taken
        for write in published:
            for index in range(before + 1, U16.unpack(write.data)[0] + 1):
                assert done[racer, index] < write.cycle, (
                    f"used index {index} written at {write.cycle}, what it vouches for was "
                    f"acknowledged at {done[racer, index]}"
                )
            before = U16.unpack(write.data)[0]
        asked = [a.asked for a in mine if a.watch == SUPPRESS and a.kind == Kind.READ]
        for write in published:
            answer = memory.answered(write.burst)
            assert any(cycle > answer for cycle in asked), (
                f"index acknowledged at {answer}, suppression asked for at {asked} only"
            )
        decided = sorted(asked)[-len(published) :]
        for write, cycle in zip(published, decided):
            assert cycle > memory.answered(write.burst), "suppression read before the index's B"
        looks = [a.asked for a in mine if a.watch == LOOK and a.kind == Kind.READ]
        arms = [memory.answered(a.burst) for a in mine if a.watch == FLAG and a.kind == Kind.WRITE]
        assert arms and max(looks) > max(arms), f"looked at {max(looks)}, asked at {max(arms)}"


def owner(racers, addr: int):
    """Return whose rings hold an address, None for a buffer."""
    for racer in racers:
        layout = racer.layout
        if layout.avail <= addr < layout.avail + 6 + 2 * racer.size:
            return racer
        if layout.used <= addr < layout.used + 6 + 8 * racer.size:
            return racer
    return None


# ---- order 4: index acknowledged before the driver's suppression is read


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], chains=[1, 3])
async def interrupts_enabled_at_any_cycle(dut, event_idx, chains):
    """The driver enables interrupts, then looks: it sees the index or gets an interrupt."""
    world = await begin(dut, LATEST, EVENT if event_idx else NOTHING)
    racer = Racer(world)
    racer.interrupt_after(0)
    window = await window_of(racer) + 40
    seen_both = set()
    for offset in range(0, window, 1 if FAST else 6):
        assert await racer.acknowledge() == 0, "an interrupt though none was wanted"
        for _ in range(chains):
            racer.publish()
        await racer.notify()
        await racer.bench.wait_cycles(offset + (0 if FAST else random.randrange(6)))
        after = random.randint(1, chains) if event_idx else 1
        racer.interrupt_after(after)
        seen = (racer.used - racer.taken) % MODULUS >= after
        await racer.world.wait_quiet()
        causes = await racer.acknowledge()
        assert seen or causes & Interrupt.USED_BUFFER, f"lost interrupt at offset {offset}"
        seen_both.add(seen)
        await racer.finish(f"offset {offset}")
        racer.interrupt_after(0)
    assert len(seen_both) == 2, "the window saw no race"
    await racer.check()


# ---- order 5: asking for notifications acknowledged before the last look


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], late=[False, True], others=[0, 3])
async def published_at_any_cycle_of_going_idle(dut, event_idx, late, others):
    """The driver publishes, and notifies only if it is asked to: every chain is served.

    With `others`, visits of other queues are waiting around the end of this one's.
    """
    settings = LATEST if late else latency(5)
    world = await begin(dut, settings, EVENT if event_idx else NOTHING, sizes=(8,) * (1 + others))
    racer = Racer(world)
    window = await window_of(racer)
    told = set()
    for offset in range(0, window, 1 if FAST else 6):
        racer.publish()
        await racer.notify()
        for other in range(others):
            await racer.bench.write32(Reg.QUEUE_NOTIFY, 1 + other)
        await racer.bench.wait_cycles(offset + (0 if FAST else random.randrange(6)))
        before = racer.avail
        racer.publish()
        wanted = racer.wants_notification(before)
        if wanted:
            await racer.notify()
        await racer.finish(f"offset {offset}, {'notified' if wanted else 'not notified'}")
        await racer.world.wait_quiet()
        told.add(wanted)
    assert len(told) == 2, "the window saw no race"
    await racer.check()
