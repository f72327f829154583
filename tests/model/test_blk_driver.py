# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pymodel import (
    OFFER,
    Allocator,
    BlkError,
    BlkFeature,
    BlkFunction,
    BlkLimits,
    BlkRequest,
    Bus,
    DeviceError,
    Disk,
    Feature,
    GuestMemory,
    Machine,
    ModelDevice,
    NoSpaceError,
    VirtioBlk,
)
from pymodel.blk_function import RANGE, RequestType
from pymodel.functions import DeviceFunction

BASE, BYTES = 0x8000_0000, 0x40_0000
SMALL = BlkLimits(size_max=1024, seg_max=3, max_ranges=2, max_sectors=5)


class World:
    """A disk of random sectors, its golden device, and the driver that a scan found."""

    def __init__(self, sectors: int = 64, offer: Feature = OFFER, **function: Any) -> None:
        self.disk = Disk(random.Random(1).randbytes(512 * sectors))
        self.function = BlkFunction(self.disk, **function)
        self.allocator = Allocator(BASE, BYTES)
        memory = GuestMemory((BASE, BYTES))
        self.device = ModelDevice(memory, function=self.function, queues=4, offer=offer)
        self.machine = Machine([self.device])
        self.bus = Bus(memory, self.allocator)

    def probe(self, driver: VirtioBlk | None = None) -> VirtioBlk:
        found = driver or VirtioBlk()
        (slot,) = self.machine.run(self.bus.scan({2: lambda: found}))
        assert slot.driver is found
        return found


@contextmanager
def fails(code: int) -> Iterator[None]:
    with pytest.raises(OSError) as caught:
        yield
    assert caught.value.errno == code, caught.value


@pytest.mark.clause("BLK-XDEV-01", "BLK-XDEV-04", "BLK-XDEV-05", "BLK-DRV-14", "BLK-DRV-18")
def test_sectors_are_read_and_written() -> None:
    world = World(serial=b"disk one")
    disk, run = world.probe(), world.machine.run
    free = world.allocator.free_bytes
    assert disk.capacity == 64 and not disk.read_only and disk.block_size == 512
    assert run(disk.read(0, 1)) == world.disk.read(0, 1)
    assert run(disk.read(60, 4)) == world.disk.read(60, 4)
    run(disk.write(3, b"\xa5" * 1024))
    assert world.disk.read(3, 2) == b"\xa5" * 1024
    assert world.disk.dirty == {3, 4}
    run(disk.flush())
    assert not world.disk.dirty
    assert run(disk.get_id()) == "disk one"
    run(disk.write_zeroes(8, 2))
    assert world.disk.read(8, 2) == bytes(1024)
    run(disk.write_zeroes(9, 2, unmap=True))
    run(disk.discard(20, 3))
    assert world.function.counters["ranges"] == 3
    assert world.allocator.free_bytes == free and disk.in_flight == 0


@pytest.mark.parametrize("indirect", [True, False])
def test_what_is_too_large_is_cut_to_the_limits_of_the_device(indirect: bool) -> None:
    offer = OFFER if indirect else OFFER & ~Feature.INDIRECT_DESC
    world = World(limits=SMALL, offer=offer)
    disk, run = world.probe(), world.machine.run
    assert disk.shape.most_sectors == 6
    seen: list[tuple[int, int]] = []
    process = world.function.process

    def note(queue: int, readable: bytes, writable_len: int) -> bytes:
        seen.append((len(readable), writable_len))
        return process(queue, readable, writable_len)

    world.function.process = note  # type: ignore[method-assign]
    assert run(disk.read(1, 14)) == world.disk.read(1, 14)
    assert seen == [(16, 3073), (16, 3073), (16, 1025)]
    data = random.randbytes(7 * 512)
    run(disk.write(2, data))
    assert world.disk.read(2, 7) == data
    seen.clear()
    run(disk.write_zeroes(0, 21))  # 5 ranges of at most 5 sectors, 2 a request
    assert [length for length, _ in seen] == [48, 48, 32]
    assert world.disk.read(0, 21) == bytes(21 * 512)


@pytest.mark.clause("BLK-DRV-12", "BLK-DRV-16", "BLK-DRV-17", "BLK-DRV-19", "BLK-DRV-21")
@pytest.mark.clause("BLK-DRV-14", "BLK-DRV-15", "BLK-DRV-18", "BLK-DRV-24")
def test_requests_that_break_a_rule_are_not_submitted() -> None:
    world = World(limits=SMALL)
    disk, run = world.probe(), world.machine.run
    kind = RequestType
    for request in (
        BlkRequest.read(64, 1),
        BlkRequest.read(63, 2),
        BlkRequest.read(-1, 1),
        BlkRequest.read(0, 0),
        BlkRequest.read(0, 7),
        BlkRequest(kind.IN, 0, length=511),
        BlkRequest(kind.IN, 0, data=b"x", length=512),
        BlkRequest.write(0, b""),
        BlkRequest.write(0, bytes(513)),
        BlkRequest.write(63, bytes(1024)),
        BlkRequest(kind.OUT, 0, bytes(512), length=512),
        BlkRequest(kind.FLUSH, sector=1),
        BlkRequest(kind.FLUSH, data=bytes(512)),
        BlkRequest(kind.GET_ID, length=21),
        BlkRequest.ranges(kind.DISCARD, [(0, 1, 1)]),
        BlkRequest.ranges(kind.DISCARD, [(0, 1, 0)] * 3),
        BlkRequest.ranges(kind.WRITE_ZEROES, [(0, 1, 2)]),
        BlkRequest.ranges(kind.WRITE_ZEROES, [(0, 1, 1)] * 3),
        BlkRequest.ranges(kind.WRITE_ZEROES, [(0, 6, 0)]),
        BlkRequest.ranges(kind.WRITE_ZEROES, [(64, 1, 0)]),
        BlkRequest.ranges(kind.WRITE_ZEROES, [(0, 0, 0)]),
        BlkRequest.ranges(kind.WRITE_ZEROES, []),
        BlkRequest(kind.DISCARD, data=RANGE.pack(0, 1, 0) + b"\0"),
        BlkRequest.flush(queue=1),
    ):
        with fails(errno.EINVAL):
            run(disk.submit(request))
    good = BlkRequest.read(0, 1)
    run(disk.submit(good))
    with fails(errno.EINVAL):
        run(disk.submit(good))
    run(disk.finish(good))
    with fails(errno.EINVAL):
        run(disk.submit(good))
    assert sum(world.function.counters.values()) == 1
    with fails(errno.EINVAL):
        run(disk.write_zeroes(0, 0))
    with fails(errno.EINVAL):
        VirtioBlk(queues=0)


@pytest.mark.clause("BLK-DRV-13", "BLK-DEV-21", "BLK-DEV-22")
def test_a_read_only_disk_takes_no_writes() -> None:
    world = World(read_only=True)
    disk, run = world.probe(), world.machine.run
    assert disk.read_only
    for operation in (disk.write(0, bytes(512)), disk.write_zeroes(0, 1), disk.discard(0, 1)):
        with fails(errno.EROFS):
            run(operation)
    assert run(disk.read(0, 64)) == world.disk.read(0, 64)


@pytest.mark.clause("BLK-XDEV-02", "FEAT-DRV-06", "BLK-DRV-02", "BLK-DRV-03", "BLK-DRV-01")
def test_a_disk_without_a_feature_does_without() -> None:
    world = World()
    disk, run = world.probe(VirtioBlk(features=BlkFeature(0))), world.machine.run
    assert not disk.writeback and disk.shape.seg_max == 1
    run(disk.flush())  # nothing to do
    assert world.function.counters["flushes"] == 0
    for operation in (disk.write_zeroes(0, 1), disk.discard(0, 1), disk.set_writeback(True)):
        with fails(errno.ENOTSUP):
            run(operation)
    assert run(disk.read(5, 9)) == world.disk.read(5, 9)
    world = World()
    assert world.probe(VirtioBlk(features=BlkFeature.FLUSH)).writeback


@pytest.mark.clause("BLK-DRV-05", "BLK-DRV-20", "FEAT-DRV-03", "FEAT-DRV-05")
def test_only_what_the_driver_can_use_is_chosen() -> None:
    chosen = BlkFeature(VirtioBlk().choose((1 << 64) - 1))
    assert not chosen & (BlkFeature.ZONED | BlkFeature.SECURE_ERASE | BlkFeature.LIFETIME)
    assert chosen & BlkFeature.RO and int(chosen) < 1 << 24


@pytest.mark.clause("BLK-DRV-04", "BLK-DRV-22", "BLK-DRV-23")
def test_the_cache_mode_is_chosen() -> None:
    world = World()
    disk, run = world.probe(), world.machine.run
    assert disk.writeback
    run(disk.set_writeback(False))
    assert not disk.writeback and not world.function.writeback
    run(disk.write(0, bytes(512)))
    assert not world.disk.dirty
    run(disk.set_writeback(True))
    run(disk.write(0, bytes(512)))
    assert disk.writeback and world.disk.dirty == {0}


@pytest.mark.clause("BLK-XDEV-01", "BLK-DRV-26")
def test_the_status_becomes_an_error() -> None:
    world = World()
    disk, run = world.probe(), world.machine.run
    world.disk.refused = {9}
    with fails(errno.EIO):
        run(disk.read(8, 2))
    with fails(errno.EIO):
        run(disk.write(8, bytes(1024)))
    assert run(disk.read(7, 2)) == world.disk.read(7, 2)
    world.function.features = 0  # as one that says UNSUPP to what it offered
    world.function._negotiated = 0
    with fails(errno.ENOTSUP):
        run(disk.discard(0, 1))


class Dumb(DeviceFunction):
    """Returns requests without a byte."""

    device_id = 2

    def config(self) -> bytes:
        return (64).to_bytes(8, "little")

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        return b""


def test_a_device_that_writes_no_status_has_failed() -> None:
    world = World()
    world.device.function = Dumb()
    with fails(errno.EIO):
        world.machine.run(world.probe(VirtioBlk(features=BlkFeature.FLUSH)).read(0, 1))


@pytest.mark.parametrize("rings", [Feature(0), Feature.RING_PACKED, Feature.IN_ORDER])
def test_many_requests_are_in_flight_on_every_queue(rings: Feature) -> None:
    world = World(sectors=256, queues=3)
    world.bus.features |= rings
    disk, run = world.probe(VirtioBlk(queues=8)), world.machine.run
    assert len(disk.queues) == 3
    done: list[int] = []
    requests = []
    for sector in range(200):
        request = BlkRequest.read(sector, 1, queue=sector % 3)
        request.on_done = lambda each: done.append(each.sector)
        requests.append(request)
    run(disk.submit(*requests))
    assert disk.in_flight == 200 and disk.device.kicks == 3
    run(disk.finish(*requests))
    assert sorted(done) == list(range(200)) and disk.in_flight == 0
    for request in requests:
        assert request.take() == world.disk.read(request.sector, 1)


def test_what_does_not_fit_waits_or_is_refused() -> None:
    world = World(sectors=4096, offer=OFFER & ~Feature.INDIRECT_DESC)
    disk, run = world.probe(VirtioBlk(features=BlkFeature.FLUSH)), world.machine.run
    assert run(disk.read(0, 4096)) == world.disk.read(0, 4096)  # one segment: 4096 sectors
    requests = [BlkRequest.read(sector, 1) for sector in range(100)]
    with pytest.raises(NoSpaceError):
        run(disk.submit(*requests))
    assert disk.in_flight == 85  # of 3 descriptors each, 256 in all
    run(disk.finish(*requests[:85]))
    small = World(sectors=4096, limits=BlkLimits(size_max=512, seg_max=1))
    disk = small.probe()
    free = small.allocator.free_bytes
    assert small.machine.run(disk.read(0, 700)) == small.disk.read(0, 700)
    assert small.allocator.free_bytes == free
    hog = small.allocator.allocate(free - 2048)
    assert small.machine.run(disk.read(0, 30)) == small.disk.read(0, 30)
    small.allocator.allocate(small.allocator.free_bytes - 64)
    with fails(errno.ENOSPC):
        small.machine.run(disk.read(0, 30))
    small.allocator.free(hog)


@pytest.mark.clause("BLK-DRV-11", "BLK-DEV-19", "BLK-DEV-20", "CFG-XDEV-02")
def test_a_change_of_the_capacity_is_seen() -> None:
    world = World()
    disk, run = world.probe(), world.machine.run
    told: list[int] = []
    disk.on_capacity = lambda each: told.append(each.capacity)
    world.function.resize(80)
    with fails(errno.EINVAL):
        run(disk.read(70, 1))  # the interrupt was not served yet
    run(world.bus.serve())
    assert told == [80] and run(disk.read(79, 1)) == bytes(512)
    world.function.resize(10)
    run(world.bus.serve())
    with fails(errno.EINVAL):
        run(disk.read(10, 1))


@pytest.mark.parametrize("offer", [OFFER, OFFER & ~Feature.RING_RESET])
def test_a_removal_ends_every_request(offer: Feature) -> None:
    world = World(offer=offer)
    disk, run = world.probe(), world.machine.run
    early = [BlkRequest.read(sector, 1) for sector in range(3)]
    run(disk.submit(*early))
    world.machine.work()
    late = [BlkRequest.write(sector, bytes(512)) for sector in range(2)]
    run(disk.submit(*late))
    assert run(world.bus.remove(world.bus.slots[0])) == late
    for request in early:
        assert request.take() == world.disk.read(request.sector, 1)
    for request in late:
        with fails(errno.ECANCELED):
            request.take()
    with fails(errno.ENODEV):
        run(disk.read(0, 1))
    assert world.allocator.free_bytes == BYTES and disk.in_flight == 0
    assert run(world.probe().read(0, 1)) == world.disk.read(0, 1)


def test_a_disk_that_cannot_be_used_fails_its_probe() -> None:
    world = World(limits=BlkLimits(size_max=0))
    assert world.machine.run(world.bus.scan({2: VirtioBlk})) == []
    assert "no room for data" in world.bus.slots[0].why
    assert isinstance(world.bus.slots[0].error, BlkError)
    assert not isinstance(world.bus.slots[0].error, DeviceError)
