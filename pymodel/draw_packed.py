# SPDX-License-Identifier: Apache-2.0
"""The picture of a packed ring."""

from __future__ import annotations

from collections.abc import Hashable

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
    table_rows,
    window,
)
from .layout import DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE
from .packed_layout import (
    DESC_F_AVAIL,
    DESC_F_USED,
    EVENT_DESC,
    EVENT_DISABLE,
    EVENT_ENABLE,
    EventSuppression,
    PackedDescriptor,
    Position,
)
from .state import PackedState

KNOWN_FLAGS = DESC_F_AVAIL | DESC_F_USED | DESC_F_NEXT | DESC_F_WRITE | DESC_F_INDIRECT
_WISHES = {EVENT_ENABLE: "enable", EVENT_DISABLE: "disable", EVENT_DESC: "descriptor"}


def draw_packed(
    state: PackedState,
    driver: DriverView | None,
    device: DeviceView | None,
    before: PackedState | None,
    tty: bool,
    rows: int,
) -> list[str]:
    """The descriptor ring, the places in it, and the event structures; see `draw_ring`.

    A descriptor's state is what AVAIL and USED say, with the wrap counter of the lap in which
    they were written. Owners: `driver` has not published it, `device` may use it, `used` waits
    for the driver; a chain is shown where it was added, though the device may have returned
    another one there.
    """
    marks: dict[str, Position] = {}
    if driver is not None:
        marks["add"] = Position.of(driver.next_avail_index)
        marks["collect"] = Position.of(driver.used_index)
    if device is not None:
        marks["fetch"] = Position.of(device.next_avail)
        marks["return"] = Position.of(device.used_index)
    ring = _ring_rows(state, driver, device, before, marks, rows)
    lines = box(f"descriptor ring, {state.size} entries", ring, WIDTH, tty)
    old = before or state
    left = _event_rows(state.driver_words, old.driver_words)
    right = _event_rows(state.device_words, old.device_words)
    left += [Row(f"{name} {marks[name].text()}") for name in ("add", "collect") if name in marks]
    right += [Row(f"{name} {marks[name].text()}") for name in ("fetch", "return") if name in marks]
    return lines + beside(
        box("driver event, driver writes", left, LEFT, tty),
        box("device event, device writes", right, RIGHT, tty),
    )


def short_packed(state: PackedState) -> list[tuple[str, list[str]]]:
    """Its parts in one line a row, each with a title, for two states side by side."""
    return [
        ("driver event", [row.text for row in _event_rows(state.driver_words, state.driver_words)]),
        ("device event", [row.text for row in _event_rows(state.device_words, state.device_words)]),
        (
            "descriptor ring",
            [
                f"{at:>5}:{desc.addr:016x} {desc.length:>10} {_flags(desc.flags)}{desc.id:>6}"
                for at, desc in enumerate(state.ring)
            ],
        ),
    ]


def _ring_rows(
    state: PackedState,
    driver: DriverView | None,
    device: DeviceView | None,
    before: PackedState | None,
    marks: dict[str, Position],
    rows: int,
) -> list[Row]:
    owners = _owners(state, driver, device)
    chains = _chains(driver)
    changed = changed_slots(state.ring, before.ring if before else state.ring)
    tables = {area.name: area.data for area in state.areas}
    newest = [(mark.offset - back) % state.size for mark in marks.values() for back in range(3)]
    live = [at for at, owner in owners.items() if owner != "free"]
    result = [Row(f"{'slot':>5} {'address':>18} {'bytes':>10}  flags   id state    owner   chain")]
    for at in window(state.size, [newest, changed, live], rows):
        if at is None:
            result.append(Row(f"{'⋮':>5}"))
            continue
        desc, owner = state.ring[at], owners.get(at, "")
        odd = "!" if desc.flags & ~KNOWN_FLAGS else " "
        text = f"{at:>5} {desc.addr:>#18x} {desc.length:>10}  {letters(desc.flags)}{odd}"
        text += f"{desc.id:>6} {_state(desc.flags)}  {owner:<6}  "
        chain = chains.get(at, "") if owner != "free" else ""
        mark = _mark(marks, at)
        text += f"{chain:<10.10} {mark}" if mark else chain
        result.append(Row(text.rstrip(), at in changed))
        if desc.flags & DESC_F_INDIRECT and owner != "free":
            result += table_rows(tables.get(f"indirect of {at}", b""), _entry)
    return result


def _mark(marks: dict[str, Position], slot: int) -> str:
    """The places at a slot, both of one side by the side's name."""
    found = [name for name, mark in marks.items() if mark.offset == slot]
    for side, places in (("driver", ["add", "collect"]), ("device", ["fetch", "return"])):
        if all(place in found for place in places):
            found = [name for name in found if name not in places] + [side]
    return f"◄ {', '.join(found)}" if found else ""


def _owners(
    state: PackedState, driver: DriverView | None, device: DeviceView | None
) -> dict[int, str]:
    """Who holds each descriptor; empty with no driver to ask."""
    if driver is None:
        return {}
    size = state.size
    owners = dict.fromkeys(range(size), "free")
    place = Position.of(driver.used_index)
    end = Position.of(driver.next_avail_index)
    returned = None if device is None else Position.of(device.used_index)
    waiting = {slot for token in driver.unpublished for slot in driver.outstanding[token]}
    back = returned is not None
    for _ in range(min(end.distance(place, size), size)):
        back = back and place != returned
        if place.offset in waiting:
            owners[place.offset] = "driver"
        elif back or (returned is None and place.is_used(state.ring[place.offset].flags)):
            owners[place.offset] = "used"
        else:
            owners[place.offset] = "device"
        place = place.ahead(1, size)
    return owners


def _chains(driver: DriverView | None) -> dict[int, str]:
    """The chain of each descriptor, drawn as a bracket with its token at the first one."""
    chains: dict[int, str] = {}
    outstanding: dict[Hashable, tuple[int, ...]] = dict(driver.outstanding) if driver else {}
    for token, slots in outstanding.items():
        for place, slot in enumerate(slots):
            mark = "├" if place else "┌"
            if place == len(slots) - 1:
                mark = "└" if place else "─"
            chains[slot] = f"{mark} {token!r}" if place == 0 else mark
    return chains


def _event_rows(now: tuple[int, int], old: tuple[int, int]) -> list[Row]:
    wish = _WISHES.get(EventSuppression(*now).flags, f"{now[1]:#x}")
    return [
        Row(f"flags {wish}", now[1] != old[1]),
        Row(f"position {Position.of(now[0]).text()}", now[0] != old[0]),
    ]


def _entry(raw: bytes) -> str:
    desc = PackedDescriptor.unpack(raw)
    odd = "!" if desc.flags & ~DESC_F_WRITE else " "
    return f"{desc.addr:>#18x} {desc.length:>10}  {letters(desc.flags)}{odd}"


def _flags(flags: int) -> str:
    """Five letters, or the number if it has bits that mean nothing."""
    if flags & ~KNOWN_FLAGS:
        return f"{flags:04x}!"
    lap = ("A" if flags & DESC_F_AVAIL else "-") + ("U" if flags & DESC_F_USED else "-")
    return letters(flags) + lap


def _state(flags: int) -> str:
    """Such as `avail 1`: what AVAIL and USED say, and the wrap counter with which."""
    avail, used = bool(flags & DESC_F_AVAIL), bool(flags & DESC_F_USED)
    return f"used {int(used)} " if avail == used else f"avail {int(avail)}"
