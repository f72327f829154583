# SPDX-License-Identifier: Apache-2.0
"""Device functions that keep chains until they have something for them, and their configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from pymodel import DeviceFunction, Feature, InitError, Interrupt, Position, Reg, Status
from tests.model.world import BUFFERS, World

BIT = 1 << 7  # a feature of the device type
DEPENDENT = 1 << 8  # needs BIT


class Mailbox(DeviceFunction):
    """Gives each letter to as many of the waiting chains as it needs."""

    device_id = 77
    features = BIT | DEPENDENT

    def __init__(self, most: int = 4) -> None:
        super().__init__()
        self.most, self.letters, self.gone = most, [], []
        self.configured: list[int] = []
        self.space = bytearray(range(8))

    def accepts(self, features: int) -> bool:
        return bool(features & BIT) or not features & DEPENDENT

    def configure(self, features: int) -> None:
        self.configured.append(features)

    def config(self) -> bytes:
        return bytes(self.space)

    def write_config(self, offset: int, data: bytes) -> None:
        self.space[offset : offset + len(data)] = data

    def own_registers(self) -> Sequence[int]:
        return (len(self.letters), 0xABCD)

    def holds(self, queue: int) -> int:
        return self.most

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        raise AssertionError("its queue holds")

    def ready(self, queue: int, room: Sequence[int]) -> list[bytes] | None:
        if not self.letters or sum(room) < len(self.letters[0]):
            return None
        letter, parts = self.letters.pop(0), []
        for size in room:
            parts.append(letter[:size])
            letter = letter[size:]
            if not letter:
                break
        return parts

    def stopped(self, queue: int) -> None:
        self.gone.append(queue)


def add(world: World, *sizes: int) -> None:
    for number, size in enumerate(sizes):
        world.queue.add_buf([(BUFFERS + 0x100 * number, size)], 0, 1, number)
    world.queue.sync()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("event_idx", [False, True])
def test_chains_wait_until_there_is_something_for_them(packed: bool, event_idx: bool) -> None:
    box = Mailbox()
    world = World(function=box, packed=packed, event_idx=event_idx, callback=lambda queue: True)
    add(world, 8, 8, 8)
    world.serve()
    assert (world.drain(), world.interrupts, world.device.idle) == ([], 0, True)
    box.letters = [b"twenty bytes, nearly", b"one"]
    world.serve()
    assert world.drain() == [(0, 8), (1, 8), (2, 4)]  # the second letter finds no chain
    assert world.memory.read(BUFFERS, 8) + world.memory.read(BUFFERS + 0x100, 8) == (
        b"twenty bytes, ne"
    )
    add(world, 8)
    world.serve()
    assert world.drain() == [(0, 3)]


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_used_together_is_seen_together(packed: bool) -> None:
    box = Mailbox()
    world = World(size=4, function=box, packed=packed)
    seen: list[int] = []
    for _ in range(5):  # over the ring's end
        add(world, 4, 4, 4)
        world.serve()
        world.ring.on_step = lambda name: seen.append(used_at_once(world))
        box.letters = [b"ten bytes!"]
        world.serve()
        world.ring.on_step = None
        assert world.drain() == [(0, 4), (1, 4), (2, 2)]
    assert set(seen) == {0, 3}


def used_at_once(world: World) -> int:
    """Buffers that a driver would collect if it looked now."""
    if not world.layout.packed:
        index = int.from_bytes(world.memory.read(world.layout.used_idx, 2), "little")
        return (index - world.queue.used_index) % 65536
    found, place = 0, Position.of(world.queue.used_index)
    while found < world.queue.size:
        flags = int.from_bytes(world.memory.read(world.layout.flags(place.offset), 2), "little")
        if not place.is_used(flags):
            break
        found, place = found + 1, place.ahead(1, world.queue.size)
    return found


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("event_idx", [False, True])
def test_more_chains_than_the_function_takes_stay_in_the_ring(
    packed: bool, event_idx: bool
) -> None:
    box = Mailbox(most=2)
    world = World(function=box, packed=packed, event_idx=event_idx)
    add(world, 4, 4, 4)
    world.serve()
    assert world.device.idle
    assert world.device.read32(Reg.QUEUE_AVAIL_INDEX) & 0x7FFF == 2
    box.letters = [b"a"]
    world.serve()
    assert world.drain() == [(0, 1)]
    assert world.device.read32(Reg.QUEUE_AVAIL_INDEX) & 0x7FFF == 3
    world.queue.add_buf([(BUFFERS, 4)], 0, 1, "late")
    world.queue.sync()
    box.letters = [b"b", b"c", b"d"]
    world.serve()
    assert [token for token, _ in world.drain()] == [1, 2, "late"]


def test_in_order_one_element_returns_a_group() -> None:
    box = Mailbox()
    world = World(function=box, features=Feature.IN_ORDER)
    add(world, 4, 4, 4)
    box.letters = [b"nine char", b"x"]
    world.serve()
    assert world.drain() == [(0, 4), (1, 4), (2, 1)]
    element = world.memory.read(world.layout.used_elem(0), 8)
    assert element == bytes([2, 0, 0, 0, 1, 0, 0, 0])


def test_a_stopped_queue_gives_up_what_waits() -> None:
    box = Mailbox()
    world = World(function=box)
    add(world, 4)
    world.serve()
    world.device.write32(Reg.QUEUE_READY, 0)
    assert box.gone == [0]
    box.letters = [b"a"]
    world.device.run()
    assert box.letters == [b"a"]


@pytest.mark.clause("FEAT-DEV-03", "MMIO-XDEV-01")
def test_the_device_type_is_the_functions() -> None:
    box = Mailbox()
    world = World(function=box, features=BIT)
    assert world.found.device_id == 77
    assert box.configured == [int(world.found.features)]
    assert world.found.features & BIT
    with pytest.raises(InitError, match="refused the features"):
        World(function=Mailbox(), features=DEPENDENT)


@pytest.mark.clause("MMIO-XDEV-01", "CFG-XDEV-01")
def test_the_configuration_is_written_by_bytes() -> None:
    world: Any = World(function=Mailbox())
    device = world.device
    assert (device.read32(0x100), device.read32(0x104)) == (0x03020100, 0x07060504)
    device.write32(0x104, 0xAABBCCDD, 0b1010)
    assert device.read32(0x104) == 0xAA06CC04
    assert device.read32(0x108) == 0
    assert [device.read32(at) for at in (0xF00, 0xF04, 0xF08)] == [0, 0xABCD, 0]


@pytest.mark.clause("MMIO-DEV-06", "CFG-XDEV-02", "SUSP-DEV-05")
def test_a_change_of_the_configuration_is_counted_and_told() -> None:
    box = Mailbox()
    world = World(function=box, features=Feature.SUSPEND)
    device = world.device
    box.on_change()
    assert device.read32(Reg.CONFIG_GENERATION) == 1
    assert world.interrupt() == Interrupt.CONFIG_CHANGE
    device.write32(Reg.STATUS, int(device.status | Status.SUSPEND) & ~Status.DRIVER_OK)
    box.on_change()
    assert (device.read32(Reg.CONFIG_GENERATION), device.interrupt_line) == (2, False)
    device.write32(Reg.STATUS, int(Status.DRIVER_OK))
    assert world.interrupt() == Interrupt.CONFIG_CHANGE
    device.write32(Reg.STATUS, 0)
    assert device.read32(Reg.CONFIG_GENERATION) == 0
    box.on_change()
    assert not device.interrupt_line  # no driver yet
