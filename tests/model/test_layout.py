# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymodel import Descriptor, SplitLayout, need_event


@pytest.mark.clause("SPLIT-XDEV-01")
@pytest.mark.parametrize("size", [1, 2, 256, 32768])
def test_the_areas_of_a_contiguous_queue_follow_each_other(size: int) -> None:
    layout = SplitLayout.contiguous(size, 0x1000)
    assert layout.table == 0x1000
    assert layout.avail == 0x1000 + 16 * size
    assert layout.avail + 6 + 2 * size <= layout.used < layout.avail + 6 + 2 * size + 4
    assert SplitLayout.contiguous_bytes(size) == layout.used + 6 + 8 * size - 0x1000
    assert layout.used_event == layout.avail + 4 + 2 * size
    assert layout.avail_event == layout.used + 4 + 8 * size


@pytest.mark.clause("SPLIT-DRV-01", "SPLIT-XDRV-01")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((8, 8, 0, 0), "table"),
        ((8, 16, 1, 0), "available"),
        ((8, 16, 2, 6), "used"),
        ((0, 0, 0, 0), "size 0"),
        ((3, 0, 0, 0), "size 3"),
        ((65536, 0, 0, 0), "size 65536"),
        ((8, 1 << 64, 0, 0), "64 bits"),
    ],
)
def test_a_bad_layout_is_refused_by_name(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SplitLayout(*arguments)


@pytest.mark.clause("SPLIT-XDEV-02")
def test_slots_repeat_with_the_queue_size() -> None:
    layout = SplitLayout.contiguous(4, 0)
    assert layout.avail_entry(65535) == layout.avail_entry(3) == layout.avail + 4 + 6
    assert layout.used_elem(5) == layout.used + 4 + 8


@pytest.mark.clause("SPLIT-XDEV-03")
def test_a_descriptor_is_sixteen_little_endian_bytes() -> None:
    raw = bytes.fromhex("8877665544332211ddccbbaa05000201")
    assert Descriptor.unpack(raw) == (0x1122334455667788, 0xAABBCCDD, 5, 0x102)
    assert Descriptor.unpack(raw).pack() == raw


@pytest.mark.clause("SPLIT-DEV-13", "SPLIT-DEV-14", "SPLIT-XDEV-08", "SPLIT-DRV-24", "SPLIT-DRV-25")
@given(st.integers(0, 65535), st.integers(0, 65535), st.integers(0, 40000))
def test_an_event_is_needed_exactly_when_its_entry_is_among_the_new_ones(
    event: int, old: int, count: int
) -> None:
    covered = (event - old) % 65536 < count
    assert need_event(event, (old + count) % 65536, old) == covered
