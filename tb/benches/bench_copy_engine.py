# SPDX-License-Identifier: Apache-2.0
"""Bench of the bench: register access, waits and memory, on the copy engine of the tests."""

from __future__ import annotations

import random
from typing import Any

import cocotb
import pytest
from cocotb.triggers import Timer

from tb.bench import Bench, DeadlineMissed
from tb.native_memory import latency
from tb.registers import Registers, RegisterTimeout

SOURCE, TARGET, SPACE = 0x100000, 0x200000, 0x10000
COUNT, SCRATCH = 0x10, 0x14  # registers
BUS_BYTES = 8


async def started(dut: Any, cycles: int = 16) -> Bench:
    bench = Bench(dut, latency(cycles))
    bench.memory.add_region(SOURCE, 2 * (TARGET - SOURCE))
    await bench.start()
    return bench


@cocotb.test(timeout_time=200, timeout_unit="us")
async def registers_take_writes_of_any_width(dut: Any) -> None:
    """The device answers writes in the cycle of their handshake, which cocotb-bus misses."""
    bench = await started(dut)
    expected = bytearray(4)
    for size, address, value in ((4, 0, 0x11223344), (1, 1, 0xAB), (2, 2, 0xCDEF), (1, 3, 0x01)):
        await bench.registers.write(SCRATCH + address, value, size)
        expected[address : address + size] = value.to_bytes(size, "little")
        assert await bench.read32(SCRATCH) == int.from_bytes(expected, "little")
        assert await bench.registers.read(SCRATCH + address, size) == value
    for _ in range(20):
        value = random.getrandbits(32)
        await bench.write32(SCRATCH, value)
        assert await bench.read32(SCRATCH) == value


@cocotb.test(timeout_time=200, timeout_unit="us")
async def an_access_that_is_not_answered_ends(dut: Any) -> None:
    bench = await started(dut)
    bench.registers = Registers(dut, dut.clk, deadline_ns=400)
    dut.rst.value = 1
    start = bench.cycle
    with pytest.raises(RegisterTimeout, match="read of 0x14: no answer after 400 ns"):
        await bench.read32(SCRATCH)
    assert 100 <= bench.cycle - start <= 110
    dut.rst.value = 0
    await bench.write32(SCRATCH, 5)
    assert await bench.read32(SCRATCH) == 5


@cocotb.test(timeout_time=200, timeout_unit="us")
async def waits_are_exact_and_bounded(dut: Any) -> None:
    bench = await started(dut)
    start = bench.cycle
    await bench.wait_cycles(1000)
    assert bench.cycle - start == 1000
    await Timer(1, "ns")  # away from the edge, where both readings are right
    assert int(dut.cycle.value) == bench.cycle
    assert await bench.wait_idle(10) == 0
    with pytest.raises(DeadlineMissed, match="no interrupt after 50 cycles"):
        await bench.wait_irq(50)


@cocotb.test(timeout_time=200, timeout_unit="us")
@cocotb.parametrize(cycles=[1, 100])
async def a_copy_runs_at_full_rate(dut: Any, cycles: int) -> None:
    bench = await started(dut, cycles)
    content = random.randbytes(SPACE)
    bench.memory.write(SOURCE, content)
    bench.track("copy", 3, 77)
    bursts = SPACE // 16 // BUS_BYTES
    await bench.write32(COUNT, bursts)
    taken = await bench.wait_irq(10_000)
    assert bench.memory.read(TARGET, SPACE) == content
    beats = SPACE // BUS_BYTES
    assert beats <= taken <= beats + 2 * cycles + 16
    assert bench.memory.counters().beats_read == beats
