# SPDX-License-Identifier: Apache-2.0
"""The device side of one split queue (sections 2.7.6 to 2.7.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from .device_ring import DeviceRing, UsedChains
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
from .memory import Memory
from .walker import Chain, ChainWalker


class SplitDevice(DeviceRing):
    """The device side of a split ring; see `DeviceRing`.

    Args:
        memory: where everything is.
        layout: the ring's addresses and size.
        event_idx: EVENT_IDX was negotiated.
        indirect: INDIRECT_DESC was negotiated.
        max_chain: the most descriptors in one chain; None is the queue size.
        start_index: first index of the available ring; None is 0, that of a new queue.
        start_used: first index of the used ring; None is `start_index`.
        on_step: called with a step's name after each memory step, for tests of races.
    """

    layout: SplitLayout

    def __init__(
        self,
        memory: Memory,
        layout: SplitLayout,
        *,
        event_idx: bool = False,
        indirect: bool = False,
        max_chain: int | None = None,
        start_index: int | None = None,
        start_used: int | None = None,
        on_step: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(memory, layout, event_idx, on_step)
        self.layout = layout
        self._walker = ChainWalker(
            memory, layout, indirect, layout.size if max_chain is None else max_chain
        )
        self._next_avail = start_index or 0
        self._used_index = self._next_avail if start_used is None else start_used
        self._seen = self._next_avail  # available index as last read

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

    def after(self, index: int, chains: Sequence[Chain]) -> int:
        """See `DeviceRing.after`."""
        return (index + len(chains)) % INDEX_MODULUS

    def look(self) -> int:
        """Read the available index and return `known`; one that was told saves the read.

        What was told is used if it makes 1 to the queue's size new chains; else it is old.
        """
        told, self._told = self._told, None
        if told is not None and 0 < (told - self._next_avail) % INDEX_MODULUS <= self.layout.size:
            self._seen = told
            return self.known
        self._seen = self._read_avail(self.layout.avail_idx, "available index read")
        if self.known > self.layout.size:
            raise QueueFault(Fault.AVAIL_JUMP)
        return self.known

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

    def set_features(self, event_idx: bool, indirect: bool) -> None:
        """See `DeviceRing.set_features`."""
        self.event_idx = event_idx
        self._walker.indirect = indirect

    def _return(self, elements: Sequence[UsedChains]) -> bool:
        # Payload, then elements, then index (SPLIT-DEV-15, SPLIT-DEV-16), each at the slot of its
        # first chain (SPLIT-XDEV-07).
        old = new = self._used_index
        for chains, length in elements:
            elem = USED_ELEM_FORMAT.pack(chains[-1].id, length)
            self._write(self.layout.used_elem(new), elem, "used element written")
            new = self.after(new, chains)
        self._write16(self.layout.used_idx, new, "used index written")
        self._used_index = new
        # The index is in memory before the driver's wish is read.
        if self.event_idx:  # SPLIT-DEV-12 to 14
            event = self._read_avail(self.layout.used_event, "used_event read")
            return need_event(event, new, old)
        flags = self._read_avail(self.layout.avail_flags, "available flags read")
        return not flags & AVAIL_F_NO_INTERRUPT  # SPLIT-DEV-09 to 11

    def _refuse_notifications(self) -> None:
        if not self.event_idx:
            self._write16(self.layout.used_flags, USED_F_NO_NOTIFY, "used flags written")

    def _ask_for_notifications(self) -> None:
        if self.event_idx:
            self._write16(self.layout.avail_event, self._next_avail, "avail_event written")
        else:
            self._write16(self.layout.used_flags, 0, "used flags written")

    def _abandon(self) -> None:
        while self.working:
            if self.known <= self.layout.size:
                self._next_avail = self._seen  # what was published counts as fetched
            if self.go_idle():
                return

    def _read_avail(self, addr: int, step: str) -> int:
        raw = self._read(addr, U16.size, QueueFault(Fault.MEM_AVAIL), step)
        value: int = U16.unpack(raw)[0]
        return value
