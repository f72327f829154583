# SPDX-License-Identifier: Apache-2.0
"""The virtqueue operations, apart from any ring format, and their errors."""

from __future__ import annotations

import abc
import errno
from collections.abc import Container, Hashable, Sequence
from typing import Any, Callable, NamedTuple

from .layout import Segment


class VirtqueueError(OSError):
    """An operation that failed; `errno` says how. The queue is unchanged unless it broke."""

    code = errno.EIO

    def __init__(self, message: str) -> None:
        super().__init__(self.code, message)


class NoSpaceError(VirtqueueError):
    """ENOSPC: too few descriptors are free."""

    code = errno.ENOSPC


class NotOutstandingError(VirtqueueError):
    """ENOENT: the token was never added, or its buffer is used already."""

    code = errno.ENOENT


class InvalidArgumentError(VirtqueueError):
    """EINVAL: the caller broke a rule of the operation."""

    code = errno.EINVAL


class BusyError(VirtqueueError):
    """EBUSY: the buffer belongs to the device until the queue or device is reset."""

    code = errno.EBUSY


class ConcurrentUseError(VirtqueueError):
    """EBUSY: an operation entered while another one was running on the same queue."""

    code = errno.EBUSY


class BrokenQueueError(VirtqueueError):
    """EIO: the device broke a rule of the ring; only `shutdown` is left."""

    code = errno.EIO


class UsedBuffer(NamedTuple):
    """What `get_buf` returns: the token, and the bytes that the device wrote."""

    data: Any
    length: int


Callback = Callable[["Virtqueue"], bool]


class Virtqueue(abc.ABC):
    """A queue of buffers between a driver and a device.

    Attributes:
        callback: called as `callback(queue)` from an interrupt if a used buffer is pending.
            Returning False means no more calls until `restart`. None at construction suppresses
            interrupts from the start. It may call the operations.
        priv: the driver's own, never looked at.

    No two operations may run on one queue at the same time: the second one to enter raises
    `ConcurrentUseError` and changes nothing. Every operation of a broken queue raises
    `BrokenQueueError`, but for `shutdown`.
    """

    callback: Callback | None
    priv: Any

    @abc.abstractmethod
    def add_buf(
        self,
        sg: Sequence[tuple[int, int]],
        out_num: int,
        in_num: int,
        data: Hashable,
    ) -> None:
        """Expose a buffer to the device; it sees nothing before `sync`.

        Args:
            sg: `Segment`s or `(byte address, bytes)` pairs, the readable ones first.
            out_num: how many the device may read.
            in_num: how many, after those, it may write.
            data: token that `get_buf` gives back; unique among the outstanding ones.

        Raises:
            InvalidArgumentError: no segment, counts that do not match `sg`, an empty or
                impossible segment, or a None, unhashable or duplicate token.
            NoSpaceError: too few descriptors are free; nothing has changed.
        """

    @abc.abstractmethod
    def sync(self) -> None:
        """Publish all that was added with one index update, then notify once if needed."""

    @abc.abstractmethod
    def get_buf(self) -> UsedBuffer | None:
        """Return the next used buffer's token and bytes written, or None.

        Raises:
            BrokenQueueError: the device returned something that it did not have.
        """

    @abc.abstractmethod
    def detach_buf(self, data: Hashable) -> None:
        """Take back a buffer that the device has not used.

        Raises:
            NotOutstandingError: `data` was never added, or is used (even if not collected).
            BusyError: it is published, and only a reset could take it back.
        """

    @abc.abstractmethod
    def restart(self) -> bool:
        """Turn callbacks on again after one returned False.

        Returns:
            False if a used buffer is pending: callbacks are still off, drain and try again.

        Raises:
            InvalidArgumentError: callbacks are on, or there is no callback.
        """

    @abc.abstractmethod
    def interrupt(self) -> None:
        """Tell the queue that a used-buffer interrupt came; the transport calls this.

        During an operation it is held back until that has finished, as with interrupts off.
        """

    @abc.abstractmethod
    def shutdown(self) -> list[Hashable]:
        """Close the queue and return the outstanding tokens, in the order of their adding.

        The device must have been reset before, or the queue stopped (CLEAN-DRV-02). Works on
        a broken queue too. Later operations raise `BrokenQueueError`.
        """


def check_segments(
    sg: Sequence[tuple[int, int]], out_num: int, in_num: int
) -> tuple[list[Segment], int]:
    """Return `sg` as segments and its writable bytes, or raise `InvalidArgumentError`.

    A chain has at most 2^32 bytes and neither kind reaches 2^32 (SPLIT-DRV-04).
    """
    if out_num < 0 or in_num < 0 or out_num + in_num != len(sg):
        raise InvalidArgumentError(
            f"{out_num} readable and {in_num} writable segments given as {len(sg)}"
        )
    if not sg:
        raise InvalidArgumentError("a buffer has at least one segment")
    segments = [Segment(addr, length) for addr, length in sg]
    for place, (addr, length) in enumerate(segments):
        if not 0 < length < 1 << 32:
            raise InvalidArgumentError(f"segment {place} has {length} bytes")
        if not 0 <= addr <= (1 << 64) - length:
            raise InvalidArgumentError(f"segment {place} at {addr:#x} is not inside 64 bits")
    readable = sum(length for _, length in segments[:out_num])
    writable = sum(length for _, length in segments[out_num:])
    if max(readable, writable) >= 1 << 32 or readable + writable > 1 << 32:
        raise InvalidArgumentError(f"buffer of {readable} and {writable} bytes is over 2^32")
    return segments, writable


def check_token(data: Hashable, outstanding: Container[Hashable]) -> None:
    """Raise `InvalidArgumentError` unless `data` may be a token besides the outstanding ones."""
    if data is None:
        raise InvalidArgumentError("the token is None")
    try:
        duplicate = data in outstanding
    except TypeError:
        raise InvalidArgumentError(f"token {data!r} is not hashable") from None
    if duplicate:
        raise InvalidArgumentError(f"token {data!r} is outstanding already")
