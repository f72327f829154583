# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno

import pytest

from pymodel import (
    BrokenQueueError,
    Descriptor,
    GuestMemory,
    RingState,
    SplitLayout,
    SplitVirtqueue,
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


@pytest.mark.clause("SPLIT-XDEV-04", "SPLIT-DRV-07", "SPLIT-DRV-09")
@pytest.mark.parametrize("policy", ["multi", "always"])
def test_an_indirect_descriptor_names_its_table_and_has_no_other_flag(policy: str) -> None:
    world = World(indirect=policy)
    world.queue.add_buf([(A, 1), (B, 2), (C, 3)], 1, 2, "three")
    world.queue.add_buf([(A, 9)], 0, 1, "one")
    single = Descriptor(A, 9, 2, 0) if policy == "multi" else Descriptor(TABLES + 48, 16, 4, 0)
    assert world.state().table[:2] == [(TABLES, 48, 4, 0), single]
    raw = world.memory.read(TABLES, 48)
    entries = [Descriptor.unpack(raw[at : at + 16]) for at in (0, 16, 32)]
    assert entries == [(A, 1, 1, 1), (B, 2, 3, 2), (C, 3, 2, 0)]


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


@pytest.mark.clause("VQ-XDEV-02")
def test_buffers_that_complete_out_of_order_are_collected_in_that_order() -> None:
    world = World(size=8)
    for token, count in (("a", 2), ("b", 1), ("c", 3)):
        world.queue.add_buf([(A, 9)] * count, 0, count, token)
    world.queue.sync()
    ring = world.ring
    assert ring.look() == 3
    chains = [ring.fetch() for _ in range(3)]
    for place in (2, 0):
        ring.complete(chains[place], b"x" * place)
    assert world.drain() == [("c", 2), ("a", 0)]
    assert list(world.queue.outstanding) == ["b"]
    world.queue.add_buf([(B, 1)] * 7, 7, 0, "d")  # takes the places of a and c
    ring.complete(chains[1], b"x")
    assert world.drain() == [("b", 1)]
    world.queue.sync()
    world.device.run()
    assert world.drain() == [("d", 0)]
