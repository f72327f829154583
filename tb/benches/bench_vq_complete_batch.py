# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_complete_batch: completions in, used elements in the rings, batches out."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, NamedTuple

import cocotb
from cocotb.triggers import RisingEdge

from pymodel.layout import DESC_F_WRITE
from pymodel.packed_layout import FIRST, Position
from tb.benches.beats import cut, lanes_of
from tb.benches.unit import Unit, check_rate, test


class Pace(NamedTuple):
    """Chance per clock of each channel to move, in percent."""

    used: int = 100
    req: int = 100
    beat: int = 100
    ack: int = 100
    batch: int = 100
    fence: int = 100


FAST = Pace()
FIRSTS = ["m_batch_slot", "m_batch_word"]  # mean something only with m_batch_mark


class Mode(NamedTuple):
    """The ring's format, and whether IN_ORDER holds."""

    packed: bool = False
    in_order: bool = False


SPLIT, PACKED = Mode(), Mode(packed=True)
MODES = (SPLIT, PACKED, Mode(in_order=True), Mode(packed=True, in_order=True))


class Done(NamedTuple):
    """A completed chain."""

    id: int
    length: int
    slots: int
    whole: bool
    more: bool = False  # used only together with the next one


class Element(NamedTuple):
    """A used element: its address, its 8 bytes, and the places up to the next one."""

    addr: int
    data: bytes
    slots: int
    more: bool  # the last chain that it returns is inside a group


class First(NamedTuple):
    """A group's first used descriptor: its place, its id and flags."""

    slot: int
    word: int


class Burst(NamedTuple):
    """A request: address, bytes, and whether it ends its batch."""

    addr: int
    length: int
    ack: bool


class BatchBench:
    """Completed chains, the memory that takes their elements, and the stage after."""

    def __init__(self, dut: Any, mode: Mode = SPLIT) -> None:
        self.dut, self.mode = dut, mode
        self.queues = int(dut.QUEUES.value)
        self.unit = Unit(dut, s_packed=int(mode.packed), s_in_order=int(mode.in_order))
        self.beat = int(dut.DATA_W.value) // 8
        self.sizes = [1 << random.randrange(16) for _ in range(self.queues)]
        self.rings = [random.getrandbits(50) << 2 for _ in range(self.queues)]
        if mode.packed:
            self.sizes = [random.choice([size, random.randint(1, size)]) for size in self.sizes]
            self.rings = [ring << 2 for ring in self.rings]
        self.want: list[list[Done]] = [[] for _ in range(self.queues)]
        self.acks = 0
        self.first = [0] * self.queues  # used index that each queue starts at
        self.place = [FIRST] * self.queues  # packed
        self.firsts: list[First] = []  # of the groups handed on
        self.fenced = 0  # fences acknowledged

    async def start(self, pace: Pace = FAST, anywhere: bool = False) -> None:
        """Reset, and start every channel; the queues at their first index, or anywhere."""
        unit = await self.unit.start()
        if anywhere:
            self.first = [
                random.choice([0xFFFF, 0xFFF0, random.getrandbits(16)]) for _ in self.first
            ]
            self.place = [Position(random.randrange(n), random.getrandbits(1)) for n in self.sizes]
        words = [place.word ^ 0x8000 for place in self.place] if self.mode.packed else self.first
        await unit.start_at([word << 16 | 0xAAAA for word in words])
        unit.set(s_ready=(1 << self.queues) - 1)  # no queue is ready in reset
        unit.answer("m_open_queue", lambda q: {"s_open_addr": self.rings[q % self.queues]})
        unit.answer(
            "s_used_queue",
            lambda q: {
                "s_used_size": self.sizes[q % self.queues],
                "s_used_place": self.rings[q % self.queues] >> 2 & 15,
            },
        )
        self.used = unit.source("s_used", pace.used)
        self.req = unit.sink("m_req", pace.req)
        self.batch = unit.sink("m_batch", pace.batch, without=FIRSTS)
        self.beats = unit.sink("m_beat", pace.beat)
        self.ack = unit.source("s_ack", pace.ack)
        self.fence = unit.sink("m_fence", pace.fence)
        self.fence_ack = unit.source("s_fenced", pace.ack)
        self.fenced_then: list[int] = []  # fences acknowledged before each request was shown
        cocotb.start_soon(self._memory())
        unit.each_clock(self._look)

    async def _memory(self) -> None:
        whole = beats = fences = 0
        while True:
            while whole < len(self.req.words):
                value = self.req.words[whole].value
                due = beats + len(cut(value["len"], value["addr"] % self.beat, self.beat))
                if due > len(self.beats.words):
                    break
                whole, beats = whole + 1, due
                if value["ack"]:
                    self.ack.send({})
            while fences < len(self.fence.words):
                self.fence_ack.send({})
                fences += 1
            await RisingEdge(self.dut.clk)

    def _look(self) -> None:
        dut = self.dut
        if (
            dut.m_batch_valid.value == 1
            and dut.m_batch_ready.value == 1
            and dut.m_batch_mark.value == 1
        ):
            self.firsts.append(First(int(dut.m_batch_slot.value), int(dut.m_batch_word.value)))
        if self.dut.m_req_valid.value == 1 and self.dut.m_req_ready.value == 1:
            self.fenced_then.append(self.fenced)
        if self.dut.s_ack_valid.value == 1:
            self.acks += 1
        if self.dut.s_fenced_valid.value == 1:
            self.fenced += 1
        assert len(self.batch.words) <= self.acks, "handed on before it was acknowledged"

    def complete(
        self,
        queue: int,
        final: bool,
        slots: int = 0,
        length: int = -1,
        whole: bool | None = None,
        more: bool = False,
    ) -> None:
        """Complete a chain; with packed rings of so many places, 0 for any."""
        most = self.sizes[queue] if self.mode.packed else 1
        slots = min(slots or random.choice([1, 1, 1, 2, random.randint(1, most)]), most)
        length = random.choice([0, random.getrandbits(32)]) if length < 0 else length
        whole = random.random() < 0.6 if whole is None else whole
        done = Done(random.getrandbits(16), length, slots, whole, more)
        self.want[queue].append(done)
        word = {"queue": queue, "head": done.id, "slots": done.slots, "len": done.length}
        self.used.send(
            word | {"whole": int(done.whole), "more": int(done.more), "final": int(final)}
        )

    def taken(self, queue: int) -> int:
        """Places of a queue's ring that the driver does not see used."""
        seen = whole = 0
        for word in self.batch.words:
            if word.value["queue"] == queue:
                seen += word.value["count"]
                whole = seen if not word.value["part"] else whole
        return sum(done.slots for done in self.want[queue][whole:])

    async def group(self, queue: int, count: int) -> int:
        """Complete chains that are to be seen together, as soon as the ring has so many places.

        Returns:
            how many they are: at most the size of the ring.
        """
        size = self.sizes[queue]
        count = min(count, size)
        slots = [1] * count
        if self.mode.packed:
            slots[random.randrange(count)] = random.randint(1, 1 + min(3, size - count))
        await self.unit.until(lambda: self.taken(queue) + sum(slots) <= size, "places", 8000)
        filled = random.random() < 0.8
        for number, places in enumerate(slots):
            more = number + 1 < count
            whole = filled or random.random() < 0.5 if more else None
            self.complete(queue, not more and random.random() < 0.2, places, -1, whole, more)
        return count

    # ---- what is right

    def element(self, queue: int, at: Position, index: int, run: list[Done]) -> Element:
        """The element that returns these chains; `at` or `index` is the place of the first."""
        slots, last = sum(done.slots for done in run), run[-1]
        if self.mode.packed:
            flags = at.used | (DESC_F_WRITE if last.length else 0)
            raw = flags << 48 | last.id << 32 | last.length
            addr = self.rings[queue] + 16 * at.offset + 8
        else:
            raw = last.length << 32 | last.id
            addr = self.rings[queue] + 4 + 8 * (index % self.sizes[queue])
        return Element(addr, raw.to_bytes(8, "little"), slots, last.more)

    def elements(self, queue: int, at: Position, index: int, chains: list[Done]) -> list[Element]:
        """The elements of a batch: with IN_ORDER chains filled whole share that of the next."""
        found, run = [], list[Done]()
        for number, done in enumerate(chains):
            run.append(done)
            if self.mode.in_order and done.whole and number + 1 < len(chains):
                continue
            found.append(self.element(queue, at, index, run))
            at = at.ahead(found[-1].slots, self.sizes[queue])
            index += found[-1].slots
            run = []
        return found

    def bursts(self, elements: list[Element]) -> list[Burst]:
        """The requests of a batch."""
        limit = self.unit.parameter("MAX_BYTES")
        found: list[Burst] = []
        if self.mode.packed:
            for element in elements:
                last = found[-1] if found else Burst(0, 0, False)
                beside = last.addr + last.length + 8 == element.addr
                if found and beside and last.addr // self.beat == element.addr // self.beat:
                    found[-1] = Burst(last.addr, last.length + 16, False)
                else:
                    found.append(Burst(element.addr, 8, False))
        else:
            addr, rest = elements[0].addr, 8 * len(elements)
            while rest:
                length = min(rest, limit - addr % limit)
                found.append(Burst(addr, length, False))
                addr, rest = addr + length, rest - length
        return [*found[:-1], found[-1]._replace(ack=True)]

    async def done(self) -> None:
        """Wait until every completion was handed on, then judge."""
        total = sum(map(len, self.want))

        def handed() -> bool:
            return sum(word.value["count"] for word in self.batch.words) == total

        await self.unit.until(handed, "batches", 40000)
        await self.unit.clocks(5)
        most = self.unit.parameter("BATCH_MAX")
        beats = iter(self.beats.words)
        requests = iter(zip(self.req.words, self.fenced_then))
        at: Counter[int] = Counter()  # chains
        index = Counter(dict(enumerate(self.first)))
        place = self.place[:]
        fences = 0
        firsts = iter(self.firsts)
        inside = [False] * self.queues  # the batch before ended inside a group
        veiled: list[First | None] = [None] * self.queues
        for batch in (word.value for word in self.batch.words):
            queue, count = batch["queue"], batch["count"]
            size, chains = self.sizes[queue], self.want[queue][at[queue] :][:count]
            assert 0 < count == len(chains) <= most
            elements = self.elements(queue, place[queue], index[queue], chains)
            slots = sum(element.slots for element in elements)
            if self.mode.packed:
                old, place[queue] = place[queue], place[queue].ahead(slots, size)
                assert batch["first"] ^ 0x8000 == old.word
                assert batch["index"] ^ 0x8000 == place[queue].word
                assert old.wrap == place[queue].wrap or old.offset + slots >= size
            else:
                assert index[queue] % size + slots <= size, "the batch runs past the ring's end"
                assert len(elements) < 2 or all(e.slots == 1 for e in elements[:-1])
                assert batch["index"] == (index[queue] + slots) % 0x10000
            at[queue] += count
            index[queue] += slots
            part, first = chains[-1].more, veiled[queue]
            assert bool(batch["part"]) == part
            if part:  # only where a batch must end
                ring_end = index[queue] % size == 0
                if self.mode.packed:
                    ring_end = place[queue].wrap != old.wrap
                torn = self.mode.in_order and not chains[-1].whole
                assert count == most or ring_end or torn, "a group was cut"
            elif inside[queue]:
                groups = [number for number, done in enumerate(chains) if not done.more]
                assert groups == [count - 1], "the group's batch goes on"
            inside[queue] = part
            show = []  # whether each element shows as soon as it is written
            if self.mode.packed:
                for number, element in enumerate(elements):
                    if first is None and element.more:
                        shown = int.from_bytes(element.data[4:], "little")
                        first = First((element.addr - self.rings[queue]) // 16, shown)
                        hidden = (shown ^ 1 << 31).to_bytes(4, "little")
                        elements[number] = element._replace(data=element.data[:4] + hidden)
                        behind = [] if self.mode.in_order else chains[number:-1]
                        assert all(done.more for done in behind), "two groups in a batch"
                    show.append(first is None)
                assert bool(batch["mark"]) == (first is not None and not part)
                if batch["mark"]:
                    assert next(firsts) == first
                veiled[queue] = first if part else None
                assert part or first is None or batch["mark"]
            fences += any(done.length for done in chains) and any(show)
            data = b""
            for burst in self.bursts(elements):
                word, fenced = next(requests)
                request = word.value
                assert Burst(request["addr"], request["len"], bool(request["ack"])) == burst
                assert request["queue"] == queue
                assert not self.mode.packed or fenced >= fences, "written before its payload"
                for lane, count in cut(burst.length, burst.addr % self.beat, self.beat):
                    data += lanes_of(next(beats).value["data"], self.beat, lane, count)
                if self.mode.packed:  # the upper half of each 16 bytes is written
                    begin = len(data) - burst.length
                    halves = [data[n : n + 8] for n in range(begin, len(data), 16)]
                    data = data[:begin] + b"".join(halves)
            assert data == b"".join(element.data for element in elements)
        assert next(beats, None) is None and next(requests, None) is None
        assert len(self.fence.words) == (fences if self.mode.packed else 0)


SLOW = (FAST, Pace(used=40), Pace(req=20), Pace(beat=30), Pace(ack=10), Pace(batch=20))
PACES = (*SLOW, Pace(fence=10), Pace(80, 50, 60, 40, 50, 60))


@test(us=2000)
@cocotb.parametrize(mode=MODES, pace=PACES)
async def elements_land_in_their_slots(dut: Any, mode: Mode, pace: Pace) -> None:
    """Runs of completions of several queues, ring sizes from 1 up, some final."""
    bench = BatchBench(dut, mode)
    await bench.start(pace, anywhere=True)
    for _ in range(20):
        queue = random.randrange(bench.queues)
        for _ in range(random.choice([1, 2, 3, random.randint(1, 90)])):
            bench.complete(queue, random.random() < 0.15)
        if random.random() < 0.1:
            await bench.unit.clocks(random.randint(0, 60))
    await bench.done()


@test(us=4000)
@cocotb.parametrize(mode=MODES)
async def small_rings_wrap_many_times(dut: Any, mode: Mode) -> None:
    """Rings of 1 to 8 elements, packed of any such number."""
    bench = BatchBench(dut, mode)
    bench.sizes = [1 << (number % 4) for number in range(bench.queues)]
    if mode.packed:
        bench.sizes = [1 + (number + random.randrange(8)) % 8 for number in range(bench.queues)]
    await bench.start(Pace(req=70), anywhere=True)
    for _ in range(300):
        bench.complete(random.randrange(bench.queues), random.random() < 0.5)
    await bench.done()


@test(us=1000)
async def what_closes_a_batch_in_time(dut: Any) -> None:
    """A final completion and a lone one are requested at once; one of several, after WAIT."""
    bench = BatchBench(dut)
    bench.sizes = [256] * bench.queues
    await bench.start()
    wait = bench.unit.parameter("WAIT")

    async def took(finals: list[bool]) -> int:
        for final in finals:
            bench.complete(0, final)
        count = len(bench.req.words) + 1
        await bench.unit.until(lambda: len(bench.req.words) == count, "request", 300)
        clocks = bench.req.words[-1].taken - bench.used.taken[-1]
        await bench.unit.clocks(5)
        return clocks

    await bench.unit.clocks(wait)
    assert await took([False]) == 2
    assert await took([False]) == wait + 2  # soon after another one
    assert await took([True]) == 2
    assert await took([False, False, False]) == wait + 2
    assert await took([False, True]) == 2
    bench.unit.set(s_busy=1)
    bench.complete(0, False)
    await bench.unit.clocks(2 * wait)
    bench.unit.set(s_busy=0)
    assert await took([False]) == wait + 2  # nothing was quiet, so the first one waited for it
    assert bench.batch.words[-1].value["count"] == 2
    await bench.unit.clocks(wait)
    assert await took([False]) == 2
    await bench.done()


@test(us=1000)
async def a_batch_does_not_grow_old(dut: Any) -> None:
    """While completions go on, a batch is requested AGE clocks after its first one."""
    bench = BatchBench(dut)
    bench.sizes = [256] * bench.queues
    await bench.start()
    wait, age = bench.unit.parameter("WAIT"), bench.unit.parameter("AGE")
    bench.complete(0, True)
    gap = wait * 3 // 4
    for _ in range(3 * age // gap):
        bench.complete(0, False)
        await bench.unit.clocks(gap)
    await bench.done()
    done = 0
    for asked, batch in zip(bench.req.words, bench.batch.words):
        assert asked.taken - bench.used.taken[done] <= age + 3
        done += batch.value["count"]
    assert len(bench.batch.words) <= 6


@test()
@cocotb.parametrize(mode=MODES, slots=[1, 3])
async def one_chain_per_clock(dut: Any, mode: Mode, slots: int) -> None:
    """Full batches of one queue cost one more clock each, or two with IN_ORDER."""
    bench = BatchBench(dut, mode)
    bench.sizes = [1 << 15] * bench.queues
    await bench.start()
    most = bench.unit.parameter("BATCH_MAX")
    if bench.unit.parameter("BATCHES") < 4:
        return  # few batches under way do not cover the memory's latency
    for _ in range(1 + 6 * most):
        bench.complete(0, False, slots)
    await bench.done()
    counts = [word.value["count"] for word in bench.batch.words]
    if mode.in_order:
        spare = 2 * len(counts) + 2
    else:
        assert counts == [1] + [most] * 6
        spare = 8
    check_rate(bench.used.taken, "completions", spare)


@test(us=1000)
@cocotb.parametrize(mode=MODES[1::2])
async def the_way_of_a_used_descriptor(dut: Any, mode: Mode) -> None:
    """The clocks from a lone completion to its fence, and to its request; none unless written."""
    bench = BatchBench(dut, mode)
    bench.sizes = [256] * bench.queues
    await bench.start(Pace(ack=10))
    for length in (0, 1, 0x100, 0, 1 << 31):
        bench.complete(0, True, 1, length)
        held = mode.in_order and bench.want[0][-1].whole
        await bench.done()
        begin, asked = bench.used.taken[-1], bench.req.words[-1].taken
        if length:
            assert bench.fence.words[-1].taken - begin == 2 + held
            assert asked - bench.fence_ack.taken[-1] == 2
        else:
            assert asked - begin - held in ((4,) if bench.beat <= 16 else (4, 5))
        await bench.unit.clocks(bench.unit.parameter("WAIT"))


@test(us=1000)
@cocotb.parametrize(mode=MODES[2:])
async def whole_chains_share_an_element(dut: Any, mode: Mode) -> None:
    """With IN_ORDER one element returns a run of chains, up to one that is not filled whole."""
    bench = BatchBench(dut, mode)
    bench.sizes = [256] * bench.queues
    await bench.start()
    bench.complete(0, True, 1)
    for number in range(7):
        bench.complete(0, number == 6, 1, whole=number < 6)
    await bench.done()
    assert [word.value["count"] for word in bench.batch.words] == [1, 7]
    assert len(bench.req.words) == 2


@test(us=6000)
@cocotb.parametrize(mode=MODES, pace=PACES)
async def groups_are_published_whole(dut: Any, mode: Mode, pace: Pace) -> None:
    """Groups of 1 to 64 chains among others; a batch ends inside one only where it must."""
    bench = BatchBench(dut, mode)
    bench.sizes = [1 << random.choice([0, 1, 2, 3, 5, 7, 12]) for _ in range(bench.queues)]
    if mode.packed:
        bench.sizes = [random.randint(1 + size // 2, size) for size in bench.sizes]
    await bench.start(pace)
    for _ in range(25):
        queue = random.randrange(bench.queues)
        for _ in range(random.choice([1, 1, 3, 9])):
            count = random.choice([1, 2, 3, 3, random.randint(1, 64)])
            if await bench.group(queue, count) > 8 and random.random() < 0.5:
                break
        if random.random() < 0.2:
            await bench.unit.clocks(random.randint(0, 90))
    await bench.done()


@test(us=2000)
@cocotb.parametrize(mode=MODES)
async def groups_across_each_place_of_small_rings(dut: Any, mode: Mode) -> None:
    """Groups of every length in rings of 2 to 8 places, from wherever the one before ended."""
    bench = BatchBench(dut, mode)
    bench.sizes = [2 << number % 3 for number in range(bench.queues)]
    if mode.packed:
        bench.sizes = [2 + (number + random.randrange(7)) % 7 for number in range(bench.queues)]
    await bench.start(Pace(req=70))
    for _ in range(120):
        await bench.group(random.randrange(bench.queues), random.randint(1, 8))
    await bench.done()


@test(us=1000)
@cocotb.parametrize(mode=MODES)
async def time_closes_no_batch_inside_a_group(dut: Any, mode: Mode) -> None:
    """Neither quiet nor age does; after its last chain a lone group is requested at once."""
    bench = BatchBench(dut, mode)
    bench.sizes = [256] * bench.queues
    await bench.start()
    wait, age = bench.unit.parameter("WAIT"), bench.unit.parameter("AGE")
    for pause in (1, wait // 2, 2 * wait, age + wait):
        await bench.unit.clocks(2 * wait)
        before = len(bench.batch.words)
        for number in range(3):
            bench.complete(0, False, 1, 5, number < 2, number < 2)
            await bench.unit.clocks(pause)
        await bench.done()
        assert [word.value["count"] for word in bench.batch.words[before:]] == [3]
        gap = bench.req.words[-1].taken - bench.used.taken[-1]
        plain = mode.in_order or not mode.packed
        assert gap <= (6 if not mode.packed else 8 + 4 * mode.in_order), f"{gap} clocks"
        assert plain or not bench.fence.words, "a fence that nothing needs"


@test()
@cocotb.parametrize(mode=[SPLIT, PACKED])
async def groups_cost_no_clocks(dut: Any, mode: Mode) -> None:
    """A chain a clock, where chains come in groups of 4; packed: one more clock a group."""
    bench = BatchBench(dut, mode)
    bench.sizes = [1 << 15] * bench.queues
    await bench.start()
    most = bench.unit.parameter("BATCH_MAX")
    if bench.unit.parameter("BATCHES") < 4:
        return
    for number in range(6 * most):
        bench.complete(0, False, 1, more=number % 4 != 3)
    await bench.done()
    check_rate(bench.used.taken, "completions", 10 + (6 * most // 4 if mode.packed else 0))


@test()
@cocotb.parametrize(mode=[SPLIT, PACKED])
async def indices_start_afresh(dut: Any, mode: Mode) -> None:
    """A queue that was not ready starts at 0 again; the others go on."""
    bench = BatchBench(dut, mode)
    bench.sizes = [256] * bench.queues
    await bench.start()
    for queue in range(bench.queues):
        for _ in range(3):
            bench.complete(queue, True, 1)

    def handed() -> int:
        return sum(word.value["count"] for word in bench.batch.words)

    await bench.unit.until(lambda: handed() == 3 * bench.queues, "batches")
    before = len(bench.batch.words)
    bench.unit.set(s_ready=(1 << bench.queues) - 2)
    await bench.unit.clocks(2)
    bench.unit.set(s_ready=(1 << bench.queues) - 1)
    for queue in range(bench.queues):
        bench.complete(queue, True, 1)
    await bench.unit.until(lambda: len(bench.batch.words) == before + bench.queues, "batches")
    indices = [word.value["index"] for word in bench.batch.words[before:]]
    assert indices == [1] + [4] * (bench.queues - 1)
