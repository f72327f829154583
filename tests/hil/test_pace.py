# SPDX-License-Identifier: Apache-2.0
"""Frames wait on the wire until the device has room for them."""

from __future__ import annotations

import asyncio

import pytest

from tb.hil.pace import ENDED, FRAME_BYTES, MOST_WAITING, SPARE, Pace

ROOM = FRAME_BYTES // (1500 + SPARE)  # frames of 1500 bytes that the device holds


class Device:
    """Counts what it is done with, and holds the rest."""

    def __init__(self) -> None:
        self.lives = 1
        self.taken: list[bytes] = []
        self.counters = dict.fromkeys(ENDED, 0) | {"rx_other": 7}
        self.asked = 0

    async def own_registers(self, prefix: str = "") -> dict[str, int]:
        assert prefix == "rx_"
        self.asked += 1
        return dict(self.counters)


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def pace(device: Device) -> Pace:
    return Pace(device.taken.append, device)


def give(pace: Pace) -> None:
    asyncio.run(pace.give())


def frames(count: int, size: int = 1500) -> list[bytes]:
    return [number.to_bytes(4, "big").ljust(size, b"\0") for number in range(count)]


def test_the_device_is_given_what_it_has_room_for(pace: Pace, device: Device) -> None:
    for frame in frames(3 * ROOM):
        pace.put(frame)
    give(pace)
    assert device.taken == frames(ROOM)
    assert pace.waiting == 2 * ROOM
    give(pace)
    assert len(device.taken) == ROOM, "it has done with none"


@pytest.mark.parametrize("counter", ENDED)
def test_a_frame_counted_in_any_counter_makes_room(
    pace: Pace, device: Device, counter: str
) -> None:
    for frame in frames(3 * ROOM):
        pace.put(frame)
    give(pace)
    device.counters[counter] += 2
    give(pace)
    assert device.taken == frames(ROOM + 2)


def test_what_has_room_is_given_without_a_question(pace: Pace, device: Device) -> None:
    for frame in frames(ROOM):
        pace.put(frame)
    give(pace)
    assert (device.taken, device.asked) == (frames(ROOM), 0)


def test_a_frame_as_large_as_all_the_memory_goes_alone(pace: Pace, device: Device) -> None:
    large = frames(2, FRAME_BYTES)
    for frame in large:
        pace.put(frame)
    give(pace)
    assert device.taken == large[:1]
    device.counters["rx_oversized"] += 1
    give(pace)
    assert device.taken == large


def test_a_device_that_was_reset_has_all_its_room(pace: Pace, device: Device) -> None:
    for frame in frames(2 * ROOM):
        pace.put(frame)
    device.counters["rx_frames"] = 0
    give(pace)
    device.lives += 1
    give(pace)
    assert device.taken == frames(2 * ROOM)


def test_frames_beyond_what_may_wait_are_counted_as_lost(pace: Pace) -> None:
    for frame in frames(MOST_WAITING + 3, 60):
        pace.put(frame)
    assert (pace.waiting, pace.dropped) == (MOST_WAITING, 3)
