# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_write_word."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.unit import Unit, check_rate, test


@test()
@cocotb.parametrize(pace=[(100, 100, 100), (60, 40, 100), (100, 100, 30)])
async def each_word_is_a_request_and_a_beat(dut: Any, pace: tuple[int, int, int]) -> None:
    """In order, two or four bytes in all lanes, never a beat before its request."""
    unit = await Unit(dut).start()
    word = unit.source("s_word", pace[0])
    req, beat = unit.sink("m_req", pace[1]), unit.sink("m_beat", pace[2])
    sent = [(random.getrandbits(32), random.randrange(2)) for _ in range(200)]
    for data, wide in sent:
        word.send({"data": data, "wide": wide})
    await unit.until(lambda: len(beat.words) == len(sent), "beats")
    await unit.clocks(5)
    copies = sum(1 << 32 * lane for lane in range(unit.parameter("DATA_W") // 32))
    pairs = [data if wide else (data & 0xFFFF) * 0x10001 for data, wide in sent]
    assert [w.value["data"] for w in beat.words] == [pair * copies for pair in pairs]
    assert [w.value["len"] for w in req.words] == [4 if wide else 2 for _, wide in sent]
    assert all(b.taken > r.taken for b, r in zip(beat.words, req.words))
    if pace == (100, 100, 100):
        check_rate([w.taken for w in beat.words], "words")
