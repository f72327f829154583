# SPDX-License-Identifier: Apache-2.0
"""A driver, or a device, that writes anything into the ring."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymodel import (
    BrokenQueueError,
    BusyError,
    Fault,
    Feature,
    GuestMemory,
    MemoryFault,
    NotOutstandingError,
    Reg,
    Status,
)
from tests.model.formats import EACH_FORMAT
from tests.model.world import BUFFERS, PACKED, SPLIT, TABLES, RawPacked, RawQueue, World

SIZE = 8
TOP = 1 << 64

ADDRESSES = st.one_of(
    st.integers(BUFFERS, BUFFERS + 64),
    st.sampled_from([TABLES, TABLES + 16, TABLES + 64, 0, TOP - 1, TOP - 16, 1 << 50]),
    st.integers(0, TOP - 1),
)
LENGTHS = st.one_of(
    st.integers(0, 40), st.sampled_from([16, 32, 48, 64]), st.integers(0, (1 << 32) - 1)
)
FLAGS = st.one_of(st.sampled_from([0, 1, 1, 1, 2, 3, 4, 4, 6]), st.integers(0, 65535))
LINKS = st.one_of(st.integers(0, SIZE), st.integers(0, 65535))
ENTRIES = st.tuples(ADDRESSES, LENGTHS, FLAGS, LINKS)
INDICES = st.one_of(st.integers(0, SIZE - 1), st.integers(0, 65535))


def writable_segments(memory: GuestMemory, table: int, head: int) -> list[tuple[int, int]]:
    """Every segment with the WRITE flag that a reader of the chain could meet."""
    found: list[tuple[int, int]] = []
    index, nested, seen = head, False, 0
    while seen <= 2 * SIZE + 2:
        seen += 1
        try:
            raw = memory.read(table + 16 * index, 16)
        except Exception:
            break
        addr, length, flags, link = struct.unpack("<QIHH", raw)
        if flags & 4:
            if nested:
                break
            table, index, nested = addr, 0, True
            continue
        if flags & 2:
            found.append((addr, length))
        if not flags & 1:
            break
        index = link
    return found


@pytest.mark.clause("SPLIT-DEV-03", "SPLIT-DEV-06", "SPLIT-DRV-08", "STAT-DEV-02")
@settings(max_examples=600)
@given(
    entries=st.lists(ENTRIES, min_size=SIZE, max_size=SIZE),
    table=st.lists(ENTRIES, min_size=6, max_size=6),
    heads=st.lists(INDICES, min_size=SIZE, max_size=SIZE),
    idx=st.one_of(st.integers(0, SIZE), st.integers(0, 65535)),
    features=st.sampled_from(
        [Feature.VERSION_1, SPLIT, SPLIT & ~Feature.EVENT_IDX, SPLIT & ~Feature.INDIRECT_DESC]
    ),
    max_chain=st.integers(1, SIZE),
    refused=st.lists(st.tuples(st.integers(0, 300), st.integers(1, 32)), max_size=2),
    words=st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
)
def test_any_ring_ends_in_a_typed_fault_or_is_served_and_nothing_else_is_written(
    entries: list[tuple[int, int, int, int]],
    table: list[tuple[int, int, int, int]],
    heads: list[int],
    idx: int,
    features: Feature,
    max_chain: int,
    refused: list[tuple[int, int]],
    words: tuple[int, int],
) -> None:
    raw = RawQueue(size=SIZE, features=features, max_chain=max_chain)
    layout = raw.layout
    for index, entry in enumerate(entries):
        raw.descriptor(index, *entry)
    raw.table(TABLES, *table)
    raw.offer(*heads)
    for addr, value in (
        (layout.avail_idx, idx),
        (layout.avail_flags, words[0]),
        (layout.used_event, words[1]),
    ):
        raw.memory.write(addr, value.to_bytes(2, "little"))
    allowed = [(layout.used, 6 + 8 * SIZE)]
    for head in heads:
        if head < SIZE:
            allowed += writable_segments(raw.memory, layout.table, head)
    for offset, length in refused:
        raw.memory.refuse(layout.table + offset, length)
    fault, _ = raw.serve()
    assert not raw.watched.outside(allowed)
    assert raw.device.idle
    raw.memory.accept_all()
    used = int.from_bytes(raw.memory.read(layout.used_idx, 2), "little")
    if fault == 0:
        assert used == idx
        assert not raw.device.status & Status.NEEDS_RESET
    else:
        assert Fault(fault)
        assert raw.device.status & Status.NEEDS_RESET
        assert used <= idx
    for index in range(min(used, SIZE)):
        assert raw.state().used_ring[index].id == heads[index]


LAP_FLAGS = st.builds(
    lambda flags, lap: flags & ~0x8080 | lap,
    FLAGS,
    st.sampled_from([0x80, 0x80, 0x80, 0x80, 0, 0x8000, 0x8080]),
)


@pytest.mark.clause(
    "PACKED-DEV-04",
    "PACKED-DEV-06",
    "PACKED-DRV-07",
    "PACKED-DRV-10",
    "PACKED-DRV-15",
    "STAT-DEV-02",
)
@settings(max_examples=600)
@given(
    entries=st.lists(
        st.tuples(ADDRESSES, LENGTHS, st.integers(0, 65535), LAP_FLAGS), min_size=1, max_size=9
    ),
    at=st.integers(0, 20),
    table=st.lists(ENTRIES, min_size=6, max_size=6),
    features=st.sampled_from(
        [
            PACKED & ~Feature.EVENT_IDX & ~Feature.INDIRECT_DESC,
            PACKED,
            PACKED & ~Feature.EVENT_IDX,
            PACKED & ~Feature.INDIRECT_DESC,
        ]
    ),
    max_chain=st.integers(1, SIZE),
    refused=st.lists(st.tuples(st.integers(0, 300), st.integers(1, 32)), max_size=1),
    event=st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
)
def test_any_packed_ring_ends_in_a_typed_fault_or_is_served_and_nothing_else_is_written(
    entries: list[tuple[int, int, int, int]],
    at: int,
    table: list[tuple[int, int, int, int]],
    features: Feature,
    max_chain: int,
    refused: list[tuple[int, int]],
    event: tuple[int, int],
) -> None:
    size = len(entries)
    raw = RawPacked(size=size, at=at, features=features, max_chain=max_chain)
    layout, memory = raw.layout, raw.memory
    raw.table(TABLES, *table)
    allowed = [(layout.device, 4)] + [(layout.ring + 16 * slot + 8, 8) for slot in range(size)]
    for place, (addr, length, number, flags) in enumerate(entries):
        if not raw.wrap(at + place):
            flags ^= 0x8080
        raw.put(at + place, addr, length, number, flags)
        parts = [(addr, length, number, flags)]
        if flags & 4:
            try:
                found = memory.read(addr, min(length, 16 * size + 16))
            except MemoryFault:
                found = b""
            whole = len(found) // 16 * 16
            parts = list(struct.iter_unpack("<QIHH", found[:whole]))
        allowed += [(part[0], part[1]) for part in parts if part[3] & 2]
    memory.write(layout.driver, struct.pack("<HH", *event))
    before = memory_of_ring(raw)
    for offset, length in refused:
        memory.refuse(layout.ring + offset, length)
    fault, _ = raw.serve()
    assert not raw.watched.outside(allowed)
    assert raw.device.idle
    assert bool(raw.device.status & Status.NEEDS_RESET) == (fault != 0)
    memory.accept_all()
    word = raw.device.read32(Reg.QUEUE_USED_INDEX)
    used = next(n for n in range(2 * size) if raw.word(at + n) == word)
    served = next(
        n for n in range(2 * size) if raw.word(at + n) == raw.device.read32(Reg.QUEUE_AVAIL_INDEX)
    )
    assert used <= size and served <= size
    if fault == 0:
        assert used == served
        if used < size:  # it stopped where nothing was available
            flags = before[(at + used) % size][3]
            assert flags & 0x8080 != raw.available(at + used)
    elif Fault(fault).precise:
        assert used == served
    place = 0
    while place < used:  # each used descriptor carries the id of its list's last one
        last = place
        while not before[(at + last) % size][3] & 4 and before[(at + last) % size][3] & 1:
            last += 1
        for n in range(place, last + 1):  # and every one of it was available
            assert before[(at + n) % size][3] & 0x8080 == raw.available(at + n)
        addr, _, number, flags = raw.get(at + place)
        assert (addr, number) == (before[(at + place) % size][0], before[(at + last) % size][2])
        assert flags & ~2 == raw.used(at + place)
        place = last + 1
    assert place == used


def memory_of_ring(raw: RawPacked) -> list[tuple[int, int, int, int]]:
    data = raw.memory.read(raw.layout.ring, 16 * raw.size)
    return list(struct.iter_unpack("<QIHH", data))


def lie_in_split_ring(data: Any, world: World, element: bool) -> None:
    """Write anything into the next used elements, or into the used index."""
    memory, layout, index = world.memory, world.layout, world.queue.used_index
    if element:
        raw = struct.pack("<II", *data.draw(st.tuples(st.integers(0, 9), st.integers(0, 9))))
        memory.write(layout.used_elem(index + data.draw(st.integers(0, 3))), raw)
    else:
        step = data.draw(st.one_of(st.integers(0, 3), st.integers(0, 65535)))
        memory.write(layout.used_idx, struct.pack("<H", (index + step) % 65536))


def lie_in_packed_ring(data: Any, world: World, element: bool) -> None:
    """Write anything into one of the next descriptors, or a used descriptor into the next."""
    memory, layout, word = world.memory, world.layout, world.queue.used_index
    length, number = data.draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
    used, ahead = 0x8080 if word >> 15 else 0, 0
    if element:
        used, ahead = data.draw(st.sampled_from([0, 0x80, 0x8000, 0x8080])), data.draw(INDICES) % 4
    flags = used | data.draw(st.sampled_from([0, 2, 2, 7]))
    addr = layout.ring + 16 * (((word & 0x7FFF) + ahead) % SIZE)
    memory.write(addr + 8, struct.pack("<IHH", length, number, flags))


@EACH_FORMAT
@settings(max_examples=400)
@given(data=st.data(), event_idx=st.booleans(), indirect=st.sampled_from(["never", "multi"]))
def test_a_hostile_device_can_break_the_queue_but_not_lose_or_repeat_a_token(
    ring: Any, data: Any, event_idx: bool, indirect: str
) -> None:
    callback = lambda queue: data.draw(st.booleans())  # noqa: E731
    world = World(SIZE, event_idx, indirect, callback=callback, packed=ring.packed)
    lie = lie_in_packed_ring if ring.packed else lie_in_split_ring
    queue, memory, layout = world.queue, world.memory, world.layout
    outstanding: set[int] = set()
    token = 0
    try:
        for _ in range(data.draw(st.integers(1, 12))):
            choice = data.draw(st.integers(0, 6))
            if choice == 0 and queue.num_free >= 2:
                queue.add_buf([(BUFFERS, 8), (BUFFERS, 8)], 1, 1, token)
                outstanding.add(token)
                token += 1
            elif choice == 1:
                queue.sync()
            elif choice == 2:
                lie(data, world, element=False)
                queue.interrupt()
            elif choice == 3:
                lie(data, world, element=True)
            elif choice == 4:
                noise = data.draw(st.binary(min_size=2, max_size=2))
                at = data.draw(st.integers(0, layout.lengths[2] // 2 - 1))
                memory.write(layout.areas[2] + 2 * at, noise)
            elif choice == 5 and outstanding:
                try:
                    queue.detach_buf(chosen := data.draw(st.sampled_from(sorted(outstanding))))
                    outstanding.remove(chosen)
                except (BusyError, NotOutstandingError):
                    pass
            else:
                used = queue.get_buf()
                if used is not None:
                    outstanding.remove(used.data)
                    assert used.length <= 8
    except BrokenQueueError:
        assert queue.broken
    assert set(queue.shutdown()) == outstanding
