# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_fetch_ring: a driver that races with the visits, and the schedule around them."""

from __future__ import annotations

import random
from collections import deque
from functools import partial
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from pymodel.faults import Fault
from pymodel.layout import SplitLayout, need_event
from tb.benches.unit import Unit, check_rate, test
from tb.benches.visits import Visits

WORD = 0x10000


class RingBench(Visits):
    """Driver, memory, schedule and credit of each queue."""

    def __init__(self, dut: Any, event_idx: bool, again: bool = False) -> None:
        """`again`: some queues were served before, which left any wish behind."""
        super().__init__(dut, event_idx)
        self.layouts = [
            SplitLayout(1 << random.randrange(9), 0, random.getrandbits(50) << 1, q << 56)
            for q in range(self.queues)
        ]
        none = [0] * self.queues
        self.published, self.fetched, self.seen = none[:], none[:], none[:]  # not modulo 65536
        self.flags, self.event = none[:], none[:]
        self.resumed = random.getrandbits(self.queues) if again else 0
        for queue in range(self.queues):
            if self.resumed >> queue & 1:
                start = random.choice([0, 1, WORD - 1, WORD - 9, random.randrange(WORD)])
                self.published[queue] = self.fetched[queue] = self.seen[queue] = start
                self.flags[queue], self.event[queue] = 1, random.randrange(WORD)
                self.pending[queue] = True
        self.telling = False  # notifications tell an index
        self.told: list[int | None] = [None] * self.queues
        self.faults: list[tuple[int, int]] = []

    async def start(self, percent: int = 100) -> None:
        """Reset, and start the memory and the schedule."""
        dut, unit = self.dut, await self.begin()
        unit.answer("m_table_queue", self._table)
        self.percent = percent
        self.visit, self.look = unit.source("s_visit"), unit.source("s_look")
        self.req, self.write = unit.sink("m_req", percent), unit.sink("m_write", percent)
        self.ack, self.fault = unit.source("s_ack"), unit.sink("m_fault", percent)
        cocotb.start_soon(self._memory())
        self.watch()
        assert dut.m_done_valid.value == 0

    async def begin(self) -> Unit:
        """Reset, and set up where each queue starts; all get ready."""
        unit = await self.unit.start()
        await unit.start_at(self.fetched)
        unit.set(s_resume=self.resumed)
        await unit.clocks()
        unit.set(s_resume=0, s_ready=(1 << self.queues) - 1)
        return unit

    def _table(self, queue: int) -> dict[str, int]:
        layout = self.layouts[queue % self.queues]
        return {
            "s_table_size": layout.size,
            "s_table_avail_addr": layout.avail,
            "s_table_used_addr": layout.used,
        }

    async def _memory(self) -> None:
        """Serve reads and writes in order, each later than it was asked for; start visits."""
        reads = writes = 0
        looks: deque[int] = deque()
        while True:
            for word in self.req.words[reads:]:
                self._asked(word.value, looks)
            reads = len(self.req.words)
            if looks and random.randrange(100) < self.percent:
                queue = looks.popleft()
                self.seen[queue] = self.published[queue]
                self.look.send({"queue": queue, "index": self.seen[queue] % WORD, "error": 0})
            if writes < len(self.write.words) and random.randrange(100) < self.percent:
                value = self.write.words[writes].value
                writes += 1
                if not value["null"]:
                    self._written(value["queue"], value["addr"], value["data"])
                self.ack.send({})
            for queue in range(self.queues):
                if self.due(queue):
                    self.visit.send({"queue": queue, **self._telling(queue)})
            await RisingEdge(self.dut.clk)

    def _telling(self, queue: int) -> dict[str, int]:
        told, self.told[queue] = self.told[queue], None
        if told is None:
            return {"told": 0}
        ahead = (told - self.fetched[queue]) % WORD
        if 0 < ahead <= self.layouts[queue].size:
            self.seen[queue] = self.fetched[queue] + ahead
        return {"told": 1, "index": told}

    def _asked(self, value: dict[str, int], looks: deque[int]) -> None:
        queue = value["queue"]
        layout = self.layouts[queue]
        window = 2 * self.unit.parameter("ENTRIES_MAX")
        length = value["upto"] + 1 - value["addr"] % window
        if value["look"]:
            assert (value["addr"], length) == (layout.avail_idx, 2)
            looks.append(queue)
            return
        count, first = length // 2, self.fetched[queue]
        assert value["addr"] == layout.avail_entry(first)
        assert 0 < count <= self.unit.parameter("ENTRIES_MAX")
        assert first % layout.size + count <= layout.size, "past the ring's end"
        assert value["upto"] < window, "more than one burst"
        assert first + count <= self.seen[queue], "entries that no look has covered"
        self.fetched[queue] += count

    def _written(self, queue: int, addr: int, data: int) -> None:
        layout = self.layouts[queue]
        if self.event_idx:
            assert addr == layout.avail_event
            self.event[queue] = data
        else:
            assert addr == layout.used_flags
            self.flags[queue] = data

    def publish(self, queue: int, count: int) -> None:
        """The driver makes entries available, and notifies where the device asked for it."""
        old = self.published[queue]
        self.published[queue] = new = old + count
        if self.event_idx:
            wanted = need_event(self.event[queue], new % WORD, old % WORD)
        else:
            wanted = not self.flags[queue] & 1
        if wanted:
            self.notified += 1
            if self.telling and not self.busy[queue]:  # what is old or cannot be is not used
                size, fetched = self.layouts[queue].size, self.fetched[queue]
                wrong = [fetched - random.randint(0, 99), fetched + size + random.randint(1, 99)]
                self.told[queue] = random.choice([new, new, *wrong]) % WORD
            self.pending[queue] = True

    def room(self, queue: int) -> int:
        """Entries that the driver may still publish."""
        return self.layouts[queue].size - self.published[queue] + self.fetched[queue]

    async def done(self) -> None:
        """Wait until all is fetched and idle; hold the suppression fields against the rules."""
        await self.unit.until(lambda: not any(self.busy) and not any(self.pending), "idle")
        await self.unit.clocks(30)
        assert not any(self.busy) and not any(self.pending)
        assert self.fetched == self.published, "entries were forgotten"
        for queue in range(self.queues):
            self.unit.set(s_index_queue=queue)
            await self.unit.clocks(2)
            assert int(self.dut.m_index_avail.value) == self.fetched[queue] % WORD
            if self.event_idx:
                assert self.event[queue] == self.fetched[queue] % WORD
            else:
                assert self.flags[queue] == 0


@test(us=2000)
@cocotb.parametrize(
    event_idx=[0, 1],
    percent=[100, 40],
    busy=[2, 20],
    telling=[False, True],
    again=[False, True],
)
async def no_entry_is_forgotten(
    dut: Any, event_idx: int, percent: int, busy: int, telling: bool, again: bool
) -> None:
    """The driver publishes at random moments and trusts the suppression fields; credits vary."""
    bench = RingBench(dut, bool(event_idx), again)
    bench.telling = telling
    await bench.start(percent)
    for _ in range(700):
        queue = random.randrange(bench.queues)
        if random.randrange(100) < busy and bench.room(queue):
            bench.publish(queue, random.randint(1, bench.room(queue)))
        if random.random() < 0.1:
            bench.grant(random.randrange(bench.queues), random.choice([1, 3, 100]))
        await bench.unit.clocks()
    for queue in range(bench.queues):
        bench.grant(queue, 30000)
    await bench.done()
    assert (bench.notified or again) and not bench.fault.words


@test(us=4000)
@cocotb.parametrize(event_idx=[0, 1])
async def the_index_wraps(dut: Any, event_idx: int) -> None:
    """More than 65536 entries of one queue, where requests are large enough."""
    bench = RingBench(dut, bool(event_idx))
    if bench.unit.parameter("ENTRIES_MAX") < 32:
        return
    bench.layouts[0] = SplitLayout(32768, 0, 2, 1 << 40)
    await bench.start()
    while bench.published[0] < WORD + 500:
        bench.credit[0] = 30000
        if room := bench.room(0):
            bench.publish(0, random.randint(room // 2 + 1, room))
        await bench.unit.clocks(300)
    bench.credit[0] = 0
    bench.grant(0, 40000)
    await bench.done()


@test()
@cocotb.parametrize(event_idx=[0, 1])
async def a_jump_and_an_error_end_the_visit(dut: Any, event_idx: int) -> None:
    """An index more than the size ahead, or unreadable, is a fault; nothing is fetched."""
    bench = RingBench(dut, bool(event_idx))
    unit = await bench.begin()
    unit.set(s_started_credit=100)
    unit.answer("m_table_queue", bench._table)
    size = bench.layouts[0].size
    visit, look = unit.source("s_visit"), unit.source("s_look")
    req, fault, write = unit.sink("m_req"), unit.sink("m_fault", 30), unit.sink("m_write")
    jump = Fault.AVAIL_JUMP
    cases = [(size + 1, 0, jump), (0xFFFF, 0, jump), (0, 1, Fault.MEM_AVAIL)]
    looks = 0

    def looked() -> bool:
        return len(req.words) == looks

    for index, error, code in cases:
        visit.send({"queue": 0})
        looks += 1
        await unit.until(looked, "look", 100)
        look.send({"queue": 0, "index": index, "error": error})
        await unit.until(lambda: dut.m_done_valid.value == 1, "end", 100)
        assert fault.words[-1].value == {"code": code, "queue": 0}
        assert len(fault.words) == looks
    assert not write.words and all(word.value["look"] for word in req.words)


def _longer(words: list[Any], count: int) -> bool:
    return len(words) > count


def _served(bench: RingBench, queue: int) -> bool:
    return bench.fetched[queue] > 0


@test(us=200)
async def a_long_visit_yields(dut: Any) -> None:
    """While a queue has entries without end, a visit of another one is taken up soon."""
    bench = RingBench(dut, True)
    if bench.queues < 2:
        return
    most, at_once = bench.unit.parameter("VISIT_MAX"), bench.unit.parameter("ENTRIES_MAX")
    bench.layouts[0] = SplitLayout(32768, 0, 2, 1 << 40)
    await bench.start()
    for queue in range(bench.queues):
        bench.credit[queue] = 40000
    bench.publish(0, 30000)
    await bench.unit.until(lambda: bench.fetched[0] > 0, "first entries")
    for queue in range(1, bench.queues):
        before = bench.fetched[0]
        bench.publish(queue, 1)
        bench.pending[queue] = True
        await bench.unit.until(partial(_served, bench, queue), "the other queue's entry")
        assert bench.fetched[0] - before <= 2 * (most + 2 * at_once), "the visit does not yield"
    await bench.done()


@test(us=500)
async def visits_that_end_together_both_end(dut: Any) -> None:
    """A starved visit's last acknowledgement comes at any clock around another visit's end."""
    bench = RingBench(dut, True)
    if bench.queues < 2:
        return
    unit = await bench.begin()
    unit.set(s_started_credit=0)
    unit.answer("m_table_queue", bench._table)
    visit, look = unit.source("s_visit"), unit.source("s_look")
    ack, req, write = unit.source("s_ack"), unit.sink("m_req"), unit.sink("m_write")
    ended: list[int] = []

    def note() -> None:
        if dut.m_done_valid.value == 1:
            ended.append(int(dut.m_done_queue.value))

    unit.each_clock(note)
    for offset in range(16):
        looks, writes = len(req.words), len(write.words)
        visit.send({"queue": 0})
        await unit.until(partial(_longer, req.words, looks), "look", 100)
        look.send({"queue": 0, "index": 1, "error": 0})
        await unit.until(partial(_longer, write.words, writes), "last write", 100)
        assert write.words[-1].value["null"] == 1, "a visit without credit writes nothing"
        visit.send({"queue": 1})
        await unit.until(partial(_longer, req.words, looks + 1), "second look", 100)
        ended.clear()
        look.send({"queue": 1, "index": 0, "error": 0})
        await unit.clocks(offset)
        ack.send({})
        await unit.clocks(20)
        assert sorted(ended) == [0, 1], f"visits {ended} ended with the answer {offset} clocks on"


@test(us=500)
async def acknowledgements_in_a_row_all_count(dut: Any) -> None:
    """A starved visit's last acknowledgement comes right after that of asking for notifications."""
    bench = RingBench(dut, True)
    if bench.queues < 2:
        return
    unit = await bench.begin()
    unit.answer("m_table_queue", bench._table)
    visit, look = unit.source("s_visit"), unit.source("s_look")
    ack, req, write = unit.source("s_ack"), unit.sink("m_req"), unit.sink("m_write")
    ended: list[int] = []

    def note() -> None:
        if dut.m_done_valid.value == 1:
            ended.append(int(dut.m_done_queue.value))

    async def answered(queue: int, index: int) -> None:
        assert req.words[-1].value["look"] and req.words[-1].value["queue"] == queue
        look.send({"queue": queue, "index": index, "error": 0})
        await unit.clocks(8)

    unit.each_clock(note)
    for gap in range(5):
        ended.clear()
        unit.set(s_started_credit=1)
        visit.send({"queue": 1})
        await unit.clocks(8)
        await answered(1, gap + 1)  # an entry, and another look
        await answered(1, gap + 1)  # nothing new: asks for notifications
        unit.set(s_started_credit=0)
        visit.send({"queue": 0})
        await unit.clocks(8)
        await answered(0, 1)
        assert [word.value["null"] for word in write.words[-2:]] == [0, 1]
        for _ in range(2):
            ack.send({})
            await unit.clocks(gap)
        await unit.clocks(8)
        assert ended == [0], "the visit without credit does not end"
        await answered(1, gap + 1)
        assert ended == [0, 1]


@test(us=200)
async def an_idle_queue_is_served_at_once(dut: Any) -> None:
    """Visit to look 1 clock, index to entries 2; the suppression comes with the entries."""
    bench = RingBench(dut, False)
    unit = await bench.begin()
    unit.set(s_started_credit=0x4000)
    unit.answer("m_table_queue", bench._table)
    visit, look = unit.source("s_visit"), unit.source("s_look")
    req, write = unit.sink("m_req"), unit.sink("m_write")
    visit.send({"queue": 0})
    await unit.until(lambda: bool(req.words), "look", 20)
    look.send({"queue": 0, "index": 1, "error": 0})
    await unit.until(lambda: len(req.words) == 3, "entries and the next look", 20)
    assert req.words[0].shown - visit.taken[0] == 1
    assert [word.shown - look.taken[0] for word in req.words[1:]] == [3, 4]
    assert [word.value["look"] for word in req.words] == [1, 0, 1]
    assert write.words[0].shown == req.words[1].shown


@test(us=200)
async def an_index_that_was_told_saves_the_look(dut: Any) -> None:
    """Visit to entries 3 clocks; one that makes none or too many new leads to a look."""
    bench = RingBench(dut, False)
    unit = await bench.begin()
    unit.set(s_started_credit=0x4000)
    unit.answer("m_table_queue", bench._table)
    size = bench.layouts[0].size
    visit, look, ack = unit.source("s_visit"), unit.source("s_look"), unit.source("s_ack")
    req, fault, write = unit.sink("m_req"), unit.sink("m_fault"), unit.sink("m_write")
    fetched = asked = writes = 0
    window = 2 * unit.parameter("ENTRIES_MAX")
    for ahead in (1, size, 0, size + 1, WORD - 1, WORD - size, WORD // 2 + 1):
        told = 0 < ahead <= size
        visit.send({"queue": 0, "told": 1, "index": (fetched + ahead) % WORD})
        await unit.until(lambda: len(req.words) > asked, "request", 20)  # noqa: B023
        first = req.words[asked]
        assert first.value["look"] == (not told)
        assert first.shown - visit.taken[-1] == (3 if told else 2)
        while not dut.m_done_valid.value:
            if len(req.words) > asked:
                word = req.words[asked].value
                asked += 1
                if word["look"]:
                    look.send({"queue": 0, "index": (fetched + 0) % WORD, "error": 0})
                else:
                    fetched += (word["upto"] + 1 - word["addr"] % window) // 2
            if len(write.words) > writes:
                writes += 1
                ack.send({})
            await unit.clocks()
        await unit.clocks(4)
    assert fetched == 1 + size and not fault.words


@test(us=200)
async def entries_are_asked_for_every_third_clock(dut: Any) -> None:
    """A large queue, filled at once, with credit beyond 8 bits: ENTRIES_MAX each 3 clocks."""
    bench = RingBench(dut, True)
    bench.layouts[0] = SplitLayout(32768, 0, 1 << 40, 1 << 41)
    await bench.start()
    bench.credit = [3000] * bench.queues
    bench.publish(0, 3000)
    await unit_done(bench, 3000)
    asked = [word for word in bench.req.words if not word.value["look"]]
    most = bench.unit.parameter("ENTRIES_MAX")
    assert len(asked) <= 3000 / most + 2
    check_rate([word.taken for word in asked], "requests", spare=2 * len(asked))


async def unit_done(bench: RingBench, count: int) -> None:
    """Wait until so many entries of queue 0 were asked for."""
    await bench.unit.until(lambda: bench.fetched[0] == count, "entries")


@test(us=400)
async def a_visit_that_yielded_needs_no_other_look(dut: Any) -> None:
    """Two full queues whose index was seen take turns, without a look between the turns."""
    bench = RingBench(dut, True)
    if bench.queues < 2:
        return
    for queue in (0, 1):
        bench.layouts[queue] = SplitLayout(4096, 0, (1 + queue) << 40, (5 + queue) << 40)
    await bench.start()
    bench.credit = [4096] * bench.queues
    for queue in (0, 1):
        bench.publish(queue, 2000)
    await bench.unit.until(lambda: bench.fetched[:2] == [2000, 2000], "entries")
    first = [word for word in bench.req.words if not word.value["look"]][2:]
    looks = [
        word for word in bench.req.words if word.value["look"] and word.taken < first[-1].taken
    ]
    turns = [word.value["queue"] for word in first]
    changes = sum(a != b for a, b in zip(turns, turns[1:]))
    assert len(looks) <= 4 and changes > 4, f"{len(looks)} looks, {changes} turns"
    await bench.done()
