# SPDX-License-Identifier: Apache-2.0
"""The driver side of a packed ring, against bytes written by hand."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from pymodel import (
    BrokenQueueError,
    GuestMemory,
    PackedLayout,
    PackedVirtqueue,
    VirtqueueError,
)
from tests.model.world import BUFFERS, TABLES, Watched, World

A, B, C = BUFFERS, BUFFERS + 0x100, BUFFERS + 0x200
FREE = "00000000 00000000 00000000 0000 0000"


def packed(size: int = 4, **arguments: Any) -> World:
    return World(size, packed=True, **arguments)


def image(world: World) -> list[str]:
    """The ring as hex: address low and high, length, id, flags, as they are in memory."""
    raw = world.memory.read(world.layout.ring, 16 * world.queue.size)
    rows = [raw[at : at + 16].hex() for at in range(0, len(raw), 16)]
    return [" ".join((r[:8], r[8:16], r[16:24], r[24:28], r[28:])) for r in rows]


def event(world: World) -> str:
    return world.memory.read(world.layout.driver, 4).hex()


def use(world: World, slot: int, number: int, length: int, flags: int) -> None:
    """Write a used descriptor as a device would."""
    raw = length.to_bytes(4, "little") + number.to_bytes(2, "little") + flags.to_bytes(2, "little")
    world.memory.write(world.layout.ring + 16 * slot + 8, raw)


@pytest.mark.clause("PACKED-XDRV-02", "PACKED-XDRV-03", "PACKED-DRV-08", "PACKED-XDRV-06")
def test_a_chain_of_the_first_lap_byte_by_byte() -> None:
    world = packed(driver_args={"ids": [0xABCD, 1, 2, 3]})
    world.queue.add_buf([(A, 0x11), (B, 0x22), (C, 0x33)], 1, 2, "t")
    assert image(world) == [
        "00000000 00010000 11000000 0000 0100",  # NEXT, not available yet
        "00010000 00010000 22000000 0000 0300",
        "00020000 00010000 33000000 cdab 0200",  # the id is in the last one
        FREE,
    ]
    world.queue.sync()
    assert image(world) == [
        "00000000 00010000 11000000 0000 8100",
        "00010000 00010000 22000000 0000 8300",
        "00020000 00010000 33000000 cdab 8200",
        FREE,
    ]


@pytest.mark.clause("PACKED-XDRV-01", "PACKED-XDRV-02", "PACKED-XDRV-05")
def test_a_chain_that_goes_over_the_end_of_the_ring_changes_its_flags_there() -> None:
    world = packed(size=3)
    for token in (0, 1):
        world.queue.add_buf([(A, 1)], 1, 0, token)
    world.queue.sync()
    world.device.run()
    assert world.drain() == [(0, 0), (1, 0)]
    world.queue.add_buf([(A, 1), (B, 2), (C, 3)], 2, 1, "over")
    assert [row[-4:] for row in image(world)] == ["8180", "8280", "0100"]
    world.queue.sync()
    assert image(world) == [
        "00010000 00010000 02000000 0000 0180",  # second lap: USED set, AVAIL clear
        "00020000 00010000 03000000 0100 0280",
        "00000000 00010000 01000000 0000 8100",  # first lap: AVAIL set, USED clear
    ]
    assert (world.queue.avail_index, world.queue.used_index) == (0x0002, 0x8002)
    world.device.run()
    assert image(world)[2] == "00000000 00010000 03000000 0100 8280"  # used, three bytes written
    assert world.drain() == [("over", 3)]
    assert (world.queue.avail_index, world.queue.used_index) == (0x0002, 0x0002)


@pytest.mark.clause("PACKED-DRV-13", "PACKED-DRV-15", "PACKED-XDEV-07", "PACKED-XDEV-08")
def test_an_indirect_chain_byte_by_byte() -> None:
    world = packed(indirect="always", driver_args={"ids": [0x1234, 1, 2, 3]})
    world.queue.add_buf([(A, 0x11), (B, 0x22), (C, 0x33)], 1, 2, "t")
    world.queue.sync()
    assert image(world)[0] == "00002000 00000000 30000000 3412 8400"
    assert world.memory.read(TABLES, 48).hex(" ", 4) == (
        "00000000 00010000 11000000 00000000 "
        "00010000 00010000 22000000 00000200 "
        "00020000 00010000 33000000 00000200"
    )


@pytest.mark.clause("PACKED-DRV-11", "PACKED-DRV-16", "PACKED-DRV-17")
def test_sync_stores_flags_only_from_the_last_back_to_the_first() -> None:
    world = packed(size=8)
    watched = Watched(world.memory)
    world.queue._ring._memory = watched
    world.queue.add_buf([(A, 1), (B, 1)], 1, 1, "two")
    world.queue.add_buf([(A, 1)], 1, 0, "one")
    assert [addr - world.layout.ring for addr, _ in watched.writes] == [0, 16, 32]
    watched.writes.clear()
    world.queue.sync()
    ring = [(addr - world.layout.ring, length) for addr, length in watched.writes]
    assert ring == [(46, 2), (30, 2), (14, 2)]


@pytest.mark.clause("PACKED-XDRV-06")
@pytest.mark.parametrize(
    ("start", "flags"),
    [
        (0x8000, "0000 0000 0000"),
        (0x8002, "8080 8080 0000"),
        (0x0000, "8080 8080 8080"),
        (0x0001, "0000 8080 8080"),
    ],
)
def test_a_ring_that_starts_elsewhere_looks_as_if_it_had_run(start: int, flags: str) -> None:
    world = packed(size=3, start_index=start)
    assert " ".join(row[-4:] for row in image(world)) == flags
    world.queue.add_buf([(A, 1), (B, 1)], 1, 1, "t")
    assert world.ring.look() == 0
    world.queue.sync()
    world.device.run()
    assert world.drain() == [("t", 1)]
    with pytest.raises(ValueError, match="not below the queue size 3"):
        packed(size=3, start_index=0x8003)


@pytest.mark.clause("PACKED-XDEV-04", "PACKED-XDEV-05", "PACKED-XDRV-04")
@pytest.mark.parametrize(
    ("flags", "length", "expected"),
    [
        (0x8082, 5, 5),
        (0x8083, 5, 5),  # NEXT is disregarded
        (0x8087, 0, 0),  # as all else
        (0x8080, 0xFFFFFFFF, 0),  # without WRITE the length means nothing
    ],
)
def test_what_a_used_descriptor_says(flags: int, length: int, expected: int) -> None:
    world = packed()
    world.queue.add_buf([(A, 5), (B, 5)], 1, 1, "t")
    world.queue.sync()
    use(world, 0, 0, length, flags)
    used = world.queue.get_buf()
    assert used == ("t", expected)
    assert world.queue.used_index == 0x8002


@pytest.mark.clause("PACKED-DRV-02", "PACKED-XDEV-02")
@pytest.mark.parametrize("flags", [0x0000, 0x0080, 0x8000])
def test_a_descriptor_that_is_not_used_in_its_lap_is_left_alone(flags: int) -> None:
    world = packed()
    world.queue.add_buf([(A, 5)], 0, 1, "t")
    world.queue.sync()
    use(world, 0, 0, 1, flags | 2)
    assert world.queue.get_buf() is None
    world.queue.interrupt()
    assert world.queue.num_free == 3


@pytest.mark.clause("VQ-XDEV-02", "PACKED-XDEV-06")
def test_buffers_used_out_of_order_are_found_each_after_the_one_before() -> None:
    world = packed(size=5)
    for token, count in (("a", 2), ("b", 1), ("c", 2)):
        world.queue.add_buf([(A, 9)] * count, 0, count, token)
    world.queue.sync()
    use(world, 0, 2, 7, 0x8082)  # c, of two descriptors
    use(world, 2, 1, 8, 0x8082)  # b, of one
    for token in ("b", "c"):
        with pytest.raises(VirtqueueError, match="used already"):
            world.queue.detach_buf(token)
    with pytest.raises(VirtqueueError) as caught:
        world.queue.detach_buf("a")
    assert caught.value.errno == errno.EBUSY
    assert world.drain() == [("c", 7), ("b", 8)]
    assert (world.queue.num_free, world.queue.used_index) == (3, 0x8003)
    world.queue.add_buf([(B, 1)] * 3, 3, 0, "d")  # takes the places of a and b
    world.queue.sync()
    assert world.queue.outstanding == {"a": (0, 1), "d": (0, 1, 2)}
    use(world, 3, 0, 9, 0x8082)  # a
    assert world.drain() == [("a", 9)]
    assert world.queue.used_index == 0x0000


@pytest.mark.parametrize("second", [0, 77])
def test_a_second_used_descriptor_that_lies_is_found_by_detach_too(second: int) -> None:
    world = packed()
    for token in "abc":
        world.queue.add_buf([(A, 9)], 1, 0, token)
    world.queue.sync()
    use(world, 0, 0, 0, 0x8080)
    use(world, 1, second, 0, 0x8080)
    with pytest.raises(BrokenQueueError, match=f"1, wrap 1 names {second}, not outstanding"):
        world.queue.detach_buf("c")
    assert world.queue.shutdown() == ["a", "b", "c"]


def test_an_id_is_not_taken_for_a_descriptor() -> None:
    world = packed(driver_args={"ids": [500, 600, 700, 800]})
    world.queue.add_buf([(A, 9)], 1, 0, "t")
    world.queue.sync()
    use(world, 0, 0, 0, 0x8080)
    with pytest.raises(BrokenQueueError, match="names 0, not outstanding"):
        world.queue.get_buf()


@pytest.mark.parametrize("ids", [[1, 2, 3], [1, 2, 3, 3], [0, 1, 2, 65536], [-1, 0, 1, 2]])
def test_ids_that_cannot_serve_are_refused(ids: list[int]) -> None:
    layout = PackedLayout.contiguous(4, 0)
    with pytest.raises(ValueError, match="4 different 16-bit numbers"):
        PackedVirtqueue(GuestMemory((0, 0x100)), layout, lambda index: None, ids=ids)


@pytest.mark.clause("PACKED-XDEV-11", "PACKED-XDEV-13")
@pytest.mark.parametrize(
    ("structure", "event_idx", "expected"),
    [
        ("00000000", False, 1),
        ("00000100", False, 0),
        ("00000100", True, 0),
        ("00000200", False, 1),  # a descriptor's event without the feature
        ("00000300", True, 1),  # reserved
        ("0000fdff", False, 0),  # reserved bits beside DISABLE
        ("ffff0000", False, 1),
        ("03800200", True, 1),  # the last of the first lap
        ("00000200", True, 1),  # the first of the second lap
        ("01000200", True, 0),  # the one after the batch
        ("02800200", True, 0),  # the one before it
        ("03000200", True, 0),
        ("00800200", True, 0),
        ("04800200", True, 0),  # none at all
    ],
)
def test_the_device_event_decides_over_a_batch_that_goes_over_the_end(
    structure: str, event_idx: bool, expected: int
) -> None:
    world = packed(size=4, event_idx=event_idx, start_index=0x8003)
    world.memory.write(world.layout.device, bytes.fromhex(structure))
    world.queue.add_buf([(A, 1), (B, 1)], 1, 1, "t")
    world.queue.sync()
    assert world.notified == expected


@pytest.mark.clause("PACKED-XDEV-11", "PACKED-XDEV-13", "PACKED-DRV-19")
def test_the_driver_event_follows_the_collected_buffers_byte_by_byte() -> None:
    answers = [True, False]
    world = packed(size=3, event_idx=True, callback=lambda queue: answers.pop(0))
    assert event(world) == "00800200"
    world.queue.add_buf([(A, 1), (B, 1)], 1, 1, "t")
    world.queue.sync()
    world.serve()
    assert event(world) == "00800200"
    assert world.drain() == [("t", 1)]
    assert event(world) == "02800200"
    world.queue.add_buf([(A, 1), (B, 1)], 1, 1, "u")
    world.queue.sync()
    world.serve()
    assert event(world) == "02800100"  # the second answer was False
    assert world.drain() == [("u", 1)]
    assert event(world) == "02800100"
    assert world.queue.restart()
    assert event(world) == "01000200"


@pytest.mark.parametrize("gone", ["a", "b"])
def test_a_buffer_is_detached_over_the_end_of_the_ring(gone: str) -> None:
    world = packed(size=5, start_index=0x8003)
    before = image(world)
    world.queue.add_buf([(A, 1), (B, 1), (C, 1)], 1, 2, "a")
    world.queue.add_buf([(A, 2), (B, 2)], 1, 1, "b")
    world.queue.detach_buf(gone)
    left = "b" if gone == "a" else "a"
    assert world.queue.unpublished == (left,)
    assert world.queue.outstanding[left][0] == 3
    world.queue.detach_buf(left)
    assert image(world) == before
    assert (world.queue.num_free, world.queue.next_avail_index) == (5, 0x8003)
    world.queue.add_buf([(A, 1)] * 5, 4, 1, "all")
    world.queue.sync()
    world.device.run()
    assert world.drain() == [("all", 1)]
