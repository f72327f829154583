# SPDX-License-Identifier: Apache-2.0
"""The two worlds of the comparison: the same driver code over the RTL and over the model device.

A world has its memory, its allocators and its queues. Operations are called at once; what they
ask of the device (notifications) is kept until `settle` hands it over, serves the interrupts that
follow, and returns when the device has nothing left to do.
"""

from __future__ import annotations

import abc
import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Callable, NamedTuple, Optional

from pymodel import (
    Allocator,
    Feature,
    Interrupt,
    Memory,
    MemoryFault,
    MemoryFaultKind,
    ModelDevice,
    PackedVirtqueue,
    Position,
    SplitVirtqueue,
    UsedBuffer,
    VirtioDevice,
    Virtqueue,
    initialise,
    reset_queue,
    run_async,
    run_sync,
    start_queue,
    take_interrupt,
)
from pymodel.layout import QueueLayout
from pymodel.packed_layout import FIRST
from pymodel.ring_driver import RingVirtqueue
from pymodel.steps import Steps
from pymodel.transport import notify
from tb.bench import Bench

MAX_ROUNDS = 10_000  # interrupts served in one settling
LINE = 64  # bytes, of the widest bus
SURE_CYCLES = 3  # from a register write's answer until the engine must show that it works
Callback = Callable[[Virtqueue], bool]


class CallbackRun(NamedTuple):
    """One callback that ran: its queue, the tokens that it collected, what it returned."""

    queue: int
    tokens: tuple[Hashable, ...]
    result: bool


@dataclass(frozen=True)
class Setup:
    """What both worlds start from.

    Attributes:
        sizes: of the queues, in descriptors; None leaves one out.
        features: what the driver wants; RING=packed and IN_ORDER=1 in the environment add those.
        indirect: the driver's policy for chains of several segments, as SplitVirtqueue takes it.
        base: byte address of the memory region.
        memory: its bytes; a multiple of 64.
        tables: bytes for each queue's indirect tables.
        pattern: the test device fills and checks patterns rather than loop back.
        callback: what every queue's callback does: called with the world and the queue number,
            it collects by `World.take` and returns as a callback does. None means no callback, so
            no interrupts. It must do the same in both worlds.
        start_index: chains of one descriptor that every queue has served in an earlier life, of
            which nothing but the indices tells; QueueStart says so to the device.
        order: given a queue's size, the order in which its descriptors are taken and taken again,
            as SplitVirtqueue takes it.
        table_lines: each indirect table has 64-byte lines of its own, as a kernel's allocator
            gives it; otherwise tables lie end to end.
    """

    sizes: Sequence[Optional[int]] = (8,)
    features: Feature = Feature.INDIRECT_DESC | Feature.EVENT_IDX
    indirect: str = "multi"
    base: int = 0x8000_0000
    memory: int = 1 << 20
    tables: int = 1 << 16
    pattern: bool = False
    callback: Optional[Callable[[World, int], bool]] = None
    start_index: int = 0
    order: Optional[Callable[[int], Sequence[int]]] = None
    table_lines: bool = False

    def __post_init__(self) -> None:
        if os.environ.get("RING") == "packed":
            object.__setattr__(self, "features", self.features | Feature.RING_PACKED)
        if os.environ.get("IN_ORDER") == "1":
            object.__setattr__(self, "features", self.features | Feature.IN_ORDER)


class LineAllocator(Allocator):
    """Hands out whole lines of the widest bus."""

    def allocate(self, length: int, align: int = 16) -> int:
        """See `Allocator`."""
        return super().allocate(_lines(length), max(align, LINE))

    def reserve(self, addr: int, length: int) -> None:
        """See `Allocator`."""
        super().reserve(addr, _lines(length))


def _lines(length: int) -> int:
    return -(-length // LINE) * LINE


class FlatMemory:
    """The model world's memory: one region, which a comparison may look at as a whole.

    Attributes:
        view: its bytes.
        written: while not None, every (address, length) that is written is noted there.
    """

    def __init__(self, base: int, length: int) -> None:
        self.base, self.length = base, length
        self.view = memoryview(bytearray(length))
        self.written: Optional[list[tuple[int, int]]] = None

    def _place(self, addr: int, length: int) -> int:
        at = addr - self.base
        if at < 0 or at + length > self.length:
            raise MemoryFault(addr, length, MemoryFaultKind.DECERR)
        return at

    def read(self, addr: int, length: int) -> bytes:
        """Return `length` bytes from byte address `addr`."""
        at = self._place(addr, length)
        return self.view[at : at + length].tobytes()

    def write(self, addr: int, data: bytes) -> None:
        """Store `data` from byte address `addr` on."""
        at = self._place(addr, len(data))
        self.view[at : at + len(data)] = data
        if self.written is not None:
            self.written.append((addr, len(data)))


def areas(layout: QueueLayout) -> tuple[tuple[int, int], ...]:
    """Return (address, bytes) of a queue's descriptor, driver and device areas."""
    return tuple(zip(layout.areas, layout.lengths))


def given_to_device(layout: QueueLayout) -> tuple[tuple[int, int], ...]:
    """Return (address, bytes) of what the device may write of a queue's areas."""
    own = areas(layout)[2]
    return (areas(layout)[0], own) if layout.packed else (own,)


def first_index(setup: Setup, layout: QueueLayout) -> Optional[int]:
    """Return the first ring index of a set-up's queues as a word; None is that of a new queue."""
    start = setup.start_index
    if not setup.features & Feature.RING_PACKED:
        return start
    if not start:
        return None
    return Position(start % layout.size, FIRST.wrap ^ (start // layout.size & 1)).word


class World(abc.ABC):
    """One side: memory, queues, and the requests that wait for the device."""

    name = ""

    def __init__(self, setup: Setup, memory: Memory) -> None:
        """Share out the memory: rings and buffers from one allocator, tables from their own."""
        self.setup = setup
        self.memory = memory
        self.allocator = Allocator(setup.base, setup.memory)
        self.queues: list[Optional[RingVirtqueue]] = []
        self.interrupts: list[Interrupt] = []  # causes served, in order
        self.notified: list[int] = []  # notifications not yet handed over
        self.mute = False  # none are handed over
        self.notifications = 0  # handed over
        self.calls: list[CallbackRun] = []  # callbacks that ran
        self.taken: list[tuple[int, UsedBuffer]] = []  # what they collected, with its queue
        self.device: Optional[VirtioDevice] = None

    def sequence(self) -> Steps[VirtioDevice]:
        """Return the register accesses that bring the device up."""
        return initialise(
            self.allocator,
            self.setup.sizes,
            wanted=self.setup.features,
            prepare=self.make_queues,
            start=self._start,
        )

    def _start(self, layout: QueueLayout) -> Optional[tuple[int, int]]:
        """Return where a queue goes on."""
        index = first_index(self.setup, layout) if self.setup.start_index else None
        return None if index is None else (index, index)

    def make_queues(self, device: VirtioDevice) -> None:
        """Build the driver's side of each queue."""
        self.device = device
        self.queues.clear()
        for index, layout in enumerate(device.layouts):
            if layout is None:
                self.queues.append(None)
                continue
            tables = None
            if device.indirect:
                align = LINE if self.setup.table_lines else 16
                area = self.allocator.allocate(self.setup.tables, align)
                kind = LineAllocator if self.setup.table_lines else Allocator
                tables = kind(area, self.setup.tables)
            start = first_index(self.setup, layout)
            self.queues.append(self._make_queue(index, layout, tables, start))

    def _make_queue(
        self,
        index: int,
        layout: QueueLayout,
        tables: Optional[Allocator],
        start_index: Optional[int] = None,
    ) -> RingVirtqueue:
        assert self.device is not None
        arguments: dict[str, Any] = {}
        if self.device.features & Feature.RING_RESET:
            arguments = {"reset": self._reset_queue, "enable": self._enable_queue}
        if self.setup.order and not layout.packed:
            arguments["order"] = self.setup.order(layout.size)
        kind: type[RingVirtqueue] = PackedVirtqueue if layout.packed else SplitVirtqueue
        return kind(
            self.memory,
            layout,
            self.notified.append,
            index,
            event_idx=self.device.event_idx,
            indirect=self.setup.indirect if tables else "never",
            tables=tables,
            callback=self.make_callback(index) if self.setup.callback else None,
            start_index=start_index,
            in_order=self.device.in_order,
            notification_data=self.device.notification_data,
            **arguments,
        )

    def step_of_detach(self, step: str, index: int) -> Steps[None]:
        """Return the register accesses of a step of `RingVirtqueue.detach_steps`."""
        if step == "reset":
            return reset_queue(index)
        return start_queue(index, self.queue(index).layout)

    @abc.abstractmethod
    def _reset_queue(self, index: int) -> None:
        """Reset a queue, in the midst of `detach_buf`."""

    @abc.abstractmethod
    def _enable_queue(self, index: int) -> None:
        """Make a queue ready again, in the midst of `detach_buf`."""

    def renew(self, index: int) -> None:
        """Shut a queue's driver down and make a new one for the same ring."""
        vq = self.queue(index)
        vq.shutdown()
        self.queues[index] = self._make_queue(index, vq.layout, vq.tables)

    def make_callback(self, index: int) -> Callback:
        """Return a queue's callback, which notes what it does."""

        def callback(vq: Virtqueue) -> bool:
            assert self.setup.callback is not None
            before = len(self.taken)
            result = self.setup.callback(self, index)
            tokens = tuple(used.data for _, used in self.taken[before:])
            self.calls.append(CallbackRun(index, tokens, result))
            return result

        return callback

    def take(self, index: int) -> Optional[UsedBuffer]:
        """Collect one buffer in a callback."""
        used = self.queue(index).get_buf()
        if used is not None:
            self.taken.append((index, used))
        return used

    def queue(self, index: int) -> RingVirtqueue:
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

    async def start(self, again: bool = False) -> None:
        """Bring the device up over a region of zeroed memory.

        `again`: the region is there from an earlier start.
        """
        if again:
            view = self.bench.memory.view(self.setup.base, self.setup.memory)
            view[:] = bytes(self.setup.memory)
        else:
            self.bench.memory.add_region(self.setup.base, self.setup.memory)
        await self.bring_up()

    async def bring_up(self) -> None:
        """Initialise the device, from reset on."""
        await self.run(self.sequence())
        if self.setup.pattern:
            await self.bench.write32(0x100, 1)

    def _reset_queue(self, index: int) -> None:
        raise RuntimeError("a queue's reset takes simulated time: detach by `RtlWorld.detach`")

    _enable_queue = _reset_queue

    async def detach(self, index: int, token: Hashable) -> None:
        """`detach_buf`, with the register accesses that it needs."""
        for step in self.queue(index).detach_steps(token):
            await self.run(self.step_of_detach(step, index))

    async def hand_over(self) -> None:
        """Write the notifications that wait to the register."""
        while self.notified and not self.mute:
            self.notifications += 1
            await self.run(notify(self.notified.pop(0)))

    async def serve(self) -> bool:
        """Serve the interrupt if it is raised; whether it was."""
        if not int(self.bench.irq.value):
            return False
        self.interrupt(await self.run(take_interrupt()))
        return True

    async def settle(self) -> None:
        """Return when the engine is idle and no interrupt or notification waits."""
        for _ in range(MAX_ROUNDS):
            await self.hand_over()
            await self.wait_quiet()
            if not await self.serve() and (self.mute or not self.notified):
                return
        raise AssertionError("the driver and the engine keep each other busy without end")

    async def wait_quiet(self) -> None:
        """Return when the engine is idle and was for a while."""
        end = self.bench.cycle + self.deadline
        while True:
            await self.bench.wait_idle(max(1, end - self.bench.cycle))
            await self.bench.wait_cycles(SURE_CYCLES)
            if int(self.bench.idle.value):
                return


class FlatWorld(World):
    """A world over the model's memory, which can be looked at as a whole."""

    name = "model"

    def __init__(self, setup: Setup) -> None:
        self.flat = FlatMemory(setup.base, setup.memory)
        super().__init__(setup, self.flat)


class ModelWorld(FlatWorld):
    """The driver's code over the model's memory; the device is the model."""

    def __init__(self, setup: Setup, **device: Any) -> None:
        """`device`: parameters of the model device, the same as the RTL's."""
        super().__init__(setup)
        self.model = ModelDevice(self.flat, **device)

    def run(self, steps: Steps[Any]) -> Any:
        """Run a sequence of register accesses."""
        return run_sync(steps, self.model.read32, self.model.write32)

    def _reset_queue(self, index: int) -> None:
        self.run(self.step_of_detach("reset", index))

    def _enable_queue(self, index: int) -> None:
        self.run(self.step_of_detach("enable", index))

    def start(self) -> None:
        """Bring the device up."""
        self.run(self.sequence())
        if self.setup.pattern:
            self.model.write32(0x100, 1)

    def settle(self) -> None:
        """Return when the device is idle and no interrupt or notification waits."""
        for _ in range(MAX_ROUNDS):
            while self.notified and not self.mute:
                self.notifications += 1
                self.run(notify(self.notified.pop(0)))
            self.model.run()
            if self.model.interrupt_line:
                self.interrupt(self.run(take_interrupt()))
            elif self.mute or not self.notified:
                return
        raise AssertionError("the driver and the model keep each other busy without end")
