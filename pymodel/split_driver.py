# SPDX-License-Identifier: Apache-2.0
"""The driver side of a split queue (sections 2.7.13 and 2.7.14)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Callable

from .allocator import Allocator
from .driver_chains import ChainBook, DriverChain
from .driver_ring import DriverRing
from .guard import GuardedVirtqueue
from .layout import (
    AVAIL_F_NO_INTERRUPT,
    INDEX_MODULUS,
    USED_ELEM_BYTES,
    USED_ELEM_FORMAT,
    USED_F_NO_NOTIFY,
    SplitLayout,
    need_event,
)
from .memory import Memory
from .virtqueue import (
    BrokenQueueError,
    BusyError,
    Callback,
    InvalidArgumentError,
    NoSpaceError,
    NotOutstandingError,
    UsedBuffer,
    check_segments,
)

INDIRECT_POLICIES = ("never", "multi", "always")


class SplitVirtqueue(GuardedVirtqueue):
    """Driver side of a split queue. Construction zeroes the ring (SPLIT-DRV-19).

    Args:
        memory: where the ring and the indirect tables are.
        layout: the ring's addresses and size.
        notify: called as `notify(index)` when the device needs an available-buffer notification.
        index: queue number.
        event_idx: EVENT_IDX was negotiated.
        indirect: which chains take an indirect table: "never"; "multi", those of more than one
            segment; "always". True is "multi", False "never" (SPLIT-DRV-06).
        tables: where indirect tables come from, this queue's own; needed unless `indirect` is
            "never". Giving it says that INDIRECT_DESC was negotiated.
        callback: see `Virtqueue`.
        priv: the driver's own.
        on_step: called with a step's name after each memory step of an operation, for tests that
            let the device run in between.
        start_index: test hook, first ring index of both rings (a real queue starts at 0).
        order: all descriptors, in the order in which they are taken; those of collected buffers
            are taken again after all others, so a device that returns buffers in order keeps
            it. None begins with 0 and takes those last given back first, as Linux does.

    Raises:
        ValueError: the arguments do not fit together.
    """

    def __init__(
        self,
        memory: Memory,
        layout: SplitLayout,
        notify: Callable[[int], None],
        index: int = 0,
        *,
        event_idx: bool = False,
        indirect: str | bool = "never",
        tables: Allocator | None = None,
        callback: Callback | None = None,
        priv: Any = None,
        on_step: Callable[[str], None] | None = None,
        start_index: int = 0,
        order: Sequence[int] | None = None,
    ) -> None:
        super().__init__(callback, priv)
        if isinstance(indirect, bool):
            indirect = "multi" if indirect else "never"
        if indirect not in INDIRECT_POLICIES:
            raise ValueError(f"indirect is {indirect!r}, not one of {INDIRECT_POLICIES}")
        if indirect != "never" and tables is None:
            raise ValueError(f"indirect={indirect!r} needs an allocator for the tables")
        if not 0 <= start_index < INDEX_MODULUS:
            raise ValueError(f"start index {start_index} is not a 16-bit number")
        self.layout = layout
        self.index = index
        self.event_idx = event_idx
        self.indirect = indirect
        self.tables = tables
        self._memory = memory
        self._notify = notify
        self._used_index = start_index  # collected
        self._ring = DriverRing(memory, layout, on_step)
        self._ring.clear(start_index, event_idx, interrupts=callback is not None)
        self._book = ChainBook(memory, self._ring, layout.size, tables, start_index, order)

    @property
    def size(self) -> int:
        """Queue size, in descriptors."""
        return self.layout.size

    @property
    def num_free(self) -> int:
        """Descriptors that no outstanding buffer takes."""
        return len(self._book.free)

    @property
    def avail_index(self) -> int:
        """Available index last published."""
        return self._book.avail_index

    @property
    def next_avail_index(self) -> int:
        """Available index that the next `sync` publishes."""
        return self._book.next_avail_index

    @property
    def used_index(self) -> int:
        """Used index up to which buffers were collected."""
        return self._used_index

    @property
    def outstanding(self) -> dict[Hashable, tuple[int, ...]]:
        """The descriptors, head first, of each outstanding token, in the order of adding."""
        return {token: tuple(chain.descriptors) for token, chain in self._book.by_token.items()}

    @property
    def unpublished(self) -> tuple[Hashable, ...]:
        """Tokens added and not yet published, in order."""
        return tuple(chain.token for chain in self._book.unpublished)

    def add_buf(
        self,
        sg: Sequence[tuple[int, int]],
        out_num: int,
        in_num: int,
        data: Hashable,
        indirect: bool | None = None,
    ) -> None:
        """Expose a buffer, see `Virtqueue.add_buf`.

        Args:
            sg: segments, the readable ones first (SPLIT-DRV-02).
            out_num: how many are readable.
            in_num: how many are writable.
            data: the token.
            indirect: force this chain into an indirect table, or out of one; None follows the
                queue's policy.
        """
        with self._operation("add_buf"):
            self._add_buf(sg, out_num, in_num, data, indirect)

    # ---- the operations, called one at a time

    def _add_buf(
        self,
        sg: Sequence[tuple[int, int]],
        out_num: int,
        in_num: int,
        data: Hashable,
        indirect: bool | None = None,
    ) -> None:
        segments, writable = check_segments(sg, out_num, in_num)
        self._check_token(data)
        use_table = self._use_table(len(segments), indirect)
        if len(segments) > self.size:  # also of an indirect chain (SPLIT-DRV-08)
            raise NoSpaceError(f"chain of {len(segments)} in a queue of {self.size}")
        cost = 1 if use_table else len(segments)
        if cost > len(self._book.free):
            raise NoSpaceError(f"{cost} descriptors needed, {len(self._book.free)} free")
        self._book.place(DriverChain(data, segments, out_num, writable, use_table))

    def _sync(self) -> None:
        if not self._book.unpublished:
            return
        old, new = self._book.avail_index, self._book.next_avail_index
        # The descriptors and entries are in memory before the index (SPLIT-DRV-29).
        self._ring.write16(self.layout.avail_idx, new, "avail index")
        self._book.publish()
        # The index is in memory before the device's wish is read (SPLIT-DRV-30).
        if self.event_idx:
            event = self._ring.read16(self.layout.avail_event, "avail_event read")
            needed = need_event(event, new, old)  # SPLIT-DRV-23 to 25
        else:
            flags = self._ring.read16(self.layout.used_flags, "used flags read")
            needed = not flags & USED_F_NO_NOTIFY  # SPLIT-DRV-20 to 22
        if needed:
            self._notify(self.index)

    def _get_buf(self) -> UsedBuffer | None:
        pending = self._count_pending()
        if not pending:
            return None
        raw = self._memory.read(self.layout.used_elem(self._used_index), USED_ELEM_BYTES)
        head, length = USED_ELEM_FORMAT.unpack(raw)
        self._ring.step("used element read")
        chain = self._book.by_head.get(head)
        if chain is None or not chain.published:
            raise self._break(f"used element {self._used_index} names {head}, not outstanding")
        if length > chain.writable:
            raise self._break(
                f"used element {self._used_index}: {length} bytes written of {chain.writable}"
            )
        self._book.collect(chain)
        self._used_index = (self._used_index + 1) % INDEX_MODULUS
        if self.event_idx and self._callbacks_on:
            self._ring.write16(self.layout.used_event, self._used_index, "used_event written")
        return UsedBuffer(chain.token, length)

    def _detach_buf(self, data: Hashable) -> None:
        try:
            chain = self._book.by_token.get(data)
        except TypeError:
            chain = None
        if chain is None:
            raise NotOutstandingError(f"token {data!r} is not outstanding")
        if not chain.published:
            try:
                self._book.take_back(chain)
            except BrokenQueueError as error:
                raise self._break(str(error.strerror)) from None
            return
        for ahead in range(self._count_pending()):
            elem = self.layout.used_elem(self._used_index + ahead)
            head, _ = USED_ELEM_FORMAT.unpack(self._memory.read(elem, USED_ELEM_BYTES))
            if head == chain.descriptors[0]:
                raise NotOutstandingError(f"token {data!r} is used already")
        self._withdraw(chain)

    def _restart(self) -> bool:
        if self.event_idx:
            self._ring.write16(self.layout.used_event, self._used_index, "used_event written")
        else:
            self._ring.write16(self.layout.avail_flags, 0, "avail flags written")
        # The wish is in memory before the last look, else a buffer is missed (SPLIT-DRV-31).
        if not self._count_pending():
            return True
        self._suppress()
        return False

    def _pending(self) -> bool:
        return self._ring.read16(self.layout.used_idx, "used index read") != self._used_index

    def _suppress(self) -> None:
        if self.event_idx:  # the flag stays 0 (SPLIT-DRV-14); ask for the furthest entry
            event = (self._used_index - 1) % INDEX_MODULUS
            self._ring.write16(self.layout.used_event, event, "used_event written")
        else:
            flags = AVAIL_F_NO_INTERRUPT
            self._ring.write16(self.layout.avail_flags, flags, "avail flags written")

    def _shutdown(self) -> list[Hashable]:
        return self._book.drop_all()

    # ---- parts of the operations

    def _withdraw(self, chain: DriverChain) -> None:
        """Take a published chain out of the live queue.

        Only a queue reset can (CLEAN-DRV-01, CLEAN-DRV-02): a subclass whose transport
        negotiated RING_RESET overrides this.
        """
        raise BusyError(f"token {chain.token!r} is published and the queue cannot be reset")

    def _check_token(self, data: Hashable) -> None:
        if data is None:
            raise InvalidArgumentError("the token is None")
        try:
            duplicate = data in self._book.by_token
        except TypeError:
            raise InvalidArgumentError(f"token {data!r} is not hashable") from None
        if duplicate:
            raise InvalidArgumentError(f"token {data!r} is outstanding already")

    def _use_table(self, count: int, choice: bool | None) -> bool:
        if choice is None:
            return self.indirect == "always" or (self.indirect == "multi" and count > 1)
        if choice and self.tables is None:
            raise InvalidArgumentError("an indirect chain in a queue without an allocator")
        return choice

    def _count_pending(self) -> int:
        """Used elements not collected; breaks the queue if there are too many to be true."""
        index = self._ring.read16(self.layout.used_idx, "used index read")
        pending = (index - self._used_index) % INDEX_MODULUS
        held = len(self._book.by_token) - len(self._book.unpublished)
        if pending > held:
            raise self._break(f"used index {index}: {pending} new of {held} held by the device")
        return pending
