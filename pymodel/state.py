# SPDX-License-Identifier: Apache-2.0
"""A queue's bytes in memory at one moment, and the differences between two such moments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Union

from .layout import (
    DESC_BYTES,
    DESC_F_INDIRECT,
    DESC_FORMAT,
    U16,
    USED_ELEM_FORMAT,
    Descriptor,
    SplitLayout,
    avail_bytes,
    table_bytes,
    used_bytes,
)
from .memory import Memory, MemoryFault


class UsedElement(NamedTuple):
    """One used element: head index and bytes written."""

    id: int
    length: int


class Area(NamedTuple):
    """Further memory to compare: a data buffer or indirect tables, by byte address."""

    name: str
    addr: int
    data: bytes


Value = Union[int, str]


class Difference(NamedTuple):
    """A field that is not the same in two states.

    Attributes:
        field: such as `avail.idx`, `table[3].flags`, `used.ring[0].len`, `buffer+0x10`.
        a: its value in the first state.
        b: its value in the second one.
    """

    field: str
    a: Value
    b: Value

    def __str__(self) -> str:
        return f"{self.field}: {_text(self.a)} is not {_text(self.b)}"


@dataclass(frozen=True)
class RingState:
    """The raw bytes of one queue's areas; the decoded fields are worked out when asked for.

    Attributes:
        layout: where they were.
        table_raw: the descriptor table.
        avail_raw: the available ring with used_event.
        used_raw: the used ring with avail_event.
        areas: further memory.
    """

    layout: SplitLayout
    table_raw: bytes
    avail_raw: bytes
    used_raw: bytes
    areas: tuple[Area, ...] = ()

    @classmethod
    def capture(
        cls,
        memory: Memory,
        layout: SplitLayout,
        areas: Iterable[tuple[str, int, int]] = (),
        tables: bool = False,
    ) -> RingState:
        """Read a queue from memory.

        Args:
            memory: where it is.
            layout: its addresses.
            areas: further memory as (name, byte address, bytes).
            tables: also read every indirect table that a descriptor names. Stale descriptors
                count too; a table that cannot be read is left out.
        """
        size = layout.size
        table_raw = memory.read(layout.table, table_bytes(size))
        found = [Area(name, addr, memory.read(addr, length)) for name, addr, length in areas]
        if tables:
            found += _indirect_tables(memory, table_raw)
        return cls(
            layout,
            table_raw,
            memory.read(layout.avail, avail_bytes(size)),
            memory.read(layout.used, used_bytes(size)),
            tuple(found),
        )

    @property
    def size(self) -> int:
        """Queue size, in descriptors."""
        return self.layout.size

    @cached_property
    def table(self) -> list[Descriptor]:
        """The descriptor table."""
        return _descriptors(self.table_raw)

    @property
    def avail_flags(self) -> int:
        """avail.flags."""
        return _word(self.avail_raw, 0)

    @property
    def avail_idx(self) -> int:
        """avail.idx."""
        return _word(self.avail_raw, 2)

    @cached_property
    def avail_ring(self) -> list[int]:
        """Head indices of the available ring, by slot."""
        return [entry for (entry,) in U16.iter_unpack(self.avail_raw[4:-2])]

    @property
    def used_event(self) -> int:
        """The driver's event index, after the available ring."""
        return _word(self.avail_raw, -2)

    @property
    def used_flags(self) -> int:
        """used.flags."""
        return _word(self.used_raw, 0)

    @property
    def used_idx(self) -> int:
        """used.idx."""
        return _word(self.used_raw, 2)

    @cached_property
    def used_ring(self) -> list[UsedElement]:
        """Elements of the used ring, by slot."""
        return [UsedElement(*elem) for elem in USED_ELEM_FORMAT.iter_unpack(self.used_raw[4:-2])]

    @property
    def avail_event(self) -> int:
        """The device's event index, after the used ring."""
        return _word(self.used_raw, -2)

    def chain(self, head: int) -> list[int]:
        """Indices of the chain from `head`, as far as it can be followed in the table."""
        found: list[int] = []
        index = head
        while index < self.size and index not in found:
            found.append(index)
            desc = self.table[index]
            if not desc.flags & 1 or desc.flags & DESC_F_INDIRECT:
                break
            index = desc.next
        return found


def compare(a: RingState, b: RingState) -> list[Difference]:
    """Every field that differs, the rings' own first; an empty list means byte for byte equal.

    The two queues may be at different addresses, but not of different sizes.
    """
    if a.size != b.size:
        return [Difference("size", a.size, b.size)]
    found: list[Difference] = []
    if a.avail_raw != b.avail_raw:
        found += _compare_words("avail", "used_event", a.avail_raw, b.avail_raw)
        for slot, (x, y) in enumerate(zip(a.avail_ring, b.avail_ring)):
            if x != y:
                found.append(Difference(f"avail.ring[{slot}]", x, y))
    if a.used_raw != b.used_raw:
        found += _compare_words("used", "avail_event", a.used_raw, b.used_raw)
        for slot, (p, q) in enumerate(zip(a.used_ring, b.used_ring)):
            found += _compare_tuples(f"used.ring[{slot}]", ("id", "len"), p, q)
    found += _compare_tables("table", a.table_raw, b.table_raw)
    found += _compare_areas(a.areas, b.areas)
    return found


def _compare_words(ring: str, event: str, a: bytes, b: bytes) -> list[Difference]:
    return [
        Difference(f"{ring}.{name}", _word(a, at), _word(b, at))
        for name, at in (("flags", 0), ("idx", 2), (event, -2))
        if _word(a, at) != _word(b, at)
    ]


def _compare_tuples(
    where: str, names: Sequence[str], a: Sequence[int], b: Sequence[int]
) -> list[Difference]:
    if a == b:
        return []
    return [Difference(f"{where}.{name}", x, y) for name, x, y in zip(names, a, b) if x != y]


def _compare_tables(name: str, a: bytes, b: bytes) -> list[Difference]:
    if a == b:
        return []
    found: list[Difference] = []
    for index, (x, y) in enumerate(zip(_descriptors(a), _descriptors(b))):
        found += _compare_tuples(f"{name}[{index}]", ("addr", "len", "flags", "next"), x, y)
    return found


def _compare_areas(a: Sequence[Area], b: Sequence[Area]) -> list[Difference]:
    if a == b:
        return []
    found: list[Difference] = []
    others = {area.name: area for area in b}
    for area in a:
        other = others.pop(area.name, None)
        if other is None:
            found.append(Difference(area.name, f"{len(area.data)} bytes", "absent"))
        elif len(area.data) != len(other.data):
            lengths = f"{len(area.data)} bytes", f"{len(other.data)} bytes"
            found.append(Difference(area.name, *lengths))
        elif area.data != other.data:
            if area.name.startswith("indirect"):
                found += _compare_tables(area.name, area.data, other.data)
            else:
                found += _compare_bytes(area, other)
    found += [Difference(name, "absent", f"{len(o.data)} bytes") for name, o in others.items()]
    return found


def _compare_bytes(a: Area, b: Area) -> list[Difference]:
    """One difference per run of bytes that differ, its first 16 bytes shown."""
    found: list[Difference] = []
    at, length = 0, len(a.data)
    while at < length:
        if a.data[at] == b.data[at]:
            at += 1
            continue
        end = at
        while end < length and a.data[end] != b.data[end]:
            end += 1
        shown = slice(at, min(end, at + 16))
        more = "..." if end > at + 16 else ""
        found.append(
            Difference(
                f"{a.name}+{at:#x} ({end - at} bytes)",
                a.data[shown].hex() + more,
                b.data[shown].hex() + more,
            )
        )
        at = end
    return found


def _indirect_tables(memory: Memory, table_raw: bytes) -> list[Area]:
    found = []
    for index, desc in enumerate(_descriptors(table_raw)):
        if desc.flags & DESC_F_INDIRECT and desc.length and not desc.length % DESC_BYTES:
            try:
                data = memory.read(desc.addr, desc.length)
            except MemoryFault:
                continue
            found.append(Area(f"indirect of {index}", desc.addr, data))
    return found


def _descriptors(raw: bytes) -> list[Descriptor]:
    whole = len(raw) - len(raw) % DESC_BYTES
    return [Descriptor(*fields) for fields in DESC_FORMAT.iter_unpack(raw[:whole])]


def _word(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at:][:2], "little")


def _text(value: Value) -> str:
    return value if isinstance(value, str) else f"{value} ({value:#x})"
