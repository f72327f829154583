# SPDX-License-Identifier: Apache-2.0
"""A client's memory table and rings, as a session keeps them."""

from __future__ import annotations

import contextlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Optional

from tb.hil.messages import Region
from tb.native_memory import ALIGN, TOP

LEFT = 0x5152  # the place is where a server left the ring
SLOTS = 64  # regions of one client, at most


RECORD = struct.Struct("<HH60x")  # of each queue: place, LEFT


class Refused(Exception):
    """A client asked for what cannot be; the text says what, in one line."""


class Held(NamedTuple):
    """A region with the identity of its file: device, inode."""

    region: Region
    file: tuple[int, int]


class MemoryTable:
    """The regions of one client: where its own addresses are in guest memory."""

    def __init__(self) -> None:
        self._held: list[Held] = []

    def __iter__(self) -> Iterator[Held]:
        return iter(list(self._held))

    def check(self, region: Region, fd: int) -> Held:
        """Return a region that may be added.

        Raises:
            Refused: it is empty, misaligned, overlaps another, or is not within its file.
        """
        name = f"region at guest address {region.guest:#x}, {region.size:#x} bytes"
        if region.size == 0:
            raise Refused(f"{name}: it is empty")
        if region.guest + region.size > TOP or region.user + region.size > TOP:
            raise Refused(f"{name}: it reaches past 2^64")
        if region.guest % ALIGN or region.size % ALIGN:
            raise Refused(f"{name}: address and size must be multiples of {ALIGN}")
        for other, _ in self._held:
            if _overlap(region.guest, other.guest, region.size, other.size):
                raise Refused(f"{name}: it overlaps the one at {other.guest:#x}")
            if _overlap(region.user, other.user, region.size, other.size):
                raise Refused(f"{name}: its user addresses overlap those of {other.guest:#x}")
        if len(self._held) == SLOTS:
            raise Refused(f"{name}: there are {SLOTS} already")
        status = os.fstat(fd)
        if region.offset + region.size > status.st_size:
            raise Refused(
                f"{name}: its file has {status.st_size:#x} bytes, it ends at "
                f"{region.offset + region.size:#x}"
            )
        return Held(region, (status.st_dev, status.st_ino))

    def add(self, held: Held) -> None:
        """Add what `check` returned."""
        self._held.append(held)

    def remove(self, held: Held) -> None:
        """Take a region out."""
        self._held.remove(held)

    def find(self, region: Region) -> Held:
        """Return the region with these addresses and this size.

        Raises:
            Refused: there is none.
        """
        for held in self._held:
            if held.region[:3] == region[:3]:
                return held
        raise Refused(f"there is no region at guest address {region.guest:#x} to remove")

    def guest_address(self, user: int, length: int, what: str) -> int:
        """Translate a client's address of `length` bytes.

        Raises:
            Refused: they do not lie in one region.
        """
        for region, _ in self._held:
            if region.user <= user and user + length <= region.user + region.size:
                return user - region.user + region.guest
        raise Refused(f"{what}, {length} bytes at user address {user:#x}, is not in a region")


def _overlap(one: int, other: int, size: int, other_size: int) -> bool:
    return one < other + other_size and other < one + size


@dataclass
class RingState:
    """What a client has said of one ring.

    Attributes:
        size: descriptors, 0 until told.
        addresses: descriptor, driver's and device's area, in the client's addresses.
        base: as SET_VRING_BASE told it.
        kick, call, err: descriptors, None where there is none.
        kick_known: SET_VRING_KICK came, with a descriptor or without.
        polled: it came without: the client rings no bell, so the ring is looked at now and then.
        enabled: SET_VRING_ENABLE said so, or nobody needs to.
        running: the device has it.
    """

    size: int = 0
    addresses: Optional[tuple[int, int, int]] = None
    base: int = 0
    kick: Optional[int] = None
    call: Optional[int] = None
    err: Optional[int] = None
    kick_known: bool = False
    polled: bool = False
    enabled: bool = False
    running: bool = False

    @property
    def complete(self) -> bool:
        """Whether it can be started."""
        return bool(self.size and self.addresses and self.kick_known and self.enabled)

    def replace(self, name: str, fd: Optional[int]) -> None:
        """Take over a descriptor in place of the one before."""
        old = getattr(self, name)
        if old is not None:
            os.close(old)
        if fd is not None:
            os.set_blocking(fd, False)
        setattr(self, name, fd)

    def close(self) -> None:
        """Close the descriptors."""
        for name in ("kick", "call", "err"):
            self.replace(name, None)


class Record:
    """Where packed rings were left by a server that ended in order: in a file that clients keep.

    Only servers look into it. A place is there from a server's end until the ring runs again.

    Args:
        fd: the file, which belongs to the record.
        offset: where it begins in the file.
        queues: that it has room for.

    Raises:
        Refused: the file is too short, or none.
    """

    def __init__(self, fd: int, offset: int, queues: int) -> None:
        self._fd, self._offset, self._queues = fd, offset, queues
        try:
            whole = len(os.pread(fd, queues * RECORD.size, offset)) == queues * RECORD.size
        except (OSError, OverflowError):
            whole = False
        if not whole:
            os.close(fd)
            raise Refused(f"its file holds no {queues * RECORD.size} bytes from {offset:#x} on")

    def put(self, queue: int, place: int) -> None:
        """Note where a ring is left."""
        self._write(queue, place, LEFT)

    def take(self, queue: int, otherwise: int) -> int:
        """Return where a ring was left, and forget it; `otherwise` where nothing is known."""
        if queue >= self._queues:
            return otherwise
        raw = os.pread(self._fd, RECORD.size, self._offset + queue * RECORD.size)
        place, left = RECORD.unpack(raw.ljust(RECORD.size, b"\0"))
        self._write(queue, 0, 0)
        return int(place) if left == LEFT else otherwise

    def _write(self, queue: int, place: int, left: int) -> None:
        if queue < self._queues:
            with contextlib.suppress(OSError):  # the client's file, so the client's loss
                os.pwrite(self._fd, RECORD.pack(place, left), self._offset + queue * RECORD.size)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)
