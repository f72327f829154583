# SPDX-License-Identifier: Apache-2.0
"""Whole devices in their bench, as a cocotb test holds them. No Python runs per clock cycle."""

from __future__ import annotations

import copy
import os
from typing import Any, Optional

import cocotb
from cocotb.simtime import get_sim_time
from cocotb.triggers import First, RisingEdge, Timer
from cocotb.types import LogicArray

from pymodel.bus import SLOT_BYTES
from tb.native_memory import NativeMemory, Settings, settings_from_environment
from tb.registers import Registers, RegisterTimeout

PERIOD_NS = 4  # of tb_top's clock
RESET_CYCLES = 4
SLOTS = {"test": 0, "net": 1, "blk": 2, "rng": 3}  # of tb_devices
ENGINE_REGISTERS = {
    "Status": 0x070,
    "InterruptStatus": 0x060,
    "FaultCode": 0x800,
    "FaultQueue": 0x804,
    "FaultDescriptor": 0x808,
    "FaultCount": 0x80C,
    "EngineState": 0x820,
}


class DeadlineMissed(AssertionError):
    """Something that had to happen did not; the text holds the engine's state."""


class Bench:
    """Clock, reset, memory, registers and events of `tb_top`, or of a device of `tb_devices`.

    Attributes:
        dut: the top module.
        memory: guest memory.
        registers: register access of any width.
        irq: the device's interrupt line; of several, a bit a slot.
        idle: high while the device has nothing in hand; likewise.
        base: byte address of the device's registers.
        calls: bit q is set once an interrupt of queue q is due, for transports with a vector each;
            `take_calls` clears it. None where the bench is of several devices.
    """

    def __init__(
        self, dut: Any, settings: Optional[Settings] = None, slot: Optional[str] = None
    ) -> None:
        """Empty the memory.

        Args:
            dut: the top module.
            settings: the memory slave's, by default the environment's.
            slot: of `tb_devices`, the name of the device; None for all of them, whose pins are
                side by side and whose registers each at `SLOT_BYTES` more.
        """
        self.dut = dut
        self.base = SLOTS[slot] * SLOT_BYTES if slot else 0
        self.irq = getattr(dut, f"irq_{slot}" if slot else "irq")
        self.idle = getattr(dut, f"idle_{slot}" if slot else "idle")
        self.calls = _calls(dut, slot)
        self._taken = (-1, 0)  # time step in which calls were taken, and which
        self.memory = NativeMemory()
        self.memory.configure(settings or settings_from_environment())
        self.registers = Registers(dut, dut.clk)
        self.dump(os.environ.get("TB_WAVES") == "all")
        if "TB_DUMP_FROM" in os.environ:
            cocotb.start_soon(self._dump_from(int(os.environ["TB_DUMP_FROM"])))

    def at(self, slot: str) -> Bench:
        """Return the bench of another device of `tb_devices`, with the same memory and clock."""
        other = copy.copy(self)
        other.base = SLOTS[slot] * SLOT_BYTES
        other.irq, other.idle = (getattr(self.dut, f"{pin}_{slot}") for pin in ("irq", "idle"))
        other.calls = _calls(self.dut, slot)
        return other

    async def start(self) -> None:
        """Reset all devices."""
        self.dut.rst.value = 1
        await self.wait_cycles(RESET_CYCLES)
        await RisingEdge(self.dut.clk)
        self.dut.rst.value = 0
        await RisingEdge(self.dut.clk)

    @property
    def cycle(self) -> int:
        """Number of clock edges so far, so also the number of the next one, from 0."""
        return int(get_sim_time("ns") + PERIOD_NS / 2) // PERIOD_NS

    async def read32(self, address: int) -> int:
        """Return a register of the device."""
        return await self.registers.read32(self.base + address)

    async def write32(self, address: int, value: int, strobes: int = 0xF) -> None:
        """Write a register of the device; bit i of `strobes` enables byte i."""
        await self.registers.write(self.base + address, value, 4, strobes)

    async def wait_cycles(self, count: int) -> None:
        """Return `count` clock cycles later."""
        if count > 0:
            await Timer(count * PERIOD_NS, "ns")

    @property
    def all_idle(self) -> bool:
        """Whether every engine is idle."""
        return int(self.idle.value) == _ones(self.idle)

    async def wait_idle(self, max_cycles: int) -> int:
        """Return when the device is idle, or all that there are; the cycles that it took."""
        return await self._wait_high(self.idle, "idle", max_cycles)

    async def wait_irq(self, max_cycles: int) -> int:
        """Return when the interrupt line is high; the cycles that it took."""
        return await self._wait_high(self.irq, "interrupt", max_cycles)

    def take_calls(self) -> set[int]:
        """Return the queues whose interrupts were due since the last time.

        A call that comes in the very cycle in which this is used may be lost: use it while the
        device is idle, or when `calls` has just changed (`calls.value_change`).
        """
        now, value = int(get_sim_time("step")), int(self.calls.value)
        taken = self._taken[1] if self._taken[0] == now else 0  # cleared at the end of this step
        if value & ~taken:
            self.calls.value = 0
            self._taken = now, value
        value &= ~taken
        return {queue for queue in range(value.bit_length()) if value >> queue & 1}

    async def wait_level(self, pin: Any, level: int, max_cycles: int) -> bool:
        """Wait until a pin has a level; False when it had not after `max_cycles`."""
        end = self.cycle + max_cycles
        while int(pin.value) != level:
            left = end - self.cycle
            if left <= 0:
                return False
            await First(pin.value_change, Timer(left * PERIOD_NS, "ns"))
        return True

    async def wait_bit(self, pin: Any, bit: int, max_cycles: int) -> bool:
        """Wait until a bit of a bus is 1; False when it was not after `max_cycles`."""
        end = self.cycle + max_cycles
        while not int(pin.value) >> bit & 1:
            left = end - self.cycle
            if left <= 0:
                return False
            await First(pin.value_change, Timer(left * PERIOD_NS, "ns"))
        return True

    async def _wait_high(self, pin: Any, what: str, max_cycles: int) -> int:
        start = self.cycle
        if not await self.wait_level(pin, _ones(pin), max_cycles):
            state = await self.state()
            raise DeadlineMissed(f"no {what} after {max_cycles} cycles, at cycle {start}: {state}")
        return self.cycle - start

    async def state(self) -> str:
        """Return the engine's state in words, from its registers and the memory's counters."""
        values = []
        for name, address in ENGINE_REGISTERS.items():
            try:
                values.append(f"{name} {await self.read32(address):#x}")
            except RegisterTimeout as error:
                values.append(str(error))
                break
        counters = self.memory.counters()
        bus = ", ".join(f"{name} {value}" for name, value in counters._asdict().items() if value)
        return f"{', '.join(values)}; bus: {bus or 'quiet'}"

    def track(self, op: str, queue: int = 0, token: int = 0) -> None:
        """Show an operation in the waves: its name (8 characters), queue and token number."""
        self.dut.track_op.value = int.from_bytes(op[:8].encode("ascii").rjust(8, b"\0"), "big")
        self.dut.track_queue.value = queue & 0xFFFF
        self.dut.track_token.value = token & 0xFFFF_FFFF

    def dump(self, on: bool) -> None:
        """Write waves from here on, or stop; without effect in a run without waves.

        A run that is repeated for its end (TB_DUMP_FROM) selects no other window.
        """
        if "TB_DUMP_FROM" not in os.environ:
            self.dut.dump_enable.value = int(on)

    async def _dump_from(self, cycle: int) -> None:
        self.dut.dump_enable.value = 0
        await self.wait_cycles(cycle - self.cycle)
        self.dut.dump_enable.value = 1


def _calls(dut: Any, slot: Optional[str]) -> Any:
    """Return the calls of a device, or of the only one."""
    return getattr(dut, f"calls_{slot}" if slot else "calls", None)


def _ones(pin: Any) -> int:
    """Return the value of a pin, or of a bus, whose bits are all 1."""
    value = pin.value
    return (1 << len(value)) - 1 if isinstance(value, LogicArray) else 1
