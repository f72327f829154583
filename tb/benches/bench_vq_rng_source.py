# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_rng_source: the model's xorshift, beat by beat."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import ClockCycles

from pymodel.rng_function import Xorshift
from tb.benches.channels import Sink, start_clock


@cocotb.test(timeout_time=1, timeout_unit="ms")
@cocotb.parametrize(percent=[100, 40])
async def beats_are_those_of_the_model(dut: Any, percent: int) -> None:
    """From reset on the same ones, a beat each DATA_W / 64 clocks, held until taken."""
    beat = int(dut.DATA_W.value) // 8
    await start_clock(dut, {"m_ent_tready": 0})
    sink = Sink(
        dut.clk, dut.m_ent_tvalid, dut.m_ent_tready, {"data": dut.m_ent_tdata}, percent=percent
    )
    await ClockCycles(dut.clk, 400)
    model = Xorshift()
    words = sink.words
    assert len(words) > 20
    for word in words:
        assert word.value["data"] == int.from_bytes(model.beat(beat), "little")
    if percent == 100:
        gaps = {after.taken - word.taken for word, after in zip(words, words[1:])}
        assert gaps == {beat // 8}
