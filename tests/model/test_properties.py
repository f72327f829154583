# SPDX-License-Identifier: Apache-2.0
"""Driver and device together, against a reference of the ring that is written anew here."""

from __future__ import annotations

import errno
import struct
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pymodel import Feature, Interrupt, Reg, VirtqueueError
from tests.model.formats import EACH_FORMAT
from tests.model.world import BUFFER_BYTES, BUFFERS, World

SLOT = 64  # bytes between the segments of buffers
UNTOUCHED = 0xEE


class Buffer:
    """What the reference knows of one outstanding buffer."""

    def __init__(self, out: list[tuple[int, int]], in_: list[tuple[int, int]], data: bytes) -> None:
        self.out, self.in_, self.data = out, in_, data
        self.length = min(len(data), sum(length for _, length in in_))
        self.table = False
        self.number: int | None = None  # its buffer id, once seen
        self.last: Buffer | None = self  # whose used element stands here; None if none does
        self.segments = [(*part, 0) for part in out] + [(*part, 1) for part in in_]


class SplitReference:
    """A split ring decoded anew from its bytes; positions count chains since the start."""

    packed = False
    sizes: ClassVar[list[int]] = [1, 2, 4, 8, 16, 64]

    def __init__(self, machine: RingMachine) -> None:
        self.m = machine
        self.layout = machine.world.layout
        self.start = machine.start

    @staticmethod
    def start_of(pick: int, size: int) -> int:
        """A start index, of which 0 and those where indices wrap are the usual ones."""
        return [0, 65535, 65520, 32760][pick % 4]

    def cost(self, buffer: Buffer) -> int:
        """How far a chain moves both indices."""
        return 1

    def device_wants(self, old: int, new: int) -> bool:
        """Whether the device wants to hear of chains made available from `old` up to `new`."""
        used = self.layout.used
        if not self.m.event_idx:
            return new > old and self.m.word(used) & 1 == 0
        event = self.m.word(used + 4 + 8 * self.m.size)
        return event in {(self.start + at) % 65536 for at in range(old, new)}

    def wish(self) -> tuple[int, ...]:
        """The driver's wish, to be asked about after the device worked."""
        avail = self.layout.avail
        return (self.m.word(avail + 4 + 2 * self.m.size if self.m.event_idx else avail),)

    def driver_wants(self, wish: tuple[int, ...], old: int, new: int) -> bool:
        """Whether the driver wants an interrupt for chains used from `old` up to `new`."""
        if not self.m.event_idx:
            return new > old and wish[0] & 1 == 0
        return wish[0] in {(self.start + at) % 65536 for at in range(old, new)}

    def device_areas(self) -> list[tuple[int, int]]:
        """What the device may write, besides buffers."""
        return [(self.layout.used, 6 + 8 * self.m.size)]

    def check_idle(self) -> None:
        """The device has asked for a notification of the next chain."""
        used = self.layout.used
        assert self.m.word(used) == 0
        if self.m.event_idx and self.m.completed:
            event = self.m.word(used + 4 + 8 * self.m.size)
            assert event == (self.start + self.m.published) % 65536

    def check(self) -> None:
        """Indices, the driver's wish, and every chain that the device has not returned."""
        m, avail, used = self.m, self.layout.avail, self.layout.used
        assert m.word(avail + 2) == (self.start + m.published) % 65536
        assert m.word(used + 2) == (self.start + m.completed) % 65536
        flags = m.word(avail)
        assert flags == (0 if m.event_idx or m.callbacks_on else 1)
        position = m.collected
        for token in m.returned:
            if (last := m.buffers[token].last) is not None:
                elem = used + 4 + 8 * ((self.start + position) % 65536 % m.size)
                head, length = struct.unpack("<II", m.world.memory.read(elem, 8))
                assert length == last.length
                assert head == last.number
            position += 1
        if m.event_idx and m.callbacks_on:
            event = m.word(avail + 4 + 2 * m.size)
            assert event == (self.start + m.collected) % 65536
        taken: set[int] = set()
        for ahead, token in enumerate(m.at_device + m.added):
            index = self.start + m.completed + ahead
            head = m.word(avail + 4 + 2 * (index % m.size))
            indices, segments = self.chain(head)
            assert not taken & set(indices)
            taken |= set(indices)
            assert segments == m.buffers[token].segments
            if token in m.at_device:
                m.buffers[token].number = head
        assert len(taken) <= m.size - m.queue.num_free

    def chain(self, head: int) -> tuple[list[int], list[tuple[int, int, int]]]:
        """Table indices and (address, length, writable) of a chain."""
        table, index = self.layout.table, head
        indices, found = [head], []
        while True:
            raw = self.m.world.memory.read(table + 16 * index, 16)
            addr, length, flags, link = struct.unpack("<QIHH", raw)
            if flags & 4:
                assert self.m.indirect != "never" and flags == 4
                table, index = addr, 0
                continue
            found.append((addr, length, flags >> 1 & 1))
            if not flags & 1:
                return indices, found
            index = link
            if table == self.layout.table:
                assert index not in indices
                indices.append(index)


class PackedReference:
    """A packed ring decoded anew; positions count descriptors since the start.

    What the driver wrote is remembered by position, so that flags can be judged by their lap.
    """

    packed = True
    sizes: ClassVar[list[int]] = [1, 2, 3, 5, 7, 8, 13, 16, 64]

    def __init__(self, machine: RingMachine) -> None:
        self.m = machine
        self.layout = machine.world.layout
        offset, wrap = machine.start & 0x7FFF, machine.start >> 15
        self.start = offset + (0 if wrap else machine.size)  # descriptors since a first lap
        self.ids = set(machine.ids)
        self.ring = b""

    @staticmethod
    def start_of(pick: int, size: int) -> int:
        """Any offset and wrap counter, a real queue's the most likely one."""
        return 0x8000 if pick < 300 else pick % size | (pick // size % 2) << 15

    def cost(self, buffer: Buffer) -> int:
        return 1 if buffer.table else len(buffer.segments)

    def at(self, position: int) -> tuple[int, int]:
        """Offset and wrap counter of a position."""
        lap, offset = divmod(self.start + position, self.m.size)
        return offset, 1 - lap % 2

    def hit(self, wish: tuple[int, ...], old: int, new: int) -> bool:
        """What an event structure says of descriptors changed from `old` up to `new`."""
        desc, flags = wish
        if flags == 2:
            assert self.m.event_idx
            return (desc & 0x7FFF, desc >> 15) in {self.at(place) for place in range(old, new)}
        return new > old and flags == 0

    def event(self, addr: int) -> tuple[int, ...]:
        return self.m.word(addr), self.m.word(addr + 2)

    def device_wants(self, old: int, new: int) -> bool:
        return self.hit(self.event(self.layout.device), old, new)

    def wish(self) -> tuple[int, ...]:
        return self.event(self.layout.driver)

    def driver_wants(self, wish: tuple[int, ...], old: int, new: int) -> bool:
        return self.hit(wish, old, new)

    def device_areas(self) -> list[tuple[int, int]]:
        """The device event, and what lies between the last used and the next free descriptor."""
        m = self.m
        slots = {self.at(place)[0] for place in range(m.before, m.completed)}
        ring = [(self.layout.ring + 16 * slot + 8, 8) for slot in slots]
        return [*ring, (self.layout.device, 4)]

    def check_idle(self) -> None:
        desc, flags = self.event(self.layout.device)
        if not self.m.event_idx:
            assert flags == 0
        elif self.m.completed:
            offset, wrap = self.at(self.m.published)
            assert (desc, flags) == (offset | wrap << 15, 2)

    def check(self) -> None:
        m = self.m
        desc, flags = self.event(self.layout.driver)
        if m.callbacks_on and m.event_idx:
            offset, wrap = self.at(m.collected)
            assert (desc, flags) == (offset | wrap << 15, 2)
        else:
            assert flags == (0 if m.callbacks_on else 1)
        self.ring = m.world.memory.read(self.layout.ring, 16 * m.size)
        # Used descriptors, each at the place of the first of its chain, for chains come in order.
        position = m.collected
        for token in m.returned:
            buffer = m.buffers[token]
            _, length, number, flags, state = self.descriptor(position)
            if buffer.last is not None:
                assert state == "used"
                assert flags == (2 if buffer.last.length else 0)
                assert (length, number) == (buffer.last.length, buffer.last.number)
            else:
                assert state == "available"  # untouched
            position += self.cost(buffer)
        assert position == m.completed
        numbers: set[int] = set()
        for token in m.at_device + m.added:
            position = self.check_chain(position, m.buffers[token], token in m.at_device, numbers)
        assert position == m.published + sum(self.cost(m.buffers[token]) for token in m.added)
        assert position - m.collected == m.size - m.queue.num_free
        if position - m.collected < m.size:  # nobody waits for what is free
            assert self.descriptor(position)[4] == "neither"

    def check_chain(self, position: int, buffer: Buffer, published: bool, numbers: set[int]) -> int:
        """A chain that waits for the device or for publication; the position after it."""
        cost = self.cost(buffer)
        found: list[tuple[int, ...]] = []
        number = -1
        for at in range(cost):
            addr, length, number, flags, state = self.descriptor(position + at)
            assert state == ("available" if published else "neither")
            assert flags & 1 == (at + 1 < cost)
            if flags & 4:
                assert buffer.table and flags == 4 and length % 16 == 0
                table = self.m.world.memory.read(addr, length)
                for start in range(0, length, 16):
                    entry = struct.unpack("<QIHH", table[start : start + 16])
                    assert entry[2] == 0 and entry[3] & ~2 == 0
                    found.append((entry[0], entry[1], entry[3] >> 1))
            else:
                found.append((addr, length, flags >> 1 & 1))
        assert found == buffer.segments
        assert number in self.ids and number not in numbers
        numbers.add(number)
        if published:
            assert buffer.number in (None, number)
            buffer.number = number
        return position + cost

    def descriptor(self, position: int) -> tuple[int, int, int, int, str]:
        """Address, length, id, flags NEXT, WRITE and INDIRECT, and what its lap's flags say."""
        offset, wrap = self.at(position)
        addr, length, number, flags = struct.unpack_from("<QIHH", self.ring, 16 * offset)
        assert flags & ~0x8087 == 0
        states = {(wrap, 1 - wrap): "available", (wrap, wrap): "used"}
        return addr, length, number, flags & 7, states.get((flags >> 7 & 1, flags >> 15), "neither")


REFERENCES: dict[str, Any] = {"split": SplitReference, "packed": PackedReference}


class RingMachine(RuleBasedStateMachine):
    """Every operation at any time, every decision checked from the bytes in memory."""

    reference_type: ClassVar[Any]

    @initialize(
        size=st.integers(0, 100),
        event_idx=st.booleans(),
        indirect=st.sampled_from(["never", "multi", "always"]),
        start=st.integers(0, 1000),
        callback=st.booleans(),
        ids=st.none() | st.integers(0, 65535),
        batch=st.sampled_from([0, 0, 0, 1, 2, 4]),
    )
    def set_up(
        self,
        size: int,
        event_idx: bool,
        indirect: str,
        start: int,
        callback: bool,
        ids: int | None,
        batch: int,
    ) -> None:
        kind = self.reference_type
        self.size = kind.sizes[size % len(kind.sizes)]
        self.event_idx, self.indirect = event_idx, indirect
        self.start = kind.start_of(start, self.size)
        self.answers: list[bool] = []
        self.drained_in_callback = 0
        self.callbacks_on = callback
        self.has_callback = callback
        self.interrupt_now = False
        self.ids = [
            ((ids or 0) + at * (1 if ids is None else 257)) % 65536 for at in range(self.size)
        ]
        driver_args = {"ids": self.ids} if kind.packed and ids is not None else {}
        self.world = World(
            self.size,
            event_idx,
            indirect,
            self.callback if callback else None,
            self.start,
            packed=kind.packed,
            driver_args=driver_args,
            features=Feature.IN_ORDER if batch else 0,
            batch=max(batch, 1),
        )
        self.batch = max(batch, 1)
        self.reference = kind(self)
        self.queue = self.world.queue
        self.added: list[int] = []  # not published
        self.at_device: list[int] = []
        self.returned: list[int] = []  # not collected
        self.buffers: dict[int, Buffer] = {}
        self.published = self.completed = self.collected = self.before = 0
        self.tokens = self.slots = 0

    # ---- raw memory, decoded independently

    def word(self, addr: int) -> int:
        return int(struct.unpack("<H", self.world.memory.read(addr, 2))[0])

    def segment(self, length: int, fill: bytes) -> tuple[int, int]:
        addr = BUFFERS + self.slots * SLOT % BUFFER_BYTES
        self.slots += 1
        self.world.memory.write(addr, fill)
        return addr, length

    # ---- operations

    @rule(
        out=st.lists(st.integers(1, SLOT), max_size=4),
        in_=st.lists(st.integers(1, SLOT), max_size=4),
        choice=st.sampled_from([None, None, True, False]),
    )
    def add(self, out: list[int], in_: list[int], choice: bool | None) -> None:
        token = self.tokens
        self.tokens += 1
        data = bytes((token * 7 + at) % 251 for at in range(sum(out)))
        readable, done = [], 0
        for length in out:
            readable.append(self.segment(length, data[done : done + length]))
            done += length
        writable = [self.segment(length, bytes([UNTOUCHED]) * length) for length in in_]
        count = len(out) + len(in_)
        if self.indirect == "never" and choice:
            choice = None
        table = (
            choice
            if choice is not None
            else (self.indirect == "always" or (self.indirect == "multi" and count > 1))
        )
        expected = None
        if count == 0:
            expected = errno.EINVAL
        elif count > self.size or (1 if table else count) > self.free():
            expected = errno.ENOSPC
        sg = readable + writable
        try:
            self.queue.add_buf(sg, len(out), len(in_), token, indirect=choice)
        except VirtqueueError as error:
            assert error.errno == expected
            return
        assert expected is None
        self.buffers[token] = Buffer(readable, writable, data)
        self.buffers[token].table = table
        self.added.append(token)

    @rule()
    def sync(self) -> None:
        new = self.published + sum(self.reference.cost(self.buffers[t]) for t in self.added)
        needed = self.reference.device_wants(self.published, new)
        before = self.world.notified
        self.queue.sync()
        assert self.world.notified - before == int(needed)
        self.published = new
        self.at_device += self.added
        self.added = []

    @rule()
    def get(self) -> None:
        self.take(self.queue.get_buf())

    @precondition(lambda self: self.buffers)
    @rule(pick=st.integers(0, 1000))
    def detach(self, pick: int) -> None:
        tokens = self.added if self.added and pick % 4 else sorted(self.buffers)
        token = tokens[pick % len(tokens)]
        try:
            self.queue.detach_buf(token)
        except VirtqueueError as error:
            assert error.errno == (errno.ENOENT if token in self.returned else errno.EBUSY)
            assert token not in self.added
        else:
            self.added.remove(token)
            del self.buffers[token]

    @rule()
    def restart(self) -> None:
        try:
            on = self.queue.restart()
        except VirtqueueError as error:
            assert error.errno == errno.EINVAL
            assert self.callbacks_on or not self.has_callback
        else:
            assert not self.callbacks_on
            assert on == (not self.returned)
            self.callbacks_on = on

    @rule(steps=st.integers(1, 5), deliver=st.booleans(), answers=st.lists(st.booleans()))
    def device_steps(self, steps: int, deliver: bool, answers: list[bool]) -> None:
        wish = self.reference.wish()
        done = chains = 0
        while done < steps and self.world.device.step(0):
            done += 1
            chains += self.next_batch(chains)
        assert done == steps or chains == len(self.at_device)
        self.device_did(chains, wish)
        if deliver:
            self.deliver(answers)

    @rule(answers=st.lists(st.booleans()))
    def device_runs(self, answers: list[bool]) -> None:
        wish = self.reference.wish()
        notified = not self.world.device.idle
        self.world.device.run()
        if notified:
            chains = 0
            while chains < len(self.at_device):
                chains += self.next_batch(chains)
            self.device_did(chains, wish)
            assert self.world.device.idle
        # A queue that is idle has been promised a notification: nothing waits unnoticed.
        assert not self.at_device
        self.deliver(answers)
        self.reference.check_idle()

    # ---- what must be true

    def next_batch(self, start: int) -> int:
        """Note which buffers one used element returns, and how many they are."""
        batch: list[Buffer] = []
        for token in self.at_device[start : start + self.batch]:
            buffer = self.buffers[token]
            buffer.last = None
            batch.append(buffer)
            if buffer.length < sum(length for _, length in buffer.in_):
                break
        batch[0].last = batch[-1]
        return len(batch)

    def device_did(self, count: int, wish: tuple[int, ...]) -> None:
        moved = sum(self.reference.cost(self.buffers[t]) for t in self.at_device[:count])
        self.before = self.completed
        due = self.reference.driver_wants(wish, self.before, self.before + moved)
        self.interrupt_now = self.interrupt_now or due
        assert self.world.device.interrupt_line == self.interrupt_now
        for token in self.at_device[:count]:
            self.check_bytes(self.buffers[token])
        self.completed += moved
        self.returned += self.at_device[:count]
        self.at_device = self.at_device[count:]
        writable = [s for token in self.buffers for s in self.buffers[token].in_]
        assert not self.world.watched.outside([*writable, *self.reference.device_areas()])

    def deliver(self, answers: list[bool]) -> None:
        self.answers = list(answers)
        expect = self.interrupt_now and self.callbacks_on and bool(self.returned)
        self.called = False
        causes = self.world.interrupt()
        assert bool(causes & Interrupt.USED_BUFFER) == self.interrupt_now
        self.interrupt_now = False
        assert self.called == expect

    def callback(self, queue: Any) -> bool:
        assert queue is self.queue and not self.called
        self.called = True
        answer = self.answers.pop() if self.answers else True
        for _ in range(len(self.answers)):
            self.take(self.queue.get_buf())
        while answer and self.returned:  # a driver that wants more calls drains
            self.take(self.queue.get_buf())
        self.callbacks_on = answer
        return answer

    def take(self, used: Any) -> None:
        if not self.returned:
            assert used is None
            return
        token = self.returned.pop(0)
        buffer = self.buffers.pop(token)
        assert used == (token, buffer.length)
        self.check_bytes(buffer)
        self.collected += self.reference.cost(buffer)

    def check_bytes(self, buffer: Buffer) -> None:
        memory = self.world.memory
        written = b"".join(memory.read(addr, length) for addr, length in buffer.in_)
        assert written[: buffer.length] == buffer.data[: buffer.length]
        assert set(written[buffer.length :]) <= {UNTOUCHED}
        assert b"".join(memory.read(addr, length) for addr, length in buffer.out) == buffer.data

    def free(self) -> int:
        costs = (1 if b.table else len(b.out) + len(b.in_) for b in self.buffers.values())
        return self.size - sum(costs)

    @invariant()
    def the_ring_is_what_the_reference_says(self) -> None:
        if not hasattr(self, "queue"):
            return
        assert self.queue.num_free == self.free()
        self.reference.check()


@pytest.mark.clause(
    "SPLIT-XDEV-02",
    "SPLIT-DRV-21",
    "SPLIT-DRV-22",
    "SPLIT-DRV-24",
    "SPLIT-DRV-25",
    "SPLIT-DEV-03",
    "SPLIT-DEV-11",
    "SPLIT-DEV-13",
    "SPLIT-DEV-16",
    "VQ-XDEV-01",
    "PACKED-XDEV-01",
    "PACKED-XDEV-02",
    "PACKED-XDEV-04",
    "PACKED-XDEV-06",
    "PACKED-XDEV-11",
    "PACKED-XDEV-12",
    "PACKED-XDRV-01",
    "PACKED-XDRV-02",
    "PACKED-XDRV-03",
    "PACKED-XDRV-05",
    "PACKED-DEV-04",
    "PACKED-DEV-07",
    "PACKED-DRV-02",
    "PACKED-DRV-03",
    "PACKED-XDEV-09",
    "SPLIT-XDEV-06",
)
@EACH_FORMAT
def test_driver_and_device_keep_every_rule_of_the_ring_in_any_order(ring: Any) -> None:
    class Machine(RingMachine):
        reference_type = REFERENCES[ring.name]

    run_state_machine_as_test(Machine, settings=settings(max_examples=250, stateful_step_count=50))


@EACH_FORMAT
@pytest.mark.parametrize("event_idx", [False, True])
@pytest.mark.parametrize("indirect", ["never", "multi"])
@pytest.mark.clause("SPLIT-XDEV-02", "PACKED-XDEV-01", "PACKED-XDRV-01")
def test_the_ring_wraps_again_and_again(ring: Any, event_idx: bool, indirect: str) -> None:
    size, buffers = (251, 7000) if ring.packed else (256, 70000)  # 28 laps, or 65536 and more
    world = World(size, event_idx, indirect, packed=ring.packed)
    for batch in range(buffers // 250):
        for at in range(250):
            world.queue.add_buf([(BUFFERS, 1)], 1, 0, batch * 250 + at)
        world.queue.sync()
        world.device.run()
        assert world.drain() == [(batch * 250 + at, 0) for at in range(250)]
    laps, offset = divmod(buffers, size)
    index = offset | (laps + 1) % 2 << 15 if ring.packed else buffers % 65536
    assert world.queue.used_index == world.queue.avail_index == index
    assert world.device.read32(Reg.QUEUE_AVAIL_INDEX) == index
    assert world.device.read32(Reg.QUEUE_USED_INDEX) == index
