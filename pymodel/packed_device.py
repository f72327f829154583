# SPDX-License-Identifier: Apache-2.0
"""The device side of one packed queue (sections 2.8.1 to 2.8.12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from .device_ring import DeviceRing, UsedChains
from .faults import Fault, QueueFault
from .layout import DESC_F_WRITE, U16
from .memory import Memory
from .packed_layout import (
    EVENT_BYTES,
    EVENT_DESC,
    EVENT_DISABLE,
    EVENT_ENABLE,
    EVENT_FLAGS_AT,
    FIRST,
    LENGTH_AT,
    USED_FORMAT,
    EventSuppression,
    PackedLayout,
    Position,
)
from .walker import Chain, PackedWalker


class PackedDevice(DeviceRing):
    """The device side of a packed ring; see `DeviceRing`.

    Chains are fetched in ring order (PACKED-DEV-01). Several may be in the device's hands, and
    they may complete in any order: used descriptors follow each other in the ring all the same
    (PACKED-DEV-02), each as many descriptors further as the chain before it had.

    Args:
        memory: where everything is.
        layout: the ring's addresses and size.
        event_idx: EVENT_IDX was negotiated.
        indirect: INDIRECT_DESC was negotiated.
        max_chain: the most descriptors in one chain; None is the queue size.
        start_index: word of the position of the first chain; None is that of a new queue.
        start_used: word of the first used descriptor's position; None is `start_index`.
        on_step: called with a step's name after each memory step, for tests of races.
    """

    layout: PackedLayout

    def __init__(
        self,
        memory: Memory,
        layout: PackedLayout,
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
        self._walker = PackedWalker(
            memory, layout, indirect, layout.size if max_chain is None else max_chain, self._step
        )
        self._next = FIRST if start_index is None else Position.of(start_index)
        self._used = self._next if start_used is None else Position.of(start_used)
        self._seen = False  # the descriptor at `_next` is available

    @property
    def next_avail(self) -> int:
        """Word of the position of the next chain to be fetched."""
        return self._next.word

    @property
    def used_index(self) -> int:
        """Word of the position of the next used descriptor."""
        return self._used.word

    @property
    def held(self) -> int:
        """Descriptors of the chains that were fetched and not returned."""
        return self._next.distance(self._used, self.layout.size)

    @property
    def known(self) -> int:
        """1 if the next descriptor was seen to be available, else 0."""
        return int(self._seen)

    def after(self, index: int, chains: Sequence[Chain]) -> int:
        """See `DeviceRing.after`."""
        slots = sum(chain.slots for chain in chains)
        return Position.of(index).ahead(slots, self.layout.size).word

    def look(self) -> int:
        """Read the flags of the next descriptor, and nothing else (PACKED-XDEV-03)."""
        fault = QueueFault(Fault.MEM_DESC, self._next.offset)
        raw = self._read(self.layout.flags(self._next.offset), 2, fault, "descriptor flags read")
        self._seen = self._next.is_available(U16.unpack(raw)[0])
        return self.known

    def fetch(self) -> Chain:
        """Fetch the next chain; `known` must not be 0.

        Its descriptors are read after the flags of the first one, which vouch for them
        (PACKED-DEV-06, PACKED-DEV-10).
        """
        if not self._seen:
            raise ValueError("fetch with no available descriptor known")
        chain = self._walker.walk(self._next, self.layout.size - self.held)
        self._step("chain read")
        self._next = self._next.ahead(chain.slots, self.layout.size)
        self._seen = False
        return chain

    def set_features(self, event_idx: bool, indirect: bool) -> None:
        """See `DeviceRing.set_features`."""
        self.event_idx = event_idx
        self._walker.indirect = indirect

    def _return(self, elements: Sequence[UsedChains]) -> bool:
        old = new = self._used
        places = []
        for chains, length in elements:
            places.append((new, chains[-1].id, length))
            new = new.ahead(sum(chain.slots for chain in chains), self.layout.size)
        # The first one's flags show the others too, so they come last
        for place, id_, length in reversed(places):
            # Payload, then length and id, then flags; the address stays (PACKED-XDEV-05).
            addr = self.layout.descriptor(place.offset)
            self._write(addr + LENGTH_AT, USED_FORMAT.pack(length, id_), "used element written")
            flags = place.used | (DESC_F_WRITE if length else 0)  # PACKED-XDEV-04
            self._write16(self.layout.flags(place.offset), flags, "used flags written")
        self._used = new
        # The flags are in memory before the driver's wish is read.
        fault = QueueFault(Fault.MEM_AVAIL)
        raw = self._read(self.layout.driver, EVENT_BYTES, fault, "driver event read")
        return EventSuppression.unpack(raw).wants(old, new, self.layout.size, self.event_idx)

    def _refuse_notifications(self) -> None:
        if not self.event_idx:  # with it, the position asked for has passed already
            addr = self.layout.device + EVENT_FLAGS_AT
            self._write16(addr, EVENT_DISABLE, "device event written")

    def _ask_for_notifications(self) -> None:
        if self.event_idx:
            wish = EventSuppression(self._next.word, EVENT_DESC)
            self._write(self.layout.device, wish.pack(), "device event written")
        else:
            addr = self.layout.device + EVENT_FLAGS_AT
            self._write16(addr, EVENT_ENABLE, "device event written")

    def _abandon(self) -> None:
        if self.working:  # where a chain after the one at fault would begin is not known
            self._ask_for_notifications()
            self.working = False
