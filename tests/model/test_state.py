# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from typing import Any

import pytest

from pymodel import (
    Difference,
    GuestMemory,
    PackedLayout,
    QueueLayout,
    RingState,
    SplitLayout,
    compare,
    draw_ring,
    draw_side_by_side,
)
from tests.model.world import BUFFERS, TABLES, World

LAYOUT = SplitLayout.contiguous(8, 0)
PACKED = PackedLayout.contiguous(8, 0)


def captured(*writes: tuple[int, bytes], layout: QueueLayout = LAYOUT) -> Any:
    memory = GuestMemory((0, 0x400), (TABLES, 0x100))
    for addr, data in writes:
        memory.write(addr, data)
    return RingState.capture(memory, layout, areas=[("buffer", 0x300, 64)], tables=True)


@pytest.mark.parametrize(
    ("addr", "data", "expected"),
    [
        (LAYOUT.avail_flags, b"\1", ("avail.flags", 0, 1)),
        (LAYOUT.avail_idx, b"\1\2", ("avail.idx", 0, 0x201)),
        (LAYOUT.avail_entry(7), b"\5", ("avail.ring[7]", 0, 5)),
        (LAYOUT.used_event, b"\5", ("used_event", 0, 5)),
        (LAYOUT.used_flags, b"\1", ("used.flags", 0, 1)),
        (LAYOUT.used_idx, b"\1", ("used.idx", 0, 1)),
        (LAYOUT.used_elem(3), b"\1", ("used.ring[3].id", 0, 1)),
        (LAYOUT.used_elem(3) + 4, b"\1", ("used.ring[3].len", 0, 1)),
        (LAYOUT.avail_event, b"\0\1", ("avail_event", 0, 256)),
        (LAYOUT.descriptor(2), b"\1", ("table[2].addr", 0, 1)),
        (LAYOUT.descriptor(2) + 8, b"\1", ("table[2].len", 0, 1)),
        (LAYOUT.descriptor(2) + 12, b"\1", ("table[2].flags", 0, 1)),
        (LAYOUT.descriptor(7) + 14, b"\1", ("table[7].next", 0, 1)),
        (0x310, b"\1\2", ("buffer+0x10 (2 bytes)", "0000", "0102")),
    ],
)
def test_each_field_that_differs_is_named(
    addr: int, data: bytes, expected: tuple[str, int, int]
) -> None:
    (found,) = compare(captured(), captured((addr, data)))
    assert found.field.endswith(expected[0])
    assert found[1:] == expected[1:]
    assert found.field in str(found)
    assert not compare(captured((addr, data)), captured((addr, data)))


@pytest.mark.parametrize(
    ("addr", "data", "expected"),
    [
        (PACKED.driver, b"\1\x80", ("driver.desc", 0, 0x8001)),
        (PACKED.driver + 2, b"\2\1", ("driver.flags", 0, 0x102)),
        (PACKED.device, b"\1", ("device.desc", 0, 1)),
        (PACKED.device + 2, b"\1", ("device.flags", 0, 1)),
        (PACKED.descriptor(0), b"\1", ("ring[0].addr", 0, 1)),
        (PACKED.descriptor(2) + 8, b"\1", ("ring[2].len", 0, 1)),
        (PACKED.descriptor(2) + 12, b"\1", ("ring[2].id", 0, 1)),
        (PACKED.descriptor(7) + 14, b"\x80\x80", ("ring[7].flags", 0, 0x8080)),
        (0x310, b"\1\2", ("buffer+0x10 (2 bytes)", "0000", "0102")),
    ],
)
def test_each_field_of_a_packed_ring_that_differs_is_named(
    addr: int, data: bytes, expected: tuple[str, int, int]
) -> None:
    a, b = captured(layout=PACKED), captured((addr, data), layout=PACKED)
    assert compare(a, b) == [Difference(*expected)]
    assert not compare(b, captured((addr, data), layout=PACKED))
    assert compare(a, captured()) == [Difference("format", "packed", "split")]
    table = (PACKED.descriptor(1), TABLES.to_bytes(8, "little") + b"\x20\0\0\0\7\0\4\0")
    a, b = captured(table, layout=PACKED), captured(table, (TABLES + 28, b"\7"), layout=PACKED)
    assert compare(a, b) == [Difference("indirect of 1[1].id", 0, 7)]


def test_differences_of_indirect_tables_and_of_missing_areas_are_named() -> None:
    entry = (LAYOUT.descriptor(1), TABLES.to_bytes(8, "little") + b"\x20\0\0\0\4\0\0\0")
    a, b = captured(entry), captured(entry, (TABLES + 16 + 8, b"\7"))
    assert compare(a, b) == [Difference("indirect of 1[1].len", 0, 7)]
    fields = [difference.field for difference in compare(a, captured())]
    assert fields[-1] == "indirect of 1"
    assert compare(captured(), a)[-1] == Difference("indirect of 1", "absent", "32 bytes")
    other = RingState.capture(GuestMemory((0, 0x400)), SplitLayout.contiguous(4, 0))
    assert compare(a, other) == [Difference("size", 8, 4)]


def test_long_runs_of_bytes_are_cut() -> None:
    (found,) = compare(captured(), captured((0x300, b"\xff" * 30), (0x200, b"")))
    assert found == Difference("buffer+0x0 (30 bytes)", "00" * 16 + "...", "ff" * 16 + "...")


def test_queues_at_different_addresses_compare_by_content() -> None:
    memory = GuestMemory((0, 0x1000))
    other = SplitLayout(8, 0x800, 0x200, 0x300)
    memory.write(other.avail_idx, b"\3")
    memory.write(LAYOUT.avail_idx, b"\3")
    states = [RingState.capture(memory, layout) for layout in (LAYOUT, other)]
    assert not compare(*states)
    assert states[1].chain(0) == [0]


def test_equal_states_of_the_largest_queue_compare_fast() -> None:
    world = World(size=32768)
    start = time.perf_counter()
    for _ in range(20):
        a = RingState.capture(world.memory, world.layout)
        assert not compare(a, RingState.capture(world.memory, world.layout))
    assert time.perf_counter() - start < 1.0


def busy(
    size: int, start_index: int | None = None, packed: bool = False
) -> tuple[World, RingState, RingState]:
    world = World(
        size=size, event_idx=True, indirect="multi", start_index=start_index, packed=packed
    )
    queue = world.queue
    queue.add_buf([(BUFFERS, 5), (BUFFERS + 9, 9)], 1, 1, "first", indirect=False)
    queue.add_buf([(BUFFERS, 5)] * 7, 3, 4, "table")
    queue.sync()
    world.device.step(0)
    before = world.state()
    world.device.step(0)
    queue.get_buf()
    queue.add_buf([(BUFFERS, 1)], 1, 0, ("pkt", 3))
    queue.sync()
    queue.add_buf([(BUFFERS, 1)], 1, 0, "waiting")
    return world, before, world.state()


PICTURES = [
    (False, 8, None),
    (False, 256, None),
    (False, 32768, 65534),
    (False, 8, 65533),
    (True, 7, None),
    (True, 251, 0x8001),
    (True, 32768, 0x7FFE),
    (True, 7, 0x8005),
]


@pytest.mark.parametrize(("packed", "size", "start_index"), PICTURES)
def test_a_picture_shows_owners_marks_and_changes_within_its_width(
    packed: bool, size: int, start_index: int | None
) -> None:
    world, before, state = busy(size, start_index, packed)
    text = draw_ring(state, driver=world.queue, device=world.ring, before=before)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) < 60
    for word in ("'table'", "('pkt'", "'waiting'", "used", "device", "driver"):
        assert word in text
    assert ("free" in text) == (size < 9 or packed)  # of a large queue only the active part
    assert "'first'" not in text  # collected
    assert any(line.startswith("│*") and "'waiting'" in line for line in lines)
    assert all(mark in text for mark in ("◄ collect", "◄ add") if packed)
    if not packed:
        assert "◄ idx" in text and "◄ driver" in text and "3 more" in text
    assert "\033" not in text
    assert "\033[1;33m" in draw_ring(state, before=before, tty=True)


def test_a_picture_of_a_packed_ring_line_by_line() -> None:
    world, before, state = busy(7, 0x8005, packed=True)
    text = draw_ring(state, driver=world.queue, device=world.ring, before=before)
    rows = [line[1:-1].rstrip() for line in text.splitlines() if line.startswith("│")]
    assert rows[1:] == [
        "*     0           0x200000         15  -W-      1 used 0   used    ─ 'table'  ◄ collect",
        "*     1      0x10000000000          1  ---      0 avail 0  device  ─ ('pkt',  ◄ device",
        "*     2      0x10000000000          1  ---      2 used 1   driver  ─ 'waiting'",
        "      3                0x0          0  ---      0 used 1   free               ◄ add",
        "      4                0x0          0  ---      0 used 1   free",
        "      5      0x10000000000          5  -W-      0 used 1   free",
        "      6      0x10000000009          9  -W-      0 avail 1  free",
        "  flags disable                        │ │  flags enable",
        "  position 0, wrap 0                   │ │  position 0, wrap 0",
        "  add 3, wrap 0                        │ │  fetch 1, wrap 0",
        "  collect 0, wrap 0                    │ │  return 1, wrap 0",
    ]
    alone = draw_ring(state, driver=world.queue)
    assert "used" in alone and "fetch" not in alone
    held = World(size=3, indirect="always", packed=True)
    held.queue.add_buf([(BUFFERS, 5)] * 3, 1, 2, "held")
    held.queue.sync()
    text = draw_ring(held.state(), driver=held.queue)
    assert "1 avail 1" not in text and "0 avail 1  device  ─ 'held'" in text
    assert text.count("-W-") == 2


def test_a_picture_of_nothing_is_a_picture() -> None:
    text = draw_ring(captured())
    assert "descriptor table, 8 entries" in text
    assert "*" not in text
    text = draw_ring(captured(layout=PACKED))
    assert "descriptor ring, 8 entries" in text
    assert "*" not in text and "free" not in text
    odd = captured((PACKED.descriptor(0) + 14, b"\x08\0"), layout=PACKED)
    assert "---!" in draw_ring(odd)
    assert "0 0008!     0" in draw_side_by_side(captured(layout=PACKED), odd)


@pytest.mark.parametrize("packed", [False, True])
def test_two_states_side_by_side_mark_only_what_differs(packed: bool) -> None:
    _, before, state = busy(256, packed=packed)
    text = draw_side_by_side(before, state, ("rtl", "model"))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) < 80
    assert any("≠" in line and ("-W-" in line if packed else "idx" in line) for line in lines)
    assert len({len(line) for line in lines if line.startswith(("│", "┌", "└"))}) == 1
    assert "≠" not in draw_side_by_side(state, state)
    assert "\033" in draw_side_by_side(before, state, tty=True)
    many = [captured((0x300 + 2 * at, b"\1")) for at in range(32)]
    spread = captured(*((0x300 + 2 * at, b"\1") for at in range(32)))
    assert "≠ and 16 more" in draw_side_by_side(captured(), spread)
    assert "≠ buffer+0x0" in draw_side_by_side(captured(), many[0])
