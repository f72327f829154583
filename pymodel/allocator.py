# SPDX-License-Identifier: Apache-2.0
"""Hand out pieces of a memory region, always the lowest that fits.

Which piece comes next depends on what is allocated now and on nothing else, so two worlds that
run the same operations get the same addresses, and freeing what was just allocated undoes it.
"""

from __future__ import annotations

import bisect

from .memory import ADDRESS_END, Region


class OutOfMemory(Exception):
    """No free piece is large enough."""


class Allocator:
    """Aligned allocation in `length` bytes from byte address `base` on.

    Raises:
        ValueError: the region is empty or outside 64 bits.
    """

    def __init__(self, base: int, length: int) -> None:
        if length <= 0 or base < 0 or base + length > ADDRESS_END:
            raise ValueError(f"region of {length} bytes at {base:#x} is empty or outside 64 bits")
        self.region = Region(base, length)
        self._holes: list[tuple[int, int]] = [(base, base + length)]  # sorted, never adjacent
        self._sizes: dict[int, int] = {}

    @property
    def free_bytes(self) -> int:
        """Bytes not allocated, in however many pieces."""
        return sum(end - base for base, end in self._holes)

    def allocate(self, length: int, align: int = 16) -> int:
        """Return the byte address of `length` free bytes, a multiple of `align`.

        Raises:
            ValueError: `length` is not positive or `align` is not a power of two.
            OutOfMemory: nothing fits.
        """
        if length <= 0:
            raise ValueError(f"allocation of {length} bytes")
        if align <= 0 or align & (align - 1):
            raise ValueError(f"alignment {align} is not a power of two")
        for place, (base, end) in enumerate(self._holes):
            addr = (base + align - 1) & -align
            if addr + length <= end:
                self._take(place, addr, length)
                return addr
        raise OutOfMemory(f"no {length} bytes aligned to {align} are free of {self.region}")

    def reserve(self, addr: int, length: int) -> None:
        """Allocate the `length` bytes at byte address `addr`, as undoing a `free` needs.

        Raises:
            OutOfMemory: they are not all free.
        """
        for place, (base, end) in enumerate(self._holes):
            if base <= addr and addr + length <= end:
                self._take(place, addr, length)
                return
        raise OutOfMemory(f"{length} bytes at {addr:#x} are not free")

    def free(self, addr: int) -> None:
        """Give back what `allocate` returned as `addr`.

        Raises:
            ValueError: `addr` is not allocated.
        """
        if addr not in self._sizes:
            raise ValueError(f"{addr:#x} is not allocated")
        base, end = addr, addr + self._sizes.pop(addr)
        place = bisect.bisect_left(self._holes, (base, end))
        if place < len(self._holes) and self._holes[place][0] == end:
            end = self._holes.pop(place)[1]
        if place > 0 and self._holes[place - 1][1] == base:
            place -= 1
            base = self._holes.pop(place)[0]
        self._holes.insert(place, (base, end))

    def _take(self, place: int, addr: int, length: int) -> None:
        base, end = self._holes[place]
        left = [(base, addr)] if addr > base else []
        right = [(addr + length, end)] if addr + length < end else []
        self._holes[place : place + 1] = left + right
        self._sizes[addr] = length
