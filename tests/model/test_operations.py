# SPDX-License-Identifier: Apache-2.0
"""The operations on the bytes of a ring; what they promise is shown by tests/conformance/."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from pymodel import (
    Allocator,
    BrokenQueueError,
    GuestMemory,
    PackedLayout,
    PackedVirtqueue,
    RingState,
    SplitLayout,
    SplitVirtqueue,
    VirtqueueError,
)
from tests.model.formats import EACH_FORMAT, EVENT_IDX
from tests.model.world import BUFFERS, TABLES, World

A, B, C = BUFFERS, BUFFERS + 0x100, BUFFERS + 0x200


def bare(ring: Any, memory: GuestMemory, size: int = 8, **arguments: Any) -> Any:
    """A virtqueue at address 0, without a device."""
    kind, layout = (PackedVirtqueue, PackedLayout) if ring.packed else (SplitVirtqueue, SplitLayout)
    return kind(memory, layout.contiguous(size, 0), lambda index: None, **arguments)


@EACH_FORMAT
@pytest.mark.clause("PACKED-DRV-11", "PACKED-DRV-16", "PACKED-DRV-17", "SPLIT-DRV-29")
def test_a_batch_shows_at_once_and_not_before_its_last_store(ring: Any) -> None:
    seen: list[int] = []
    steps: list[str] = []

    def on_step(step: str) -> None:
        steps.append(step)
        seen.append(world.device.step(0))

    world = World(packed=ring.packed)
    assert world.queue._ring.on_step is None
    world.queue._ring.on_step = on_step
    world.queue.add_buf([(A, 4), (B, 4)], 1, 1, "two")
    world.queue.add_buf([(A, 1)], 1, 0, "one")
    world.queue.add_buf([(A, 4), (B, 4), (C, 4)], 2, 1, "three")
    world.queue.sync()
    last = steps.index(ring.published)
    assert seen[: last + 1] == [False] * last + [True]
    world.device.run()
    assert world.drain() == [("two", 4), ("one", 0), ("three", 4)]


@EACH_FORMAT
@pytest.mark.clause("SPLIT-XDEV-04", "SPLIT-DRV-07", "SPLIT-DRV-09", "PACKED-DRV-13")
@pytest.mark.parametrize("policy", ["multi", "always"])
def test_an_indirect_chain_costs_one_descriptor(ring: Any, policy: str) -> None:
    world = World(packed=ring.packed, indirect=policy)
    world.queue.add_buf([(A, 1), (B, 2), (C, 3)], 1, 2, "three")
    world.queue.add_buf([(A, 9)], 0, 1, "one")
    assert world.queue.num_free == 6
    assert ring.table(world.memory.read(TABLES, 48)) == [(A, 1, 0), (B, 2, 2), (C, 3, 2)]
    if policy == "always":
        assert ring.table(world.memory.read(TABLES + 48, 16)) == [(A, 9, 2)]
    else:
        assert world.tables.free_bytes == world.tables.region.length - 48
    world.queue.sync()
    world.device.run()
    assert world.drain() == [("three", 1), ("one", 0)]
    assert world.tables.free_bytes == world.tables.region.length


@EACH_FORMAT
@pytest.mark.clause("SPLIT-DRV-06", "PACKED-DRV-12")
def test_an_add_can_choose_against_the_policy(ring: Any) -> None:
    world = World(packed=ring.packed, indirect="multi")
    world.queue.add_buf([(A, 1), (B, 2)], 1, 1, "direct", indirect=False)
    assert world.tables.free_bytes == world.tables.region.length
    world.queue.add_buf([(A, 1)], 1, 0, "indirect", indirect=True)
    assert (world.queue.num_free, world.tables.free_bytes) == (5, world.tables.region.length - 16)
    plain = World(packed=ring.packed)
    with pytest.raises(VirtqueueError, match="allocator") as caught:
        plain.queue.add_buf([(A, 1)], 1, 0, "t", indirect=True)
    assert caught.value.errno == errno.EINVAL


@EACH_FORMAT
def test_an_empty_table_pool_is_no_space_and_changes_nothing(ring: Any) -> None:
    tables = Allocator(0x800, 32)
    queue = bare(ring, GuestMemory((0, 0x1000)), indirect=True, tables=tables)
    queue.add_buf([(A, 1)] * 2, 2, 0, "a")
    with pytest.raises(VirtqueueError, match="indirect table") as caught:
        queue.add_buf([(A, 1)] * 2, 2, 0, "b")
    assert caught.value.errno == errno.ENOSPC
    assert (queue.num_free, queue.unpublished) == (7, ("a",))


@EACH_FORMAT
@pytest.mark.clause("SPLIT-DRV-29", "SPLIT-DRV-30", "PACKED-DRV-17", "PACKED-DRV-18")
def test_memory_steps_come_in_the_order_of_the_specification(ring: Any) -> None:
    steps: list[str] = []
    world = World(event_idx=True, indirect="multi", on_step=steps.append, packed=ring.packed)
    world.queue.add_buf([(A, 1), (B, 1)], 1, 1, "t")
    world.queue.sync()
    world.device.run()
    world.queue.get_buf()
    assert steps == list(ring.driver_steps)


@EACH_FORMAT
def test_a_used_element_with_nothing_outstanding_breaks_the_queue(ring: Any) -> None:
    world = World(packed=ring.packed)
    world.queue.add_buf([(A, 5)], 1, 0, "t")
    world.queue.sync()
    world.device.run()
    assert world.drain() == [("t", 0)]
    ring.forge(world, 0, 0)
    with pytest.raises(BrokenQueueError):
        world.queue.get_buf()


@EACH_FORMAT
def test_shutdown_gives_back_tokens_and_tables_and_closes_the_queue(ring: Any) -> None:
    world = World(indirect="multi", packed=ring.packed)
    world.queue.add_buf([(A, 5), (B, 5)], 1, 1, "a")
    world.queue.sync()
    world.queue.add_buf([(A, 5), (B, 5)], 1, 1, "b")
    assert world.queue.shutdown() == ["a", "b"]
    assert world.tables.free_bytes == world.tables.region.length
    with pytest.raises(BrokenQueueError, match="shut down"):
        world.queue.sync()


@EACH_FORMAT
@EVENT_IDX
@pytest.mark.parametrize("interrupts", [False, True])
@pytest.mark.clause("SPLIT-DRV-19", "SPLIT-DRV-12", "SPLIT-DRV-14", "PACKED-XDRV-06")
def test_construction_clears_the_ring_and_asks_for_interrupts(
    ring: Any, event_idx: bool, interrupts: bool
) -> None:
    memory = GuestMemory((0, 0x1000))
    memory.write(0, b"\xff" * 0x1000)
    callback = (lambda queue: True) if interrupts else None
    queue = bare(ring, memory, event_idx=event_idx, callback=callback)
    state = RingState.capture(memory, queue.layout)
    assert not any(state.descriptors_raw)
    assert not any(state.device_raw)
    world = World(packed=ring.packed)
    world.memory, world.queue = memory, queue
    on = "in 0" if event_idx else "on"
    assert ring.wish(world) == (on if interrupts else "off")


@EACH_FORMAT
@pytest.mark.parametrize(
    "arguments", [{"indirect": "sometimes"}, {"indirect": True}, {"start_index": 65536}]
)
def test_bad_construction_is_refused(ring: Any, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        bare(ring, GuestMemory((0, 4096)), **arguments)


@EACH_FORMAT
def test_a_layout_of_another_format_is_refused(ring: Any) -> None:
    kind = PackedVirtqueue if ring.packed else SplitVirtqueue
    other = SplitLayout if ring.packed else PackedLayout
    with pytest.raises(ValueError, match="layout"):
        kind(GuestMemory((0, 4096)), other.contiguous(8, 0), lambda index: None)  # type: ignore


@EACH_FORMAT
@pytest.mark.parametrize("indirect", ["never", "multi"])
def test_a_queue_of_the_largest_size_works(ring: Any, indirect: str) -> None:
    world = World(size=32768, indirect=indirect, event_idx=True, packed=ring.packed)
    for token in range(16384):
        world.queue.add_buf([(A, 1), (B, 1)], 1, 1, token)
    world.queue.sync()
    world.device.run()
    assert world.drain() == [(token, 1) for token in range(16384)]
    assert world.queue.num_free == 32768
