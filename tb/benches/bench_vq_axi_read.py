# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_axi_read: requesters on one side, a memory that answers in any order on the other."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from tb.benches.channels import Sink
from tb.benches.unit import Unit, check_rate, test


class ReadBench:
    """Ports that ask, a memory that interleaves, and what each port should get."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.ports, self.queues = int(dut.PORTS.value), int(dut.QUEUES.value)
        self.alive, self.halt = (1 << self.queues) - 1, 0
        self.unit = Unit(dut, s_alive=self.alive)
        self.beat = int(dut.DATA_W.value) // 8
        self.asked: list[deque[dict[str, int]]] = [deque() for _ in range(self.ports)]
        self.want: list[deque[tuple[int, int]]] = [deque() for _ in range(self.ports)]
        self.got: list[list[tuple[int, int]]] = [[] for _ in range(self.ports)]
        self.bus: list[tuple[int, dict[str, int]]] = []  # bursts that should reach the bus
        self.dead = self.moved = 0
        self.data_clocks: list[int] = []

    async def start(self, ar: int = 100, r: int = 100, bad: float = 0.0) -> None:
        """Reset, start the ports and the memory."""
        unit, dut = await self.unit.start(), self.dut
        self.req = [unit.source("s_ar", 100, lane, self.ports) for lane in range(self.ports)]
        names = ("id", "addr", "len", "size", "burst")
        pins = {name: getattr(dut, f"m_axi_ar{name}") for name in names}
        self.ar = Sink(dut.clk, dut.m_axi_arvalid, dut.m_axi_arready, pins, percent=ar)
        self._bad = bad
        cocotb.start_soon(self._memory(r))
        unit.each_clock(self._look)

    def ask(self, port: int, queue: int, beats: int) -> None:
        """Offer a burst of a port."""
        addr = random.getrandbits(50) * 4096
        word = {"addr": addr, "len": beats - 1, "queue": queue}
        self.asked[port].append(word)
        self.req[port].send(word)

    def _look(self) -> None:
        dut = self.dut
        taken = int(dut.s_ar_valid.value) & int(dut.s_ar_ready.value)
        told_dead = int(dut.s_ar_dead.value)
        assert taken & (taken - 1) == 0 and not (taken and self.halt)
        for port in range(self.ports):
            if taken >> port & 1:
                word = self.asked[port].popleft()
                lives = self.alive >> word["queue"] & 1
                assert told_dead >> port & 1 == 1 - lives, f"port {port} is told wrong: {word}"
                if lives:
                    self.bus.append((port, word))
                    self.want[port].extend((word["addr"], n) for n in range(word["len"] + 1))
                else:
                    self.dead += 1
        valid = int(dut.m_r_valid.value)
        assert valid & (valid - 1) == 0
        for port in range(self.ports):
            if valid >> port & 1:
                error = int(dut.m_r_error.value)
                self.got[port].append((-1 if error else int(dut.m_r_data.value), error))

    def data(self, addr: int, number: int) -> tuple[int, int]:
        """Return a beat's data and response; the same for the same address."""
        chance = random.Random(addr + number)
        response = chance.choice([2, 3]) if chance.random() < self._bad else chance.choice([0, 1])
        return chance.getrandbits(8 * self.beat), response

    async def _memory(self, percent: int) -> None:
        dut, seen = self.dut, 0
        lines: dict[int, deque[tuple[int, int, int]]] = {}
        while True:
            for word in self.ar.words[seen:]:
                burst = word.value
                assert burst["burst"] == 1 and 1 << burst["size"] == self.beat
                line = lines.setdefault(burst["id"], deque())
                line.extend((burst["addr"], n, n == burst["len"]) for n in range(burst["len"] + 1))
            seen = len(self.ar.words)
            full = [port for port, line in lines.items() if line]
            dut.m_axi_rvalid.value = 0
            if full and random.randrange(100) < percent:
                port = random.choice(full)
                addr, number, last = lines[port].popleft()
                dut.m_axi_rdata.value, dut.m_axi_rresp.value = self.data(addr, number)
                dut.m_axi_rid.value, dut.m_axi_rlast.value = port, last
                dut.m_axi_rvalid.value = 1
                self.moved += 1
            await RisingEdge(dut.clk)

    async def done(self) -> None:
        """Wait for every beat and judge."""
        await self.unit.until(lambda: not any(self.asked), "bursts taken")
        await self.unit.until(
            lambda: all(len(g) >= len(w) for g, w in zip(self.got, self.want)), "beats"
        )
        await self.unit.clocks(4)
        assert self.dut.m_drained.value == 1
        for got, want in zip(self.got, self.want):
            assert len(got) == len(want)
            for number, (value, (addr, beat)) in enumerate(zip(got, want)):
                data, response = self.data(addr, beat)
                expected = (-1, 1) if response >= 2 else (data, 0)
                assert value == expected, f"beat {number}"
        seen = [(w.value["id"], w.value["addr"], w.value["len"] + 1) for w in self.ar.words]
        assert seen == [(port, word["addr"], word["len"] + 1) for port, word in self.bus]


@test(us=1000)
@cocotb.parametrize(pace=[(100, 100), (30, 100), (100, 40), (60, 70)])
async def beats_come_back_to_their_port_in_order(dut: Any, pace: tuple[int, int]) -> None:
    """All ports at once, a memory that interleaves ports, errors on some beats."""
    bench = ReadBench(dut)
    await bench.start(*pace, bad=0.05)
    for _ in range(120):
        beats = random.choice([1, 2, random.randint(1, 12)])
        bench.ask(random.randrange(bench.ports), random.randrange(bench.queues), beats)
    await bench.done()


@test(us=1000)
async def the_longest_burst(dut: Any) -> None:
    """256 beats."""
    bench = ReadBench(dut)
    await bench.start()
    bench.ask(0, 0, 256)
    bench.ask(bench.ports - 1, 0, 256)
    await bench.done()


@test(us=1000)
async def bursts_of_dead_queues_stay_off_the_bus(dut: Any) -> None:
    """Queues die and live while bursts come: who asks for a dead one is told, and gets no data."""
    bench = ReadBench(dut)
    await bench.start(70, 70)
    for _ in range(15):
        for _ in range(12):
            queue = random.randrange(bench.queues)
            bench.ask(random.randrange(bench.ports), queue, random.randint(1, 5))
        if random.random() < 0.5:
            await bench.unit.until(lambda: not any(bench.asked), "taken")
        await bench.unit.clocks(random.randint(2, 60))
        bench.alive = random.getrandbits(bench.queues)
        bench.unit.set(s_alive=bench.alive)
    await bench.done()
    assert bench.dead > 10 and len(bench.bus) > 10


@test(us=1000)
async def a_halt_lets_the_bus_run_dry(dut: Any) -> None:
    """While halted no burst is taken; drained says when none is in flight any more."""
    bench = ReadBench(dut)
    await bench.start(60, 50)
    for _ in range(8):
        for _ in range(12):
            queue = random.randrange(bench.queues)
            bench.ask(random.randrange(bench.ports), queue, random.randint(1, 5))
        await bench.unit.clocks(random.randint(2, 40))
        bench.halt = 1
        bench.unit.set(s_halt=1)
        await bench.unit.until(lambda: dut.m_drained.value == 1, "drained", 2000)
        await bench.unit.clocks(2)
        state = bench.moved, len(bench.ar.words)
        assert [len(g) for g in bench.got] == [len(w) for w in bench.want]
        await bench.unit.clocks(30)
        assert state == (bench.moved, len(bench.ar.words))
        bench.halt = 0
        bench.unit.set(s_halt=0)
    await bench.done()


@test()
async def one_burst_per_clock_in_turns(dut: Any) -> None:
    """Bursts of one beat fill the address channel: every other one the last port's."""
    bench = ReadBench(dut)
    await bench.start()
    for number in range(16 * bench.ports):
        bench.ask(number % bench.ports, 0, 1)
    await bench.done()
    check_rate([word.taken for word in bench.ar.words], "bursts")
    ids = [word.value["id"] for word in bench.ar.words]
    last = bench.ports - 1
    others = [port for port in ids if port != last]
    assert others == sorted(others), "among the others the lowest goes first"
    while last in ids and others:  # until one side has nothing left
        first, second = ids.pop(0), ids.pop(0)
        assert (first == last) != (second == last), "turns"
        others.remove(first if second == last else second)
