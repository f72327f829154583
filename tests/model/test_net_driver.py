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
    Bus,
    Feature,
    GuestMemory,
    Machine,
    ModelDevice,
    NetError,
    NetFeature,
    NetFunction,
    SlotState,
    VirtioNet,
)
from pymodel.net_driver import CTRL_RX
from pymodel.net_function import Control

PLAIN = Feature(0)
BASE, BYTES = 0x8000_0000, 0x40_0000
NO_MERGE = int(sum(NetFeature)) & ~int(NetFeature.MRG_RXBUF)


class World:
    """A golden network device, and the driver that a scan found."""

    def __init__(
        self,
        driver: VirtioNet | None = None,
        offer: Feature = OFFER,
        rings: Feature = PLAIN,
        **function: Any,
    ) -> None:
        self.function = NetFunction(**function)
        self.allocator = Allocator(BASE, BYTES)
        memory = GuestMemory((BASE, BYTES))
        self.device = ModelDevice(memory, function=self.function, queues=9, offer=offer)
        self.machine = Machine([self.device])
        self.run = self.machine.run
        self.bus = Bus(memory, self.allocator)
        self.bus.features |= rings
        self.net = driver or VirtioNet()
        self.run(self.bus.scan({1: lambda: self.net}))

    def serve(self) -> None:
        """Let everything come to rest."""
        self.machine.work()
        while self.device.interrupt_line:
            self.run(self.bus.serve())
            self.machine.work()

    def receive(self) -> list[bytes]:
        """Return what has come."""
        self.serve()
        frames = []
        while (frame := self.run(self.net.receive())) is not None:
            frames.append(frame)
        return frames


def frame(length: int, kind: bytes = b"\x88\xb5") -> bytes:
    """An Ethernet frame of that many bytes."""
    return random.randbytes(12) + kind + random.randbytes(length - 14)


@contextmanager
def fails(code: int) -> Iterator[None]:
    with pytest.raises(OSError) as caught:
        yield
    assert caught.value.errno == code, caught.value


@pytest.mark.clause("NET-DRV-02", "NET-DRV-03", "NET-DRV-06", "NET-DRV-07", "NET-DRV-01")
def test_a_probe_learns_what_the_device_tells() -> None:
    world = World(mac=bytes(range(6)), mtu=9000)
    net = world.net
    assert (net.mac, net.mtu, net.link, net.pairs) == (bytes(range(6)), 9000, True, 1)
    assert world.device.negotiated & int(sum(NetFeature)) == world.function.features
    told: list[bool] = []
    net.on_link = told.append
    world.function.link = False
    world.serve()
    assert told == [False] and not net.link
    with fails(errno.ENETDOWN):
        world.run(net.send(frame(60)))
    world.function.link = True
    world.serve()
    assert told == [False, True]


@pytest.mark.clause("NET-DRV-04", "NET-DRV-05", "FEAT-DRV-06", "FEAT-DRV-02")
def test_a_device_without_a_feature_is_driven_without() -> None:
    world = World(VirtioNet(features=0), pairs=2)
    net = world.net
    assert net.mac[0] & 3 == 2 and net.link and net.mtu == 1500
    world.run(net.send(frame(60)))
    world.run(net.drain())
    assert len(world.function.sent) == 1
    for operation in (net.set_queue_pairs(1), net.set_mac(bytes(6)), net.command(0, b"")):
        with fails(errno.ENOTSUP):
            world.run(operation)
    world = World(VirtioNet(features=int(NetFeature.MQ | NetFeature.CTRL_MAC_ADDR)), pairs=2)
    assert not world.device.negotiated & (NetFeature.MQ | NetFeature.CTRL_MAC_ADDR)


@pytest.mark.parametrize("rings", [Feature(0), Feature.RING_PACKED, Feature.IN_ORDER])
@pytest.mark.clause("NET-DRV-17", "NET-DRV-18", "NET-DRV-19", "NET-DRV-47", "NET-DRV-61")
@pytest.mark.clause("NET-DRV-16", "NET-DRV-23", "NET-DRV-25", "NET-DRV-27", "NET-DRV-29")
@pytest.mark.clause("NET-DRV-33", "NET-DRV-38", "NET-DRV-40", "NET-DRV-41", "NET-DRV-42")
@pytest.mark.clause("NET-DRV-58", "NET-DRV-59", "NET-DRV-62")
def test_frames_are_sent_in_order_behind_an_empty_header(rings: Feature) -> None:
    world = World(rings=rings)
    net = world.net
    free = world.allocator.free_bytes
    headers: list[bytes] = []
    process = world.function.process

    def note(queue: int, readable: bytes, writable_len: int) -> bytes:
        headers.append(readable[:12])
        return process(queue, readable, writable_len)

    world.function.process = note  # type: ignore[method-assign]
    taken: list[bytes] = []
    net.on_sent = taken.append
    frames = [frame(random.choice([14, 60, 1514])) for _ in range(600)]
    world.run(net.send(*frames))  # more than the queue has room for
    world.run(net.drain())
    assert world.function.sent == frames == taken
    assert set(headers) == {bytes(12)}
    assert net.sent == 600 and net.in_flight == 0
    assert world.allocator.free_bytes == free
    world.run(net.send(frame(1518, b"\x81\x00")))


@pytest.mark.clause("NET-DRV-09", "NET-DRV-94", "NET-DRV-95")
def test_what_is_no_frame_is_not_sent() -> None:
    world = World(pairs=2)
    net = world.net
    for bad, code in ((bytes(13), errno.EINVAL), (frame(1515), errno.EMSGSIZE)):
        with fails(code):
            world.run(net.send(frame(60), bad))
    with fails(errno.EMSGSIZE):
        world.run(net.send(frame(1519, b"\x81\x00")))
    for pair in (-1, 1):
        with fails(errno.EINVAL):
            world.run(net.send(frame(60), pair=pair))
    assert world.function.sent == []
    for wrong in ({"pairs": 0}, {"buffers": 0}, {"buffer_bytes": 12}):
        with fails(errno.EINVAL):
            VirtioNet(**wrong)


@pytest.mark.parametrize("rings", [Feature(0), Feature.RING_PACKED, Feature.IN_ORDER])
@pytest.mark.parametrize("size", [13, 60, 100, 1536])
@pytest.mark.clause("NET-DRV-08", "NET-DRV-68", "NET-XDEV-04", "NET-DEV-34", "NET-DEV-36")
def test_received_frames_are_put_together(size: int, rings: Feature) -> None:
    world = World(VirtioNet(buffer_bytes=size), rings=rings, mtu=300, credits=256)
    free = world.allocator.free_bytes
    frames = [frame(random.choice([14, 48, 49, 88, 89, 300])) for _ in range(300)]
    lost = 0
    got: list[bytes] = []
    for one in frames:
        if size == 13 and len(one) > 32 * 13 - 12:
            lost += 1
        world.function.receive(one)
        got += world.receive()
    assert got == frames and world.net.waiting == world.net.dropped == 0
    assert world.allocator.free_bytes == free


@pytest.mark.clause("NET-DRV-08", "NET-DEV-29", "NET-DEV-33", "NET-DRV-69", "NET-DRV-66")
def test_a_frame_has_one_buffer_where_they_are_not_merged() -> None:
    world = World(VirtioNet(features=NO_MERGE, buffers=4))
    frames = [frame(length) for length in (14, 60, 1514, 1518)]
    for one in frames:
        world.function.receive(one)
    assert world.receive() == frames
    assert world.run(world.net.receive()) is None


@pytest.mark.clause("NET-DRV-66")
def test_a_buffer_for_a_whole_frame_has_1526_bytes_at_least() -> None:
    for mtu, size in ((300, 1526), (1500, 1530), (9000, 9030)):
        world = World(VirtioNet(features=NO_MERGE, buffers=2), mtu=mtu)
        rooms: list[int] = []
        world.function.ready = lambda queue, room, r=rooms: r.extend(room)  # type: ignore
        world.serve()
        assert rooms == [size] * 2


@pytest.mark.parametrize("features", [int(sum(NetFeature)), NO_MERGE])
@pytest.mark.clause("NET-DRV-70", "NET-DRV-72", "NET-DRV-73", "NET-DRV-75", "NET-DRV-76")
@pytest.mark.clause("NET-DRV-77", "NET-DRV-78", "NET-DRV-79", "NET-DRV-80")
def test_of_a_received_header_only_the_number_of_buffers_matters(features: int) -> None:
    world = World(VirtioNet(features=features, buffers=4))
    frames = [frame(60) for _ in range(40)]
    count = b"\1\0" if features != NO_MERGE else b"\xff\xff"
    give = [[random.randbytes(10) + count + one] for one in frames]
    give[0][0] = b"\xff" * 10 + give[0][0][10:]
    world.function.ready = lambda queue, room: give.pop(0) if give and room else None  # type: ignore
    assert world.receive() == frames


@pytest.mark.clause("FEAT-DRV-03", "FEAT-DRV-02", "FEAT-DRV-05", "NET-DRV-13", "NET-DRV-14")
@pytest.mark.clause("NET-DRV-81", "NET-DRV-82", "NET-DRV-96")
def test_only_what_the_driver_can_use_is_chosen() -> None:
    every = (1 << 64) - 1
    net = VirtioNet()
    usable = int(sum(NetFeature)) | CTRL_RX
    assert net.choose(every) == usable
    control = int(NetFeature.CTRL_VQ | NetFeature.MQ | NetFeature.CTRL_MAC_ADDR)
    assert net.choose(every & ~int(NetFeature.CTRL_VQ)) == usable & ~control & ~CTRL_RX
    assert net.choose(0) == 0


@pytest.mark.clause("CFG-DRV-04", "CFG-DRV-05")
def test_a_larger_configuration_space_does_not_matter() -> None:
    world = World()
    world.run(world.bus.remove(world.bus.slots[0]))
    config = world.function.config
    world.function.config = lambda: config() + b"\xee" * 300  # type: ignore[method-assign]
    assert len(world.run(world.bus.scan({1: VirtioNet}))) == 1


def test_frames_are_told_as_they_come() -> None:
    world = World()
    seen: list[tuple[bytes, int]] = []
    world.net.on_receive = lambda one, pair: seen.append((one, pair))
    one = frame(60)
    world.function.receive(one)
    world.serve()
    assert seen == [(one, 0)] and world.net.waiting == 0


def test_frames_are_found_without_interrupts_too() -> None:
    world = World()
    one = frame(60)
    world.function.receive(one)
    world.machine.work()
    assert world.run(world.net.receive()) == one


@pytest.mark.clause("NET-DRV-92", "NET-DRV-93", "NET-DRV-90", "NET-DRV-91", "NET-XDEV-05")
def test_queue_pairs_are_chosen() -> None:
    world = World(VirtioNet(pairs=3), pairs=4)
    net = world.net
    assert net.pairs == 3 and world.function.enabled == 3
    world.run(net.send(frame(60), pair=2))
    for count in (0, 4):
        with fails(errno.EINVAL):
            world.run(net.set_queue_pairs(count))
    world.run(net.set_queue_pairs(1))
    assert net.pairs == 1 == world.function.enabled
    with fails(errno.EINVAL):
        world.run(net.send(frame(60), pair=1))
    world.run(net.set_queue_pairs(2))
    for number in range(40):
        world.function.receive(frame(60 + number))
    world.serve()
    pairs = set()
    while (found := world.run(net.receive_from())) is not None:
        pairs.add(found[1])
    assert pairs == {0, 1}


@pytest.mark.clause("NET-DRV-83", "NET-XDEV-05")
def test_commands_are_acknowledged_or_refused() -> None:
    world = World(pairs=2)
    net, mac = world.net, bytes.fromhex("020304050607")
    with fails(errno.EIO):
        world.run(net.command(0x0700, b""))
    world.run(net.command(Control.MAC_ADDR_SET, mac))
    assert world.function.mac == mac
    with fails(errno.EINVAL):
        world.run(net.set_mac(b"short"))
    if not world.function.features & CTRL_RX:
        with fails(errno.ENOTSUP):
            world.run(net.set_mac(mac))
    world.function._negotiated = NetFeature(0)  # as one that refuses what it offered
    with fails(errno.EIO):
        world.run(net.set_queue_pairs(1))
    assert net.pairs == 1


@pytest.mark.parametrize("offer", [OFFER, OFFER & ~Feature.RING_RESET])
def test_a_removal_loses_no_frame(offer: Feature) -> None:
    world = World(VirtioNet(buffer_bytes=100), offer=offer)
    net = world.net
    received = [frame(length) for length in (60, 500, 70)]
    for one in received:
        world.function.receive(one)
    sent, unsent = frame(60), frame(61)
    world.run(net.send(sent))
    world.machine.work()
    world.run(net.send(unsent))
    assert world.run(world.bus.remove(world.bus.slots[0])) == [unsent]
    assert world.function.sent == [sent] and net.sent == 1
    assert world.receive() == received and net.dropped == 0
    assert world.allocator.free_bytes == BYTES and net.in_flight == 0
    with fails(errno.ENODEV):
        world.run(net.send(frame(60)))
    with fails(errno.ENODEV):
        world.run(net.command(Control.VQ_PAIRS_SET, b"\1\0"))


def test_a_device_with_an_impossible_mtu_fails_its_probe() -> None:
    world = World()
    world.run(world.bus.remove(world.bus.slots[0]))
    world.function.mtu = 67
    assert world.run(world.bus.scan({1: VirtioNet})) == []
    assert world.bus.slots[0].state is SlotState.FAILED
    assert isinstance(world.bus.slots[0].error, NetError)


def test_buffers_without_a_frame_are_dropped_and_given_back() -> None:
    world = World(VirtioNet(buffers=8), credits=4)
    function = world.function
    give = [
        [b""],
        [bytes(11)],
        [bytes(12)],
        [bytes(10) + b"\xff\xff" + bytes(60)],
        [bytes(10) + b"\2\0" + bytes(1524), bytes(3)],
    ]
    function.ready = lambda queue, room: give.pop(0) if give else None  # type: ignore[method-assign]
    world.serve()
    assert world.receive() == [bytes(1524 + 3)] and world.net.dropped == 4
