# SPDX-License-Identifier: Apache-2.0
"""The driver side of a split queue (sections 2.7.13 and 2.7.14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable, ClassVar

from .allocator import Allocator
from .driver_chains import ChainBook, DriverChain
from .driver_ring import DriverRing
from .layout import (
    AVAIL_F_NO_INTERRUPT,
    DESC_F_INDIRECT,
    DESC_F_NEXT,
    INDEX_MODULUS,
    U16,
    USED_ELEM_BYTES,
    USED_ELEM_FORMAT,
    USED_F_NO_NOTIFY,
    Descriptor,
    QueueLayout,
    SplitLayout,
    need_event,
)
from .memory import Memory
from .ring_driver import RingVirtqueue


class SplitBook(ChainBook):
    """The books of a split queue: any free descriptors make a chain, an entry names its head.

    Args:
        ring: the ring.
        layout: its addresses.
        tables: where indirect tables come from.
        start: available index of the first buffer.
        order: see `SplitVirtqueue`.
    """

    def __init__(
        self,
        ring: DriverRing,
        layout: SplitLayout,
        tables: Allocator | None,
        start: int,
        order: Sequence[int] | None,
    ) -> None:
        super().__init__(ring, layout.size, tables, start)
        self._layout = layout
        self._again_last = order is not None
        self._first = list(range(layout.size) if order is None else order)[::-1]
        self._free_all()
        if sorted(self._free) != list(range(layout.size)):
            raise ValueError(f"order does not name each of {layout.size} descriptors once")

    def after(self, index: int, chain: DriverChain) -> int:
        """See `ChainBook.after`."""
        return (index + 1) % INDEX_MODULUS

    def _take(self, chain: DriverChain) -> None:
        chain.descriptors = [self._free.pop() for _ in range(chain.cost)]
        chain.id = chain.descriptors[0]

    def _untake(self, chain: DriverChain) -> None:
        self._free.extend(reversed(chain.descriptors))  # its head is taken next

    def _release(self, chain: DriverChain) -> None:
        if self._again_last:
            self._free[:0] = reversed(chain.descriptors)
        else:
            self._untake(chain)

    def _unrelease(self, chain: DriverChain) -> None:
        count = len(chain.descriptors)
        del self._free[slice(0, count) if self._again_last else slice(-count, None)]

    def _free_all(self) -> None:
        self._free = list(self._first)  # its end is taken next

    def _table(self, chain: DriverChain) -> bytes:
        entries = self._linked(chain, range(len(chain.segments)))
        return b"".join(entry.pack() for entry in entries)

    def _lay_down(self, chain: DriverChain) -> None:
        if chain.table is None:
            written = self._linked(chain, chain.descriptors)
        else:  # NEXT and WRITE stay clear beside INDIRECT (SPLIT-DRV-09)
            written = [Descriptor(chain.table, chain.table_bytes, DESC_F_INDIRECT, 0)]
        chain.overwritten = [
            self._ring.replace(self._layout.descriptor(at), entry.pack())
            for at, entry in zip(chain.descriptors, written)
        ]
        self._ring.step("descriptors")
        entry_at = self._layout.avail_entry(chain.start)
        chain.overwritten.append(self._ring.replace(entry_at, U16.pack(chain.id)))
        self._ring.step("avail entry")

    def _linked(self, chain: DriverChain, places: Sequence[int]) -> list[Descriptor]:
        """The chain's data descriptors, linked through the table indices `places`."""
        last = len(chain.segments) - 1
        return [
            Descriptor(addr, length, chain.write_flag(at), 0)
            if at == last
            else Descriptor(addr, length, chain.write_flag(at) | DESC_F_NEXT, places[at + 1])
            for at, (addr, length) in enumerate(chain.segments)
        ]


class SplitVirtqueue(RingVirtqueue[SplitLayout]):
    """Driver side of a split queue; see `RingVirtqueue` for the arguments.

    Construction zeroes the ring (SPLIT-DRV-19).

    Args:
        memory, layout, notify, index, arguments: see `RingVirtqueue`.
        order: all descriptors, in the order in which they are taken; those of collected buffers
            are taken again after all others, so a device that returns buffers in order keeps
            it. None begins with 0 and takes those last given back first, as Linux does; with
            `in_order` it is the order of the table.
    """

    first_index: ClassVar[int] = 0
    layout_type: ClassVar[type[QueueLayout]] = SplitLayout

    def __init__(
        self,
        memory: Memory,
        layout: SplitLayout,
        notify: Callable[[int], None],
        index: int = 0,
        *,
        order: Sequence[int] | None = None,
        **arguments: Any,
    ) -> None:
        if order is None and arguments.get("in_order"):
            order = range(layout.size)  # so NEXT leads to the one after (SPLIT-DRV-05)
        self._order = order
        super().__init__(memory, layout, notify, index, **arguments)

    def _make_book(self, start: int) -> ChainBook:
        return SplitBook(self._ring, self.layout, self.tables, start, self._order)

    def _clear(self, start: int, interrupts: bool) -> None:
        table, avail, used = (bytearray(length) for length in self.layout.lengths)
        avail[2:4] = used[2:4] = U16.pack(start)
        if self.event_idx:
            avail[-2:] = U16.pack(start if interrupts else (start - 1) % INDEX_MODULUS)
            used[-2:] = U16.pack(start)
        elif not interrupts:
            avail[0:2] = U16.pack(AVAIL_F_NO_INTERRUPT)
        for addr, raw in zip(self.layout.areas, (table, avail, used)):
            self._memory.write(addr, bytes(raw))

    def _publish(self) -> None:
        # The descriptors and entries are in memory before the index (SPLIT-DRV-29).
        self._ring.write16(self.layout.avail_idx, self.next_avail_index, "avail index")

    def _wants_notification(self, old: int, new: int) -> bool:
        if self.event_idx:  # SPLIT-DRV-23 to 25
            event = self._ring.read16(self.layout.avail_event, "avail_event read")
            return need_event(event, new, old)
        flags = self._ring.read16(self.layout.used_flags, "used flags read")
        return not flags & USED_F_NO_NOTIFY  # SPLIT-DRV-20 to 22

    def _waiting(self) -> int:
        """See `RingVirtqueue._waiting`; breaks the queue if there are too many to be true."""
        index = self._ring.read16(self.layout.used_idx, "used index read")
        waiting = (index - self._used_index) % INDEX_MODULUS
        held = self._held()
        if waiting > held:
            raise self._break(f"used index {index}: {waiting} new of {held} held by the device")
        return waiting

    def _is_there(self, index: int) -> bool:
        return True  # as the used index said

    def _read_used(self, index: int) -> tuple[int, int]:
        addr = self.layout.used_elem(index)
        raw = self._ring.read(addr, USED_ELEM_BYTES, "used element read")
        head, length = USED_ELEM_FORMAT.unpack(raw)
        return head, length

    def _is_pending(self) -> bool:
        return self._ring.read16(self.layout.used_idx, "used index read") != self._used_index

    def _ask(self) -> None:
        if self.event_idx:
            self._ask_on()
        else:
            self._ring.write16(self.layout.avail_flags, 0, "avail flags written")

    def _ask_on(self) -> None:
        self._ring.write16(self.layout.used_event, self._used_index, "used_event written")

    def _suppress(self) -> None:
        if self.event_idx:  # the flag stays 0 (SPLIT-DRV-14); ask for the furthest entry
            event = (self._used_index - 1) % INDEX_MODULUS
            self._ring.write16(self.layout.used_event, event, "used_event written")
        else:
            flags = AVAIL_F_NO_INTERRUPT
            self._ring.write16(self.layout.avail_flags, flags, "avail flags written")

    def _text(self, index: int) -> str:
        return str(index)
