# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_gather."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.chains import Store, segments_of
from tb.benches.unit import Unit, check_rate, test


@test()
@cocotb.parametrize(pace=[(100, 100), (100, 40), (40, 100), (60, 60)])
async def the_readable_segments_in_order(dut: Any, pace: tuple[int, int]) -> None:
    """One read a readable segment with bytes, the last of each chain marked."""
    unit = await Unit(dut).start()
    store = Store(256)
    store.attach(unit)
    source, sink = unit.source("s_chain", pace[0]), unit.sink("m_req", pace[1])
    want: list[dict[str, int]] = []
    for _ in range(60):
        readable = random.randint(1, 9)
        segments = segments_of(readable + random.randint(0, 3), 5000)
        if not any(length for _, length in segments[:readable]):
            segments[random.randrange(readable)] = (77, 7)
        if random.random() < 0.1:
            segments[0] = (1 << 63, 0xFFFF0000)
        chain = store.put(segments, readable)
        queue = random.randrange(4)
        total = chain.bytes_of(writable=False)
        source.send({"queue": queue, "tag": chain.tag, "readable": total})
        parts = [segment for segment in segments[:readable] if segment[1]]
        for number, (addr, length) in enumerate(parts):
            last = int(number == len(parts) - 1)
            want.append({"addr": addr, "len": length, "queue": queue, "last": last})
    await unit.until(lambda: len(sink.words) == len(want), "reads")
    await unit.clocks(5)
    assert [word.value for word in sink.words] == want


@test()
async def one_segment_per_clock(dut: Any) -> None:
    """From one chain to the next too."""
    unit = await Unit(dut).start()
    store = Store(256)
    store.attach(unit)
    source, sink = unit.source("s_chain"), unit.sink("m_req")
    for number in range(30):
        chain = store.put([(number, 5)] * (number % 6 + 1), number % 6 + 1)
        source.send({"queue": 0, "tag": chain.tag, "readable": chain.bytes_of(writable=False)})
    await unit.until(lambda: len(sink.words) == 5 * 21, "reads")
    held = int(dut.HOLD_EN.value)
    reads = [word.taken for word in sink.words]
    check_rate(reads, "reads", held * (len(reads) - 1))
    assert reads[0] - source.taken[0] == 1 + held
