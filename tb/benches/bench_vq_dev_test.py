# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_dev_test: both functions behind the mode register."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from pymodel.functions import TestFunction, pattern_bytes
from tb.benches.function_bench import Chain, FunctionBench, Pace

MODE, SINK_ERRORS = 0, 4  # byte offsets in the configuration space


class TestBench(FunctionBench):
    """The function with its configuration space."""

    __test__ = False  # not a test case, whatever pytest makes of its name

    def __init__(self, dut: Any) -> None:
        self.function = TestFunction()
        super().__init__(dut, self.function)

    async def write(self, addr: int, value: int, strobe: int = 0xF) -> None:
        """Write a configuration word."""
        self.dut.s_cfg_addr.value = addr
        self.dut.s_cfg_wdata.value = value
        self.dut.s_cfg_wstrb.value = strobe
        self.dut.s_cfg_write.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.s_cfg_write.value = 0

    async def read(self, addr: int) -> int:
        """Read a configuration word."""
        self.dut.s_cfg_addr.value = addr
        await RisingEdge(self.dut.clk)
        return int(self.dut.m_cfg_rdata.value)


def test(**options: Any) -> Any:
    """A cocotb test with a deadline."""
    return cocotb.test(timeout_time=2, timeout_unit="ms", **options)


@test()
@cocotb.parametrize(pace=[Pace(), Pace(50, 70, 50, 70)])
async def modes_follow_each_other(dut: Any, pace: Pace) -> None:
    """Each mode answers as the model does; chains are numbered and credits kept across modes."""
    bench = TestBench(dut)
    await bench.start(pace)
    numbers = [0] * bench.queues
    for mode in (0, 1, 0, 1, 1, 0):
        await bench.write(MODE, mode)
        bench.function.mode = mode
        assert await bench.read(MODE) == mode
        for _ in range(60):
            queue, size = random.randrange(bench.queues), random.randint(0, 3 * bench.beat)
            data = bytearray(pattern_bytes(queue, numbers[queue], size))
            numbers[queue] += 1
            if size and random.random() < 0.2:
                data[random.randrange(size)] ^= 0x80
            bench.send(Chain(queue, bytes(data), random.randint(0, 3 * bench.beat)))
        await bench.finish()
        assert await bench.read(SINK_ERRORS) == bench.function.pattern.sink_errors
    assert bench.function.pattern.sink_errors > 0


@test()
async def configuration_space(dut: Any) -> None:
    """Only bit 0 of the mode can be written, by its byte; the rest reads 0."""
    bench = TestBench(dut)
    await bench.start()
    assert await bench.read(MODE) == 0
    await bench.write(MODE, 0xFFFFFFFF, 0xE)
    assert await bench.read(MODE) == 0
    await bench.write(MODE, 0xFFFFFFFF, 0x1)
    assert await bench.read(MODE) == 1
    await bench.write(MODE, 2)
    assert await bench.read(MODE) == 0
    for addr in (4, 8, 0x100, 0x400, 0x6FC):
        await bench.write(addr, 0xFFFFFFFF)
        assert await bench.read(addr) == 0
    assert await bench.read(MODE) == 0
    await bench.write(MODE, 1)
    dut.rst.value = 1
    await bench.clocks(2)
    dut.rst.value = 0
    assert await bench.read(MODE) == 0
