# SPDX-License-Identifier: Apache-2.0
"""What pictures of rings are made of: rows, boxes, and the choice of rows."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Callable, NamedTuple, Protocol

from .layout import DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE

WIDTH = 98
LEFT, RIGHT = 41, 56  # two boxes side by side with a space between
ROWS = 16
CHANGED = "\033[1;33m{}\033[0m"


class DriverView(Protocol):
    """What a picture needs of the driver; a `RingVirtqueue` has it. Indices are 16-bit words."""

    @property
    def outstanding(self) -> Mapping[Hashable, tuple[int, ...]]:
        """Descriptors of each outstanding token, the first one first."""

    @property
    def unpublished(self) -> tuple[Hashable, ...]:
        """Tokens that the device cannot see yet."""

    @property
    def next_avail_index(self) -> int:
        """Ring index of the next buffer to be added."""

    @property
    def used_index(self) -> int:
        """Ring index up to which buffers were collected."""


class DeviceView(Protocol):
    """What a picture needs of the device; a `DeviceRing` and `DeviceIndices` have it."""

    @property
    def next_avail(self) -> int:
        """Ring index of the next chain to be fetched."""

    @property
    def used_index(self) -> int:
        """Ring index up to which chains were returned."""


class DeviceIndices(NamedTuple):
    """A device's two indices, as read from its registers."""

    next_avail: int
    used_index: int


class Row(NamedTuple):
    """A line in a box."""

    text: str
    changed: bool = False


def letters(flags: int) -> str:
    """NEXT, WRITE and INDIRECT, each a letter or `-`."""
    return "".join(
        letter if flags & bit else "-"
        for letter, bit in (("N", DESC_F_NEXT), ("W", DESC_F_WRITE), ("I", DESC_F_INDIRECT))
    )


def table_rows(raw: bytes, decode: Callable[[bytes], str], most: int = 4) -> list[Row]:
    """The first entries of an indirect table, of 16 bytes each."""
    entries = [raw[at : at + 16] for at in range(0, len(raw), 16)]
    result = [
        Row(f"{'└' if at == 0 else ' '}{at:>5} {decode(entry)}")
        for at, entry in enumerate(entries[:most])
    ]
    if len(entries) > most:
        result.append(Row(f"{'⋮':>6} {len(entries) - most} more"))
    return result


def marks_at(marks: Mapping[str, int], slot: int) -> str:
    """The names whose place is `slot`."""
    found = [name for name, place in marks.items() if place == slot]
    return "◄ " + ", ".join(found) if found else ""


def changed_slots(now: Sequence[object], old: Sequence[object]) -> list[int]:
    """Places at which two sequences differ."""
    return [] if now == old else [slot for slot, entry in enumerate(now) if entry != old[slot]]


def window(
    size: int, wishes: Iterable[Iterable[int]], rows: int, all_if_small: bool = True
) -> list[int | None]:
    """Up to `rows` of the places 0 to size - 1, the first wishes first; None for each gap."""
    if all_if_small and size <= rows:
        return list(range(size))
    chosen: set[int] = set()
    for wish in wishes:
        for place in wish:
            if len(chosen) < rows:
                chosen.add(place)
    result: list[int | None] = []
    last = -1
    for place in sorted(chosen):
        if place != last + 1:
            result.append(None)
        result.append(place)
        last = place
    if last != size - 1:
        result.append(None)
    return result


def box(title: str, rows: list[Row], width: int, tty: bool) -> list[str]:
    """Lines of a box with a title."""
    lines = [f"┌─ {title} {'─' * (width - len(title) - 5)}┐"]
    for text, changed in rows:
        line = f"{'*' if changed else ' '} {text}"
        line = f"{line:<{width - 2}.{width - 2}}"
        lines.append(f"│{CHANGED.format(line) if changed and tty else line}│")
    lines.append(f"└{'─' * (width - 2)}┘")
    return lines


def beside(left: list[str], right: list[str]) -> list[str]:
    """Two boxes next to each other, the shorter one stretched."""
    height = max(len(left), len(right))
    for box, width in ((left, LEFT), (right, RIGHT)):
        while len(box) < height:
            box.insert(len(box) - 1, f"│{' ' * (width - 2)}│")
    return [f"{x} {y}" for x, y in zip(left, right)]


def near_differences(a: list[str], b: list[str], rows: int) -> list[tuple[str, str]]:
    """Pairs of lines that differ, with their neighbours."""
    differ = [at for at, (x, y) in enumerate(zip(a, b)) if x != y]
    if not differ:
        return [("equal", "equal")]
    around = [at + step for at in differ for step in (-1, 1) if 0 <= at + step < len(a)]
    result = [
        ("    ⋮", "    ⋮") if at is None else (a[at], b[at])
        for at in window(len(a), [differ, around], rows, all_if_small=False)
    ]
    if len(differ) > rows:
        result.append((f"{len(differ)} rows differ",) * 2)
    return result
