# SPDX-License-Identifier: Apache-2.0
"""The driver's use of the registers: initialisation, notification, interrupts, reset.

Each sequence is one of register accesses (`steps`), at the offsets of the register block.
`VirtioDevice` makes a driver's view of a device of them.
"""

from __future__ import annotations

from typing import NamedTuple

from .faults import Fault
from .features import Interrupt, Status
from .layout import QueueLayout
from .registers import MAGIC, VERSION, Reg
from .steps import Steps

POLL_LIMIT = 1000  # reads of a register that has to change


class InitError(Exception):
    """The device cannot be driven; where it got that far, FAILED is set (INIT-DRV-05)."""


class WrongBlock(InitError):
    """There is no register block of a kind that is known."""


class NoDevice(InitError):
    """The register block holds no device; that is no error (MMIO-DRV-11)."""


class Identity(NamedTuple):
    """What a register block says of its device."""

    device_id: int
    vendor_id: int


class FaultReport(NamedTuple):
    """The device's first fault since reset."""

    fault: Fault
    queue: int
    descriptor: int
    in_table: bool
    faults: int  # since reset, saturating


def identify() -> Steps[Identity]:
    """Say what device there is; nothing but these registers is touched (MMIO-DRV-24, -25).

    Raises:
        WrongBlock: MagicValue or Version is wrong (MMIO-DRV-06, MMIO-DRV-08).
        NoDevice: DeviceID is 0 (MMIO-DRV-10, MMIO-DRV-26, MMIO-DRV-27).
    """
    if (yield ("r", Reg.MAGIC_VALUE)) != MAGIC:
        raise WrongBlock("MagicValue is wrong: this is not a virtio device")
    version = yield ("r", Reg.VERSION)
    if version != VERSION:
        raise WrongBlock(f"register version {version}, not {VERSION}")
    device_id = yield ("r", Reg.DEVICE_ID)
    if device_id == 0:
        raise NoDevice("DeviceID is 0: there is no device")
    return Identity(device_id, (yield ("r", Reg.VENDOR_ID)))


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


def start_queue(
    index: int, layout: QueueLayout, start: tuple[int, int] | None = None
) -> Steps[None]:
    """Give the device a queue's addresses and make it ready.

    Args:
        index: of the queue.
        layout: its rings.
        start: for rings that were served before, by this device or another: the available and
            the used index to go on at, as QueueAvailIndex and QueueUsedIndex tell them. Notify
            the queue once afterwards. None is a new queue.

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
    if start is not None:
        yield ("w", Reg.QUEUE_START, start[1] << 16 | start[0])
    yield ("w", Reg.QUEUE_READY, 1)
    if (yield ("r", Reg.QUEUE_READY)) != 1:
        yield from give_up(f"the device refused queue {index} of size {layout.size}")


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


def read_offer() -> Steps[int]:
    """Return the feature bits that the device offers (MMIO-DRV-12)."""
    offer = 0
    for word in (0, 1):
        yield ("w", Reg.DEVICE_FEATURES_SEL, word)
        offer |= (yield ("r", Reg.DEVICE_FEATURES)) << 32 * word
    return offer


def accept(features: int) -> Steps[None]:
    """Accept features and set FEATURES_OK (MMIO-DRV-13, INIT-DRV-01).

    Raises:
        InitError: the device refused them; FAILED is set.
    """
    for word in (0, 1):
        yield ("w", Reg.DRIVER_FEATURES_SEL, word)
        yield ("w", Reg.DRIVER_FEATURES, features >> 32 * word & 0xFFFFFFFF)
    status = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK
    yield ("w", Reg.STATUS, status)
    if not (yield ("r", Reg.STATUS)) & Status.FEATURES_OK:
        yield from give_up(f"the device refused the features {features:#x}")


def size_queue(index: int, size: int, most: int = 0) -> Steps[int]:
    """Return the size that a queue is to have.

    Args:
        index: queue number.
        size: as wanted, descriptors; 0 is as large as the device allows.
        most: not more than this then, if it is not 0.

    Raises:
        InitError: the device has no such queue, or none that large; FAILED is set.
    """
    yield ("w", Reg.QUEUE_SEL, index)
    largest = yield ("r", Reg.QUEUE_SIZE_MAX)
    if largest == 0:  # MMIO-XDEV-03
        yield from give_up(f"the device has no queue {index}")
    if size > largest:  # MMIO-DRV-14
        yield from give_up(f"queue {index} is at most {largest} long, not {size}")
    return size or min(largest, most or largest)


def set_failed() -> Steps[None]:
    """Set FAILED (INIT-DRV-05); the other bits stay (STAT-DRV-02)."""
    yield ("w", Reg.STATUS, Status.FAILED | (yield ("r", Reg.STATUS)))


def give_up(why: str) -> Steps[None]:
    """Set FAILED and raise `InitError` (INIT-DRV-06)."""
    yield from set_failed()
    raise InitError(why)
