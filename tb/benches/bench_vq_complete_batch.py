# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_complete_batch: completions in, used elements in the rings, batches out."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, NamedTuple

import cocotb
from cocotb.triggers import RisingEdge

from tb.benches.beats import cut, lanes_of
from tb.benches.unit import Unit, check_rate, test


class Pace(NamedTuple):
    """Chance per clock of each channel to move, in percent."""

    used: int = 100
    req: int = 100
    beat: int = 100
    ack: int = 100
    batch: int = 100


FAST = Pace()


class BatchBench:
    """Completed chains, the memory that takes their elements, and the stage after."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.queues = int(dut.QUEUES.value)
        self.unit = Unit(dut)
        self.beat = int(dut.DATA_W.value) // 8
        self.sizes = [1 << random.randrange(16) for _ in range(self.queues)]
        self.rings = [random.getrandbits(50) << 2 for _ in range(self.queues)]
        self.want: list[list[tuple[int, int]]] = [[] for _ in range(self.queues)]
        self.acks = 0

    async def start(self, pace: Pace = FAST) -> None:
        """Reset, and start every channel."""
        unit = await self.unit.start()
        unit.set(s_ready=(1 << self.queues) - 1)  # no queue is ready in reset
        unit.answer(
            "m_open_queue",
            lambda q: {"s_open_used_addr": self.rings[q % self.queues]},
        )
        unit.answer("s_used_queue", lambda q: {"s_used_size": self.sizes[q % self.queues]})
        self.used = unit.source("s_used", pace.used)
        self.req, self.batch = unit.sink("m_req", pace.req), unit.sink("m_batch", pace.batch)
        self.beats = unit.sink("m_beat", pace.beat, loose=["data"])
        self.ack = unit.source("s_ack", pace.ack)
        cocotb.start_soon(self._memory())
        unit.each_clock(self._look)

    async def _memory(self) -> None:
        whole = beats = 0
        while True:
            while whole < len(self.req.words):
                value = self.req.words[whole].value
                due = beats + len(cut(value["len"], value["addr"] % self.beat, self.beat))
                if due > len(self.beats.words):
                    break
                whole, beats = whole + 1, due
                if value["ack"]:
                    self.ack.send({})
            await RisingEdge(self.dut.clk)

    def _look(self) -> None:
        if self.dut.s_ack_valid.value == 1:
            self.acks += 1
        assert len(self.batch.words) <= self.acks, "handed on before it was acknowledged"

    def complete(self, queue: int, final: bool) -> None:
        """Complete a chain."""
        element = random.getrandbits(16), random.getrandbits(32)
        self.want[queue].append(element)
        word = {"queue": queue, "head": element[0], "len": element[1]}
        self.used.send(word | {"final": int(final)})

    async def done(self) -> None:
        """Wait until every completion was handed on, then judge."""
        total = sum(map(len, self.want))

        def handed() -> bool:
            return sum(word.value["count"] for word in self.batch.words) == total

        await self.unit.until(handed, "batches", 8000)
        await self.unit.clocks(5)
        most, limit = self.unit.parameter("BATCH_MAX"), self.unit.parameter("MAX_BYTES")
        beats = iter(self.beats.words)
        requests = iter(self.req.words)
        at: Counter[int] = Counter()
        for batch in (word.value for word in self.batch.words):
            queue, count = batch["queue"], batch["count"]
            size, first = self.sizes[queue], at[queue]
            at[queue] += count
            assert 0 < count <= most
            assert batch["index"] == at[queue] % 0x10000
            slot = first % size
            assert slot + count <= size, "the batch runs past the ring's end"
            data, addr = b"", self.rings[queue] + 4 + 8 * slot
            while len(data) < 8 * count:
                request = next(requests).value
                length = min(8 * count - len(data), limit - addr % limit)
                assert (request["addr"], request["len"]) == (addr, length)
                assert request["queue"] == queue
                for lane, part in cut(length, addr % self.beat, self.beat):
                    data += lanes_of(next(beats).value["data"], self.beat, lane, part)
                addr += length
                assert request["ack"] == (len(data) == 8 * count)
            for number in range(count):
                head, length = self.want[queue][first + number]
                raw = length << 32 | head
                assert data[8 * number :][:8] == raw.to_bytes(8, "little")
        assert next(beats, None) is None and next(requests, None) is None


SLOW = (FAST, Pace(used=40), Pace(req=20), Pace(beat=30), Pace(ack=10), Pace(batch=20))


@test(us=2000)
@cocotb.parametrize(pace=[*SLOW, Pace(80, 50, 60, 40, 50)])
async def elements_land_in_their_slots(dut: Any, pace: Pace) -> None:
    """Runs of completions of several queues, ring sizes from 1 up, some final."""
    bench = BatchBench(dut)
    await bench.start(pace)
    for _ in range(50):
        queue = random.randrange(bench.queues)
        for _ in range(random.choice([1, 2, 3, random.randint(1, 90)])):
            bench.complete(queue, random.random() < 0.15)
        if random.random() < 0.1:
            await bench.unit.clocks(random.randint(0, 60))
    await bench.done()


@test(us=4000)
async def small_rings_wrap_many_times(dut: Any) -> None:
    """Rings of 1 and 2 elements, and an index that wraps at 65536 where time allows."""
    bench = BatchBench(dut)
    bench.sizes = [1 << (number % 4) for number in range(bench.queues)]
    await bench.start(Pace(req=70))
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
async def one_chain_per_clock(dut: Any) -> None:
    """Full batches of one queue cost one more clock each."""
    bench = BatchBench(dut)
    bench.sizes = [1 << 15] * bench.queues
    await bench.start()
    most = bench.unit.parameter("BATCH_MAX")
    for _ in range(1 + 6 * most):
        bench.complete(0, False)
    await bench.done()
    assert [word.value["count"] for word in bench.batch.words] == [1] + [most] * 6
    check_rate(bench.used.taken, "completions", spare=8)


@test()
async def indices_start_afresh(dut: Any) -> None:
    """A queue that was not ready starts at 0 again; the others go on."""
    bench = BatchBench(dut)
    bench.sizes = [256] * bench.queues
    await bench.start()
    for queue in range(bench.queues):
        for _ in range(3):
            bench.complete(queue, True)

    def handed() -> int:
        return sum(word.value["count"] for word in bench.batch.words)

    await bench.unit.until(lambda: handed() == 3 * bench.queues, "batches")
    before = len(bench.batch.words)
    bench.unit.set(s_ready=(1 << bench.queues) - 2)
    await bench.unit.clocks(2)
    bench.unit.set(s_ready=(1 << bench.queues) - 1)
    for queue in range(bench.queues):
        bench.complete(queue, True)
    await bench.unit.until(lambda: len(bench.batch.words) == before + bench.queues, "batches")
    indices = [word.value["index"] for word in bench.batch.words[before:]]
    assert indices == [1] + [4] * (bench.queues - 1)
