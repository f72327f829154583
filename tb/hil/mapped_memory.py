# SPDX-License-Identifier: Apache-2.0
"""Guest memory in files that several processes map, as Python sees it without a simulator."""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterator
from typing import NamedTuple

from pymodel import MemoryFault, MemoryFaultKind

PAGE = mmap.PAGESIZE
TOP = 1 << 64


class _Piece(NamedTuple):
    base: int
    end: int
    place: memoryview
    mapping: mmap.mmap


class MappedMemory:
    """Guest memory whose regions are parts of files; satisfies the golden model's `Memory`.

    A read sees what others have written before, and they see what was written here before it:
    both sides of a ring rely on that where they store one word and then load another.
    """

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._fence = threading.Lock()

    def add(self, base: int, size: int, fd: int, offset: int) -> None:
        """Map a part of a file.

        Args:
            base: guest-physical address of its first byte.
            size: bytes.
            fd: descriptor of the file, which stays the caller's.
            offset: of the first byte in the file.

        Raises:
            ValueError: it is empty, outside 64 bits or its file, or overlaps another.
            OSError: it cannot be mapped.
        """
        if size <= 0 or base < 0 or base + size > TOP:
            raise ValueError(f"region {base:#x} + {size:#x} is empty or outside 64 bits")
        if any(base < piece.end and piece.base < base + size for piece in self._pieces):
            raise ValueError(f"region {base:#x} + {size:#x} overlaps another")
        if offset + size > os.fstat(fd).st_size:
            raise ValueError(f"region {base:#x} + {size:#x} is not within its file")
        skip = offset % PAGE
        mapping = mmap.mmap(fd, size + skip, offset=offset - skip)
        place = memoryview(mapping)[skip : skip + size]
        self._pieces.append(_Piece(base, base + size, place, mapping))
        self._pieces.sort(key=lambda piece: piece.base)

    def remove(self, base: int) -> None:
        """Unmap the region that begins at `base`.

        Raises:
            ValueError: there is none.
        """
        for piece in self._pieces:
            if piece.base == base:
                self._pieces.remove(piece)
                piece.place.release()
                piece.mapping.close()
                return
        raise ValueError(f"no region begins at {base:#x}")

    def close(self) -> None:
        """Unmap everything."""
        for piece in list(self._pieces):
            self.remove(piece.base)

    def read(self, addr: int, length: int) -> bytes:
        """Return `length` bytes from `addr`, or raise `MemoryFault`."""
        with self._fence:  # stores before it are seen by others before what is loaded after it
            return b"".join([bytes(part) for part in self._parts(addr, length)])

    def write(self, addr: int, data: bytes) -> None:
        """Store `data` from `addr` on, all of it or, on `MemoryFault`, nothing."""
        source = memoryview(data)
        for part in list(self._parts(addr, len(data))):
            part[:] = source[: len(part)]
            source = source[len(part) :]

    def _parts(self, addr: int, length: int) -> Iterator[memoryview]:
        """Yield the bytes of a range, region by region."""
        at, end = addr, addr + length
        for piece in self._pieces:
            if piece.base <= at < piece.end and at < end:
                stop = min(end, piece.end)
                yield piece.place[at - piece.base : stop - piece.base]
                at = stop
        if at < end:
            raise MemoryFault(addr, length, MemoryFaultKind.DECERR)
