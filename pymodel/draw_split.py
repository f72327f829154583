# SPDX-License-Identifier: Apache-2.0
"""The picture of a split ring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from .draw_pieces import (
    LEFT,
    RIGHT,
    WIDTH,
    DeviceView,
    DriverView,
    Row,
    beside,
    box,
    changed_slots,
    letters,
    marks_at,
    table_rows,
    window,
)
from .layout import DESC_F_INDIRECT, INDEX_MODULUS, Descriptor
from .state import SplitState


def draw_split(
    state: SplitState,
    driver: DriverView | None,
    device: DeviceView | None,
    before: SplitState | None,
    tty: bool,
    rows: int,
) -> list[str]:
    """The descriptor table, the two rings and their event fields; see `draw_ring`."""
    owners = _owners(state, driver)
    table = _table_rows(state, owners, before, rows)
    avail = _avail_rows(state, device, before, rows)
    used = _used_rows(state, driver, device, before, rows)
    lines = box(f"descriptor table, {state.size} entries", table, WIDTH, tty)
    left = box("available ring, driver writes", avail, LEFT, tty)
    right = box("used ring, device writes", used, RIGHT, tty)
    return lines + beside(left, right)


def short_split(state: SplitState) -> list[tuple[str, list[str]]]:
    """Its parts in one line a row, each with a title, for two states side by side."""
    return [
        ("available ring", _short_avail(state)),
        ("used ring", _short_used(state)),
        ("descriptor table", _short_table(state)),
    ]


def _owners(state: SplitState, driver: DriverView | None) -> dict[int, tuple[str, str]] | None:
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
        elif not chain:
            continue  # used before the queue was reset
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
    state: SplitState,
    owners: Mapping[int, tuple[str, str]] | None,
    before: SplitState | None,
    rows: int,
) -> list[Row]:
    unowned = ("" if owners is None else "free", "")
    owners = owners or {}
    changed: set[int] = set()
    if before is not None and before.descriptors_raw != state.descriptors_raw:
        old = before.table
        changed = {at for at, desc in enumerate(state.table) if desc != old[at]}
    tables = {area.name: area.data for area in state.areas}
    result = [Row(f"{'index':>6} {'address':>18} {'bytes':>10}  flags  next  owner   chain")]
    for index in window(state.size, [sorted(changed), owners], rows):
        if index is None:
            result.append(Row(f"{'⋮':>6}"))
            continue
        desc = state.table[index]
        owner, chain = owners.get(index, unowned)
        text = f"{index:>6} {_descriptor(desc)}  {owner:<6}  {chain}"
        result.append(Row(text, index in changed))
        if desc.flags & DESC_F_INDIRECT and owner != "free":
            raw = tables.get(f"indirect of {index}", b"")
            result += table_rows(raw, lambda entry: _descriptor(Descriptor.unpack(entry)))
    return result


def _avail_rows(
    state: SplitState, device: DeviceView | None, before: SplitState | None, rows: int
) -> list[Row]:
    old = before or state
    result = [
        Row(f"flags {state.avail_flags}", state.avail_flags != old.avail_flags),
        Row(f"idx {state.avail_idx}", state.avail_idx != old.avail_idx),
        Row(f"used_event {state.used_event}", state.used_event != old.used_event),
        Row("  slot   index    head"),
    ]
    marks = {"idx": state.avail_idx}
    start = state.avail_idx
    if device is not None:
        marks["device"] = start = device.next_avail
    slots = state.avail_ring
    changed = changed_slots(slots, old.avail_ring)

    def entry(slot: int) -> str:
        return f"{slots[slot]:>7}"

    return result + _ring_rows(state.size, entry, changed, state.avail_idx, start, marks, rows)


def _used_rows(
    state: SplitState,
    driver: DriverView | None,
    device: DeviceView | None,
    before: SplitState | None,
    rows: int,
) -> list[Row]:
    old = before or state
    result = [
        Row(f"flags {state.used_flags}", state.used_flags != old.used_flags),
        Row(f"idx {state.used_idx}", state.used_idx != old.used_idx),
        Row(f"avail_event {state.avail_event}", state.avail_event != old.avail_event),
        Row("  slot   index      id      bytes"),
    ]
    marks = {"idx": state.used_idx}
    start = state.used_idx
    if device is not None and device.used_index != state.used_idx:
        marks["device"] = device.used_index
    if driver is not None:
        marks["driver"] = start = driver.used_index
    slots = state.used_ring
    changed = changed_slots(slots, old.used_ring)

    def entry(slot: int) -> str:
        return f"{slots[slot].id:>7} {slots[slot].length:>10}"

    return result + _ring_rows(state.size, entry, changed, state.used_idx, start, marks, rows)


def _ring_rows(
    size: int,
    entry: Callable[[int], str],
    changed: Sequence[int],
    idx: int,
    start: int,
    marks: Mapping[str, int],
    rows: int,
) -> list[Row]:
    """Return the rows of a ring's slots: those of indices from `start` on, marked, or changed."""
    live = [index % size for index in _indices(start, idx, size)]
    newest = [(mark - back) % size for mark in marks.values() for back in range(3)]
    places = {name: mark % size for name, mark in marks.items()}
    result = []
    for slot in window(size, [newest, live, changed], rows):
        if slot is None:
            result.append(Row(f"{'⋮':>6}"))
            continue
        text = f"{slot:>6} {_index_of(slot, idx, size):>7} {entry(slot)}"
        result.append(Row(f"{text}  {marks_at(places, slot)}", slot in changed))
    return result


def _short_avail(state: SplitState) -> list[str]:
    head = [
        f"flags {state.avail_flags}",
        f"idx {state.avail_idx}",
        f"used_event {state.used_event}",
    ]
    return head + [f"{slot:>5}: {entry}" for slot, entry in enumerate(state.avail_ring)]


def _short_used(state: SplitState) -> list[str]:
    head = [
        f"flags {state.used_flags}",
        f"idx {state.used_idx}",
        f"avail_event {state.avail_event}",
    ]
    return head + [
        f"{slot:>5}: id {elem.id}, {elem.length} bytes" for slot, elem in enumerate(state.used_ring)
    ]


def _short_table(state: SplitState) -> list[str]:
    return [
        f"{at:>5}:{desc.addr:>#18x} {desc.length:>10} "
        f"{letters(desc.flags)}{_odd(desc)}{desc.next:>5}"
        for at, desc in enumerate(state.table)
    ]


def _descriptor(desc: Descriptor) -> str:
    addr_and_length = f"{desc.addr:>#18x} {desc.length:>10}"
    return f"{addr_and_length}  {letters(desc.flags)}{_odd(desc)}{desc.next:>6}"


def _odd(desc: Descriptor) -> str:
    return "!" if desc.flags & ~7 else " "  # flags that mean nothing


def _indices(start: int, end: int, size: int) -> list[int]:
    """Ring indices from `start` up to, not including, `end`; none if there are too many."""
    count = (end - start) % INDEX_MODULUS
    return [(start + at) % INDEX_MODULUS for at in range(count)] if count <= size else []


def _index_of(slot: int, idx: int, size: int) -> int:
    """The latest ring index below `idx` plus the size's worth that falls on `slot`."""
    behind = (idx - 1 - slot) % size
    return idx if behind == size - 1 else (idx - 1 - behind) % INDEX_MODULUS
