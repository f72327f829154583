# SPDX-License-Identifier: Apache-2.0
"""The rings of a scenario, in either format: where their parts are, what the device did there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from pymodel import PackedDescriptor, PackedLayout, Position, SplitLayout
from pymodel.layout import DESC_F_WRITE, QueueLayout, need_event
from pymodel.packed_layout import (
    DESC_LAP,
    EVENT_BYTES,
    EVENT_DISABLE,
    EVENT_FLAGS_AT,
    FIRST,
    EventSuppression,
)

from .errors import Problem, StepFailed
from .values import Names

TOP = 1 << 64
DESC_BYTES = 16
FAR = 0x7000  # used_event of queues without interrupts


class Store(Protocol):
    """Guest memory with the bookkeeping of who may write where."""

    def add_region(self, base: int, size: int) -> object:
        """Add zeroed memory."""

    def read(self, addr: int, length: int) -> bytes:
        """Return bytes."""

    def write(self, addr: int, data: bytes) -> None:
        """Write bytes, as the driver."""

    def allow(self, addr: int, length: int) -> None:
        """Let the device write a range."""

    def disallow(self, addr: int, length: int) -> None:
        """Undo one `allow`."""

    def watch(self, addr: int, length: int, watch: int = 1) -> None:
        """Count the accesses of a range."""


@dataclass
class Ring:
    """One queue's areas; unlike `SplitLayout` it takes any address and size."""

    index: int
    size: int
    table: int
    avail: int
    used: int
    published: int = 0  # chains published, in 16 bits
    told: int = 0  # of these, at the last `notify` that looked at the device's wish
    in_order: bool = field(default=False, init=False)  # one element may return several

    @staticmethod
    def spans(size: int) -> tuple[tuple[str, int], ...]:
        """Return the areas' names and bytes."""
        return ("table", DESC_BYTES * size), ("avail", 6 + 2 * size), ("used", 6 + 8 * size)

    @property
    def given(self) -> list[tuple[int, int]]:
        """What the device may write."""
        return [(self.used, 6 + 8 * self.size)]

    def fields(self) -> dict[str, int]:
        """Return the addresses by name."""
        return {
            "size": self.size,
            "table": self.table,
            "avail": self.avail,
            "used": self.used,
            "avail_flags": self.avail,
            "avail_idx": self.avail + 2,
            "used_event": self.avail + 4 + 2 * self.size,
            "used_flags": self.used,
            "used_idx": self.used + 2,
            "avail_event": self.used + 4 + 8 * self.size,
        }

    def word(self, field: str) -> int:
        """Return the address of a word by its name."""
        fields = self.fields()
        if field not in fields:
            raise Problem(field, f"is not of a packed queue; it has: {', '.join(fields)}")
        return fields[field]

    def element(self, field: str, index: int) -> int:
        """Return the address of an element: `desc`, `entry` or `elem` of any ring index."""
        if field == "desc":
            return self.table + DESC_BYTES * index
        slot = index % self.size if self.size else index
        return self.avail + 4 + 2 * slot if field == "entry" else self.used + 4 + 8 * slot

    def layout(self) -> QueueLayout | None:
        """Return the layout for pictures, None if it is not a legal one."""
        try:
            return SplitLayout(self.size, self.table, self.avail, self.used)
        except ValueError:
            return None

    def free_head(self, place: int) -> int:
        """Return where chain number `place` of some work, of two descriptors, may begin."""
        return 2 * place % self.size

    def returned(self, names: Names) -> int:
        """Return how many chains were used, in 16 bits."""
        return _word(names, self.used + 2)

    def elements(self, names: Names, first: int, count: int) -> list[tuple[int, int]]:
        """Return id and bytes of used elements."""
        found = []
        for place in range(count):
            raw = names.read(self.element("elem", first + place), 8)
            found.append((int.from_bytes(raw[:4], "little"), int.from_bytes(raw[4:], "little")))
        return found

    def wanted(self, names: Names, event_idx: bool, old: int) -> bool:
        """Whether the device asks to be told of the chains after `old`."""
        if event_idx:  # SPLIT-DRV-24
            return need_event(_word(names, self.fields()["avail_event"]), self.published, old)
        return not _word(names, self.used) & 1  # SPLIT-DRV-22

    def silence(self, store: Store) -> None:
        """Ask for no interrupts, whatever the features."""
        store.write(self.avail, (1).to_bytes(2, "little"))
        store.write(self.fields()["used_event"], FAR.to_bytes(2, "little"))


@dataclass
class PackedRing(Ring):
    """A packed queue: `table` is its ring, `avail` and `used` are the two event structures.

    Descriptors have the numbers that they would have if the ring never ended.
    """

    heads: list[int] = field(default_factory=list)  # of the chains published
    ids: list[int] = field(default_factory=list)  # of these
    seen: int = 0  # with IN_ORDER, of these, returned at the last look
    next: int = 0  # the first descriptor after all that were written

    @staticmethod
    def spans(size: int) -> tuple[tuple[str, int], ...]:
        """See `Ring`."""
        return ("table", DESC_BYTES * size), ("avail", EVENT_BYTES), ("used", EVENT_BYTES)

    @property
    def given(self) -> list[tuple[int, int]]:
        """See `Ring`."""
        return [(self.table, DESC_BYTES * self.size), (self.used, EVENT_BYTES)]

    def fields(self) -> dict[str, int]:
        """See `Ring`."""
        return {
            "size": self.size,
            "table": self.table,
            "avail": self.avail,
            "used": self.used,
            "used_event": self.avail,
            "avail_flags": self.avail + EVENT_FLAGS_AT,
            "avail_event": self.used,
            "used_flags": self.used + EVENT_FLAGS_AT,
        }

    def element(self, field: str, index: int) -> int:
        """See `Ring`; there are descriptors only."""
        if field != "desc":
            raise Problem(field, "is not of a packed queue")
        return self.table + DESC_BYTES * (index % self.size if self.size else index)

    def layout(self) -> QueueLayout | None:
        """See `Ring`."""
        try:
            return PackedLayout(self.size, self.table, self.avail, self.used)
        except ValueError:
            return None

    def place(self, number: int) -> Position:
        """Return where a descriptor is."""
        return FIRST.ahead(number, self.size or 1)

    def free_head(self, place: int) -> int:
        """See `Ring`."""
        return self.next

    def _used(self, names: Names, number: int) -> PackedDescriptor | None:
        desc = PackedDescriptor.unpack(names.read(self.element("desc", number), DESC_BYTES))
        return desc if self.place(number).is_used(desc.flags) else None

    def returned(self, names: Names) -> int:
        """See `Ring`: those in a row; with IN_ORDER up to those that used ids name."""
        while self.in_order and self.seen < len(self.heads):
            desc = self._used(names, self.heads[self.seen])
            if desc is None:
                return self.seen
            later = self.ids[self.seen :]
            self.seen += later.index(desc.id) + 1 if desc.id in later else 1
        if self.in_order:
            return self.seen
        for count, head in enumerate(self.heads):
            written_over = head + self.size < self.next  # in the next lap, so it was used before
            if not written_over and self._used(names, head) is None:
                return count
        return len(self.heads)

    def elements(self, names: Names, first: int, count: int) -> list[tuple[int, int]]:
        """See `Ring`. WRITE goes with bytes, and all other flags are 0."""
        found = []
        for head in self.heads[first : first + count]:
            desc = self._used(names, head)
            if desc is None:
                raise StepFailed(f"descriptor {head}", "used", "not used, or used again")
            flags = DESC_F_WRITE if desc.length else 0
            if desc.flags & ~DESC_LAP != flags:
                raise StepFailed(f"flags of used descriptor {head}", flags, desc.flags & ~DESC_LAP)
            found.append((desc.id, desc.length))
        return found

    def wanted(self, names: Names, event_idx: bool, old: int) -> bool:
        """See `Ring`."""
        wish = EventSuppression.unpack(names.read(self.used, EVENT_BYTES))
        places = [self.place(self.heads[old] if old < len(self.heads) else self.next)]
        places.append(self.place(self.next))
        return wish.wants(places[0], places[1], self.size, event_idx)

    def silence(self, store: Store) -> None:
        """See `Ring`."""
        store.write(self.avail, EventSuppression(0, EVENT_DISABLE).pack())


def _word(names: Names, addr: int) -> int:
    return int.from_bytes(names.read(addr % TOP, 2), "little")
