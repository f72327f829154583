# SPDX-License-Identifier: Apache-2.0
"""What every virtqueue does around its operations: locking, breaking, callbacks."""

from __future__ import annotations

import abc
import threading
from collections.abc import Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .virtqueue import (
    BrokenQueueError,
    Callback,
    ConcurrentUseError,
    InvalidArgumentError,
    UsedBuffer,
    Virtqueue,
)


class GuardedVirtqueue(Virtqueue):
    """Turns the bare operations of a ring format, `_add_buf` and so on, into safe ones.

    Args:
        callback: see `Virtqueue`; None suppresses interrupts from the start.
        priv: the driver's own.
    """

    def __init__(self, callback: Callback | None = None, priv: Any = None) -> None:
        self.callback = callback
        self.priv = priv
        self._running: str | None = None  # the operation in progress
        self._lock = threading.RLock()  # held for moments, never during an operation
        self._broken: str | None = None
        self._callbacks_on = callback is not None
        self._interrupt_held = False
        self._suppress_due = False  # when the running operation ends
        self._in_callback = False

    @property
    def broken(self) -> str | None:
        """Why the queue is broken or closed, or None."""
        return self._broken

    @property
    def callbacks_on(self) -> bool:
        """Whether the next interrupt may run the callback."""
        return self._callbacks_on

    def add_buf(
        self,
        sg: Sequence[tuple[int, int]],
        out_num: int,
        in_num: int,
        data: Hashable,
    ) -> None:
        """See `Virtqueue.add_buf`."""
        with self._operation("add_buf"):
            self._add_buf(sg, out_num, in_num, data)

    def sync(self) -> None:
        """See `Virtqueue.sync`."""
        with self._operation("sync"):
            self._sync()

    def get_buf(self) -> UsedBuffer | None:
        """See `Virtqueue.get_buf`."""
        with self._operation("get_buf"):
            return self._get_buf()

    def detach_buf(self, data: Hashable) -> None:
        """See `Virtqueue.detach_buf`."""
        with self._operation("detach_buf"):
            self._detach_buf(data)

    def detach_steps(self, data: Hashable) -> Generator[str, None, None]:
        """`detach_buf`, for a driver whose register accesses take time.

        Yields "reset" where the queue has to be reset and "enable" where it has to be made ready
        again; going on says that this is done. Until the end it is one operation.
        """
        with self._operation("detach_buf"):
            yield from self._detach_steps(data)

    def restart(self) -> bool:
        """See `Virtqueue.restart`."""
        with self._operation("restart"):
            if self.callback is None:
                raise InvalidArgumentError("restart of a queue without a callback")
            if self._callbacks_on:
                raise InvalidArgumentError("restart while callbacks are on")
            self._callbacks_on = self._restart()
            return self._callbacks_on

    def shutdown(self) -> list[Hashable]:
        """See `Virtqueue.shutdown`."""
        with self._operation("shutdown", even_broken=True):
            self._callbacks_on = False
            self._broken = self._broken or "the queue is shut down"
            return self._shutdown()

    def interrupt(self) -> None:
        """See `Virtqueue.interrupt`."""
        with self._lock:
            self._interrupt_held = True
        self._deliver()

    @abc.abstractmethod
    def _add_buf(
        self, sg: Sequence[tuple[int, int]], out_num: int, in_num: int, data: Hashable
    ) -> None: ...

    @abc.abstractmethod
    def _sync(self) -> None: ...

    @abc.abstractmethod
    def _get_buf(self) -> UsedBuffer | None: ...

    @abc.abstractmethod
    def _detach_buf(self, data: Hashable) -> None: ...

    def _detach_steps(self, data: Hashable) -> Generator[str, None, None]:
        self._detach_buf(data)
        yield from ()

    @abc.abstractmethod
    def _restart(self) -> bool:
        """Ask for interrupts, look once more; if a used buffer is pending, undo, return False."""

    @abc.abstractmethod
    def _pending(self) -> bool:
        """Whether a used buffer waits for `get_buf`."""

    def _attend(self) -> None:
        """Do what an interrupt is for besides callbacks, whether they are on or not."""

    @abc.abstractmethod
    def _suppress(self) -> None:
        """Ask the device not to interrupt."""

    @abc.abstractmethod
    def _shutdown(self) -> list[Hashable]: ...

    def _break(self, why: str) -> BrokenQueueError:
        """Mark the queue broken and return the error to raise."""
        self._broken = why
        return BrokenQueueError(why)

    @contextmanager
    def _operation(self, name: str, even_broken: bool = False) -> Iterator[None]:
        with self._lock:
            if self._running is not None:
                raise ConcurrentUseError(f"{name} entered while {self._running} was running")
            self._running = name
        try:
            if self._broken is not None and not even_broken:
                raise BrokenQueueError(self._broken)
            yield
        finally:
            with self._lock:
                if self._suppress_due and self._broken is None:
                    self._suppress()
                self._suppress_due = False
                self._running = None
            self._deliver()

    def _deliver(self) -> None:
        """Run the callback for each held interrupt, never inside another call of it."""
        while True:
            with self._lock:
                if not self._interrupt_held or self._running is not None or self._in_callback:
                    return
                self._interrupt_held = False
                self._running = "interrupt"
            try:
                if self._broken is None:
                    self._attend()
            finally:
                with self._lock:
                    self._running = None
            with self._lock:
                if self._running is not None:  # an operation on another thread was faster
                    self._interrupt_held = True
                    return
                callback = self.callback
                if self._broken is not None or not self._callbacks_on or callback is None:
                    continue  # late or unasked for (SPLIT-DRV-16)
                if not self._pending():
                    continue
                self._in_callback = True
            try:
                if not callback(self):
                    self._turn_off()
            finally:
                with self._lock:
                    self._in_callback = False

    def _turn_off(self) -> None:
        with self._lock:
            self._callbacks_on = False
            if self._running is not None:  # on another thread, which must not be disturbed
                self._suppress_due = True
            elif self._broken is None:
                self._suppress()
