# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_fault_collect: sources of faults, and the queues that they stop."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.unit import Unit, test


@test()
@cocotb.parametrize(percent=[100, 30], halt=[0, 1])
async def the_first_fault_of_a_queue_is_reported(dut: Any, percent: int, halt: int) -> None:
    """Every source is answered; each queue is stopped at once and reported once."""
    unit = await Unit(dut, s_halt=halt).start()
    queues, ports = unit.parameter("QUEUES"), unit.parameter("PORTS")
    kill = unit.parameter("KILL")
    ready = random.getrandbits(queues) | 1
    unit.set(s_ready=ready)
    sources = [unit.source("s_fault", 10, lane, ports) for lane in range(ports)]
    report = unit.sink("m_fault", percent)
    sent: list[list[dict[str, int]]] = [[] for _ in range(ports)]
    for _ in range(60):
        lane = random.randrange(ports)
        word = {"code": random.randint(1, 31), "queue": random.randrange(queues)}
        sent[lane].append(word | {"desc": random.getrandbits(17)})
        sources[lane].send(sent[lane][-1])
    stopped, want, clock = 0, [], 0
    while any(sent):
        clock += 1
        assert clock < 5000, "a source is never answered"
        await unit.settled()
        taken = int(dut.s_fault_valid.value) & int(dut.s_fault_ready.value)
        assert taken & (taken - 1) == 0
        stop = None
        if taken:
            lane = taken.bit_length() - 1
            word = sent[lane].pop(0)
            queue = word["queue"]
            if ready >> queue & 1:
                stop = queue
                assert int(dut.m_stop_queue.value) == queue
                assert dut.m_stop_kill.value == (kill >> lane & 1)
                if not stopped >> queue & 1 and not halt:
                    want.append(word)
        assert (dut.m_stop_valid.value == 1) == (stop is not None)
        await unit.clocks()
        if stop is not None:
            stopped |= 1 << stop
            unit.set(s_stopped=stopped)
    await unit.clocks(40)
    assert [word.value for word in report.words] == want
    assert halt or want
