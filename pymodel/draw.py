# SPDX-License-Identifier: Apache-2.0
"""Pictures of a ring for a terminal, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from .layout import (
    DESC_F_INDIRECT,
    DESC_F_NEXT,
    DESC_F_WRITE,
    INDEX_MODULUS,
    Descriptor,
)
from .state import RingState, compare

WIDTH = 98
LEFT, RIGHT = 41, 56  # boxes of the two rings, side by side with a space between
ROWS = 16
CHANGED = "\033[1;33m{}\033[0m"


class DriverView(Protocol):
    """What a picture needs of the driver; a `SplitVirtqueue` has it."""

    @property
    def outstanding(self) -> Mapping[Hashable, tuple[int, ...]]:
        """Descriptors of each outstanding token, head first."""

    @property
    def unpublished(self) -> tuple[Hashable, ...]:
        """Tokens that the device cannot see yet."""

    @property
    def used_index(self) -> int:
        """Used index up to which buffers were collected."""


class DeviceView(Protocol):
    """What a picture needs of the device; a `SplitDevice` and `DeviceIndices` have it."""

    @property
    def next_avail(self) -> int:
        """Next available index to be fetched."""

    @property
    def used_index(self) -> int:
        """Used index last published."""


class DeviceIndices(NamedTuple):
    """A device's two indices, as read from its registers."""

    next_avail: int
    used_index: int


class _Row(NamedTuple):
    text: str
    changed: bool = False


def draw_ring(
    state: RingState,
    *,
    driver: DriverView | None = None,
    device: DeviceView | None = None,
    before: RingState | None = None,
    tty: bool = False,
    rows: int = ROWS,
) -> str:
    """Draw the descriptor table, the two rings and their event fields.

    Args:
        state: the ring.
        driver: tells who holds which descriptor, and the driver's place in the used ring.
        device: tells the device's places.
        before: an earlier state of the same queue; what changed since is marked with `*`.
        tty: also colour what changed.
        rows: most lines in a box; of a larger ring only the active part is drawn.
    """
    owners = _owners(state, driver)
    table = _table_rows(state, owners, before, rows)
    avail = _avail_rows(state, device, before, rows)
    used = _used_rows(state, driver, device, before, rows)
    lines = _box(f"descriptor table, {state.size} entries", table, WIDTH, tty)
    left = _box("available ring, driver writes", avail, LEFT, tty)
    right = _box("used ring, device writes", used, RIGHT, tty)
    return "\n".join(lines + _beside(left, right)) + "\n"


def draw_side_by_side(
    a: RingState,
    b: RingState,
    names: tuple[str, str] = ("rtl", "model"),
    tty: bool = False,
    rows: int = ROWS,
) -> str:
    """Draw two states in two columns; `≠` marks each line that differs.

    Rows that are equal are left out but for those next to a difference; differences of further
    areas follow as a list.
    """
    half = (WIDTH - 7) // 2
    pairs: list[tuple[str, str]] = []
    for title, left, right in (
        ("available ring", _short_avail(a), _short_avail(b)),
        ("used ring", _short_used(a), _short_used(b)),
        ("descriptor table", _short_table(a), _short_table(b)),
    ):
        pairs.append((f"── {title} ", f"── {title} "))
        pairs += _near_differences(left, right, rows)
    lines = [f"┌{'─' * (half + 2)}┬{'─' * (half + 2)}┐"]
    for x, y in [names, *pairs]:
        differs = x != y and (x, y) != names
        fill = "─" if x.startswith("── ") else " "
        text = f"│ {x:{fill}<{half}.{half}} {'≠' if differs else '│'} {y:{fill}<{half}.{half}} │"
        lines.append(CHANGED.format(text) if tty and differs else text)
    lines.append(f"└{'─' * (half + 2)}┴{'─' * (half + 2)}┘")
    others = [str(d) for d in compare(a, b) if not d.field.startswith(("avail", "used", "table"))]
    lines += [f"≠ {other}"[:WIDTH] for other in others[:rows]]
    if len(others) > rows:
        lines.append(f"≠ and {len(others) - rows} more")
    return "\n".join(lines) + "\n"


# ---- the three boxes


def _owners(state: RingState, driver: DriverView | None) -> dict[int, tuple[str, str]] | None:
    """Owner and chain label of each descriptor that is not free; None with no driver to ask."""
    if driver is None:
        return None
    returned = {
        state.used_ring[index % state.size].id
        for index in _indices(driver.used_index, state.used_idx, state.size)
    }
    owners: dict[int, tuple[str, str]] = {}
    for token, chain in driver.outstanding.items():
        if token in driver.unpublished:
            owner = "driver"
        elif chain[0] in returned:
            owner = "used"
        else:
            owner = "device"
        for place, index in enumerate(chain):
            mark = "├" if place else "┌"
            if place == len(chain) - 1:
                mark = "└" if place else "─"
            owners[index] = (owner, f"{mark} {token!r}" if place == 0 else mark)
    return owners


def _table_rows(
    state: RingState,
    owners: Mapping[int, tuple[str, str]] | None,
    before: RingState | None,
    rows: int,
) -> list[_Row]:
    unowned = ("" if owners is None else "free", "")
    owners = owners or {}
    changed: set[int] = set()
    if before is not None and before.table_raw != state.table_raw:
        old = before.table
        changed = {at for at, desc in enumerate(state.table) if desc != old[at]}
    tables = {area.name: area.data for area in state.areas}
    result = [_Row(f"{'index':>6} {'address':>18} {'bytes':>10}  flags  next  owner   chain")]
    for index in _window(state.size, [sorted(changed), owners], rows):
        if index is None:
            result.append(_Row(f"{'⋮':>6}"))
            continue
        desc = state.table[index]
        owner, chain = owners.get(index, unowned)
        text = f"{index:>6} {_descriptor(desc)}  {owner:<6}  {chain}"
        result.append(_Row(text, index in changed))
        if desc.flags & DESC_F_INDIRECT and owner != "free":
            result += _indirect_rows(tables.get(f"indirect of {index}", b""))
    return result


def _indirect_rows(raw: bytes, most: int = 4) -> list[_Row]:
    entries = [Descriptor.unpack(raw[at : at + 16]) for at in range(0, len(raw), 16)]
    result = [
        _Row(f"{'└' if at == 0 else ' '}{at:>5} {_descriptor(desc)}")
        for at, desc in enumerate(entries[:most])
    ]
    if len(entries) > most:
        result.append(_Row(f"{'⋮':>6} {len(entries) - most} more"))
    return result


def _avail_rows(
    state: RingState, device: DeviceView | None, before: RingState | None, rows: int
) -> list[_Row]:
    old = before or state
    result = [
        _Row(f"flags {state.avail_flags}", state.avail_flags != old.avail_flags),
        _Row(f"idx {state.avail_idx}", state.avail_idx != old.avail_idx),
        _Row(f"used_event {state.used_event}", state.used_event != old.used_event),
        _Row("  slot   index    head"),
    ]
    marks = {"idx": state.avail_idx}
    start = state.avail_idx
    if device is not None:
        marks["device"] = start = device.next_avail
    slots, old_slots = state.avail_ring, old.avail_ring
    changed = _changed_slots(slots, old_slots)
    live = [index % state.size for index in _indices(start, state.avail_idx, state.size)]
    newest = [(mark - back) % state.size for mark in marks.values() for back in range(3)]
    for slot in _window(state.size, [newest, live, changed], rows):
        if slot is None:
            result.append(_Row(f"{'⋮':>6}"))
            continue
        index = _index_of(slot, state.avail_idx, state.size)
        text = f"{slot:>6} {index:>7} {slots[slot]:>7}  {_marks(marks, slot, state.size)}"
        result.append(_Row(text, slot in changed))
    return result


def _used_rows(
    state: RingState,
    driver: DriverView | None,
    device: DeviceView | None,
    before: RingState | None,
    rows: int,
) -> list[_Row]:
    old = before or state
    result = [
        _Row(f"flags {state.used_flags}", state.used_flags != old.used_flags),
        _Row(f"idx {state.used_idx}", state.used_idx != old.used_idx),
        _Row(f"avail_event {state.avail_event}", state.avail_event != old.avail_event),
        _Row("  slot   index      id      bytes"),
    ]
    marks = {"idx": state.used_idx}
    start = state.used_idx
    if device is not None and device.used_index != state.used_idx:
        marks["device"] = device.used_index
    if driver is not None:
        marks["driver"] = start = driver.used_index
    slots, old_slots = state.used_ring, old.used_ring
    changed = _changed_slots(slots, old_slots)
    live = [index % state.size for index in _indices(start, state.used_idx, state.size)]
    newest = [(mark - back) % state.size for mark in marks.values() for back in range(3)]
    for slot in _window(state.size, [newest, live, changed], rows):
        if slot is None:
            result.append(_Row(f"{'⋮':>6}"))
            continue
        index = _index_of(slot, state.used_idx, state.size)
        elem = slots[slot]
        text = f"{slot:>6} {index:>7} {elem.id:>7} {elem.length:>10}  "
        result.append(_Row(text + _marks(marks, slot, state.size), slot in changed))
    return result


# ---- side by side


def _short_avail(state: RingState) -> list[str]:
    head = [
        f"flags {state.avail_flags}",
        f"idx {state.avail_idx}",
        f"used_event {state.used_event}",
    ]
    return head + [f"{slot:>5}: {entry}" for slot, entry in enumerate(state.avail_ring)]


def _short_used(state: RingState) -> list[str]:
    head = [
        f"flags {state.used_flags}",
        f"idx {state.used_idx}",
        f"avail_event {state.avail_event}",
    ]
    return head + [
        f"{slot:>5}: id {elem.id}, {elem.length} bytes" for slot, elem in enumerate(state.used_ring)
    ]


def _short_table(state: RingState) -> list[str]:
    return [f"{at:>5}:{_descriptor(desc)}" for at, desc in enumerate(state.table)]


def _near_differences(a: list[str], b: list[str], rows: int) -> list[tuple[str, str]]:
    differ = [at for at, (x, y) in enumerate(zip(a, b)) if x != y]
    if not differ:
        return [("equal", "equal")]
    around = [at + step for at in differ for step in (-1, 1) if 0 <= at + step < len(a)]
    result = [
        ("    ⋮", "    ⋮") if at is None else (a[at], b[at])
        for at in _window(len(a), [differ, around], rows, all_if_small=False)
    ]
    if len(differ) > rows:
        result.append((f"{len(differ)} rows differ",) * 2)
    return result


# ---- pieces


def _descriptor(desc: Descriptor) -> str:
    flags = "".join(
        letter if desc.flags & bit else "-"
        for letter, bit in (("N", DESC_F_NEXT), ("W", DESC_F_WRITE), ("I", DESC_F_INDIRECT))
    )
    odd = "!" if desc.flags & ~7 else " "  # flags that mean nothing
    return f"{desc.addr:>#18x} {desc.length:>10}  {flags}{odd}{desc.next:>6}"


def _marks(marks: Mapping[str, int], slot: int, size: int) -> str:
    found = [name for name, index in marks.items() if index % size == slot]
    return "◄ " + ", ".join(found) if found else ""


def _indices(start: int, end: int, size: int) -> list[int]:
    """Ring indices from `start` up to, not including, `end`; none if there are too many."""
    count = (end - start) % INDEX_MODULUS
    return [(start + at) % INDEX_MODULUS for at in range(count)] if count <= size else []


def _index_of(slot: int, idx: int, size: int) -> int:
    """The latest ring index below `idx` plus the size's worth that falls on `slot`."""
    behind = (idx - 1 - slot) % size
    return idx if behind == size - 1 else (idx - 1 - behind) % INDEX_MODULUS


def _changed_slots(now: Sequence[object], old: Sequence[object]) -> list[int]:
    return [] if now == old else [slot for slot, entry in enumerate(now) if entry != old[slot]]


def _window(
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


def _box(title: str, rows: list[_Row], width: int, tty: bool) -> list[str]:
    lines = [f"┌─ {title} {'─' * (width - len(title) - 5)}┐"]
    for text, changed in rows:
        line = f"{'*' if changed else ' '} {text}"
        line = f"{line:<{width - 2}.{width - 2}}"
        lines.append(f"│{CHANGED.format(line) if changed and tty else line}│")
    lines.append(f"└{'─' * (width - 2)}┘")
    return lines


def _beside(left: list[str], right: list[str]) -> list[str]:
    """Two boxes next to each other, the shorter one stretched."""
    height = max(len(left), len(right))
    for box, width in ((left, LEFT), (right, RIGHT)):
        while len(box) < height:
            box.insert(len(box) - 1, f"│{' ' * (width - 2)}│")
    return [f"{x} {y}" for x, y in zip(left, right)]
