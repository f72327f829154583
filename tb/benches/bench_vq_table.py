# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_table."""

from __future__ import annotations

import random
from typing import Any

from cocotb.clock import Clock

from tb.benches.unit import Unit, test


@test()
async def rows_are_zero_from_their_clear_until_written(dut: Any) -> None:
    """Random writes, clears and reads agree with a list; a clear wins over a write."""
    rows, width = int(dut.ROWS.value), int(dut.WIDTH.value)
    unit = Unit(dut)
    unit.set(clear=(1 << rows) - 1, write_en=0, write_addr=0, write_data=0)
    unit.set(read_a_addr=0, read_b_addr=0)
    Clock(dut.clk, 4, unit="ns").start()
    await unit.clocks(2)
    kept = [0] * rows
    both = 0
    for _ in range(1000):
        to, data, write = random.randrange(rows), random.getrandbits(width), random.random() < 0.6
        clear = sum(1 << row for row in range(rows) if random.random() < 0.1)
        a, b = random.randrange(rows), random.randrange(rows)
        unit.set(clear=clear, write_en=write, write_addr=to, write_data=data)
        unit.set(read_a_addr=a, read_b_addr=b)
        await unit.settled()
        assert int(dut.read_a_data.value) == kept[a]
        assert int(dut.read_b_data.value) == kept[b]
        both += write and clear >> to & 1
        if write:
            kept[to] = data
        kept = [0 if clear >> row & 1 else value for row, value in enumerate(kept)]
        await unit.clocks()
    assert both > 10
