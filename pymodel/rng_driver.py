# SPDX-License-Identifier: Apache-2.0
"""A driver of entropy devices (section 5.4)."""

from __future__ import annotations

import errno
from typing import Any

from .buffers import Buffers
from .driver import Driver
from .queue_request import DeviceError, QueueRequest, Returned
from .rng_function import RNG_DEVICE_ID
from .steps import Steps
from .virtio_device import VirtioDevice
from .virtqueue import InvalidArgumentError, Virtqueue


class VirtioRng(Driver):
    """Reads random bytes.

    Args:
        most: largest buffer that is given to the device, bytes.
    """

    device_id = RNG_DEVICE_ID

    def __init__(self, most: int = 256) -> None:
        if most < 1:
            raise InvalidArgumentError(f"buffers of {most} bytes")
        self.most = most
        self._filled: dict[int, int] = {}  # bytes written, by the address of each buffer used
        self._awaited: set[int] = set()  # buffers whose reads have not ended

    def probe(self, device: VirtioDevice) -> Steps[None]:
        """Find the request queue (RNG-XDEV-01)."""
        self._buffers = Buffers(device.memory, device.allocator)
        (self._queue,) = yield from device.find_queues([QueueRequest(0, self._used)])

    def read(self, count: int) -> Steps[bytes]:
        """Return `count` random bytes, in as many requests as the device makes of it.

        Raises:
            InvalidArgumentError: `count` is negative.
            DeviceError: the device is of no use, or gives no byte.
        """
        if count < 0:
            raise InvalidArgumentError(f"{count} bytes")
        data = b""
        while len(data) < count:
            data += yield from self._request(min(self.most, count - len(data)))
        return data

    def _request(self, length: int) -> Steps[bytes]:
        self.device.check()
        addr = self._buffers.take(length)
        self._awaited.add(addr)
        try:
            self._queue.add_buf([(addr, length)], 0, 1, addr)  # writable only (RNG-DRV-01)
            self._queue.sync()
            yield from self.device.kick()
            yield from self.device.wait_until(lambda: addr in self._filled)
            data = self._buffers.read(addr, self._filled.pop(addr))  # RNG-DRV-02
        finally:
            self._awaited.discard(addr)
            if addr in self._buffers and addr not in self._queue.outstanding:
                self._buffers.free(addr)
        if not data:  # RNG-DEV-01
            raise DeviceError(errno.EIO, "the device returned a buffer without a random byte")
        return data

    def _used(self, queue: Virtqueue) -> bool:
        while (used := queue.get_buf()) is not None:
            if used.data in self._awaited:
                self._filled[used.data] = used.length
            else:  # its read was given up
                self._buffers.free(used.data)
        return True

    def removed(self, returned: list[Returned]) -> list[Any]:
        """Free the buffers; a read that waits ends with `DeviceError`."""
        self._buffers.free_all()
        self._filled.clear()
        return []
