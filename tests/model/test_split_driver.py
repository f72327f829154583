# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
from typing import Any

import pytest

from pymodel import (
    Allocator,
    BrokenQueueError,
    Descriptor,
    GuestMemory,
    RingState,
    SplitLayout,
    SplitVirtqueue,
    VirtqueueError,
    compare,
)
from tests.model.world import BUFFERS, TABLES, World

A, B, C = BUFFERS, BUFFERS + 0x100, BUFFERS + 0x200


def words(*values: int) -> bytes:
    return b"".join(value.to_bytes(2, "little") for value in values)


@pytest.mark.clause("SPLIT-DRV-02", "SPLIT-XDEV-03")
def test_a_direct_chain_is_linked_and_invisible_until_sync() -> None:
    world = World()
    world.queue.add_buf([(A, 1), (B, 2), (C, 3)], 1, 2, "t")
    state = world.state()
    assert state.table[:3] == [(A, 1, 1, 1), (B, 2, 3, 2), (C, 3, 2, 0)]
    assert state.avail_ring[0] == 0
    assert (state.avail_idx, world.notified) == (0, 0)
    world.queue.sync()
    assert (world.state().avail_idx, world.notified) == (1, 1)


@pytest.mark.clause("SPLIT-DRV-26", "SPLIT-DRV-28")
def test_sync_publishes_a_batch_once_and_nothing_does_nothing() -> None:
    world = World()
    world.queue.sync()
    assert world.notified == 0
    for token in range(3):
        world.queue.add_buf([(A, 1)], 1, 0, token)
    world.queue.sync()
    world.queue.sync()
    assert (world.state().avail_idx, world.notified) == (3, 1)


@pytest.mark.clause("SPLIT-XDEV-04", "SPLIT-DRV-06", "SPLIT-DRV-09")
@pytest.mark.parametrize("policy", ["multi", "always"])
def test_an_indirect_chain_costs_one_descriptor(policy: str) -> None:
    world = World(indirect=policy)
    world.queue.add_buf([(A, 1), (B, 2), (C, 3)], 1, 2, "three")
    world.queue.add_buf([(A, 9)], 0, 1, "one")
    assert world.queue.num_free == 6
    state = world.state()
    assert state.table[0] == (TABLES, 48, 4, 0)
    raw = world.memory.read(TABLES, 48)
    entries = [Descriptor.unpack(raw[at : at + 16]) for at in (0, 16, 32)]
    assert entries == [(A, 1, 1, 1), (B, 2, 3, 2), (C, 3, 2, 0)]
    single = (A, 9, 2, 0) if policy == "multi" else (TABLES + 48, 16, 4, 0)
    assert state.table[1] == single


def test_an_add_can_choose_against_the_policy() -> None:
    world = World(indirect="multi")
    world.queue.add_buf([(A, 1), (B, 2)], 1, 1, "direct", indirect=False)
    world.queue.add_buf([(A, 1)], 1, 0, "indirect", indirect=True)
    assert [desc.flags for desc in world.state().table[:3]] == [1, 2, 4]
    plain = World()
    with pytest.raises(VirtqueueError, match="allocator") as caught:
        plain.queue.add_buf([(A, 1)], 1, 0, "t", indirect=True)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize(
    ("sg", "out_num", "in_num", "token", "message"),
    [
        ([], 0, 0, "t", "at least one segment"),
        ([(A, 1)], 1, 1, "t", "1 readable and 1 writable"),
        ([(A, 1)], 2, -1, "t", "2 readable and -1 writable"),
        ([(A, 0)], 1, 0, "t", "segment 0 has 0 bytes"),
        ([(A, 1), (B, -1)], 1, 1, "t", "segment 1 has -1 bytes"),
        ([(A, 1 << 32)], 1, 0, "t", "segment 0"),
        ([((1 << 64) - 1, 2)], 1, 0, "t", "not inside 64 bits"),
        ([(A, 1)], 1, 0, None, "None"),
        ([(A, 1)], 1, 0, [], "not hashable"),
        ([(A, 1)], 1, 0, "twice", "outstanding already"),
        ([(A, (1 << 32) - 1), (B, 1)], 2, 0, "t", "over 2"),
        ([(A, (1 << 32) - 1), (B, 2)], 1, 1, "t", "over 2"),
    ],
)
@pytest.mark.clause("SPLIT-DRV-04")
def test_bad_arguments_are_refused_and_change_nothing(
    sg: list[tuple[int, int]], out_num: int, in_num: int, token: Any, message: str
) -> None:
    world = World()
    world.queue.add_buf([(A, 1)], 1, 0, "twice")
    before = world.state()
    with pytest.raises(VirtqueueError, match=message) as caught:
        world.queue.add_buf(sg, out_num, in_num, token)
    assert caught.value.errno == errno.EINVAL
    assert not compare(before, world.state())
    assert world.queue.num_free == 7


@pytest.mark.clause("SPLIT-DRV-08")
@pytest.mark.parametrize("indirect", ["never", "multi"])
def test_a_chain_longer_than_the_queue_or_than_what_is_free_finds_no_space(indirect: str) -> None:
    world = World(size=4, indirect=indirect)
    with pytest.raises(VirtqueueError, match="chain of 5") as caught:
        world.queue.add_buf([(A, 1)] * 5, 5, 0, "long")
    assert caught.value.errno == errno.ENOSPC
    world.queue.add_buf([(A, 1)] * 4, 4, 0, "fits")
    for token in range(world.queue.num_free):
        world.queue.add_buf([(A, 1)], 1, 0, token)
    before = world.state()
    with pytest.raises(VirtqueueError, match="0 free") as caught:
        world.queue.add_buf([(A, 1)], 1, 0, "more")
    assert caught.value.errno == errno.ENOSPC
    assert not compare(before, world.state())


def test_an_empty_table_pool_is_no_space_and_changes_nothing() -> None:
    memory = GuestMemory((0, 0x1000))
    queue = SplitVirtqueue(
        memory,
        SplitLayout.contiguous(8, 0),
        lambda index: None,
        indirect=True,
        tables=Allocator(0x800, 32),
    )
    queue.add_buf([(A, 1)] * 2, 2, 0, "a")
    with pytest.raises(VirtqueueError, match="indirect table") as caught:
        queue.add_buf([(A, 1)] * 2, 2, 0, "b")
    assert caught.value.errno == errno.ENOSPC
    assert (queue.num_free, queue.unpublished) == (7, ("a",))


@pytest.mark.clause("SPLIT-DRV-20", "SPLIT-DRV-21", "SPLIT-DRV-22")
@pytest.mark.parametrize("flags", [0, 1])
def test_used_flags_decide_on_the_notification_without_event_index(flags: int) -> None:
    world = World()
    world.memory.write(world.layout.used_flags, words(flags))
    world.memory.write(world.layout.avail_event, words(12345))
    world.queue.add_buf([(A, 1)], 1, 0, "t")
    world.queue.sync()
    assert world.notified == 1 - flags


@pytest.mark.clause("SPLIT-DRV-23", "SPLIT-DRV-24", "SPLIT-DRV-25")
@pytest.mark.parametrize(("event", "expected"), [(0, 1), (1, 1), (2, 1), (3, 0), (65535, 0)])
def test_avail_event_decides_over_the_whole_batch(event: int, expected: int) -> None:
    world = World(event_idx=True)
    world.memory.write(world.layout.used_flags, words(1))
    world.memory.write(world.layout.avail_event, words(event))
    for token in range(3):
        world.queue.add_buf([(A, 1)], 1, 0, token)
    world.queue.sync()
    assert world.notified == expected


@pytest.mark.clause("SPLIT-DRV-29", "SPLIT-DRV-30")
def test_memory_steps_come_in_the_order_of_the_specification() -> None:
    steps: list[str] = []
    world = World(event_idx=True, indirect="multi", on_step=steps.append)
    world.queue.add_buf([(A, 1), (B, 1)], 1, 1, "t")
    world.queue.sync()
    world.device.run()
    world.queue.get_buf()
    assert steps == [
        "indirect table",
        "descriptors",
        "avail entry",
        "avail index",
        "avail_event read",
        "used index read",
        "used element read",
    ]


@pytest.mark.parametrize(
    ("idx", "element", "message"),
    [
        (1, (7, 0), "names 7, not outstanding"),
        (1, (99, 0), "names 99"),
        (1, (1, 0), "names 1"),  # in a chain, but not its head
        (1, (2, 0), "names 2"),  # not published
        (1, (0, 6), "6 bytes written of 5"),
        (2, (0, 0), "2 new of 1 held"),
        (65535, (0, 0), "65535 new of 1 held"),
    ],
)
def test_a_false_used_element_breaks_the_queue_and_loses_nothing(
    idx: int, element: tuple[int, int], message: str
) -> None:
    world = World(callback=lambda queue: True)
    queue = world.queue
    queue.add_buf([(A, 5), (B, 5)], 1, 1, "published")
    queue.sync()
    queue.add_buf([(A, 5)], 0, 1, "waiting")
    raw = b"".join(number.to_bytes(4, "little") for number in element)
    world.memory.write(world.layout.used_elem(0), raw)
    world.memory.write(world.layout.used_idx, words(idx))
    for operation in (
        queue.get_buf,
        queue.sync,
        queue.restart,
        lambda: queue.detach_buf("waiting"),
        lambda: queue.add_buf([(A, 1)], 1, 0, "x"),
    ):
        with pytest.raises(BrokenQueueError, match=message) as caught:
            operation()
        assert caught.value.errno == errno.EIO
    queue.interrupt()
    assert queue.shutdown() == ["published", "waiting"]
    assert queue.shutdown() == []


def test_shutdown_gives_back_tokens_and_tables_and_closes_the_queue() -> None:
    world = World(indirect="multi")
    world.queue.add_buf([(A, 5), (B, 5)], 1, 1, "a")
    world.queue.sync()
    world.queue.add_buf([(A, 5), (B, 5)], 1, 1, "b")
    assert world.queue.shutdown() == ["a", "b"]
    assert world.tables.free_bytes == world.tables.region.length
    with pytest.raises(BrokenQueueError, match="shut down"):
        world.queue.sync()


def test_detach_of_what_is_published_used_or_unknown_is_refused() -> None:
    world = World()
    world.queue.add_buf([(A, 1)], 1, 0, "held")
    world.queue.sync()
    for token, code in (("held", errno.EBUSY), ("never", errno.ENOENT), ([], errno.ENOENT)):
        with pytest.raises(VirtqueueError) as caught:
            world.queue.detach_buf(token)  # type: ignore[arg-type]
        assert caught.value.errno == code
    world.device.run()
    with pytest.raises(VirtqueueError, match="used already") as caught:
        world.queue.detach_buf("held")
    assert caught.value.errno == errno.ENOENT
    assert world.drain() == [("held", 0)]
    with pytest.raises(VirtqueueError, match="not outstanding"):
        world.queue.detach_buf("held")


@pytest.mark.parametrize("indirect", ["never", "multi", "always"])
@pytest.mark.parametrize("gone", ["a", "b", "c"])
@pytest.mark.clause("SPLIT-DRV-11")
def test_a_detached_buffer_leaves_the_ring_as_if_never_added(indirect: str, gone: str) -> None:
    worlds = World(indirect=indirect), World(indirect=indirect)
    for world in worlds:
        for token in range(16):  # leave something stale in every entry
            world.queue.add_buf([(A, 9)], 1, 0, token)
            if token % 4 == 3:
                world.queue.sync()
                world.device.run()
                world.drain()
        for token in ("x", "y"):
            world.queue.add_buf([(A, 1), (B, 2)], 1, 1, token)
        world.queue.sync()
        world.device.run()
        for token in "abc":
            if world is worlds[0] or token != gone:
                world.queue.add_buf([(C, ord(token)), (B, 1)], 1, 1, token)
            if token != "c":
                world.queue.get_buf()  # frees descriptors between the adds
    worlds[0].queue.detach_buf(gone)
    rings = [RingState.capture(world.memory, world.layout) for world in worlds]
    assert not compare(*rings)
    assert worlds[0].queue.num_free == worlds[1].queue.num_free
    for world in worlds:
        world.queue.add_buf([(A, 77)], 0, 1, "next")
    assert not compare(worlds[0].state(), worlds[1].state())
    assert worlds[0].queue.outstanding == worlds[1].queue.outstanding
    for world in worlds:
        world.queue.sync()
        world.device.run()
    assert worlds[0].drain() == worlds[1].drain()
    assert worlds[0].tables.free_bytes == worlds[0].tables.region.length


@pytest.mark.clause("SPLIT-DRV-19", "SPLIT-DRV-12", "SPLIT-DRV-14")
@pytest.mark.parametrize("event_idx", [False, True])
@pytest.mark.parametrize("interrupts", [False, True])
def test_construction_clears_the_ring_and_asks_for_interrupts(
    event_idx: bool, interrupts: bool
) -> None:
    memory = GuestMemory((0, 0x1000))
    memory.write(0, b"\xff" * 0x1000)
    layout = SplitLayout.contiguous(8, 0)
    SplitVirtqueue(
        memory,
        layout,
        lambda index: None,
        event_idx=event_idx,
        callback=(lambda queue: True) if interrupts else None,
    )
    state = RingState.capture(memory, layout)
    assert state.avail_flags == int(not event_idx and not interrupts)
    assert state.used_event == (65535 if event_idx and not interrupts else 0)
    assert (state.avail_idx, state.used_flags, state.used_idx, state.avail_event) == (0, 0, 0, 0)
    assert set(state.table) == {(0, 0, 0, 0)}


@pytest.mark.parametrize(
    "arguments", [{"indirect": "sometimes"}, {"indirect": True}, {"start_index": 65536}]
)
def test_bad_construction_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        SplitVirtqueue(
            GuestMemory((0, 4096)), SplitLayout.contiguous(8, 0), lambda index: None, **arguments
        )


@pytest.mark.parametrize("indirect", ["never", "multi"])
def test_a_queue_of_the_largest_size_works(indirect: str) -> None:
    world = World(size=32768, indirect=indirect, event_idx=True)
    for token in range(16384):
        world.queue.add_buf([(A, 1), (B, 1)], 1, 1, token)
    world.queue.sync()
    world.device.run()
    assert world.drain() == [(token, 1) for token in range(16384)]
    assert world.queue.num_free == 32768


def heads(world: World, *tokens: str) -> list[int]:
    """Add, publish, let the device return all, collect; the first descriptor of each."""
    for token in tokens:
        world.queue.add_buf([(A, 1)], 1, 0, token)
    found = [world.queue.outstanding[token][0] for token in tokens]
    world.queue.sync()
    world.serve()
    while world.queue.get_buf():
        pass
    return found


def test_descriptors_last_given_back_are_taken_first() -> None:
    world = World(size=4)
    assert heads(world, "a", "b", "c") == [0, 1, 2]
    assert heads(world, "d", "e") == [2, 1]


def test_a_given_order_is_kept_by_taking_what_was_given_back_last() -> None:
    world = World(size=4, order=[2, 0, 3, 1])
    assert heads(world, "a", "b", "c") == [2, 0, 3]
    assert heads(world, "d", "e", "f") == [1, 2, 0]
    world.queue.add_buf([(A, 1), (B, 1), (C, 1)], 1, 2, "chain")
    assert world.queue.outstanding["chain"] == (3, 1, 2)


def test_taking_back_keeps_a_given_order() -> None:
    world = World(size=4, order=[2, 0, 3, 1])
    assert heads(world, "a", "b") == [2, 0]
    for token in "cd":
        world.queue.add_buf([(A, 1)], 1, 0, token)
    world.queue.detach_buf("c")
    assert world.queue.outstanding == {"d": (3,)}
    world.queue.detach_buf("d")
    assert heads(world, "e", "f", "g", "h") == [3, 1, 2, 0]


def test_collecting_between_adding_and_taking_back_is_undone_and_redone_in_a_given_order() -> None:
    world = World(size=4, order=[2, 0, 3, 1])
    world.queue.add_buf([(A, 1)], 1, 0, "published")
    world.queue.sync()
    world.serve()
    world.queue.add_buf([(A, 1)], 1, 0, "back")
    assert world.queue.get_buf() is not None
    world.queue.detach_buf("back")
    assert heads(world, "e", "f", "g", "h") == [0, 3, 1, 2]


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 2, 2], [1, 2, 3, 4]])
def test_an_order_names_each_descriptor_once(order: list[int]) -> None:
    with pytest.raises(ValueError, match="each of 4 descriptors once"):
        World(size=4, order=order)
