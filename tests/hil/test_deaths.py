# SPDX-License-Identifier: Apache-2.0
"""Clients that die, and servers that are told to end, at any moment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ci.toolchain import ROOT
from pymodel import BlkRequest, Feature, VirtioNet
from pymodel.bus import RING_FEATURES
from tb.hil.client import Client, DpdkLike, QemuLike, UmlLike
from tb.hil.front_end import FrontEnd, FrontEndError
from tb.hil.messages import HEADER, VERSION, Request
from tests.hil.servers import FRAME, SERVERS, Serving, connect, driver, exercise, serve

KINDS = (QemuLike, UmlLike, DpdkLike)


class Death(Exception):
    """The client dies here."""


def dies_at(client: Client, message: int) -> bool:
    """Let a client go through its life, and die before it sends its nth message; whether it did."""
    sent = 0

    def count(request: int) -> None:
        nonlocal sent
        sent += 1
        if sent > message:
            raise Death

    client.front.on_send = count
    try:
        client.connect()
        exercise(client)
        client.remove()
    except Death:
        return True
    return False


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_a_client_that_dies_at_any_message_does_no_harm(
    net_server: Serving, kind: type[Client]
) -> None:
    message = 0
    died = True
    while died:
        with kind(net_server.path, driver("net")) as client:
            died = dies_at(client, message)
        net_server.rest()
        message += 1
    assert message > 20
    net_server.check()


@pytest.mark.parametrize("packed", (False, True), ids=("split", "packed"))
def test_a_client_that_dies_with_requests_in_flight_does_no_harm(
    blk: Serving, packed: bool
) -> None:
    features = RING_FEATURES | (Feature.RING_PACKED if packed else Feature(0))
    for count in (1, 2, 5, 20):
        with connect(blk, QemuLike, features=features) as client:
            requests = [BlkRequest.read(8 * at, 8 * 8, queue=at % 2) for at in range(count)]
            requests += [BlkRequest.write(8 * at, bytes(512 * 16)) for at in range(count)]
            client.run(client.driver.submit(*requests))


def test_a_client_that_dies_while_frames_come_does_no_harm(net: Serving) -> None:
    for count in (1, 3, 30):
        with connect(net, DpdkLike, VirtioNet(buffers=8)) as client:
            client.run(client.driver.send(*[FRAME + bytes(at) for at in range(count)]))


KILLED = """
import sys, time
from pathlib import Path
from pymodel import BlkRequest, VirtioBlk
from tb.hil.client import QemuLike
client = QemuLike(Path(sys.argv[1]), VirtioBlk(2))
client.connect()
print("here", flush=True)
while True:
    requests = [BlkRequest.read(at, 8, queue=at % 2) for at in range(16)]
    client.run(client.driver.submit(*requests))
    client.run(client.driver.finish(*requests))
"""


def test_a_process_that_is_killed_does_no_harm(blk: Serving) -> None:
    for seconds in (0, 0.003, 0.02, 0.1):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(blk.path)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == b"here\n"
            time.sleep(seconds)
            process.kill()
            process.wait()
        blk.rest()


# ---- the server's end


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("where", ("no client", "connected", "running", "at work", "cut", "flood"))
def test_a_server_ends_when_it_is_told_to(kind: str, where: str, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serve(kind, "blk", tmp_path, f"end-{where}"))
        if where == "no client":
            with connect(server, QemuLike):
                pass
            server.rest()
        elif where in ("connected", "cut", "flood"):
            front = stack.enter_context(FrontEnd(server.path))
            assert front.get_features()
            if where == "cut":
                front.raw(HEADER.pack(Request.SET_FEATURES, VERSION, 8) + b"abc")
            if where == "flood":
                stack.enter_context(flood(front))
        else:
            client = stack.enter_context(connect(server, QemuLike))
            exercise(client)
            if where == "at work":
                requests = [BlkRequest.read(0, 128, queue=at % 2) for at in range(64)]
                client.run(client.driver.submit(*requests[:2]))
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0, server.text[-2000:]
        assert time.monotonic() - began < 8
        told = [line for line in server.lines if "told to stop" in line]
        assert len(told) == (where != "no client")


@contextlib.contextmanager
def flood(front: FrontEnd) -> Iterator[None]:
    """Send messages without end."""
    over = threading.Event()
    data = HEADER.pack(Request.SET_OWNER, VERSION, 0) * 100

    def send() -> None:
        with contextlib.suppress(FrontEndError, OSError):
            while not over.is_set():
                front.raw(data)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        time.sleep(0.3)
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_is_told_to_end_twice_ends_well(kind: str, tmp_path: Path) -> None:
    with serve(kind, "blk", tmp_path, "twice") as server, connect(server, QemuLike) as client:
        exercise(client)
        for _ in range(3):
            with contextlib.suppress(ProcessLookupError):
                os.kill(server.process.pid, signal.SIGTERM)
        assert server.process.wait(10) == 0, server.text[-2000:]


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_of_one_connection_ends_with_it(kind: str, tmp_path: Path) -> None:
    with serve(kind, "blk", tmp_path, "one", sessions=2) as server:
        for _ in range(2):
            with connect(server, QemuLike) as client:
                exercise(client)
        assert server.process.wait(10) == 0, server.text[-2000:]


@pytest.mark.parametrize("kind", SERVERS)
def test_what_was_flushed_is_in_the_image(kind: str, tmp_path: Path) -> None:
    with serve(kind, "blk", tmp_path, "image") as server:
        with connect(server, QemuLike) as client:
            client.run(client.driver.write(9, b"flushed ".ljust(512)))
            client.run(client.driver.flush())
            client.run(client.driver.write(10, b"written ".ljust(512)))
        server.rest()
        image = tmp_path / "disk.img"
        if kind != "golden":
            assert image.read_bytes()[9 * 512 :][:8] == b"flushed "
