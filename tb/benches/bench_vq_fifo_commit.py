# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_fifo_commit."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.unit import Unit, check_rate, test


@test()
@cocotb.parametrize(percent=[100, 40])
async def only_what_is_committed_comes_out(dut: Any, percent: int) -> None:
    """Groups of words are committed or dropped; the words of the former come out in order."""
    unit = await Unit(dut).start()
    sink = unit.sink("m", percent)
    width, depth = len(dut.s_data), unit.parameter("DEPTH")
    expected: list[int] = []
    for _ in range(200):
        group: list[int] = []
        size = random.randint(1, min(depth, 9))
        commit = random.random() < 0.6
        with_last = random.random() < 0.5  # the pulse comes with the last word, else after it
        while len(group) < size:
            await unit.settled()
            room = dut.s_ready.value == 1  # which only a word that comes can take away
            await unit.clocks()
            if not room:
                continue
            word = random.getrandbits(width)
            last = len(group) == size - 1 and with_last
            levels = {"s_commit": int(last and commit), "s_drop": int(last and not commit)}
            unit.set(s_data=word, s_valid=1, **levels)
            await unit.clocks()
            unit.set(s_valid=0, s_commit=0, s_drop=0)
            group.append(word)
        if not with_last:
            await unit.clocks(random.randint(0, 3))
            unit.set(s_commit=int(commit), s_drop=int(not commit))
            await unit.clocks()
            unit.set(s_commit=0, s_drop=0)
        expected += group if commit else []
    await unit.until(lambda: len(sink.words) == len(expected), "words")
    await unit.clocks(5)
    assert [word.value["data"] for word in sink.words] == expected


@test()
async def nothing_is_seen_before_the_commit(dut: Any) -> None:
    """A full queue of words shows nothing; dropped, it is empty; committed, all come at once."""
    unit = await Unit(dut).start()
    sink = unit.sink("m")
    depth = unit.parameter("DEPTH")
    for commit in (0, 1, 0, 1):
        for at in range(depth):
            unit.set(s_data=at, s_valid=1)
            await unit.clocks()
        unit.set(s_valid=0)
        await unit.clocks(4)
        await unit.settled()
        assert dut.s_ready.value == 0 and dut.m_valid.value == 0
        seen = len(sink.words)
        await unit.clocks()
        unit.set(s_commit=commit, s_drop=1 - commit)
        await unit.clocks()
        unit.set(s_commit=0, s_drop=0)
        await unit.clocks(depth + 4)
        got = [word.value["data"] for word in sink.words[seen:]]
        assert got == list(range(depth)) * commit
        if commit:
            check_rate([word.taken for word in sink.words[seen:]], "full rate")
