# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_sock_answers: answers of a function in, words for drivers out, all counted."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from pymodel.socket_registers import ANSWER_WORDS, answer, words_of
from tb.benches.unit import Unit, test


@dataclass
class Answer:
    """An answer on its way."""

    queue: int
    tag: int
    data: bytes
    kept: int  # words


@dataclass
class Queue:
    """What a queue holds."""

    live: bool = True
    words: deque[int] = field(default_factory=deque)  # to be read
    back: int = 0  # words that answers left of what was kept for them
    taken: int = 0  # words read
    kept: int = 0  # words ever kept
    answered: int = 0  # one bit a tag: an odd number of answers
    finished: int = 0
    flying: set[int] = field(default_factory=set)  # tags to be answered


class AnswersBench:
    """A function that answers in any order, and drivers that read at any pace."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.unit = dut, Unit(dut)
        names = ("QUEUES", "SLOTS", "WORDS", "DATA_W")
        self.queues, self.slots, self.words, width = map(self.unit.parameter, names)
        self.beat = width // 8
        self.state = [Queue() for _ in range(self.queues)]
        self.coming: deque[Answer] = deque()
        self.ended: Answer | None = None

    async def start(self, percent: int) -> None:
        """Begin a life of every queue; the function's words come at a pace."""
        await self.unit.start()
        self.unit.set(s_live=(1 << self.queues) - 1)
        await self.begin_lives((1 << self.queues) - 1)
        self.rsp = self.unit.source("s_rsp", percent)
        self.axis = self.unit.source("s_axis", percent)
        self.unit.each_clock(self._note)

    def _note(self) -> None:
        """Take note of an answer that ends in this clock."""
        if self.dut.m_done_valid.value != 1:
            return
        done = self.coming.popleft()
        queue = self.state[done.queue]
        assert self.dut.m_done_queue.value == done.queue
        assert self.dut.m_done_shown.value == queue.live
        self.ended = done

    async def clock(self) -> None:
        """Let a clock pass; an answer that ended in it counts from the next one on."""
        await RisingEdge(self.dut.clk)
        done, self.ended = self.ended, None
        if done is None:
            return
        queue = self.state[done.queue]
        queue.flying.remove(done.tag)
        queue.answered ^= 1 << done.tag
        queue.finished += 1
        queue.back += done.kept - ANSWER_WORDS - words_of(len(done.data))
        if queue.live:
            queue.words += answer(done.tag, done.data)

    async def begin_lives(self, queues: int) -> None:
        """Begin a life of some queues."""
        self.unit.set(s_clear=queues)
        await self.clock()
        self.unit.set(s_clear=0)
        for number in range(self.queues):
            if queues >> number & 1:
                self.state[number] = Queue()

    async def ask(self, number: int) -> None:
        """Keep room for an answer, if there is some, and let the function give it."""
        queue = self.state[number]
        room = self.words - (queue.kept - queue.back - queue.taken)
        free = [tag for tag in range(self.slots) if tag not in queue.flying]
        most = min(4 * (room - ANSWER_WORDS), 6 * self.beat)
        if most < 0 or not free or not queue.live:
            return
        length = random.randint(0, random.choice([most, min(most, 9)]))
        tag = random.choice(free)
        kept = ANSWER_WORDS + words_of(random.randint(length, most))
        queue.kept += kept
        queue.flying.add(tag)
        self.unit.set(s_keep_tag=number * self.slots + tag, s_keep_words=kept, s_keep_valid=1)
        await self.clock()
        self.unit.set(s_keep_valid=0)
        data = random.randbytes(length)
        self.coming.append(Answer(number, tag, data, kept))
        self.rsp.send({"tag": number * self.slots + tag, "len": length})
        for at in range(0, length, self.beat):
            part = data[at : at + self.beat]
            junk = random.randbytes(self.beat - len(part))  # beyond tkeep
            word = int.from_bytes(part + junk, "little")
            keep = (1 << len(part)) - 1
            self.axis.send({"tdata": word, "tkeep": keep, "tlast": at + self.beat >= length})

    async def look(self, number: int) -> None:
        """Hold what a queue tells against the model; read a word or not."""
        queue, dut, unit = self.state[number], self.dut, self.unit
        unit.set(s_get_queue=number, s_freed_queue=number, s_get_look=1)
        await ReadOnly()
        assert dut.m_get_fill.value == len(queue.words)
        assert dut.m_get_answered.value == queue.answered
        assert dut.m_get_finished.value == queue.finished
        assert dut.m_freed_words.value == (queue.back + queue.taken) % (2 * self.words)
        first = queue.words[0] if queue.words else None
        await self.clock()
        take = first is not None and random.random() < 0.8
        unit.set(s_get_look=0, s_get_take=int(take))
        if first is not None:
            await ReadOnly()
            assert dut.m_get_data.value == first, f"queue {number}: not {first:#x}"
        await self.clock()
        unit.set(s_get_take=0)
        if take:
            queue.words.popleft()
            queue.taken += 1

    async def end_life(self, number: int) -> None:
        """End a life: the answers still to come are thrown away; then begin another."""
        while self.coming:
            await self.clock()
        queue = self.state[number]
        await self.ask(number)
        queue.live = False
        self.unit.set(s_live=(1 << self.queues) - 1 & ~(1 << number))
        while self.coming:
            await self.clock()
        await self.clock()
        for _ in range(3):
            await self.look(number)
        self.unit.set(s_live=(1 << self.queues) - 1)
        await self.begin_lives(1 << number)


@test(us=4000)
@cocotb.parametrize(percent=[100, 40])
async def answers_are_shown_whole_and_counted(dut: Any, percent: int) -> None:
    """Answers of any length on all queues, read at any pace; lives end and begin."""
    bench = AnswersBench(dut)
    await bench.start(percent)
    for _ in range(800):
        number = random.randrange(min(bench.queues, 3)) if random.random() < 0.9 else -1
        number %= bench.queues
        what = random.random()
        if what < 0.15:
            await bench.ask(number)
        elif what < 0.17:
            await bench.end_life(number)
        else:
            await bench.look(number)
    while bench.coming:
        await bench.clock()
    await bench.clock()
    for number in range(bench.queues):
        while bench.state[number].words:
            await bench.look(number)
    assert dut.m_idle.value == 1
