# SPDX-License-Identifier: Apache-2.0
"""Rings that stop and go on where they were: in one session, or over a new connection."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from pymodel import BlkRequest
from tb.hil.client import LOW, Client, ClientRing, DpdkLike, QemuLike, UmlLike
from tb.hil.front_end import signal_fd
from tb.runner import RunFailed
from tests.hil.servers import SERVERS, Serving, connect, driver, exercise, serve
from tests.hil.test_clients import RINGS


@pytest.mark.parametrize("ring", ("indirect", "packed", "packed-in-order", "in-order"))
def test_rings_are_stopped_and_go_on(blk: Serving, ring: str) -> None:
    with connect(blk, QemuLike, features=RINGS[ring]) as client:
        for seed in range(4):
            exercise(client, seed)
            client.pause()
            client.resume()
        exercise(client, 4)


def test_frames_that_came_while_the_rings_were_stopped_are_sent_afterwards(net: Serving) -> None:
    with connect(net, QemuLike) as client:
        exercise(client)
        client.pause()
        client.run(client.driver.send(bytes(60)))
        client.resume()
        client.run(client.driver.drain())
        assert client.driver.in_flight == 0


def test_a_kick_before_the_ring_is_enabled_is_not_lost(blk: Serving) -> None:
    class Early(QemuLike):
        def start(self) -> None:
            enable = self.front.enable

            def late(queue: int, on: bool = True) -> None:
                signal_fd(self.rings[queue].kick)
                self.front.get_features()  # it has been seen
                enable(queue, on)

            self.front.enable = late  # type: ignore[method-assign]
            super().start()
            self.front.enable = enable  # type: ignore[method-assign]

        def resume_kicks(self) -> None:
            """No kick but the early ones."""

    with connect(blk, Early) as client:
        exercise(client)
        client.pause()
        request = BlkRequest.read(0, 1)
        client.run(client.driver.submit(request))
        client.start()
        client.run(client.driver.finish(request))


@pytest.mark.parametrize("kind", (QemuLike, UmlLike))
def test_a_client_connects_anew_with_the_same_rings(blk: Serving, kind: type[Client]) -> None:
    with connect(blk, kind) as client:
        for seed in range(3):
            exercise(client, seed)
            client.reconnect(blk.path)
        exercise(client, 3)


def test_requests_in_flight_are_served_after_a_reconnection(blk: Serving) -> None:
    with connect(blk, QemuLike, driver("blk")) as client:
        for _ in range(5):
            requests = [BlkRequest.read(at, 4, queue=at % 2) for at in range(20)]
            client.run(client.driver.submit(*requests))
            client.reconnect(blk.path)
            client.run(client.driver.finish(*requests))
            for one in requests:
                one.take()


@pytest.mark.parametrize("unseen", (1, 8))
def test_a_client_that_has_not_seen_the_last_used_connects_anew(blk: Serving, unseen: int) -> None:
    """It looked at its rings while the back end was still at work."""

    class Behind(QemuLike):
        def _used_index(self, ring: ClientRing) -> int:
            return (super()._used_index(ring) - unseen) & 0xFFFF

    with connect(blk, Behind, queue_size=8) as client:
        for seed in range(3):
            exercise(client, seed)
            client.reconnect(blk.path)
        exercise(client, 3)


@pytest.mark.parametrize("ring", ("indirect", "packed", "packed-in-order"))
def test_a_small_ring_goes_on_at_each_of_its_places(blk: Serving, ring: str) -> None:
    with connect(blk, QemuLike, features=RINGS[ring], queue_size=4) as client:
        for at in range(20):
            client.run(client.driver.write(at, bytes([at]) * 512))
            client.pause()
            base = client.rings[0].base
            assert base >> 16 == (base & 0xFFFF if client.packed else 0)
            client.resume()
        found = client.run(client.driver.read(0, 20))
        assert found == b"".join(bytes([at]) * 512 for at in range(20))


@pytest.mark.parametrize("kind", (QemuLike, DpdkLike))
@pytest.mark.parametrize("ring", ("indirect", "packed", "packed-in-order"))
def test_receive_buffers_outlive_a_stop(net: Serving, kind: type[Client], ring: str) -> None:
    with connect(net, kind, features=RINGS[ring]) as client:
        for seed in range(3):
            exercise(client, seed)
            client.pause()
            client.resume()
        exercise(client, 3)


@pytest.mark.parametrize("packed", (False, True), ids=("split", "packed"))
def test_a_stop_waits_for_what_the_device_has_in_hand(blk: Serving, packed: bool) -> None:
    features = RINGS["packed" if packed else "indirect"]
    with connect(blk, QemuLike, features=features) as client:
        for _ in range(5):
            requests = [BlkRequest.read(at, 8, queue=at % 2) for at in range(24)]
            client.run(client.driver.submit(*requests))
            client.pause()
            data = client.ram.memory.read(LOW, 0x10_0000)
            time.sleep(0.02)
            assert data == client.ram.memory.read(LOW, 0x10_0000), "it writes though it stopped"
            client.resume()
            client.run(client.driver.finish(*requests))


@pytest.mark.parametrize("kind", SERVERS)
def test_another_server_goes_on_where_one_was_killed(kind: str, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    with ExitStack() as stack:
        second = stack.enter_context(serve(kind, "blk", folders[1], "second"))
        stack.enter_context(suppress(AssertionError, RunFailed))  # the end of one that was killed
        first = stack.enter_context(serve(kind, "blk", folders[0], "first"))
        client = stack.enter_context(connect(first, QemuLike))
        exercise(client)
        requests = [BlkRequest.write(8 * at, bytes([at]) * 512, queue=at % 2) for at in range(40)]
        client.run(client.driver.submit(*requests))
        first.process.kill()
        first.process.wait()
        client.reconnect(second.path)
        client.run(client.driver.finish(*requests))
        exercise(client, 1)
    second_lines = [line for line in second.lines if "refused" in line or "closed" in line]
    assert not second_lines


@pytest.mark.parametrize("ring", ("indirect", "packed", "packed-in-order"))
@pytest.mark.parametrize("kind", SERVERS)
def test_another_server_goes_on_where_one_was_ended(kind: str, ring: str, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    with serve(kind, "blk", folders[1], "second") as second, ExitStack() as stack:
        with serve(kind, "blk", folders[0], "first") as first:
            client = stack.enter_context(connect(first, QemuLike, features=RINGS[ring]))
            exercise(client)
            requests = [BlkRequest.read(8 * at, 4, queue=at % 2) for at in range(20)]
            client.run(client.driver.submit(*requests))
        client.reconnect(second.path)
        client.run(client.driver.finish(*requests))
        for seed in range(1, 4):
            exercise(client, seed)
            client.reconnect(second.path)
        exercise(client, 4)
    assert not [line for line in second.lines if "refused" in line or "closed" in line]
