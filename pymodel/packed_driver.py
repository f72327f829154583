# SPDX-License-Identifier: Apache-2.0
"""The driver side of a packed queue (sections 2.8.21 and 2.8.22)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, ClassVar

from .allocator import Allocator
from .driver_chains import ChainBook, DriverChain
from .driver_ring import DriverRing
from .layout import (
    DESC_BYTES,
    DESC_F_INDIRECT,
    DESC_F_NEXT,
    DESC_F_WRITE,
    INDEX_MODULUS,
    U16,
    QueueLayout,
)
from .memory import Memory
from .packed_layout import (
    DESC_LAP,
    EVENT_BYTES,
    EVENT_DESC,
    EVENT_DISABLE,
    EVENT_ENABLE,
    EVENT_FLAGS_AT,
    FIRST,
    FLAGS_AT,
    LENGTH_AT,
    USED_FORMAT,
    EventSuppression,
    PackedDescriptor,
    PackedLayout,
    Position,
)
from .ring_driver import RingVirtqueue


class PackedBook(ChainBook):
    """The books of a packed queue: chains follow each other in the ring, an id names each.

    Args:
        ring: the ring.
        layout: its addresses.
        tables: where indirect tables come from.
        start: word of the position of the first buffer.
        ids: buffer ids to give out, as many as descriptors; the first ones go first.
    """

    def __init__(
        self,
        ring: DriverRing,
        layout: PackedLayout,
        tables: Allocator | None,
        start: int,
        ids: Sequence[int],
    ) -> None:
        super().__init__(ring, layout.size, tables, start)
        self._layout = layout
        self._first = ids
        self._free_all()

    def after(self, index: int, chain: DriverChain) -> int:
        """See `ChainBook.after`; one used descriptor stands for the list (PACKED-XDEV-06)."""
        return Position.of(index).ahead(chain.cost, self._size).word

    def places(self, chain: DriverChain) -> list[Position]:
        """Where the chain's descriptors are, in order."""
        start = Position.of(chain.start)
        return [start.ahead(at, self._size) for at in range(chain.cost)]

    def flags(self, chain: DriverChain) -> list[int]:
        """The flags of the chain's descriptors, but for AVAIL and USED."""
        if chain.use_table:  # WRITE stays clear beside INDIRECT (PACKED-XDEV-08)
            return [DESC_F_INDIRECT]
        last = chain.cost - 1
        return [
            chain.write_flag(at) | (DESC_F_NEXT if at < last else 0) for at in range(chain.cost)
        ]

    def _take(self, chain: DriverChain) -> None:
        chain.id = self._ids.pop()
        chain.descriptors = [place.offset for place in self.places(chain)]

    def _untake(self, chain: DriverChain) -> None:
        self._ids.append(chain.id)

    def _release(self, chain: DriverChain) -> None:
        self._ids.append(chain.id)

    def _unrelease(self, chain: DriverChain) -> None:
        self._ids.pop()

    def _free_all(self) -> None:
        self._ids = list(reversed(self._first))  # a stack; its end is taken next

    def _table(self, chain: DriverChain) -> bytes:
        return b"".join(  # only WRITE means anything in a table (PACKED-DRV-13)
            PackedDescriptor(addr, length, 0, chain.write_flag(at)).pack()
            for at, (addr, length) in enumerate(chain.segments)
        )

    def _lay_down(self, chain: DriverChain) -> None:
        """Write all but AVAIL and USED, which stay as they were: not of this lap."""
        segments: list[tuple[int, int]] = list(chain.segments)
        if chain.table is not None:
            segments = [(chain.table, chain.table_bytes)]
        chain.overwritten = []
        last = chain.cost - 1
        for at, ((addr, length), flags) in enumerate(zip(segments, self.flags(chain))):
            place = self._layout.descriptor(chain.descriptors[at])
            old = U16.unpack(self._ring.peek(place + FLAGS_AT, 2))[0]
            number = chain.id if at == last else 0  # PACKED-XDRV-03
            entry = PackedDescriptor(addr, length, number, old & DESC_LAP | flags)
            chain.overwritten.append(self._ring.replace(place, entry.pack()))
        self._ring.step("descriptors")


class PackedVirtqueue(RingVirtqueue[PackedLayout]):
    """Driver side of a packed queue; see `RingVirtqueue` for the arguments.

    `add_buf` writes descriptors without making any of them available, so that a buffer can be
    detached. `sync` then writes their flags from the last one back to the first one of all. A
    device looks only at the next descriptor in ring order, so that last store of two bytes shows
    it everything at once; and none of a list's descriptors is available later than its first
    one (PACKED-DRV-11).

    Construction zeroes the ring (PACKED-XDRV-06).

    Args:
        memory, layout, notify, index, arguments: see `RingVirtqueue`.
        ids: buffer ids to use, any 16-bit numbers, as many as the queue has descriptors; None
            is those from 0 on.
    """

    first_index: ClassVar[int] = FIRST.word
    layout_type: ClassVar[type[QueueLayout]] = PackedLayout
    _book: PackedBook

    def __init__(
        self,
        memory: Memory,
        layout: PackedLayout,
        notify: Callable[[int], None],
        index: int = 0,
        *,
        ids: Sequence[int] | None = None,
        **arguments: Any,
    ) -> None:
        self._ids = range(layout.size) if ids is None else ids
        if len(set(self._ids)) != layout.size or not set(self._ids) <= set(range(INDEX_MODULUS)):
            raise ValueError(f"the buffer ids are not {layout.size} different 16-bit numbers")
        super().__init__(memory, layout, notify, index, **arguments)

    def _make_book(self, start: int) -> PackedBook:
        if Position.of(start).offset >= self.size:
            raise ValueError(f"start index {start:#x} is not below the queue size {self.size}")
        return PackedBook(self._ring, self.layout, self.tables, start, self._ids)

    def _clear(self, start: int, interrupts: bool) -> None:
        at = Position.of(start)
        # What a lap leaves behind: used descriptors, those ahead of `start` of the lap before.
        flags = [at.used] * at.offset + [at.used ^ DESC_LAP] * (self.size - at.offset)
        ring = b"".join(PackedDescriptor(0, 0, 0, value).pack() for value in flags)
        wish = EVENT_DISABLE
        if interrupts:
            wish = EVENT_DESC if self.event_idx else EVENT_ENABLE
        driver = EventSuppression(start if wish == EVENT_DESC else 0, wish)
        raws = ring, driver.pack(), EventSuppression(0, EVENT_ENABLE).pack()
        for addr, raw in zip(self.layout.areas, raws):
            self._memory.write(addr, raw)

    def _publish(self) -> None:
        stores = [
            (self.layout.flags(place.offset), place.available | flags)
            for chain in self._book.unpublished
            for place, flags in zip(self._book.places(chain), self._book.flags(chain))
        ]
        # The descriptors are in memory before any flags (PACKED-DRV-17), and the first one's
        # flags come last (PACKED-DRV-11, PACKED-DRV-16).
        for addr, flags in reversed(stores[1:]):
            self._ring.write16(addr, flags, "later flags")
        self._ring.write16(*stores[0], "first flags")

    def _wants_notification(self, old: int, new: int) -> bool:
        raw = self._ring.read(self.layout.device, EVENT_BYTES, "device event read")
        wish = EventSuppression.unpack(raw)
        return wish.wants(Position.of(old), Position.of(new), self.size, self.event_idx)

    def _waiting(self) -> int:
        """See `RingVirtqueue._waiting`; only the next element can be told."""
        if not self._is_there(self._element_index):
            return len(self._batch)
        held = self._held()
        if held == len(self._batch):
            text = self._text(self._element_index)
            raise self._break(f"used element {text}: the device holds no buffer")
        return held

    def _is_there(self, index: int) -> bool:
        """Read whether the descriptor at `index` is used in its lap (PACKED-DRV-02)."""
        place = Position.of(index)
        flags = self._ring.read16(self.layout.flags(place.offset), "used flags read")
        return place.is_used(flags)

    def _read_used(self, index: int) -> tuple[int, int]:
        addr = self.layout.descriptor(Position.of(index).offset)
        raw = self._ring.read(addr, DESC_BYTES, "used element read")
        length, number = USED_FORMAT.unpack(raw[LENGTH_AT : LENGTH_AT + USED_FORMAT.size])
        flags = PackedDescriptor.unpack(raw).flags
        return number, length if flags & DESC_F_WRITE else 0  # PACKED-XDEV-04, PACKED-XDEV-05

    def _is_pending(self) -> bool:
        return bool(self._batch) or self._is_there(self._element_index)

    def _ask(self) -> None:
        if self.event_idx:
            self._ask_on()
            self._write_flags(EVENT_DESC)
        else:
            self._write_flags(EVENT_ENABLE)

    def _ask_on(self) -> None:
        self._ring.write16(self.layout.driver, self._used_index, "driver event position written")

    def _suppress(self) -> None:
        self._write_flags(EVENT_DISABLE)

    def _text(self, index: int) -> str:
        return Position.of(index).text()

    def _write_flags(self, flags: int) -> None:
        addr = self.layout.driver + EVENT_FLAGS_AT
        self._ring.write16(addr, flags, "driver event flags written")
