# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_axi_write: requesters on one side, a memory of bytes on the other."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any, NamedTuple

import cocotb
from cocotb.triggers import RisingEdge

from tb.benches.beats import cut, part
from tb.benches.channels import Sink, Source
from tb.benches.unit import Loose, Unit, check_rate, test

OKAY, SLVERR, DECERR = 0, 2, 3


@dataclass
class Request:
    """A request as it was taken.

    Attributes:
        port: requester.
        addr: byte address.
        data: bytes.
        queue: whose memory it is.
        null: the requester wants no write.
        ack: the requester wants it to be acknowledged.
        bursts: on the bus; 0 where it was not to reach it.
    """

    port: int
    addr: int
    data: bytes
    queue: int
    null: bool
    ack: bool = True
    bursts: int = -1


class Pace(NamedTuple):
    """Chance per clock of each channel to move, in percent."""

    beats: int = 100
    aw: int = 100
    w: int = 100
    b: int = 100
    error: int = 100


FAST = Pace()


class WriteBench:
    """Requesters, memory, and the rules between them, looked at in every clock."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.unit = Unit(dut, s_alive=(1 << int(dut.QUEUES.value)) - 1)
        self.ports, self.queues = int(dut.PORTS.value), int(dut.QUEUES.value)
        self.beat = int(dut.DATA_W.value) // 8
        self.longest = min(4096, 256 * self.beat)  # bytes of a burst
        self.alive, self.halt = (1 << self.queues) - 1, 0
        self.asked: list[list[Request]] = [[] for _ in range(self.ports)]
        self.taken: list[Request] = []
        self.acked = 0  # of `taken`, in order
        self.want: dict[int, int] = {}  # the memory as it should become
        self.responses: list[int] = []  # of each burst, in order
        self.answered = 0  # bursts
        self.bad_share = 0.0
        self.half = 0  # one bit a port

    async def start(self, pace: Pace = FAST) -> None:
        """Reset, and start every channel."""
        unit = await self.unit.start()
        lanes = range(self.ports)
        self.req = [unit.source("s_req", 100, lane, self.ports) for lane in lanes]
        self.beats = [unit.source("s_beat", pace.beats, lane, self.ports) for lane in lanes]
        dut, clk = self.dut, self.dut.clk
        self.aw = self._sink("aw", ("id", "addr", "len", "size", "burst"), pace.aw)
        self.w = self._sink("w", ("data", "strb", "last"), pace.w)
        names = {"id": dut.m_axi_bid, "resp": dut.m_axi_bresp}
        self.b = Source(clk, dut.m_axi_bvalid, dut.m_axi_bready, names, percent=pace.b)
        self.errors = unit.sink("m_error", pace.error)
        cocotb.start_soon(self._memory())
        unit.each_clock(self._look)

    def _sink(self, channel: str, names: tuple[str, ...], percent: int) -> Sink:
        pins = {name: getattr(self.dut, f"m_axi_{channel}{name}") for name in names}
        valid = getattr(self.dut, f"m_axi_{channel}valid")
        ready = getattr(self.dut, f"m_axi_{channel}ready")
        if channel == "w":
            pins["data"] = Loose(pins["data"])
        return Sink(self.dut.clk, valid, ready, pins, percent=percent)

    def ask(self, request: Request) -> None:
        """Offer a request with all its beats."""
        lane = request.port
        self.asked[lane].append(request)
        data = request.data
        for offset, count in cut(len(data), request.addr % self.beat, self.beat):
            self.beats[lane].send({"data": part(data[:count], offset, self.beat)})
            data = data[count:]
        word = {"addr": request.addr, "len": len(request.data), "queue": request.queue}
        self.req[lane].send(word | {"null": int(request.null), "ack": int(request.ack)})

    def _look(self) -> None:
        """What happens in this clock."""
        dut = self.dut
        taken = int(dut.s_req_valid.value) & int(dut.s_req_ready.value)
        assert taken & (taken - 1) == 0 and not (taken and self.halt)
        for lane in range(self.ports):
            if taken >> lane & 1:
                self._take(self.asked[lane].pop(0))
        if dut.m_axi_bvalid.value == 1 and dut.m_axi_bready.value == 1:
            self.answered += 1
        acks = int(dut.m_ack_valid.value)
        assert acks & (acks - 1) == 0
        if acks:
            while not self.taken[self.acked].ack:
                self.acked += 1
            request = self.taken[self.acked]
            assert acks == 1 << request.port, "acknowledged out of order"
            self.acked += 1
            due = sum(request.bursts for request in self.taken[: self.acked])
            assert self.answered >= due, "acknowledged before the memory answered"
            errors = sum(response >= SLVERR for response in self.responses[:due])
            given = len(self.errors.words)
            given += dut.m_error_valid.value == 1 and dut.m_error_ready.value == 1
            assert given >= errors, "acknowledged before its error was handed over"

    def _take(self, request: Request) -> None:
        self.taken.append(request)
        request.bursts = 0
        if not request.null and self.alive >> request.queue & 1:
            request.bursts = 1
            half = self.half >> request.port & 1 and self.beat > 8
            for at, byte in enumerate(request.data, request.addr):
                if not half or at % 16 >= 8:
                    self.want[at] = byte

    async def _memory(self) -> None:
        """Answer each burst once its address and all its data came."""
        whole = 0
        while True:
            lasts = sum(word.value["last"] for word in self.w.words)
            while whole < min(lasts, len(self.aw.words)):
                bad = random.random() < self.bad_share
                response = random.choice([SLVERR, DECERR]) if bad else OKAY
                self.responses.append(response)
                self.b.send({"id": 0, "resp": response})
                whole += 1
            await RisingEdge(self.dut.clk)

    async def done(self) -> None:
        """Wait for every acknowledgement, then judge what the memory got."""
        await self.unit.until(lambda: not any(self.asked), "requests taken", 15000)
        await self.unit.until(lambda: self.all_acked, "acknowledgements", 15000)
        await self.unit.until(lambda: self.dut.m_drained.value == 1, "drained", 5000)
        self.judge()

    @property
    def all_acked(self) -> bool:
        """Nothing that was taken waits for its acknowledgement."""
        return not any(request.ack for request in self.taken[self.acked :])

    def judge(self) -> None:
        """Hold the bursts against AXI4 and the memory's bytes against the requests'."""
        beats = iter(self.w.words)
        got: dict[int, int] = {}
        size = self.beat.bit_length() - 1
        queues = [r for r in self.taken for _ in range(r.bursts)]
        assert len(self.aw.words) == len(queues) == len(self.responses)
        for burst in (word.value for word in self.aw.words):
            assert (burst["size"], burst["burst"], burst["id"]) == (size, 1, 0)
            addr = burst["addr"] - burst["addr"] % self.beat
            end = addr + (burst["len"] + 1) * self.beat
            assert (end - 1) // 4096 == addr // 4096, f"burst at {addr:#x} crosses a boundary"
            for number in range(burst["len"] + 1):
                value = next(beats).value
                assert value["last"] == (number == burst["len"])
                assert value["strb"], "a beat without bytes"
                for lane in range(self.beat):
                    if value["strb"] >> lane & 1:
                        at = addr + number * self.beat + lane
                        assert at >= burst["addr"]
                        got[at] = value["data"] >> 8 * lane & 255
        assert next(beats, None) is None, "data without a burst"
        assert got == self.want
        bad = [(r.port, r.queue) for r, resp in zip(queues, self.responses) if resp >= SLVERR]
        assert [(e.value["port"], e.value["queue"]) for e in self.errors.words] == bad

    def random_request(self, port: int | None = None, longest: int = 0) -> Request:
        """Return a request of addresses that collide often."""
        base = random.choice([0, 1 << 40, (1 << 64) - 0x10000])
        usual = random.randint(1, longest or 4 * self.beat)
        most = random.randint(1, longest or self.longest // 2)
        length = random.choices([1, self.beat, usual, most], [2, 2, 5, 1])[0]
        offset = random.choice([random.randint(0, 4096 - length), 4096 - length])
        length = min(length, self.longest - offset % self.beat)
        return Request(
            random.randrange(self.ports) if port is None else port,
            base + 4096 * random.randrange(8) + offset,
            random.randbytes(length),
            random.randrange(self.queues),
            random.random() < 0.1,
            random.random() < 0.8,
        )


SLOW = (FAST, Pace(aw=20), Pace(w=40), Pace(b=10), Pace(50, 60, 60, 60, 30))


@test(us=2000)
@cocotb.parametrize(pace=SLOW)
async def every_byte_lands_where_it_should(dut: Any, pace: Pace) -> None:
    """Random requests of all ports, some null, some refused by the memory."""
    bench = WriteBench(dut)
    bench.bad_share = 0.1
    await bench.start(pace)
    for _ in range(100):
        bench.ask(bench.random_request())
    await bench.done()


@test(us=4000)
async def every_alignment_and_length(dut: Any) -> None:
    """Each first lane with each length to three beats and one byte."""
    bench = WriteBench(dut)
    await bench.start()
    shapes = [(a, n) for a in range(bench.beat) for n in range(1, 3 * bench.beat + 2)]
    for number, (lane, length) in enumerate(random.sample(shapes, min(len(shapes), 250))):
        addr = number * 0x1000 + random.choice([0, 0x1000 - 5 * bench.beat]) + lane
        bench.ask(Request(number % bench.ports, addr, random.randbytes(length), 0, False))
    await bench.done()


@test(us=2000)
async def half_of_each_descriptor(dut: Any) -> None:
    """Requesters that write but the upper 8 of each 16 bytes leave the others alone."""
    bench = WriteBench(dut)
    bench.half = random.getrandbits(bench.ports) | 2
    await bench.start(Pace(100, 70, 80, 60))
    bench.unit.set(s_half=bench.half)
    for _ in range(120):
        port = random.randrange(bench.ports)
        request = bench.random_request(port, 2 * bench.beat)
        if bench.half >> port & 1:  # some descriptors of one beat
            number = random.randint(1, max(1, bench.beat // 16))
            first = random.randint(0, max(0, bench.beat // 16 - number))
            request.addr = random.randrange(64) * max(bench.beat, 16) + 16 * first + 8
            request.data = random.randbytes(16 * number - 8)
        bench.ask(request)
    await bench.done()


@test(us=2000)
async def queues_that_die(dut: Any) -> None:
    """From a queue's death on nothing of it reaches the memory, but all is acknowledged."""
    bench = WriteBench(dut)
    await bench.start(Pace(100, 60, 80, 50, 100))
    for _ in range(8):
        for _ in range(20):
            bench.ask(bench.random_request(longest=2 * bench.beat))
        await bench.unit.clocks(random.randint(5, 60))
        bench.alive = random.getrandbits(bench.queues)
        bench.unit.set(s_alive=bench.alive)
    await bench.done()
    assert any(request.bursts for request in bench.taken)
    assert any(not request.bursts and not request.null for request in bench.taken)


@test(us=2000)
async def a_halt_lets_the_bus_run_dry(dut: Any) -> None:
    """While halted no request is taken; drained says when nothing is in flight any more."""
    bench = WriteBench(dut)
    await bench.start(Pace(90, 50, 60, 40))
    for _ in range(6):
        for _ in range(15):
            bench.ask(bench.random_request(longest=2 * bench.beat))
        await bench.unit.clocks(random.randint(3, 50))
        bench.halt = 1
        bench.unit.set(s_halt=1)
        await bench.unit.until(lambda: dut.m_drained.value == 1, "drained", 5000)
        await bench.unit.clocks(2)
        moved = len(bench.aw.words), len(bench.w.words), bench.answered
        assert bench.all_acked
        await bench.unit.clocks(40)
        assert moved == (len(bench.aw.words), len(bench.w.words), bench.answered)
        assert dut.m_drained.value == 1
        bench.halt = 0
        bench.unit.set(s_halt=0)
    await bench.done()


@test(us=1000)
@cocotb.parametrize(beats=[1, 32])
async def one_beat_and_one_request_per_clock(dut: Any, beats: int) -> None:
    """Requests of one beat and long ones both fill the data channel."""
    bench = WriteBench(dut)
    await bench.start()
    length = min(beats * bench.beat, 4096)
    for number in range(100 if beats == 1 else 6):
        data = random.randbytes(length)
        bench.ask(Request(number % bench.ports, number << 12, data, 0, False))
    await bench.done()
    if bench.unit.parameter("BURSTS") >= 8:  # enough to cover the memory's latency
        check_rate([word.taken for word in bench.w.words], f"requests of {length} bytes")


@test(us=4000)
async def bursts_in_flight(dut: Any) -> None:
    """As many requests as there are places leave before the first response comes, and no more."""
    bench = WriteBench(dut)
    await bench.start(Pace(b=0))
    bursts = bench.unit.parameter("BURSTS")
    for number in range(bursts + 20):
        data = random.randbytes(bench.beat)
        bench.ask(Request(number % bench.ports, number << 12, data, 0, False))
    await bench.unit.clocks(bursts + 60)
    assert bursts <= len(bench.aw.words) <= bursts + 2
    bench.b.percent = 100
    await bench.done()


@test()
async def both_channels_one_clock_after_the_request(dut: Any) -> None:
    """An idle master shows address and data in the clock after it took the request."""
    bench = WriteBench(dut)
    await bench.start()
    for number in range(4):
        bench.ask(Request(number % bench.ports, number << 12, b"data", 0, False))
        await bench.unit.until(lambda: not any(bench.asked) and bench.all_acked, "acknowledgement")
        await bench.unit.clocks(2)
        taken = bench.req[number % bench.ports].taken[-1]
        assert bench.aw.words[-1].shown == bench.w.words[-1].shown == taken + 1
    await bench.done()
