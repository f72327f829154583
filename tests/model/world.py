# SPDX-License-Identifier: Apache-2.0
"""A driver and a model device around one guest memory, for the tests here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pymodel import (
    OFFER,
    Allocator,
    Descriptor,
    Feature,
    GuestMemory,
    Interrupt,
    ModelDevice,
    Reg,
    RingState,
    SplitDevice,
    SplitLayout,
    SplitVirtqueue,
    VirtioDevice,
    initialise,
    run_sync,
    start_queue,
    take_interrupt,
)

RINGS = 0x1_0000
TABLES = 0x20_0000
BUFFERS = 1 << 40
RING_BYTES = 0x10_0000
TABLE_POOL = 0x10_0000
BUFFER_BYTES = 0x10_0000
U16 = "little"


class Watched:
    """Memory as the device sees it; `writes` are the (address, bytes) that it stored."""

    def __init__(self, memory: GuestMemory) -> None:
        self._memory = memory
        self.writes: list[tuple[int, int]] = []

    def read(self, addr: int, length: int) -> bytes:
        return self._memory.read(addr, length)

    def write(self, addr: int, data: bytes) -> None:
        self._memory.write(addr, data)
        self.writes.append((addr, len(data)))

    def outside(self, allowed: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """The writes not inside one of the allowed (address, bytes), then forget them."""
        found = [
            (addr, length)
            for addr, length in self.writes
            if not any(base <= addr and addr + length <= base + n for base, n in allowed)
        ]
        self.writes.clear()
        return found


class World:
    """Guest memory, model device and one virtqueue, set up through the registers.

    `notified` counts notifications; `serve` lets the device work and delivers its interrupt.
    """

    def __init__(
        self,
        size: int = 8,
        event_idx: bool = False,
        indirect: str = "never",
        callback: Callable[[Any], bool] | None = None,
        start_index: int = 0,
        on_step: Callable[[str], None] | None = None,
        order: Sequence[int] | None = None,
        **device_args: Any,
    ) -> None:
        self.memory = GuestMemory(
            (RINGS, RING_BYTES), (TABLES, TABLE_POOL), (BUFFERS, BUFFER_BYTES)
        )
        self.watched = Watched(self.memory)
        self.device = ModelDevice(
            self.watched, queue_size_max=32768, start_index=start_index, **device_args
        )
        self.notified = 0
        self.interrupts = 0
        wanted = Feature(0)
        if event_idx:
            wanted |= Feature.EVENT_IDX
        if indirect != "never":
            wanted |= Feature.INDIRECT_DESC
        self.tables = Allocator(TABLES, TABLE_POOL)
        self.queue: SplitVirtqueue

        def prepare(found: VirtioDevice) -> None:
            assert found.queues[0] is not None
            self.queue = SplitVirtqueue(
                self.memory,
                found.queues[0],
                self._notify,
                event_idx=found.event_idx,
                indirect=indirect,
                tables=self.tables if found.indirect else None,
                callback=callback,
                start_index=start_index,
                on_step=on_step,
                order=order,
            )

        self.found = run_sync(
            initialise(Allocator(RINGS, RING_BYTES), [size], wanted=wanted, prepare=prepare),
            self.device.read32,
            self.device.write32,
        )

    @property
    def layout(self) -> SplitLayout:
        return self.queue.layout

    @property
    def ring(self) -> SplitDevice:
        ring = self.device.ring(0)
        assert ring is not None
        return ring

    def state(self) -> RingState:
        return RingState.capture(self.memory, self.layout, tables=True)

    def _notify(self, index: int) -> None:
        self.notified += 1
        self.device.write32(Reg.QUEUE_NOTIFY, index)

    def serve(self) -> Interrupt:
        """Let the device work until idle; pass its interrupt on."""
        self.device.run()
        return self.interrupt()

    def interrupt(self) -> Interrupt:
        causes = Interrupt(0)
        if self.device.interrupt_line:
            causes = run_sync(take_interrupt(), self.device.read32, self.device.write32)
            if causes & Interrupt.USED_BUFFER:
                self.interrupts += 1
                self.queue.interrupt()
        return causes

    def drain(self) -> list[tuple[Any, int]]:
        found = []
        while (used := self.queue.get_buf()) is not None:
            found.append((used.data, used.length))
        return found


class RawQueue:
    """A queue made ready on a model device, its ring written by hand as a hostile driver does."""

    def __init__(
        self,
        size: int = 8,
        features: Feature = OFFER,
        **device_args: Any,
    ) -> None:
        self.memory = GuestMemory(
            (RINGS, RING_BYTES), (TABLES, TABLE_POOL), (BUFFERS, BUFFER_BYTES)
        )
        self.layout = SplitLayout.contiguous(size, RINGS)
        self.watched = Watched(self.memory)
        self.device = ModelDevice(self.watched, queue_size_max=32768, **device_args)
        self.write(Reg.STATUS, 3)
        for word in (0, 1):
            self.write(Reg.DRIVER_FEATURES_SEL, word)
            self.write(Reg.DRIVER_FEATURES, int(features) >> 32 * word & 0xFFFFFFFF)
        self.write(Reg.STATUS, 11)
        run_sync(start_queue(0, self.layout), self.device.read32, self.device.write32)
        self.write(Reg.STATUS, 15)
        self.avail = 0

    def write(self, reg: int, value: int) -> None:
        self.device.write32(reg, value)

    def descriptor(self, index: int, addr: int, length: int, flags: int = 0, link: int = 0) -> None:
        self.memory.write(
            self.layout.descriptor(index), Descriptor(addr, length, flags, link).pack()
        )

    def table(self, addr: int, *entries: tuple[int, int, int, int]) -> None:
        self.memory.write(addr, b"".join(Descriptor(*entry).pack() for entry in entries))

    def offer(self, *heads: int) -> None:
        for head in heads:
            self.memory.write(self.layout.avail_entry(self.avail), head.to_bytes(2, U16))
            self.avail = (self.avail + 1) % 65536
        self.memory.write(self.layout.avail_idx, self.avail.to_bytes(2, U16))

    def serve(self) -> tuple[int, int]:
        """Notify, run, and return the queue's fault code and the fault's descriptor."""
        self.write(Reg.QUEUE_NOTIFY, 0)
        self.device.run()
        self.write(Reg.QUEUE_SEL, 0)
        return self.device.read32(Reg.QUEUE_FAULT), self.device.read32(Reg.FAULT_DESCRIPTOR)

    def state(self) -> RingState:
        return RingState.capture(self.memory, self.layout)
