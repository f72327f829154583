# SPDX-License-Identifier: Apache-2.0
"""Raw drivers, which lay out one chain after the other by hand and know nothing but the ring.

A racer hands out the writes that publish a chain one by one, so that a test can let each of them
take effect when it likes, and leaves descriptors that nobody may use wherever none is published.
"""

from __future__ import annotations

import itertools
import os
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

from pymodel import (
    Descriptor,
    Fault,
    Feature,
    Interrupt,
    PackedDescriptor,
    PackedLayout,
    Position,
    SplitLayout,
)
from pymodel.layout import (
    AVAIL_F_NO_INTERRUPT,
    DESC_BYTES,
    DESC_F_NEXT,
    DESC_F_WRITE,
    U16,
    USED_ELEM_FORMAT,
    USED_F_NO_NOTIFY,
    need_event,
)
from pymodel.packed_layout import (
    EVENT_BYTES,
    EVENT_DESC,
    EVENT_DISABLE,
    EVENT_ENABLE,
    EVENT_FLAGS_AT,
    FIRST,
    FLAGS_AT,
    EventSuppression,
)
from pymodel.registers import Reg
from tb.bench import Bench
from tb.native_memory import Access, Settings
from tb.worlds import RtlWorld, Setup

NOTHING, EVENT = Feature(0), Feature.EVENT_IDX
PACKED = os.environ.get("RING") == "packed"
MODULUS = 1 << 16
FORBIDDEN = 0x1000  # in no region
NOBODY = 0xBEEF  # head of no descriptor
SLOTS = 2  # descriptors of a chain
USED, INDEX, SUPPRESS, LOOK, FLAG, PAYLOAD, SOURCE = range(1, 8)  # classes of watched bytes


@dataclass
class Chain:
    """One chain under way: where it reads and writes, and what it reads."""

    head: int
    source: int
    target: int
    data: bytes


class Racer(ABC):
    """One queue, driven by hand. Every chain reads some bytes and gets them back.

    Attributes:
        avail: chains that were published, in 16 bits.
        taken: chains that were collected.
    """

    first_index = 0  # of a new life, in the registers

    def __init__(self, world: RtlWorld, queue: int = 0, length: int = 21) -> None:
        self.world, self.queue, self.length = world, queue, length
        self.bench, self.memory = world.bench, world.bench.memory
        self.event_idx = bool(world.setup.features & EVENT)
        self.size = world.queue(queue).size
        self.avail = self.taken = 0
        self.flying: list[Chain] = []
        self.places = itertools.cycle(
            [world.allocator.allocate(2 * length + 64, 64) for _ in range(self.size + 1)]
        )
        self.heads = itertools.cycle(range(0, self.size - 1, SLOTS))
        self.clear()
        self.memory.check_writes()

    # ---- the ring

    @abstractmethod
    def clear(self) -> None:
        """Write the ring of a queue that is not live: nothing is published or used."""

    @abstractmethod
    def writes(self, chain: Chain) -> list[tuple[int, bytes]]:
        """Return the writes that make the next chain available, in order."""

    @abstractmethod
    def take(self, chain: Chain) -> None:
        """Check that the oldest chain was used; poison what it leaves behind."""

    @abstractmethod
    def spoil(self) -> Fault:
        """Make the chain that was published last a bad one; return its fault."""

    @property
    @abstractmethod
    def used(self) -> int:
        """Chains that were used, in 16 bits."""

    @property
    @abstractmethod
    def untouched(self) -> int:
        """Address of the word that the device writes only after it fetched something."""

    @property
    @abstractmethod
    def read_areas(self) -> list[tuple[int, int]]:
        """Where the device finds chains."""

    @abstractmethod
    def index(self, chains: int) -> int:
        """Return how a register shows an index, so many chains after the start."""

    @abstractmethod
    def wants_notification(self, before: int) -> bool:
        """Whether the device asked to be told of what came since chain `before`."""

    @abstractmethod
    def interrupt_after(self, chains: int) -> None:
        """Ask for an interrupt once so many more chains are used; 0 for none."""

    @abstractmethod
    def watch(self) -> None:
        """Let the log tell the ring's parts from each other."""

    def owns(self, addr: int) -> bool:
        """Whether an address is in the ring."""
        areas = zip(self.layout.areas, self.layout.lengths)
        return any(start <= addr < start + length for start, length in areas)

    @property
    @abstractmethod
    def layout(self) -> SplitLayout | PackedLayout:
        """Where the ring is."""

    @abstractmethod
    def published(self, log: list[Access]) -> Iterator[tuple[Access, int]]:
        """Of writes to the ring yield those that publish, and the chains used with them."""

    @abstractmethod
    def elements(self, log: list[Access]) -> Iterator[tuple[Access, int]]:
        """Yield the writes that must be done before a chain is published, and its number."""

    # ---- the driver

    def prepare(self) -> list[tuple[int, bytes]]:
        """Return the writes that publish one more chain, in the order that the driver must keep."""
        source = next(self.places) + random.randrange(32)
        chain = Chain(next(self.heads), source, source + self.length, random.randbytes(self.length))
        self.memory.write(chain.source, bytes(2 * self.length))
        self.memory.allow(chain.target, self.length)
        self.flying.append(chain)
        writes = self.writes(chain)
        self.avail = (self.avail + 1) % MODULUS
        return [(chain.source, chain.data), *writes]

    def publish(self) -> None:
        """Publish one more chain now."""
        for addr, data in self.prepare():
            self.memory.write(addr, data)

    def withdraw(self, index: int) -> None:
        """Forget the chains from `index` on, none of whose writes was done."""
        while self.avail != index:
            self.memory.disallow(self.flying.pop().target, self.length)
            self.avail = (self.avail - 1) % MODULUS

    def word(self, addr: int) -> int:
        """Return 16 bits of the memory as it is now."""
        self.memory.catch_up(self.bench.cycle - 1)
        value: int = U16.unpack(self.memory.read(addr, 2))[0]
        return value

    async def notify(self) -> None:
        """Notify the device."""
        await self.bench.write32(Reg.QUEUE_NOTIFY, self.queue)

    def collect(self) -> int:
        """Take what was used; check it; return its number."""
        count = 0
        while self.taken != self.used:
            chain = self.flying.pop(0)
            self.take(chain)
            assert self.memory.read(chain.target, self.length) == chain.data
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

    def forget(self) -> None:
        """Do what a driver does with a queue that is not live: give all up, clear the ring."""
        for chain in self.flying:
            self.memory.disallow(chain.target, self.length)
        self.flying.clear()
        self.avail = self.taken = 0
        self.clear()

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


class SplitRacer(Racer):
    """A split ring."""

    def __init__(self, world: RtlWorld, queue: int = 0, length: int = 21) -> None:
        layout = world.queue(queue).layout
        assert isinstance(layout, SplitLayout)
        self._layout = layout
        super().__init__(world, queue, length)
        self.memory.allow(layout.used, 6 + 8 * self.size)

    @property
    def layout(self) -> SplitLayout:
        """See `Racer`."""
        return self._layout

    def clear(self) -> None:
        """See `Racer`."""
        for index in range(self.size):
            self.poison(index)
            self.memory.write(self.layout.avail_entry(index), U16.pack(NOBODY))
        self.memory.write(self.layout.avail_idx, U16.pack(0))
        self.memory.write(self.layout.used, bytes(6 + 8 * self.size))

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

    def writes(self, chain: Chain) -> list[tuple[int, bytes]]:
        """See `Racer`."""
        first = Descriptor(chain.source, self.length, DESC_F_NEXT, chain.head + 1)
        second = Descriptor(chain.target, self.length, DESC_F_WRITE, 0)
        return [
            (self.layout.descriptor(chain.head + 1), second.pack()),
            (self.layout.descriptor(chain.head), first.pack()),
            (self.layout.avail_entry(self.avail), U16.pack(chain.head)),
            (self.layout.avail_idx, U16.pack((self.avail + 1) % MODULUS)),
        ]

    def take(self, chain: Chain) -> None:
        """See `Racer`."""
        raw = self.memory.read(self.layout.used_elem(self.taken), 8)
        assert USED_ELEM_FORMAT.unpack(raw) == (chain.head, self.length)
        self.memory.write(self.layout.avail_entry(self.taken), U16.pack(NOBODY))
        self.poison(chain.head)
        self.poison(chain.head + 1)

    def spoil(self) -> Fault:
        """See `Racer`."""
        last = self.layout.descriptor(self.flying[-1].head + 1)
        self.memory.write(last + 12, bytes([1, 0, 99, 0]))  # names one out of range
        return Fault.NEXT_RANGE

    @property
    def used(self) -> int:
        """See `Racer`."""
        return self.word(self.layout.used_idx)

    @property
    def untouched(self) -> int:
        """See `Racer`."""
        return self.layout.avail_event

    @property
    def read_areas(self) -> list[tuple[int, int]]:
        """See `Racer`."""
        return [
            (self.layout.avail, 6 + 2 * self.size),
            (self.layout.table, DESC_BYTES * self.size),
        ]

    def index(self, chains: int) -> int:
        """See `Racer`."""
        return chains

    def wants_notification(self, before: int) -> bool:
        """See `Racer`."""
        if self.event_idx:
            return need_event(self.word(self.layout.avail_event), self.avail, before)
        return not self.word(self.layout.used_flags) & USED_F_NO_NOTIFY

    def interrupt_after(self, chains: int) -> None:
        """See `Racer`."""
        if self.event_idx:
            at = self.taken + chains - 1 if chains else self.taken - 2
            self.memory.write(self.layout.used_event, U16.pack(at % MODULUS))
        else:
            flags = 0 if chains else AVAIL_F_NO_INTERRUPT
            self.memory.write(self.layout.avail_flags, U16.pack(flags))

    def watch(self) -> None:
        """See `Racer`."""
        layout = self.layout
        self.memory.watch(layout.used_elem(0), 8 * layout.size, USED)
        self.memory.watch(layout.used_idx, 2, INDEX)
        self.memory.watch(layout.avail_idx, 2, LOOK)
        self.memory.watch(layout.used_event if self.event_idx else layout.avail_flags, 2, SUPPRESS)
        self.memory.watch(layout.avail_event if self.event_idx else layout.used_flags, 2, FLAG)

    def published(self, log: list[Access]) -> Iterator[tuple[Access, int]]:
        """See `Racer`."""
        for access in log:
            if access.watch == INDEX:
                yield access, U16.unpack(access.data)[0]

    def elements(self, log: list[Access]) -> Iterator[tuple[Access, int]]:
        """See `Racer`."""
        for access in log:
            if access.watch == USED:
                for addr in range(access.addr, access.addr + len(access.data), 8):
                    slot = (addr - self.layout.used_elem(0)) // 8
                    yield access, self.taken + (slot - self.taken) % self.size + 1


class PackedRacer(Racer):
    """A packed ring.

    A descriptor that is not the first one of the next chain there looks available, and is poison.
    """

    first_index = FIRST.word

    def __init__(self, world: RtlWorld, queue: int = 0, length: int = 21) -> None:
        layout = world.queue(queue).layout
        assert isinstance(layout, PackedLayout)
        self._layout = layout
        super().__init__(world, queue, length)
        self.memory.allow(layout.ring, DESC_BYTES * self.size)
        self.memory.allow(layout.device, EVENT_BYTES)

    @property
    def layout(self) -> PackedLayout:
        """See `Racer`."""
        return self._layout

    def place(self, slot: int) -> Position:
        """Return where descriptor number `slot` since the start is."""
        return FIRST.ahead(slot, self.size)

    def address(self, slot: int) -> int:
        """Return the address of descriptor number `slot`."""
        return self.layout.descriptor(slot % self.size)

    def poison(self, slot: int, flags: int) -> None:
        """Leave what nobody may use where descriptor number `slot` is to come."""
        place = self.place(slot)
        if slot % SLOTS:
            flags = place.available | random.choice([0, DESC_F_NEXT])
        bad = PackedDescriptor(FORBIDDEN, 64, NOBODY, flags ^ random.choice([0, DESC_F_WRITE]))
        self.memory.write(self.address(slot), bad.pack())

    def clear(self) -> None:
        """See `Racer`."""
        for slot in range(self.size):
            self.poison(slot, 0)
        self.memory.write(self.layout.device, bytes(EVENT_BYTES))

    def writes(self, chain: Chain) -> list[tuple[int, bytes]]:
        """See `Racer`."""
        slot = SLOTS * self.avail
        flags = [self.place(slot + n).available for n in range(SLOTS)]
        first = PackedDescriptor(chain.source, self.length, NOBODY, flags[0] | DESC_F_NEXT).pack()
        second = PackedDescriptor(chain.target, self.length, chain.head, flags[1] | DESC_F_WRITE)
        return [
            (self.address(slot + 1), second.pack()),
            (self.address(slot), first[:FLAGS_AT]),
            (self.address(slot) + FLAGS_AT, first[FLAGS_AT:]),
        ]

    def take(self, chain: Chain) -> None:
        """See `Racer`."""
        slot = SLOTS * self.taken
        raw = PackedDescriptor.unpack(self.memory.read(self.address(slot), DESC_BYTES))
        flags = self.place(slot).used | DESC_F_WRITE
        assert (raw.id, raw.length, raw.flags) == (chain.head, self.length, flags)
        for number in range(slot, slot + SLOTS):
            self.poison(number + self.size, self.place(number).used)

    def spoil(self) -> Fault:
        """See `Racer`."""
        slot = SLOTS * self.avail - 1
        self.memory.write(self.address(slot) + FLAGS_AT, U16.pack(self.place(slot).used))
        return Fault.NEXT_RANGE

    @property
    def used(self) -> int:
        """See `Racer`."""
        self.memory.catch_up(self.bench.cycle - 1)
        index = self.taken
        while index != self.avail:
            place = self.place(SLOTS * index)
            flags = self.memory.read(self.layout.flags(place.offset), 2)
            if not place.is_used(U16.unpack(flags)[0]):
                break
            index += 1
        return index

    @property
    def untouched(self) -> int:
        """See `Racer`."""
        return self.layout.device

    @property
    def read_areas(self) -> list[tuple[int, int]]:
        """See `Racer`."""
        return [(self.layout.ring, DESC_BYTES * self.size)]

    def index(self, chains: int) -> int:
        """See `Racer`."""
        return self.place(SLOTS * chains).word

    def wants_notification(self, before: int) -> bool:
        """See `Racer`."""
        self.memory.catch_up(self.bench.cycle - 1)
        wish = EventSuppression.unpack(self.memory.read(self.layout.device, EVENT_BYTES))
        old, new = (self.place(SLOTS * index) for index in (before, self.avail))
        return wish.wants(old, new, self.size, self.event_idx)

    def interrupt_after(self, chains: int) -> None:
        """See `Racer`."""
        wish = EventSuppression(0, EVENT_ENABLE if chains else EVENT_DISABLE)
        if self.event_idx and (chains or random.random() < 0.5):
            slot = SLOTS * (self.taken + chains) - 1 - random.randrange(SLOTS)
            if not chains:  # of the lap before
                slot = SLOTS * self.taken + 2 * self.size - 1
            wish = EventSuppression(self.place(slot).word, EVENT_DESC)
        self.memory.write(self.layout.driver, wish.pack())

    def watch(self) -> None:
        """See `Racer`."""
        self.memory.watch(self.layout.ring, DESC_BYTES * self.size, LOOK)
        self.memory.watch(self.layout.driver, EVENT_BYTES, SUPPRESS)
        at = 0 if self.event_idx else EVENT_FLAGS_AT
        self.memory.watch(self.layout.device + at, 2, FLAG)

    def published(self, log: list[Access]) -> Iterator[tuple[Access, int]]:
        """See `Racer`."""
        index = self.taken
        for access in log:
            while access.watch == LOOK and index != self.avail:
                flags = self.address(SLOTS * index) + FLAGS_AT
                if not access.addr <= flags < access.addr + len(access.data):
                    break
                index += 1
                yield access, index

    def elements(self, log: list[Access]) -> Iterator[tuple[Access, int]]:
        """See `Racer`. A used descriptor vouches for its own fields."""
        return iter(())


def new_racer(world: RtlWorld, queue: int = 0, length: int = 21) -> Racer:
    """Return a racer of a queue's format."""
    kind = PackedRacer if world.queue(queue).layout.packed else SplitRacer
    return kind(world, queue, length)


async def begin(dut, settings: Settings, features: Feature, **fields) -> RtlWorld:
    """Return a world that has started; packed rings are of odd sizes, so chains cross their end."""
    bench = Bench(dut, settings)
    await bench.start()
    fields = {"sizes": (8,), "memory": 1 << 18, "tables": 1 << 12, "indirect": "never"} | fields
    if PACKED:
        fields["sizes"] = tuple(size - 1 for size in fields["sizes"])
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
