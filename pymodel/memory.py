# SPDX-License-Identifier: Apache-2.0
"""Guest memory: what both sides of a queue read and write.

The driver side and the device side know memory only as the `Memory` protocol, so they run
unchanged over `GuestMemory` or over the memory of a simulator.
"""

from __future__ import annotations

import enum
from typing import NamedTuple, Protocol

ADDRESS_END = 1 << 64


class MemoryFaultKind(enum.Enum):
    """How a bus answers an access that it refuses (the AXI4 response names)."""

    DECERR = "DECERR"  # nothing is there
    SLVERR = "SLVERR"  # something is there, and it failed


class MemoryFault(Exception):
    """The memory refused an access of `length` bytes at byte address `addr`."""

    def __init__(self, addr: int, length: int, kind: MemoryFaultKind) -> None:
        super().__init__(f"{kind.value} for {length} bytes at {addr:#x}")
        self.addr = addr
        self.length = length
        self.kind = kind


class Memory(Protocol):
    """Byte-addressed memory; both calls raise `MemoryFault` where it refuses."""

    def read(self, addr: int, length: int) -> bytes:
        """Return `length` bytes from byte address `addr`."""

    def write(self, addr: int, data: bytes) -> None:
        """Store `data` from byte address `addr` on."""


class Region(NamedTuple):
    """`length` bytes from guest-physical byte address `base` on."""

    base: int
    length: int

    @property
    def end(self) -> int:
        """The first byte address after the region."""
        return self.base + self.length


class _Refusal(NamedTuple):
    base: int
    end: int
    kind: MemoryFaultKind
    read: bool
    write: bool


class GuestMemory:
    """Several regions of zeroed memory anywhere in 64 bits.

    Args:
        regions: `Region`s or `(base, length)` pairs, bytes. Further ones by `add_region`.

    Raises:
        ValueError: a region is empty, outside 64 bits, or overlaps another.
    """

    def __init__(self, *regions: Region | tuple[int, int]) -> None:
        self._regions: list[tuple[int, int, bytearray]] = []
        self._refusals: list[_Refusal] = []
        for base, length in regions:
            self.add_region(base, length)

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions, by address."""
        return tuple(Region(base, end - base) for base, end, _ in self._regions)

    def add_region(self, base: int, length: int) -> Region:
        """Add `length` zeroed bytes at byte address `base`."""
        if length <= 0 or base < 0 or base + length > ADDRESS_END:
            raise ValueError(f"region of {length} bytes at {base:#x} is empty or outside 64 bits")
        for other, end, _ in self._regions:
            if base < end and other < base + length:
                raise ValueError(f"region at {base:#x} overlaps the one at {other:#x}")
        self._regions.append((base, base + length, bytearray(length)))
        self._regions.sort(key=lambda region: region[0])
        return Region(base, length)

    def refuse(
        self,
        addr: int,
        length: int,
        kind: MemoryFaultKind = MemoryFaultKind.SLVERR,
        read: bool = True,
        write: bool = True,
    ) -> None:
        """Refuse every access that touches `length` bytes from `addr` on.

        Args:
            addr: first byte address.
            length: bytes.
            kind: the answer.
            read: whether reads are refused.
            write: whether writes are refused.
        """
        if length <= 0:
            raise ValueError(f"refused range at {addr:#x} has length {length}")
        self._refusals.append(_Refusal(addr, addr + length, kind, read, write))

    def accept_all(self) -> None:
        """Forget every range given to `refuse`."""
        self._refusals.clear()

    def read(self, addr: int, length: int) -> bytes:
        """Return `length` bytes from byte address `addr`, or raise `MemoryFault`."""
        base, data = self._find(addr, length, write=False)
        return bytes(data[addr - base : addr - base + length])

    def write(self, addr: int, data: bytes) -> None:
        """Store `data` from byte address `addr` on, all of it or, on `MemoryFault`, nothing."""
        base, store = self._find(addr, len(data), write=True)
        store[addr - base : addr - base + len(data)] = data

    def _find(self, addr: int, length: int, write: bool) -> tuple[int, bytearray]:
        if length < 0:
            raise ValueError(f"access of {length} bytes at {addr:#x}")
        end = addr + length
        for refusal in self._refusals:
            applies = refusal.write if write else refusal.read
            if applies and addr < refusal.end and refusal.base < end:
                raise MemoryFault(addr, length, refusal.kind)
        for base, region_end, data in self._regions:
            if base <= addr and end <= region_end:
                return base, data
        raise MemoryFault(addr, length, MemoryFaultKind.DECERR)
