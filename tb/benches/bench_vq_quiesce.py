# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_quiesce."""

from __future__ import annotations

import random
from typing import Any

from tb.benches.unit import Unit, test


@test()
async def the_engine_is_reset_only_when_the_bus_is_dry(dut: Any) -> None:
    """Halt at once, reset when drained for two clocks in a row, done until the request falls."""
    unit = await Unit(dut, s_drained=1).start()
    for _ in range(40):
        assert (dut.m_halt.value, dut.m_core_rst.value, dut.m_reset_done.value) == (0, 0, 0)
        unit.set(s_reset=1)
        await unit.clocks(2)
        dry: list[int] = []
        while dut.m_reset_done.value == 0:
            assert dut.m_halt.value == 1 and dut.m_core_rst.value == 0
            dry.append(int(random.random() < 0.4 or len(dry) > 60))
            unit.set(s_drained=dry[-1])
            await unit.clocks()
            assert len(dry) < 80, "never reset"
        assert 1 in dry
        for _ in range(random.randint(1, 9)):
            assert (dut.m_halt.value, dut.m_core_rst.value, dut.m_reset_done.value) == (1, 1, 1)
            await unit.clocks()
        unit.set(s_reset=0, s_drained=1)
        await unit.clocks(3)


@test()
async def a_busy_bus_is_waited_for(dut: Any) -> None:
    """While bursts are in flight, or pause for one clock only, there is no reset."""
    unit = await Unit(dut, s_reset=1).start()
    for clock in range(200):
        unit.set(s_drained=int(clock % 3 == 0))
        await unit.clocks()
        assert dut.m_core_rst.value == 0 and dut.m_reset_done.value == 0
    assert dut.m_halt.value == 1
