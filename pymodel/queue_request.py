# SPDX-License-Identifier: Apache-2.0
"""What drivers and devices say to each other of queues."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Protocol

from .layout import QueueLayout, SplitLayout
from .memory import Memory
from .packed_driver import PackedVirtqueue
from .packed_layout import PackedLayout
from .ring_driver import RingVirtqueue
from .split_driver import SplitVirtqueue
from .virtqueue import Callback

if TYPE_CHECKING:
    from .virtio_device import VirtioDevice

QUEUE_SIZE = 256  # descriptors, of a queue that a driver leaves to the device


class DeviceError(OSError):
    """The device does not do what it must, or has asked for a reset; EIO, ETIMEDOUT, ENODEV."""


class QueueRequest:
    """A queue that a driver wants.

    Args:
        index: queue number.
        callback: see `Virtqueue`; None for a queue without interrupts.
        size: descriptors; 0 for the largest that device and `QUEUE_SIZE` allow.
    """

    def __init__(self, index: int, callback: Callback | None = None, size: int = 0) -> None:
        self.index, self.callback, self.size = index, callback, size


@dataclass(frozen=True)
class Returned:
    """A buffer that came back when its queue was taken from the device.

    Attributes:
        queue: number of its queue.
        token: the driver's name for it.
        length: bytes that the device wrote, None where it did not use the buffer.
    """

    queue: int
    token: Hashable
    length: int | None


class MakeQueue(Protocol):
    """Builds the driver's side of a queue, as `RingVirtqueue` is built."""

    def __call__(
        self,
        device: VirtioDevice,
        memory: Memory,
        layout: QueueLayout,
        notify: Callable[[int], None],
        index: int,
        **arguments: Any,
    ) -> RingVirtqueue[Any]:
        """Return the queue."""


def make_queue(
    device: VirtioDevice,
    memory: Memory,
    layout: QueueLayout,
    notify: Callable[[int], None],
    index: int,
    **arguments: Any,
) -> RingVirtqueue[Any]:
    """Return a queue of the layout's format."""
    if isinstance(layout, PackedLayout):
        return PackedVirtqueue(memory, layout, notify, index, **arguments)
    assert isinstance(layout, SplitLayout)
    return SplitVirtqueue(memory, layout, notify, index, **arguments)
