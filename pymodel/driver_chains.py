# SPDX-License-Identifier: Apache-2.0
"""The driver's outstanding chains: their places in the ring, and how one is taken back."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from .allocator import Allocator, OutOfMemory
from .driver_ring import DriverRing
from .layout import (
    DESC_BYTES,
    DESC_F_INDIRECT,
    DESC_F_NEXT,
    DESC_F_WRITE,
    INDEX_MODULUS,
    U16,
    Descriptor,
    Segment,
)
from .memory import Memory
from .virtqueue import BrokenQueueError, NoSpaceError


@dataclass
class DriverChain:
    """One outstanding buffer; `old_*` are the bytes that adding it overwrote."""

    token: Hashable
    segments: list[Segment]
    out_num: int
    writable: int  # bytes
    use_table: bool
    descriptors: list[int] = field(default_factory=list)  # head first
    table: int | None = None  # byte address of the indirect table
    published: bool = False
    old_descriptors: list[bytes] = field(default_factory=list)
    old_entry: bytes = b""


@dataclass
class Freed:
    """What collecting a buffer gave back: descriptors in free-list order, and a table."""

    descriptors: list[int]
    table: int | None
    table_bytes: int


class ChainBook:
    """Who holds which descriptor, and the undoing of adds that were not published.

    Args:
        memory: where indirect tables are written.
        ring: the ring.
        size: queue size, in descriptors.
        tables: where indirect tables come from.
        start: available index of the first buffer.
        order: the order in which descriptors are taken; those given back are taken again after
            all others. None is from 0 on, and those last given back are taken first.

    Attributes:
        free: descriptors that no chain holds; its end is taken next.
        by_token: outstanding chains, in the order of their adding.
        by_head: the same by their first descriptor.
        unpublished: those that the device cannot see yet.
        avail_index: available index last published.
    """

    def __init__(
        self,
        memory: Memory,
        ring: DriverRing,
        size: int,
        tables: Allocator | None,
        start: int,
        order: Sequence[int] | None = None,
    ) -> None:
        self._again_last = order is not None
        self._first = list(range(size) if order is None else order)[::-1]
        if sorted(self._first) != list(range(size)):
            raise ValueError(f"order does not name each of {size} descriptors once")
        self.free = list(self._first)
        self.by_token: dict[Hashable, DriverChain] = {}
        self.by_head: dict[int, DriverChain] = {}
        self.unpublished: list[DriverChain] = []
        self.avail_index = start
        self._log: list[DriverChain | Freed] = []  # since the oldest unpublished add
        self._memory = memory
        self._ring = ring
        self._size = size
        self._tables = tables

    @property
    def next_avail_index(self) -> int:
        """Available index that publishing would give."""
        return (self.avail_index + len(self.unpublished)) % INDEX_MODULUS

    def publish(self) -> None:
        """Note that the ring's index now covers every chain."""
        self.avail_index = self.next_avail_index
        for chain in self.unpublished:
            chain.published = True
        self.unpublished.clear()
        self._log.clear()

    def collect(self, chain: DriverChain) -> None:
        """Strike a used chain off and free what it held."""
        self._give_back(self._forget(chain))

    def drop_all(self) -> list[Hashable]:
        """Forget every chain, free the tables, and return the tokens."""
        tokens = list(self.by_token)
        for chain in self.by_token.values():
            self._free_table(chain.table)
        self.by_token.clear()
        self.by_head.clear()
        self.unpublished.clear()
        self._log.clear()
        self.free = list(self._first)
        return tokens

    def _free_table(self, table: int | None) -> None:
        if table is not None and self._tables is not None:
            self._tables.free(table)

    def place(self, chain: DriverChain) -> None:
        """Write the chain's descriptors and its available entry.

        Its descriptors must be free.

        Raises:
            NoSpaceError: there is no room for its indirect table; nothing has changed.
        """
        count = len(chain.segments)
        if chain.use_table:
            assert self._tables is not None
            try:
                chain.table = self._tables.allocate(DESC_BYTES * count, DESC_BYTES)
            except OutOfMemory as error:
                raise NoSpaceError(f"no room for an indirect table: {error}") from None
            entries = self._descriptors(chain, range(count))
            raw = b"".join(entry.pack() for entry in entries)
            self._memory.write(chain.table, raw)
            self._ring.step("indirect table")
            chain.descriptors = [self.free.pop()]
            # NEXT and WRITE stay clear beside INDIRECT (SPLIT-DRV-09).
            written = [Descriptor(chain.table, len(raw), DESC_F_INDIRECT, 0)]
        else:
            chain.descriptors = [self.free.pop() for _ in range(count)]
            written = self._descriptors(chain, chain.descriptors)
        chain.old_descriptors = [
            self._ring.write_descriptor(at, entry.pack())
            for at, entry in zip(chain.descriptors, written)
        ]
        self._ring.step("descriptors")
        slot = self.next_avail_index % self._size
        chain.old_entry = self._ring.write_entry(slot, U16.pack(chain.descriptors[0]))
        self._ring.step("avail entry")
        self.unpublished.append(chain)
        self._log.append(chain)
        self.by_token[chain.token] = chain
        self.by_head[chain.descriptors[0]] = chain

    def take_back(self, chain: DriverChain) -> None:
        """Go back to before `chain` was added, then do again all that came after it.

        So the ring, and every table that a live chain names, is byte for byte as if it had
        never been added. The device cannot have seen any of this: nothing of it is published.
        """
        place = next(at for at, event in enumerate(self._log) if event is chain)
        redo = self._log[place + 1 :]
        for event in reversed(self._log[place:]):
            if isinstance(event, DriverChain):
                self._undo_place(event)
            else:
                self._undo_give_back(event)
        del self._log[place:]
        try:
            for event in redo:
                if isinstance(event, DriverChain):
                    self.place(event)
                else:
                    self._give_back(event)
        except NoSpaceError as error:  # only by a table pool in many pieces
            for event in redo:
                if isinstance(event, DriverChain):
                    self.by_token.setdefault(event.token, event)  # for shutdown
            raise BrokenQueueError(
                f"cannot add again what followed {chain.token!r}: {error}"
            ) from None

    def _give_back(self, freed: Freed) -> None:
        if self._again_last:
            self.free[:0] = freed.descriptors
        else:
            self.free.extend(freed.descriptors)
        self._free_table(freed.table)
        if self.unpublished:
            self._log.append(freed)

    def _descriptors(self, chain: DriverChain, places: Sequence[int]) -> list[Descriptor]:
        """The chain's data descriptors, linked through the table indices `places`."""
        result = []
        last = len(chain.segments) - 1
        for at, (addr, length) in enumerate(chain.segments):
            flags = DESC_F_WRITE if at >= chain.out_num else 0
            if at < last:
                result.append(Descriptor(addr, length, flags | DESC_F_NEXT, places[at + 1]))
            else:
                result.append(Descriptor(addr, length, flags, 0))
        return result

    def _undo_place(self, chain: DriverChain) -> None:
        self.unpublished.pop()
        self._ring.write_entry(self.next_avail_index % self._size, chain.old_entry)
        for at, old in zip(chain.descriptors, chain.old_descriptors):
            self._ring.write_descriptor(at, old)
        self._ring.step("add undone")
        freed = self._forget(chain)
        self.free.extend(freed.descriptors)
        self._free_table(chain.table)
        chain.table = None

    def _forget(self, chain: DriverChain) -> Freed:
        """Strike the chain off the books and return what it held."""
        del self.by_token[chain.token]
        del self.by_head[chain.descriptors[0]]
        length = DESC_BYTES * len(chain.segments)
        return Freed(chain.descriptors[::-1], chain.table, length)  # its head is taken next

    def _undo_give_back(self, freed: Freed) -> None:
        count = len(freed.descriptors)
        del self.free[slice(0, count) if self._again_last else slice(-count, None)]
        if freed.table is not None and self._tables is not None:
            self._tables.reserve(freed.table, freed.table_bytes)
