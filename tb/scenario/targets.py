# SPDX-License-Identifier: Apache-2.0
"""What scenarios run on: the Verilog device in its bench, or the model device."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from pymodel import GuestMemory, MemoryFault, MemoryFaultKind, ModelDevice

from .errors import ScenarioError
from .rings import Store


class Traffic(NamedTuple):
    """Accesses of the device: beats on the bus, calls in the model."""

    reads: int
    writes: int


class Written(NamedTuple):
    """Consecutive bytes that the device wrote, and when."""

    addr: int
    length: int
    cycle: int

    def __str__(self) -> str:
        return f"{self.length} bytes at {self.addr:#x} in cycle {self.cycle}"


class Target(abc.ABC):
    """A device and its memory, brought back to reset by `restart`."""

    name = ""
    timed = True  # cycles mean something: races, the memory's behaviour

    @property
    @abc.abstractmethod
    def store(self) -> Store:
        """Guest memory, the driver's side."""

    @abc.abstractmethod
    async def restart(self) -> None:
        """Reset, with empty memory."""

    @abc.abstractmethod
    async def read(self, offset: int, size: int = 4) -> int:
        """Read `size` bytes of the registers."""

    @abc.abstractmethod
    async def write(
        self, offset: int, value: int, size: int = 4, strobes: int | None = None
    ) -> None:
        """Write `size` bytes of the registers."""

    @abc.abstractmethod
    async def wait_cycles(self, count: int) -> None:
        """Let the device work for some cycles."""

    @abc.abstractmethod
    async def wait_idle(self, within: int) -> bool:
        """Whether the engine became idle in time."""

    @abc.abstractmethod
    async def wait_irq(self, within: int) -> bool:
        """Whether the interrupt line went high in time."""

    @property
    @abc.abstractmethod
    def irq(self) -> int:
        """Level of the interrupt line."""

    @property
    @abc.abstractmethod
    def cycle(self) -> int:
        """Clock cycles so far."""

    @abc.abstractmethod
    def violations(self) -> list[Written]:
        """Writes of the device outside what the memory was told to allow."""

    @abc.abstractmethod
    def traffic(self, watch: int | None = None) -> Traffic:
        """Accesses since the restart: all, or of one watch class."""

    @abc.abstractmethod
    def configure(self, settings: Mapping[str, Any]) -> None:
        """Set the memory's behaviour."""

    @abc.abstractmethod
    def refuse(self, addr: int, length: int, answer: str, on: str, nth: int) -> None:
        """Answer accesses to a range with an error."""

    @abc.abstractmethod
    def accept_all(self) -> None:
        """Drop every `refuse`."""

    def race(
        self, kind: str, touching: tuple[int, int], addr: int, data: bytes, **how: Any
    ) -> None:
        """Write when the device's beat touches a range."""
        raise ScenarioError("this target has no clock to race against: leave it to the RTL")

    def race_at(self, delay: int, addr: int, data: bytes) -> None:
        """Write some cycles from now."""
        raise ScenarioError("this target has no clock to race against: leave it to the RTL")

    def catch_up(self) -> None:
        """Do the timed writes that are due."""
        return

    def track(self, verb: str, queue: int, number: int) -> None:
        """Show a step in the waves."""
        return


class _DeviceSide:
    """The model device's view of memory: checks, counts and refuses."""

    def __init__(self, memory: GuestMemory) -> None:
        self.memory = memory
        self.allowed: list[tuple[int, int]] = []
        self.watched: list[tuple[int, int, int]] = []
        self.refused: list[tuple[int, int, str, str]] = []
        self.violations: list[Written] = []
        self.reads: dict[int, int] = {}
        self.writes: dict[int, int] = {}

    def _note(self, addr: int, length: int, on: str, counts: dict[int, int]) -> None:
        for start, size, answer, which in self.refused:
            if which in ("any", on) and addr < start + size and start < addr + length:
                raise MemoryFault(addr, length, MemoryFaultKind(answer))
        counts[-1] = counts.get(-1, 0) + 1
        for start, size, watch in self.watched:
            if addr < start + size and start < addr + length:
                counts[watch] = counts.get(watch, 0) + 1

    def read(self, addr: int, length: int) -> bytes:
        """See `pymodel.Memory`."""
        self._note(addr, length, "read", self.reads)
        return self.memory.read(addr, length)

    def write(self, addr: int, data: bytes) -> None:
        """See `pymodel.Memory`."""
        self._note(addr, len(data), "write", self.writes)
        self.memory.write(addr, data)
        for at in range(addr, addr + len(data)):
            if not any(start <= at < start + size for start, size in self.allowed):
                self.violations.append(Written(at, addr + len(data) - at, 0))
                return


class _ModelStore:
    """Guest memory as the layout uses it, over the model's."""

    def __init__(self) -> None:
        self.memory = GuestMemory()
        self.device = _DeviceSide(self.memory)
        self.add_region = self.memory.add_region
        self.read = self.memory.read
        self.write = self.memory.write

    def allow(self, addr: int, length: int) -> None:
        """Let the device write a range."""
        self.device.allowed.append((addr, length))

    def disallow(self, addr: int, length: int) -> None:
        """Undo one `allow`."""
        self.device.allowed.remove((addr, length))

    def watch(self, addr: int, length: int, watch: int = 1) -> None:
        """Count the accesses to a range under a class."""
        self.device.watched.append((addr, length, watch))


class ModelTarget(Target):
    """The model device; it works whenever a step waits."""

    name = "model"
    timed = False

    def __init__(self, **device: Any) -> None:
        """`device`: parameters as `ModelDevice` takes them."""
        self._parameters = device
        self._start()

    def _start(self) -> None:
        self._store = _ModelStore()
        self.model = ModelDevice(self._store.device, **self._parameters)
        self._cycle = 0

    @property
    def store(self) -> Store:
        """See `Target`."""
        return self._store

    async def restart(self) -> None:
        """See `Target`."""
        self._start()

    async def read(self, offset: int, size: int = 4) -> int:
        """See `Target`."""
        word = self.model.read32(offset & ~3)
        return word >> 8 * (offset % 4) & ((1 << 8 * size) - 1)

    async def write(
        self, offset: int, value: int, size: int = 4, strobes: int | None = None
    ) -> None:
        """See `Target`."""
        lane = offset % 4
        mask = ((1 << size) - 1) << lane if strobes is None else strobes
        self.model.write32(offset - lane, value << 8 * lane & 0xFFFF_FFFF, mask)

    async def wait_cycles(self, count: int) -> None:
        """See `Target`."""
        self._cycle += count
        self.model.run()

    async def wait_idle(self, within: int) -> bool:
        """See `Target`."""
        self.model.run()
        # What was notified before DRIVER_OK waits for it; for the engine that is idle too.
        return True

    async def wait_irq(self, within: int) -> bool:
        """See `Target`."""
        self.model.run()
        return self.model.interrupt_line

    @property
    def irq(self) -> int:
        """See `Target`."""
        return int(self.model.interrupt_line)

    @property
    def cycle(self) -> int:
        """See `Target`."""
        return self._cycle

    def violations(self) -> list[Written]:
        """See `Target`."""
        return self._store.device.violations

    def traffic(self, watch: int | None = None) -> Traffic:
        """See `Target`."""
        side, key = self._store.device, -1 if watch is None else watch
        return Traffic(side.reads.get(key, 0), side.writes.get(key, 0))

    def configure(self, settings: Mapping[str, Any]) -> None:
        """See `Target`; time is no matter here."""

    def refuse(self, addr: int, length: int, answer: str, on: str, nth: int) -> None:
        """See `Target`."""
        self._store.device.refused.append((addr, length, answer, on))

    def accept_all(self) -> None:
        """See `Target`."""
        self._store.device.refused.clear()


class RtlTarget(Target):
    """The Verilog device, in a started simulation."""

    name = "rtl"

    def __init__(self, bench: Any) -> None:
        """`bench`: a `tb.bench.Bench`."""
        from tb import native_memory  # only there inside a simulator

        self.bench = bench
        self._native = native_memory
        self.failed_access = False

    @property
    def store(self) -> Store:
        """See `Target`."""
        memory: Store = self.bench.memory
        return memory

    async def restart(self) -> None:
        """See `Target`."""
        from tb.registers import Registers

        dut, bench = self.bench.dut, self.bench
        dut.rst.value = 1
        if self.failed_access:  # a master that still waits would never let go of its pins
            for pin in ("awvalid", "wvalid", "arvalid", "bready", "rready"):
                getattr(dut, f"s_axil_{pin}").value = 0
            bench.registers = Registers(dut, dut.clk)
            self.failed_access = False
        await bench.wait_cycles(2)
        bench.memory.clear()
        bench.memory.check_writes()
        await bench.start()

    async def read(self, offset: int, size: int = 4) -> int:
        """See `Target`."""
        return int(await self.bench.registers.read(offset, size))

    async def write(
        self, offset: int, value: int, size: int = 4, strobes: int | None = None
    ) -> None:
        """See `Target`."""
        await self.bench.registers.write(offset, value, size, strobes)

    async def wait_cycles(self, count: int) -> None:
        """See `Target`."""
        await self.bench.wait_cycles(count)

    async def wait_idle(self, within: int) -> bool:
        """See `Target`."""
        return bool(await self.bench.wait_level(self.bench.dut.idle, 1, within))

    async def wait_irq(self, within: int) -> bool:
        """See `Target`."""
        return bool(await self.bench.wait_level(self.bench.dut.irq, 1, within))

    @property
    def irq(self) -> int:
        """See `Target`."""
        return int(self.bench.dut.irq.value)

    @property
    def cycle(self) -> int:
        """See `Target`."""
        return int(self.bench.cycle)

    def violations(self) -> list[Written]:
        """See `Target`."""
        return [Written(v.addr, v.length, v.cycle) for v in self.bench.memory.violations()]

    def traffic(self, watch: int | None = None) -> Traffic:
        """See `Target`."""
        if watch is None:
            counters = self.bench.memory.counters()
            return Traffic(
                counters.bursts_read + counters.beats_read,
                counters.bursts_written + counters.beats_written,
            )
        counts = self.bench.memory.class_counters(watch)
        return Traffic(counts.read_beats, counts.write_beats)

    def configure(self, settings: Mapping[str, Any]) -> None:
        """See `Target`."""
        memory = self.bench.memory
        changes = dict(settings)
        span = changes.pop("latency", None)
        if span is not None:
            changes = {"read_latency": span, "write_latency": span, **changes}
        if "reorder" in changes:
            changes["reorder"] = self._native.Reorder[changes["reorder"].upper()]
        memory.configure(replace(memory.settings, **changes))

    def refuse(self, addr: int, length: int, answer: str, on: str, nth: int) -> None:
        """See `Target`."""
        kinds = self._native.Kind[on.upper()]
        self.bench.memory.refuse(addr, length, self._native.Response[answer], kinds, nth)

    def accept_all(self) -> None:
        """See `Target`."""
        self.bench.memory.accept_all()
        self.bench.memory.clear_races()

    def race(
        self, kind: str, touching: tuple[int, int], addr: int, data: bytes, **how: Any
    ) -> None:
        """See `Target`."""
        self.bench.memory.race_beat(self._native.Kind[kind.upper()], touching, addr, data, **how)

    def race_at(self, delay: int, addr: int, data: bytes) -> None:
        """See `Target`."""
        self.bench.memory.race_at(self.bench.cycle + delay, addr, data)

    def catch_up(self) -> None:
        """See `Target`."""
        self.bench.memory.catch_up(self.bench.cycle)

    def track(self, verb: str, queue: int, number: int) -> None:
        """See `Target`."""
        self.bench.track(verb, queue, number)


def model_parameters(device: Mapping[str, int]) -> dict[str, int]:
    """Return what `ModelDevice` takes for a scenario's device."""
    return dict(device)
