# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_fifo, and of vq_skid, which has the same ports."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.unit import Unit, check_rate, test


def words(count: int, width: int) -> list[dict[str, int]]:
    return [{"data": random.getrandbits(width)} for _ in range(count)]


def shape(dut: Any) -> tuple[int, int]:
    """Return how many words fit, and the latency in clocks."""
    if not hasattr(dut, "DEPTH"):
        return 2, 1
    block = int(dut.BLOCK_EN.value)
    return int(dut.DEPTH.value) + block, 1 + block


@test()
@cocotb.parametrize(pace=[(100, 100), (100, 30), (30, 100), (60, 60)])
async def words_keep_their_order(dut: Any, pace: tuple[int, int]) -> None:
    """What goes in comes out, at any pace."""
    unit = await Unit(dut).start()
    source, sink = unit.source("s", pace[0]), unit.sink("m", pace[1])
    sent = words(300, len(dut.s_data))
    for word in sent:
        source.send(word)
    await unit.until(lambda: len(sink.words) == len(sent), "words")
    await unit.clocks(5)
    assert [word.value for word in sink.words] == sent
    if pace == (100, 100):
        check_rate([word.taken for word in sink.words], "full rate")
        assert {out.taken - at for out, at in zip(sink.words, source.taken)} == {shape(dut)[1]}


@test()
async def full_and_empty_again_and_again(dut: Any) -> None:
    """It takes exactly as many words as it holds, then gives them all, wherever it starts."""
    unit = await Unit(dut).start()
    depth, _ = shape(dut)
    source, sink = unit.source("s"), unit.sink("m", 0)
    sent: list[dict[str, int]] = []

    def send(count: int) -> None:
        for word in words(count, len(dut.s_data)):
            source.send(word)
            sent.append(word)

    async def drain() -> None:
        sink.percent = 100
        await unit.until(lambda: len(sink.words) == len(sent), "empty")
        await unit.clocks(2)
        assert dut.m_valid.value == 0 and dut.s_ready.value == 1, "it should be empty"
        sink.percent = 0
        await unit.clocks(2)

    for turn in range(9):
        send(depth + 3)
        await unit.clocks(depth + 6)
        assert source.waiting == 3 and dut.s_ready.value == 0, "it should be full"
        await drain()
        send(turn % 3)  # starts the next turn elsewhere
        await drain()
    assert [word.value for word in sink.words] == sent


@test()
async def reset_empties_it(dut: Any) -> None:
    """What was held when reset came is gone; what comes later is not mixed with it."""
    unit = await Unit(dut).start()
    source = unit.source("s")
    for word in words(2, len(dut.s_data)):
        source.send(word)
    await unit.clocks(6)
    assert dut.m_valid.value == 1 and source.waiting == 0
    dut.rst.value = 1
    await unit.clocks(1)
    dut.rst.value = 0
    for _ in range(4):
        await unit.clocks(1)
        assert dut.m_valid.value == 0 and dut.s_ready.value == 1
    sink = unit.sink("m")
    last = words(1, len(dut.s_data))
    source.send(last[0])
    await unit.clocks(8)
    assert [word.value for word in sink.words] == last
