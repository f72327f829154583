# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_pattern_sink: what the whole function cannot reach in reasonable time."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from tb.benches.channels import start_clock

FULL = 0xFFFFFFFF


@cocotb.test(timeout_time=100, timeout_unit="us")
async def errors_saturate(dut: Any) -> None:
    """From just below the largest count, more errors lead to it and no further."""
    names = ["chain_start", "chain_mark", "chain_valid"]
    names += ["axis_tdata", "axis_tkeep", "axis_tlast", "axis_tuser", "axis_tvalid"]
    await start_clock(dut, {f"s_{name}": 0 for name in names})
    size = int(dut.DATA_W.value) // 8
    for before, after in ((0, size), (FULL - size, FULL), (FULL - size + 1, FULL), (FULL, FULL)):
        dut.errors_reg.value = before
        dut.s_chain_valid.value = 1
        await RisingEdge(dut.clk)
        dut.s_chain_valid.value = 0
        dut.s_axis_tdata.value = int.from_bytes(bytes(255 - i for i in range(size)), "little")
        dut.s_axis_tkeep.value = (1 << size) - 1
        dut.s_axis_tlast.value = 1
        dut.s_axis_tvalid.value = 1
        while dut.s_axis_tready.value != 1:
            await RisingEdge(dut.clk)
        await RisingEdge(dut.clk)
        dut.s_axis_tvalid.value = 0
        await ClockCycles(dut.clk, 8)
        assert dut.m_errors.value == after
