# SPDX-License-Identifier: Apache-2.0
"""The same driver code over the Verilog's socket port and over the model's.

The driver's operations are plain calls that access registers, which takes simulated time: they run
in a thread of their own, one at a time, and the simulation waits for them (cocotb's bridge).
"""

from __future__ import annotations

import abc
from collections.abc import Awaitable, Sequence
from typing import Any, Callable, NamedTuple, Optional, TypeVar

from cocotb.task import bridge, resume

from pymodel import (
    GuestMemory,
    PortInfo,
    SocketDevice,
    SocketVirtqueue,
    UsedBuffer,
    open_port,
    run_async,
    run_sync,
    take_interrupt,
)
from pymodel.features import Interrupt
from pymodel.socket_registers import WINDOW_BASE, WINDOW_BYTES, Window
from tb.socket.bench import SocketBench

T = TypeVar("T")
BASE, MEMORY = 0x8000_0000, 1 << 20
MAX_ROUNDS = 10_000  # interrupts served in one settling


class Access(NamedTuple):
    """A register access of the driver."""

    kind: str
    offset: int
    value: int


class SocketWorld(abc.ABC):
    """One side: memory of the driver's own, queues, and what happened.

    Attributes:
        memory: where the buffers are.
        queues: the driver's sides.
        log: the driver's register accesses.
        interrupts: causes served, in order.
        taken: what callbacks collected, with its queue.
        calls: queue and result of each callback that ran.
    """

    def __init__(self, callback: Optional[Callable[[Any, int], bool]] = None) -> None:
        """`callback(world, queue)` is every queue's; it collects by `take`."""
        self.memory = GuestMemory((BASE, MEMORY))
        self.callback = callback
        self.queues: list[SocketVirtqueue] = []
        self.log: list[Access] = []
        self.interrupts: list[Interrupt] = []
        self.taken: list[tuple[int, UsedBuffer]] = []
        self.calls: list[tuple[int, bool]] = []

    def make_queues(self, info: PortInfo, sizes: Sequence[int]) -> None:
        """Begin the life of each queue."""
        self.queues = [
            SocketVirtqueue(
                self.memory,
                self,
                info,
                index,
                size=size,
                callback=self._callback(index) if self.callback else None,
            )
            for index, size in enumerate(sizes)
        ]

    def _callback(self, index: int) -> Callable[[Any], bool]:
        def callback(queue: Any) -> bool:
            assert self.callback is not None
            result = self.callback(self, index)
            self.calls.append((index, result))
            return result

        return callback

    def take(self, index: int) -> Optional[UsedBuffer]:
        """Collect one buffer in a callback."""
        used = self.queues[index].get_buf()
        if used is not None:
            self.taken.append((index, used))
        return used

    def attend(self, causes: Interrupt) -> None:
        """Do the driver's part of an interrupt."""
        self.interrupts.append(causes)
        if causes & Interrupt.USED_BUFFER:
            for queue in self.queues:
                queue.interrupt()

    # ---- register accesses of the driver

    def read32(self, offset: int) -> int:
        """Return a register."""
        value = self._read(offset)
        self.log.append(Access("r", offset, value))
        return value

    def write32(self, offset: int, value: int) -> None:
        """Write a register."""
        self.log.append(Access("w", offset, value))
        self._write(offset, value)

    @abc.abstractmethod
    def _read(self, offset: int) -> int:
        """Read a register of this world's port."""

    @abc.abstractmethod
    def _write(self, offset: int, value: int) -> None:
        """Write a register of this world's port."""


def is_control(offset: int) -> bool:
    """Whether a register is a queue's Control."""
    return offset >= WINDOW_BASE and offset % WINDOW_BYTES == Window.CONTROL


class RtlSocketWorld(SocketWorld):
    """The device is Verilog.

    Args:
        bench: the started bench.
        callback: see `SocketWorld`.
        in_step: before a read, or a write of Control, the port becomes idle: as if it were
            infinitely fast.
        pause: clocks to wait before each access, if any.
    """

    def __init__(
        self,
        bench: SocketBench,
        callback: Optional[Callable[[Any, int], bool]] = None,
        in_step: bool = True,
        pause: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__(callback)
        self.bench, self.in_step, self.pause = bench, in_step, pause
        self._slow_read, self._slow_write = resume(self._await_read), resume(self._await_write)

    async def start(self, sizes: Sequence[int]) -> None:
        """Reset the device and begin the life of each queue."""
        info = await run_async(open_port(), self.bench.read32, self.bench.write32)
        assert info == self.bench.built
        await self.call(self.make_queues, info, sizes)

    async def call(self, operation: Callable[..., T], *arguments: Any) -> T:
        """Run the driver's code."""
        wait: Awaitable[T] = bridge(operation)(*arguments)
        return await wait

    def _read(self, offset: int) -> int:
        return self._slow_read(offset)

    def _write(self, offset: int, value: int) -> None:
        self._slow_write(offset, value)

    async def _await_read(self, offset: int) -> int:
        await self._before(True)
        return await self.bench.read32(offset)

    async def _await_write(self, offset: int, value: int) -> None:
        await self._before(is_control(offset))
        await self.bench.write32(offset, value)

    async def _before(self, matters: bool) -> None:
        if self.in_step:
            if matters:
                await self.bench.wait_idle()
        elif pause := self.pause():
            await self.bench.clocks(pause)

    async def serve(self) -> bool:
        """Serve the interrupt if it is raised; whether it was."""
        if not self.bench.irq():
            return False
        causes = await run_async(take_interrupt(), self.bench.read32, self.bench.write32)
        await self.call(self.attend, causes)
        return True

    async def settle(self) -> None:
        """Return when the port is idle and no interrupt waits."""
        for _ in range(MAX_ROUNDS):
            await self.bench.wait_idle()
            if not await self.serve():
                return
        raise AssertionError("the driver and the port keep each other busy without end")

    async def register(self, offset: int) -> int:
        """Return a register that the driver does not ask for."""
        return await self.bench.read32(offset)


class ModelSocketWorld(SocketWorld):
    """The device is the model, infinitely fast."""

    def __init__(
        self,
        info: PortInfo,
        callback: Optional[Callable[[Any, int], bool]] = None,
    ) -> None:
        super().__init__(callback)
        self.device = SocketDevice(**info._asdict())

    def start(self, sizes: Sequence[int]) -> None:
        """Reset the device and begin the life of each queue."""
        info = run_sync(open_port(), self.device.read32, self.device.write32)
        self.make_queues(info, sizes)

    def _read(self, offset: int) -> int:
        self.device.run()
        return self.device.read32(offset)

    def _write(self, offset: int, value: int) -> None:
        if is_control(offset):
            self.device.run()
        self.device.write32(offset, value)

    def settle(self) -> None:
        """Return when the device is idle and no interrupt waits."""
        for _ in range(MAX_ROUNDS):
            self.device.run()
            if not self.device.interrupt_line:
                return
            self.attend(run_sync(take_interrupt(), self.device.read32, self.device.write32))
        raise AssertionError("the driver and the model keep each other busy without end")


Segments = Sequence[tuple[int, int]]
