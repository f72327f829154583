# SPDX-License-Identifier: Apache-2.0
"""Turn an available entry into a checked chain of segments (sections 2.7.5, 2.8.6 and 2.8.7)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from .faults import ChainError, Fault
from .layout import (
    DESC_BYTES,
    DESC_F_INDIRECT,
    DESC_F_NEXT,
    DESC_F_WRITE,
    Descriptor,
    Segment,
    SplitLayout,
)
from .memory import ADDRESS_END, Memory, MemoryFault
from .packed_layout import PackedDescriptor, PackedLayout, Position

MAX_CHAIN_BYTES = (1 << 32) - 1  # of one kind


@dataclass
class Chain:
    """A chain that passed every check.

    Attributes:
        head: index of its first descriptor in the queue's table or ring.
        readable: segments that the device may read, in order.
        writable: segments that the device may write, in order.
        readable_len: bytes of the readable segments.
        writable_len: bytes of the writable segments.
        id: what its used element carries: the head (split) or the buffer id (packed).
        slots: descriptors of a packed ring that it takes.
    """

    head: int
    readable: list[Segment] = field(default_factory=list)
    writable: list[Segment] = field(default_factory=list)
    readable_len: int = 0
    writable_len: int = 0
    id: int = 0
    slots: int = 1


class Walker:
    """What walking has in common, whatever the format.

    Args:
        memory: where the tables are.
        size: queue size, in descriptors.
        indirect: INDIRECT_DESC was negotiated.
        max_chain: the most descriptors in one chain that this device takes (SPLIT-DEV-02,
            PACKED-DEV-09).
    """

    def __init__(self, memory: Memory, size: int, indirect: bool, max_chain: int) -> None:
        self.indirect = indirect
        self._memory = memory
        self._size = size
        self._max_chain = max_chain

    def _read(self, table: int, index: int, in_table: bool) -> bytes:
        try:
            return self._memory.read((table + DESC_BYTES * index) % ADDRESS_END, DESC_BYTES)
        except MemoryFault:
            fault = Fault.MEM_INDIRECT if in_table else Fault.MEM_DESC
            raise ChainError(fault, index, in_table) from None

    def _table_fault(self, addr: int, length: int, linked: bool) -> Fault | None:
        """Why the queue's descriptor may not name a table there, or None.

        `linked`: the descriptor is linked to others as the format forbids.
        """
        if not self.indirect:
            return Fault.INDIRECT_NOT_NEGOTIATED
        if linked:
            return Fault.INDIRECT_WITH_NEXT
        if length == 0 or length % DESC_BYTES:
            return Fault.INDIRECT_SIZE
        if addr + length > ADDRESS_END:
            return Fault.ADDR_WRAP
        return None

    def _add(self, chain: Chain, addr: int, length: int, flags: int) -> Fault | None:
        """Append a data descriptor to the chain, or say why not."""
        count = len(chain.readable) + len(chain.writable)
        if count == self._size:
            return Fault.CHAIN_TOO_LONG
        if count == self._max_chain:
            return Fault.CHAIN_OVER_CAP
        write = bool(flags & DESC_F_WRITE)
        if not write and chain.writable:
            return Fault.READ_AFTER_WRITE
        if addr + length > ADDRESS_END:
            return Fault.ADDR_WRAP
        total = length + (chain.writable_len if write else chain.readable_len)
        if total > MAX_CHAIN_BYTES:
            return Fault.CHAIN_BYTES
        if write:
            chain.writable.append(Segment(addr, length))
            chain.writable_len = total
        else:
            chain.readable.append(Segment(addr, length))
            chain.readable_len = total
        return None


class ChainWalker(Walker):
    """Walk the chains of a split queue exactly as the hardware must, with its checks in order.

    Args:
        memory: where the tables are.
        layout: the queue.
        indirect: INDIRECT_DESC was negotiated.
        max_chain: the most descriptors in one chain that this device takes (SPLIT-DEV-02).
    """

    def __init__(self, memory: Memory, layout: SplitLayout, indirect: bool, max_chain: int) -> None:
        super().__init__(memory, layout.size, indirect, max_chain)
        self._layout = layout

    def walk(self, head: int) -> Chain:
        """Return the chain from descriptor `head`; raise ChainError if the driver broke a rule."""
        size = self._size
        if head >= size:
            raise ChainError(Fault.HEAD_RANGE, head)
        chain = Chain(head, id=head)
        table, entries, in_table, index = self._layout.table, size, False, head
        while True:
            desc = Descriptor.unpack(self._read(table, index, in_table))
            linked = bool(desc.flags & DESC_F_NEXT)
            if desc.flags & DESC_F_INDIRECT:
                fault: Fault | None = Fault.INDIRECT_NESTED
                if not in_table:
                    fault = self._table_fault(desc.addr, desc.length, linked)
                if fault is not None:
                    raise ChainError(fault, index, in_table)
                # Its WRITE flag is disregarded (SPLIT-DEV-07); data may precede it (SPLIT-DEV-08).
                table, entries, in_table = desc.addr, desc.length // DESC_BYTES, True
                index = 0
                continue
            fault = self._add(chain, desc.addr, desc.length, desc.flags)
            if fault is None and linked and desc.next >= entries:
                fault = Fault.NEXT_RANGE
            if fault is not None:
                raise ChainError(fault, index, in_table)
            if not linked:
                return chain
            index = desc.next


class PackedWalker(Walker):
    """Walk the chains of a packed queue, with the hardware's checks in its order.

    Args:
        memory: where the ring and the tables are.
        layout: the queue.
        indirect: INDIRECT_DESC was negotiated.
        max_chain: the most descriptors in one chain that this device takes (PACKED-DEV-09).
        step: called with "descriptor read" after each of the ring.
    """

    def __init__(
        self,
        memory: Memory,
        layout: PackedLayout,
        indirect: bool,
        max_chain: int,
        step: Callable[[str], None],
    ) -> None:
        super().__init__(memory, layout.size, indirect, max_chain)
        self._layout = layout
        self._step = step

    def walk(self, start: Position, room: int) -> Chain:
        """Return the chain that begins at `start`, or raise ChainError.

        That its first descriptor is available was seen before (PACKED-DEV-06).

        Args:
            start: where it begins.
            room: descriptors that may be available; the others are in the device's hands.
        """
        chain = Chain(start.offset)
        place = start
        for count in range(self._size):
            if count == room:
                raise ChainError(Fault.AVAIL_JUMP, place.offset)
            desc = PackedDescriptor.unpack(self._read(self._layout.ring, place.offset, False))
            self._step("descriptor read")
            linked = bool(desc.flags & DESC_F_NEXT)
            fault = None
            if count and not place.is_available(desc.flags):  # PACKED-DRV-11
                fault = Fault.NEXT_RANGE
            elif desc.flags & DESC_F_INDIRECT:  # alone in its list (PACKED-DRV-15)
                fault = self._table_fault(desc.addr, desc.length, linked or count > 0)
                if fault is None:
                    self._walk_table(chain, desc)
            else:
                fault = self._add(chain, desc.addr, desc.length, desc.flags)
            if fault is not None:
                raise ChainError(fault, place.offset)
            if not linked:
                chain.id, chain.slots = desc.id, count + 1  # PACKED-XDRV-03
                return chain
            place = place.ahead(1, self._size)
        raise ChainError(Fault.CHAIN_TOO_LONG, place.offset)  # all of the ring, and more

    def _walk_table(self, chain: Chain, desc: PackedDescriptor) -> None:
        """Add every entry of a table; all but address, length and WRITE is disregarded."""
        for index in range(desc.length // DESC_BYTES):  # PACKED-XDEV-07
            entry = PackedDescriptor.unpack(self._read(desc.addr, index, True))
            fault = self._add(chain, entry.addr, entry.length, entry.flags)
            if fault is not None:
                raise ChainError(fault, index, True)
