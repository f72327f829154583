# SPDX-License-Identifier: Apache-2.0
"""One receive queue of the network driver: its buffers, and frames put together out of them."""

from __future__ import annotations

from typing import Any, Callable

from .buffers import Buffers
from .net_function import ETHERNET_BYTES, HEADER_BYTES
from .ring_driver import RingVirtqueue
from .virtqueue import NoSpaceError, Virtqueue

NUM_BUFFERS_AT = 10  # in the header, 16 bits


class Receiver:
    """Keeps a receive queue full of buffers; each goes back as soon as its bytes were copied.

    Args:
        pair: number of the queue pair.
        buffers: where receive buffers come from.
        size: bytes of each.
        merge: MRG_RXBUF was negotiated: a frame may be spread over several.
        deliver: called as `deliver(frame, pair)`.

    Attributes:
        dropped: buffers that held no frame, or a part of one that is not whole.
    """

    def __init__(
        self,
        pair: int,
        buffers: Buffers,
        size: int,
        merge: bool,
        deliver: Callable[[bytes, int], None],
    ) -> None:
        self.pair, self.dropped = pair, 0
        self._buffers, self._size, self._merge, self._deliver = buffers, size, merge, deliver
        self._queue: RingVirtqueue[Any]
        self._parts: list[bytes] = []  # of the frame that is not whole yet
        self._left = 0  # buffers that it still lacks

    def fill(self, queue: RingVirtqueue[Any], count: int) -> None:
        """Give the queue `count` buffers, or as many as fit (NET-DRV-69)."""
        self._queue = queue
        for _ in range(count):
            addr = self._buffers.take(self._size)
            try:
                queue.add_buf([(addr, self._size)], 0, 1, addr)
            except NoSpaceError:
                self._buffers.free(addr)
                break
        queue.sync()

    def used(self, queue: Virtqueue) -> bool:
        """Be the queue's callback."""
        self.collect()
        return True

    def collect(self) -> None:
        """Take every used buffer, and give it back empty."""
        while (used := self._queue.get_buf()) is not None:
            self.piece(used.data, used.length)
            self._queue.add_buf([(used.data, self._size)], 0, 1, used.data)
        self._queue.sync()

    def piece(self, addr: int, length: int) -> None:
        """Take the bytes of a used buffer; deliver the frame that it completes.

        Only the first buffer of a frame begins with a header, which says how many there are
        (NET-XDEV-04, NET-DEV-28); nothing else in it matters without offloads.
        """
        data = self._buffers.read(addr, length)
        if not self._left:
            count = 1
            if self._merge:
                count = max(1, int.from_bytes(data[NUM_BUFFERS_AT:HEADER_BYTES], "little"))
            if length < HEADER_BYTES or count > self._queue.size:
                self.dropped += 1
                return
            self._parts, self._left, data = [], count, data[HEADER_BYTES:]
        self._parts.append(data)
        self._left -= 1
        if not self._left:
            frame = b"".join(self._parts)
            if len(frame) < ETHERNET_BYTES:
                self.dropped += 1
            else:
                self._deliver(frame, self.pair)

    def end(self) -> None:
        """Give up the frame that is not whole."""
        self.dropped += len(self._parts) if self._left else 0
        self._left = 0
