# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_liveness: random lives of queues against plain counts."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.unit import Unit, test


@test(us=1000)
@cocotb.parametrize(turn=range(3))
async def counts_credits_and_levels_agree_with_a_model(dut: Any, turn: int) -> None:
    """Queues live, are stopped and killed, start and finish chains, at random."""
    assert turn >= 0
    unit = await Unit(dut).start()
    queues = unit.parameter("QUEUES")
    ready, run = 0, 0
    stopped, killed = [False] * queues, [False] * queues
    was_live = [False] * queues
    granted, started = [0] * queues, [0] * queues  # in this life
    collected, finished, open_ = [0] * queues, [0] * queues, [0] * queues  # open: not finished
    waiting = [0] * queues  # clocks for which quiet or live has been due
    starts = ends = lives = quiets = held = 0
    for clock in range(3000):
        run = int(clock > 40)
        if random.random() < 0.02:
            ready ^= 1 << random.randrange(queues)
        stop = random.random() < 0.004
        kill, stop_queue = random.random() < 0.5, random.randrange(queues)
        stop = stop and bool(ready >> stop_queue & 1)
        start_queue, credit_queue = random.randrange(queues), random.randrange(queues)
        done_queue, got_queue = random.randrange(queues), random.randrange(queues)
        unit.set(
            s_ready=ready,
            s_run=run * ((1 << queues) - 1),
            s_stop_queue=stop_queue,
            s_stop_kill=kill,
        )
        unit.set(s_stop_valid=stop, s_started_queue=start_queue, s_collected_queue=got_queue)
        unit.set(s_started_valid=0, s_finished_valid=0, s_credit_valid=0, s_collected_valid=0)
        await unit.clocks()  # the levels settle before the events are chosen
        ready_now = [bool(ready >> q & 1) for q in range(queues)]
        for q in range(queues):
            stopped[q] = ready_now[q] and (stopped[q] or (stop and q == stop_queue))
            killed[q] = ready_now[q] and (killed[q] or (stop and bool(kill) and q == stop_queue))
        unit.set(s_stop_valid=0)
        await unit.settled()
        live, alive = int(dut.m_live.value), int(dut.m_alive.value)
        quiet = int(dut.m_quiet.value)
        assert int(dut.m_stopped.value) == sum(1 << q for q in range(queues) if stopped[q])
        assert alive == sum(1 << q for q in range(queues) if ready_now[q] and not killed[q])
        fetchable = int(dut.m_fetchable.value)
        assert fetchable == live & ~int(dut.m_stopped.value)
        assert live & ~alive == 0 and quiet & ready == 0
        assert (dut.m_settled.value == 1) == (sum(open_) == held)
        for q in range(queues):
            now = bool(live >> q & 1)
            if now and not was_live[q]:
                assert open_[q] == 0, "live while chains of its former life are under way"
                granted[q] = started[q] = 0
                lives += 1
            was_live[q] = now
            if quiet >> q & 1:
                assert open_[q] == 0, "quiet with chains under way"
                quiets += 1
            due = not open_[q] and (
                (alive >> q & 1 and run and not now) or (not ready_now[q] and not quiet >> q & 1)
            )
            waiting[q] = waiting[q] + 1 if due else 0
            assert waiting[q] <= queues + 4, f"queue {q} is never known or quiet"
        if live >> start_queue & 1:
            credit = granted[start_queue] - started[start_queue]
            assert int(dut.m_started_credit.value) == credit
        else:
            assert int(dut.m_started_credit.value) == 0
        ever = open_[got_queue] + finished[got_queue]
        if collected[got_queue] < ever:  # there is one to collect
            assert (dut.m_collected_all.value == 1) == (collected[got_queue] + 1 == ever)
        await unit.clocks()
        # Events of the next clock
        events: dict[str, int] = {}
        credit = granted[start_queue] - started[start_queue]
        if fetchable >> start_queue & 1 and credit:
            count = random.randint(1, min(credit, 32))
            events |= {"s_started_valid": 1, "s_started_count": count}
            started[start_queue] += count
            open_[start_queue] += count
            starts += 1
        if live >> credit_queue & 1 and random.random() < 0.4:
            count = random.randint(1, 40)
            events |= {"s_credit_valid": 1, "s_credit_count": count, "s_credit_queue": credit_queue}
            granted[credit_queue] += count
        if collected[got_queue] < finished[got_queue] + open_[got_queue]:
            others = got_queue != start_queue or "s_started_valid" not in events
            if others and random.random() < 0.5:
                events |= {"s_collected_valid": 1}
                collected[got_queue] += 1
        if open_[done_queue] and (done_queue != start_queue or "s_started_valid" not in events):
            count = random.randint(1, min(open_[done_queue], 200))
            events |= {"s_finished_valid": 1, "s_finished_count": count}
            events |= {"s_finished_queue": done_queue}
            open_[done_queue] -= count
            finished[done_queue] += count
            ends += 1
        under_way = sum(open_) - events.get("s_started_count", 0)
        held = random.choice([0, under_way, random.randint(0, under_way)])
        unit.set(**events, s_waiting=held)
        await unit.clocks()
        unit.set(s_started_valid=0, s_finished_valid=0, s_credit_valid=0, s_collected_valid=0)
    assert starts > 50 and ends > 50 and lives > 5 and quiets > 5
