# SPDX-License-Identifier: Apache-2.0
"""What a vhost-user session needs of a device."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from pymodel.layout import QueueLayout
from pymodel.packed_layout import FIRST
from tb.hil.messages import Region


class Ring(NamedTuple):
    """A queue as the client has set it up.

    Attributes:
        layout: size, and the guest-physical addresses of the three areas.
        start: the ring index at which the device begins. Split: the free-running index. Packed:
            the offset of the descriptor, with the wrap counter in bit 15.
    """

    layout: QueueLayout
    start: int

    @property
    def fresh(self) -> bool:
        """Whether the device begins where rings begin."""
        return self.start == (FIRST.word if self.layout.packed else 0)


class BackendError(Exception):
    """The device cannot do what it is asked; the text says why, in one line."""


class Backend(Protocol):
    """One device: the Verilog in its bench, or the model.

    Every method raises `BackendError` where the device refuses.

    Attributes:
        device_id: virtio device type.
        queues: how many there are.
        queue_size_max: largest queue, descriptors.
    """

    device_id: int
    queues: int
    queue_size_max: int

    async def offered(self) -> int:
        """Return the virtio feature bits that are offered to clients."""
        ...

    async def add_memory(self, region: Region, fd: int) -> None:
        """Map a part of a file as guest memory; the descriptor stays the caller's."""
        ...

    async def remove_memory(self, region: Region) -> None:
        """Unmap it; the device must not need it any more."""
        ...

    async def start(self, features: int) -> None:
        """Reset the device and bring it to DRIVER_OK with these features."""
        ...

    async def stop(self) -> None:
        """Reset the device; it touches no memory when this returns."""
        ...

    async def start_queue(self, queue: int, ring: Ring) -> None:
        """Make a queue live."""
        ...

    async def stop_queue(self, queue: int) -> int:
        """Stop a queue after what it has in hand; return where another life is to start."""
        ...

    async def rest(self) -> None:
        """Wait until the device has finished what it has in hand."""
        ...

    async def kick(self, queue: int) -> None:
        """Notify the device of new buffers."""
        ...

    async def read_config(self, offset: int, size: int) -> bytes:
        """Return bytes of the configuration space; zeros behind its end."""
        ...

    async def write_config(self, offset: int, data: bytes) -> None:
        """Write bytes of the configuration space."""
        ...

    def read_memory(self, addr: int, length: int) -> bytes:
        """Return bytes of guest memory as they are now."""
        ...

    def lost(self) -> bool:
        """Whether guest memory went away that the device needed, since the last time."""
        ...

    async def fault(self) -> str:
        """Return the fault that the device needs a reset for, in words, or nothing."""
        ...
