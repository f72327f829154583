# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_scatter: chains in a store, responses in, write requests with their beats out."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from tb.benches.beats import cut, lanes_of
from tb.benches.chains import CHUNK, Store, Stored, segments_of
from tb.benches.channels import now
from tb.benches.unit import Unit, check_rate, test


class Pace(NamedTuple):
    """Chance per clock of each channel to move, in percent."""

    data: int = 100
    req: int = 100
    beat: int = 100
    end: int = 100


FAST = Pace()


class ScatterBench:
    """The function's side, the memory's side, and what was written."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.unit = dut, Unit(dut)
        self.beat, self.limit = int(dut.DATA_W.value) // 8, int(dut.MAX_BYTES.value)
        self.store = Store(1 << int(dut.TAG_W.value))
        self.sent: list[tuple[Stored, bytes]] = []
        self.ends: list[dict[str, int]] = []
        self.end_clocks: list[int] = []
        self.given = self.promised = 0  # bytes taken of the function; bytes requested
        self._waiting: list[tuple[Stored, bytes]] = []
        self.more: list[int] = []  # of each response

    async def start(self, pace: Pace = FAST) -> None:
        """Reset, and start every channel."""
        unit = await self.unit.start()
        self.store.attach(unit)
        self.chain, self.rsp = unit.source("s_chain"), unit.source("s_rsp")
        self.data = unit.source("s_axis", pace.data)
        self.req = unit.sink("m_req", pace.req)
        self.beats = unit.sink("m_beat", pace.beat, loose=["data"])
        unit.each_clock(self._look)
        cocotb.start_soon(self._ends(pace.end))

    def _look(self) -> None:
        dut = self.dut
        if dut.m_req_valid.value == 1 and dut.m_req_ready.value == 1:
            self.promised += int(dut.m_req_len.value)
            assert self.promised <= self.given, "requested before all its bytes were here"
        if dut.s_axis_tvalid.value == 1 and dut.s_axis_tready.value == 1:
            self.given += int(dut.s_axis_tkeep.value).bit_count()

    async def _ends(self, percent: int) -> None:
        """Take completions and releases, which come together or not at all."""
        dut = self.dut
        while True:
            ready = [random.randrange(100) < percent for _ in range(2)]
            dut.m_used_ready.value, dut.m_release_ready.value = ready
            await ReadOnly()
            used = dut.m_used_valid.value == 1 and ready[0]
            assert used == (dut.m_release_valid.value == 1 and ready[1])
            if used:
                chain = self.sent[len(self.ends)][0]
                due = sum(len(data) for _, data in self.sent[: len(self.ends) + 1])
                assert self.promised >= due, "completed before its last chunk was requested"
                names = ["used_queue", "used_head", "used_slots", "used_len", "used_whole"]
                names += ["used_more", "release_first", "release_last"]
                self.ends.append({name: int(getattr(dut, f"m_{name}").value) for name in names})
                self.end_clocks.append(now())
                self.store.release(chain)
            await RisingEdge(dut.clk)

    def respond(self, segments: list[tuple[int, int]], readable: int, length: int) -> None:
        """Store a chain and answer it with `length` bytes, at most what it takes."""
        chain = self.store.put(segments, readable)
        chain.queue, chain.head = random.randrange(4), random.getrandbits(16)
        chain.slots = random.getrandbits(16)
        data = random.randbytes(length)
        self.sent.append((chain, data))
        word = {"tag": chain.tag, "queue": chain.queue, "head": chain.head}
        word["slots"] = chain.slots
        word |= {"writable": chain.bytes_of(writable=True), "last": chain.chunks[-1]}
        first = chain.at(readable) if readable < len(segments) else random.randrange(16)
        place = max(0, len(segments) - 1) % CHUNK
        self.chain.send(word | {"w_at": first, "place": place})
        self._waiting.append((chain, data))

    async def answer(self) -> None:
        """Send the responses of the chains just stored, once their records are there."""
        await self.unit.until(lambda: not self.chain.waiting, "record")
        for chain, data in self._waiting:
            self._respond(chain, data)
        self._waiting = []

    def _respond(self, chain: Stored, data: bytes) -> None:
        self.more.append(random.getrandbits(1))
        self.rsp.send({"tag": chain.tag, "len": len(data), "more": self.more[-1]})
        parts = cut(len(data), 0, self.beat)
        for number, (_, count) in enumerate(parts):
            piece, data = data[:count], data[count:]
            word = {"tdata": int.from_bytes(piece, "little"), "tkeep": (1 << count) - 1}
            self.data.send(word | {"tlast": int(number == len(parts) - 1)})

    async def done(self) -> None:
        """Wait for every completion and beat, then judge."""
        await self.unit.until(lambda: len(self.ends) == len(self.sent), "completions", 15000)
        wanted = [chunk for chain, data in self.sent for chunk in self.chunks(chain, data)]
        shapes = [cut(len(data), addr % self.beat, self.beat) for addr, data, _ in wanted]
        total = sum(map(len, shapes))
        await self.unit.until(lambda: len(self.beats.words) == total, "beats")
        await self.unit.clocks(6)
        got = [word.value for word in self.req.words]
        keys = ("addr", "len", "queue", "null")
        assert [tuple(value[key] for key in keys) for value in got] == [
            (addr, len(data), queue, 0) for addr, data, queue in wanted
        ]
        assert len(self.beats.words) == total
        beats = iter(self.beats.words)
        for shape, (_, data, _) in zip(shapes, wanted):
            for lane, count in shape:
                piece = lanes_of(next(beats).value["data"], self.beat, lane, count)
                assert piece == data[:count]
                data = data[count:]
        assert self.ends == [
            {
                "used_queue": chain.queue,
                "used_head": chain.head,
                "used_slots": chain.slots,
                "used_len": len(data),
                "used_whole": int(len(data) == chain.bytes_of(writable=True)),
                "used_more": more,
                "release_first": chain.tag,
                "release_last": chain.chunks[-1],
            }
            for (chain, data), more in zip(self.sent, self.more)
        ]

    def chunks(self, chain: Stored, data: bytes) -> list[tuple[int, bytes, int]]:
        """The model: where a response's bytes go, in pieces that cross no MAX_BYTES boundary."""
        found = []
        for addr, room in chain.segments[chain.readable :]:
            while room and data:
                take = min(room, len(data), self.limit - addr % self.limit)
                found.append((addr, data[:take], chain.queue))
                addr, room, data = addr + take, room - take, data[take:]
        return found


SLOW = (FAST, Pace(data=30), Pace(req=30), Pace(beat=40), Pace(end=20), Pace(70, 60, 70, 50))


@test(us=3000)
@cocotb.parametrize(pace=SLOW)
async def every_byte_goes_to_its_segment(dut: Any, pace: Pace) -> None:
    """Random chains and lengths, segments without bytes, responses shorter than the chain."""
    bench = ScatterBench(dut)
    await bench.start(pace)
    for _ in range(50):
        readable, writable = random.randint(0, 5), random.randint(0, 7)
        segments = segments_of(readable + writable, random.choice([9, 3 * bench.beat, 300]))
        room = sum(length for _, length in segments[readable:])
        bench.respond(segments, readable, random.choice([0, room, random.randint(0, room)]))
        await bench.answer()
        if len(bench.store.free) < 8:
            await bench.unit.until(lambda: len(bench.store.free) >= 8, "free chunks")
    await bench.done()


@test(us=2000)
async def boundaries_of_segments_and_beats(dut: Any) -> None:
    """Two segments whose lengths go through all small values, at each distance from a boundary."""
    bench = ScatterBench(dut)
    await bench.start()
    beat = bench.beat
    shapes = [(a, b, o) for a in range(beat + 2) for b in (1, beat - 1, beat) for o in range(3)]
    for first, second, offset in random.sample(shapes, min(90, len(shapes))):
        segments = [(bench.limit * 8 - offset, first), (1 << 40, second)]
        bench.respond(segments, 0, first + second)
        await bench.answer()
        if len(bench.store.free) < 2:
            await bench.unit.until(lambda: len(bench.store.free) >= 2, "free chunks")
    await bench.done()


@test(us=1000)
async def segments_of_every_count(dut: Any) -> None:
    """Chains of 1 to 10 segments from each place of a chunk, answered in part or whole."""
    bench = ScatterBench(dut)
    await bench.start(Pace(req=random.choice([50, 100])))
    for count in range(1, 11):
        for readable in range(4):
            size = random.randint(1, bench.beat)
            segments = [(random.getrandbits(40), size)] * (readable + count)
            length = random.choice([size * count, random.randint(1, size * count)])
            bench.respond(segments, readable, length)
            await bench.answer()
            if len(bench.store.free) < 6:
                await bench.unit.until(lambda: len(bench.store.free) >= 6, "free chunks")
    await bench.done()


@test()
async def responses_without_bytes_take_one_clock(dut: Any) -> None:
    """Such responses complete one per clock, two clocks after they came, and touch no memory."""
    bench = ScatterBench(dut)
    await bench.start()
    for _ in range(bench.unit.parameter("TAG_W") * 2):
        bench.respond([(5, 5)], random.randint(0, 1), 0)
    await bench.answer()
    await bench.done()
    check_rate(bench.end_clocks, "completions")
    assert bench.end_clocks[0] == bench.rsp.taken[0] + 2
    assert not bench.req.words


@test(us=1000)
async def one_beat_per_clock(dut: Any) -> None:
    """Long segments are written at one beat per clock."""
    bench = ScatterBench(dut)
    await bench.start()
    for number in range(3):
        bench.respond([(number << 16, 12 * bench.limit)], 0, 12 * bench.limit)
        await bench.answer()
    await bench.done()
    taken = [word.taken for word in bench.beats.words]
    check_rate(taken, "beats", spare=8)


@test(us=1000)
@cocotb.parametrize(segments=[1, 3])
async def one_segment_per_clock(dut: Any, segments: int) -> None:
    """Segments of one beat each, one or several a chain: a request and a beat in every clock."""
    bench = ScatterBench(dut)
    await bench.start()
    for number in range(min(60, len(bench.store.free))):
        places = [(number << 20 | place << 12, bench.beat) for place in range(segments)]
        bench.respond(places, 0, segments * bench.beat)
    await bench.answer()
    await bench.done()
    check_rate([word.taken for word in bench.req.words], "requests", spare=2)
    check_rate([word.taken for word in bench.beats.words], "beats", spare=2)


@test()
async def latency_of_a_first_request(dut: Any) -> None:
    """The header says how long a response takes, and the last byte of a chunk."""
    bench = ScatterBench(dut)
    await bench.start()
    bench.respond([(1 << 20, 2 * bench.beat)], 0, 2 * bench.beat)
    await bench.answer()
    await bench.done()
    assert bench.req.words[0].shown - bench.rsp.taken[0] == 7
    bench.data.percent = 4
    bench.respond([(1 << 20, 2 * bench.beat)], 0, 2 * bench.beat)
    await bench.answer()
    await bench.done()
    assert bench.req.words[1].shown - bench.data.taken[-1] == 1
