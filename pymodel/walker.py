# SPDX-License-Identifier: Apache-2.0
"""Turn an available entry into a checked chain of segments (section 2.7.5)."""

from __future__ import annotations

from dataclasses import dataclass, field

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

MAX_CHAIN_BYTES = (1 << 32) - 1  # of one kind


@dataclass
class Chain:
    """A chain that passed every check.

    Attributes:
        head: index of its first descriptor in the queue's table.
        readable: segments that the device may read, in order.
        writable: segments that the device may write, in order.
        readable_len: bytes of the readable segments.
        writable_len: bytes of the writable segments.
    """

    head: int
    readable: list[Segment] = field(default_factory=list)
    writable: list[Segment] = field(default_factory=list)
    readable_len: int = 0
    writable_len: int = 0


class ChainWalker:
    """Walk chains exactly as the hardware must, with its checks in its order.

    Args:
        memory: where the tables are.
        layout: the queue.
        indirect: INDIRECT_DESC was negotiated.
        max_chain: the most descriptors in one chain that this device takes (SPLIT-DEV-02).
    """

    def __init__(self, memory: Memory, layout: SplitLayout, indirect: bool, max_chain: int) -> None:
        self.indirect = indirect
        self._memory = memory
        self._layout = layout
        self._max_chain = max_chain

    def walk(self, head: int) -> Chain:
        """Return the chain from descriptor `head`; raise ChainError if the driver broke a rule."""
        size = self._layout.size
        if head >= size:
            raise ChainError(Fault.HEAD_RANGE, head)
        chain = Chain(head)
        table, entries, in_table = self._layout.table, size, False
        index, count = head, 0
        while True:
            desc = self._read(table, index, in_table)
            if desc.flags & DESC_F_INDIRECT:
                self._check_indirect(desc, index, in_table)
                # Its WRITE flag is disregarded (SPLIT-DEV-07); data may precede it (SPLIT-DEV-08).
                table, entries, in_table = desc.addr, desc.length // DESC_BYTES, True
                index = 0
                continue
            fault = self._add(chain, desc, count)
            if fault is None and desc.flags & DESC_F_NEXT and desc.next >= entries:
                fault = Fault.NEXT_RANGE
            if fault is not None:
                raise ChainError(fault, index, in_table)
            if not desc.flags & DESC_F_NEXT:
                return chain
            index = desc.next
            count += 1

    def _read(self, table: int, index: int, in_table: bool) -> Descriptor:
        addr = (table + DESC_BYTES * index) % ADDRESS_END
        try:
            return Descriptor.unpack(self._memory.read(addr, DESC_BYTES))
        except MemoryFault:
            fault = Fault.MEM_INDIRECT if in_table else Fault.MEM_DESC
            raise ChainError(fault, index, in_table) from None

    def _check_indirect(self, desc: Descriptor, index: int, in_table: bool) -> None:
        if in_table:
            fault = Fault.INDIRECT_NESTED
        elif not self.indirect:
            fault = Fault.INDIRECT_NOT_NEGOTIATED
        elif desc.flags & DESC_F_NEXT:
            fault = Fault.INDIRECT_WITH_NEXT
        elif desc.length == 0 or desc.length % DESC_BYTES:
            fault = Fault.INDIRECT_SIZE
        elif desc.addr + desc.length > ADDRESS_END:
            fault = Fault.ADDR_WRAP
        else:
            return
        raise ChainError(fault, index, in_table)

    def _add(self, chain: Chain, desc: Descriptor, count: int) -> Fault | None:
        """Append the data descriptor number `count` to the chain, or say why not."""
        if count == self._layout.size:
            return Fault.CHAIN_TOO_LONG
        if count == self._max_chain:
            return Fault.CHAIN_OVER_CAP
        write = bool(desc.flags & DESC_F_WRITE)
        if not write and chain.writable:
            return Fault.READ_AFTER_WRITE
        if desc.addr + desc.length > ADDRESS_END:
            return Fault.ADDR_WRAP
        total = desc.length + (chain.writable_len if write else chain.readable_len)
        if total > MAX_CHAIN_BYTES:
            return Fault.CHAIN_BYTES
        segment = Segment(desc.addr, desc.length)
        if write:
            chain.writable.append(segment)
            chain.writable_len = total
        else:
            chain.readable.append(segment)
            chain.readable_len = total
        return None
