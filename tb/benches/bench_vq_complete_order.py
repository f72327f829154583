# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_complete_order: chains are given in order, complete in any, and leave in order."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from tb.benches.channels import now
from tb.benches.unit import Unit, test


class Chain(NamedTuple):
    """A completed chain."""

    queue: int
    head: int
    slots: int
    len: int
    whole: int
    more: int
    tag: int
    last: int


class OrderBench:
    """The device function, which completes chains in any order, and the stages after."""

    def __init__(self, dut: Any, in_order: bool = True) -> None:
        self.dut, self.in_order = dut, in_order
        self.unit = Unit(dut, s_in_order=int(in_order))
        self.queues, self.tags = 1 << int(dut.QID_W.value), 1 << int(dut.TAG_W.value)
        self.free = list(range(self.tags))
        self.open: list[list[Chain]] = [[] for _ in range(self.queues)]  # given, in order
        self.held: list[list[Chain]] = [[] for _ in range(self.queues)]  # ... not completed
        self.sent: list[Chain] = []  # completed, in that order
        self.done: list[Chain] = []  # left
        self.left: list[int] = []  # clock of each
        self.percent = 100

    async def start(self, percent: int = 100) -> None:
        """Reset and start; `percent`: chance per clock that what leaves is taken."""
        await self.unit.start()
        self.percent = percent
        self.given = self.unit.source("s_given")
        self.used = self.unit.source("s_used")
        cocotb.start_soon(self._take())

    async def _take(self) -> None:
        """Take chains and their chunks, which leave together or not at all."""
        dut = self.dut
        while True:
            ready = [random.randrange(100) < self.percent for _ in range(2)]
            dut.m_used_ready.value, dut.m_release_ready.value = ready
            await ReadOnly()
            used = dut.m_used_valid.value == 1 and ready[0]
            assert used == (dut.m_release_valid.value == 1 and ready[1])
            if used:
                names = ["used_queue", "used_head", "used_slots", "used_len", "used_whole"]
                names += ["used_more", "release_first", "release_last"]
                chain = Chain(*(int(getattr(dut, f"m_{name}").value) for name in names))
                expected = self.open[chain.queue].pop(0) if self.in_order else chain
                assert chain._replace(more=0) == expected, "out of order"
                before = self.done[-1] if self.done else chain
                assert not before.more or chain.queue == before.queue, "a group was torn"
                assert chain in self.sent, "left before it was completed"
                self.sent.remove(chain)
                self.done.append(chain)
                self.left.append(now())
                self.free.append(chain.tag)
            await RisingEdge(dut.clk)

    def give(self, queue: int) -> Chain:
        """Give a chain to the device function."""
        tag = self.free.pop(random.randrange(len(self.free)))
        chain = Chain(
            queue,
            random.getrandbits(16),
            random.getrandbits(16),
            random.getrandbits(32),
            random.getrandbits(1),
            0,
            tag,
            random.randrange(self.tags),
        )
        self.open[queue].append(chain)
        self.held[queue].append(chain)
        self.given.send({"queue": queue, "tag": tag})
        return chain

    def complete(self, chain: Chain, more: bool = False) -> None:
        """Complete a chain; `more`: it is to be seen only with the next one."""
        self.held[chain.queue].remove(chain)
        chain = chain._replace(more=int(more))
        self.sent.append(chain)
        self.used.send(chain._asdict())

    def complete_group(self, chains: list[Chain]) -> None:
        """Complete chains that follow each other, to be seen together."""
        for number, chain in enumerate(chains):
            self.complete(chain, number + 1 < len(chains))

    async def finish(self) -> None:
        """Complete what is left in any order, and wait until all has left."""
        rest = [chain for queue in self.held for chain in queue]
        random.shuffle(rest)
        await self.unit.until(lambda: not self.given.waiting, "chains given")
        for chain in rest:
            self.complete(chain)
        total = len(self.done) + len(self.sent)
        await self.unit.until(lambda: len(self.done) == total, "chains", 8000)
        await self.unit.clocks(10)
        assert len(self.done) == total and len(self.free) == self.tags


@test(us=4000)
@cocotb.parametrize(reach=[0, 1, 4, 1000], percent=[100, 30])
async def chains_leave_in_the_order_given(dut: Any, reach: int, percent: int) -> None:
    """Up to `reach` later chains of a queue complete before an earlier one."""
    bench = OrderBench(dut)
    await bench.start(percent)
    for _ in range(400):
        if len(bench.free) > 1 and random.random() < 0.55:
            bench.give(random.randrange(bench.queues))
        queue = random.choice([q for q in bench.held if q] or [[]])
        if queue and not bench.given.waiting and random.random() < 0.8:
            bench.complete(random.choice(queue[: reach + 1]))
        if random.random() < 0.6:
            await bench.unit.clocks(random.randint(1, 4))
    await bench.finish()


@test(us=4000)
@cocotb.parametrize(percent=[100, 30])
async def groups_leave_together(dut: Any, percent: int) -> None:
    """No chain of another queue leaves inside a group, also one that waited for its turn."""
    bench = OrderBench(dut)
    await bench.start(percent)
    for _ in range(300):
        for _ in range(random.randint(0, min(4, len(bench.free) - 1))):
            bench.give(random.randrange(bench.queues))
        await bench.unit.until(lambda: not bench.given.waiting, "chains given")
        queue = random.choice([q for q in bench.held if q] or [[]])
        begin = random.randrange(len(queue)) if queue else 0
        bench.complete_group(queue[begin : begin + random.randint(1, 5)])
        if random.random() < 0.4:
            await bench.unit.clocks(random.randint(1, 4))
    assert any(chain.more for chain in bench.done)
    await bench.finish()


@test(us=1000)
async def an_early_chain_holds_up_no_other_queue(dut: Any) -> None:
    """While a queue's first chain is not completed, other queues' chains leave."""
    bench = OrderBench(dut)
    await bench.start()
    if bench.tags < 16:
        return
    chains = [bench.give(0) for _ in range(4)]
    others = [bench.give(1) for _ in range(4)]
    await bench.unit.clocks(12)
    for chain in [*chains[1:], *others]:
        bench.complete(chain)
    await bench.unit.clocks(40)
    assert bench.done == others
    await bench.finish()
    assert bench.done[4:] == chains


@test(us=1000)
async def a_turn_takes_two_clocks(dut: Any) -> None:
    """A chain whose turn it is leaves 2 clocks later, and such chains leave one a clock."""
    bench = OrderBench(dut)
    await bench.start()
    count = min(bench.tags, 16)
    chains = [bench.give(0) for _ in range(count)]
    await bench.unit.clocks(count + 4)
    for chain in chains:
        bench.complete(chain)
    await bench.finish()
    assert [left - taken for left, taken in zip(bench.left, bench.used.taken)] == [2] * count
    assert bench.left[-1] - bench.left[0] == count - 1


@test(us=1000)
async def chains_are_given_while_others_leave(dut: Any) -> None:
    """Both a clock, for as long as the queue does not run empty."""
    bench = OrderBench(dut)
    await bench.start()
    if bench.tags < 16:
        return
    chains = [bench.give(0) for _ in range(8)]
    await bench.unit.clocks(8)
    for _ in range(100):
        bench.complete(chains.pop(0))
        await bench.unit.clocks(1)
        chains.append(bench.give(0))
    await bench.finish()
    gaps = [later - earlier for earlier, later in zip(bench.left, bench.left[1:])]
    assert gaps[:99] == [1] * 99


@test(us=1000)
async def a_chain_that_waits_slows_down_its_own_queue_only(dut: Any) -> None:
    """Chains of other queues leave one a clock; its own queue's too, but for those that waited."""
    bench = OrderBench(dut)
    await bench.start()
    if bench.tags < 16:
        return
    early = [bench.give(1) for _ in range(3)]
    chains = [bench.give(0) for _ in range(8)]
    await bench.unit.clocks(20)
    for chain in [early[2], *chains]:
        bench.complete(chain)
    await bench.unit.clocks(20)
    assert bench.done == chains and bench.left[-1] - bench.left[0] == 7
    await bench.finish()
    assert bench.done[8:] == early


@test(us=1000)
@cocotb.parametrize(percent=[100, 40])
async def without_the_feature_all_passes(dut: Any, percent: int) -> None:
    """Chains leave as they complete, in the same clock."""
    bench = OrderBench(dut, in_order=False)
    await bench.start(percent)
    order = []
    for _ in range(60):
        chain = bench.give(random.randrange(bench.queues))
        order.append(chain)
        bench.complete(chain)
        await bench.unit.clocks(random.randint(0, 3))
        await bench.unit.until(lambda: len(bench.free) > 1, "a free tag")
    await bench.finish()
    assert bench.done == order and bench.left == bench.used.taken
