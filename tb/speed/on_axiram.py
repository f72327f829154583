# SPDX-License-Identifier: Apache-2.0
"""The workload on a bench as cocotb users build it: cocotbext-axi's AxiRam, cocotb's clock."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotbext.axi import AxiBus, AxiRam

from tb.bench import PERIOD_NS, Bench
from tb.registers import Registers
from tb.speed.workload import load_from_environment, measure, write_result
from tb.worlds import RtlWorld


class RamMemory:
    """AxiRam's bytes as the driver's memory: one region."""

    def __init__(self) -> None:
        self.base = 0
        self.image = bytearray()

    def add_region(self, base: int, size: int) -> None:
        """Set the one region; AxiRam takes addresses modulo its size."""
        if base % size:
            raise ValueError(f"{base:#x} is no multiple of {size:#x}")
        self.base = base
        self.image[:] = bytes(size)

    def read(self, addr: int, length: int) -> bytes:
        """Return `length` bytes from `addr`."""
        return bytes(self.image[addr - self.base : addr - self.base + length])

    def write(self, addr: int, data: bytes) -> None:
        """Write bytes at `addr`."""
        self.image[addr - self.base : addr - self.base + len(data)] = data


class AxiRamBench(Bench):
    """The bench of the project with AxiRam in place of the native memory; `dut` is the device."""

    def __init__(self, dut: Any, base: int, size: int) -> None:
        self.dut = dut
        self.memory: Any = RamMemory()
        self.memory.add_region(base, size)
        self.registers = Registers(dut, dut.clk)
        bus = AxiBus.from_prefix(dut, "m_axi")
        self.ram = AxiRam(bus, dut.clk, dut.rst, mem=self.memory.image)


@cocotb.test(timeout_time=1, timeout_unit="sec")
async def the_workload_is_done(dut: Any) -> None:
    """Measure it."""
    load = load_from_environment()
    setup = load.setup()
    bench = AxiRamBench(dut, setup.base, setup.memory)
    dut.rst.value = 1
    Clock(dut.clk, PERIOD_NS, unit="ns").start()
    await bench.start()
    world = RtlWorld(setup, bench)
    await world.bring_up()
    write_result(await measure(world, load))
