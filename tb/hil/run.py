# SPDX-License-Identifier: Apache-2.0
"""Start a simulator that serves a device on a socket."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import itertools
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from tb.build import Design, build, locked
from tb.hil.pace import FRAME_BYTES
from tb.hil.server import DESIGN, STOP_SIGNALS, Options
from tb.runner import DEVICES_TOP, SIGNALS, WORK, Run, environment, judge, simulate_command

MODULE = "tb.hil.serve"
RX_WAIT = (1 << 20) - 1  # cycles, the most that there are
PARAMETERS: Mapping[str, Mapping[str, int]] = {
    "blk": {"TEST_EN": 0, "BLK_EN": 1},
    # a driver that is a process of its own may be away for long: its buffers are waited for
    "net": {"TEST_EN": 0, "NET_EN": 1, "NET_FRAME_BYTES": FRAME_BYTES, "NET_RX_WAIT": RX_WAIT},
}
END_SECONDS = 20  # that a server has from SIGTERM to its end
PROGRAMS = ("sim", "sim.vvp")  # of a build, for either simulator
PR_SET_PDEATHSIG = 1  # of prctl(2)

_libc = ctypes.CDLL(None)


class ServeError(Exception):
    """A server cannot be started, or ended badly; the text says why."""


def design(device: str, parameters: Mapping[str, int], waves: bool, sim: str) -> Design:
    """Return the design that serves a device."""
    return Design(
        sim=sim,
        top=DEVICES_TOP,
        parameters=tuple(sorted({**PARAMETERS[device], **parameters}.items())),
        waves=waves,
        native=True,
        own_clock=True,
        exposed=SIGNALS[DEVICES_TOP],
    )


def design_environment(chosen: Design) -> dict[str, str]:
    """Return the variables that tell the simulator what it simulates."""
    return {DESIGN: json.dumps(dict(chosen.parameters))}


def listen(path: Path) -> socket.socket:
    """Return a socket that listens at a path, where none listens yet.

    Raises:
        ServeError: the path is taken, too long or not to be written.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                if probe.connect_ex(os.fspath(path)) == 0:
                    raise ServeError(f"{path}: another server listens there")
            path.unlink()  # left by one that was killed
        listener.bind(os.fspath(path))
        listener.listen(8)
    except OSError as error:
        listener.close()
        raise ServeError(f"{path}: {error.strerror or error}") from None
    except ServeError:
        listener.close()
        raise
    return listener


class Server:
    """A simulator process that serves one device.

    Attributes:
        log: file of all it prints.
        waves: file of its waves, or None.
        ended: its end was waited for.
    """

    def __init__(self, process: subprocess.Popen[bytes], run: Run, folder: Path) -> None:
        self.process, self._run, self.folder = process, run, folder
        self.log = folder / "run.log"
        self.waves = folder / "dump.fst" if run.waves else None
        self.ended = False

    def stop(self) -> None:
        """Ask it to end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds: float = END_SECONDS) -> None:
        """Wait for its end.

        Raises:
            ServeError: it did not end, or not well.
        """
        self.ended = True
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise ServeError(f"the simulator did not end in {seconds:g} s: {self.log}") from None
        ended = f"the simulator ended with code {code}" if code else ""
        judge(self._run, self.folder, self.log, self.waves, ended)


@contextlib.contextmanager
def serving(
    options: Options,
    *,
    parameters: Mapping[str, int] | None = None,
    sim: str = "verilator",
    seed: int = 1,
    waves: str = "",
    name: str = "",
    sanitized: bool = False,
) -> Iterator[Server]:
    """Build and start a server; it is ended with the block.

    Args:
        options: whose descriptor is open here; the simulator inherits it.
        parameters: further ones of `tb_devices`.
        sim, seed, waves: as `tb.runner.run_bench` takes them.
        name: of the folder, for runs whose options tell nothing: the next one takes its place.
        sanitized: with the sanitizers in what is native of the bench.

    Raises:
        BuildError: the design cannot be built.
        RunFailed: the simulation failed, a comparison for instance.
        ServeError: it did not end.
    """
    chosen = design(options.device, parameters or {}, bool(waves), sim)
    chosen = replace(chosen, sanitized=sanitized)
    env = options.environment() | design_environment(chosen)
    run = Run(design=chosen, module=MODULE, pattern="", seed=seed, waves=waves, env=env)
    label = replace(run, env={"name": name}).label() if name else run.label()
    with _own_folder(WORK / "runs" / label) as folder:
        built = build(chosen)
        with locked(built.with_name(built.name + ".lock"), fcntl.LOCK_SH):
            # a server may live for days: the build must not wait for its end to be made anew
            for program in PROGRAMS:
                if (built / program).exists():
                    os.link(built / program, folder / program)
        server = _start(run, folder, options)
        try:
            yield server
            server.stop()
            if not server.ended:
                server.wait()
        finally:
            if server.process.poll() is None:
                server.process.kill()
                server.process.wait()


@contextlib.contextmanager
def _own_folder(wanted: Path) -> Iterator[Path]:
    """Hold an empty folder that no other server has: the one wanted, or one beside it."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    for number in itertools.count(1):
        folder = wanted.with_name(f"{wanted.name}-{number}") if number > 1 else wanted
        with folder.with_name(folder.name + ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            folder.mkdir(exist_ok=True)
            for old in folder.iterdir():
                old.unlink()
            yield folder
            return


def _start(run: Run, folder: Path, options: Options) -> Server:
    waves = folder / "dump.fst" if run.waves else None
    with (folder / "run.log").open("wb") as log, _blocked():
        process = subprocess.Popen(
            simulate_command(run, folder, waves),
            cwd=folder,
            env=environment(run, folder),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[options.listener],
            preexec_fn=_end_with_parent if _in_main_thread() else None,
        )
    return Server(process, run, folder)


@contextlib.contextmanager
def _blocked() -> Iterator[None]:
    """Start a simulator with its signals held back: it takes them once it can."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _in_main_thread() -> bool:
    """Whether this thread lives as long as the process."""
    return threading.current_thread() is threading.main_thread()


def _end_with_parent() -> None:
    """Let the process that is about to become a simulator be stopped when this one is killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
