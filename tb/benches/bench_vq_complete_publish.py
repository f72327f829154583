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
from tb.benches.unit import Unit, check_rate, test


class Batch(NamedTuple):
    """A batch, and what the driver's suppression structure will hold then."""

    queue: int
    after: int
    size: int
    event: int
    error: bool = False


PACES = ((100,) * 5, (30, 100, 40, 100, 50), (90, 20, 90, 30, 20))


class PublishBench:
    """The stage before, and a memory that acknowledges and answers in order."""

    def __init__(self, dut: Any, event_idx: bool) -> None:
        self.dut, self.event_idx = dut, event_idx
        self.queues = int(dut.QUEUES.value)
        self.alive = (1 << self.queues) - 1
        everyone = self.alive
        self.unit = Unit(dut, s_alive=everyone, s_event_idx=int(event_idx))
        self.used = [random.getrandbits(60) << 2 for _ in range(self.queues)]
        self.avail = [random.getrandbits(60) << 1 for _ in range(self.queues)]
        self.sizes = [1 << random.randrange(16) for _ in range(self.queues)]
        self.sent: list[Batch] = []
        self.irqs: list[bool] = []

    async def start(self, pace: tuple[int, ...] = (100, 100, 100, 100, 100)) -> None:
        """Reset and start; pace of writes, acknowledgements, reads, answers and faults."""
        unit = await self.unit.start()
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
        self.write = unit.sink("m_write", pace[0])
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
                batch = self.sent[events]
                self.event.send({"data": batch.event, "error": int(batch.error)})
                events += 1
            await RisingEdge(self.dut.clk)

    def _look(self) -> None:
        dut = self.dut
        if dut.m_req_valid.value == 1 and dut.m_req_ready.value == 1:
            assert len(self.req.words) <= self.acked, "read before the index was acknowledged"
        self.acked += dut.s_ack_valid.value == 1
        if dut.m_finished_valid.value == 1:
            self.irqs.append(dut.m_used_irq.value == 1)
        else:
            assert dut.m_used_irq.value == 0

    def send(self, batch: Batch) -> None:
        """Offer an acknowledged batch."""
        self.sent.append(batch)
        self.batch.send({"queue": batch.queue, "index": batch.after, "count": batch.size})

    async def done(self) -> None:
        """Wait until every batch finished, then judge addresses, order and decisions."""
        await self.unit.until(lambda: len(self.irqs) == len(self.sent), "batches", 8000)
        await self.unit.clocks(4)
        assert len(self.irqs) == len(self.sent)
        writes = [(w.value["addr"], w.value["queue"], w.value["data"]) for w in self.write.words]
        assert writes == [(self.used[b.queue] + 2, b.queue, b.after) for b in self.sent]
        reads = [(w.value["addr"], w.value["len"], w.value["queue"]) for w in self.req.words]
        assert reads == [
            (self.avail[b.queue] + self.event_idx * (4 + 2 * self.sizes[b.queue]), 2, b.queue)
            for b in self.sent
        ]
        finished = [(w.value["queue"], w.value["count"]) for w in self.finished.words]
        assert finished == [(b.queue, b.size) for b in self.sent]
        faults = [(w.value["code"], w.value["queue"]) for w in self.fault.words]
        living = [b for b in self.sent if self.alive >> b.queue & 1]
        assert faults == [(Fault.MEM_AVAIL, b.queue) for b in living if b.error]
        for batch, irq in zip(self.sent, self.irqs):
            assert irq == self.wanted(batch), f"{batch}"

    def wanted(self, batch: Batch) -> bool:
        """The model's decision (2.7.7.2)."""
        if batch.error or not self.alive >> batch.queue & 1:
            return False
        if self.event_idx:
            return need_event(batch.event, batch.after, (batch.after - batch.size) % 0x10000)
        return not batch.event & 1


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
        check_rate([word.taken for word in bench.finished.words], "batches", spare=4)


@test(us=2000)
@cocotb.parametrize(event_idx=[0, 1], pace=PACES)
async def any_batches_at_any_pace(dut: Any, event_idx: int, pace: tuple[int, ...]) -> None:
    """Random batches, some whose suppression structure cannot be read."""
    bench = PublishBench(dut, bool(event_idx))
    await bench.start(pace)
    for _ in range(150):
        count, index = random.randint(1, 32), random.getrandbits(16)
        near = (index + random.randint(-40, 8)) % 0x10000
        event = random.choice([near, random.getrandbits(16)])
        bench.send(
            Batch(random.randrange(bench.queues), index, count, event, random.random() < 0.1)
        )
    await bench.done()


@test()
async def dead_queues_pass_silently(dut: Any) -> None:
    """No interrupt, no fault and no new used index for them; they are finished all the same."""
    bench = PublishBench(dut, event_idx=False)
    bench.alive = random.getrandbits(bench.queues) & ~1
    await bench.start()
    bench.unit.set(s_alive=bench.alive)
    last = [0] * bench.queues
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
