# SPDX-License-Identifier: Apache-2.0
"""The packed queue's bytes: where they are and what they mean (section 2.8)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from .layout import DESC_BYTES, MAX_QUEUE_SIZE, QueueLayout
from .memory import ADDRESS_END

DESC_F_AVAIL = 1 << 7  # of the lap in which it was made available (PACKED-XDRV-02)
DESC_F_USED = 1 << 15  # equal to AVAIL once used (PACKED-XDEV-02)
DESC_LAP = DESC_F_AVAIL | DESC_F_USED
PACKED_FORMAT = struct.Struct("<QIHH")  # address, length, buffer id, flags (PACKED-XDRV-06)
USED_FORMAT = struct.Struct("<IH")  # length and buffer id, which a used descriptor gets
LENGTH_AT, FLAGS_AT = 8, 14  # byte offsets in a descriptor

EVENT_BYTES = 4
EVENT_FORMAT = struct.Struct("<HH")  # offset and wrap counter, flags (PACKED-XDEV-13)
EVENT_FLAGS_AT = 2  # byte offset in an event suppression structure
EVENT_ENABLE, EVENT_DISABLE, EVENT_DESC = 0, 1, 2  # PACKED-XDEV-11
EVENT_FLAGS = 3  # mask; the other 14 bits are reserved

RING_ALIGN, EVENT_ALIGN = 16, 4  # bytes (PACKED-DRV-01)


class PackedDescriptor(NamedTuple):
    """One entry of a ring or indirect table: byte address, bytes, buffer id, DESC_F_ flags."""

    addr: int
    length: int
    id: int
    flags: int

    @classmethod
    def unpack(cls, raw: bytes) -> PackedDescriptor:
        """Decode the 16 bytes of a descriptor."""
        return cls(*PACKED_FORMAT.unpack(raw))

    def pack(self) -> bytes:
        """Encode to the 16 bytes of a descriptor."""
        return PACKED_FORMAT.pack(*self)


class Position(NamedTuple):
    """A place in a packed ring: descriptor offset, and the wrap counter of its lap, 0 or 1.

    Laps alternate between wrap counter 1, which is the first one's, and 0.
    """

    offset: int
    wrap: int

    @classmethod
    def of(cls, word: int) -> Position:
        """Decode the 16-bit word of event structures and notifications (PACKED-XDEV-13)."""
        return cls(word & 0x7FFF, word >> 15)

    @property
    def word(self) -> int:
        """Offset in bits 14:0, wrap counter in bit 15."""
        return self.wrap << 15 | self.offset

    def ahead(self, count: int, size: int) -> Position:
        """The place `count` descriptors on (PACKED-XDEV-01, PACKED-XDRV-01)."""
        laps, offset = divmod(self.offset + count, size)
        return Position(offset, self.wrap ^ laps & 1)

    def distance(self, start: Position, size: int) -> int:
        """Descriptors from `start` to here, modulo the 2 `size` of two laps."""
        return (self.offset - start.offset + size * (self.wrap ^ start.wrap)) % (2 * size)

    def text(self) -> str:
        """Such as `5, wrap 1`."""
        return f"{self.offset}, wrap {self.wrap}"

    @property
    def available(self) -> int:
        """AVAIL and USED of a descriptor made available here (PACKED-XDRV-02)."""
        return DESC_F_AVAIL if self.wrap else DESC_F_USED

    @property
    def used(self) -> int:
        """AVAIL and USED of a descriptor used here (PACKED-XDEV-02)."""
        return DESC_LAP if self.wrap else 0

    def is_available(self, flags: int) -> bool:
        """Whether the flags read here say available, in this lap."""
        return flags & DESC_LAP == self.available

    def is_used(self, flags: int) -> bool:
        """Whether the flags read here say used, in this lap."""
        return flags & DESC_LAP == self.used


FIRST = Position(0, 1)  # where both sides begin (PACKED-XDRV-01, PACKED-XDEV-01)


class EventSuppression(NamedTuple):
    """One side's wish for events: the other one reads it after it changed the ring.

    Attributes:
        desc: word of the position that the event waits for, if `flags` is EVENT_DESC.
        flags: EVENT_ENABLE, EVENT_DISABLE, EVENT_DESC, or the reserved 3.
    """

    desc: int
    flags: int

    @classmethod
    def unpack(cls, raw: bytes) -> EventSuppression:
        """Decode the 4 bytes; reserved bits are disregarded."""
        desc, flags = EVENT_FORMAT.unpack(raw)
        return cls(desc, flags & EVENT_FLAGS)

    def pack(self) -> bytes:
        """Encode to 4 bytes."""
        return EVENT_FORMAT.pack(self.desc, self.flags)

    def wants(self, old: Position, new: Position, size: int, event_idx: bool) -> bool:
        """Whether an event is due when descriptors from `old` up to, not including, `new` changed.

        The flag for one descriptor means that only with EVENT_IDX; without it, and for the
        reserved value, every change is told, since an event too many does no harm. All
        descriptors of a list count, also those that the device skips (PACKED-XDEV-12). An
        offset not below the size names no descriptor, so its event never comes.
        """
        if self.flags == EVENT_DESC and event_idx:
            at = Position.of(self.desc)
            return at.offset < size and at.distance(old, size) < new.distance(old, size)
        return self.flags != EVENT_DISABLE


@dataclass(frozen=True)
class PackedLayout(QueueLayout):
    """Where the three areas of one packed queue are.

    Args:
        size: queue size, in descriptors, not necessarily a power of two.
        ring: byte address of the descriptor ring, 16-aligned.
        driver: byte address of the driver event suppression structure, 4-aligned.
        device: byte address of the device event suppression structure, 4-aligned.

    Raises:
        ValueError: the size is illegal, or an address is misaligned or not a 64-bit number.
    """

    size: int
    ring: int
    driver: int
    device: int

    packed: ClassVar[bool] = True
    aligns: ClassVar[tuple[int, int, int]] = (RING_ALIGN, EVENT_ALIGN, EVENT_ALIGN)
    names: ClassVar[tuple[str, str, str]] = ("descriptor ring", "driver event", "device event")

    def __post_init__(self) -> None:
        self._check("1 to 32768")

    @classmethod
    def contiguous(cls, size: int, base: int) -> PackedLayout:
        """See `QueueLayout.contiguous`."""
        driver = base + DESC_BYTES * size
        return cls(size, base, driver, driver + EVENT_BYTES)

    @classmethod
    def valid_size(cls, size: int) -> bool:
        """Whether `size` is 1 to 32768 (PACKED-XDRV-05)."""
        return 0 < size <= MAX_QUEUE_SIZE

    @property
    def areas(self) -> tuple[int, int, int]:
        """See `QueueLayout.areas`."""
        return self.ring, self.driver, self.device

    @property
    def lengths(self) -> tuple[int, int, int]:
        """See `QueueLayout.lengths`."""
        return DESC_BYTES * self.size, EVENT_BYTES, EVENT_BYTES

    def descriptor(self, index: int) -> int:
        """Byte address of the descriptor at offset `index`, which is below the size."""
        return (self.ring + DESC_BYTES * index) % ADDRESS_END

    def flags(self, index: int) -> int:
        """Byte address of the flags of the descriptor at offset `index`."""
        return (self.descriptor(index) + FLAGS_AT) % ADDRESS_END
