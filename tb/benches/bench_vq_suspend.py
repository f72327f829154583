# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_suspend."""

from __future__ import annotations

import random
from typing import Any

from tb.benches.unit import Unit, test


def shown(dut: Any) -> tuple[int, int]:
    return int(dut.m_halt.value), int(dut.m_suspended.value)


@test()
async def the_device_stands_still_when_all_is_done_and_the_bus_is_dry(dut: Any) -> None:
    """No halt before everything is finished, no suspension before the bus is dry; and back."""
    unit = await Unit(dut, s_drained=1, s_idle=1, s_quiet=1).start()
    for _ in range(60):
        assert shown(dut) == (0, 0)
        unit.set(s_suspend=1, s_idle=0)
        waits = [random.choice([0, 0, 1, 5, 20]) for _ in range(3)]
        for pin, wait in zip(("s_idle", "s_drained", "s_quiet"), waits):
            unit.set(**{pin: 0})
            for _ in range(wait):
                await unit.clocks()
                assert shown(dut) == (0, 0), "halted with work in progress"
            unit.set(**{pin: 1})
        await unit.until(lambda: dut.m_halt.value == 1, "halt", 12)
        assert dut.m_suspended.value == 0
        unit.set(s_idle=random.randrange(2), s_quiet=random.randrange(2))
        for _ in range(random.choice([0, 1, 7])):
            unit.set(s_drained=0)
            await unit.clocks()
            assert shown(dut) == (1, 0), "suspended with bursts in flight"
        unit.set(s_drained=1)
        await unit.until(lambda: dut.m_suspended.value == 1, "suspension", 12)
        for _ in range(random.randint(1, 30)):
            await unit.clocks()
            assert shown(dut) == (1, 1)
        unit.set(s_suspend=0, s_idle=1, s_quiet=1)
        await unit.clocks(2)


@test()
async def chains_that_the_function_keeps_are_not_waited_for(dut: Any) -> None:
    """When nothing has moved for PATIENCE clocks, not before; each movement begins them anew."""
    patience = int(dut.PATIENCE.value)
    unit = await Unit(dut, s_drained=1, s_quiet=1, s_suspend=1).start()
    for _ in range(6):
        unit.set(s_moved=1, s_drained=random.randrange(2))
        await unit.clocks()
        unit.set(s_moved=0, s_drained=1)
        for _ in range(patience - 2):
            assert shown(dut) == (0, 0), "out of patience too early"
            await unit.clocks()
    unit.set(s_quiet=0)
    await unit.clocks(patience + 10)
    assert shown(dut) == (0, 0), "a queue that stops was not waited for"
    unit.set(s_quiet=1)
    await unit.until(lambda: dut.m_suspended.value == 1, "suspension", 20)


@test()
async def a_bus_that_is_busy_is_waited_for_without_end(dut: Any) -> None:
    """Bursts in flight are no standstill, nor is a dry clock between them."""
    unit = await Unit(dut, s_suspend=1, s_quiet=1).start()
    for clock in range(4 * int(dut.PATIENCE.value)):
        unit.set(s_drained=clock % 3 == 0, s_idle=1)
        await unit.clocks()
        assert shown(dut) == (0, 0)
