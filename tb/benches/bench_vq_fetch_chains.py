# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_fetch_chains, and so of vq_fetch_issue, _hold, _walk, _order and _retire and of
vq_desc_unpack: chain heads in, whole chains out, against the golden model's walker.

The chain store is a model here, so what was stored can be read back as it will be used.
"""

from __future__ import annotations

import os
import random
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from pymodel.faults import ChainError, Fault
from pymodel.layout import (
    DESC_BYTES,
    DESC_F_INDIRECT,
    DESC_F_NEXT,
    DESC_F_WRITE,
    Descriptor,
    SplitLayout,
)
from pymodel.memory import GuestMemory, MemoryFault
from pymodel.walker import ChainWalker
from tb.benches.channels import now
from tb.benches.unit import Unit, test

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower

SPAN = 1 << 16  # bytes of memory of a queue: its table, then its indirect tables

MET: set[int] = set()  # faults that the hostile chains led to


@dataclass
class Head:
    """A chain head as it was given."""

    queue: int
    index: int
    error: bool


class ChainsBench:
    """Memory, chain store, and the stages around the walk."""

    def __init__(self, dut: Any, sizes: list[int], indirect: bool) -> None:
        self.dut, self.indirect = dut, indirect
        self.queues = int(dut.QUEUES.value)
        self.fetchable = (1 << self.queues) - 1
        self.unit = Unit(dut, s_indirect=self.fetchable if indirect else 0)
        self.beat = int(dut.DATA_W.value) // 8
        self.chunks = 1 << int(dut.TAG_W.value)
        self.most = int(dut.MAX_CHAIN.value)
        self.memory = GuestMemory()
        self.layouts: list[SplitLayout] = []
        for queue, size in zip(range(self.queues), sizes * self.queues):
            base = self.memory.add_region((queue + 1) << 40, SPAN).base
            table = base + DESC_BYTES * random.choice([0, 1, 6, 16])
            self.layouts.append(SplitLayout(size, table, base + SPAN - 2, base + SPAN - 4))
        self.free = deque(random.sample(range(self.chunks), self.chunks))
        self.store: dict[int, tuple[int, int]] = {}
        self.links: dict[int, int] = {}
        self.chains: dict[int, dict[str, int]] = {}  # what the scatter stage keeps, by tag
        self.given: list[dict[str, Any]] = []  # chains that came out, in order
        self.dropped: list[int] = []  # queues
        self.heads: list[Head] = []
        self.shown: list[int] = []  # clocks of the beats of descriptors
        self.out: list[int] = []  # clocks of the chains
        self.percent = 100  # chance per clock that the takers of chains are ready
        self.brings = 0.0  # chance that a head brings its descriptor, where it may
        self.chance = random.Random(1)

    async def start(self, latency: int = 5, percent: int = 100) -> None:
        """Reset, set the queues up, and start everything."""
        dut, unit = self.dut, await self.unit.start()
        for queue, layout in enumerate(self.layouts):
            words = (layout.size, layout.table & 0xFFFFFFFF, layout.table >> 32)
            for number, data in enumerate(words):
                unit.set(s_setup_queue=queue, s_setup_field=number, s_setup_data=data)
                unit.set(s_setup_valid=1)
                await unit.clocks()
        unit.set(s_setup_valid=0, s_fetchable=self.fetchable)
        self.head = unit.source("s_head", percent)
        self.ar = unit.sink("m_ar", percent, grows="len")
        self.fault = unit.sink("m_fault", percent)
        self.percent = percent
        cocotb.start_soon(self._memory(latency))
        cocotb.start_soon(self._follow())
        assert dut.m_req_valid.value == 0

    async def _memory(self, latency: int) -> None:
        dut, seen, clock = self.dut, 0, 0
        line: deque[tuple[int, int]] = deque()
        while True:
            for word in self.ar.words[seen:]:
                first = word.value["addr"] // self.beat * self.beat
                beats = range(word.value["len"] + 1)
                line.extend((first + n * self.beat, clock + latency) for n in beats)
            seen = len(self.ar.words)
            dut.s_r_valid.value = 0
            if line and line[0][1] <= clock:
                addr = line.popleft()[0] % (1 << 64)
                try:
                    data, error = self.memory.read(addr, self.beat), 0
                except MemoryFault:
                    data, error = random.randbytes(self.beat), 1
                dut.s_r_data.value = int.from_bytes(data, "little")
                dut.s_r_error.value = error
                dut.s_r_valid.value = 1
                self.shown.append(now())
            clock += 1
            await RisingEdge(dut.clk)

    async def _follow(self) -> None:
        """The chain store, and the takers of chains; they take together or not at all."""
        dut, unit = self.dut, self.unit
        names = ("queue", "head", "writable", "w_at", "last")
        while True:
            ready = int(random.randrange(100) < self.percent)
            unit.set(s_free_valid=int(bool(self.free)), s_free_count=len(self.free))
            unit.set(s_free_tag=self.free[0] if self.free else 0)
            unit.set(m_req_ready=ready, m_gather_ready=ready)
            unit.set(m_release_ready=ready, m_drop_ready=ready)
            await ReadOnly()
            if dut.m_free_take.value == 1:
                assert self.free
                self.free.popleft()
            if dut.m_store_valid.value == 1:
                data = int(dut.m_store_data.value)
                self.store[int(dut.m_store_at.value)] = data >> 32, data & 0xFFFFFFFF
            if dut.m_link_valid.value == 1:
                self.links[int(dut.m_link_tag.value)] = int(dut.m_link_next.value)
            if dut.m_chain_valid.value == 1:
                record = {name: int(getattr(dut, f"m_chain_{name}").value) for name in names}
                self.chains[int(dut.m_chain_tag.value)] = record
            if dut.m_req_valid.value == 1 and ready:
                fields = ("queue", "tag", "readable", "writable")
                chain = {name: int(getattr(dut, f"m_req_{name}").value) for name in fields}
                assert (dut.m_gather_valid.value == 1) == (chain["readable"] != 0)
                self.given.append(self._read_back(chain))
                self.out.append(now())
            stop = None
            if dut.m_fault_valid.value == 1 and dut.m_fault_ready.value == 1:
                stop = int(dut.m_fault_queue.value)
            if dut.m_release_valid.value == 1 and ready:
                assert dut.m_drop_valid.value == 1
                self.dropped.append(int(dut.m_drop_queue.value))
                self._release(int(dut.m_release_first.value), int(dut.m_release_last.value))
            await RisingEdge(dut.clk)
            if stop is not None:
                self.fetchable &= ~(1 << stop)
                unit.set(s_fetchable=self.fetchable)

    def _read_back(self, chain: dict[str, int]) -> dict[str, Any]:
        """Return a chain as the later stages read it; its chunks are free again."""
        record = self.chains[chain["tag"]]
        assert (record["queue"], record["writable"]) == (chain["queue"], chain["writable"])
        chunks = self._chunks(chain["tag"], record["last"])
        places = [4 * chunk + place for chunk in chunks for place in range(4)]
        segments = [self.store.get(place) for place in places]
        found = chain | {"segments": segments, "head": record["head"]}
        found["first_writable"] = places.index(record["w_at"]) if chain["writable"] else None
        self._release(chain["tag"], record["last"])
        return found

    def _chunks(self, first: int, last: int) -> list[int]:
        chunks = [first]
        while chunks[-1] != last:
            chunks.append(self.links[chunks[-1]])
            assert len(chunks) <= self.chunks, "the links lead nowhere"
        return chunks

    def _release(self, first: int, last: int) -> None:
        chunks = self._chunks(first, last)
        assert not set(chunks) & set(self.free), "a chunk was released twice"
        for chunk in chunks:
            for place in range(4):
                self.store.pop(4 * chunk + place, None)
        self.free.extend(chunks)

    def give(self, queue: int, index: int, error: bool = False) -> None:
        """Offer a chain head."""
        self.heads.append(Head(queue, index, error))
        word = {"queue": queue, "index": index, "slots": 1, "error": int(error)}
        brought = None if error or self.chance.random() >= self.brings else self._sole(queue, index)
        self.head.send(word | {"here": int(brought is not None), "desc": brought or 0})

    def _sole(self, queue: int, index: int) -> int | None:
        """Return a head's descriptor where the chain has no other one in the queue's table."""
        layout = self.layouts[queue]
        if index >= layout.size:
            return None
        try:
            raw = self.memory.read(layout.table + DESC_BYTES * index, DESC_BYTES)
        except MemoryFault:
            return None
        more = Descriptor.unpack(raw).flags & DESC_F_NEXT
        return None if more else int.from_bytes(raw, "little")

    async def done(self) -> None:
        """Wait for every chain, then hold all of them against the model's walker."""
        total = len(self.heads)
        await self.unit.until(lambda: len(self.given) + len(self.dropped) == total, "chains", 30000)
        await self.unit.clocks(20)
        assert len(self.given) + len(self.dropped) == total
        assert len(self.free) >= self.chunks - 1, "chunks were lost"  # one is kept ready
        self.check_reads()
        faults: list[tuple[int, int, int]] = []
        given = iter(self.given)
        stopped: set[int] = set()
        for head in self.heads:
            if head.queue in stopped:
                continue
            try:
                if head.error:
                    raise ChainError(Fault.MEM_AVAIL, 0)
                walker = ChainWalker(
                    self.memory, self.layouts[head.queue], self.indirect, self.most
                )
                chain = walker.walk(head.index)
            except ChainError as error:
                where = error.in_table << 16 | error.descriptor
                faults.append((int(error.fault), head.queue, where))
                stopped.add(head.queue)
                continue
            got = next(given)
            segments = [tuple(segment) for segment in chain.readable + chain.writable]
            assert (got["queue"], got["head"]) == (head.queue, head.index)
            assert (got["readable"], got["writable"]) == (chain.readable_len, chain.writable_len)
            assert got["segments"][: len(segments)] == segments
            assert len(got["segments"]) - len(segments) < 4, "more chunks than segments"
            if got["first_writable"] is not None:
                assert got["first_writable"] == len(chain.readable)
        assert next(given, None) is None, "a chain that should have been thrown away"
        seen = [(w.value["code"], w.value["queue"], w.value["desc"]) for w in self.fault.words]
        assert sorted(seen) == sorted(faults)

    def check_rate(self, clocks: int) -> None:
        """Hold that chains left one in so many clocks, once every place was given out once."""
        order = self.unit.parameter("ORDER_W")
        if order >= 5:  # enough walks to cover the memory's latency
            late = self.out[1 << order :]
            assert late[-1] - late[0] <= len(late) * clocks + 8

    def check_reads(self) -> None:
        """Hold that of the queues' tables no descriptor past the last one was read."""
        for word in self.ar.words:
            addr, layout = word.value["addr"], self.layouts[word.value["queue"]]
            end = layout.table + DESC_BYTES * layout.size
            if layout.table <= addr < layout.table + SPAN // 4:
                last = addr // self.beat * self.beat + word.value["len"] * self.beat
                assert addr < end and last < end, "read past the table's end"

    def in_a_row(self, queue: int, head: int, count: int, after: list[int] | None = None) -> int:
        """Write a chain of readable descriptors that lie in a row, then those in `after`."""
        layout = self.layouts[queue]
        order = [*range(head, head + count), *(after or [])]
        for number, index in enumerate(order):
            more = number < len(order) - 1
            desc = Descriptor(random.getrandbits(40), 1 + number, int(more), 0)
            self.write(layout.table, index, desc._replace(next=order[number + 1] if more else 0))
        return head

    async def learn(self, queue: int, count: int) -> None:
        """Two chains of so many descriptors in a row at the table's start, to their ends."""
        self.in_a_row(queue, 0, count)
        for _ in range(2):
            await self.alone(queue, 0)

    async def alone(self, queue: int, head: int) -> None:
        """Give one good chain and wait for it."""
        total = len(self.given) + 1
        self.give(queue, head)
        await self.unit.until(lambda: len(self.given) == total, "a chain")
        await self.unit.clocks(4)

    # What drivers do, good and bad

    def write(self, table: int, index: int, desc: Descriptor) -> None:
        """Write a descriptor."""
        self.memory.write(table + DESC_BYTES * index, desc.pack())

    def good_chain(self, queue: int, order: list[int], tables: list[int]) -> int:
        """Write a legal chain with descriptors `order` of a queue's table; return its head."""
        layout = self.layouts[queue]
        inside = self.indirect and random.random() < 0.5
        direct = random.randint(1, len(order))
        total = min(direct + (random.randint(0, 12) if inside else 0), self.most, layout.size)
        readable = random.randint(0, total)
        data = [
            Descriptor(random.getrandbits(63), random.randint(0, 9999), int(n >= readable) * 2, 0)
            for n in range(total)
        ]
        plain = min(direct - 1 if inside else total, total)
        for number in range(plain):
            desc = data[number]
            more = number < total - 1
            after = order[number + 1] if number + 1 < len(order) else 0
            flags = desc.flags | more
            self.write(layout.table, order[number], desc._replace(flags=flags, next=after * more))
        if plain == total:
            return order[0]
        rest, table = data[plain:], tables.pop()
        entries = len(rest) + random.randint(0, 3)
        places = list(range(entries))
        if random.random() < 0.4:  # out of order; the first entry stays first
            places = [0, *random.sample(range(1, entries), entries - 1)]
        for number, desc in enumerate(rest):
            more = number < len(rest) - 1
            after = places[number + 1] if more else random.getrandbits(16)
            self.write(table, places[number], desc._replace(flags=desc.flags | more, next=after))
        length = entries * DESC_BYTES
        flags = DESC_F_INDIRECT | random.choice([0, DESC_F_WRITE])
        last = Descriptor(table, length, flags, random.getrandbits(16))
        self.write(layout.table, order[plain], last)
        return order[0]

    def tables(self, queue: int) -> list[int]:
        """Return addresses for indirect tables of up to 64 entries, some not 16-aligned."""
        base = self.layouts[queue].table + SPAN // 2
        return [base + number * 1088 + random.choice([0, 0, 4, 8, 15]) for number in range(28)]


@test(us=3000)
@cocotb.parametrize(indirect=[0, 1], pace=[(2, 100), (25, 60)])
async def legal_chains_come_out_as_they_are(dut: Any, indirect: int, pace: tuple[int, int]) -> None:
    """Direct, indirect and mixed chains of several queues, in order, with all their segments."""
    bench = ChainsBench(dut, [64, 32, 128], bool(indirect))
    heads: list[list[int]] = []
    for queue in range(bench.queues):
        rest = random.sample(range(bench.layouts[queue].size), bench.layouts[queue].size)
        tables, mine = bench.tables(queue), []
        while len(rest) >= 6 and len(tables) > 1:
            count = random.choice([1, 1, 2, random.randint(1, 6)])
            order, rest = rest[:count], rest[count:]
            mine.append(bench.good_chain(queue, order, tables))
        heads.append(mine)
    await bench.start(*pace)
    bench.brings = 0.5 * bench.unit.parameter("HERE_EN")
    for _ in range(2):
        for queue in random.choices(range(bench.queues), k=40):
            bench.give(queue, random.choice(heads[queue]))
    await bench.done()
    assert not bench.fault.words and len(bench.given) == 80


@test(us=1000)
@cocotb.parametrize(indirect=[0, 1], turn=range(12))
async def hostile_chains_are_found_out(dut: Any, indirect: int, turn: int) -> None:
    """Tables of noise that looks like chains: each fault is the model's, and stops its queue."""
    size = random.choice([1, 2, 8, 32])
    bench = ChainsBench(dut, [size], bool(indirect))
    for layout in bench.layouts:
        tables = [layout.table + SPAN // 2 + 2048 * n for n in range(4)]
        for table, entries in [(layout.table, size)] + [(table, 12) for table in tables]:
            for index in range(entries):
                bench.write(table, index, noise(index, entries, tables, turn))
        if random.random() < 0.3:
            bench.memory.refuse(layout.table // 64 * 64 + 64 * random.randrange(size), 64)
        if random.random() < 0.3:
            bench.memory.refuse(random.choice(tables) + 64 * random.randrange(3), 64)
    await bench.start(random.choice([1, 12]), random.choice([100, 60]))
    bench.brings = 0.5 * bench.unit.parameter("HERE_EN")
    for _ in range(30):
        high = size if random.random() < 0.9 else 0x10000
        queue = random.randrange(bench.queues)
        bench.give(queue, random.randrange(high), random.random() < 0.02)
    await bench.done()
    MET.update(word.value["code"] for word in bench.fault.words)


@test()
async def the_hostile_chains_met_the_usual_faults(dut: Any) -> None:
    """The noise was noisy enough."""
    assert dut is not None
    usual = {Fault.NEXT_RANGE, Fault.READ_AFTER_WRITE, Fault.INDIRECT_NOT_NEGOTIATED}
    assert usual <= MET and len(MET) >= 6, f"only {sorted(MET)} were met"


def noise(index: int, entries: int, tables: list[int], turn: int) -> Descriptor:
    """Return a descriptor that is often legal; `turn` says how writable its table is."""
    write = random.randrange(100) < (turn % 3) * 45 + 5
    more = random.random() < 0.75
    after = (index + 1) % entries if random.random() < 0.6 else random.randrange(entries)
    after = after if random.random() < 0.97 else random.getrandbits(16)
    addr = random.getrandbits(63) if random.random() < 0.97 else (1 << 64) - random.randint(1, 50)
    length = random.choice([0, random.randint(1, 99), random.getrandbits(16)])
    if random.random() < 0.05:
        length = random.getrandbits(32)
    if random.random() < 0.15:
        addr = random.choice(tables) if random.random() < 0.95 else (1 << 64) - 32
        length = 16 * random.randint(1, 12) if random.random() < 0.9 else random.randint(0, 40)
        flags = DESC_F_INDIRECT | (DESC_F_NEXT if random.random() < 0.1 else 0) | write * 2
        return Descriptor(addr, length, flags | random.getrandbits(16) & 0xFFF8, after)
    flags = more * DESC_F_NEXT | write * DESC_F_WRITE | random.getrandbits(16) & 0xFFF8
    return Descriptor(addr, length, flags, after)


@test(us=3000)
async def the_longest_chains_share_the_store(dut: Any) -> None:
    """Many chains of MAX_CHAIN descriptors at once, with chunks for few of them: none is stuck."""
    bench = ChainsBench(dut, [256], indirect=True)
    for layout in bench.layouts:
        for index in range(bench.most):
            more = index < bench.most - 1
            desc = Descriptor(index << 20, index, more | int(index > 3) * 2, (index + 1) * more)
            bench.write(layout.table + SPAN // 2, index, desc)
            bench.write(layout.table, index, desc)
        length = bench.most * DESC_BYTES
        table = Descriptor(layout.table + SPAN // 2, length, DESC_F_INDIRECT, 0)
        bench.write(layout.table, 255, table)
    await bench.start(8, 100)
    for number in range(12):
        bench.give(number % bench.queues, random.choice([0, 255]))
    await bench.done()
    assert len(bench.given) == 12


@test()
async def one_small_chain_per_clock(dut: Any) -> None:
    """Chains of one descriptor each come at the rate at which their descriptors are read."""
    bench = ChainsBench(dut, [256], indirect=False)
    for index in range(256):
        bench.write(bench.layouts[0].table, index, Descriptor(index, 1, 0, 0))
    await bench.start(4, 100)
    for index in range(200):
        bench.give(0, index)
    await bench.done()
    taken = [word.taken for word in bench.ar.words]
    beats = 2 if bench.beat == 8 else 1
    order = bench.unit.parameter("ORDER_W")
    if order >= 4:  # enough walks to cover the memory's latency, once each place was given out
        assert taken[-1] - taken[0] <= 200 * beats + 20 + (1 << order)
    bench.check_rate(beats)


@test()
async def no_read_runs_over_the_end_of_the_largest_packed_ring(dut: Any) -> None:
    """The head at the ring's start does not join the read of the last descriptor.

    The position after the last one of 32768 is that of the first in the next lap.
    """
    bench = ChainsBench(dut, [32768], indirect=False)
    table = bench.memory.regions[0].base + 6 * DESC_BYTES  # its end is within a window
    bench.layouts[0] = replace(bench.layouts[0], table=table)
    await bench.start(4, 100)
    bench.unit.set(s_packed=1)
    bench.ar.percent = 0  # a read stays open while it waits
    await bench.unit.clocks(2)
    for index in (0x7FFF, 0x8000):
        bench.head.send({"queue": 0, "index": index, "slots": 1, "error": 0, "here": 0, "desc": 0})
    await bench.unit.clocks(20)
    bench.ar.percent = 100
    await bench.unit.clocks(60)
    last = table + DESC_BYTES * 0x7FFF
    assert [word.value["addr"] for word in bench.ar.words] == [last, table]


@test()
async def what_heads_bring_is_not_read(dut: Any) -> None:
    """Chains of one descriptor that came with their heads: one a clock, and no read at all."""
    bench = ChainsBench(dut, [256], indirect=False)
    for index in range(256):
        bench.write(bench.layouts[0].table, index, Descriptor(index, 1, 0, 0))
    await bench.start(4, 100)
    bench.brings = bench.unit.parameter("HERE_EN")
    for index in range(200):
        bench.give(0, index)
    await bench.done()
    if bench.brings:
        assert not bench.ar.words
        bench.check_rate(1)


@test(us=3000)
@cocotb.parametrize(count=[1, 2, 3, 4, 8], pace=[(3, 100), (20, 100), (9, 25)])
async def chains_in_a_row_share_reads(dut: Any, count: int, pace: tuple[int, int]) -> None:
    """Chains that lie in a row up to the end of the table: once their length is known, each
    descriptor is read once, whole beats of them where the heads come fast enough."""
    bench = ChainsBench(dut, [128], indirect=False)
    chains = 128 // count
    for number in range(chains):
        bench.in_a_row(0, count * number, count)
    await bench.start(*pace)
    await bench.learn(0, count)
    before = sum(word.value["len"] + 1 for word in bench.ar.words)
    for _ in range(2):
        for number in range(chains):
            bench.give(0, count * number)
    await bench.done()
    beats = sum(word.value["len"] + 1 for word in bench.ar.words) - before
    least = 2 * chains * count * DESC_BYTES // bench.beat
    assert beats >= least
    if bench.beat <= DESC_BYTES:
        assert beats == least
    elif bench.unit.parameter("ORDER_W") >= 4 and pace[1] == 100:
        assert beats <= 1.3 * least + 4
    if count == 1 and pace[1] < 100 and bench.unit.parameter("ORDER_W") >= 4:
        assert len(bench.ar.words) < 2 * chains, "no read was shared"


@test(us=3000)
@cocotb.parametrize(count=[1, 3, 5, 8])
async def chunks_run_out_within_a_shared_read(dut: Any, count: int) -> None:
    """While nobody takes chains those in a row go on until no chunk is free but the reserve,
    wherever in a read that is; all come out whole once chains are taken again."""
    bench = ChainsBench(dut, [128], indirect=False)
    chains, chunks = 128 // count, -(-count // 4)
    for number in range(chains):
        bench.in_a_row(0, count * number, count)
    await bench.start(4, 100)
    await bench.learn(0, count)
    reserve = -(-bench.most // 4)
    places = min(2 * chains, 1 << bench.unit.parameter("ORDER_W"))
    for _ in range(4 if FAST else 2):
        bench.percent = 0
        for number in range(2 * chains):
            bench.give(0, count * (number % chains))
        await bench.unit.clocks(random.randrange(600, 700))
        assert len(bench.free) >= reserve - chunks, "later chains took what is the oldest one's"
        if places * chunks > bench.chunks - reserve:
            assert len(bench.free) <= reserve, "chunks are left"
        bench.percent = random.choice([10, 100])
        await bench.unit.until(lambda: len(bench.given) == len(bench.heads), "chains", 30000)
    await bench.done()


@test(us=3000)
@cocotb.parametrize(turn=range(6), pace=[(3, 100), (15, 50)] if FAST else [(9, 70)])
async def wrong_guesses_cost_nothing_but_beats(dut: Any, turn: int, pace: tuple[int, int]) -> None:
    """Chains of changing length in a row, some of which go on elsewhere, of all queues in turn."""
    bench = ChainsBench(dut, [128, 64, 64], indirect=False)
    heads: list[list[int]] = []
    for queue in range(bench.queues):
        size, mine, at, usual = bench.layouts[queue].size, [], 0, random.randint(1, 5)
        elsewhere = list(range(size - 16, size))
        random.shuffle(elsewhere)
        while at < size - 16:
            count = usual if random.random() < 0.7 else random.randint(1, 10)
            count = min(count, size - 16 - at, bench.most - 3)
            after = [elsewhere.pop() for _ in range(random.randint(1, 3)) if elsewhere]
            mine.append(bench.in_a_row(queue, at, count, after if turn % 3 == 0 else None))
            at += count
        mine.append(bench.in_a_row(queue, size - 1, 1))
        heads.append(mine)
    await bench.start(*pace)
    for _ in range(2):
        rest = [list(mine) for mine in heads]
        while any(rest):
            queue = random.choice([number for number, mine in enumerate(rest) if mine])
            for _ in range(random.randint(1, 4) if turn % 2 else 20):
                if rest[queue]:
                    bench.give(queue, rest[queue].pop(0))
    beyond = bench.queues if turn > 3 else 0
    for queue in range(beyond):  # right behind the last descriptor of the table
        bench.give(queue, bench.layouts[queue].size - 1)
        bench.give(queue, bench.layouts[queue].size)
    await bench.done()
    assert len(bench.fault.words) == beyond


@test(us=3000)
@cocotb.parametrize(turn=range(6))
async def errors_beyond_a_chain_do_no_harm(dut: Any, turn: int) -> None:
    """Refused descriptors that were read ahead of need harm no chain; one in use does, alone."""
    bench = ChainsBench(dut, [64], indirect=False)
    table = bench.layouts[0].table
    line = -table % 64 // DESC_BYTES + 16  # the first descriptor of a line
    await bench.start(random.choice([1, 9]), random.choice([100, 50]))
    await bench.learn(0, 4)
    single = [bench.in_a_row(0, line - n, 1) for n in (3, 2, 1)]
    joined = bench.in_a_row(0, line - 8, 4), bench.in_a_row(0, line - 4, 1)
    bench.memory.refuse(table + DESC_BYTES * line, 64)
    bench.in_a_row(0, line + 4, 4)
    for head in (*single, *joined, line + 4, *reversed(single), *joined, line + 4):
        bench.give(0, head)
    used = random.randrange(4)
    if turn % 2:
        bench.write(table, line - 1, Descriptor(5, 5, DESC_F_NEXT, line + used))
        bench.give(0, line - 1)
        bench.give(0, line + 4)
    await bench.done()
    assert len(bench.fault.words) == turn % 2


@test()
async def a_queue_that_stopped_is_guessed_anew(dut: Any) -> None:
    """After a stop a queue's first read is of one descriptor, whatever its chains were like."""
    bench = ChainsBench(dut, [64], indirect=False)
    await bench.start()
    await bench.learn(0, 4)
    beats = -(-DESC_BYTES // bench.beat)
    bench.give(0, 0)
    await bench.done()
    assert bench.ar.words[-1].value["len"] + 1 >= min(4 * DESC_BYTES // bench.beat, 2)
    bench.unit.set(s_fetchable=bench.fetchable & ~1)
    await bench.unit.clocks(2)
    bench.unit.set(s_fetchable=bench.fetchable)
    await bench.unit.clocks()
    reads = len(bench.ar.words)
    bench.give(0, 0)
    await bench.done()
    assert bench.ar.words[reads].value["len"] + 1 == beats
    assert len(bench.ar.words) == reads + 4


@test()
@cocotb.parametrize(latency=[1, 30])
async def one_chain_alone_is_not_kept_waiting(dut: Any, latency: int) -> None:
    """The read leaves soon after its head came, and the chain soon after its descriptor."""
    bench = ChainsBench(dut, [64], indirect=False)
    bench.in_a_row(0, 5, 1)
    await bench.start(latency)
    await bench.unit.clocks(10 + (1 << bench.unit.parameter("ORDER_W")))
    for _ in range(3):
        bench.give(0, 5)
        await bench.done()
        assert bench.ar.words[-1].shown - bench.head.taken[-1] <= 2
        assert bench.out[-1] - bench.shown[-1] <= 6
