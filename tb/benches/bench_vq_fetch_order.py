# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_fetch_order."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import FallingEdge

from tb.benches.unit import Unit, test


async def places_are_there(dut: Any, unit: Unit) -> None:
    """Wait for the first place after a reset: it is there at once, whatever was before."""
    await unit.until(lambda: dut.m_place_valid.value == 1, "the first place", 2)


@test()
@cocotb.parametrize(percent=[100, 40])
async def ends_in_any_order_leave_in_the_order_of_places(dut: Any, percent: int) -> None:
    """Each chain leaves once, after its end, in the order of its place; places run out."""
    unit = await Unit(dut).start()
    await places_are_there(dut, unit)
    sink = unit.sink(
        "m", percent, without=["m_place", "m_place_valid", "m_place_take", "m_oldest", "m_empty"]
    )
    places, keys = 1 << unit.parameter("ORDER_W"), 1 << unit.parameter("KEY_W")
    started: list[int] = []  # places whose end has not come
    data: list[int | None] = []  # of each chain, in order of its start
    numbers: dict[int, int] = {}
    full = 0
    for clock in range(1500):
        take = clock < 1300 and random.random() < 0.6
        end = bool(started) and random.random() < (0.4 if clock < 1300 else 1)
        unit.set(s_end_valid=end, m_place_take=0)
        if end:
            place = started.pop(random.randrange(len(started)))
            value = random.getrandbits(unit.parameter("WIDTH"))
            data[numbers[place]] = value
            unit.set(s_end_place=place, s_end_data=value, s_end_key=value % keys)
        can = dut.m_place_valid.value == 1
        full += not can
        assert can or len(numbers) >= places
        await unit.clocks()
        unit.set(s_end_valid=0)
        if take and dut.m_place_valid.value == 1:
            place = int(dut.m_place.value)
            assert place == len(data) % places and place not in started
            numbers[place] = len(data)
            data.append(None)
            started.append(place)
            unit.set(m_place_take=1)
            await unit.clocks()
            unit.set(m_place_take=0)
    await unit.clocks(100)
    assert [word.value["data"] for word in sink.words] == data
    assert all(word.value["key"] == word.value["data"] % keys for word in sink.words)
    assert dut.m_empty.value == 1 and full


@test()
async def a_reset_forgets_every_end(dut: Any) -> None:
    """After a reset no chain leaves before its own end, whatever the places held."""
    unit = await Unit(dut, m_ready=1).start()
    places = 1 << unit.parameter("ORDER_W")
    for started in (1, places // 2, places, 2 * places, 3 * places - 1):
        await places_are_there(dut, unit)
        for number in range(started):
            unit.set(m_place_take=1, s_end_valid=0)
            place = int(dut.m_place.value)
            await unit.clocks()
            unit.set(m_place_take=0, s_end_place=place, s_end_data=number)
            unit.set(s_end_valid=int(number < started - 1))  # the last one has not ended
            await unit.clocks()
            unit.set(s_end_valid=0)
            await unit.clocks(3)
        unit.set(rst=1)
        await unit.clocks()  # too short to wipe a mark in
        unit.set(rst=0)
        await unit.clocks()
        await places_are_there(dut, unit)
        assert dut.m_empty.value == 1
        for _ in range(3):
            unit.set(m_place_take=1)
            await unit.clocks()
        unit.set(m_place_take=0)
        for _ in range(6):
            await unit.clocks()
            assert dut.m_valid.value == 0, "a chain left before its end"
        unit.set(rst=1)
        await unit.clocks(2)
        unit.set(rst=0)
        await unit.clocks()


@test()
@cocotb.parametrize(laps=[1, 3])
async def one_chain_per_clock_from_the_first_place_on(dut: Any, laps: int) -> None:
    """Chains start and end in each clock in which they can, while marks are wiped too."""
    unit = await Unit(dut, m_ready=1).start()
    places = 1 << unit.parameter("ORDER_W")
    for count in (laps * places, 3 * places // 2):  # the second life finds the marks of the first
        left: list[int] = []
        line: list[int] = []  # chains that end in the next clocks
        taken = clocks = 0
        while len(left) < count:
            await FallingEdge(dut.clk)  # what is driven here shows at the next rising edge
            assert (clocks := clocks + 1) < 2 * count + 20, "a chain every other clock at least"
            if dut.m_valid.value == 1:
                left.append(int(dut.m_data.value))
            end = line.pop(0) if len(line) > 3 or (line and taken == count) else None
            take = dut.m_place_valid.value == 1 and taken < count
            if take:
                assert int(dut.m_place.value) == taken % places
                line.append(taken)
                taken += 1
            unit.set(m_place_take=take, s_end_valid=end is not None)
            if end is not None:
                unit.set(s_end_place=end % places, s_end_data=end % 256, s_end_key=0)
        assert left == [number % 256 for number in range(count)]
        unit.set(m_place_take=0, s_end_valid=0, rst=1)
        await unit.clocks(2)
        unit.set(rst=0)
        await unit.clocks()
