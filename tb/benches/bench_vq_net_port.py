# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_net_port: frames stay whole whenever the function is reset."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.unit import Unit, test


@test()
@cocotb.parametrize(percent=[100, 50])
async def frames_stay_whole(dut: Any, percent: int) -> None:
    """Each frame leaves whole, or cut with an error; each comes in whole, or from no beat on."""
    unit = await Unit(dut, s_mac_rst=1).start()
    unit.set(s_mac_rst=0)
    mac = unit.sink("m_mac", percent)
    keep = (1 << unit.parameter("DATA_W") // 8) - 1
    into: list[tuple[int, int]] = []  # number of the frame and of the beat, of those given on
    resets = 0
    out = [0, 0]  # frame and beat that are offered
    come = [0, 0]
    cuts: set[int] = set()  # frames out that a reset met in their midst
    lengths = [random.randint(1, 9) for _ in range(4000)]
    for _ in range(3000):
        reset = random.random() < 0.02
        resets += reset
        levels = {
            "rst": int(reset),
            "s_out_tdata": out[0] << 8 | out[1],
            "s_out_tkeep": keep,
            "s_out_tlast": int(out[1] == lengths[out[0]] - 1),
            "s_out_tvalid": int(random.randrange(100) < 80),
            "s_mac_tlast": int(come[1] == lengths[come[0]] - 1),
            "s_mac_tvalid": int(random.randrange(100) < 80),
            "m_in_tready": int(random.randrange(100) < percent),
        }
        unit.set(**levels)
        await unit.settled()
        if dut.m_in_tvalid.value == 1 and levels["m_in_tready"]:
            into.append((come[0], come[1]))
        sent = levels["s_out_tvalid"] and dut.s_out_tready.value == 1
        came = levels["s_mac_tvalid"] and dut.s_mac_tready.value == 1
        await unit.clocks()
        assert not (sent and reset)
        if reset and out[1]:
            cuts.add(out[0])
            out = [out[0] + 1, 0]
        elif sent:
            out = [out[0] + 1, 0] if levels["s_out_tlast"] else [out[0], out[1] + 1]
        if came:
            come = [come[0] + 1, 0] if levels["s_mac_tlast"] else [come[0], come[1] + 1]
        if reset:
            into.append((-1, 0))
    unit.set(rst=0, s_out_tvalid=0, s_mac_tvalid=0)
    mac.percent = 100
    await unit.clocks(10)
    assert resets > 20 and len(cuts) > 5
    judge_out(mac, lengths, cuts, out)
    judge_in(into, lengths)


def judge_out(mac: Any, lengths: list[int], cuts: set[int], under_way: list[int]) -> None:
    """Hold what the MAC was given against what was offered."""
    frame: list[dict[str, int]] = []
    seen = []
    for word in mac.words:
        frame.append(word.value)
        if word.value["tlast"]:
            bad = word.value["tuser"]
            good = frame[:-1] if bad else frame
            numbers = {beat["tdata"] >> 8 for beat in good}
            assert len(numbers) == 1
            (number,) = numbers
            assert [beat["tdata"] & 0xFF for beat in good] == list(range(len(good)))
            assert bad == (number in cuts)
            assert bad or len(good) == lengths[number]
            seen.append(number)
            frame = []
    assert seen == list(range(under_way[0]))
    assert len(frame) == under_way[1]


def judge_in(into: list[tuple[int, int]], lengths: list[int]) -> None:
    """Hold what was given on against frames: none begins in its midst."""
    due = 0
    for number, beat in into:
        if number < 0:
            due = 0
        else:
            assert beat == due, f"frame {number}: beat {beat}, not {due}"
            due = 0 if beat == lengths[number] - 1 else beat + 1
