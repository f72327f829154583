# SPDX-License-Identifier: Apache-2.0
"""A driver and a model device around one guest memory, for the tests here."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from pymodel import (
    MODEL_OFFER,
    OFFER,
    Allocator,
    Descriptor,
    DeviceRing,
    Feature,
    GuestMemory,
    Interrupt,
    ModelDevice,
    PackedDescriptor,
    PackedLayout,
    PackedVirtqueue,
    Reg,
    RingState,
    RingVirtqueue,
    SocketDevice,
    SocketVirtqueue,
    SplitLayout,
    SplitVirtqueue,
    VirtioDevice,
    initialise,
    open_port,
    reset_queue,
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
PACKED = OFFER | Feature.RING_PACKED
SPLIT = OFFER & ~Feature.RING_PACKED


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

    `packed` chooses the ring's format. `notified` counts notifications; `serve` lets the device
    work and delivers its interrupt.
    """

    def __init__(
        self,
        size: int = 8,
        event_idx: bool = False,
        indirect: str = "never",
        callback: Callable[[Any], bool] | None = None,
        start_index: int | None = None,
        on_step: Callable[[str], None] | None = None,
        order: Sequence[int] | None = None,
        packed: bool = False,
        features: int = 0,
        driver_args: dict[str, Any] | None = None,
        **device_args: Any,
    ) -> None:
        self.memory = GuestMemory(
            (RINGS, RING_BYTES), (TABLES, TABLE_POOL), (BUFFERS, BUFFER_BYTES)
        )
        self.watched = Watched(self.memory)
        wanted = Feature(features) | (Feature.RING_PACKED if packed else Feature(0))
        self.device = ModelDevice(
            self.watched,
            queue_size_max=32768,
            start_index=start_index,
            offer=OFFER | wanted & MODEL_OFFER,
            **device_args,
        )
        self.notified = 0
        self.notifications: list[int] = []
        self.interrupts = 0
        if event_idx:
            wanted |= Feature.EVENT_IDX
        if indirect != "never":
            wanted |= Feature.INDIRECT_DESC
        self.tables = Allocator(TABLES, TABLE_POOL)
        self.queue: RingVirtqueue[Any]

        def prepare(found: VirtioDevice) -> None:
            assert found.layouts[0] is not None
            kind: Any = PackedVirtqueue if found.packed else SplitVirtqueue
            self.queue = kind(
                self.memory,
                found.layouts[0],
                self._notify,
                event_idx=found.event_idx,
                indirect=indirect,
                tables=self.tables if found.indirect else None,
                callback=callback,
                start_index=start_index,
                on_step=on_step,
                notification_data=found.notification_data,
                in_order=found.in_order,
                **({} if order is None else {"order": order}),
                **(self.reset_args() if found.features & Feature.RING_RESET else {}),
                **(driver_args or {}),
            )

        self.found = run_sync(
            initialise(Allocator(RINGS, RING_BYTES), [size], wanted=wanted, prepare=prepare),
            self.device.read32,
            self.device.write32,
        )

    def reset_args(self) -> dict[str, Callable[[int], None]]:
        """How the driver resets a queue, `at_reset` being called before, and makes it ready."""

        def reset(index: int) -> None:
            self.at_reset()
            run_sync(reset_queue(index), self.device.read32, self.device.write32)

        def enable(index: int) -> None:
            run_sync(start_queue(index, self.layout), self.device.read32, self.device.write32)

        self.at_reset = lambda: None
        return {"reset": reset, "enable": enable}

    @property
    def layout(self) -> Any:
        return self.queue.layout

    @property
    def ring(self) -> DeviceRing:
        ring = self.device.ring(0)
        assert ring is not None
        return ring

    def state(self) -> Any:
        return RingState.capture(self.memory, self.layout, tables=True)

    def _notify(self, index: int) -> None:
        self.notified += 1
        self.notifications.append(index)
        self.device.write32(Reg.QUEUE_NOTIFY, index)

    def serve(self: Any) -> Interrupt:
        """Let the device work until idle; pass its interrupt on."""
        self.device.run()
        return self.interrupt()

    def interrupt(self: Any) -> Interrupt:
        causes = Interrupt(0)
        if self.device.interrupt_line:
            causes = run_sync(take_interrupt(), self.device.read32, self.device.write32)
            if causes & Interrupt.USED_BUFFER:
                self.interrupts += 1
                self.queue.interrupt()
        return causes

    def drain(self: Any) -> list[tuple[Any, int]]:
        found = []
        while (used := self.queue.get_buf()) is not None:
            found.append((used.data, used.length))
        return found


class SocketWorld:
    """Memory of the driver's own, a model port and one socket-style queue; used as `World`."""

    def __init__(
        self,
        size: int = 8,
        callback: Callable[[Any], bool] | None = None,
        on_step: Callable[[str], None] | None = None,
        index: int = 0,
        **device_args: Any,
    ) -> None:
        self.memory = GuestMemory((BUFFERS, BUFFER_BYTES))
        self.device = SocketDevice(**{"queues": index + 1, "slots": 16} | device_args)
        self.interrupts = 0
        self.info = run_sync(open_port(), self.device.read32, self.device.write32)
        self.queue = SocketVirtqueue(
            self.memory,
            self.device,
            self.info,
            index,
            size=size,
            callback=callback,
            on_step=on_step,
        )

    def state(self) -> Any:
        """What both sides hold, and the bytes of the buffers."""
        queue = self.queue
        books = (queue.num_free, queue.outstanding, queue.unpublished, queue.unsent)
        device = [(q.control, q.fault, q.frames, q.answers) for q in self.device.queues]
        return books, copy.deepcopy(device), self.memory.read(BUFFERS, BUFFER_BYTES)

    serve = World.serve
    interrupt = World.interrupt
    drain = World.drain


class Raw:
    """A queue made ready on a model device, its ring written by hand as a hostile driver does."""

    def __init__(
        self,
        layout: SplitLayout | PackedLayout,
        features: Feature,
        **device_args: Any,
    ) -> None:
        self.memory = GuestMemory(
            (RINGS, RING_BYTES), (TABLES, TABLE_POOL), (BUFFERS, BUFFER_BYTES)
        )
        self.watched = Watched(self.memory)
        self.device = ModelDevice(
            self.watched, queue_size_max=32768, offer=OFFER | features, **device_args
        )
        self.write(Reg.STATUS, 3)
        for word in (0, 1):
            self.write(Reg.DRIVER_FEATURES_SEL, word)
            self.write(Reg.DRIVER_FEATURES, int(features) >> 32 * word & 0xFFFFFFFF)
        self.write(Reg.STATUS, 11)
        run_sync(start_queue(0, layout), self.device.read32, self.device.write32)
        self.write(Reg.STATUS, 15)

    def write(self, reg: int, value: int) -> None:
        self.device.write32(reg, value)

    def serve(self) -> tuple[int, int]:
        """Notify, run, and return the queue's fault code and the fault's descriptor."""
        self.write(Reg.QUEUE_NOTIFY, 0)
        self.device.run()
        self.write(Reg.QUEUE_SEL, 0)
        return self.device.read32(Reg.QUEUE_FAULT), self.device.read32(Reg.FAULT_DESCRIPTOR)


class RawQueue(Raw):
    """A split queue."""

    def __init__(self, size: int = 8, features: Feature = SPLIT, **device_args: Any) -> None:
        self.layout = SplitLayout.contiguous(size, RINGS)
        super().__init__(self.layout, features, **device_args)
        self.avail = 0

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

    def state(self) -> Any:
        return RingState.capture(self.memory, self.layout)


class RawPacked(Raw):
    """A packed queue. `at` is where the next descriptor goes, in descriptors since the first."""

    def __init__(
        self, size: int = 8, features: Feature = PACKED, at: int = 0, **device_args: Any
    ) -> None:
        self.layout = PackedLayout.contiguous(size, RINGS)
        self.size = size
        self.at = at
        super().__init__(self.layout, features, start_index=self.word(at), **device_args)
        for back in range(1, size + 1):  # as the lap before left it
            if back <= at:
                self.put(at - back, 0, 0, 0, self.used(at - back))

    def wrap(self, at: int) -> int:
        return 1 - at // self.size % 2

    def word(self, at: int) -> int:
        return self.wrap(at) << 15 | at % self.size

    def available(self, at: int) -> int:
        """The flags AVAIL and USED of a descriptor made available."""
        return 0x80 if self.wrap(at) else 0x8000

    def used(self, at: int) -> int:
        """The flags AVAIL and USED of a used descriptor."""
        return 0x8080 if self.wrap(at) else 0

    def put(self, at: int, addr: int, length: int, number: int, flags: int) -> None:
        raw = PackedDescriptor(addr, length, number, flags).pack()
        self.memory.write(self.layout.descriptor(at % self.size), raw)

    def get(self, at: int) -> PackedDescriptor:
        raw = self.memory.read(self.layout.descriptor(at % self.size), 16)
        return PackedDescriptor.unpack(raw)

    def offer(self, *entries: tuple[int, ...]) -> None:
        """Make descriptors available: (address, length, flags) and a buffer id, or 7."""
        for entry in reversed(range(len(entries))):
            addr, length, flags, number = (*entries[entry], 7)[:4]
            at = self.at + entry
            self.put(at, addr, length, number, flags | self.available(at))
        self.at += len(entries)

    def table(self, addr: int, *entries: tuple[int, ...]) -> None:
        """Write an indirect table of (address, length, flags) and an id, or 0."""
        raw = b""
        for entry in entries:
            entry_addr, length, flags, number = (*entry, 0)[:4]
            raw += PackedDescriptor(entry_addr, length, number, flags).pack()
        self.memory.write(addr, raw)

    def state(self) -> Any:
        return RingState.capture(self.memory, self.layout)
