# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymodel import Allocator, GuestMemory, MemoryFault, MemoryFaultKind, OutOfMemory


def test_bytes_written_are_read_back_in_every_region() -> None:
    memory = GuestMemory((0, 16), ((1 << 64) - 16, 16))
    memory.write(3, b"abc")
    memory.write((1 << 64) - 4, b"wxyz")
    assert memory.read(2, 5) == b"\0abc\0"
    assert memory.read((1 << 64) - 5, 5) == b"\0wxyz"


@pytest.mark.parametrize(("addr", "length"), [(15, 2), (16, 1), (100, 4), ((1 << 64) - 1, 2)])
def test_an_access_outside_every_region_is_a_decode_error(addr: int, length: int) -> None:
    memory = GuestMemory((0, 16))
    with pytest.raises(MemoryFault) as caught:
        memory.read(addr, length)
    assert (caught.value.addr, caught.value.length) == (addr, length)
    assert caught.value.kind is MemoryFaultKind.DECERR
    with pytest.raises(MemoryFault):
        memory.write(addr, bytes(length))
    assert memory.read(0, 16) == bytes(16)


def test_an_access_across_two_touching_regions_is_refused() -> None:
    memory = GuestMemory((0, 16), (16, 16))
    with pytest.raises(MemoryFault):
        memory.read(15, 2)


def test_a_refused_range_answers_as_asked_and_only_for_its_direction() -> None:
    memory = GuestMemory((0, 64))
    memory.refuse(16, 16, MemoryFaultKind.SLVERR, write=False)
    memory.write(16, bytes(16))
    assert memory.read(0, 16) == memory.read(32, 16)
    for addr in (1, 31):
        with pytest.raises(MemoryFault, match="SLVERR"):
            memory.read(addr, 16)
    memory.refuse(40, 1, MemoryFaultKind.DECERR, read=False)
    with pytest.raises(MemoryFault, match="DECERR"):
        memory.write(40, b"x")
    memory.accept_all()
    memory.write(40, memory.read(20, 1))


@pytest.mark.parametrize(("base", "length"), [(0, 0), (8, 16), (-1, 4), ((1 << 64) - 1, 2)])
def test_a_bad_region_is_refused(base: int, length: int) -> None:
    memory = GuestMemory((0, 16))
    with pytest.raises(ValueError, match="region"):
        memory.add_region(base, length)


def test_the_allocator_fails_when_nothing_fits_and_says_what() -> None:
    pool = Allocator(0x100, 64)
    assert pool.allocate(33, 32) == 0x100
    with pytest.raises(OutOfMemory, match="32 bytes"):
        pool.allocate(32, 16)
    with pytest.raises(ValueError, match="not allocated"):
        pool.free(0x101)
    with pytest.raises(ValueError, match="power of two"):
        pool.allocate(1, 3)
    pool.free(0x100)
    assert pool.free_bytes == 64
    pool.reserve(0x110, 16)
    with pytest.raises(OutOfMemory):
        pool.reserve(0x100, 17)


@given(st.data())
def test_allocations_never_overlap_and_depend_only_on_those_alive(
    data: st.DataObject,
) -> None:
    pool = Allocator(1000, 1000)
    held: dict[int, int] = {}
    for _ in range(data.draw(st.integers(0, 30))):
        if held and data.draw(st.booleans()):
            addr = data.draw(st.sampled_from(sorted(held)))
            pool.free(addr)
            del held[addr]
            continue
        length, align = data.draw(st.integers(1, 200)), 1 << data.draw(st.integers(0, 6))
        try:
            addr = pool.allocate(length, align)
        except OutOfMemory:
            continue
        assert addr % align == 0
        assert 1000 <= addr <= 2000 - length
        assert all(addr + length <= a or a + n <= addr for a, n in held.items())
        held[addr] = length
    assert pool.free_bytes == 1000 - sum(held.values())
    twin = Allocator(1000, 1000)
    for addr, length in held.items():
        twin.reserve(addr, length)
    for size in (16, 64, 7):
        try:
            expected = pool.allocate(size, 16)
        except OutOfMemory:
            continue
        assert twin.allocate(size, 16) == expected
