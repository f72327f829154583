# SPDX-License-Identifier: Apache-2.0
"""The comparison with the golden model while a foreign driver drives the Verilog.

The driver writes guest memory when it likes to, so that memory tells nothing sure. The model works
on what the device has read instead (`tb.native_memory.Views`): whenever the Verilog publishes used
buffers, before anything else can happen on the bus, the model returns the same ones, and each byte
that it writes must be one that the Verilog wrote, and the other way round. Compared besides are
the interrupts, as far as what the Verilog read of the driver's wish decides on them; where and
whether notifications are asked for; frames, sectors, registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, NamedTuple, NoReturn, Optional

from pymodel import (
    Chain,
    EventSuppression,
    Feature,
    Memory,
    MemoryFault,
    ModelDevice,
    PackedLayout,
    Position,
    QueueFault,
    RingState,
    SplitLayout,
    Status,
    need_event,
)
from pymodel.device_ring import DeviceRing
from pymodel.features import MODEL_OFFER
from pymodel.layout import AVAIL_F_NO_INTERRUPT, INDEX_MODULUS, MAX_QUEUE_SIZE, U16, QueueLayout
from pymodel.packed_layout import EVENT_BYTES
from pymodel.registers import CONFIG_BASE, CONFIG_END, OWN_BASE, Reg
from tb.bench import Bench
from tb.hil.followed import Outside, Request
from tb.native_memory import Notice, Place
from tb.registers import device_parameters
from tb.sides import batch_end, mismatch
from tb.wish import Wish

STOPS = {Reg.STATUS: 0, Reg.QUEUE_READY: 0, Reg.QUEUE_RESET: 1}  # writes that end queues' lives
COMPARED = (Reg.STATUS, Reg.FAULT_CODE, Reg.FAULT_QUEUE, Reg.FAULT_DESCRIPTOR, Reg.FAULT_COUNT)
COMPARED_OF_QUEUE = (Reg.QUEUE_READY, Reg.QUEUE_AVAIL_INDEX, Reg.QUEUE_USED_INDEX, Reg.QUEUE_FAULT)
MOST_BEHIND = 8  # interrupts that may be decided on and not yet raised
LOOK_OUTSIDE = 64  # used elements between two looks at what is outside, while the device works
MOST_BYTES = 1 << 24  # of a request; what ends a longer one has done is not compared
WRITTEN = 1  # bit of a byte's state


class Tally(NamedTuple):
    """What was compared.

    Attributes:
        elements: used elements, with IN_ORDER each for several chains.
        bytes: that the device wrote into guest memory.
        interrupts: that were due.
        publications: writes that published used elements.
    """

    elements: int = 0
    bytes: int = 0
    interrupts: int = 0
    publications: int = 0


class Observer:
    """Is told what the Verilog does; by itself it does nothing about it."""

    def published(self, cycle: int, queue: int, index: int, frames: Sequence[int]) -> None:
        """It has published used buffers.

        Args:
            cycle: of the write that did.
            queue: whose.
            index: the queue's ring index after it.
            frames: numbers of the frames from the MAC that lie in the buffers.
        """

    def called(self, queue: int) -> None:
        """It has raised an interrupt for a queue."""

    def idle(self) -> None:
        """It has nothing left to do, and was compared."""


class Decisions:
    """Which interrupts a queue's driver must get.

    The device reads the driver's wish after it has published, once for one publication or for
    several that follow each other. Which they are is not known from outside, but not all is
    possible; every possibility is followed.

    Args:
        first: ring index at which the queue began.
        wants: given what was read, and the ring index before and after: whether it is due.
    """

    def __init__(self, first: int, wants: Callable[[bytes, int, int], bool]) -> None:
        self._wants = wants
        self._published = [(-1, first)]  # cycle, ring index
        self._possible = {(0, 0)}  # publications decided on, interrupts to come

    def publish(self, cycle: int, index: int) -> None:
        """The device has published."""
        self._published.append((cycle, index))

    def decide(self, asked: int, wish: bytes) -> None:
        """The device has read the wish, for which it asked in a cycle."""
        published = self._published
        found = {
            (end, due + self._wants(wish, published[begin][1], published[end][1]))
            for begin, due in self._possible
            for end in range(begin + 1, len(published))
            if published[end][0] < asked
        }
        if not found:
            return
        first = min(end for end, _ in found)
        del published[:first]
        self._possible = {(end - first, due) for end, due in found}

    def interrupt(self) -> bool:
        """The device has raised an interrupt; whether one was due."""
        self._possible = {(end, due - 1) for end, due in self._possible if due}
        return bool(self._possible)

    @property
    def behind(self) -> bool:
        """Whether interrupts are missing that must have come by now."""
        return all(due > MOST_BEHIND for _, due in self._possible)

    def settle(self) -> Optional[str]:
        """Nothing is under way any more: say what is wrong, or None."""
        whole = len(self._published) - 1
        possible = [due for end, due in self._possible if end == whole]
        if not possible:
            return "used buffers were published, and the driver's wish was not read after that"
        if min(possible):
            return f"{min(possible)} interrupts are missing"
        del self._published[:whole]
        self._possible = {(0, 0)}
        return None


class _Queue:
    """A live queue that is followed."""

    def __init__(self, ring: DeviceRing, layout: QueueLayout, event_idx: bool) -> None:
        self.ring, self.layout = ring, layout
        self.event_idx = event_idx
        self.wish = Wish(layout, event_idx, ring.used_index)
        self.own = {addr for addr, _ in self.wish.places}  # written in the device's own time
        self.decisions = Decisions(ring.used_index, self._wants)
        self.driver_wish: tuple[int, int]
        if isinstance(layout, SplitLayout):
            self.own.add(layout.used_idx)
            self.driver_wish = (layout.used_event if event_idx else layout.avail_flags, 2)
        else:
            self.own.add(layout.areas[2] + 2)
            self.driver_wish = (layout.areas[1], EVENT_BYTES)

    def _wants(self, wish: bytes, old: int, new: int) -> bool:
        if isinstance(self.layout, SplitLayout):
            value: int = U16.unpack(wish[:2])[0]
            if self.event_idx:
                return need_event(value, new, old)
            return not value & AVAIL_F_NO_INTERRUPT
        event = EventSuppression.unpack(wish[:EVENT_BYTES])
        begin, end = Position.of(old), Position.of(new)
        return event.wants(begin, end, self.layout.size, self.event_idx)


class Follower:
    """A model device that follows the Verilog's, register accesses on the way to both.

    `read32` and `write32` stand for those of the bench. `run` must run as a task, `called` be
    called at each interrupt of a queue, and `idle` when the device has nothing left to do. Each
    raises `tb.sides.Mismatch` where the two differ.

    Args:
        bench: of the device, with its memory.
        outside: the golden function, and what surrounds it.
        offer: feature bits that the device offers.
        device: other parameters of the model device.

    Attributes:
        model: the model device.
        tally: what was compared.
        hears_interrupts: whether `called` is called.
        observer: is told what the Verilog does, once it was compared.
    """

    def __init__(self, bench: Bench, outside: Outside, offer: int, **device: Any) -> None:
        self.bench, self.outside = bench, outside
        self.views = bench.memory.follow()
        self.seen: Memory = self.views.seen
        self.model = ModelDevice(
            self.views.model,
            function=outside.function,
            offer=Feature(offer & int(MODEL_OFFER)),
            batch=MAX_QUEUE_SIZE,
            batch_end=lambda queue, ring, index: batch_end(self.seen, ring.layout, index),
            **device,
        )
        outside.attach(self)
        self.hears_interrupts = True
        self.observer = Observer()
        self._queues: dict[int, _Queue] = {}
        self._stop: Optional[tuple[int, int, int]] = None  # register, value, queue
        self._fresh = True  # no queue has lived since the last reset
        self._dropped = 0  # regions that had gone when the first queue of this life began
        self._selected = 0
        self._elements = self._bytes = self._interrupts = self._publications = 0
        self._taken = Tally()

    @classmethod
    async def of(cls, bench: Bench, outside: Outside, offer: int) -> Follower:
        """Return the follower of a device whose registers tell the rest."""
        return cls(bench, outside, offer, **await device_parameters(bench.read32))

    @property
    def tally(self) -> Tally:
        """What was compared so far."""
        return Tally(self._elements, self._bytes, self._interrupts, self._publications)

    def take_tally(self) -> Tally:
        """Return what was compared since the last time."""
        found, before = self.tally, self._taken
        self._taken = found
        return Tally(*(now - then for now, then in zip(found, before)))

    def live(self, queue: int) -> Optional[tuple[QueueLayout, int]]:
        """Return the layout of a live queue and the ring index up to which it has returned."""
        found = self._queues.get(queue)
        return None if found is None else (found.layout, found.ring.used_index)

    @property
    def layouts(self) -> list[QueueLayout]:
        """Those of the live queues."""
        return [live.layout for live in self._queues.values()]

    # ---- what a function may know

    def held(self, queue: int) -> Sequence[Chain]:
        """See `Surroundings`."""
        return self.model.held(queue)

    def last_of_batch(self, queue: int) -> Optional[int]:
        """See `Surroundings`."""
        if not self.model.negotiated & Feature.IN_ORDER:
            return None
        live = self._queues[queue]
        return batch_end(self.seen, live.layout, live.ring.used_index)

    # ---- registers

    async def read32(self, offset: int) -> int:
        """Return a register of the device; configuration space is compared."""
        value = await self.bench.read32(offset)
        if self._stop is not None and self._stop[0] == offset and value == 0:
            self._end_lives()
        if CONFIG_BASE <= offset < CONFIG_END and value != (theirs := self.model.read32(offset)):
            what = f"reading the configuration space at {offset - CONFIG_BASE:#x}"
            self._fail(what, [f"rtl {value:#010x}, model {theirs:#010x}"])
        return value

    async def write32(self, offset: int, value: int, strobes: int = 0xF) -> None:
        """Write a register of the device and of the model."""
        if self._stop is not None:
            self._end_lives()
        if offset == Reg.QUEUE_SEL:
            self._selected = value
        if offset in STOPS and value == STOPS[Reg(offset)]:
            await self.bench.write32(offset, value, strobes)
            self._stop = (offset, value, self._selected)  # over when it can be read
            return
        self.model.write32(offset, value, strobes)
        if offset == Reg.QUEUE_READY:
            self._begin_life(self._selected)
        elif offset == Reg.QUEUE_NOTIFY and self.model.negotiated & Feature.NOTIFICATION_DATA:
            self._told(value & 0xFFFF, value >> 16)
        await self.bench.write32(offset, value, strobes)

    def _told(self, queue: int, index: int) -> None:
        """An index that the driver told is as good as one that was read."""
        live = self._queues.get(queue)
        if live is not None and isinstance(live.layout, SplitLayout):
            ahead = (index - live.ring.next_avail) % INDEX_MODULUS
            if 0 < ahead <= live.layout.size:
                self.views.model.write(live.layout.avail_idx, U16.pack(index))

    def _begin_life(self, queue: int) -> None:
        ring = self.model.ring(queue) if queue < self.model.queue_count else None
        if ring is None or queue in self._queues:
            return
        event_idx = bool(self.model.negotiated & Feature.EVENT_IDX)
        ring.set_features(event_idx, bool(self.model.negotiated & Feature.INDIRECT_DESC))
        layout = ring.layout
        if self._fresh:
            self._fresh, self._dropped = False, self.views.dropped
        live = self._queues[queue] = _Queue(ring, layout, event_idx)
        if isinstance(layout, SplitLayout):
            self.views.place(layout.used_idx, 2, Place.PUBLISHES, queue)
        else:
            self.views.place(layout.areas[0], layout.lengths[0], Place.PUBLISHES, queue)
        self.views.place(*live.driver_wish, Place.WISH, queue)

    def _end_lives(self) -> None:
        """The Verilog has ended the life of one queue, or of all: so does the model."""
        assert self._stop is not None
        (offset, value, queue), self._stop = self._stop, None
        self.catch_up()
        ended = list(self._queues) if offset == Reg.STATUS else [queue]
        for each in ended:
            self._release(each)
        self.model.write32(offset, value)
        if offset == Reg.STATUS:
            self._check_explained("the reset")
            self._fresh = True

    def _release(self, queue: int) -> None:
        """Take what the Verilog wrote for chains that it has not returned."""
        live = self._queues.pop(queue, None)
        if live is None:
            return
        self.views.drop_places(queue)
        areas = [(live.layout.areas[2], live.layout.lengths[2])]
        if live.layout.packed:
            areas.append((live.layout.areas[0], live.layout.lengths[0]))
        chains = [*self.model.held(queue), *self._fetched(live.ring)]
        for chain in chains:
            areas += chain.writable
        for addr, length in areas:
            self.views.copy(addr, length)
        self.outside.ended(queue, [each for chain in chains if (each := self._request(chain))])

    def _request(self, chain: Chain) -> Optional[Request]:
        """Return what a chain asks for, None if no function can have got it."""
        if max(chain.readable_len, chain.writable_len) > MOST_BYTES:
            return None
        try:
            pieces = [self.views.model.read(*segment) for segment in chain.readable]
        except MemoryFault:
            return None
        return Request(b"".join(pieces), chain.writable_len)

    @staticmethod
    def _fetched(ring: DeviceRing) -> list[Chain]:
        """Return the chains that the Verilog may have fetched."""
        found: list[Chain] = []
        try:
            while len(found) < MAX_QUEUE_SIZE and (ring.known or ring.look()):
                found.append(ring.fetch())
        except QueueFault:
            pass
        return found

    # ---- the model follows

    async def run(self) -> None:
        """Follow each publication, before the next clock edge."""
        published = self.bench.dut.published
        while True:
            await published.value_change
            self.catch_up()

    def catch_up(self) -> None:
        """Do what the Verilog has published."""
        for notice in self.views.notices():
            live = self._queues.get(notice.queue)
            if live is None:
                self._fail("a publication", [f"queue {notice.queue} is not live"])
            if notice.kind is Place.PUBLISHES:
                self._follow(notice, live)
            else:
                live.decisions.decide(notice.asked, notice.data)
                if self.hears_interrupts and live.decisions.behind:
                    self._fail(f"queue {notice.queue}", ["interrupts are missing"], live)

    def _follow(self, notice: Notice, live: _Queue) -> None:
        self._publications += 1
        before = live.ring.used_index
        if isinstance(live.layout, SplitLayout):
            self._follow_split(notice.queue, live, live.layout)
        else:
            assert isinstance(live.layout, PackedLayout)
            self._follow_packed(notice.queue, live, live.layout)
        if live.ring.used_index != before:
            live.decisions.publish(notice.cycle, live.ring.used_index)
        frames = self.outside.take_frames()
        self.observer.published(notice.cycle, notice.queue, live.ring.used_index, frames)
        if self._publications % LOOK_OUTSIDE == 0:
            self._compare_outside(quiet=False)

    def _follow_split(self, queue: int, live: _Queue, layout: SplitLayout) -> None:
        ring, model = live.ring, self.views.model
        index: int = U16.unpack(self.seen.read(layout.used_idx, 2))[0]
        available: int = U16.unpack(model.read(layout.avail_idx, 2))[0]
        new = (index - ring.used_index) % INDEX_MODULUS
        known = (available - ring.used_index) % INDEX_MODULUS
        what = f"queue {queue}, used index {index}"
        if new > known:
            self._fail(what, [f"{new} new ones, of {known} available"], live)
        self.outside.published(queue, new)
        while ring.used_index != index:
            self._step(what, queue, live)
            if (index - ring.used_index) % INDEX_MODULUS > new:
                self._fail(what, [f"the model returns more: its index is {ring.used_index}"], live)
        self.views.copy(layout.used_idx, U16.size)
        if self.views.state.read(layout.avail_event, 1)[0] & WRITTEN:
            self._check_wish(what, live, available)

    def _follow_packed(self, queue: int, live: _Queue, layout: PackedLayout) -> None:
        ring, state = live.ring, self.views.state
        self.outside.published(queue, None)
        place = Position.of(ring.used_index)
        what = f"queue {queue}, used descriptor {place.text()}"
        while True:
            flags = layout.flags(place.offset)
            if not state.read(flags, 1)[0] & WRITTEN:
                break
            if not place.is_used(U16.unpack(self.seen.read(flags, 2))[0]):
                break
            what = f"queue {queue}, used descriptor {place.text()}"
            self._step(what, queue, live)
            place = Position.of(ring.used_index)
        if state.read(layout.areas[2], 1)[0] & WRITTEN:
            self._check_wish(what, live, None)

    def _check_wish(self, what: str, live: _Queue, published: Optional[int]) -> None:
        found = live.wish.differences(self.seen, self.views.model, published)
        if found:
            self._fail(what, found, live)
        for addr, length in live.wish.places:
            self.views.copy(addr, length)

    def _step(self, what: str, queue: int, live: _Queue) -> None:
        """Let the model return one chain, or one batch or group; compare what it writes."""
        memory = self.views.model
        written: list[tuple[int, int]] = []
        memory.written = written
        self.outside.step()
        while not self.model.step(queue):
            if not self.outside.more(queue):
                memory.written = None
                self._fail(what, [self._no_step(queue)], live)
        memory.written = None
        own = live.own
        ranges = [each for each in written if each[0] not in own or each[1] > EVENT_BYTES]
        wrong = self.views.explain(ranges)
        if wrong is not None:
            self._fail(what, [self._wrong_byte(*wrong, ranges)], live)
        self._elements += 1
        self._bytes += sum(length for _, length in ranges)

    def _no_step(self, queue: int) -> str:
        fault = self.model.read32(Reg.FAULT_CODE)
        if fault:
            return f"the model finds fault {fault} with what the device read"
        return "the model has nothing to return there"

    def _wrong_byte(self, addr: int, written: bool, ranges: Sequence[tuple[int, int]]) -> str:
        first, length = next(each for each in ranges if 0 <= addr - each[0] < each[1])
        rest = min(16, first + length - addr)
        model = self.views.model.read(addr, rest).hex()
        place = f"byte {addr - first} of {length} at {first:#x}"
        if not written:
            return f"{place}: the rtl wrote nothing, model {model}"
        return f"{place}: rtl {self.seen.read(addr, rest).hex()}, model {model}"

    # ---- interrupts

    def called(self, queue: int) -> None:
        """The device has raised an interrupt for a queue."""
        self.catch_up()
        live = self._queues.get(queue)
        if live is None:
            self._fail("an interrupt", [f"queue {queue} is not live"])
        self._interrupts += 1
        if not live.decisions.interrupt():
            self._fail(f"queue {queue}", ["an interrupt that the driver did not ask for"], live)
        self.observer.called(queue)

    # ---- nothing left to do

    def idle(self) -> None:
        """Compare all that must be equal when the device has nothing left to do."""
        self.catch_up()
        self.outside.quiet()
        before = {queue: live.ring.used_index for queue, live in self._queues.items()}
        self.model.run()
        for queue, live in self._queues.items():
            what = f"queue {queue}, idle"
            if live.ring.used_index != before[queue]:
                self._fail(what, [f"chains from {before[queue]} on are not returned"], live)
            found = []
            for addr, length in live.wish.places:
                ours, theirs = self.seen.read(addr, length), self.views.model.read(addr, length)
                if ours != theirs:
                    name = "device event" if live.layout.packed else "used.flags, avail_event"
                    found.append(f"{name} at {addr:#x}: rtl {ours.hex()}, model {theirs.hex()}")
            wrong = live.decisions.settle() if self.hears_interrupts else None
            if wrong is not None:
                found.append(wrong)
            if found:
                self._fail(what, found, live)
            for addr, length in live.wish.places:
                self.views.copy(addr, length)
        self._check_explained("all work")
        self._compare_outside(quiet=True)
        self.observer.idle()

    def _check_explained(self, what: str) -> None:
        """Fail where the Verilog wrote what no chain explains; not after a driver's fault."""
        if not self.views.unexplained:
            return
        places = self.views.first_unexplained()
        if self.model.status & Status.NEEDS_RESET or not self._whole:
            for addr, length in places:
                self.views.copy(addr, length)
            return
        self._fail(
            what,
            [
                f"{length} bytes at {addr:#x}, which no returned chain explains: "
                f"{self.seen.read(addr, min(length, 16)).hex()}"
                for addr, length in places
            ],
        )

    def _compare_outside(self, quiet: bool) -> None:
        found = self.outside.differences(quiet)
        if found:
            self._fail("all work" if quiet else "a publication", found)

    async def finish(self) -> None:
        """The device has nothing left to do: compare registers and what is outside as well."""
        self.idle()
        found = [await self._register(register) for register in COMPARED if self._whole]
        for queue in self._queues:
            await self.write32(Reg.QUEUE_SEL, queue)
            found += [await self._register(register) for register in COMPARED_OF_QUEUE]
        values = self.model.function.own_registers()
        ours = [await self.bench.read32(OWN_BASE + 4 * number) for number in range(len(values))]
        for number, (rtl, model) in enumerate(
            zip(self.outside.own_registers(ours), self.outside.own_registers(values))
        ):
            found.append("" if rtl == model else f"own register {number}: rtl {rtl}, model {model}")
        found = [each for each in found if each] + self.outside.at_the_end()
        if found:
            self._fail("the end", found)

    @property
    def _whole(self) -> bool:
        """Whether no memory went while queues lived: then faults are the driver's, not time's."""
        return self._fresh or self.views.dropped == self._dropped

    async def _register(self, register: Reg) -> str:
        rtl, model = await self.bench.read32(register), self.model.read32(register)
        return "" if rtl == model else f"register {register.name}: rtl {rtl:#x}, model {model:#x}"

    def _fail(self, what: str, found: Sequence[str], live: Optional[_Queue] = None) -> NoReturn:
        states = None
        if live is not None:
            images = self.seen, self.views.model
            rtl, model = (RingState.capture(image, live.layout) for image in images)
            states = rtl, model
        raise mismatch(what, self.bench.cycle, found, states)
