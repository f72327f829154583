# SPDX-License-Identifier: Apache-2.0
"""Driver and device together, against a reference of the ring that is written anew here."""

from __future__ import annotations

import errno
import struct
from typing import Any

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

from pymodel import Interrupt, VirtqueueError
from tests.model.world import BUFFER_BYTES, BUFFERS, World

SLOT = 64  # bytes between the segments of buffers
UNTOUCHED = 0xEE


class Buffer:
    """What the reference knows of one outstanding buffer."""

    def __init__(self, out: list[tuple[int, int]], in_: list[tuple[int, int]], data: bytes) -> None:
        self.out, self.in_, self.data = out, in_, data
        self.length = min(len(data), sum(length for _, length in in_))
        self.table = False


class RingMachine(RuleBasedStateMachine):
    """Every operation at any time, every decision checked from the bytes in memory."""

    @initialize(
        size=st.sampled_from([1, 2, 4, 8, 16, 64]),
        event_idx=st.booleans(),
        indirect=st.sampled_from(["never", "multi", "always"]),
        start=st.sampled_from([0, 65535, 65520, 32760]),
        callback=st.booleans(),
    )
    def set_up(self, size: int, event_idx: bool, indirect: str, start: int, callback: bool) -> None:
        self.size, self.event_idx, self.indirect = size, event_idx, indirect
        self.answers: list[bool] = []
        self.drained_in_callback = 0
        self.callbacks_on = callback
        self.has_callback = callback
        self.interrupt_now = False
        self.world = World(size, event_idx, indirect, self.callback if callback else None, start)
        self.queue = self.world.queue
        self.added: list[int] = []  # not published
        self.at_device: list[int] = []
        self.returned: list[int] = []  # not collected
        self.buffers: dict[int, Buffer] = {}
        self.start = start
        self.published = self.completed = self.collected = 0
        self.tokens = self.slots = 0

    # ---- raw memory, decoded independently

    def word(self, addr: int) -> int:
        return int(struct.unpack("<H", self.world.memory.read(addr, 2))[0])

    @property
    def base(self) -> tuple[int, int]:
        """Addresses of the available and the used ring."""
        return self.world.layout.avail, self.world.layout.used

    def segment(self, length: int, fill: bytes) -> tuple[int, int]:
        addr = BUFFERS + self.slots * SLOT % BUFFER_BYTES
        self.slots += 1
        self.world.memory.write(addr, fill)
        return addr, length

    def chain(self, head: int) -> tuple[list[int], list[tuple[int, int, int]]]:
        """Table indices and (address, length, writable) of a chain."""
        table, index = self.world.layout.table, head
        indices, found = [head], []
        while True:
            raw = self.world.memory.read(table + 16 * index, 16)
            addr, length, flags, link = struct.unpack("<QIHH", raw)
            if flags & 4:
                assert self.indirect != "never" and flags == 4
                table, index = addr, 0
                continue
            found.append((addr, length, flags >> 1 & 1))
            if not flags & 1:
                return indices, found
            index = link
            if table == self.world.layout.table:
                assert index not in indices
                indices.append(index)

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
        _, used = self.base
        if self.event_idx:
            event = self.word(used + 4 + 8 * self.size)
            old = self.start + self.published
            needed = event in {(old + at) % 65536 for at in range(len(self.added))}
        else:
            needed = bool(self.added) and self.word(used) & 1 == 0
        before = self.world.notified
        self.queue.sync()
        assert self.world.notified - before == int(needed)
        self.published += len(self.added)
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
        wish = self.wish()
        done = 0
        while done < steps and self.world.device.step(0):
            done += 1
        assert done == min(steps, len(self.at_device))
        self.device_did(done, wish)
        if deliver:
            self.deliver(answers)

    @rule(answers=st.lists(st.booleans()))
    def device_runs(self, answers: list[bool]) -> None:
        wish = self.wish()
        notified = not self.world.device.idle
        self.world.device.run()
        if notified:
            self.device_did(len(self.at_device), wish)
            assert self.world.device.idle
        # A queue that is idle has been promised a notification: nothing waits unnoticed.
        assert not self.at_device
        self.deliver(answers)
        used = self.world.layout.used
        assert self.word(used) == 0
        if self.event_idx and self.completed:
            assert self.word(used + 4 + 8 * self.size) == (self.start + self.published) % 65536

    # ---- what must be true

    def wish(self) -> int:
        avail, _ = self.base
        return self.word(avail + 4 + 2 * self.size if self.event_idx else avail)

    def device_did(self, count: int, wish: int) -> None:
        old = self.start + self.completed
        if self.event_idx:
            due = wish in {(old + at) % 65536 for at in range(count)}
        else:
            due = count > 0 and wish & 1 == 0
        self.interrupt_now = self.interrupt_now or due
        assert self.world.device.interrupt_line == self.interrupt_now
        for token in self.at_device[:count]:
            self.check_bytes(self.buffers[token])
        self.completed += count
        self.returned += self.at_device[:count]
        self.at_device = self.at_device[count:]
        _, used = self.base
        writable = [s for token in self.buffers for s in self.buffers[token].in_]
        assert not self.world.watched.outside([*writable, (used, 6 + 8 * self.size)])

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
        self.collected += 1

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
        avail, used = self.base
        assert self.word(avail + 2) == (self.start + self.published) % 65536
        assert self.word(used + 2) == (self.start + self.completed) % 65536
        assert self.queue.num_free == self.free()
        flags = self.word(avail)
        assert flags == (0 if self.event_idx or self.callbacks_on else 1)
        if self.event_idx and self.callbacks_on:
            event = self.word(avail + 4 + 2 * self.size)
            assert event == (self.start + self.collected) % 65536
        taken: set[int] = set()
        waiting = self.at_device + self.added
        for ahead, token in enumerate(waiting):
            index = self.start + self.completed + ahead
            head = self.word(avail + 4 + 2 * (index % self.size))
            indices, segments = self.chain(head)
            assert not taken & set(indices)
            taken |= set(indices)
            buffer = self.buffers[token]
            expected = [(*s, 0) for s in buffer.out] + [(*s, 1) for s in buffer.in_]
            assert segments == expected
        assert len(taken) <= self.size - self.queue.num_free


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
)
def test_driver_and_device_keep_every_rule_of_the_ring_in_any_order() -> None:
    run_state_machine_as_test(
        RingMachine, settings=settings(max_examples=250, stateful_step_count=50)
    )


@pytest.mark.parametrize("event_idx", [False, True])
@pytest.mark.parametrize("indirect", ["never", "multi"])
@pytest.mark.clause("SPLIT-XDEV-02")
def test_the_indices_wrap_at_65536_after_that_many_buffers(event_idx: bool, indirect: str) -> None:
    world = World(size=256, event_idx=event_idx, indirect=indirect)
    returned = 0
    for batch in range(70000 // 250):
        for at in range(250):
            world.queue.add_buf([(BUFFERS, 1)], 1, 0, batch * 250 + at)
        world.queue.sync()
        world.device.run()
        for at in range(250):
            used = world.queue.get_buf()
            assert used is not None and used.data == batch * 250 + at
            returned += 1
    assert returned == 70000
    assert world.state().used_idx == world.state().avail_idx == 70000 % 65536
    assert world.device.read32(0x818) == 70000 % 65536
