# SPDX-License-Identifier: Apache-2.0
"""Requests of the block driver: what is asked for, what came of it, and what must not be asked."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Callable

from .blk_function import HEADER, ID_BYTES, RANGE, UNMAP, BlkFeature, RequestStatus, RequestType
from .disk import SECTOR


class BlkError(OSError):
    """A request that failed, or must not be submitted; `errno` says how.

    EIO: the device said IOERR, or nothing. ENOTSUP: it said UNSUPP, or does not have that.
    EROFS: the disk is read-only. EINVAL: the request breaks a rule. ECANCELED: the device was
    removed first.
    """


@dataclass(eq=False)
class BlkRequest:
    """One request.

    Attributes:
        kind: what is asked for.
        sector: first sector, of 512 bytes; 0 where the data say where.
        data: bytes for the device: sectors to write, or ranges packed as `RANGE`.
        length: bytes wanted from the device.
        queue: number of the queue that it goes through.
        on_done: called with the request when it is done.
        done: it came back, or never will.
        result: bytes from the device.
        error: why it failed, or None.
    """

    kind: RequestType
    sector: int = 0
    data: bytes = b""
    length: int = 0
    queue: int = 0
    on_done: Callable[[BlkRequest], None] | None = field(default=None, repr=False)
    done: bool = False
    result: bytes = field(default=b"", repr=False)
    error: OSError | None = None

    @classmethod
    def read(cls, sector: int, count: int, queue: int = 0) -> BlkRequest:
        """Read `count` sectors."""
        return cls(RequestType.IN, sector, length=count * SECTOR, queue=queue)

    @classmethod
    def write(cls, sector: int, data: bytes, queue: int = 0) -> BlkRequest:
        """Write whole sectors."""
        return cls(RequestType.OUT, sector, data, queue=queue)

    @classmethod
    def flush(cls, queue: int = 0) -> BlkRequest:
        """Make stable what was written; sector 0, no data (BLK-DRV-14, BLK-DRV-15)."""
        return cls(RequestType.FLUSH, queue=queue)

    @classmethod
    def get_id(cls, queue: int = 0) -> BlkRequest:
        """Ask for the serial number, 20 bytes (BLK-DRV-18)."""
        return cls(RequestType.GET_ID, length=ID_BYTES, queue=queue)

    @classmethod
    def ranges(
        cls, kind: RequestType, ranges: list[tuple[int, int, int]], queue: int = 0
    ) -> BlkRequest:
        """Discard, or fill with zeros, ranges of (sector, sectors, flags)."""
        return cls(kind, data=b"".join(RANGE.pack(*each) for each in ranges), queue=queue)

    @property
    def header(self) -> bytes:
        """The request's header (BLK-XDEV-01)."""
        return HEADER.pack(self.kind, 0, self.sector)

    def finish(self, error: OSError | None, result: bytes = b"") -> None:
        """Note how it ended."""
        self.done, self.error, self.result = True, error, result
        if self.on_done is not None:
            self.on_done(self)

    def take(self) -> bytes:
        """Return the bytes from the device.

        Raises:
            OSError: it failed.
        """
        if self.error is not None:
            raise self.error
        return self.result


@dataclass
class BlkShape:
    """What a disk is like, as far as requests must keep to it.

    Attributes:
        features: feature bits that were negotiated.
        capacity: sectors.
        size_max: most bytes of a segment.
        seg_max: most segments of data.
        max_ranges: most ranges of a discard and of a write-zeroes.
        max_sectors: most sectors of such a range, likewise.
    """

    features: int = 0
    capacity: int = 0
    size_max: int = 0xFFFF_FFFF
    seg_max: int = 1
    max_ranges: dict[RequestType, int] = field(default_factory=dict)
    max_sectors: dict[RequestType, int] = field(default_factory=dict)

    @property
    def most_sectors(self) -> int:
        """Sectors that a read or write can have."""
        return max(1, self.seg_max * self.size_max // SECTOR)

    def pieces(self, addr: int, length: int) -> list[tuple[int, int]]:
        """Cut a buffer into segments."""
        return [
            (addr + at, min(self.size_max, length - at)) for at in range(0, length, self.size_max)
        ]

    def check(self, request: BlkRequest) -> None:
        """Refuse a request that a driver must not submit, or that the disk cannot do.

        Raises:
            BlkError: EINVAL, EROFS, ENOTSUP.
        """
        writes = (RequestType.OUT, RequestType.DISCARD, RequestType.WRITE_ZEROES)
        if request.kind in writes and self.features & BlkFeature.RO:
            raise BlkError(errno.EROFS, "the disk is read-only")
        data, length = len(request.data), request.length
        if request.kind is RequestType.IN:
            _rule(data == 0 and length > 0, "a read has no data and a length")
            self._check_sectors(request.sector, length)
        elif request.kind is RequestType.OUT:
            _rule(length == 0 and data > 0, "a write has data and no length")
            self._check_sectors(request.sector, data)
        elif request.kind is RequestType.FLUSH:
            self._need(BlkFeature.FLUSH, "flush")
            _rule(request.sector == data == length == 0, "a flush has no sector and no data")
        elif request.kind is RequestType.GET_ID:
            _rule(data == 0 and length == ID_BYTES, f"a serial number has {ID_BYTES} bytes")
        else:
            self._check_ranges(request)

    def _check_sectors(self, sector: int, length: int) -> None:
        _rule(length % SECTOR == 0, f"{length} bytes are not whole sectors")  # BLK-DRV-16
        count = length // SECTOR
        _rule(count <= self.most_sectors, f"{count} sectors are more than {self.most_sectors}")
        self._check_place(sector, count)

    def _check_place(self, sector: int, count: int) -> None:  # BLK-DRV-12
        inside = sector >= 0 and count > 0 and sector + count <= self.capacity
        _rule(inside, f"{count} sectors from {sector} on are not inside {self.capacity}")

    def _check_ranges(self, request: BlkRequest) -> None:
        discard = request.kind is RequestType.DISCARD
        self._need(BlkFeature.DISCARD if discard else BlkFeature.WRITE_ZEROES, request.kind.name)
        data = request.data
        whole = bool(data) and len(data) % RANGE.size == 0 and request.length == 0
        _rule(whole, f"{len(data)} bytes are not ranges")  # BLK-DRV-17
        ranges = list(RANGE.iter_unpack(data))
        most, sectors = self.max_ranges[request.kind], self.max_sectors[request.kind]
        _rule(len(ranges) <= most, f"{len(ranges)} ranges are more than {most}")  # BLK-DRV-19, -21
        for sector, count, flags in ranges:
            known = flags == 0 or (flags == UNMAP and not discard)  # BLK-DRV-24
            _rule(known, f"flags {flags:#x} of a {request.kind.name}")
            _rule(count <= sectors, f"a range of {count} sectors is over {sectors}")
            self._check_place(sector, count)

    def _need(self, feature: BlkFeature, what: str) -> None:
        if not self.features & feature:
            raise BlkError(errno.ENOTSUP, f"the disk has no {what}")

    def split_ranges(
        self, kind: RequestType, sector: int, count: int, flags: int
    ) -> Iterator[list[tuple[int, int, int]]]:
        """Cut a run of sectors into the ranges of as many requests as it takes."""
        most = self.max_sectors[kind]
        ranges = [
            (sector + at, min(most, count - at), flags) for at in range(0, max(1, count), most)
        ]
        for at in range(0, len(ranges), self.max_ranges[kind]):
            yield ranges[at : at + self.max_ranges[kind]]


def outcome(status: int) -> BlkError | None:
    """Return the error that a status byte stands for."""
    if status == RequestStatus.OK:
        return None
    if status == RequestStatus.UNSUPP:
        return BlkError(errno.ENOTSUP, "the device does not support the request")
    return BlkError(errno.EIO, f"the device failed the request, status {status}")


def _rule(holds: bool, what: str) -> None:
    if not holds:
        raise BlkError(errno.EINVAL, what)
