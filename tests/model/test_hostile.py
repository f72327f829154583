# SPDX-License-Identifier: Apache-2.0
"""A driver, or a device, that writes anything into the ring."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pymodel import OFFER, BrokenQueueError, Fault, Feature, GuestMemory, Status
from tests.model.world import BUFFERS, TABLES, RawQueue, World

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
        [Feature.VERSION_1, OFFER, OFFER & ~Feature.EVENT_IDX, OFFER & ~Feature.INDIRECT_DESC]
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


@settings(max_examples=400)
@given(data=st.data(), event_idx=st.booleans(), indirect=st.sampled_from(["never", "multi"]))
def test_a_hostile_device_can_break_the_queue_but_not_lose_or_repeat_a_token(
    data: Any, event_idx: bool, indirect: str
) -> None:
    world = World(SIZE, event_idx, indirect, callback=lambda queue: data.draw(st.booleans()))
    queue, memory, layout = world.queue, world.memory, world.layout
    outstanding: set[int] = set()
    token = 0
    try:
        for _ in range(data.draw(st.integers(1, 12))):
            choice = data.draw(st.integers(0, 5))
            if choice == 0 and queue.num_free >= 2:
                queue.add_buf([(BUFFERS, 8), (BUFFERS, 8)], 1, 1, token)
                outstanding.add(token)
                token += 1
            elif choice == 1:
                queue.sync()
            elif choice == 2:
                step = data.draw(st.one_of(st.integers(0, 3), st.integers(0, 65535)))
                idx = (queue.used_index + step) % 65536
                memory.write(layout.used_idx, idx.to_bytes(2, "little"))
                queue.interrupt()
            elif choice == 3:
                element = data.draw(st.tuples(st.integers(0, 9), st.integers(0, 9)))
                at = layout.used_elem(queue.used_index + data.draw(st.integers(0, 3)))
                memory.write(at, struct.pack("<II", *element))
            elif choice == 4:
                noise = data.draw(st.binary(min_size=2, max_size=2))
                memory.write(data.draw(st.sampled_from([layout.used, layout.avail_event])), noise)
            else:
                used = queue.get_buf()
                if used is not None:
                    outstanding.remove(used.data)
                    assert used.length <= 8
    except BrokenQueueError:
        assert queue.broken
    assert set(queue.shutdown()) == outstanding
