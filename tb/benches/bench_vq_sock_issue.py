# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_sock_issue: whole frames in, headers and packets out, as credit and room allow."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from pymodel.socket_registers import ANSWER_WORDS, FRAME_WORDS, frame, words_of
from tb.benches.unit import Unit, test


class Frame(NamedTuple):
    """A frame as the driver wrote it."""

    tag: int
    data: bytes
    room: int

    @property
    def words(self) -> list[int]:
        """All of it."""
        return frame(self.tag, self.data, self.room)

    @property
    def answer(self) -> int:
        """Words that its largest answer takes."""
        return ANSWER_WORDS + words_of(self.room)


@dataclass
class Queue:
    """What a queue has."""

    waiting: deque[Frame] = field(default_factory=deque)
    words: dict[int, int] = field(default_factory=dict)  # by place
    start: int = 0
    end: int = 0
    credit: int = 0  # granted and not used
    started: int = 0
    kept: int = 0  # answer words ever
    freed: int = 0
    held: deque[int] = field(default_factory=deque)  # answer words of each frame that was started


class IssueBench:
    """Frames' memory, credits and room; what comes out is held against each queue's frames."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.unit = dut, Unit(dut)
        names = ("QUEUES", "SLOTS", "DATA_W", "TX_WORDS", "RX_WORDS")
        found = map(self.unit.parameter, names)
        self.queues, self.slots, width, self.tx_words, self.rx_words = found
        self.beat = width // 8
        self.state = [Queue() for _ in range(self.queues)]
        self.turns: list[int] = []  # queues of the headers, in order
        self.packets: deque[tuple[Frame, int]] = deque()  # to come, with the bytes that came

    async def start(self, percent: int) -> None:
        """All queues are alive; the function takes at a pace."""
        self.percent = percent
        await self.unit.start()
        self.unit.set(s_live=(1 << self.queues) - 1, s_clear=(1 << self.queues) - 1)
        await RisingEdge(self.dut.clk)
        self.unit.set(s_clear=0)
        self.unit.answer("m_frame_queue", self._shown)

    def _shown(self, number: int) -> dict[str, int]:
        queue, modulus = self.state[number], 2 * self.tx_words
        return {
            "s_frame_start": queue.start % modulus,
            "s_frame_end": queue.end % modulus,
            "s_freed_words": queue.freed % (2 * self.rx_words),
        }

    async def clock(self, wake: bool = False, grant: tuple[int, int] = (0, 0)) -> None:
        """Let a clock pass, in which credit is granted or not."""
        dut, unit = self.dut, self.unit
        unit.set(s_wake=int(wake or grant[1] > 0), s_credit_valid=int(grant[1] > 0))
        unit.set(s_credit_queue=grant[0], s_credit_count=grant[1])
        ready = [int(random.randrange(100) < self.percent) for _ in range(2)]
        unit.set(m_req_ready=ready[0], m_axis_tready=ready[1])
        await ReadOnly()
        number = int(dut.m_frame_queue.value)
        queue, read = self.state[number], None
        if dut.m_read_en.value == 1:
            read = queue.words.get(int(dut.m_read_place.value) % self.tx_words, 0)
        if dut.m_req_valid.value == 1 and ready[0]:
            self._header(number)
        else:
            assert dut.m_keep_valid.value == 0
        if dut.m_axis_tvalid.value == 1 and ready[1]:
            self._beat()
        freed = int(dut.m_free_words.value) if dut.m_free_valid.value == 1 else 0
        await RisingEdge(dut.clk)
        unit.set(s_wake=0, s_credit_valid=0)
        if read is not None:
            unit.set(s_read_data=read)
        queue.start += freed
        self.state[grant[0]].credit += grant[1]
        self.show()

    def show(self) -> None:
        """Tell of the queue that is looked at, after something changed."""
        self.unit.set(**self._shown(int(self.dut.m_frame_queue.value)))

    def _header(self, number: int) -> None:
        dut, queue = self.dut, self.state[number]
        assert queue.waiting, f"queue {number} has no frame"
        first = queue.waiting.popleft()
        assert queue.credit > 0, f"queue {number} has no credit"
        queue.credit -= 1
        queue.started += 1
        queue.kept += first.answer
        assert queue.kept - queue.freed <= self.rx_words, "no room for the largest answer"
        queue.held.append(first.answer)
        tag = number * self.slots + first.tag
        assert dut.m_req_queue.value == number
        assert dut.m_req_tag.value == dut.m_keep_tag.value == tag
        assert dut.m_req_readable.value == len(first.data)
        assert dut.m_req_writable.value == first.room
        assert dut.m_keep_valid.value == 1 and dut.m_keep_words.value == first.answer
        self.turns.append(number)
        if first.data:
            self.packets.append((first, 0))

    def _beat(self) -> None:
        """Hold a beat against the oldest packet."""
        assert self.packets, "a beat of no packet"
        (first, at), dut = self.packets.popleft(), self.dut
        part = first.data[at : at + self.beat]
        data = int(dut.m_axis_tdata.value).to_bytes(self.beat, "little")
        assert data[: len(part)] == part
        assert dut.m_axis_tkeep.value == (1 << len(part)) - 1
        last = at + self.beat >= len(first.data)
        assert dut.m_axis_tlast.value == last
        if not last:
            self.packets.appendleft((first, at + self.beat))

    async def publish(self, number: int) -> bool:
        """Show one more whole frame, if there is room for it; whether there was."""
        queue = self.state[number]
        length = random.choice([0, 1, 4, random.randint(0, 4 * (self.tx_words - FRAME_WORDS))])
        new = Frame(
            random.randrange(self.slots),
            random.randbytes(min(length, 4 * (self.tx_words - FRAME_WORDS))),
            random.randint(0, random.choice([4, 4 * (self.rx_words - ANSWER_WORDS)])),
        )
        if len(new.words) > self.tx_words - (queue.end - queue.start):
            return False
        await self.put(number, new)
        return True

    async def put(self, number: int, new: Frame) -> None:
        """Show a whole frame, for which there is room."""
        queue = self.state[number]
        for place, word in enumerate(new.words, queue.end):
            queue.words[place % self.tx_words] = word
        await self.clock(wake=True)
        queue.waiting.append(new)
        queue.end += len(new.words)
        self.show()

    async def answer(self, number: int) -> None:
        """Let the oldest answer be read: its room is free."""
        queue = self.state[number]
        if queue.held:
            await self.clock(wake=True)
            queue.freed += queue.held.popleft()
            self.show()


def some_queue(bench: IssueBench) -> int:
    """Draw a queue, mostly one of few."""
    return (random.randrange(3) if random.random() < 0.9 else -1) % bench.queues


@test(us=4000)
@cocotb.parametrize(percent=[100, 35])
async def frames_leave_with_credit_and_room(dut: Any, percent: int) -> None:
    """Frames of all queues, credit and room by and by: each leaves in order, as it was written."""
    bench = IssueBench(dut)
    await bench.start(percent)
    for _ in range(1200):
        number, what = some_queue(bench), random.random()
        if what < 0.2:
            await bench.publish(number)
        elif what < 0.35:
            await bench.answer(number)
        elif what < 0.5:
            await bench.clock(grant=(number, random.choice([1, 1, 3])))
        else:
            await bench.clock()
    for _ in range(4000 + 200 * bench.queues):
        left = [number for number, queue in enumerate(bench.state) if queue.waiting]
        if not left and not bench.packets:
            break
        if left and random.random() < 0.2:
            await bench.answer(random.choice(left))
        elif left and random.random() < 0.1:
            await bench.clock(grant=(random.choice(left), 1))
        else:
            await bench.clock()
    assert not any(queue.waiting for queue in bench.state), "frames were forgotten"
    for _ in range(4 * bench.queues + 8):
        await bench.clock()
    assert dut.m_idle.value == 1
    for number, queue in enumerate(bench.state):
        bench.unit.set(s_started_queue=number)
        await ReadOnly()
        assert dut.m_started_count.value == queue.started
        await RisingEdge(dut.clk)


@test(us=2000)
async def a_queue_that_cannot_go_holds_up_no_other(dut: Any) -> None:
    """One without credit and one without room are passed, and go in their turn once they can."""
    bench = IssueBench(dut)
    await bench.start(100)
    if bench.queues < 3:
        return
    able, poor, full = 0, 1, bench.queues - 1
    for number in (able, full):
        await bench.clock(grant=(number, 500))
    tight = Frame(1, b"", 4 * (bench.rx_words - ANSWER_WORDS))  # the next one finds no room
    for _ in range(2):
        await bench.put(full, tight)
    await bench.publish(poor)
    served = 0
    for _ in range(40 * max(bench.queues, 15)):
        queue = bench.state[able]
        if not queue.waiting and not await bench.publish(able):
            await bench.clock()
        if queue.held:
            await bench.answer(able)
        else:
            await bench.clock()
        served = bench.turns.count(able)
    assert served > 10 and bench.turns.count(full) == 1 and not bench.turns.count(poor)
    await bench.answer(full)
    await bench.clock(grant=(poor, 1))
    for _ in range(8 * bench.queues + 4 * bench.tx_words):
        await bench.clock()
    assert bench.turns.count(full) == 2 and bench.turns.count(poor) == 1
