# SPDX-License-Identifier: Apache-2.0
"""The socket device in a simulator, as a cocotb test holds it: clock, reset, registers, levels."""

from __future__ import annotations

from typing import Any

from cocotb.triggers import ReadOnly, RisingEdge

from pymodel import PortInfo
from tb.benches.channels import now, start_clock
from tb.registers import Registers

TOP = "vq_socket_device"
SETTLE = 3  # clocks from a register write's answer until the port must show that it works
INPUTS = ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid", "rready")


class SocketBench:
    """Clock, reset, registers, and the levels `irq` and `idle`.

    Attributes:
        dut: `vq_socket_device`.
        registers: register access of any width and strobes.
        accesses: register accesses so far.
    """

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.accesses = 0
        names = ("QUEUES", "SLOTS", "TX_WORDS", "RX_WORDS")
        self.built = PortInfo(*(int(getattr(dut, name).value) for name in names))

    async def start(self) -> None:
        """Start the clock and reset the device."""
        await start_clock(self.dut, {f"s_axil_{name}": 0 for name in INPUTS})
        self.registers = Registers(self.dut, self.dut.clk)

    @property
    def cycle(self) -> int:
        """Number of the running clock period."""
        return now()

    async def clocks(self, count: int) -> None:
        """Wait."""
        for _ in range(count):
            await RisingEdge(self.dut.clk)

    async def read32(self, offset: int) -> int:
        """Return a register."""
        self.accesses += 1
        return await self.registers.read32(offset)

    async def write32(self, offset: int, value: int, strobe: int = 0xF) -> None:
        """Write a register."""
        self.accesses += 1
        await self.registers.write(offset, value, 4, strobe)

    async def wait_idle(self, deadline: int = 200_000) -> None:
        """Return when nothing can go on without the driver."""
        end = self.cycle + deadline
        await self.clocks(SETTLE)
        while True:
            await ReadOnly()
            idle = self.dut.idle.value == 1
            await RisingEdge(self.dut.clk)
            if idle:
                return
            if self.cycle > end:
                raise AssertionError(f"the port is not idle after {deadline} clocks")

    def irq(self) -> bool:
        """Whether the interrupt line is high."""
        return bool(self.dut.irq.value == 1)
