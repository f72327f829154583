# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_fetch_entries."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.beats import part
from tb.benches.unit import Unit, check_rate, test


@test()
@cocotb.parametrize(pace=[(100, 100), (60, 30)])
async def values_are_sorted(dut: Any, pace: tuple[int, int]) -> None:
    """Each value of a beat leaves once: looks to one side, heads to the other, in order."""
    unit = await Unit(dut).start()
    beat = unit.parameter("DATA_W") // 8
    source = unit.source("s_beat", pace[0])
    look, head = unit.sink("m_look", max(pace[1], 60)), unit.sink("m_head", pace[1])
    looks: list[dict[str, int]] = []
    heads: list[dict[str, int]] = []
    for _ in range(120):
        queue, error = random.randrange(4), int(random.random() < 0.1)
        is_look = int(random.random() < 0.3)
        count = 1 if is_look else random.randint(1, beat // 2)
        offset = 2 * random.randint(0, beat // 2 - count)
        values = [random.getrandbits(16) for _ in range(count)]
        data = b"".join(value.to_bytes(2, "little") for value in values)
        word = {"data": part(data, offset, beat), "offset": offset, "end": offset + 2 * count - 1}
        source.send(word | {"look": is_look, "queue": queue, "error": error})
        found = [{"queue": queue, "index": value, "error": error} for value in values]
        (looks if is_look else heads).extend(found)
    await unit.until(lambda: len(head.words) == len(heads) and not source.waiting, "values")
    await unit.clocks(5)
    assert [word.value for word in head.words] == heads
    assert [word.value for word in look.words] == looks
    if pace == (100, 100):
        check_rate(sorted(word.taken for word in head.words), "heads", spare=len(looks) + 2)
