# SPDX-License-Identifier: Apache-2.0
"""A device as its driver sees it: features, configuration, queues, interrupts.

What touches registers is a sequence of register accesses (`steps`) at the device's place on the
bus; operations of queues are called at once, and what they ask of the device (notifications) is
kept until `kick` hands it over.
"""

from __future__ import annotations

import errno
from collections.abc import Hashable, Sequence
from typing import Any, Callable, NoReturn

from .allocator import Allocator
from .features import Feature, Interrupt, Status
from .layout import DESC_BYTES, TABLE_ALIGN, QueueLayout, SplitLayout
from .memory import Memory
from .negotiated import NegotiatedDevice
from .packed_layout import PackedLayout
from .queue_request import (
    QUEUE_SIZE,
    DeviceError,
    MakeQueue,
    QueueRequest,
    Returned,
    make_queue,
)
from .registers import Reg
from .ring_driver import RingVirtqueue
from .steps import Steps
from .transport import (
    notify,
    reset,
    reset_queue,
    set_failed,
    size_queue,
    start_queue,
    stop_queue,
    take_interrupt,
)
from .virtqueue import VirtqueueError

TABLE_DESCRIPTORS = 8  # in the pool of indirect tables for each descriptor of the ring


class VirtioDevice(NegotiatedDevice):
    """One device.

    Args:
        device_id: virtio device type.
        vendor_id: vendor.
        base: byte address of its registers.

    Attributes:
        layouts: the layout of each queue, by index, split or packed as was negotiated; None
            where it was left unused.
        queues: the driver's side of each queue that `find_queues` has found, by index.
        memory: guest memory, where the device was found by a `Bus`.
        allocator: where rings and buffers come from, likewise.
        live: DRIVER_OK is set.
        broken: why the device is of no use any more, or None.
        on_config: called when the configuration has changed.
        kicks: notifications handed over.
        interrupts: causes served, in order.
    """

    memory: Memory
    allocator: Allocator

    def __init__(self, device_id: int, vendor_id: int, base: int = 0) -> None:
        super().__init__(device_id, vendor_id, base)
        self.layouts: tuple[QueueLayout | None, ...] = ()
        self.queues: dict[int, RingVirtqueue[Any]] = {}
        self.live = False
        self.broken: str | None = None
        self.on_config: Callable[[], Steps[None]] | None = None
        self.make_queue: MakeQueue = make_queue
        self.kicks = 0
        self.interrupts: list[Interrupt] = []
        self._pending: list[int] = []  # notifications not handed over
        self._owned: list[int] = []  # allocations of rings and table pools

    # ---- initialisation

    def plan_queue(
        self, index: int, size: int, allocator: Allocator, most: int = 0
    ) -> Steps[QueueLayout]:
        """Allocate a queue's ring; see `size_queue`.

        Raises:
            InitError: there is no such queue, or none that large; FAILED is set.
            OutOfMemory: there is no room for it.
        """
        size = yield from self._at(size_queue(index, size, most))
        kind: type[QueueLayout] = PackedLayout if self.packed else SplitLayout
        base = allocator.allocate(kind.contiguous_bytes(size), TABLE_ALIGN)
        self._owned.append(base)
        layout = kind.contiguous(size, base)
        self.layouts += (None,) * (index + 1 - len(self.layouts))
        self.layouts = (*self.layouts[:index], layout, *self.layouts[index + 1 :])
        return layout

    def find_queues(self, requests: Sequence[QueueRequest]) -> Steps[list[RingVirtqueue[Any]]]:
        """Set queues up and return the driver's side of each.

        Raises:
            InitError: the device does not have one, or refused it.
            OutOfMemory: there is no room for its ring.
        """
        for request in requests:
            layout = yield from self.plan_queue(
                request.index, request.size, self.allocator, QUEUE_SIZE
            )
            queue = self._build(request, layout)
            self.queues[request.index] = queue
            yield from self._at(start_queue(request.index, layout))
        return [self.queues[request.index] for request in requests]

    def _build(self, request: QueueRequest, layout: QueueLayout) -> RingVirtqueue[Any]:
        arguments: dict[str, Any] = {}
        if self.indirect:
            pool = layout.size * TABLE_DESCRIPTORS * DESC_BYTES
            base = self.allocator.allocate(pool, TABLE_ALIGN)
            self._owned.append(base)
            arguments = {"indirect": "multi", "tables": Allocator(base, pool)}
        if self.has(Feature.RING_RESET):
            arguments |= {"reset": _takes_steps, "enable": _takes_steps}
        return self.make_queue(
            self,
            self.memory,
            layout,
            self._pending.append,
            request.index,
            event_idx=self.event_idx,
            callback=request.callback,
            in_order=self.in_order,
            notification_data=self.notification_data,
            **arguments,
        )

    def ready(self) -> Steps[None]:
        """Set DRIVER_OK, then hand over the notifications that wait for it (INIT-DRV-07)."""
        if self.live:
            return
        status = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK
        yield from self._write(Reg.STATUS, status)
        self.live = True
        yield from self.kick()

    # ---- work

    def kick(self) -> Steps[None]:
        """Hand over the notifications that queues have asked for."""
        while self._pending and self.live:
            self.kicks += 1
            yield from self._at(notify(self._pending.pop(0)))

    def serve(self) -> Steps[Interrupt]:
        """Serve an interrupt: queues' callbacks, a changed configuration (MMIO-DRV-30, -31).

        A device that needs a reset is broken from then on (STAT-DRV-04), and so is one that
        broke a rule of a ring.
        """
        causes = yield from self._at(take_interrupt())
        if causes:
            self.interrupts.append(causes)
        if causes & Interrupt.USED_BUFFER:
            for queue in list(self.queues.values()):
                try:
                    queue.interrupt()
                except VirtqueueError as error:
                    self.broken = self.broken or f"queue {queue.index}: {error.strerror}"
        if causes & Interrupt.CONFIG_CHANGE:
            if (yield from self.read_status()) & Status.NEEDS_RESET:
                self.broken = self.broken or "the device needs a reset"
            elif self.on_config is not None and self.live:
                yield from self.on_config()
        yield from self.kick()
        return causes

    def wait_until(self, done: Callable[[], bool]) -> Steps[None]:
        """Serve interrupts until something holds.

        Raises:
            DeviceError: EIO, the device is broken; ENODEV, it was removed.
        """
        while not done():
            self.check()
            yield ("wait", self.base)
            yield from self.serve()

    def check(self) -> None:
        """Raise `DeviceError` if the device is of no use: EIO broken, ENODEV not there."""
        if self.broken is not None:
            raise DeviceError(errno.EIO, self.broken)
        if not self.live:
            raise DeviceError(errno.ENODEV, "the device is not there")

    def detach(self, index: int, token: Hashable) -> Steps[None]:
        """`detach_buf` of a queue, with the register accesses that it needs.

        Raises:
            VirtqueueError: see `Virtqueue.detach_buf`.
        """
        for step in self.queues[index].detach_steps(token):
            if step == "reset":
                yield from self._at(reset_queue(index))
            else:
                layout = self.layouts[index]
                assert layout is not None
                yield from self._at(start_queue(index, layout))
        yield from self.kick()

    # ---- the end

    def release(self) -> Steps[list[Returned]]:
        """Take every queue from the device and every buffer from the queues; reset the device.

        With RING_RESET each queue is reset, else the device (CLEAN-DRV-02). What was used by
        then is collected, the rest taken back by `detach_buf`. Rings and tables are freed.

        Returns:
            Every buffer that was outstanding.

        Raises:
            InitError: the device does not finish its reset. Nothing was taken back: it may
                still write. `release` can be tried again.
        """
        self.live = False
        self._pending.clear()
        if self.has(Feature.RING_RESET) and self.broken is None:
            for index in self.queues:
                yield from self._at(reset_queue(index))
            returned = self._take_back()
            yield from self._at(reset())
        else:
            yield from self._at(reset())
            returned = self._take_back()
        return returned

    def fail(self) -> Steps[list[Returned]]:
        """Stop every queue, take back their buffers as `release` does, and set FAILED.

        Raises:
            InitError: a queue does not stop; FAILED is set, its buffers are the device's.
        """
        self.live = False
        self._pending.clear()
        returned: list[Returned] = []
        try:
            for index in self.queues:
                yield from self._at(stop_queue(index))
            returned = self._take_back()
        finally:
            yield from self._at(set_failed())
        return returned

    def _take_back(self) -> list[Returned]:
        returned: list[Returned] = []
        for index, queue in self.queues.items():
            try:
                queue.halt()
                while (used := queue.get_buf()) is not None:
                    returned.append(Returned(index, used.data, used.length))
                for token in list(queue.outstanding):
                    queue.detach_buf(token)
                    returned.append(Returned(index, token, None))
            except VirtqueueError as error:  # the device broke the ring
                self.broken = self.broken or f"queue {index}: {error.strerror}"
            # what a broken queue still holds
            returned += [Returned(index, token, None) for token in queue.shutdown()]
        for base in self._owned:
            self.allocator.free(base)
        self._owned.clear()
        self.queues.clear()
        self.layouts = ()
        return returned


def _takes_steps(index: int) -> NoReturn:
    raise RuntimeError(f"queue {index}: a reset takes register accesses; use VirtioDevice.detach")
