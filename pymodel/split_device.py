# SPDX-License-Identifier: Apache-2.0
"""The device side of one split queue (sections 2.7.6 to 2.7.10)."""

from __future__ import annotations

from typing import Callable

from .faults import Fault, QueueFault
from .layout import (
    AVAIL_F_NO_INTERRUPT,
    INDEX_MODULUS,
    U16,
    USED_ELEM_FORMAT,
    USED_F_NO_NOTIFY,
    SplitLayout,
    need_event,
)
from .memory import Memory, MemoryFault
from .walker import Chain, ChainWalker


class SplitDevice:
    """Fetches chains, moves their bytes, returns them, and decides on notifications.

    Every method raises `QueueFault` (for a chain `ChainError`) where the driver or the memory
    broke a rule; the queue must not be used after that.

    Args:
        memory: where everything is.
        layout: the ring's addresses and size.
        event_idx: EVENT_IDX was negotiated.
        indirect: INDIRECT_DESC was negotiated.
        max_chain: the most descriptors in one chain; None is the queue size.
        start_index: test hook, first ring index of both rings (a real queue starts at 0).
        on_step: called with a step's name after each memory step, for tests of races.
    """

    def __init__(
        self,
        memory: Memory,
        layout: SplitLayout,
        *,
        event_idx: bool = False,
        indirect: bool = False,
        max_chain: int | None = None,
        start_index: int = 0,
        on_step: Callable[[str], None] | None = None,
    ) -> None:
        self.layout = layout
        self.event_idx = event_idx
        self.on_step = on_step
        self.working = False
        self._memory = memory
        self._walker = ChainWalker(
            memory, layout, indirect, layout.size if max_chain is None else max_chain
        )
        self._next_avail = start_index
        self._seen = start_index  # available index as last read
        self._used_index = start_index

    @property
    def next_avail(self) -> int:
        """Next available index to be fetched."""
        return self._next_avail

    @property
    def used_index(self) -> int:
        """Used index last published."""
        return self._used_index

    @property
    def known(self) -> int:
        """Chains that may be fetched without looking at the index again."""
        return (self._seen - self._next_avail) % INDEX_MODULUS

    def look(self) -> int:
        """Read the available index and return `known`."""
        self._seen = self._read_avail(self.layout.avail_idx, "available index read")
        if self.known > self.layout.size:
            raise QueueFault(Fault.AVAIL_JUMP)
        return self.known

    def start_work(self) -> None:
        """Ask for no more notifications, as far as the format lets one (SPLIT-DEV-18 to 20)."""
        if not self.working:
            self.working = True
            if not self.event_idx:
                self._write_used(self.layout.used_flags, USED_F_NO_NOTIFY, "used flags written")

    def go_idle(self) -> bool:
        """Ask for notifications, then look once more; False if there is work after all.

        A chain published before the wish was in memory raises no notification, so without the
        second look it would wait for the next one.
        """
        if not self.working:  # nothing fetched since the wish was written, or ever
            return True
        if not self.event_idx:
            self._write_used(self.layout.used_flags, 0, "used flags written")
        else:
            self._write_used(self.layout.avail_event, self._next_avail, "avail_event written")
        self.working = False
        if self.look() == 0:
            return True
        self.start_work()
        return False

    def abandon(self) -> None:
        """Go idle after a fault of the driver's: what was published counts as fetched.

        No chain of the queue is taken any more; notifications are asked for as ever.
        """
        try:
            while self.working:
                if self.known <= self.layout.size:
                    self._next_avail, self._fetched_any = self._seen, True
                if self.go_idle():
                    return
        except QueueFault:  # the queue's first fault has been reported
            self.working = False

    def fetch(self) -> Chain:
        """Fetch the next chain; `known` must not be 0.

        The entry is read after the index that covers it, the descriptors after the entry
        (SPLIT-DEV-23).
        """
        if self.known == 0:
            raise ValueError("fetch with no available entry known")
        head = self._read_avail(self.layout.avail_entry(self._next_avail), "available entry read")
        chain = self._walker.walk(head)
        self._step("chain read")
        self._next_avail = (self._next_avail + 1) % INDEX_MODULUS
        return chain

    def read_payload(self, chain: Chain) -> bytes:
        """Return the chain's readable bytes."""
        try:
            data = b"".join(
                self._memory.read(addr, length) for addr, length in chain.readable if length
            )
        except MemoryFault:
            raise QueueFault(Fault.MEM_READ) from None
        self._step("payload read")
        return data

    def complete(self, chain: Chain, data: bytes) -> bool:
        """Write `data` into the chain's writable segments and return the chain.

        Returns:
            Whether a used-buffer notification is due.

        Raises:
            ValueError: `data` is longer than the chain's writable bytes.
        """
        if len(data) > chain.writable_len:
            raise ValueError(f"{len(data)} bytes for a chain with {chain.writable_len} writable")
        self._scatter(chain, data)
        # Payload, then element, then index (SPLIT-DEV-15, SPLIT-DEV-16).
        elem = USED_ELEM_FORMAT.pack(chain.head, len(data))
        self._write(self.layout.used_elem(self._used_index), elem, "used element written")
        old, new = self._used_index, (self._used_index + 1) % INDEX_MODULUS
        self._write_used(self.layout.used_idx, new, "used index written")
        self._used_index = new
        # The index is in memory before the driver's wish is read.
        if self.event_idx:  # SPLIT-DEV-12 to 14
            event = self._read_avail(self.layout.used_event, "used_event read")
            return need_event(event, new, old)
        flags = self._read_avail(self.layout.avail_flags, "available flags read")
        return not flags & AVAIL_F_NO_INTERRUPT  # SPLIT-DEV-09 to 11

    def set_features(self, event_idx: bool, indirect: bool) -> None:
        """Take over what was negotiated; only before the first chain."""
        self.event_idx = event_idx
        self._walker.indirect = indirect

    def _scatter(self, chain: Chain, data: bytes) -> None:
        done = 0
        for addr, length in chain.writable:
            piece = data[done : done + length]
            if not piece:
                continue
            try:
                self._memory.write(addr, piece)
            except MemoryFault:
                raise QueueFault(Fault.MEM_WRITE) from None
            done += length
        self._step("payload written")

    def _read_avail(self, addr: int, step: str) -> int:
        try:
            value: int = U16.unpack(self._memory.read(addr, 2))[0]
        except MemoryFault:
            raise QueueFault(Fault.MEM_AVAIL) from None
        self._step(step)
        return value

    def _write_used(self, addr: int, value: int, step: str) -> None:
        self._write(addr, U16.pack(value), step)

    def _write(self, addr: int, data: bytes, step: str) -> None:
        try:
            self._memory.write(addr, data)
        except MemoryFault:
            raise QueueFault(Fault.MEM_USED) from None
        self._step(step)

    def _step(self, name: str) -> None:
        if self.on_step is not None:
            self.on_step(name)
