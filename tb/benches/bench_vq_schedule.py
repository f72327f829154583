# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_schedule: every event at every moment, against what is owed to each queue."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.unit import Unit, test


class Owed:
    """What the schedule owes, from the events alone.

    A queue is owed a visit from its notification until a visit that was taken later, and from a
    credit on if its last visit starved before it, or was under way when it came and then starved.
    """

    def __init__(self, queues: int) -> None:
        self.queues = queues
        self.visit = [False] * queues  # a visit is owed
        self.busy = [False] * queues  # a visit was taken and has not ended
        self.starved = [False] * queues  # entries are left, for want of credit
        self.credit = [False] * queues  # came while the visit was under way
        self.others = [0] * queues  # visits of others since this one was due
        self.told: list[list[int]] = [[] for _ in range(queues)]  # since the last visit's end
        self.causes = self.visits = 0

    def taken(self, queue: int) -> None:
        """A visit begins."""
        assert not self.busy[queue], "two visits of one queue at once"
        self.visits += 1
        self.busy[queue], self.visit[queue], self.credit[queue] = True, False, False
        self.starved[queue] = False
        self.told[queue].clear()

    def end(self, queue: int, starved: bool) -> None:
        """A visit ends."""
        self.busy[queue] = False
        self.starved[queue] = starved
        if starved and self.credit[queue]:
            self.visit[queue], self.starved[queue] = True, False

    def came(self, queue: int) -> None:
        """A notification."""
        self.causes += 1
        self.visit[queue] = True

    def granted(self, queue: int) -> None:
        """A credit."""
        self.causes += 1
        self.credit[queue] = True
        if self.starved[queue]:
            self.visit[queue], self.starved[queue] = True, False


@test(us=1000)
@cocotb.parametrize(density=[3, 20, 70], take=[100, 40], data=[0, 1])
async def no_notification_and_no_credit_is_lost(
    dut: Any, density: int, take: int, data: int
) -> None:
    """Notifications, credits and ends at random moments; at last nothing owed is left.

    What the last notification told comes with the visit, unless it came during another one.
    """
    queues = int(dut.QUEUES.value)
    everyone = (1 << queues) - 1
    unit = await Unit(dut, s_ready=everyone, s_fetchable=everyone).start()
    owed, fetchable = Owed(queues), everyone
    under_way: list[int] = []
    shown = None  # visit that is offered, and what had been told of its queue then
    tells = 0
    unit.set(s_notify_data=data)
    for clock in range(1500):
        quiet = clock > 1100
        notify, credit = random.randrange(queues), random.randrange(queues)
        notified = not quiet and random.randrange(100) < density
        granted = not quiet and random.randrange(100) < density
        done = bool(under_way) and random.random() < 0.4
        index = random.randrange(len(under_way)) if done else 0
        ended, starved = under_way[index] if done else 0, random.random() < 0.5
        if quiet:
            fetchable = everyone
        elif random.random() < 0.05:
            fetchable = random.getrandbits(queues)
        index_told = random.getrandbits(16)
        unit.set(s_notify_queue=notify, s_notify_valid=notified, s_notify_index=index_told)
        unit.set(s_credit_queue=credit, s_credit_valid=granted)
        unit.set(s_done_queue=ended, s_done_valid=done, s_done_starved=done and starved)
        ready = random.randrange(100) < take
        unit.set(m_visit_ready=ready, s_fetchable=fetchable)
        await unit.settled()
        if done:
            under_way.pop(index)
            owed.end(ended, starved)
        visit = int(dut.m_visit_queue.value) if dut.m_visit_valid.value == 1 else None
        if visit is not None and shown is None:
            shown = owed.told[visit][:]
        if visit is not None and shown is not None:
            assert (dut.m_visit_told.value == 1) == bool(shown and data)
            assert not (shown and data) or int(dut.m_visit_index.value) == shown[-1]
        if visit is not None and not ready:
            visit = None
        if visit is not None:
            tells += bool(shown)
            shown = None
            owed.taken(visit)
            under_way.append(visit)
        busy = int(dut.m_busy.value)
        assert all(busy >> queue & 1 for queue in under_way), "busy fell before the visit's end"
        if dut.m_idle.value == 1 and not done:
            due = [q for q in range(queues) if owed.visit[q] and fetchable >> q & 1]
            assert not due and not under_way, f"idle while queues {due} are due"
        if notified:
            owed.came(notify)
            if not busy >> notify & 1:
                owed.told[notify].append(index_told)
        if granted:
            owed.granted(credit)
        await unit.clocks()
    assert not any(owed.visit) and not under_way
    assert dut.m_idle.value == 1 and dut.m_visit_valid.value == 0
    assert owed.visits <= owed.causes, "visits without cause"
    assert tells > 5


@test()
async def a_credit_in_any_clock_of_a_starved_visit_counts(dut: Any) -> None:
    """The credit comes at each distance from the visit's end, before, with and after it."""
    queues = int(dut.QUEUES.value)
    unit = await Unit(dut, s_ready=(1 << queues) - 1, s_fetchable=(1 << queues) - 1).start()
    unit.set(m_visit_ready=1)
    for distance in range(-4, 5):
        unit.set(s_notify_valid=1)
        await unit.clocks()
        unit.set(s_notify_valid=0)
        await unit.until(lambda: dut.m_visit_valid.value == 1, "visit", 5)
        await unit.clocks(2)
        for clock in range(10):
            end, credit = clock == 5, clock == 5 + distance
            unit.set(s_done_valid=end, s_done_starved=end, s_credit_valid=credit)
            await unit.clocks()
            if clock > 5 and dut.m_visit_valid.value == 1:
                break
        else:
            unit.set(s_credit_valid=0)
            await unit.until(lambda: dut.m_visit_valid.value == 1, f"visit at {distance}", 6)
        unit.set(s_credit_valid=0, s_done_valid=0)
        await unit.clocks(2)
        unit.set(s_done_valid=1, s_done_starved=0)
        await unit.clocks()
        unit.set(s_done_valid=0)
        await unit.clocks(4)
        assert dut.m_idle.value == 1


@test()
async def visits_are_fair_and_prompt(dut: Any) -> None:
    """A visit comes a clock after a notification; when all are due, each has its turn."""
    queues = int(dut.QUEUES.value)
    unit = await Unit(dut, s_ready=(1 << queues) - 1, s_fetchable=(1 << queues) - 1).start()
    for queue in range(queues):
        unit.set(s_notify_queue=queue, s_notify_valid=1)
        await unit.clocks()
    unit.set(s_notify_valid=0, m_visit_ready=1)
    order: list[int] = []
    for clock in range(20 * queues):
        await unit.settled()
        visit = int(dut.m_visit_queue.value) if dut.m_visit_valid.value == 1 else None
        await unit.clocks()
        if visit is not None:
            order.append(visit)
        unit.set(s_done_valid=visit is not None, s_done_queue=visit or 0)
        unit.set(s_notify_valid=1, s_notify_queue=clock % queues)
    turns = [order[i : i + queues] for i in range(queues, len(order) - queues, queues)]
    for queue in range(queues):
        seen = [number for number, visit in enumerate(order) if visit == queue]
        gaps = [b - a for a, b in zip(seen, seen[1:])]
        assert max(gaps) <= queues + 1, f"queue {queue} waited for {max(gaps)} visits"
    assert turns


@test()
async def a_queue_that_is_not_ready_is_forgotten(dut: Any) -> None:
    """Its notification is void; it is visited only for a new one."""
    queues = int(dut.QUEUES.value)
    unit = await Unit(dut, s_ready=(1 << queues) - 1, m_visit_ready=1).start()
    unit.set(s_notify_queue=queues - 1, s_notify_valid=1, s_notify_data=1, s_notify_index=77)
    await unit.clocks()
    unit.set(s_notify_valid=0, s_notify_data=0)
    await unit.clocks(3)
    assert dut.m_visit_valid.value == 0  # not fetchable
    unit.set(s_ready=0)
    await unit.clocks()
    unit.set(s_ready=(1 << queues) - 1, s_fetchable=(1 << queues) - 1)
    for _ in range(6):
        await unit.clocks()
        assert dut.m_visit_valid.value == 0 and dut.m_idle.value == 1
    unit.set(s_notify_valid=1)
    await unit.clocks()
    unit.set(s_notify_valid=0)
    await unit.settled()
    assert dut.m_visit_valid.value == 1 and int(dut.m_visit_queue.value) == queues - 1
    assert dut.m_visit_told.value == 0, "what was told of the queue's former life"
