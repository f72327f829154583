# SPDX-License-Identifier: Apache-2.0
"""The driver's outstanding chains: their places in the ring, and how one is taken back."""

from __future__ import annotations

import abc
from collections.abc import Hashable
from dataclasses import dataclass, field

from .allocator import Allocator, OutOfMemory
from .driver_ring import DriverRing, Overwritten
from .layout import DESC_BYTES, DESC_F_WRITE, Segment
from .virtqueue import BrokenQueueError, NoSpaceError


@dataclass
class DriverChain:
    """One outstanding buffer.

    Attributes:
        token: the driver's name for it.
        segments: the readable ones first.
        out_num: how many are readable.
        writable: bytes of the writable ones.
        use_table: it goes into an indirect table.
        start: ring index at which it becomes available.
        id: what its used element carries: the first descriptor (split), a buffer id (packed).
        descriptors: those of the ring that it takes, the first one first.
        table: byte address of its indirect table.
        published: the device can see it.
        used: the device has returned it, as a used element said that was read.
        overwritten: what adding it replaced in the ring.
    """

    token: Hashable
    segments: list[Segment]
    out_num: int
    writable: int
    use_table: bool
    start: int = 0
    id: int = 0
    descriptors: list[int] = field(default_factory=list)
    table: int | None = None
    published: bool = False
    used: bool = False
    overwritten: list[Overwritten] = field(default_factory=list)

    @property
    def cost(self) -> int:
        """Descriptors of the ring that it takes."""
        return 1 if self.use_table else len(self.segments)

    @property
    def table_bytes(self) -> int:
        """Bytes of an indirect table of it."""
        return DESC_BYTES * len(self.segments)

    def write_flag(self, place: int) -> int:
        """DESC_F_WRITE if segment `place` is writable, else 0."""
        return DESC_F_WRITE if place >= self.out_num else 0


class ChainBook(abc.ABC):
    """Who holds which descriptor, and the undoing of adds that were not published.

    What a ring format adds: the chain's bytes, ids and places. Ring indices are 16-bit words.

    Args:
        ring: the ring.
        size: queue size, in descriptors.
        tables: where indirect tables come from.
        start: ring index of the first buffer.

    Attributes:
        num_free: descriptors that no chain holds.
        by_token: outstanding chains, in the order of their adding.
        by_id: the same by what their used element carries.
        unpublished: those that the device cannot see yet, in order.
        avail_index: ring index up to which chains are published.
        next_avail_index: ring index that publishing all of them would give.
    """

    def __init__(self, ring: DriverRing, size: int, tables: Allocator | None, start: int) -> None:
        self.num_free = size
        self.by_token: dict[Hashable, DriverChain] = {}
        self.by_id: dict[int, DriverChain] = {}
        self.unpublished: list[DriverChain] = []
        self.avail_index = self.next_avail_index = start
        self._log: list[tuple[str, DriverChain]] = []  # since the oldest unpublished add
        self._ring = ring
        self._size = size
        self._tables = tables

    # ---- what a format says

    @abc.abstractmethod
    def after(self, index: int, chain: DriverChain) -> int:
        """Return the ring index that follows `chain` if it is at `index`."""

    @abc.abstractmethod
    def _take(self, chain: DriverChain) -> None:
        """Choose the chain's id and descriptors."""

    @abc.abstractmethod
    def _untake(self, chain: DriverChain) -> None:
        """Undo the `_take` that came last."""

    @abc.abstractmethod
    def _release(self, chain: DriverChain) -> None:
        """Let the id and descriptors of a used chain be taken again."""

    @abc.abstractmethod
    def _unrelease(self, chain: DriverChain) -> None:
        """Undo the `_release` that came last."""

    @abc.abstractmethod
    def _free_all(self) -> None:
        """Make all ids and descriptors free, as at first."""

    @abc.abstractmethod
    def _table(self, chain: DriverChain) -> bytes:
        """Return the bytes of its indirect table."""

    @abc.abstractmethod
    def _lay_down(self, chain: DriverChain) -> None:
        """Write its descriptors into the ring, unseen by the device, and note what was there."""

    # ---- what all formats do

    def publish(self) -> None:
        """Note that the device can see every chain."""
        self.avail_index = self.next_avail_index
        for chain in self.unpublished:
            chain.published = True
        self.unpublished.clear()
        self._log.clear()

    def place(self, chain: DriverChain) -> None:
        """Write the chain; enough descriptors must be free.

        Raises:
            NoSpaceError: there is no room for its indirect table; nothing has changed.
        """
        if chain.use_table:
            assert self._tables is not None
            try:
                chain.table = self._tables.allocate(chain.table_bytes, DESC_BYTES)
            except OutOfMemory as error:
                raise NoSpaceError(f"no room for an indirect table: {error}") from None
            self._ring.write(chain.table, self._table(chain), "indirect table")
        chain.start = self.next_avail_index
        self._take(chain)
        self.num_free -= chain.cost
        self._lay_down(chain)
        self.next_avail_index = self.after(chain.start, chain)
        self.unpublished.append(chain)
        self._log.append(("added", chain))
        self.by_token[chain.token] = chain
        self.by_id[chain.id] = chain

    def find(self, token: Hashable) -> DriverChain | None:
        """Return the outstanding chain with a token, or None."""
        try:
            return self.by_token.get(token)
        except TypeError:
            return None

    def collect(self, chain: DriverChain) -> None:
        """Strike a used chain off and free what it held."""
        self._forget(chain)
        self._give_back(chain)

    def take_back(self, chain: DriverChain) -> None:
        """Go back to before `chain` was added, then do again all that came after it.

        So the ring, and every table that a live chain names, is byte for byte as if it had
        never been added. The device cannot have seen any of this: nothing of it is published.
        """
        place = next(
            at for at, (what, other) in enumerate(self._log) if what == "added" and other is chain
        )
        redo = self._log[place + 1 :]
        for what, other in reversed(self._log[place:]):
            if what == "added":
                self._undo_place(other)
            else:
                self._undo_give_back(other)
        del self._log[place:]
        try:
            for what, other in redo:
                if what == "added":
                    self.place(other)
                else:
                    self._give_back(other)
        except NoSpaceError as error:  # only by a table pool in many pieces
            for what, other in redo:
                if what == "added":
                    self.by_token.setdefault(other.token, other)  # for shutdown
            raise BrokenQueueError(
                f"cannot add again what followed {chain.token!r}: {error}"
            ) from None

    def begin_again(self, start: int) -> list[DriverChain]:
        """Forget every chain, free the tables, and return the chains, to be placed anew.

        Nothing is written. `start` is the ring index of the next buffer.
        """
        chains = list(self.by_token.values())
        for chain in chains:
            self._free_table(chain)
            chain.table, chain.descriptors, chain.published = None, [], False
        self.by_token.clear()
        self.by_id.clear()
        self.unpublished.clear()
        self._log.clear()
        self.num_free = self._size
        self.avail_index = self.next_avail_index = start
        self._free_all()
        return chains

    def _undo_place(self, chain: DriverChain) -> None:
        self.unpublished.pop()
        self._ring.restore(chain.overwritten)
        self._ring.step("add undone")
        self.next_avail_index = chain.start
        self._forget(chain)
        self._untake(chain)
        self.num_free += chain.cost
        self._free_table(chain)
        chain.table = None

    def _give_back(self, chain: DriverChain) -> None:
        self._release(chain)
        self.num_free += chain.cost
        self._free_table(chain)
        if self.unpublished:
            self._log.append(("collected", chain))

    def _undo_give_back(self, chain: DriverChain) -> None:
        self._unrelease(chain)
        self.num_free -= chain.cost
        if chain.table is not None and self._tables is not None:
            self._tables.reserve(chain.table, chain.table_bytes)

    def _forget(self, chain: DriverChain) -> None:
        """Strike the chain off the books."""
        del self.by_token[chain.token]
        del self.by_id[chain.id]

    def _free_table(self, chain: DriverChain) -> None:
        if chain.table is not None and self._tables is not None:
            self._tables.free(chain.table)
