# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_ram."""

from __future__ import annotations

import random
from typing import Any

from cocotb.clock import Clock

from tb.benches.unit import Unit, test


@test()
async def words_are_kept_and_a_collision_is_nobodys(dut: Any) -> None:
    """Random accesses agree with a dictionary; a word read as it is written is X."""
    depth, width = int(dut.DEPTH.value), int(dut.WIDTH.value)
    unit = Unit(dut)
    for name in ("write_en", "write_addr", "write_data", "read_en", "read_addr"):
        getattr(dut, name).value = 0
    Clock(dut.clk, 4, unit="ns").start()
    kept: dict[int, int] = {}
    shown: int | None = None
    same = 0
    for _ in range(1500):
        await unit.clocks()
        write, read = random.random() < 0.5, random.random() < 0.5
        to, data = random.randrange(depth), random.getrandbits(width)
        at = to if random.random() < 0.3 else random.randrange(depth)
        unit.set(write_en=write, write_addr=to, write_data=data, read_en=read, read_addr=at)
        await unit.settled()
        if shown is not None:
            assert int(dut.read_data.value) == shown
        elif same:
            assert not dut.read_data.value.is_resolvable
        collides = write and read and to == at
        same += collides
        if read:
            shown = None if collides else kept.get(at)
        if write:
            kept[to] = data
    assert same > 20
