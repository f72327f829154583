# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymodel import EventSuppression, PackedDescriptor, PackedLayout, Position

SIZES = st.one_of(st.integers(1, 9), st.integers(1, 32768))


def place(linear: int, size: int) -> Position:
    """The position `linear` descriptors after the first one of a new ring."""
    return Position(linear % size, 1 - linear // size % 2)


@pytest.mark.clause("PACKED-DRV-01", "PACKED-XDRV-05")
@pytest.mark.parametrize("size", [1, 2, 3, 100, 32767, 32768])
def test_the_areas_of_a_contiguous_queue_follow_each_other(size: int) -> None:
    layout = PackedLayout.contiguous(size, 0x1000)
    assert layout.areas == (0x1000, 0x1000 + 16 * size, 0x1004 + 16 * size)
    assert layout.lengths == (16 * size, 4, 4)
    assert PackedLayout.contiguous_bytes(size) == 16 * size + 8
    assert layout.descriptor(size - 1) + 14 == layout.flags(size - 1) == layout.driver - 2


@pytest.mark.clause("PACKED-DRV-01", "PACKED-XDRV-05")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((8, 8, 0, 0), "ring"),
        ((8, 16, 2, 0), "driver"),
        ((8, 16, 4, 2), "device"),
        ((0, 0, 0, 0), "size 0"),
        ((32769, 0, 0, 0), "size 32769"),
        ((8, 1 << 64, 0, 0), "64 bits"),
    ],
)
def test_a_bad_layout_is_refused_by_name(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PackedLayout(*arguments)


@pytest.mark.clause("PACKED-XDRV-06")
def test_a_descriptor_is_sixteen_little_endian_bytes() -> None:
    raw = bytes.fromhex("8877665544332211ddccbbaa05000281")
    assert PackedDescriptor.unpack(raw) == (0x1122334455667788, 0xAABBCCDD, 5, 0x8102)
    assert PackedDescriptor.unpack(raw).pack() == raw


@pytest.mark.clause("PACKED-XDEV-13")
def test_an_event_structure_is_four_little_endian_bytes_with_reserved_bits() -> None:
    assert EventSuppression(0x8123, 2).pack() == bytes.fromhex("23810200")
    assert EventSuppression.unpack(bytes.fromhex("23810200")) == (0x8123, 2)
    assert EventSuppression.unpack(bytes.fromhex("2381fdff")) == (0x8123, 1)
    assert Position.of(0x8123) == (0x123, 1)
    assert Position(0x123, 0).word == 0x123


@pytest.mark.clause("PACKED-XDRV-01", "PACKED-XDRV-02", "PACKED-XDEV-01", "PACKED-XDEV-02")
def test_flags_of_each_lap() -> None:
    first, second = Position(0, 1), Position(0, 0)
    assert [first.available, first.used] == [0x0080, 0x8080]
    assert [second.available, second.used] == [0x8000, 0x0000]
    for flags in (0x0000, 0x0080, 0x8000, 0x8080):
        assert first.is_available(flags | 0x7F7F) == (flags == 0x0080)
        assert first.is_used(flags | 0x7F7F) == (flags == 0x8080)
        assert second.is_available(flags | 0x7F7F) == (flags == 0x8000)
        assert second.is_used(flags | 0x7F7F) == (flags == 0x0000)


@pytest.mark.clause("PACKED-XDRV-01", "PACKED-XDEV-01")
@given(size=SIZES, start=st.integers(0, 70000), count=st.integers(0, 32768))
def test_positions_count_descriptors_and_laps(size: int, start: int, count: int) -> None:
    count %= size + 1
    at = place(start, size)
    assert at.ahead(count, size) == place(start + count, size)
    assert at.ahead(count, size).distance(at, size) == count
    assert Position.of(at.word) == at


@pytest.mark.clause("PACKED-XDEV-11", "PACKED-XDEV-12")
@given(
    size=SIZES,
    start=st.integers(0, 70000),
    count=st.integers(0, 32768),
    word=st.integers(0, 65535),
    near=st.integers(-2, 2),
)
def test_a_descriptor_event_comes_exactly_when_that_descriptor_changed(
    size: int, start: int, count: int, word: int, near: int
) -> None:
    count %= size + 1
    old, new = place(start, size), place(start + count, size)
    changed = {place(start + at, size).word for at in range(count)}
    for edge in (start, start + count):
        near_edge = place(edge + near + 2 * size, size).word
        assert EventSuppression(near_edge, 2).wants(old, new, size, True) == (near_edge in changed)
    assert EventSuppression(word, 2).wants(old, new, size, True) == (word in changed)


@pytest.mark.clause("PACKED-XDEV-11")
@pytest.mark.parametrize(
    ("flags", "event_idx", "expected"),
    [
        (0, False, True),
        (0, True, True),
        (1, False, False),
        (1, True, False),
        (2, False, True),  # not negotiated, so it says nothing of a descriptor
        (2, True, False),
        (3, False, True),  # reserved
        (3, True, True),
    ],
)
def test_event_flags_that_name_no_descriptor(flags: int, event_idx: bool, expected: bool) -> None:
    wish = EventSuppression(Position(5, 1).word, flags)
    assert wish.wants(Position(2, 1), Position(4, 1), 8, event_idx) == expected


def test_an_event_at_an_offset_that_does_not_exist_never_comes() -> None:
    for offset in range(5, 16):
        for wrap in (0, 1):
            wish = EventSuppression(Position(offset, wrap).word, 2)
            for start in range(10):
                old, new = place(start, 5), place(start + 5, 5)
                assert not wish.wants(old, new, 5, True)
