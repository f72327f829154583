# SPDX-License-Identifier: Apache-2.0
"""What both ring formats share, and the split queue's bytes (section 2.7)."""

from __future__ import annotations

import abc
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeVar

from .memory import ADDRESS_END

MAX_QUEUE_SIZE = 32768  # descriptors (SPLIT-XDRV-01, PACKED-XDRV-05)
INDEX_MODULUS = 1 << 16  # ring indices count modulo this (SPLIT-XDEV-02)

DESC_BYTES = 16
DESC_FORMAT = struct.Struct("<QIHH")  # address, length, flags, next (SPLIT-XDEV-03)
USED_ELEM_BYTES = 8
USED_ELEM_FORMAT = struct.Struct("<II")  # head index, bytes written (SPLIT-XDEV-05)
U16 = struct.Struct("<H")

DESC_F_NEXT = 1  # the chain goes on at `next`
DESC_F_WRITE = 2  # the device writes, else it reads
DESC_F_INDIRECT = 4  # the descriptor names a table of descriptors
AVAIL_F_NO_INTERRUPT = 1  # in avail.flags, without EVENT_IDX (SPLIT-DRV-13)
USED_F_NO_NOTIFY = 1  # in used.flags, without EVENT_IDX (SPLIT-DEV-19)

TABLE_ALIGN, AVAIL_ALIGN, USED_ALIGN = 16, 2, 4  # bytes (SPLIT-DRV-01)


class Descriptor(NamedTuple):
    """One entry of a table: byte address, length in bytes, DESC_F_ flags, next index."""

    addr: int
    length: int
    flags: int
    next: int

    @classmethod
    def unpack(cls, raw: bytes) -> Descriptor:
        """Decode the 16 bytes of a table entry."""
        return cls(*DESC_FORMAT.unpack(raw))

    def pack(self) -> bytes:
        """Encode to the 16 bytes of a table entry."""
        return DESC_FORMAT.pack(*self)


class Segment(NamedTuple):
    """A piece of a buffer: guest-physical byte address and length in bytes."""

    addr: int
    length: int


class QueueLayout(abc.ABC):
    """Where the three areas of one queue are, in either format.

    An area that runs past 2^64 goes on at 0, as an address bus does.

    Attributes:
        size: queue size, in descriptors.
        packed: whether this is a packed ring.
        aligns: alignment of the descriptor, driver and device area, bytes.
    """

    size: int
    packed: ClassVar[bool]
    aligns: ClassVar[tuple[int, int, int]]
    names: ClassVar[tuple[str, str, str]]

    @property
    @abc.abstractmethod
    def areas(self) -> tuple[int, int, int]:
        """Byte addresses of the descriptor, driver and device area."""

    @property
    @abc.abstractmethod
    def lengths(self) -> tuple[int, int, int]:
        """Bytes of the descriptor, driver and device area."""

    @abc.abstractmethod
    def descriptor(self, index: int) -> int:
        """Byte address of descriptor `index`, which is below the size."""

    @classmethod
    @abc.abstractmethod
    def valid_size(cls, size: int) -> bool:
        """Whether a queue of this format can have `size` descriptors."""

    @classmethod
    @abc.abstractmethod
    def contiguous(cls: type[LayoutT], size: int, base: int) -> LayoutT:
        """Lay the areas out one after the other from the 16-aligned byte address `base`."""

    @classmethod
    def contiguous_bytes(cls, size: int) -> int:
        """Bytes that `contiguous` takes up."""
        layout = cls.contiguous(size, 0)
        return layout.areas[2] + layout.lengths[2]

    @classmethod
    def misaligned(cls, areas: Sequence[int]) -> str | None:
        """Name the first area whose byte address is not aligned, or None if all are."""
        for name, addr, align in zip(cls.names, areas, cls.aligns):
            if addr % align:
                return f"{name} at {addr:#x} is not {align}-aligned"
        return None

    def _check(self, sizes: str) -> None:
        if not self.valid_size(self.size):
            raise ValueError(f"queue size {self.size} is not {sizes}")
        wrong = self.misaligned(self.areas)
        if wrong is not None:
            raise ValueError(wrong)
        for name, addr in zip(self.names, self.areas):
            if not 0 <= addr < ADDRESS_END:
                raise ValueError(f"{name} at {addr:#x} is not inside 64 bits")


LayoutT = TypeVar("LayoutT", bound=QueueLayout)


def need_event(event: int, new: int, old: int) -> bool:
    """Whether moving an index from `old` to `new` passes `event` (2.7.7.1, 2.7.10.1).

    All three are 16-bit ring indices. True if the entry with index `event` is among those
    from `old` up to, not including, `new` (SPLIT-DEV-13, SPLIT-DRV-24).
    """
    return (new - event - 1) % INDEX_MODULUS < (new - old) % INDEX_MODULUS


def table_bytes(size: int) -> int:
    """Bytes of a descriptor table with `size` entries (SPLIT-XDEV-01)."""
    return DESC_BYTES * size


def avail_bytes(size: int) -> int:
    """Bytes of the available ring of a queue of `size`, used_event included (SPLIT-XDEV-01)."""
    return 6 + 2 * size


def used_bytes(size: int) -> int:
    """Bytes of the used ring of a queue of `size`, avail_event included (SPLIT-XDEV-01)."""
    return 6 + USED_ELEM_BYTES * size


def valid_size(size: int) -> bool:
    """Whether `size` is a power of two from 1 to 32768 (SPLIT-XDRV-01)."""
    return 0 < size <= MAX_QUEUE_SIZE and size & (size - 1) == 0


@dataclass(frozen=True)
class SplitLayout(QueueLayout):
    """Where the three areas of one split queue are.

    Args:
        size: queue size, in descriptors.
        table: byte address of the descriptor table, 16-aligned.
        avail: byte address of the available ring, 2-aligned.
        used: byte address of the used ring, 4-aligned.

    Raises:
        ValueError: the size is illegal, or an address is misaligned or not a 64-bit number.
    """

    size: int
    table: int
    avail: int
    used: int

    packed: ClassVar[bool] = False
    aligns: ClassVar[tuple[int, int, int]] = (TABLE_ALIGN, AVAIL_ALIGN, USED_ALIGN)
    names: ClassVar[tuple[str, str, str]] = ("descriptor table", "available ring", "used ring")

    def __post_init__(self) -> None:
        self._check("a power of two from 1 to 32768")

    @classmethod
    def contiguous(cls, size: int, base: int) -> SplitLayout:
        """See `QueueLayout.contiguous`."""
        avail = base + table_bytes(size)
        return cls(size, base, avail, (avail + avail_bytes(size) + 3) & ~3)

    @classmethod
    def valid_size(cls, size: int) -> bool:
        """Whether `size` is a power of two from 1 to 32768 (SPLIT-XDRV-01)."""
        return valid_size(size)

    @property
    def areas(self) -> tuple[int, int, int]:
        """See `QueueLayout.areas`."""
        return self.table, self.avail, self.used

    @property
    def lengths(self) -> tuple[int, int, int]:
        """See `QueueLayout.lengths`."""
        return table_bytes(self.size), avail_bytes(self.size), used_bytes(self.size)

    @property
    def avail_flags(self) -> int:
        """Byte address of avail.flags."""
        return self.avail

    @property
    def avail_idx(self) -> int:
        """Byte address of avail.idx."""
        return (self.avail + 2) % ADDRESS_END

    @property
    def used_event(self) -> int:
        """Byte address of used_event, the last word of the available ring."""
        return (self.avail + 4 + 2 * self.size) % ADDRESS_END

    @property
    def used_flags(self) -> int:
        """Byte address of used.flags."""
        return self.used

    @property
    def used_idx(self) -> int:
        """Byte address of used.idx."""
        return (self.used + 2) % ADDRESS_END

    @property
    def avail_event(self) -> int:
        """Byte address of avail_event, the last word of the used ring."""
        return (self.used + 4 + USED_ELEM_BYTES * self.size) % ADDRESS_END

    def descriptor(self, index: int) -> int:
        """Byte address of table entry `index`, which is below the size."""
        return (self.table + DESC_BYTES * index) % ADDRESS_END

    def avail_entry(self, index: int) -> int:
        """Byte address of the available entry with ring index `index` (any 16-bit value)."""
        return (self.avail + 4 + 2 * (index % self.size)) % ADDRESS_END

    def used_elem(self, index: int) -> int:
        """Byte address of the used element with ring index `index` (any 16-bit value)."""
        return (self.used + 4 + USED_ELEM_BYTES * (index % self.size)) % ADDRESS_END
