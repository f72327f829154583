# SPDX-License-Identifier: Apache-2.0
"""The driver side of a queue with descriptors in shared memory, whatever their format."""

from __future__ import annotations

import abc
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, Callable, ClassVar, Generic

from .allocator import Allocator
from .driver_chains import ChainBook, DriverChain
from .driver_ring import DriverRing
from .guard import GuardedVirtqueue
from .layout import INDEX_MODULUS, LayoutT, QueueLayout
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


class RingVirtqueue(GuardedVirtqueue, Generic[LayoutT]):
    """What `SplitVirtqueue` and `PackedVirtqueue` share. Construction clears the ring.

    Args:
        memory: where the ring and the indirect tables are.
        layout: the ring's addresses and size.
        notify: called as `notify(index)` when the device needs an available-buffer notification.
        index: queue number.
        event_idx: EVENT_IDX was negotiated.
        indirect: which chains take an indirect table: "never"; "multi", those of more than one
            segment; "always". True is "multi", False "never" (SPLIT-DRV-06, PACKED-DRV-12).
        tables: where indirect tables come from, this queue's own; needed unless `indirect` is
            "never". Giving it says that INDIRECT_DESC was negotiated.
        callback: see `Virtqueue`.
        priv: the driver's own.
        on_step: called with a step's name after each memory step of an operation, for tests that
            let the device run in between.
        start_index: test hook, first ring index of both sides; None is that of a real queue.

    Ring indices are 16-bit words: of a split ring its own indices, of a packed one the offset
    in bits 14:0 and the wrap counter in bit 15.

    Raises:
        ValueError: the arguments do not fit together.
    """

    first_index: ClassVar[int]
    layout_type: ClassVar[type[QueueLayout]]

    def __init__(
        self,
        memory: Memory,
        layout: LayoutT,
        notify: Callable[[int], None],
        index: int = 0,
        *,
        event_idx: bool = False,
        indirect: str | bool = "never",
        tables: Allocator | None = None,
        callback: Callback | None = None,
        priv: Any = None,
        on_step: Callable[[str], None] | None = None,
        start_index: int | None = None,
    ) -> None:
        super().__init__(callback, priv)
        if not isinstance(layout, self.layout_type):
            raise ValueError(f"the layout is a {type(layout).__name__}: another ring format")
        if isinstance(indirect, bool):
            indirect = "multi" if indirect else "never"
        if indirect not in INDIRECT_POLICIES:
            raise ValueError(f"indirect is {indirect!r}, not one of {INDIRECT_POLICIES}")
        if indirect != "never" and tables is None:
            raise ValueError(f"indirect={indirect!r} needs an allocator for the tables")
        start = self.first_index if start_index is None else start_index
        if not 0 <= start < INDEX_MODULUS:
            raise ValueError(f"start index {start} is not a 16-bit number")
        self.layout = layout
        self.index = index
        self.event_idx = event_idx
        self.indirect = indirect
        self.tables = tables
        self._memory = memory
        self._notify = notify
        self._used_index = start  # collected
        self._ring = DriverRing(memory, on_step)
        self._book = self._make_book(start)
        self._clear(start, interrupts=callback is not None)

    @property
    def size(self) -> int:
        """Queue size, in descriptors."""
        return self.layout.size

    @property
    def num_free(self) -> int:
        """Descriptors that no outstanding buffer takes."""
        return self._book.num_free

    @property
    def avail_index(self) -> int:
        """Ring index up to which buffers were published."""
        return self._book.avail_index

    @property
    def next_avail_index(self) -> int:
        """Ring index that the next `sync` publishes."""
        return self._book.next_avail_index

    @property
    def used_index(self) -> int:
        """Ring index up to which buffers were collected."""
        return self._used_index

    @property
    def outstanding(self) -> dict[Hashable, tuple[int, ...]]:
        """The descriptors, the first one first, of each outstanding token, in order of adding."""
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
            sg: segments, the readable ones first (SPLIT-DRV-02, PACKED-DRV-08).
            out_num: how many are readable.
            in_num: how many are writable.
            data: the token.
            indirect: force this chain into an indirect table, or out of one; None follows the
                queue's policy.
        """
        with self._operation("add_buf"):
            self._add_buf(sg, out_num, in_num, data, indirect)

    # ---- what a format says

    @abc.abstractmethod
    def _make_book(self, start: int) -> ChainBook:
        """Return the queue's books, empty."""

    @abc.abstractmethod
    def _clear(self, start: int, interrupts: bool) -> None:
        """Write the ring as it is before its first use."""

    @abc.abstractmethod
    def _publish(self) -> None:
        """Let the device see every unpublished chain."""

    @abc.abstractmethod
    def _wants_notification(self, old: int, new: int) -> bool:
        """Read whether the device wants to hear of what is new from index `old` to `new`."""

    @abc.abstractmethod
    def _waiting(self) -> int:
        """Look for used elements; how many of them there are, as far as one look can tell."""

    @abc.abstractmethod
    def _next_used(self) -> tuple[int, int]:
        """Read the next used element, which is there: its id and length."""

    @abc.abstractmethod
    def _waiting_ids(self) -> Iterator[int]:
        """Look for used elements, and give the id of each."""

    @abc.abstractmethod
    def _ask(self) -> None:
        """Ask for an interrupt at the next used element."""

    @abc.abstractmethod
    def _ask_on(self) -> None:
        """Ask for an interrupt at the element after the one just taken; EVENT_IDX is in use."""

    @abc.abstractmethod
    def _text(self, index: int) -> str:
        """Return a ring index for a message."""

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
        if len(segments) > self.size:  # also of an indirect chain (SPLIT-DRV-08, PACKED-DRV-07)
            raise NoSpaceError(f"chain of {len(segments)} in a queue of {self.size}")
        chain = DriverChain(data, segments, out_num, writable, use_table)
        if chain.cost > self.num_free:  # of the whole chain (PACKED-DRV-10)
            raise NoSpaceError(f"{chain.cost} descriptors needed, {self.num_free} free")
        self._book.place(chain)

    def _sync(self) -> None:
        if not self._book.unpublished:
            return
        old, new = self._book.avail_index, self._book.next_avail_index
        self._publish()
        self._book.publish()
        # All is in memory before the device's wish is read (SPLIT-DRV-30, PACKED-DRV-18).
        if self._wants_notification(old, new):
            self._notify(self.index)

    def _get_buf(self) -> UsedBuffer | None:
        if not self._waiting():
            return None
        number, length = self._next_used()
        chain = self._book.by_id.get(number)
        where = f"used element {self._text(self._used_index)}"
        if chain is None or not chain.published:
            raise self._break(f"{where} names {number}, not outstanding")
        if length > chain.writable:
            raise self._break(f"{where}: {length} bytes written of {chain.writable}")
        self._book.collect(chain)
        self._used_index = self._book.after(self._used_index, chain)
        if self.event_idx and self._callbacks_on:
            self._ask_on()
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
        elif any(number == chain.id for number in self._waiting_ids()):
            raise NotOutstandingError(f"token {data!r} is used already")
        else:
            self._withdraw(chain)

    def _restart(self) -> bool:
        self._ask()
        # The wish is in memory before the last look, else a buffer is missed (SPLIT-DRV-31,
        # PACKED-DRV-19).
        if not self._waiting():
            return True
        self._suppress()
        return False

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
