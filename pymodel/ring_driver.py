# SPDX-License-Identifier: Apache-2.0
"""The driver side of a queue with descriptors in shared memory, whatever their format."""

from __future__ import annotations

import abc
from collections import deque
from collections.abc import Generator, Hashable, Sequence
from typing import Any, Callable, ClassVar, Generic

from .allocator import Allocator
from .booked import BookedVirtqueue
from .driver_chains import ChainBook, DriverChain
from .driver_ring import DriverRing
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
    check_token,
)

INDIRECT_POLICIES = ("never", "multi", "always")


class RingVirtqueue(BookedVirtqueue, Generic[LayoutT]):
    """What `SplitVirtqueue` and `PackedVirtqueue` share. Construction clears the ring.

    Args:
        memory: where the ring and the indirect tables are.
        layout: the ring's addresses and size.
        notify: called as `notify(notification)` when the device needs an available-buffer
            notification; that is the queue's number unless NOTIFICATION_DATA was negotiated.
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
        notification_data: NOTIFICATION_DATA was negotiated: `notify` gets `notification`.
        in_order: IN_ORDER was negotiated: one used element may return several buffers.
        reset: `reset(index)` resets the queue and returns when that is done, `enable(index)`
            makes it ready again. Giving both says that RING_RESET was negotiated, so that
            published buffers can be detached.
        enable: see `reset`.

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
        notification_data: bool = False,
        in_order: bool = False,
        reset: Callable[[int], None] | None = None,
        enable: Callable[[int], None] | None = None,
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
        if (reset is None) != (enable is None):
            raise ValueError("reset and enable come together")
        start = self.first_index if start_index is None else start_index
        if not 0 <= start < INDEX_MODULUS:
            raise ValueError(f"start index {start} is not a 16-bit number")
        self.layout = layout
        self.index = index
        self.event_idx = event_idx
        self.notification_data = notification_data
        self.in_order = in_order
        self.indirect = indirect
        self.tables = tables
        self._memory = memory
        self._notify = notify
        self._used_index = start  # collected
        self._element_index = start  # of the next used element to be read
        self._batch: deque[tuple[DriverChain, int]] = deque()  # used, by an element that was read
        self._earlier: deque[tuple[DriverChain, int]] = deque()  # used before a queue reset
        self._do = {"reset": reset, "enable": enable} if reset and enable else {}
        self._halted = False
        self._ring = DriverRing(memory, on_step)
        self._book = self._make_book(start)
        self._clear(start, interrupts=callback is not None)

    @property
    def size(self) -> int:
        """Queue size, in descriptors."""
        return self.layout.size

    @property
    def used_index(self) -> int:
        """Ring index up to which buffers were collected."""
        return self._used_index

    @property
    def notification(self) -> int:
        """What an available-buffer notification carries now (NOTIF-XDRV-01 to 04).

        The queue's number; with NOTIFICATION_DATA also, in bits 31:16, the ring index up to
        which buffers are published: of a split ring the available index, of a packed one the
        offset of the next descriptor and its wrap counter (PACKED-DRV-04).
        """
        return self.index | self.avail_index << 16 if self.notification_data else self.index

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

    def halt(self) -> None:
        """Note that the device has let go of the queue: it, or the queue, was reset or stopped.

        What was used until then can still be collected; `detach_buf` takes back every other
        buffer, published or not, without a reset (CLEAN-DRV-02). Nothing can be added any more:
        `add_buf` and `sync` raise `BrokenQueueError`.

        Raises:
            BrokenQueueError: the device broke a rule of the ring before; `shutdown` is left.
        """
        with self._operation("halt"):
            if self._halted:
                return
            self._read_all()
            self._halted, self._callbacks_on = True, False
            self._earlier += self._batch
            self._batch.clear()
            for chain in self._book.begin_again(self.first_index):
                self._book.by_token[chain.token] = chain

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
        """Look for used buffers; how many may wait, as far as one look can tell."""

    @abc.abstractmethod
    def _is_pending(self) -> bool:
        """Whether a used buffer waits in the ring."""

    @abc.abstractmethod
    def _is_there(self, index: int) -> bool:
        """Whether there is a used element at a ring index, if `_waiting` allows one."""

    @abc.abstractmethod
    def _read_used(self, index: int) -> tuple[int, int]:
        """Read id and length of the used element at a ring index, which is there."""

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
        self._check_halted()
        segments, writable = check_segments(sg, out_num, in_num)
        check_token(data, self._book.by_token)
        use_table = self._use_table(len(segments), indirect)
        if len(segments) > self.size:  # also of an indirect chain (SPLIT-DRV-08, PACKED-DRV-07)
            raise NoSpaceError(f"chain of {len(segments)} in a queue of {self.size}")
        chain = DriverChain(data, segments, out_num, writable, use_table)
        if chain.cost > self.num_free:  # of the whole chain (PACKED-DRV-10)
            raise NoSpaceError(f"{chain.cost} descriptors needed, {self.num_free} free")
        self._book.place(chain)

    def _sync(self) -> None:
        self._check_halted()
        if not self._book.unpublished:
            return
        old, new = self._book.avail_index, self._book.next_avail_index
        self._publish()
        self._book.publish()
        # All is in memory before the device's wish is read (SPLIT-DRV-30, PACKED-DRV-18).
        if self._wants_notification(old, new):
            self._notify(self.notification)

    def _get_buf(self) -> UsedBuffer | None:
        if self._earlier:
            chain, length = self._earlier.popleft()
            del self._book.by_token[chain.token]
            return UsedBuffer(chain.token, length)
        if self._halted:
            return None
        if not self._batch:
            waiting = self._waiting()
            if not waiting:
                return None
            self._batch.extend(self._read_element(waiting))
        chain, length = self._batch.popleft()
        self._book.collect(chain)
        self._used_index = self._book.after(self._used_index, chain)
        if self.event_idx and self._callbacks_on:
            self._ask_on()
        return UsedBuffer(chain.token, length)

    def _read_element(self, waiting: int) -> list[tuple[DriverChain, int]]:
        """Read the next used element: the chains that it returns, at most `waiting`."""
        number, length = self._read_used(self._element_index)
        chain = self._book.by_id.get(number)
        where = f"used element {self._text(self._element_index)}"
        if chain is None or not chain.published or chain.used:
            raise self._break(f"{where} names {number}, not outstanding")
        if length > chain.writable:
            raise self._break(f"{where}: {length} bytes written of {chain.writable}")
        found = []
        if self.in_order:  # those before it were used whole (SPLIT-XDRV-02, PACKED-XDEV-09)
            for other in self._book.by_token.values():
                if other is chain:
                    break
                if not other.used:
                    found.append((other, other.writable))
        found.append((chain, length))
        if len(found) > waiting - len(self._batch):
            raise self._break(f"{where} returns {len(found)} buffers of {waiting} that are used")
        for other, _ in found:
            other.used = True
            self._element_index = self._book.after(self._element_index, other)
        return found

    def _read_all(self) -> None:
        """Read every used element that is there."""
        waiting = self._waiting()
        while len(self._batch) < waiting and self._is_there(self._element_index):
            self._batch.extend(self._read_element(waiting))

    def _detach_buf(self, data: Hashable) -> None:
        for step in self._detach_steps(data):
            self._do[step](self.index)

    def _detach_steps(self, data: Hashable) -> Generator[str, None, None]:
        chain = self._book.find(data)
        if chain is None:
            raise NotOutstandingError(f"token {data!r} is not outstanding")
        if self._halted and not chain.used:
            del self._book.by_token[chain.token]
            return
        if not chain.published and not chain.used:
            try:
                self._book.take_back(chain)
            except BrokenQueueError as error:
                raise self._break(str(error.strerror)) from None
            return
        if not chain.used and not self._halted:
            self._read_all()
        if chain.used:
            raise NotOutstandingError(f"token {data!r} is used already")
        yield from self._withdraw(chain)

    def _restart(self) -> bool:
        self._check_halted()
        self._ask()
        # The wish is in memory before the last look, else a buffer is missed (SPLIT-DRV-31,
        # PACKED-DRV-19).
        if not self._waiting() and not self._earlier:
            return True
        self._suppress()
        return False

    def _pending(self) -> bool:
        return bool(self._earlier) or (not self._halted and self._is_pending())

    def _shutdown(self) -> list[Hashable]:
        self._batch.clear()
        self._earlier.clear()
        return [chain.token for chain in self._book.begin_again(self.first_index)]

    def _held(self) -> int:
        """Buffers of the ring that were published and not collected."""
        book = self._book
        return len(book.by_token) - len(book.unpublished) - len(self._earlier)

    # ---- parts of the operations

    def _withdraw(self, chain: DriverChain) -> Generator[str, None, None]:
        """Take a published chain out of the live queue, which only a reset of it can.

        The others are published again in their order (CLEAN-DRV-01, CLEAN-DRV-02, QRST-DRV-01
        to 03). Those that the device used until then are collected as ever.
        """
        if not self._do:
            raise BusyError(f"token {chain.token!r} is published and the queue cannot be reset")
        yield "reset"
        self._read_all()
        waiting = self._book.unpublished.copy()
        unseen = {id(other) for other in waiting}
        others = self._book.begin_again(self.first_index)
        self._earlier += self._batch
        self._batch.clear()
        self._used_index = self._element_index = self.first_index
        self._clear(self.first_index, interrupts=self._callbacks_on)
        for other in others:
            if other.used:
                self._book.by_token[other.token] = other
            elif other is not chain and id(other) not in unseen:
                self._book.place(other)
        if self._book.unpublished:
            self._publish()
            self._book.publish()
        for other in waiting:
            self._book.place(other)
        yield "enable"
        if self._held():
            self._notify(self.notification)
        if chain.used:
            raise NotOutstandingError(f"token {chain.token!r} is used already")

    def _check_halted(self) -> None:
        if self._halted:
            raise BrokenQueueError("the device has let go of the queue")

    def _use_table(self, count: int, choice: bool | None) -> bool:
        if choice is None:
            return self.indirect == "always" or (self.indirect == "multi" and count > 1)
        if choice and self.tables is None:
            raise InvalidArgumentError("an indirect chain in a queue without an allocator")
        return choice
