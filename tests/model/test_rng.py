# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno

import pytest

from pymodel import DeviceError, ModelDevice, RngFunction, SlotState, VirtioRng, Xorshift
from pymodel.functions import DeviceFunction
from pymodel.virtqueue import InvalidArgumentError
from tests.model.test_bus import World


def rng(world: World) -> VirtioRng:
    (slot,) = world.scan()
    assert isinstance(slot.driver, VirtioRng)
    return slot.driver


@pytest.mark.clause("RNG-XDEV-01", "RNG-DRV-01", "RNG-DRV-02", "RNG-DEV-01", "RNG-DEV-02")
def test_random_bytes_arrive_in_as_many_requests_as_it_takes() -> None:
    world = World(RngFunction(max_bytes=24))
    driver = rng(world)
    run = world.machine.run
    twin = RngFunction(max_bytes=24)
    sizes = [24, 24, 12]  # 60 bytes are asked for
    expected = b"".join(twin.process(0, b"", size) for size in sizes)
    assert run(driver.read(60)) == expected
    assert len(driver.device.interrupts) == 3
    assert run(driver.read(0)) == b""
    with pytest.raises(InvalidArgumentError):
        run(driver.read(-1))
    assert len(run(again(world, 1).read(3))) == 3


def again(world: World, most: int) -> VirtioRng:
    slot = world.bus.slots[0]
    world.machine.run(world.bus.remove(slot))
    driver = VirtioRng(most)
    world.scan(driver)
    return driver


def test_the_device_has_no_features_and_no_configuration() -> None:
    function = RngFunction()
    assert function.features == 0 and function.config() == b"" and function.device_id == 4
    assert ModelDevice(World().memory, function=function).read32(0x008) == 4


@pytest.mark.parametrize("data_w", [64, 128, 512])
@pytest.mark.clause("RNG-DEV-01", "RNG-DEV-02")
def test_an_answer_begins_with_a_beat_of_its_own(data_w: int) -> None:
    beats: list[int] = []

    def source(length: int) -> bytes:
        beats.append(length)
        return bytes([len(beats)]) * length

    function = RngFunction(source, max_bytes=100, data_w=data_w)
    size = data_w // 8
    assert function.process(0, b"thrown away", 1) == b"\1"
    assert function.process(0, b"", size + 1) == b"\2" * size + b"\3"
    assert len(function.process(0, b"", 5000)) == 100
    assert function.process(0, b"", 0) == b""
    assert beats == [size] * (3 + -(-100 // size))


def test_the_sources_are_the_same_from_the_same_seed() -> None:
    assert Xorshift(7).beat(64) == Xorshift(7).beat(64) != Xorshift(8).beat(64)
    first = Xorshift(1)
    assert (first.word(), first.word()) == (0x40822041, 0x100041060C011441)  # of the literature
    for seed in (0, 1 << 64):
        with pytest.raises(ValueError):
            Xorshift(seed)
    with pytest.raises(ValueError):
        RngFunction(max_bytes=0)


class Silent(DeviceFunction):
    """An entropy device that breaks RNG-DEV-01."""

    device_id = 4

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        return b""


def test_a_device_that_gives_nothing_is_an_error() -> None:
    world = World(Silent())
    with pytest.raises(DeviceError) as caught:
        world.machine.run(rng(world).read(4))
    assert caught.value.errno == errno.EIO


def test_a_read_that_was_given_up_leaves_no_buffer_behind() -> None:
    world = World(RngFunction())
    driver = rng(world)
    free = world.allocator.free_bytes
    sequence = driver.read(4)
    next(sequence)
    sequence.close()
    assert world.allocator.free_bytes < free  # the device still has it
    world.machine.run(driver.device.kick())
    driver._queue.sync()
    world.device(0).write32(0x50, 0)
    world.machine.work()
    world.machine.run(world.bus.serve())
    assert world.allocator.free_bytes == free
    assert len(world.machine.run(driver.read(4))) == 4
    assert world.bus.slots[0].state is SlotState.BOUND


def test_a_removed_driver_reads_no_more() -> None:
    world = World(RngFunction())
    driver = rng(world)
    assert world.machine.run(world.bus.remove(world.bus.slots[0])) == []
    with pytest.raises(DeviceError) as caught:
        world.machine.run(driver.read(1))
    assert caught.value.errno == errno.ENODEV
    assert world.allocator.free_bytes == world.free
