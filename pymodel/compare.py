# SPDX-License-Identifier: Apache-2.0
"""The differences between two states of a ring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Union

from .state import Area, PackedState, RingState, SplitState

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


def compare(a: RingState, b: RingState) -> list[Difference]:
    """Every field that differs, the rings' own first; an empty list means byte for byte equal.

    The two queues may be at different addresses, but not of different sizes.
    """
    if a.size != b.size:
        return [Difference("size", a.size, b.size)]
    if isinstance(a, SplitState) and isinstance(b, SplitState):
        found = _compare_split(a, b)
    elif isinstance(a, PackedState) and isinstance(b, PackedState):
        found = _compare_packed(a, b)
    else:
        return [Difference("format", _format(a), _format(b))]
    return found + _compare_areas(a, b)


def _compare_split(a: SplitState, b: SplitState) -> list[Difference]:
    found: list[Difference] = []
    if a.driver_raw != b.driver_raw:
        names = ("avail.flags", "avail.idx", "avail.used_event")
        found += _compare_tuples(
            names,
            (a.avail_flags, a.avail_idx, a.used_event),
            (b.avail_flags, b.avail_idx, b.used_event),
        )
        for slot, (x, y) in enumerate(zip(a.avail_ring, b.avail_ring)):
            found += _compare_tuples((f"avail.ring[{slot}]",), (x,), (y,))
    if a.device_raw != b.device_raw:
        names = ("used.flags", "used.idx", "used.avail_event")
        found += _compare_tuples(
            names,
            (a.used_flags, a.used_idx, a.avail_event),
            (b.used_flags, b.used_idx, b.avail_event),
        )
        for slot, (p, q) in enumerate(zip(a.used_ring, b.used_ring)):
            found += _compare_tuples((f"used.ring[{slot}].id", f"used.ring[{slot}].len"), p, q)
    return found + _compare_tables("table", a, a.descriptors_raw, b.descriptors_raw)


def _compare_packed(a: PackedState, b: PackedState) -> list[Difference]:
    found = _compare_tuples(("driver.desc", "driver.flags"), a.driver_words, b.driver_words)
    found += _compare_tuples(("device.desc", "device.flags"), a.device_words, b.device_words)
    return found + _compare_tables("ring", a, a.descriptors_raw, b.descriptors_raw)


def _compare_tuples(names: Sequence[str], a: Sequence[int], b: Sequence[int]) -> list[Difference]:
    if a == b:
        return []
    return [Difference(name, x, y) for name, x, y in zip(names, a, b) if x != y]


def _compare_tables(name: str, state: RingState, a: bytes, b: bytes) -> list[Difference]:
    """Differences of two tables of the same length, in the format of `state`."""
    if a == b:
        return []
    found: list[Difference] = []
    for index, (x, y) in enumerate(zip(state.descriptors(a), state.descriptors(b))):
        if x != y:
            names = [f"{name}[{index}].{field}" for field in state.fields]
            found += _compare_tuples(names, x, y)
    return found


def _compare_areas(state: RingState, other_state: RingState) -> list[Difference]:
    a, b = state.areas, other_state.areas
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
                found += _compare_tables(area.name, state, area.data, other.data)
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


def _format(state: RingState) -> str:
    return "packed" if state.layout.packed else "split"


def _text(value: Value) -> str:
    return value if isinstance(value, str) else f"{value} ({value:#x})"
