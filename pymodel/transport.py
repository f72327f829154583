# SPDX-License-Identifier: Apache-2.0
"""The driver's use of the registers: initialisation, notification, interrupts, reset.

Each sequence is a generator of register accesses, `("r", offset)`, answered with the value read,
or `("w", offset, value)`. So one description serves a model, called at once (`run_sync`), and a
simulator, where an access takes time (`run_async`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Iterable
from dataclasses import dataclass
from typing import Callable, Literal, NamedTuple, TypeVar, Union

from .allocator import Allocator
from .faults import Fault
from .features import Feature, Interrupt, Status
from .layout import TABLE_ALIGN, QueueLayout, SplitLayout
from .packed_layout import PackedLayout
from .registers import MAGIC, VERSION, Reg

T = TypeVar("T")
RegisterRead = tuple[Literal["r"], int]
RegisterWrite = tuple[Literal["w"], int, int]
RegisterOp = Union[RegisterRead, RegisterWrite]
Steps = Generator[RegisterOp, int, T]

POLL_LIMIT = 1000  # reads of a register that has to change


class InitError(Exception):
    """The device cannot be driven; where it got that far, FAILED is set (INIT-DRV-05)."""


class FaultReport(NamedTuple):
    """The device's first fault since reset."""

    fault: Fault
    queue: int
    descriptor: int
    in_table: bool
    faults: int  # since reset, saturating


@dataclass(frozen=True)
class VirtioDevice:
    """A device that is ready to work, as its driver sees it.

    Attributes:
        device_id: virtio device type.
        vendor_id: vendor.
        features: what was negotiated.
        queues: the layout of each queue, by index, split or packed as was negotiated; None
            where it was left unused.
    """

    device_id: int
    vendor_id: int
    features: Feature
    queues: tuple[QueueLayout | None, ...]

    @property
    def event_idx(self) -> bool:
        """Whether EVENT_IDX was negotiated."""
        return bool(self.features & Feature.EVENT_IDX)

    @property
    def indirect(self) -> bool:
        """Whether INDIRECT_DESC was negotiated."""
        return bool(self.features & Feature.INDIRECT_DESC)

    @property
    def packed(self) -> bool:
        """Whether RING_PACKED was negotiated."""
        return bool(self.features & Feature.RING_PACKED)

    @property
    def in_order(self) -> bool:
        """Whether IN_ORDER was negotiated."""
        return bool(self.features & Feature.IN_ORDER)

    @property
    def notification_data(self) -> bool:
        """Whether NOTIFICATION_DATA was negotiated."""
        return bool(self.features & Feature.NOTIFICATION_DATA)


def initialise(
    allocator: Allocator,
    queue_sizes: Iterable[int | None],
    *,
    wanted: Feature = Feature.INDIRECT_DESC | Feature.EVENT_IDX,
    prepare: Callable[[VirtioDevice], None] | None = None,
) -> Steps[VirtioDevice]:
    """Bring a device up to DRIVER_OK (INIT-DRV-01, MMIO-DRV-24).

    Args:
        allocator: where the rings go.
        queue_sizes: size of each queue, from queue 0 on; 0 is as large as the device allows,
            None leaves the queue alone.
        wanted: features to accept where offered; VERSION_1 is always among them (RSVF-DRV-01).
            With RING_PACKED among them, queues are packed where the device offers that
            (RSVF-DRV-06).
        prepare: called before any queue is made ready, to clear the rings.

    Raises:
        InitError: this is no such device, or it refused the features or a queue.
    """
    if (yield ("r", Reg.MAGIC_VALUE)) != MAGIC:  # MMIO-DRV-06
        raise InitError("MagicValue is wrong: this is not a virtio device")
    version = yield ("r", Reg.VERSION)
    if version != VERSION:  # MMIO-DRV-08
        raise InitError(f"register version {version}, not {VERSION}")
    device_id = yield ("r", Reg.DEVICE_ID)
    if device_id == 0:  # MMIO-DRV-10, MMIO-DRV-27
        raise InitError("DeviceID is 0: there is no device")
    vendor_id = yield ("r", Reg.VENDOR_ID)
    yield from reset()
    yield ("w", Reg.STATUS, Status.ACKNOWLEDGE)
    yield ("w", Reg.STATUS, Status.ACKNOWLEDGE | Status.DRIVER)
    features = yield from _negotiate(wanted)
    layouts: list[QueueLayout | None] = []
    kind: type[QueueLayout] = PackedLayout if features & Feature.RING_PACKED else SplitLayout
    for index, size in enumerate(queue_sizes):
        layouts.append((yield from _plan_queue(index, size, kind, allocator)))
    device = VirtioDevice(device_id, vendor_id, features, tuple(layouts))
    if prepare is not None:
        prepare(device)
    for index, layout in enumerate(layouts):
        if layout is not None:
            yield from start_queue(index, layout)
    done = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK
    yield ("w", Reg.STATUS, done)
    return device


def reset() -> Steps[None]:
    """Reset the device and wait until it is done (RST-DRV-01).

    Raises:
        InitError: Status does not become 0.
    """
    yield ("w", Reg.STATUS, 0)
    for _ in range(POLL_LIMIT):
        if (yield ("r", Reg.STATUS)) == 0:
            return
    raise InitError("the device does not finish its reset")


def start_queue(index: int, layout: QueueLayout) -> Steps[None]:
    """Give the device a queue's addresses and make it ready.

    Raises:
        InitError: the device refused it.
    """
    yield ("w", Reg.QUEUE_SEL, index)
    yield ("w", Reg.QUEUE_SIZE, layout.size)
    descriptors, driver, device = layout.areas
    for low, high, addr in (
        (Reg.QUEUE_DESC_LOW, Reg.QUEUE_DESC_HIGH, descriptors),
        (Reg.QUEUE_DRIVER_LOW, Reg.QUEUE_DRIVER_HIGH, driver),
        (Reg.QUEUE_DEVICE_LOW, Reg.QUEUE_DEVICE_HIGH, device),
    ):
        yield ("w", low, addr & 0xFFFFFFFF)
        yield ("w", high, addr >> 32)
    yield ("w", Reg.QUEUE_READY, 1)
    if (yield ("r", Reg.QUEUE_READY)) != 1:
        yield from _fail(f"the device refused queue {index} of size {layout.size}")


def stop_queue(index: int) -> Steps[None]:
    """Stop a queue and wait until the device leaves its memory alone (MMIO-DRV-16, -17).

    Raises:
        InitError: QueueReady does not become 0.
    """
    yield ("w", Reg.QUEUE_SEL, index)
    yield ("w", Reg.QUEUE_READY, 0)
    for _ in range(POLL_LIMIT):
        if (yield ("r", Reg.QUEUE_READY)) == 0:
            return
    raise InitError(f"queue {index} does not stop")


def reset_queue(index: int) -> Steps[None]:
    """Reset a queue where RING_RESET was negotiated, and wait until it is done (QRST-DRV-01).

    `start_queue` makes it ready again (QRST-DRV-03).

    Raises:
        InitError: QueueReset does not become 0 (MMIO-DRV-21).
    """
    yield ("w", Reg.QUEUE_SEL, index)
    yield ("w", Reg.QUEUE_RESET, 1)
    for _ in range(POLL_LIMIT):
        if (yield ("r", Reg.QUEUE_RESET)) == 0:
            return
    raise InitError(f"queue {index} does not finish its reset")


def suspend(polls: int = POLL_LIMIT) -> Steps[None]:
    """Suspend the device where SUSPEND was negotiated, and wait until it is (SUSP-DRV-02).

    From the call on no buffer may be published, no notification sent and no set-up changed until
    `resume` (SUSP-DRV-03 to 05); what is in progress is finished, so used buffers may come.

    Raises:
        InitError: the device is not running, needs a reset, or is not suspended after so many
            reads.
    """
    yield from _turn(Status.SUSPEND, Status.DRIVER_OK, "suspend", polls)


def resume(polls: int = POLL_LIMIT) -> Steps[None]:
    """Let a suspended device go on, and wait until it does (SUSP-DRV-06).

    Raises:
        InitError: the device is not suspended, needs a reset, or does not go on.
    """
    yield from _turn(Status.DRIVER_OK, Status.SUSPEND, "go on", polls)


def _turn(there: Status, gone: Status, what: str, polls: int) -> Steps[None]:
    before = yield ("r", Reg.STATUS)
    if not before & gone:  # nothing is written (SUSP-DRV-01)
        raise InitError(f"the device cannot {what}: status {before:#x}")
    yield ("w", Reg.STATUS, (before | there) & ~gone)
    status = before
    for _ in range(polls):
        status = yield ("r", Reg.STATUS)
        if status & there and not status & gone:
            return
        if status & Status.NEEDS_RESET & ~before:
            break
    raise InitError(f"the device does not {what}: status {status:#x}")


def notify(notification: int) -> Steps[None]:
    """Tell the device that a queue has new buffers.

    `notification` is the queue's number (NOTIF-XDRV-01), or with NOTIFICATION_DATA what
    `RingVirtqueue.notification` says.
    """
    yield ("w", Reg.QUEUE_NOTIFY, notification)


def take_interrupt() -> Steps[Interrupt]:
    """Read the causes of an interrupt and acknowledge them (MMIO-DRV-30, MMIO-DRV-32).

    With USED_BUFFER among them, call `interrupt` of every queue (MMIO-DRV-31). They are
    acknowledged first, so an event that comes meanwhile raises the line again.
    """
    causes = (yield ("r", Reg.INTERRUPT_STATUS)) & (  # MMIO-DRV-18
        Interrupt.USED_BUFFER | Interrupt.CONFIG_CHANGE
    )
    if causes:
        yield ("w", Reg.INTERRUPT_ACK, causes)
    return Interrupt(causes)


def read_fault() -> Steps[FaultReport | None]:
    """Return the device's first fault since reset, or None."""
    code = yield ("r", Reg.FAULT_CODE)
    if code == 0:
        return None
    queue = yield ("r", Reg.FAULT_QUEUE)
    descriptor = yield ("r", Reg.FAULT_DESCRIPTOR)
    count = yield ("r", Reg.FAULT_COUNT)
    return FaultReport(Fault(code), queue, descriptor & 0xFFFF, bool(descriptor >> 31), count)


def run_sync(
    sequence: Steps[T],
    read32: Callable[[int], int],
    write32: Callable[[int, int], None],
) -> T:
    """Run a sequence over functions that answer at once, and return its result."""
    try:
        op = next(sequence)
        while True:
            if op[0] == "r":
                op = sequence.send(read32(int(op[1])))
            else:
                write32(int(op[1]), int(op[2]))
                op = sequence.send(0)
    except StopIteration as stop:
        result: T = stop.value
        return result


async def run_async(
    sequence: Steps[T],
    read32: Callable[[int], Awaitable[int]],
    write32: Callable[[int, int], Awaitable[None]],
) -> T:
    """Run a sequence over functions that take simulated time, and return its result."""
    try:
        op = next(sequence)
        while True:
            if op[0] == "r":
                op = sequence.send(await read32(int(op[1])))
            else:
                await write32(int(op[1]), int(op[2]))
                op = sequence.send(0)
    except StopIteration as stop:
        result: T = stop.value
        return result


def _negotiate(wanted: Feature) -> Steps[Feature]:
    offer = 0
    for word in (0, 1):
        yield ("w", Reg.DEVICE_FEATURES_SEL, word)
        offer |= (yield ("r", Reg.DEVICE_FEATURES)) << 32 * word
    if not offer & Feature.VERSION_1:  # RSVF-DRV-02, FEAT-DRV-07
        yield from _fail("the device does not offer VERSION_1")
    accepted = offer & (wanted | Feature.VERSION_1)  # FEAT-DRV-01, FEAT-DRV-04, FEAT-DRV-05
    for word in (0, 1):
        yield ("w", Reg.DRIVER_FEATURES_SEL, word)
        yield ("w", Reg.DRIVER_FEATURES, accepted >> 32 * word & 0xFFFFFFFF)
    status = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK
    yield ("w", Reg.STATUS, status)
    if not (yield ("r", Reg.STATUS)) & Status.FEATURES_OK:
        yield from _fail(f"the device refused the features {accepted:#x}")
    return Feature(accepted)


def _plan_queue(
    index: int, size: int | None, kind: type[QueueLayout], allocator: Allocator
) -> Steps[QueueLayout | None]:
    if size is None:
        return None
    yield ("w", Reg.QUEUE_SEL, index)
    largest = yield ("r", Reg.QUEUE_SIZE_MAX)
    if largest == 0:  # MMIO-XDEV-03
        yield from _fail(f"the device has no queue {index}")
    if size > largest:  # MMIO-DRV-14
        yield from _fail(f"queue {index} is at most {largest} long, not {size}")
    size = size or largest
    base = allocator.allocate(kind.contiguous_bytes(size), TABLE_ALIGN)
    return kind.contiguous(size, base)


def _fail(why: str) -> Steps[None]:
    """Set FAILED, then give up (INIT-DRV-05, INIT-DRV-06)."""
    yield ("w", Reg.STATUS, Status.FAILED | (yield ("r", Reg.STATUS)))
    raise InitError(why)
