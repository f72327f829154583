# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_fetch_packed, and so of vq_fetch_probe and vq_fetch_flags: a driver that races with
the visits of its packed rings.

The memory reads each beat at any moment between its request and its answer, so nothing that was
asked for at the same time vouches for anything else. What the driver has not published yet looks
as if it were: descriptors that are not a chain's first one, and what was taken back.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from pymodel.layout import DESC_BYTES, DESC_F_NEXT
from pymodel.packed_layout import (
    FIRST,
    EventSuppression,
    PackedDescriptor,
    PackedLayout,
    Position,
)
from tb.benches.unit import check_rate, test
from tb.benches.visits import Visits

SIZES = [1, 2, 3, 5, 7, 16, 40, 64, 100]


@dataclass
class Gone:
    """A chain on its way out of fetch; a bad one stops its queue when it leaves."""

    queue: int
    place: Position
    slots: int
    bad: bool


@dataclass
class Beat:
    """A beat of a read: when the memory looks, and when it answers at the earliest."""

    addr: int
    looks: int
    answers: int
    data: bytes | None = None


class PackedBench(Visits):
    """Driver, memory, schedule, credit, and the stages that chains leave by."""

    def __init__(self, dut: Any, event_idx: bool, sizes: list[int] | None = None) -> None:
        super().__init__(dut, event_idx)
        self.beat = int(dut.DATA_W.value) // 8
        self.layouts = []
        for queue, size in zip(range(self.queues), sizes or random.choices(SIZES, k=self.queues)):
            ring = (queue + 1) << 40 | random.choice([0, 16, 48, 240, 4096 - 32])
            self.layouts.append(PackedLayout(size, ring, ring + (1 << 20), ring + (1 << 21)))
        self.rings = [bytearray(DESC_BYTES * layout.size) for layout in self.layouts]
        self.next = [FIRST] * self.queues  # where the driver goes on
        self.resumed = 0  # queues that were served before
        self.free = [layout.size for layout in self.layouts]
        self.want: list[deque[tuple[Position, int]]] = [deque() for _ in self.layouts]
        self.came: list[list[int]] = [[] for _ in self.layouts]  # heads: clock
        self.event = [EventSuppression(0, 0)] * self.queues
        self.bad: list[tuple[int, int]] = []  # heads with an error: queue, position
        self.refused: set[tuple[int, int]] = set()  # (queue, 8 bytes of its ring) not to be read
        self.stop_at: dict[int, Position] = {}  # the chain at fault of a queue
        self.bad_came = [False] * self.queues  # its chains are on their way no more
        self.thrown: dict[int, Position] = {}  # the first chain thrown away of a queue
        self.fetchable = (1 << self.queues) - 1

    def resume(self) -> None:
        """Let some queues have been served before, which left any wish behind."""
        self.resumed = random.getrandbits(self.queues)
        for queue, layout in enumerate(self.layouts):
            if self.resumed >> queue & 1:
                self.next[queue] = Position(random.randrange(layout.size), random.getrandbits(1))
                place = Position(random.randrange(layout.size), random.getrandbits(1))
                self.event[queue] = EventSuppression(place.word, 2 if self.event_idx else 1)
                self.pending[queue] = True

    async def start(self, latency: tuple[int, int] = (4, 30), percent: int = 100) -> None:
        """Reset, set the queues up, and start everything."""
        unit = await self.unit.start()
        for queue, layout in enumerate(self.layouts):
            words = [layout.size]
            for addr in layout.areas:
                words += [addr & 0xFFFFFFFF, addr >> 32]
            words.append(self.next[queue].word ^ FIRST.word | 0x7777 << 16)
            for number, data in enumerate(words):
                unit.set(s_setup_queue=queue, s_setup_field=number, s_setup_data=data)
                unit.set(s_setup_valid=1)
                await unit.clocks()
        everyone = (1 << self.queues) - 1
        unit.set(s_setup_valid=0, s_resume=self.resumed)
        await unit.clocks()
        unit.set(s_resume=0, s_ready=everyone, s_fetchable=everyone)
        self.latency, self.leaving = latency, percent / 4
        self.visit, self.leave = unit.source("s_visit"), unit.source("s_leave")
        self.head = unit.sink("m_head", percent)
        self.ar, self.write = unit.sink("m_ar", percent), unit.sink("m_write", percent)
        self.ack = unit.source("s_ack")
        cocotb.start_soon(self._memory())
        cocotb.start_soon(self._serve())
        self.watch()

    def _read(self, addr: int) -> tuple[bytes, bool]:
        queue = (addr >> 40) - 1
        at, ring = addr - self.layouts[queue].ring, self.rings[queue]
        data = bytes(
            ring[at + n] if 0 <= at + n < len(ring) else random.randrange(256)
            for n in range(self.beat)
        )
        halves = {(at + n) // 8 for n in range(self.beat)}
        return data, any((queue, half) in self.refused for half in halves)

    async def _memory(self) -> None:
        """Answer reads in order; look at each beat at a moment of its own.

        The beats of one burst are looked at one after the other, those of several in any order.
        """
        dut, seen, clock, last = self.dut, 0, 0, 0
        line: deque[Beat] = deque()
        looked: dict[int, tuple[bytes, bool]] = {}
        while True:
            for word in self.ar.words[seen:]:
                value = word.value
                layout = self.layouts[value["queue"]]
                first = value["addr"] // self.beat * self.beat
                end = first + (value["len"] + 1) * self.beat
                assert first // 4096 == (end - 1) // 4096, "a burst over a page"
                assert layout.ring <= value["addr"] < layout.ring + DESC_BYTES * layout.size
                looks = clock
                for number in range(value["len"] + 1):
                    last = max(last + 1, clock + random.randint(*self.latency))
                    looks = random.randint(looks, last)
                    line.append(Beat(first + number * self.beat, looks, last))
            seen = len(self.ar.words)
            for beat in line:
                if beat.looks <= clock and beat.data is None:
                    beat.data, error = self._read(beat.addr)
                    looked[id(beat)] = beat.data, error
            dut.s_r_valid.value = 0
            if line and line[0].answers <= clock:
                beat = line.popleft()
                data, error = looked.pop(id(beat))
                dut.s_r_data.value = int.from_bytes(data, "little")
                dut.s_r_error.value = int(error)
                dut.s_r_valid.value = 1
            clock += 1
            await RisingEdge(dut.clk)

    async def _serve(self) -> None:
        """Take writes and heads, each later than it came; start visits."""
        writes = heads = wait = 0
        gone: deque[Gone] = deque()
        while True:
            for word in self.head.words[heads:]:
                self._came(word.value, word.taken, gone)
            heads = len(self.head.words)
            if gone and random.randrange(100) < self.leaving:
                self._leaves(gone.popleft())
            wait -= 1
            if writes < len(self.write.words) and wait < 0:
                value = self.write.words[writes].value
                writes += 1
                wait = random.choice([0, 2, random.randrange(100)])
                if not value["null"]:
                    self._written(value)
                self.ack.send({})
            for queue in range(self.queues):
                if self.fetchable >> queue & 1 and self.due(queue):
                    self.visit.send({"queue": queue})
            await RisingEdge(self.dut.clk)

    def _came(self, value: dict[str, int], clock: int, gone: deque[Gone]) -> None:
        queue, size = value["queue"], self.layouts[value["queue"]].size
        place = Position.of(value["index"] ^ 0x8000)
        bad = bool(value["error"])
        raw = bytes(self.rings[queue][DESC_BYTES * place.offset :][:DESC_BYTES])
        sole = not bad and value["slots"] == 1 and not PackedDescriptor.unpack(raw).flags & 1
        assert value["here"] == (sole and self.beat >= DESC_BYTES)
        assert not value["here"] or value["desc"] == int.from_bytes(raw, "little"), place.text()
        if bad:
            self.bad.append((queue, place.offset))
        elif not self.want[queue] or self.bad_came[queue]:
            assert self.bad_came[queue], f"queue {queue}: no chain is at {place.text()}"
        else:
            assert (place, value["slots"]) == self.want[queue][0], (place, self.want[queue][0])
            bad = place == self.stop_at.get(queue)
            self.want[queue].popleft()
            self.free[queue] += value["slots"] * (not bad)
            self.came[queue].append(clock)
        self.bad_came[queue] |= bad
        assert value["slots"] <= size
        gone.append(Gone(queue, place, value["slots"], bad))

    def _leaves(self, chain: Gone) -> None:
        """Give a chain to the function, or stop its queue and throw it away."""
        queue = chain.queue
        if chain.bad:
            self._stop(queue)
        given = bool(self.fetchable >> queue & 1)
        if not given:
            self.thrown.setdefault(queue, chain.place)
        self.leave.send({"queue": queue, "slots": chain.slots, "given": int(given)})

    def _stop(self, queue: int) -> None:
        self.fetchable &= ~(1 << queue)
        self.unit.set(s_fetchable=self.fetchable)

    def _written(self, value: dict[str, int]) -> None:
        queue, device = value["queue"], self.layouts[value["queue"]].device
        if self.event_idx:
            assert (value["addr"], value["wide"]) == (device, 1)
            self.event[queue] = EventSuppression.unpack(value["data"].to_bytes(4, "little"))
            assert self.event[queue].flags == 2
        else:
            assert (value["addr"], value["wide"]) == (device + 2, 0)
            self.event[queue] = EventSuppression(0, value["data"] & 0xFFFF)
            assert self.event[queue].flags < 2

    # ---- the driver

    def put(self, queue: int, place: Position, flags: int) -> None:
        """Write a descriptor; only its flags count here."""
        raw = PackedDescriptor(random.getrandbits(64), 1, place.offset, flags).pack()
        at = DESC_BYTES * place.offset
        self.rings[queue][at : at + DESC_BYTES] = raw

    def litter(self, queue: int) -> None:
        """Leave descriptors of a buffer that was taken back: all but the first look available."""
        size = self.layouts[queue].size
        for count in range(1, self.free[queue]):
            place = self.next[queue].ahead(count, size)
            self.put(queue, place, place.available | random.choice([0, DESC_F_NEXT]))

    def publish(self, queue: int, lengths: list[int]) -> None:
        """Write chains of so many descriptors each, the first flags of all last; notify."""
        size, old = self.layouts[queue].size, self.next[queue]
        begin, first = old, None
        for length in lengths:
            places = [begin.ahead(n, size) for n in range(length)]
            for number, place in reversed(list(enumerate(places))):
                flags = place.available | (DESC_F_NEXT if number < length - 1 else 0)
                if place == old:
                    first = flags
                    continue
                self.put(queue, place, flags)
            self.want[queue].append((begin, length))
            begin = begin.ahead(length, size)
        assert first is not None
        after = begin
        if after != old.ahead(self.free[queue], size):  # what comes after is not available
            self.put(queue, after, after.used)
        self.put(queue, old, first)
        self.next[queue] = begin
        self.free[queue] -= sum(lengths)
        if self.event[queue].wants(old, begin, size, self.event_idx):
            self.notified += 1
            self.pending[queue] = True

    def refuse(self, queue: int, place: int, half: int) -> int:
        """Refuse reads of half a descriptor; return the first one in the same beat."""
        self.refused.add((queue, 2 * place + half))
        ring = self.layouts[queue].ring
        beat = (ring + place * DESC_BYTES) // self.beat * self.beat
        return max(0, (beat - ring) // DESC_BYTES)

    async def idle(self) -> None:
        """Wait until no visit is under way."""
        due = self.pending
        await self.unit.until(
            lambda: not any(self.busy) and not any(due[q] for q in self.live()), "idle", 60000
        )
        await self.unit.clocks(60)
        assert not any(self.busy), "a visit without end"

    def live(self) -> list[int]:
        """Queues that were not stopped."""
        return [queue for queue in range(self.queues) if self.fetchable >> queue & 1]

    async def done(self) -> None:
        """Wait until all is fetched and idle; hold what was written against the rules."""
        await self.idle()
        for queue in range(self.queues):
            if queue in self.live():
                assert not self.want[queue], f"queue {queue}: chains were forgotten"
            position = self.thrown.get(queue, self.next[queue])
            self.unit.set(s_index_queue=queue)
            await self.unit.clocks(2)
            assert int(self.dut.m_index_avail.value) == position.word, queue
            wished = self.came[queue] or queue in self.stop_at or self.resumed >> queue & 1
            if self.event_idx and wished:
                assert self.event[queue] == EventSuppression(position.word, 2), queue
            else:
                assert self.event[queue].flags == 0


def some_chains(bench: PackedBench, queue: int, longest: int) -> list[int]:
    """Return lengths of chains for which there is room."""
    room = random.randint(1, bench.free[queue])
    lengths = []
    while room:
        lengths.append(min(room, random.randint(1, longest)))
        room -= lengths[-1]
    return lengths


@test(us=4000)
@cocotb.parametrize(
    event_idx=[0, 1], percent=[100, 40], busy=[2, 20], longest=[1, 6], again=[False, True]
)
async def no_chain_is_forgotten(
    dut: Any, event_idx: int, percent: int, busy: int, longest: int, again: bool
) -> None:
    """The driver publishes at random moments and trusts the suppression fields; credits vary."""
    bench = PackedBench(dut, bool(event_idx))
    if again:
        bench.resume()
    await bench.start(percent=percent)
    for _ in range(900):
        queue = random.randrange(bench.queues)
        if random.randrange(100) < busy and bench.free[queue]:
            bench.publish(queue, some_chains(bench, queue, longest))
            if longest > 1:
                bench.litter(queue)
        if random.random() < 0.1:
            bench.grant(random.randrange(bench.queues), random.choice([1, 3, 100]))
        await bench.unit.clocks()
    for queue in range(bench.queues):
        bench.grant(queue, 30000)
    await bench.done()
    assert (bench.notified or again) and not bench.bad and any(bench.came)


@test(us=4000)
@cocotb.parametrize(event_idx=[0, 1], longest=[1, 5], course=[(0, 25), (1, 25), (2, 4)])
async def after_a_fault_the_next_position_is_its_own(
    dut: Any, event_idx: int, longest: int, course: tuple[int, int]
) -> None:
    """A queue is stopped by a chain; what was fetched after it is thrown away, soon or late."""
    bench = PackedBench(dut, bool(event_idx), random.choices(SIZES[1:6], k=int(dut.QUEUES.value)))
    await bench.start()
    rounds, bench.leaving = course
    everyone = range(bench.queues)
    for queue in everyone:
        bench.grant(queue, 30000)
    for _ in range(rounds):
        for queue in everyone:
            bench.publish(queue, some_chains(bench, queue, longest))
        await bench.done()
    for queue in everyone:
        lengths = some_chains(bench, queue, longest)
        start = sum(lengths[: random.randrange(len(lengths))])
        bench.stop_at[queue] = bench.next[queue].ahead(start, bench.layouts[queue].size)
        bench.publish(queue, lengths)
    await bench.done()
    assert not bench.live()


@test(us=1000)
@cocotb.parametrize(first=[True, False], half=[0, 1])
async def flags_that_cannot_be_read_end_the_visit(dut: Any, first: bool, half: int) -> None:
    """The head leaves with an error, after all before it; no other follows, even if it is late."""
    bench = PackedBench(dut, False, [16] * int(dut.QUEUES.value))
    await bench.start()
    bench.leaving = 3
    bench.grant(0, 100)
    place = bench.refuse(0, 0 if first else 8, half)
    bench.publish(0, [1] * 12)
    await bench.done()
    assert bench.bad == [(0, place)]
    assert len(bench.came[0]) == place


@test(us=1000)
@cocotb.parametrize(cause=["first half", "second half", "not available"])
async def a_chain_ends_at_its_first_bad_descriptor(dut: Any, cause: str) -> None:
    """Its head leaves with the descriptors up to there, for the walk to find the fault."""
    bench = PackedBench(dut, True, [16] * int(dut.QUEUES.value))
    await bench.start()
    bench.grant(0, 100)
    place = 9
    if cause != "not available":
        place = bench.refuse(0, place, int(cause == "second half"))
    bench.publish(0, [2, 12])
    if cause == "not available":
        bench.put(0, Position(place, 1), Position(place, 1).used | DESC_F_NEXT)
    begin = bench.stop_at[0] = Position(2, FIRST.wrap)
    bench.want[0][1] = begin, place - begin.offset + 1
    await bench.done()
    assert 0 not in bench.live() and not bench.bad


@test(us=1000)
async def single_chains_leave_at_their_rate(dut: Any) -> None:
    """16 of them take 23 cycles, or on 64 bits 5 more than the beats that they lie in."""
    bench = PackedBench(dut, True, [600, *[1] * (int(dut.QUEUES.value) - 1)])
    await bench.start(latency=(100, 100))
    bench.grant(0, 30000)
    bench.publish(0, [1] * 599)
    await bench.done()
    late = bench.came[0][200:500]
    check_rate(late, "heads", spare=420 if bench.beat == 8 else 140)
