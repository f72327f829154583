# SPDX-License-Identifier: Apache-2.0
"""The two worlds of the comparison: the same driver code over the RTL and over the model device.

A world has its memory, its allocators and its queues. Operations are called at once; what they
ask of the device (notifications) is kept until `settle` hands it over, serves the interrupts that
follow, and returns when the device has nothing left to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional, Protocol

from pymodel import (
    Allocator,
    Feature,
    GuestMemory,
    Interrupt,
    Memory,
    ModelDevice,
    SplitVirtqueue,
    VirtioDevice,
    Virtqueue,
    initialise,
    run_async,
    run_sync,
    take_interrupt,
)
from pymodel.transport import Steps, notify
from tb.bench import Bench

MAX_ROUNDS = 10_000  # interrupts served in one settling
Callback = Callable[[Virtqueue], bool]


@dataclass(frozen=True)
class Setup:
    """What both worlds start from.

    Attributes:
        sizes: of the queues, in descriptors; None leaves one out.
        features: what the driver wants.
        indirect: the driver's policy for chains of several segments, as SplitVirtqueue takes it.
        base: byte address of the memory region.
        memory: its bytes; a multiple of 64.
        tables: bytes for each queue's indirect tables.
        pattern: the test device fills and checks patterns rather than loop back.
        callback: makes each queue's callback in a world; None means none, so no interrupts.
        start_index: of every ring (a test hook of the driver only when 0 is not meant).
    """

    sizes: Sequence[Optional[int]] = (8,)
    features: Feature = Feature.INDIRECT_DESC | Feature.EVENT_IDX
    indirect: str = "multi"
    base: int = 0x8000_0000
    memory: int = 1 << 20
    tables: int = 1 << 16
    pattern: bool = False
    callback: Optional[Callable[[str, int], Callback]] = None


class World:
    """One side: memory, queues, and the requests that wait for the device."""

    name = ""

    def __init__(self, setup: Setup, memory: Memory) -> None:
        """Share out the memory: rings and buffers from one allocator, tables from their own."""
        self.setup = setup
        self.memory = memory
        self.allocator = Allocator(setup.base, setup.memory)
        self.queues: list[Optional[SplitVirtqueue]] = []
        self.interrupts: list[Interrupt] = []  # causes served, in order
        self.notified: list[int] = []  # notifications not yet handed over
        self.device: Optional[VirtioDevice] = None

    def sequence(self) -> Steps[VirtioDevice]:
        """Return the register accesses that bring the device up."""
        return initialise(
            self.allocator, self.setup.sizes, wanted=self.setup.features, prepare=self.make_queues
        )

    def make_queues(self, device: VirtioDevice) -> None:
        """Build the driver's side of each queue."""
        self.device = device
        for index, layout in enumerate(device.queues):
            if layout is None:
                self.queues.append(None)
                continue
            tables = None
            if device.indirect:
                area = self.allocator.allocate(self.setup.tables, 16)
                tables = Allocator(area, self.setup.tables)
            make = self.setup.callback
            self.queues.append(
                SplitVirtqueue(
                    self.memory,
                    layout,
                    self.notified.append,
                    index,
                    event_idx=device.event_idx,
                    indirect=self.setup.indirect if tables else "never",
                    tables=tables,
                    callback=make(self.name, index) if make else None,
                )
            )

    def queue(self, index: int) -> SplitVirtqueue:
        """Return a queue that was set up."""
        queue = self.queues[index]
        if queue is None:
            raise ValueError(f"queue {index} was not set up")
        return queue

    def interrupt(self, causes: Interrupt) -> None:
        """Do the driver's part of an interrupt (MMIO-DRV-31)."""
        self.interrupts.append(causes)
        if causes & Interrupt.USED_BUFFER:
            for queue in self.queues:
                if queue is not None:
                    queue.interrupt()


class RtlWorld(World):
    """The driver's code over the simulator's memory; the device is Verilog."""

    name = "rtl"

    def __init__(self, setup: Setup, bench: Bench, deadline: int = 200_000) -> None:
        """`deadline`: cycles in which the engine must become idle."""
        super().__init__(setup, bench.memory)
        self.bench = bench
        self.deadline = deadline

    async def run(self, steps: Steps[Any]) -> Any:
        """Run a sequence of register accesses."""
        return await run_async(steps, self.bench.read32, self.bench.write32)

    async def start(self) -> None:
        """Reset the bench's memory map and bring the device up."""
        self.bench.memory.add_region(self.setup.base, self.setup.memory)
        await self.run(self.sequence())
        if self.setup.pattern:
            await self.bench.write32(0x100, 1)

    async def hand_over(self) -> None:
        """Write the notifications that wait to the register."""
        while self.notified:
            await self.run(notify(self.notified.pop(0)))

    async def serve(self) -> bool:
        """Serve the interrupt if it is raised; whether it was."""
        if not int(self.bench.dut.irq.value):
            return False
        self.interrupt(await self.run(take_interrupt()))
        return True

    async def settle(self) -> None:
        """Return when the engine is idle and no interrupt or notification waits."""
        for _ in range(MAX_ROUNDS):
            await self.hand_over()
            await self.bench.wait_idle(self.deadline)
            if not await self.serve() and not self.notified:
                return
        raise AssertionError("the driver and the engine keep each other busy without end")


class ModelWorld(World):
    """The driver's code over the model's memory; the device is the model."""

    name = "model"

    def __init__(self, setup: Setup, **device: Any) -> None:
        """`device`: parameters of the model device, the same as the RTL's."""
        memory = GuestMemory((setup.base, setup.memory))
        super().__init__(setup, memory)
        self.model = ModelDevice(memory, **device)

    def run(self, steps: Steps[Any]) -> Any:
        """Run a sequence of register accesses."""
        return run_sync(steps, self.model.read32, self.model.write32)

    def start(self) -> None:
        """Bring the device up."""
        self.run(self.sequence())
        if self.setup.pattern:
            self.model.write32(0x100, 1)

    def settle(self) -> None:
        """Return when the device is idle and no interrupt or notification waits."""
        for _ in range(MAX_ROUNDS):
            while self.notified:
                self.run(notify(self.notified.pop(0)))
            self.model.run()
            if self.model.interrupt_line:
                self.interrupt(self.run(take_interrupt()))
            elif not self.notified:
                return
        raise AssertionError("the driver and the model keep each other busy without end")
