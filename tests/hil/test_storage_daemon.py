# SPDX-License-Identifier: Apache-2.0
"""The storage daemon: its command line, and the daemon in the place of qemu-storage-daemon."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ci.toolchain import ROOT
from pymodel import VirtioBlk
from tb.hil.client import Client, QemuLike, UmlLike
from tb.hil.storage_daemon import DaemonError, _check_images
from tb.hil.storage_options import Export, Node, OptionError, parse

DAEMON = ROOT / "tb" / "hil" / "storage-daemon"
END_S = 120  # builds are slow
SECTORS = 64
NODE = "driver=file,node-name=disk,filename=F"
EXPORT = "type=vhost-user-blk,id=e,node-name=disk,addr.type=unix,addr.path=S"
DATA = bytes(range(256)) * 4

# ---- the command line


def one(*arguments: str) -> Export:
    """Return the only export of a command line."""
    (export,) = parse(arguments).exports
    return export


@pytest.mark.parametrize(
    "arguments",
    [
        ["--blockdev", NODE, "--export", EXPORT],
        [f"--blockdev={NODE}", f"--export={EXPORT}"],
        ["--blockd", NODE, "--exp", EXPORT],
        ["--blockdev", f"{NODE},cache.direct=on,aio=native,discard=unmap", "--export", EXPORT],
        ["--blockdev", "file,node-name=disk,filename=F", "--export", EXPORT.partition("=")[2]],
        ["--blockdev", NODE, "--export", f"{EXPORT},logical-block-size=0x200,num-queues=1"],
        ["--object", "iothread,id=t", "--blockdev", NODE, "--export", f"{EXPORT},iothread=t"],
        [
            *("--blockdev", '{"driver":"file","node-name":"disk","filename":"F"}', "--export"),
            '{"type":"vhost-user-blk","id":"e","node-name":"disk","writable":false,'
            '"num-queues":1,"addr":{"type":"unix","path":"S"}}',
        ],
        [
            "--blockdev",
            "driver=raw,node-name=disk,file.driver=file,file.filename=F",
            *("--export", EXPORT),
        ],
    ],
)
def test_an_export_is_what_the_options_say_in_each_form(arguments: list[str]) -> None:
    export = one(*arguments)
    assert export.node.image == Path("F").absolute()
    assert export == Export("e", export.node, Path("S"))


def test_options_are_taken_as_given() -> None:
    whole = parse(
        [
            *("--blockdev", "driver=file,node-name=a,filename=x,,y=z,read-only=on"),
            *("--blockdev", "driver=raw,node-name=b,file=a", "--pidfile", "p", "--daemonize"),
            *("--blockdev", "driver=file,node-name=c,filename=w,force-share=off"),
            *(
                "--export",
                "vhost-user-blk,id=f,node-name=b,addr.type=fd,addr.str=7",
            ),
            *("--export", f"{EXPORT},writable=on,num-queues=7,packed=yes".replace("disk", "c")),
        ]
    )
    assert whole.daemonize and whole.pid_file == Path("p").absolute()
    first, second = whole.exports
    below = Node("b", Path("x,y=z").absolute(), True)
    assert first == Export("f", below, 7)
    above = Node("c", Path("w").absolute(), False)
    assert second == Export("e", above, Path("S"), writable=True, queues=7, packed=True)


@pytest.mark.parametrize(
    "node, export, words",
    [
        (None, EXPORT, "Cannot find node-name='disk'"),
        ("driver=qcow2,node-name=disk,filename=F", EXPORT, "does not accept value 'qcow2'"),
        ("node-name=disk,filename=F", EXPORT, "Parameter 'driver' is missing"),
        ("driver=file,filename=F", EXPORT, "'node-name' must be specified"),
        ("driver=file,node-name=disk", EXPORT, "Parameter 'filename' is missing"),
        ("driver=raw,node-name=disk", EXPORT, "Parameter 'file' is missing"),
        ("driver=raw,node-name=disk,file=x", EXPORT, "Cannot find node-name='x'"),
        ("driver=file,node-name=9,filename=F", EXPORT, "Invalid node-name: '9'"),
        ("driver=file,node-name", EXPORT, "Expected '=' after parameter 'node-name'"),
        ("driver=file,node name=x", EXPORT, "Invalid parameter 'node name'"),
        (f"{NODE},size=5", EXPORT, "Parameter 'size' is unexpected"),
        (f"{NODE},read-only=maybe", EXPORT, "'read-only' expects 'on' or 'off'"),
        (f"{NODE},force-share=on", EXPORT, "force-share=on"),
        (f"{NODE},aio=fast", EXPORT, "'aio' does not accept value 'fast'"),
        ('{"driver":"file"', EXPORT, "JSON parse error"),
        ('{"driver":"file","node-name":["x"]}', EXPORT, "type for 'node-name'"),
        ('{"driver":"file","node-name":"a","read-only":"on"}', EXPORT, "expected: boolean"),
        ('{"driver":"file","node-name":5}', EXPORT, "expected: string"),
        (f"{NODE},read-only=on", f"{EXPORT},writable=on", "read-only node as writable"),
        (NODE, EXPORT.replace("vhost-user-blk", "nbd"), "exports of type 'nbd'"),
        (NODE, EXPORT.replace("id=e", "id=,,"), "Invalid block export id: ','"),
        (NODE, EXPORT.replace("unix", "inet"), "Only socket address types"),
        (NODE, EXPORT.replace("addr.type=unix", "addr.type=fd,addr.str=x"), "FD number x"),
        (NODE, f"{EXPORT},addr.abstract=on", "'addr.abstract' is unexpected"),
        (NODE, EXPORT.partition(",addr")[0], "'addr' is missing"),
        (NODE, f"{EXPORT},num-queues=0", "num-queues must be 1 to 64"),
        (NODE, f"{EXPORT},num-queues=65", "num-queues must be 1 to 64"),
        (NODE, f"{EXPORT},num-queues=few", "expects integer"),
        (NODE, f"{EXPORT},logical-block-size=4096", "4096 is not served, but 512"),
        (NODE, f"{EXPORT},iothread=t", "iothread 't' not found"),
        (NODE, f"{EXPORT},writethrough=on", "'writethrough' is unexpected"),
    ],
)
def test_what_is_wrong_is_named_with_its_option(node: str | None, export: str, words: str) -> None:
    nodes = [] if node is None else ["--blockdev", node]
    with pytest.raises(OptionError) as caught:
        parse([*nodes, "--export", export])
    text = str(caught.value)
    assert words in text and "\n" not in text
    assert text.startswith((f"--blockdev {node}: ", f"--export {export}: "))


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["disk.img"], "disk.img: Unexpected argument"),
        (["--nope"], "--nope"),
        (["--blockdev"], "requires argument"),
        (["--blockdev", NODE, "--blockdev", NODE], "Duplicate nodes with node-name='disk'"),
        (["--blockdev", NODE, *["--export", EXPORT] * 2], "id 'e' is already in use"),
        (["--export", EXPORT, "--blockdev", NODE], "in an option before this one"),
        (["--monitor", "chardev=c"], "it is not served here"),
        (["--object", "secret,id=s"], "objects of type 'secret'"),
    ],
)
def test_a_line_that_is_wrong_as_a_whole_is_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        parse(arguments)


def image(path: Path, size: int = 512 * SECTORS) -> Path:
    path.write_bytes(bytes(size))
    return path


def test_images_are_looked_at_before_anything_is_started(tmp_path: Path) -> None:
    good, ragged = image(tmp_path / "good"), image(tmp_path / "ragged", 700)

    def refused(*files: Path) -> str:
        words = []
        for at, file in enumerate(files):
            words += ["--blockdev", f"driver=file,node-name=n{at},filename={file}", "--export"]
            words += [f"{EXPORT},writable=on".replace("=e", f"=e{at}").replace("disk", f"n{at}")]
        with pytest.raises(DaemonError) as caught:
            _check_images(parse(words))
        return str(caught.value)

    assert "No such file or directory" in refused(tmp_path / "none")
    assert "no regular file" in refused(tmp_path)
    assert "has 700 bytes" in refused(ragged)
    assert "have the same file" in refused(good, good)
    with good.open() as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert "in use by another process" in refused(good)


# ---- the daemon


class Daemon:
    """A daemon that runs.

    Attributes:
        process: it.
        log: what it says.
    """

    def __init__(self, arguments: Sequence[str], folder: Path, fds: Sequence[int] = ()) -> None:
        self.log = folder / "said"
        with self.log.open("wb") as said:
            self.process = subprocess.Popen(
                [str(DAEMON), *arguments], cwd=folder, stderr=said, pass_fds=list(fds)
            )

    @property
    def said(self) -> str:
        return self.log.read_text()

    def children(self) -> list[int]:
        """Return the process ids of its simulators."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(word) for word in found.read_text().split()]

    def end(self, code: int = 0, number: int = signal.SIGTERM) -> None:
        """Ask it to end, and look how it does."""
        self.process.send_signal(number)
        assert self.process.wait(END_S) == code, self.said


@contextlib.contextmanager
def running(arguments: Sequence[str], folder: Path, **options: Any) -> Iterator[Daemon]:
    daemon = Daemon(arguments, folder, **options)
    try:
        yield daemon
    finally:
        if daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()


def until(found: Callable[[], Any], daemon: Daemon | None = None) -> Any:
    """Wait until something is so."""
    end = time.monotonic() + END_S
    while not (value := found()):
        assert daemon is None or daemon.process.poll() is None, daemon.said
        assert time.monotonic() < end
        time.sleep(0.01)
    return value


@contextlib.contextmanager
def connect(path: Path, kind: type[Client] = QemuLike) -> Iterator[Client]:
    with kind(path, VirtioBlk(2), timeout_s=END_S) as client:
        client.connect()
        yield client


def alive(number: int) -> bool:
    """Whether a process runs; one that has ended has no command line."""
    try:
        return bool(Path(f"/proc/{number}/cmdline").read_bytes())
    except OSError:
        return False


def disk(name: str, at: str, options: str = "") -> list[str]:
    """Return the options for a file that is served under its own name."""
    return [
        *("--blockdev", f"driver=file,node-name={name},filename={name}", "--export"),
        f"type=vhost-user-blk,id={name},node-name={name},num-queues=4,{at}{options}",
    ]


def written(file: Path, sector: int) -> bool:
    return file.read_bytes()[512 * sector :][: len(DATA)] == DATA


def test_the_daemon_serves_a_file_at_a_path_and_another_by_descriptor(tmp_path: Path) -> None:
    """Completed writes are in the file when a client goes or the daemon ends; nothing is left."""
    first, second = image(tmp_path / "first"), image(tmp_path / "second")
    second.write_bytes(DATA * (512 * SECTORS // len(DATA)))
    path, pid_file = tmp_path / "s", tmp_path / "pid"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as bound:
        bound.bind(str(tmp_path / "bound"))
        arguments = [
            *disk("first", "addr.type=unix,addr.path=s", ",writable=on"),
            *disk("second", f"addr.type=fd,addr.str={bound.fileno()}"),
            *("--pidfile", "pid"),
        ]
        with running(arguments, tmp_path, fds=[bound.fileno()]) as daemon:
            until(path.exists, daemon)  # its clients may come before the simulators are up
            with connect(path) as client:
                client.run(client.driver.write(8, DATA))
            until(lambda: written(first, 8), daemon)
            assert int(until(pid_file.exists) and pid_file.read_text()) == daemon.process.pid
            with connect(tmp_path / "bound") as reader, connect(path, UmlLike) as client:
                assert client.run(client.driver.read(8, 2)) == DATA
                assert reader.run(reader.driver.read(4, 2)) == DATA
                assert reader.driver.read_only and not client.driver.read_only
                client.run(client.driver.write(20, DATA))
                daemon.end()
    assert written(first, 8) and written(first, 20) and not written(first, 21)
    assert {one.name for one in tmp_path.iterdir()} == {"first", "second", "said", "bound"}


def test_a_simulator_that_fails_ends_the_daemon_with_one_line(tmp_path: Path) -> None:
    """The other export's writes are kept."""
    image(tmp_path / "bad"), image(tmp_path / "good")
    arguments = disk("bad", "addr.type=unix,addr.path=s0", ",writable=on")
    arguments += disk("good", "addr.type=unix,addr.path=s1", ",writable=on")
    with running(arguments, tmp_path) as daemon:
        until((tmp_path / "s1").exists, daemon)
        with connect(tmp_path / "s1") as client:
            client.run(client.driver.write(3, DATA))
            os.kill(daemon.children()[0], signal.SIGKILL)
            assert daemon.process.wait(END_S) == 1
    line = daemon.said.splitlines()[-1]
    assert line.startswith("storage-daemon: export bad: ") and "run.log" in line
    assert written(tmp_path / "good", 3)
    assert {one.name for one in tmp_path.iterdir()} == {"bad", "good", "said"}


def test_a_daemon_in_the_background_tells_when_it_is_up(tmp_path: Path) -> None:
    """And its simulator goes with it, even if it is killed."""
    image(tmp_path / "disk")
    arguments = disk("disk", "addr.type=unix,addr.path=s", ",writable=on")
    with running([*arguments, "--daemonize", "--pidfile", "pid"], tmp_path) as daemon:
        assert daemon.process.wait(END_S) == 0, daemon.said
        number = int((tmp_path / "pid").read_text())
        children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        try:
            with connect(tmp_path / "s") as client:
                assert client.run(client.driver.read(0, 1)) == bytes(512)
            with running(arguments, tmp_path) as other:
                assert other.process.wait(END_S) == 1
                assert "is in use by another process" in other.said
        finally:
            os.kill(number, signal.SIGKILL)
        until(lambda: not any(alive(int(child)) for child in children))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_any_moment_ends_the_daemon_well(number: int, tmp_path: Path) -> None:
    image(tmp_path / "disk")
    arguments = disk("disk", "addr.type=unix,addr.path=s", ",writable=on")
    for seconds in (0.0, 0.3):
        with running(arguments, tmp_path) as daemon:
            until((tmp_path / "s").exists, daemon)
            time.sleep(seconds)
            daemon.end(number=number)
        assert {one.name for one in tmp_path.iterdir()} == {"disk", "said"}
