# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_read_port: requests in, a memory of known bytes behind it, beats out."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from tb.benches.beats import lanes_of
from tb.benches.unit import Unit, check_rate, test


def byte_at(addr: int) -> int:
    return (addr * 0x9E3779B1 >> 7) & 255


def fails(addr: int) -> bool:
    return addr >> 5 & 31 == 19


class PortBench:
    """A port with its memory, and the room that it may promise."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.unit = dut, Unit(dut)
        self.beat, self.limit = int(dut.DATA_W.value) // 8, int(dut.MAX_BYTES.value)
        self.room = int(dut.LIMIT.value)
        self.sent: list[dict[str, int]] = []
        self.promised = self.left = self.most = 0
        self.deaths: list[bool] = []  # of each burst: no data comes
        self.flying: deque[list[Any]] = deque()  # beats that have not left, and the same

    async def start(
        self, ar: int = 100, out: int = 100, latency: int = 3, rate: int = 100, dead: float = 0.0
    ) -> None:
        """Reset, and start every channel; a part of the bursts is of dead queues."""
        await self.unit.start()
        self.source = self.unit.source("s_req")
        self.ar = self.unit.sink("m_ar", ar, without=["m_ar_dead"])
        self.out = self.unit.sink("m_beat", out, loose=["data"])
        self.chance = dead
        cocotb.start_soon(self._memory(latency, rate))
        self.unit.each_clock(self._look)

    def ask(self, addr: int, length: int) -> None:
        """Offer a request; a port that does not split gets what fits in one burst of it."""
        if not self.unit.parameter("SPLIT_EN"):
            length = min(length, self.limit - addr % self.limit)
        info = random.getrandbits(self.unit.parameter("INFO_W"))
        queue = random.getrandbits(self.unit.parameter("QID_W"))
        self.sent.append({"addr": addr, "len": length, "info": info, "queue": queue})
        upto = addr % self.limit + length - 1
        self.source.send({"addr": addr, "upto": upto, "info": info, "queue": queue})

    def _look(self) -> None:
        dut = self.dut
        if dut.m_ar_valid.value == 1 and dut.m_ar_ready.value == 1:
            self.deaths.append(dut.m_ar_dead.value == 1)
            beats = int(dut.m_ar_len.value) + 1
            self.flying.append([beats, self.deaths[-1]])
            self.promised += 0 if self.deaths[-1] else beats
            self.most = max(self.most, self.promised - self.left)
            assert self.promised - self.left <= self.room, "no room for the burst's beats"
        if dut.m_beat_valid.value == 1 and dut.m_beat_ready.value == 1:
            burst = self.flying[0]
            self.left += not burst[1]
            burst[0] -= 1
            if not burst[0]:
                self.flying.popleft()

    async def _memory(self, latency: int, rate: int) -> None:
        dut, seen, clock = self.dut, 0, 0
        line: deque[tuple[int, int]] = deque()  # address and earliest clock of each beat
        while True:
            for number, word in enumerate(self.ar.words[seen:], seen):
                if self.deaths[number]:
                    continue
                start = word.value["addr"] // self.beat * self.beat
                line.extend(
                    ((start + n * self.beat) % (1 << 64), clock + latency)
                    for n in range(word.value["len"] + 1)
                )
            seen = len(self.ar.words)
            dut.s_r_valid.value = 0
            dut.m_ar_dead.value = int(random.random() < self.chance)
            if line and line[0][1] <= clock and random.randrange(100) < rate:
                addr, _ = line.popleft()
                data = bytes(byte_at(addr + lane) for lane in range(self.beat))
                dut.s_r_data.value = int.from_bytes(data, "little")
                dut.s_r_error.value = int(fails(addr))
                dut.s_r_valid.value = 1
            clock += 1
            await RisingEdge(dut.clk)

    async def done(self) -> None:
        """Wait for the last beat, then judge bursts and beats."""
        lasts = len(self.sent)
        await self.unit.until(
            lambda: sum(word.value["last"] for word in self.out.words) == lasts, "beats", 40000
        )
        await self.unit.clocks(5)
        bursts: list[tuple[int, int, int]] = []
        beats = iter(self.out.words)
        for request in self.sent:
            addr, end = request["addr"], request["addr"] + request["len"]
            while addr < end:
                upto = min(end, (addr // self.limit + 1) * self.limit)
                count = (upto - 1) // self.beat - addr // self.beat + 1
                dead = self.deaths[len(bursts)]
                bursts.append((addr % (1 << 64), count - 1, request["queue"]))
                while addr < upto:
                    value = next(beats).value
                    stop = min(upto, (addr // self.beat + 1) * self.beat)
                    assert (value["offset"], value["count"]) == (addr % self.beat, stop - addr)
                    assert value["info"] == request["info"]
                    assert value["last"] == (stop == end)
                    assert value["error"] == (dead or fails(addr // self.beat * self.beat))
                    want = bytes(byte_at(at % (1 << 64)) for at in range(addr, stop))
                    got = lanes_of(value["data"], self.beat, value["offset"], stop - addr)
                    assert got == (bytes(len(want)) if dead else want)
                    addr = stop
        assert next(beats, None) is None
        keys = ("addr", "len", "queue")
        assert [tuple(w.value[key] for key in keys) for w in self.ar.words] == bursts


async def whole_room_is_promised(bench: PortBench) -> None:
    """With nothing taken, bursts come until the longest does not fit; then all beats are taken."""
    before = bench.promised
    for _ in range(4):
        bench.ask(0, min(bench.room * bench.beat, 4000))
    await bench.unit.clocks(3 * bench.room + 20)
    stuck = bench.promised
    assert bench.room - max(1, bench.limit // bench.beat) < stuck - before <= bench.room
    await bench.unit.clocks(20)
    assert bench.promised == stuck
    bench.out.percent = 100
    await bench.done()


SLOW = [(100, 100, 1, 100), (40, 100, 9, 100), (100, 30, 5, 100), (80, 60, 20, 60)]


@test(us=2000)
@cocotb.parametrize(pace=SLOW)
async def the_bytes_asked_for_come_back(dut: Any, pace: tuple[int, int, int, int]) -> None:
    """Random requests, with beats that fail, at any pace; room is never overdrawn."""
    bench = PortBench(dut)
    await bench.start(*pace)
    for _ in range(60):
        length = random.choice([1, 2, bench.beat, random.randint(1, 6 * bench.beat), bench.limit])
        base = random.choice([0, 1 << 33, (1 << 64) - 0x8000])
        bench.ask(base + random.randrange(0x6000), length)
    await bench.done()


@test(us=2000)
@cocotb.parametrize(pace=SLOW)
async def beats_of_dead_queues_are_errors_in_their_turn(
    dut: Any, pace: tuple[int, int, int, int]
) -> None:
    """Bursts for which no data comes, among others: no beat is mixed up, and no room is lost."""
    bench = PortBench(dut)
    await bench.start(*pace, dead=0.4)
    for _ in range(80):
        length = random.choice([1, bench.beat, random.randint(1, 6 * bench.beat), bench.limit])
        bench.ask(random.randrange(0x6000), length)
    await bench.done()
    assert 10 < sum(bench.deaths) < len(bench.deaths) - 10
    bench.out.percent, bench.chance = 0, 0.0
    await whole_room_is_promised(bench)


@test(us=1000)
async def every_alignment_and_length(dut: Any) -> None:
    """Each first lane with each length to two beats and one byte."""
    bench = PortBench(dut)
    await bench.start()
    shapes = [(a, n) for a in range(bench.beat) for n in range(1, 2 * bench.beat + 2)]
    for lane, length in random.sample(shapes, min(len(shapes), 150)):
        bench.ask(
            random.randrange(64) * bench.limit - random.choice([0, bench.beat]) + 4096 + lane,
            length,
        )
    await bench.done()


@test(us=1000)
async def bursts_wait_for_room(dut: Any) -> None:
    """With nothing taken, bursts stop where LIMIT are promised, until beats leave."""
    bench = PortBench(dut)
    await bench.start(out=0)
    await whole_room_is_promised(bench)


@test(us=1000)
async def one_beat_per_clock(dut: Any) -> None:
    """Whatever the latency that LIMIT less a burst covers, the beats come one per clock."""
    bench = PortBench(dut)
    burst = max(1, bench.limit // bench.beat)
    await bench.start(latency=max(1, bench.room - 2 * burst - 6))
    for number in range(4):
        bench.ask(number << 12, 16 * bench.limit if bench.limit < 256 else 4096)
    await bench.done()
    check_rate([word.taken for word in bench.out.words], "beats")


@test(us=1000)
async def one_request_per_clock(dut: Any) -> None:
    """Requests of one beat leave in the clock in which they come, one per clock, their data too."""
    bench = PortBench(dut)
    await bench.start(latency=2)
    for _ in range(100):
        beat = random.randrange(1 << 20) * bench.beat
        bench.ask(beat + random.randrange(bench.beat - 1), 1)
    await bench.done()
    shown = [word.taken for word in bench.ar.words]
    check_rate(shown, "bursts")
    check_rate([word.taken for word in bench.out.words], "beats")
    assert shown == bench.source.taken
    late = bench.unit.parameter("BLOCK_EN") + 1 - bench.unit.parameter("PAST_EN")
    assert bench.out.words[0].taken - shown[0] == 3 + late
