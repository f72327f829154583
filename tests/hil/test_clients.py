# SPDX-License-Identifier: Apache-2.0
"""Clients that keep to the protocol, each in its own way: they read, write, send and receive."""

from __future__ import annotations

import os

import pytest

from pymodel import BlkRequest, Feature, NetFeature, Reg, VirtioBlk, VirtioNet
from pymodel.bus import RING_FEATURES
from pymodel.net_driver import FEATURES as NET_FEATURES
from tb.hil.client import Client, DpdkLike, PollingDpdk, QemuLike, UmlLike
from tb.hil.front_end import FrontEnd, Ram
from tb.hil.messages import F_PROTOCOL_FEATURES, ProtocolFeature, Request
from tests.hil.servers import Serving, connect, echo, exercise

PLAIN = Feature(0)
PACKED, IN_ORDER = Feature.RING_PACKED, Feature.IN_ORDER
RINGS = {
    "plain": PLAIN,
    "events": Feature.EVENT_IDX,
    "indirect": RING_FEATURES,
    "in-order": RING_FEATURES | IN_ORDER,
    "packed": RING_FEATURES | PACKED,
    "packed-plain": PACKED,
    "packed-in-order": RING_FEATURES | PACKED | IN_ORDER,
}
BLK_KINDS = (QemuLike, UmlLike)
NET_KINDS = (QemuLike, UmlLike, DpdkLike, PollingDpdk)


def named(kinds: tuple[type[Client], ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("kind", kinds, ids=[kind.__name__ for kind in kinds])


@named(BLK_KINDS)
@pytest.mark.parametrize("ring", RINGS)
def test_a_disk_is_read_and_written(blk: Serving, kind: type[Client], ring: str) -> None:
    with connect(blk, kind, features=RINGS[ring]) as client:
        assert client.packed == (kind is not UmlLike and bool(RINGS[ring] & PACKED))
        for seed in range(3):
            exercise(client, seed)


@named(NET_KINDS)
@pytest.mark.parametrize("ring", RINGS)
def test_frames_go_and_come(net: Serving, kind: type[Client], ring: str) -> None:
    with connect(net, kind, features=RINGS[ring]) as client:
        for seed in range(3):
            exercise(client, seed)


def test_a_frame_is_spread_over_several_buffers(net: Serving) -> None:
    with connect(net, QemuLike, VirtioNet(buffers=32, buffer_bytes=128)) as client:
        exercise(client)
    whole = NET_FEATURES & ~NetFeature.MRG_RXBUF
    with connect(net, DpdkLike, VirtioNet(features=whole)) as client:
        exercise(client)


def test_every_pair_is_used(net: Serving) -> None:
    with connect(net, QemuLike, VirtioNet(2, buffers=16)) as client:
        assert client.driver.pairs == 2
        for pair in (0, 1, 1, 0):
            echo(client, bytes([2, 0, 0, 0, 0, pair]) + bytes(60), pair)


def test_every_queue_is_used_at_once(blk: Serving) -> None:
    with connect(blk, QemuLike, VirtioBlk(4)) as client:
        data = {at: os.urandom(512 * 2) for at in range(0, 128, 2)}
        writes = [BlkRequest.write(at, one, queue=at // 2 % 4) for at, one in data.items()]
        client.run(client.driver.submit(*writes))
        client.run(client.driver.finish(*writes))
        reads = [BlkRequest.read(at, 2, queue=at // 2 % 4) for at in data]
        client.run(client.driver.submit(*reads))
        client.run(client.driver.finish(*reads))
        assert [one.take() for one in reads] == list(data.values())


def test_memory_is_used_across_the_border_of_two_regions(blk: Serving) -> None:
    ram = Ram()
    ram.add(0x10_0000, 0x2_0000, offset=0x1000)
    ram.add(0x12_0000, 0x10_0000, user=0x100_0000, offset=0x2040)
    with connect(blk, QemuLike, VirtioBlk(1), ram=ram, area=(0x10_0000, 0x8_0000)) as client:
        data = os.urandom(512 * 300)
        client.run(client.driver.write(5, data))
        assert client.run(client.driver.read(5, 300)) == data


def test_one_client_after_the_other_is_served(blk: Serving) -> None:
    for seed in range(10):
        with connect(blk, BLK_KINDS[seed % 2]) as client:
            exercise(client, seed)


def test_a_second_client_waits_for_the_first_to_go(blk: Serving) -> None:
    with connect(blk, QemuLike) as client, FrontEnd(blk.path) as second:
        second.send(Request.GET_FEATURES)
        exercise(client)
        client.close()
        assert second.receive(Request.GET_FEATURES)


def test_a_device_is_reset_and_used_again(blk: Serving) -> None:
    with connect(blk, QemuLike) as client:
        for seed in range(3):
            exercise(client, seed)
            assert client.remove() == []
            client.driver = VirtioBlk(2)
            client.run(client.bus.scan({client.driver.device_id: lambda: client.driver}))
            assert client.bound


def test_the_cache_mode_is_written_to_the_configuration(blk: Serving) -> None:
    with connect(blk, QemuLike) as client:
        assert client.driver.writeback
        client.run(client.driver.set_writeback(False))
        assert not client.driver.writeback


def test_the_configuration_is_read_at_any_place(net: Serving) -> None:
    with connect(net, QemuLike) as client:
        whole = client.front.get_config(0, 64)
        assert whole[6] & 1, "the link is up"
        for offset in range(16):
            for size in (1, 2, 3, 8):
                assert client.front.get_config(offset, size) == whole[offset : offset + size]
        assert client.front.get_config(250, 6) == bytes(6)


# ---- moments


def test_a_call_descriptor_that_comes_late_is_signalled(blk: Serving) -> None:
    with connect(blk, QemuLike, VirtioBlk(1)) as client:
        ring = client.rings[0]
        client.front.set_fd(Request.SET_VRING_CALL, 0, None)
        request = BlkRequest.read(0, 1)
        client.run(client.driver.submit(request))
        while client.driver.queues[0].used_index == client._used_index(ring):
            client.front.get_features()
        client.front.set_fd(Request.SET_VRING_CALL, 0, ring.call_end)
        client.run(client.driver.finish(request))


def test_descriptors_are_exchanged_while_the_ring_runs(blk: Serving) -> None:
    with connect(blk, QemuLike, VirtioBlk(1)) as client:
        for seed in range(3):
            exercise(client, seed)
            ring = client.rings[0]
            ring.close()
            ring.kick = os.eventfd(0, os.EFD_NONBLOCK)
            ring.call, ring.call_end = client.make_call()
            client.front.set_fd(Request.SET_VRING_KICK, 0, ring.kick)
            client.front.set_fd(Request.SET_VRING_CALL, 0, ring.call_end)


def test_without_protocol_features_rings_are_enabled_from_the_start(net: Serving) -> None:
    class Old(DpdkLike):
        def hello(self) -> None:
            self.front.tell(Request.SET_OWNER)
            self.offered = self.front.get_features() & ~F_PROTOCOL_FEATURES

        def start(self) -> None:
            self.front.enable = lambda *_: None  # type: ignore[method-assign]
            super().start()

    with connect(net, Old) as client:
        exercise(client)


def test_memory_is_added_and_taken_away_while_the_device_works(blk: Serving) -> None:
    with connect(blk, QemuLike) as client:
        if not client.front.has(ProtocolFeature.CONFIGURE_MEM_SLOTS):
            pytest.fail("there are no memory slots")
        for round_ in range(3):
            region = client.ram.add(0x2_0000_0000 + round_ * 0x100_0000, 0x10_0000)
            client._tell_memory()
            exercise(client, round_)
            data = os.urandom(512)
            client.ram.memory.write(region.guest + 0x40, data)
            client.front.remove_region(region, [client.ram.fd(region)] if round_ else [])
            client._shadow.remove(region)
            client.ram.remove(region)
            exercise(client, round_)


def test_the_whole_table_is_told_again_while_rings_run(blk: Serving) -> None:
    with connect(blk, UmlLike) as client:
        for seed in range(3):
            client.front.set_table(client.ram, least=8)
            exercise(client, seed)


def test_the_status_is_kept(blk: Serving) -> None:
    with connect(blk, QemuLike) as client:
        assert client.front.number(Request.GET_STATUS) == client.read32(Reg.STATUS)
        client.remove()
        assert client.front.number(Request.GET_STATUS) == 0


def test_queues_and_slots_are_counted(blk: Serving) -> None:
    with FrontEnd(blk.path) as front:
        front.greet(QemuLike.protocol)
        assert front.number(Request.GET_QUEUE_NUM) == 4
        assert front.number(Request.GET_MAX_MEM_SLOTS) >= 8


def test_the_record_of_requests_in_flight_is_given_and_taken_back(blk: Serving) -> None:
    with FrontEnd(blk.path) as front:
        front.greet(QemuLike.protocol)
        description, fd = front.get_inflight(4, 256)
        size, offset = (int.from_bytes(description[at : at + 8], "little") for at in (0, 8))
        assert os.fstat(fd).st_size >= offset + size > 0
        assert description[16:20] == (4).to_bytes(2, "little") + (256).to_bytes(2, "little")
        front.set_inflight(description, fd)
        os.close(fd)
