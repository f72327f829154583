# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_complete_publish: the order of its steps, and every interrupt decision."""

from __future__ import annotations

import itertools
import random
from typing import Any, NamedTuple

import cocotb
from cocotb.triggers import RisingEdge

from pymodel.faults import Fault
from pymodel.layout import need_event
from pymodel.packed_layout import FIRST, EventSuppression, Position
from tb.benches.unit import Unit, check_rate, test


class Batch(NamedTuple):
    """A batch, and what the driver's suppression structure will hold then.

    Attributes:
        queue: its queue.
        after: used index, or word of the position, after it.
        size: its chains.
        event: used_event or avail.flags; packed: the structure's first half.
        error: the structure cannot be read.
        first: packed: word of the position before it.
        flags: packed: the structure's second half.
        part: it ends inside a group, so the next one is of this queue too.
        slot: packed: the descriptor whose `word` makes a group visible, -1 for none.
        word: its id and flags.
    """

    queue: int
    after: int
    size: int
    event: int
    error: bool = False
    first: int = 0
    flags: int = 0
    part: bool = False
    slot: int = -1
    word: int = 0


class Step(NamedTuple):
    """Batches that were written, or decided on, as one."""

    queue: int
    after: int
    size: int


PACES = ((100,) * 5, (30, 100, 40, 100, 50), (90, 20, 90, 30, 20), (10, 100, 100, 100, 100))


class PublishBench:
    """The stage before, and a memory that acknowledges and answers in order."""

    def __init__(self, dut: Any, event_idx: bool | int, packed: bool = False) -> None:
        """`event_idx`: whether all queues have it; 2: each by chance."""
        self.dut, self.packed = dut, packed
        self.queues = int(dut.QUEUES.value)
        self.alive = (1 << self.queues) - 1
        everyone = self.alive
        some = random.getrandbits(self.queues)
        self.events = (0, everyone, some)[int(event_idx)]
        levels = {"s_event_idx": self.events, "s_packed": int(packed)}
        self.unit = Unit(dut, s_alive=everyone, **levels)
        self.used = [random.getrandbits(60) << 2 for _ in range(self.queues)]
        self.avail = [random.getrandbits(60) << 1 for _ in range(self.queues)]
        self.sizes = [1 << random.randrange(16) for _ in range(self.queues)]
        self.sent: list[Batch] = []
        self.irqs: list[bool] = []
        self.indices: list[int] = []  # written
        self.acked_then: list[int] = []  # index writes acknowledged before each read
        self.taken_then: list[int] = []  # batches taken before each read
        if packed:
            self.avail = [addr << 1 for addr in self.avail]
            self.sizes = [random.randint(1, 1 << random.randrange(16)) for _ in self.sizes]
        self.at = [FIRST] * self.queues  # packed: the position after the last batch
        self.starts = [FIRST.word if packed else 0] * self.queues  # used index of each at first
        self.answers: list[Batch] = []  # with the event and error of each read

    async def start(self, pace: tuple[int, ...] = (100, 100, 100, 100, 100)) -> None:
        """Reset and start; pace of writes, acknowledgements, reads, answers and faults."""
        unit = await self.unit.start()
        await unit.start_at([(start ^ self.packed << 15) << 16 | 0x5555 for start in self.starts])
        unit.set(s_ready=(1 << self.queues) - 1)  # no queue is ready in reset
        unit.answer("m_used_queue", lambda q: {"s_used_addr": self.used[q % self.queues]})
        unit.answer(
            "m_avail_queue",
            lambda q: {
                "s_avail_size": self.sizes[q % self.queues],
                "s_avail_addr": self.avail[q % self.queues],
            },
        )
        self.batch = unit.source("s_batch")
        self.write = unit.sink("m_write", pace[0], without=["m_write_data"])
        self.ack = unit.source("s_ack", pace[1])
        self.req = unit.sink("m_req", pace[2])
        self.event = unit.source("s_event", pace[3], without=["s_event_idx"])
        self.fault = unit.sink("m_fault", pace[4])
        self.finished = unit.sink("m_finished")
        self.acked = self.answered = 0
        cocotb.start_soon(self._memory())
        unit.each_clock(self._look)

    async def _memory(self) -> None:
        acks = events = 0
        while True:
            while acks < len(self.write.words):
                self.ack.send({})
                acks += 1
            while events < len(self.req.words):
                queue = self.req.words[events].value["queue"]
                batch = self._answer(queue, events)
                self.answers.append(batch)
                word = {"data": batch.event, "flags": batch.flags & 3}
                self.event.send(word | {"error": int(batch.error)})
                events += 1
            await RisingEdge(self.dut.clk)

    def _answer(self, queue: int, number: int) -> Batch:
        """A batch whose event the nth read finds: its own where none has joined another."""
        own = self.sent[number]
        mine = [batch for batch in self.sent if batch.queue == queue]
        return own if own.queue == queue else random.choice(mine)

    def _look(self) -> None:
        dut = self.dut
        if dut.m_write_valid.value == 1 and dut.m_write_ready.value == 1:
            self.indices.append(int(dut.m_write_data.value))
        if dut.m_req_valid.value == 1 and dut.m_req_ready.value == 1:
            self.acked_then.append(self.acked)
            self.taken_then.append(len(self.batch.taken))
        self.acked += dut.s_ack_valid.value == 1
        if dut.m_finished_valid.value == 1:
            self.irqs.append(dut.m_used_irq.value == 1)
        else:
            assert dut.m_used_irq.value == 0

    def event_idx(self, queue: int) -> bool:
        """Whether a queue has EVENT_IDX."""
        return bool(self.events >> queue & 1)

    def send(self, batch: Batch) -> None:
        """Offer an acknowledged batch."""
        self.sent.append(batch)
        lap = 0x8000 if self.packed else 0  # the wrap counter is inverted inside
        word = {"queue": batch.queue, "index": batch.after ^ lap, "count": batch.size}
        group = {"part": int(batch.part), "mark": int(batch.slot >= 0)}
        group |= {"slot": max(0, batch.slot), "word": batch.word}
        self.batch.send(word | group | {"first": batch.first ^ lap})

    def send_packed(
        self,
        queue: int,
        slots: int,
        flags: int,
        error: bool = False,
        part: bool = False,
        mark: bool = False,
    ) -> None:
        """Offer a batch of so many places of a packed ring, with an event near them or not."""
        size, old = self.sizes[queue], self.at[queue]
        self.at[queue] = new = old.ahead(slots, size)
        near = Position.of(old.word).ahead(random.randint(0, min(slots + 1, size)), size)
        event = random.choice([near.word, near.word, near.word ^ 0x8000, random.getrandbits(16)])
        chains = random.randint(1, min(slots, 64))
        slot, word = (random.randrange(size), random.getrandbits(32)) if mark else (-1, 0)
        self.send(Batch(queue, new.word, chains, event, error, old.word, flags, part, slot, word))

    def send_group(self, queue: int) -> None:
        """Offer the batches of a group: up to 3, of which one ends at the ring's end or none."""
        if not self.packed:
            index, size = random.getrandbits(16), random.randint(1, 64)
            for number in reversed(range(random.randint(1, 3))):
                index, size = (index + size) % 0x10000, random.randint(1, 64)
                event = random.choice([(index - random.randint(0, 90)) % 0x10000, 0, 1])
                self.send(Batch(queue, index, size, event, random.random() < 0.1, part=number > 0))
            return
        size = self.sizes[queue]
        flags = random.choice([2, 2, 2, 0, 1, 3])
        slots = [random.randint(1, max(1, size // 3)) for _ in range(random.randint(1, 3))]
        slots = slots if sum(slots) <= size else [size]
        rest = size - self.at[queue].offset  # places up to the ring's end, where a batch ends
        cut = list(itertools.accumulate(slots))
        cut = sorted({*cut, rest} if rest < cut[-1] else cut)
        for begin, end in zip([0, *cut], cut):
            last = end == cut[-1]
            self.send_packed(queue, end - begin, flags, random.random() < 0.1, not last, last)

    def written(self) -> list[Step]:
        """What each index write was due to publish: all batches that came before it was taken.

        Packed: there are none, so each batch by itself.
        """
        if self.packed:
            return [Step(batch.queue, batch.after, batch.size) for batch in self.sent]
        steps, number = [], 0
        for word in self.write.words:
            size = 0
            while number < len(self.sent) and self.batch.taken[number] < word.taken:
                batch, number = self.sent[number], number + 1
                size += batch.size
            steps.append(Step(batch.queue, batch.after, size))
        assert number == len(self.sent)
        return steps

    async def done(self) -> None:
        """Wait until every batch finished, then judge addresses, order and decisions."""
        total = sum(batch.size for batch in self.sent)

        def finished() -> int:
            return sum(word.value["count"] for word in self.finished.words)

        await self.unit.until(lambda: finished() == total, "batches", 8000)
        await self.unit.clocks(4)
        assert finished() == total
        written = self.written()
        writes = [(w.value["addr"], w.value["queue"]) for w in self.write.words]
        if self.packed:
            marks = [batch for batch in self.sent if batch.slot >= 0]
            assert writes == [(self.used[b.queue] + 16 * b.slot + 12, b.queue) for b in marks]
            assert self.indices == [batch.word for batch in marks]
        else:
            assert writes == [(self.used[step.queue] + 2, step.queue) for step in written]
            assert self.indices == [step.after for step in written]
            assert not any(self.sent[number].part for number in self.ends(written))
        faults = []
        reads = [(w.value["addr"], w.value["queue"]) for w in self.req.words]
        assert len(reads) == len(self.irqs) == len(self.finished.words)
        number = 0
        for place, word in enumerate(self.finished.words):
            size, begin = 0, number
            while size < word.value["count"]:
                step, number = written[number], number + 1
                size += step.size
                assert step.queue == word.value["queue"], "batches of two queues became one"
            assert size == word.value["count"]
            if self.packed:
                due = sum(batch.slot >= 0 for batch in self.sent[:number])
                assert number <= self.taken_then[place]
                assert not self.sent[number - 1].part, "decided inside a group"
            else:
                due = number
            assert due <= self.acked_then[place], "read before the write was acknowledged"
            queue, answer = step.queue, self.answers[place]
            if self.packed:
                assert reads[place] == (self.avail[queue], queue)
                wanted = self.wanted_packed(self.sent[begin:number], answer)
            else:
                struct = self.avail[queue] + self.event_idx(queue) * (4 + 2 * self.sizes[queue])
                assert reads[place] == (struct, queue)
                wanted = self.wanted(answer._replace(after=step.after, size=size))
            assert self.irqs[place] == wanted, f"{step} of {size} with {answer}"
            if answer.error and self.alive >> queue & 1:
                faults.append((Fault.MEM_AVAIL, queue))
        assert [(w.value["code"], w.value["queue"]) for w in self.fault.words] == faults

    def ends(self, steps: list[Step]) -> list[int]:
        """The number of the last batch of each step."""
        found, number = [], 0
        for step in steps:
            size = 0
            while size < step.size:
                size, number = size + self.sent[number].size, number + 1
            found.append(number - 1)
        return found

    def wanted(self, batch: Batch) -> bool:
        """The model's decision (2.7.7.2)."""
        if batch.error or not self.alive >> batch.queue & 1:
            return False
        if self.event_idx(batch.queue):
            return need_event(batch.event, batch.after, (batch.after - batch.size) % 0x10000)
        return not batch.event & 1

    def wanted_packed(self, batches: list[Batch], answer: Batch) -> bool:
        """The model's decision (2.8.10), for the descriptors of any of these batches."""
        queue = answer.queue
        if answer.error or not self.alive >> queue & 1:
            return False
        wish = EventSuppression(answer.event, answer.flags & 3)
        pairs = [(Position.of(batch.first), Position.of(batch.after)) for batch in batches]
        size, event_idx = self.sizes[queue], self.event_idx(queue)
        return any(wish.wants(old, new, size, event_idx) for old, new in pairs)


@test(us=2000)
async def every_event_index_around_the_wrap(dut: Any) -> None:
    """All batches of 1 to 4 that end near 65536, with each used_event near them or far away."""
    bench = PublishBench(dut, event_idx=True)
    await bench.start()
    for end, count in itertools.product(range(-5, 6), range(1, 5)):
        for event in (*range(end - count - 2, end + 3), end + 0x8000, end - count - 0x8000):
            queue = random.randrange(bench.queues)
            bench.send(Batch(queue, end % 0x10000, count, event % 0x10000))
    await bench.done()
    if bench.unit.parameter("BATCHES") >= 8:  # enough to cover the memory's latency
        assert len(bench.finished.words) == len(bench.sent), "joined though none waited"
        check_rate([word.taken for word in bench.finished.words], "batches", spare=4)


@test(us=2000)
@cocotb.parametrize(event_idx=[0, 1, 2], pace=PACES)
async def any_batches_at_any_pace(dut: Any, event_idx: int, pace: tuple[int, ...]) -> None:
    """Random batches, some whose suppression structure cannot be read."""
    bench = PublishBench(dut, event_idx)
    await bench.start(pace)
    for _ in range(150):
        count, index = random.randint(1, 32), random.getrandbits(16)
        near = (index + random.randint(-40, 8)) % 0x10000
        event = random.choice([near, random.getrandbits(16)])
        bench.send(
            Batch(random.randrange(bench.queues), index, count, event, random.random() < 0.1)
        )
    await bench.done()


@test(us=1000)
@cocotb.parametrize(waits=["write", "req"])
async def those_that_wait_become_one(dut: Any, waits: str) -> None:
    """One index and one decision for all waiting batches of a queue, also where indices wrap."""
    bench = PublishBench(dut, event_idx=True)
    await bench.start()
    sink = bench.write if waits == "write" else bench.req
    places = bench.unit.parameter("BATCHES")
    for end in range(0x10000 - 100, 0x10000 + 300, 61):
        sink.percent = 0
        sizes = [random.randint(1, 64) for _ in range(random.randint(2, 2 * min(4, places)))]
        before = end - sum(sizes)
        event = (before + random.randint(-2, sum(sizes) + 1)) % 0x10000
        after = before
        for size in sizes:
            after += size
            bench.send(Batch(0, after % 0x10000, size, event))
        done = len(bench.finished.words)
        await bench.unit.clocks(30)
        sink.percent = 100
        await bench.unit.until(lambda: not bench.batch.waiting, "batches taken")
        await bench.unit.clocks(30)
        assert len(bench.finished.words) == done + 1 or places < 8
    await bench.done()


@test(us=2000)
@cocotb.parametrize(event_idx=[0, 1, 2], pace=PACES)
async def any_packed_batches_at_any_pace(dut: Any, event_idx: int, pace: tuple[int, ...]) -> None:
    """Random batches of rings of any size, some whose event structure cannot be read."""
    bench = PublishBench(dut, event_idx, packed=True)
    bench.sizes = [random.choice([size, 1 + size % 7]) for size in bench.sizes]
    await bench.start(pace)
    for _ in range(250):
        queue = random.randrange(bench.queues)
        slots = random.randint(1, min(bench.sizes[queue], 90))
        flags = random.choice([2, 2, 2, 0, 1, 3]) | random.getrandbits(14) << 2
        bench.send_packed(queue, slots, flags, random.random() < 0.1)
    await bench.done()


@test(us=2000)
@cocotb.parametrize(size=[1, 2, 5, 8])
async def every_packed_event_around_the_wrap(dut: Any, size: int) -> None:
    """All batches of a small ring, with each position of both laps and some beyond its end."""
    bench = PublishBench(dut, event_idx=True, packed=True)
    bench.sizes = [size] * bench.queues
    await bench.start()
    for begin, slots in itertools.product(range(2 * size), range(1, size + 1)):
        old = FIRST.ahead(begin % size, size)
        old = Position(old.offset, 1 - begin // size)
        new = old.ahead(slots, size)
        for offset, wrap in itertools.product((*range(size + 2), 0x7FFF), (0, 1)):
            queue = random.randrange(bench.queues)
            event = Position(offset, wrap).word
            bench.send(Batch(queue, new.word, 1, event, False, old.word, 2))
    await bench.done()


@test(us=1000)
async def packed_batches_that_wait_become_one(dut: Any) -> None:
    """One decision for all that wait, but laps of a small ring do not hide each other."""
    bench = PublishBench(dut, event_idx=True, packed=True)
    bench.sizes = [5] * bench.queues
    await bench.start()
    for _ in range(12):
        bench.req.percent = 0
        count = random.randint(2, 8)
        for _ in range(count):
            bench.send_packed(0, random.randint(1, 3), 2)
        await bench.unit.clocks(40)
        bench.req.percent = 100
        await bench.unit.until(lambda: not bench.batch.waiting, "batches taken")
        await bench.unit.clocks(30)
    await bench.done()
    assert len(bench.finished.words) < len(bench.sent)


@test(us=2000)
@cocotb.parametrize(packed=[False, True], event_idx=[0, 1], pace=PACES)
async def groups_are_published_whole(
    dut: Any, packed: bool, event_idx: int, pace: tuple[int, ...]
) -> None:
    """Batches that are parts of a group among others: one write and one decision for all."""
    bench = PublishBench(dut, bool(event_idx), packed)
    if packed:
        bench.sizes = [random.choice([size, 1 + size % 7]) for size in bench.sizes]
    await bench.start(pace)
    for _ in range(120):
        queue = random.randrange(bench.queues)
        if random.random() < 0.6:
            bench.send_group(queue)
        elif packed:
            rest = bench.sizes[queue] - bench.at[queue].offset
            bench.send_packed(queue, random.randint(1, min(rest, 9)), 2)
        else:
            bench.send(Batch(queue, random.getrandbits(16), random.randint(1, 64), 0))
    await bench.done()
    await bench.unit.clocks(3)


@test()
@cocotb.parametrize(begin=[FIRST, Position(0, 0), Position(2, 1), Position(1, 0)])
async def packed_positions_are_shown(dut: Any, begin: Position) -> None:
    """QueueUsedIndex: the position to start at, then that after the last one."""
    bench = PublishBench(dut, event_idx=False, packed=True)
    bench.at[0] = begin
    bench.starts[0] = begin.word
    await bench.start()
    await bench.unit.clocks(2)
    assert int(dut.m_index_used.value) == begin.word
    bench.sizes[0] = 3
    for _ in range(4):
        bench.send_packed(0, 2, 1)
        await bench.done()
        assert int(dut.m_index_used.value) == bench.at[0].word


@test()
async def dead_queues_pass_silently(dut: Any) -> None:
    """No interrupt, no fault and no new used index for them; they are finished all the same."""
    bench = PublishBench(dut, event_idx=False)
    bench.alive = random.getrandbits(bench.queues) & ~1
    bench.starts = [random.getrandbits(16) for _ in range(bench.queues)]
    await bench.start()
    bench.unit.set(s_alive=bench.alive)
    last = bench.starts
    for _ in range(60):
        queue, index = random.randrange(bench.queues), random.getrandbits(16)
        bench.send(Batch(queue, index, 3, 0, random.random() < 0.3))
        if bench.alive >> queue & 1:
            last[queue] = index
    await bench.done()
    for queue in range(bench.queues):
        bench.unit.set(s_index_queue=queue)
        await bench.unit.clocks(2)
        assert int(dut.m_index_used.value) == last[queue]
