# SPDX-License-Identifier: Apache-2.0
"""Servers that tests talk to: the golden model in a process of its own, or the Verilog."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ci.toolchain import ROOT
from pymodel import Driver, VirtioBlk, VirtioNet
from tb.hil.client import Client, QemuLike
from tb.hil.run import serving
from tb.hil.server import SAY, Options

GOLDEN = "golden"
SANITIZED = "verilator-sanitized"
SERVERS = (GOLDEN, SANITIZED)
SECTORS = 4096
END_S = 20
PARAMETERS: Mapping[str, Mapping[str, int]] = {
    "blk": {"BLK_QUEUES": 4},
    "net": {"NET_PAIRS": 2},
}
RUNS = re.compile(r"the device runs|queue \d+ runs")
FRAME = bytes.fromhex("ffffffffffff0200000000018899") + bytes(range(60))


class Serving:
    """A server that runs.

    Attributes:
        device: "blk" or "net".
        path: of its socket.
        process: its process.
    """

    def __init__(
        self, device: str, path: Path, process: subprocess.Popen[bytes], log: Path
    ) -> None:
        self.device, self.path, self.process, self._log = device, path, process, log
        self._seen = 0
        self._held: dict[str, int] = {}

    @property
    def text(self) -> str:
        """All that it printed."""
        return self._log.read_text(errors="replace")

    @property
    def lines(self) -> list[str]:
        """What it said so far, line by line."""
        said = self.text.splitlines(keepends=True)
        return [line[len(SAY) : -1] for line in said if line.startswith(SAY) and line[-1] == "\n"]

    def news(self) -> list[str]:
        """Return what it said since the last time, or `expect`, but for what began to run."""
        lines = self.lines[self._seen :]
        self._seen += len(lines)
        return [line for line in lines if not RUNS.match(line)]

    def expect(self, *parts: str, seconds: float = END_S) -> str:
        """Wait for a line that has all of these in it, and return it."""
        end = time.monotonic() + seconds
        said: list[str] = []
        while True:
            for line in self.lines[self._seen :]:
                self._seen += 1
                said.append(line)
                if all(part in line for part in parts):
                    return line
            assert self.process.poll() is None, f"the server ended:\n{self.text[-3000:]}"
            assert time.monotonic() < end, f"no line with {parts}, but:\n" + "\n".join(said)
            time.sleep(0.002)

    def rest(self, seconds: float = END_S) -> None:
        """Wait until it has given up every client that it took."""
        end = time.monotonic() + seconds
        while True:
            clients = [line for line in self.lines if line.startswith("client ")]
            if not clients or not clients[-1].endswith(" is here"):
                return
            assert self.process.poll() is None, f"the server ended:\n{self.text[-3000:]}"
            assert time.monotonic() < end, f"a client is still there: {self.lines[-5:]}"
            time.sleep(0.002)

    def descriptors(self) -> dict[str, int]:
        """Return what its open descriptors are, and how many of each."""
        found: dict[str, int] = {}
        for link in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                kind = str(link.readlink()).split(":")[0]
                found[kind] = found.get(kind, 0) + 1
        return found

    def mapped(self) -> list[str]:
        """Return the mappings that it has of clients' memory."""
        text = Path(f"/proc/{self.process.pid}/maps").read_text()
        return [line for line in text.splitlines() if "/memfd:guest" in line]

    def check(self) -> None:
        """Show that it serves a client as ever, and holds nothing of those before."""
        self.rest()
        before = self.descriptors()
        with connect(self, QemuLike) as client:
            exercise(client)
            client.remove()
        self.rest()
        held = self.descriptors()
        assert held == (self._held or held), f"before the tests {self._held}"
        assert held == before or not self._held, f"before this client {before}"
        assert not self.mapped()
        self._held = held
        self.news()


def driver(device: str, **options: Any) -> Driver:
    """Return a driver for a device, of two queues or one pair by default."""
    if device == "blk":
        return VirtioBlk(options.pop("queues", 2), **options)
    return VirtioNet(options.pop("pairs", 1), buffers=options.pop("buffers", 16), **options)


@contextlib.contextmanager
def connect(
    server: Serving, kind: type[Client], using: Driver | None = None, **options: Any
) -> Iterator[Client]:
    """Connect a client whose driver has the device."""
    with kind(server.path, using or driver(server.device), **options) as client:
        client.connect()
        yield client


def exercise(client: Client, seed: int = 0) -> None:
    """Let a driver do what it is for, and look at what comes of it."""
    if isinstance(client.driver, VirtioBlk):
        data = bytes((seed + at) & 0xFF for at in range(3 * 512))
        queues = len(client.driver.queues)
        for queue in range(queues):
            client.run(client.driver.write(8 * queue + 1, data, queue=queue))
        client.run(client.driver.flush())
        for queue in range(queues):
            found = client.run(client.driver.read(8 * queue + 1, 3, queue=queues - 1 - queue))
            assert found == data
    elif isinstance(client.driver, VirtioNet):
        for length in (60, 61, 1514):
            echo(client, (FRAME + bytes([seed & 0xFF]) * 1500)[:length])


def echo(client: Client, frame: bytes, pair: int = 0) -> None:
    """Send a frame, which must come back."""
    assert isinstance(client.driver, VirtioNet)
    client.run(client.driver.send(frame, pair=pair))
    end = time.monotonic() + END_S
    while (found := client.run(client.driver.receive())) is None:
        assert time.monotonic() < end, "the frame did not come back"
        client.wait(0)
        client.run(client.driver.device.serve())
    assert found == frame


@contextlib.contextmanager
def serve(kind: str, device: str, folder: Path, name: str, **options: Any) -> Iterator[Serving]:
    """Serve a device by one of SERVERS; its end must be a good one.

    Args:
        kind: of the server.
        device: "blk" or "net".
        folder: for its socket.
        name: tells it from others of the same options.
        options: see `Options`; a disk of SECTORS sectors is there unless one is named.
    """
    path = folder / "socket"
    if device == "blk":
        image = folder / "disk.img"
        image.write_bytes(bytes(SECTORS * 512))
        options = {"image": str(image), **options}
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener:
        listener.bind(str(path))
        listener.listen(8)
        wire = "loopback" if device == "net" else ""
        wanted = Options(device=device, listener=listener.fileno(), wire=wire, **options)
        if kind == GOLDEN:
            with _golden(wanted, path) as found:
                yield found
        else:
            with serving(
                wanted,
                parameters=PARAMETERS[device],
                sim=kind.partition("-")[0],
                name=f"hil-{device}-{name}",
                sanitized=kind.endswith("-sanitized"),
            ) as server:
                found = Serving(device, path, server.process, server.log)
                yield found
            assert "Traceback" not in found.text, found.text[-3000:]


@contextlib.contextmanager
def _golden(options: Options, path: Path) -> Iterator[Serving]:
    log = path.with_name("log")
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tb.hil.model_server"],
            cwd=ROOT,
            env={**os.environ, **options.environment(), "PYTHONUNBUFFERED": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            pass_fds=[options.listener],
        )
    try:
        found = Serving(options.device, path, process, log)
        yield found
        process.send_signal(signal.SIGTERM)
        assert process.wait(END_S) == 0, found.text[-3000:]
        assert "Traceback" not in found.text, found.text[-3000:]
    finally:
        process.kill()
        process.wait()
