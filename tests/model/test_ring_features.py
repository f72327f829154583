# SPDX-License-Identifier: Apache-2.0
"""NOTIFICATION_DATA, IN_ORDER and RING_RESET, on every ring format."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from pymodel import (
    BrokenQueueError,
    Fault,
    Feature,
    GuestMemory,
    InitError,
    Interrupt,
    ModelDevice,
    PackedLayout,
    PackedVirtqueue,
    Reg,
    RingState,
    VirtqueueError,
    compare,
    draw_ring,
    reset_queue,
    run_sync,
)
from tests.model.formats import EACH_FORMAT, EVENT_IDX
from tests.model.world import BUFFERS, RINGS, World

A, B = BUFFERS, BUFFERS + 0x100


def send(world: World, *tokens: Any, length: int = 4, room: int = 4) -> None:
    for token in tokens:
        world.queue.add_buf([(A, length), (B, room)], 1, 1, token)
    world.queue.sync()


# ---- NOTIFICATION_DATA


@EACH_FORMAT
@pytest.mark.clause(
    "NOTIF-XDRV-01", "NOTIF-XDRV-02", "NOTIF-XDRV-03", "NOTIF-XDRV-04", "PACKED-DRV-04"
)
@pytest.mark.clause("PACKED-DRV-05")
def test_a_notification_names_the_next_buffer_not_yet_available(ring: Any) -> None:
    start = 0x8005 if ring.packed else 0xFFFD
    world = World(7 if ring.packed else 8, start_index=start, packed=ring.packed)
    world.queue.add_buf([(A, 1)], 1, 0, "t")
    world.queue.sync()
    assert world.notifications == [0] and world.queue.notification == 0
    world = World(
        7 if ring.packed else 8,
        start_index=start,
        packed=ring.packed,
        features=Feature.NOTIFICATION_DATA,
    )
    for token in range(3):
        world.queue.add_buf([(A, 1)], 1, 0, token)
        assert world.queue.notification == start << 16
    world.queue.sync()
    # Packed: offset 1 of the next lap, whose wrap counter is 0. Split: index 0x0000.
    assert world.notifications == [0x0001 << 16 if ring.packed else 0]
    assert world.queue.notification == world.notifications[0]
    world.queue.add_buf([(A, 1)], 1, 0, "later")
    assert world.queue.notification == world.notifications[0]
    world.device.run()
    assert [token for token, _ in world.drain()] == [0, 1, 2]
    world.device.write32(Reg.QUEUE_NOTIFY, world.queue.notification)  # again, with nothing new
    world.device.run()
    assert world.device.idle and not world.device.read32(Reg.FAULT_CODE)


def test_only_the_lower_half_of_notification_data_names_a_queue() -> None:
    world = World(features=Feature.NOTIFICATION_DATA)
    send(world, "t")
    world.device.run()
    world.device.write32(Reg.QUEUE_NOTIFY, 0xABCD0000)
    assert not world.device.read32(Reg.FAULT_CODE)
    world.device.write32(Reg.QUEUE_NOTIFY, 0x00010005)
    assert world.device.read32(Reg.FAULT_CODE) == Fault.NO_SUCH_QUEUE
    assert world.device.read32(Reg.FAULT_QUEUE) == 5
    plain = World()
    plain.device.write32(Reg.QUEUE_NOTIFY, 0xABCD0000)
    assert plain.device.read32(Reg.FAULT_CODE) == Fault.NO_SUCH_QUEUE


# ---- IN_ORDER


def in_order(ring: Any, batch: int = 3, **arguments: Any) -> World:
    return World(packed=ring.packed, features=Feature.IN_ORDER, batch=batch, **arguments)


@EACH_FORMAT
@pytest.mark.clause("SPLIT-XDEV-06", "SPLIT-XDEV-07", "SPLIT-XDRV-02", "PACKED-XDEV-09")
@pytest.mark.clause("RSVF-DEV-05")
def test_one_used_element_returns_a_batch(ring: Any) -> None:
    world = in_order(ring, size=16)
    send(world, *"abcd")
    before = world.state()
    world.device.step(0)
    after = world.state()
    if ring.packed:
        assert after.ring[0] == (A, 4, 2, 0x8082)  # the id of c, where a was
        assert after.ring[1:] == before.ring[1:]
        assert world.device.read32(Reg.QUEUE_USED_INDEX) == 0x8006
    else:
        assert (after.used_idx, after.used_ring[:2]) == (3, [(4, 4), (0, 0)])  # the head of c
    for token in "abc":
        with pytest.raises(VirtqueueError, match="used already"):
            world.queue.detach_buf(token)
    with pytest.raises(VirtqueueError, match="published"):
        world.queue.detach_buf("d")
    assert world.drain() == [("a", 4), ("b", 4), ("c", 4)]
    assert world.queue.num_free == 14
    assert world.queue.used_index == world.device.read32(Reg.QUEUE_USED_INDEX)
    world.device.run()
    assert world.drain() == [("d", 4)]


@EACH_FORMAT
def test_without_the_feature_each_buffer_has_a_used_element_of_its_own(ring: Any) -> None:
    world = World(packed=ring.packed, batch=3, size=16)
    send(world, *"abc")
    world.device.step(0)
    assert world.drain() == [("a", 4)]
    world.device.run()
    assert world.drain() == [("b", 4), ("c", 4)]


@EACH_FORMAT
@pytest.mark.clause("SPLIT-XDRV-02", "PACKED-XDEV-09")
def test_a_buffer_that_was_not_filled_ends_its_batch(ring: Any) -> None:
    world = in_order(ring, size=16)
    send(world, "whole", "other", length=4, room=4)
    send(world, "short", length=3, room=9)
    send(world, "last")
    world.device.step(0)
    assert world.drain() == [("whole", 4), ("other", 4), ("short", 3)]
    world = in_order(ring, size=16)
    send(world, "short", length=3, room=9)
    send(world, "next")
    world.device.step(0)
    assert world.drain() == [("short", 3)]
    world.device.step(0)
    assert world.drain() == [("next", 4)]


@EACH_FORMAT
@EVENT_IDX
def test_batches_of_every_size_come_round_the_ring(ring: Any, event_idx: bool) -> None:
    for size in (4, 8) if not ring.packed else (3, 5, 8):
        for batch in (1, 2, size, 99):
            world = in_order(ring, batch, size=size, event_idx=event_idx, callback=lambda q: True)
            for start in range(0, 40, size):
                tokens = list(range(start, start + size))
                for token in tokens:
                    world.queue.add_buf([(A, 4)], 1, 0, token)
                world.queue.sync()
                assert world.serve() == Interrupt.USED_BUFFER
                assert world.drain() == [(token, 0) for token in tokens]


@EACH_FORMAT
def test_a_fault_in_a_batch_returns_what_came_before_it(ring: Any) -> None:
    world = in_order(ring, size=8)
    world.queue.add_buf([(A, 4)], 1, 0, "good")
    world.queue.add_buf([(A, 4), (B, 4)], 1, 1, "bad")
    slot = world.queue.outstanding["bad"][0]
    at = world.layout.descriptor(slot) + (14 if ring.packed else 12)
    world.queue.sync()
    flags = int.from_bytes(world.memory.read(at, 2), "little") | 4  # INDIRECT beside NEXT
    world.memory.write(at, flags.to_bytes(2, "little"))
    world.device.run()
    assert world.device.read32(Reg.QUEUE_FAULT) == Fault.INDIRECT_NOT_NEGOTIATED
    assert world.drain() == [("good", 0)]


@EACH_FORMAT
def test_in_order_a_false_element_breaks_the_queue_and_loses_nothing(ring: Any) -> None:
    world = in_order(ring)
    for token in "abc":
        world.queue.add_buf([(A, 4)], 1, 0, token)
    world.queue.sync()
    ring.forge(world, 7, 0)
    with pytest.raises(BrokenQueueError, match="names 7"):
        world.queue.get_buf()
    assert world.queue.shutdown() == ["a", "b", "c"]


def test_a_split_batch_larger_than_the_used_index_says_breaks_the_queue() -> None:
    world = World(features=Feature.IN_ORDER)
    for token in "abc":
        world.queue.add_buf([(A, 4)], 1, 0, token)
    world.queue.sync()
    world.memory.write(world.layout.used_elem(0), b"\2\0\0\0\0\0\0\0")
    world.memory.write(world.layout.used_idx, b"\2\0")
    with pytest.raises(BrokenQueueError, match="returns 3 buffers of 2"):
        world.queue.get_buf()


@pytest.mark.clause("SPLIT-DRV-05", "SPLIT-DRV-10")
def test_in_order_a_split_queue_takes_its_descriptors_in_the_order_of_the_table() -> None:
    world = World(8, features=Feature.IN_ORDER, batch=2)
    expected = 0
    for token in range(40):
        count = 1 + token % 3
        world.queue.add_buf([(A, 1)] * count, count, 0, token)
        taken = world.queue.outstanding[token]
        assert taken == tuple((expected + at) % 8 for at in range(count))
        for at, slot in enumerate(taken[:-1]):
            assert world.state().table[slot].next == taken[at + 1]
        expected = (expected + count) % 8
        if token % 2:
            world.queue.sync()
            world.device.run()
            assert len(world.drain()) == 2


# ---- RING_RESET


def resettable(ring: Any, **arguments: Any) -> World:
    return World(packed=ring.packed, features=Feature.RING_RESET, **arguments)


@EACH_FORMAT
@pytest.mark.clause("QRST-DEV-01", "QRST-DEV-02", "MMIO-DEV-08", "MMIO-DEV-09", "MMIO-DEV-10")
@pytest.mark.clause("MMIO-DEV-12")
def test_a_queue_reset_stops_the_queue_and_forgets_its_state(ring: Any) -> None:
    world = resettable(ring)
    send(world, "used")
    world.device.run()
    send(world, "not")
    assert world.device.read32(Reg.QUEUE_RESET) == 0
    world.device.write32(Reg.QUEUE_RESET, 0)
    world.device.write32(Reg.QUEUE_RESET, 1, 0x1)
    assert world.device.read32(Reg.QUEUE_READY) == 1
    world.device.write32(Reg.QUEUE_RESET, 1)
    assert world.device.read32(Reg.QUEUE_RESET) == world.device.read32(Reg.QUEUE_READY) == 0
    before = world.state()
    world.device.run()
    assert not compare(before, world.state())
    world.device.write32(Reg.QUEUE_READY, 1)
    first = 0x8000 if ring.packed else 0
    assert world.device.read32(Reg.QUEUE_AVAIL_INDEX) == first
    assert world.device.read32(Reg.QUEUE_USED_INDEX) == first
    assert world.device.read32(Reg.QUEUE_RESET) == 0


@EACH_FORMAT
@pytest.mark.clause("QRST-DEV-03", "MMIO-DRV-22", "MMIO-DRV-23", "QRST-DRV-03")
def test_a_queue_may_be_made_ready_with_another_size_after_its_reset(ring: Any) -> None:
    world = resettable(ring)
    run_sync(reset_queue(0), world.device.read32, world.device.write32)
    world.device.write32(Reg.QUEUE_SIZE, 4)
    world.device.write32(Reg.QUEUE_READY, 1)
    assert world.ring.layout.size == 4  # type: ignore[attr-defined]


def test_without_the_feature_queue_reset_is_no_register() -> None:
    world = World()
    world.device.write32(Reg.QUEUE_RESET, 1)
    assert world.device.read32(Reg.QUEUE_READY) == 1
    absent = World(features=Feature.RING_RESET)
    absent.device.write32(Reg.QUEUE_SEL, 9)
    absent.device.write32(Reg.QUEUE_RESET, 1)
    assert not absent.device.read32(Reg.FAULT_CODE)


@pytest.mark.clause("QRST-DRV-01", "MMIO-DRV-21")
def test_a_reset_of_a_queue_is_waited_for() -> None:
    device, left = ModelDevice(GuestMemory((RINGS, 64))), [3]

    def read32(offset: int) -> int:
        assert offset == Reg.QUEUE_RESET
        left[0] -= 1
        return int(left[0] > 0)

    run_sync(reset_queue(0), read32, device.write32)
    assert left == [0]
    with pytest.raises(InitError, match="does not finish its reset"):
        run_sync(reset_queue(0), lambda offset: 1, device.write32)


@EACH_FORMAT
@EVENT_IDX
@pytest.mark.parametrize("indirect", ["never", "multi"])
@pytest.mark.parametrize("callback", [None, lambda queue: True])
@pytest.mark.parametrize("gone", ["a", "b", "c"])
@pytest.mark.clause("CLEAN-DRV-01", "CLEAN-DRV-02", "QRST-DRV-01", "QRST-DRV-02")
def test_a_published_buffer_is_detached_by_a_reset_and_the_others_are_published_again(
    ring: Any, event_idx: bool, indirect: str, callback: Any, gone: str
) -> None:
    arguments: dict[str, Any] = {"event_idx": event_idx, "indirect": indirect, "size": 16}
    world = resettable(ring, callback=callback, **arguments)
    send(world, 1, 2, 3)
    world.device.run()
    assert world.queue.get_buf() == (1, 4)
    send(world, *"abc")
    world.queue.add_buf([(A, 4), (B, 4)], 1, 1, "added")
    notified = world.notified
    world.queue.detach_buf(gone)
    left = [token for token in "abc" if token != gone]
    assert world.notified == notified + 1
    assert world.queue.unpublished == ("added",)
    assert list(world.queue.outstanding) == [2, 3, *left, "added"]
    twin = resettable(ring, callback=callback, **arguments)
    send(twin, *left)
    twin.queue.add_buf([(A, 4), (B, 4)], 1, 1, "added")
    rings = [RingState.capture(w.memory, w.layout) for w in (world, twin)]
    assert not compare(*rings)
    assert world.queue.num_free == twin.queue.num_free
    assert world.tables.free_bytes == twin.tables.free_bytes
    assert draw_ring(world.state(), driver=world.queue, device=world.ring)
    with pytest.raises(VirtqueueError, match="used already"):
        world.queue.detach_buf(2)
    with pytest.raises(VirtqueueError) as caught:
        world.queue.detach_buf(gone)
    assert caught.value.errno == errno.ENOENT
    world.device.run()
    assert world.drain() == [(2, 4), (3, 4), *((token, 4) for token in left)]
    world.queue.sync()
    world.device.run()
    assert world.drain() == [("added", 4)]
    assert world.queue.num_free == world.queue.size
    assert world.tables.free_bytes == world.tables.region.length


@EACH_FORMAT
def test_a_buffer_that_is_used_before_the_reset_takes_effect_is_not_detached(ring: Any) -> None:
    world = resettable(ring, size=16)
    send(world, *"abc")
    world.at_reset = lambda: [world.device.step(0) for _ in range(2)]  # type: ignore[assignment]
    with pytest.raises(VirtqueueError, match="used already") as caught:
        world.queue.detach_buf("b")
    assert caught.value.errno == errno.ENOENT
    world.device.run()
    assert world.drain() == [("a", 4), ("b", 4), ("c", 4)]


@EACH_FORMAT
def test_buffers_used_before_a_reset_keep_callbacks_and_shutdown_right(ring: Any) -> None:
    calls: list[Any] = []

    def callback(queue: Any) -> bool:
        calls.append(queue.get_buf())
        return False

    world = resettable(ring, callback=callback)
    send(world, *"ab")
    world.device.step(0)
    world.queue.detach_buf("b")  # the interrupt for a has not been served
    world.interrupt()
    assert calls == [("a", 4)]
    assert world.queue.restart() is True
    send(world, *"cd")
    world.device.step(0)
    world.queue.detach_buf("d")
    with pytest.raises(VirtqueueError, match="outstanding already"):
        world.queue.add_buf([(A, 1)], 1, 0, "c")
    assert world.queue.shutdown() == ["c"]
    broken = resettable(ring)
    broken.queue.add_buf([(A, 1)], 1, 0, "t")
    with pytest.raises(ValueError, match="come together"):
        PackedVirtqueue(
            GuestMemory((0, 0x100)), PackedLayout(4, 0, 64, 68), lambda i: None, reset=print
        )


@EACH_FORMAT
def test_restart_sees_a_buffer_used_before_a_reset(ring: Any) -> None:
    world = resettable(ring, callback=lambda queue: False)
    send(world, "a")
    world.serve()
    assert not world.queue.callbacks_on
    send(world, *"bc")
    world.device.step(0)
    world.queue.detach_buf("c")
    assert world.queue.restart() is False
    assert world.drain() == [("a", 4), ("b", 4)]
    assert world.queue.restart() is True
