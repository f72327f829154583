# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_sock_frames: good and bad words in, whole frames out, against a small model."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Optional

from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge

from pymodel.faults import Fault
from pymodel.socket_registers import FRAME_WORDS, LENGTH_BITS, LENGTH_MASK, words_of
from tb.benches.channels import CLOCK_NS
from tb.benches.unit import Unit, test


@dataclass
class Queue:
    """What a queue holds, as the page of the module says it."""

    begun: list[int] = field(default_factory=list)  # words of the frame under way
    due: int = 0  # words that it still lacks
    whole: deque[list[int]] = field(default_factory=deque)
    start: int = 0  # words ever freed
    busy: set[int] = field(default_factory=set)  # tags named and not answered
    served: list[int] = field(default_factory=list)  # tags whose frames were freed
    answered: int = 0  # one bit a tag: an odd number of answers

    @property
    def end(self) -> int:
        """Words ever, up to the end of the whole frames."""
        return self.start + sum(map(len, self.whole))

    @property
    def used(self) -> int:
        """Words that take room."""
        return self.end - self.start + len(self.begun)


class FramesBench:
    """Writes words and frees frames, at times in one clock."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.unit = dut, Unit(dut)
        names = ("QUEUES", "SLOTS", "WORDS", "MAX_WRITE")
        self.queues, self.slots, self.words, self.most = map(self.unit.parameter, names)
        self.state = [Queue() for _ in range(self.queues)]
        self.met: set[int] = set()
        self.freed = 0  # the queue of which a frame was freed last

    async def start(self) -> None:
        """Begin a life of every queue."""
        self.unit.set(**{port.name: 0 for port in self.unit.ports if port.direction == "input"})
        Clock(self.dut.clk, CLOCK_NS, unit="ns").start()
        await RisingEdge(self.dut.clk)
        await self.begin_lives((1 << self.queues) - 1)

    async def begin_lives(self, queues: int) -> None:
        """Begin a life of some queues: what they held is gone."""
        self.unit.set(s_clear=queues)
        await RisingEdge(self.dut.clk)
        self.unit.set(s_clear=0)
        for number in range(self.queues):
            if queues >> number & 1:
                self.state[number] = Queue()

    def fault(self, queue: Queue, data: int, header: bool, whole: bool) -> int:
        """Return why a word is refused, 0 if it is not."""
        if not whole:
            return Fault.PORT_STROBE
        if queue.used == self.words:
            return Fault.PORT_FULL
        place = len(queue.begun)
        if header != (place < FRAME_WORDS):
            return Fault.FRAME_HEADER if header else Fault.FRAME_DATA
        if place == 0:
            tag, length = data >> LENGTH_BITS, data & LENGTH_MASK
            if tag >= self.slots or tag in queue.busy:
                return Fault.FRAME_TAG
            return Fault.FRAME_SIZE if words_of(length) > self.words - FRAME_WORDS else 0
        return Fault.FRAME_SIZE if place == 1 and data > self.most else 0

    def free(self) -> int:
        """Free the first frame of some queue in this clock, or none; return its words."""
        number = random.randrange(self.queues)
        whole = self.state[number].whole
        length = len(whole[0]) if whole and random.random() < 0.1 else 0
        self.unit.set(s_frame_queue=number, s_free_words=length, s_free_valid=int(length > 0))
        self.freed = number
        return length

    async def clock(self, freed: int) -> None:
        """Let the clock pass in which so many words were freed."""
        await RisingEdge(self.dut.clk)
        self.unit.set(s_free_valid=0)
        if freed:
            queue = self.state[self.freed]
            queue.start += freed
            queue.served.append(queue.whole.popleft()[0] >> LENGTH_BITS)

    async def word(self, number: int, data: int, header: bool, whole: bool = True) -> None:
        """Offer a word; it must be taken or refused as the model says."""
        queue, unit, dut = self.state[number], self.unit, self.dut
        unit.set(s_word_queue=number, s_word_data=data, s_word_header=int(header))
        unit.set(s_word_whole=int(whole), s_word_look=1, s_word_answered=queue.answered)
        freed = self.free()
        await ReadOnly()
        assert dut.m_word_room.value == self.words - queue.used
        assert dut.m_word_midst.value == bool(queue.begun)
        assert dut.m_word_expected.value == min(queue.due, self._data_words(queue))
        fault = self.fault(queue, data, header, whole)
        await self.clock(freed)
        unit.set(s_word_look=0, s_word_take=int(not fault))
        freed = self.free()
        await ReadOnly()
        assert dut.m_word_fault.value == fault, f"{data:#x}, header {header}: {fault}"
        await self.clock(freed)
        unit.set(s_word_take=0)
        self.met.add(fault)
        if not fault:
            if not queue.begun:
                queue.busy.add(data >> LENGTH_BITS)
                queue.due = FRAME_WORDS + words_of(data & LENGTH_MASK)
            queue.begun.append(data)
            queue.due -= 1
            if not queue.due:
                queue.whole.append(queue.begun)
                queue.begun = []

    @staticmethod
    def _data_words(queue: Queue) -> int:
        return words_of(queue.begun[0] & LENGTH_MASK) if queue.begun else 0

    def next_word(self, queue: Queue) -> tuple[int, bool]:
        """Return a word that may come next, and whether it is a header."""
        place = len(queue.begun)
        if place == 0:
            free = [tag for tag in range(self.slots) if tag not in queue.busy]
            length = random.choice([0, 1, 4, 7, random.randint(0, 4 * (self.words - FRAME_WORDS))])
            length = min(length, 4 * (self.words - FRAME_WORDS))
            return random.choice(free[:4] or [0]) << LENGTH_BITS | length, True
        if place == 1:
            return random.randint(0, self.most), True
        return random.getrandbits(32), False

    async def any_word(self, number: int) -> None:
        """Offer a word that may come next, or one that may not."""
        data, header = self.next_word(self.state[number])
        kind = random.choice(["good"] * 12 + ["kind", "strobe", "tag", "length"])
        if kind == "kind":
            header = not header
        elif kind == "tag":
            tag = random.choice([*self.state[number].busy, random.randrange(256)])
            data = data & LENGTH_MASK | tag << LENGTH_BITS
        elif kind == "length":
            limit = self.most if self.state[number].begun else 4 * (self.words - FRAME_WORDS)
            data = data & ~LENGTH_MASK | limit + random.randint(0, 2)
        await self.word(number, data, header, kind != "strobe")

    def answer(self, number: int) -> None:
        """Let a frame that was freed be answered: its tag may be named again."""
        queue = self.state[number]
        if queue.served:
            tag = queue.served.pop(random.randrange(len(queue.served)))
            queue.busy.remove(tag)
            queue.answered ^= 1 << tag

    async def read(self, number: int) -> None:
        """Hold the whole frames of a queue against the model, word by word."""
        queue, dut = self.state[number], self.dut
        self.unit.set(s_frame_queue=number)
        await ReadOnly()
        modulus = 2 * self.words
        assert dut.m_frame_start.value == queue.start % modulus
        assert dut.m_frame_end.value == queue.end % modulus
        words = [word for frame in queue.whole for word in frame]
        for place, word in enumerate(words, queue.start):
            await RisingEdge(dut.clk)
            self.unit.set(s_read_en=1, s_read_place=place % modulus)
            await RisingEdge(dut.clk)
            self.unit.set(s_read_en=0)
            await ReadOnly()
            assert dut.m_read_data.value == word, f"queue {number}, word {place}"
        await RisingEdge(dut.clk)


@test(us=2000)
async def words_are_judged_stored_and_freed(dut: Any) -> None:
    """Good and bad words on all queues, frames freed in the very clock of a word, lives begun."""
    bench = FramesBench(dut)
    await bench.start()
    for _ in range(1500):
        number = random.randrange(min(bench.queues, 3)) if random.random() < 0.9 else -1
        await bench.any_word(number % bench.queues)
        what: Optional[str] = random.choice(["answer"] * 4 + ["read"] + [None] * 10)
        if what == "answer":
            bench.answer(number % bench.queues)
        elif what == "read":
            await bench.read(number % bench.queues)
        elif random.random() < 0.004:
            await bench.begin_lives(1 << number % bench.queues)
    for number in range(bench.queues):
        await bench.read(number)
    met = {Fault.PORT_STROBE, Fault.FRAME_HEADER, Fault.FRAME_DATA, Fault.FRAME_TAG}
    assert bench.met >= {0, *met, Fault.FRAME_SIZE, Fault.PORT_FULL}, bench.met
