# SPDX-License-Identifier: Apache-2.0
"""Boot a Linux guest whose virtio devices are simulators, and judge how it went.

A `Guest` says how one kind of guest is started; what it is given, the simulators and the judgement
are the same for all.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable, Optional, Protocol

from tb.hil.guest.console import Console
from tb.hil.guest.image import LABEL, initramfs, make_disk
from tb.hil.guest.website import website
from tb.hil.run import ServeError, Server, listen, serving
from tb.hil.server import Options as ServerOptions
from tb.runner import LAST, RunFailed, shown

DEVICES = ("blk", "net")
PAGE_NAME = "file"
FETCHED_BYTES = 300_000
READ_KIB = 2048
PINGS = 20
DISK_MIB = 16
QUIET_S = {"verilator": 0.1, "icarus": 2.0}  # without a frame, before a guest ends
LIMIT_S = {"verilator": 120.0, "icarus": 3600.0}  # that a guest has to come to its end
RESTART_AT = "read"  # part of the guest's tests in which a simulator is started anew
GRACE_S = 5.0  # that it has to end once a simulator has, or it has said that it is done
TAIL = 25  # lines of its console that a failure shows


class GuestError(Exception):
    """A guest cannot be started; the text says why, in one line."""


class Guest(Protocol):
    """One kind of guest.

    Attributes:
        title: what it is, in a few words.
        busybox, module_folder, modules: as `image.initramfs` takes them.
        hidden: feature bits that its drivers are not offered.
    """

    title: str
    busybox: Path
    module_folder: Path
    modules: tuple[str, ...]
    hidden: int

    def command(
        self, work: Path, initrd: Path, sockets: Mapping[str, Path], words: Sequence[str]
    ) -> list[str]:
        """Return how to start it.

        Args:
            work: folder for what it needs, removed afterwards.
            initrd: its initramfs.
            sockets: of its devices, by the names of `DEVICES`.
            words: for the kernel's command line.
        """
        ...

    def environment(self) -> dict[str, str]:
        """Return the variables of its process."""
        ...


@dataclass(frozen=True)
class Boot:
    """What a boot depends on.

    Attributes:
        devices: those of `DEVICES` that the guest has.
        shell: a person at the console in the place of the tests.
        sim: simulator.
        seed: of the simulators, the disk and the file.
        waves: "all", or "" for none.
        restart: the device whose simulator is replaced by another one while the guest uses it.
        record: file to record a device's session in, or None; see `recorded`.
        parameters: further ones of `tb_devices`.
        tools: programs of e2fsprogs by name.
        command: that repeats it with waves.
    """

    devices: tuple[str, ...] = DEVICES
    shell: bool = False
    sim: str = "verilator"
    seed: int = 1
    waves: str = ""
    restart: str = ""
    record: Optional[Path] = None
    parameters: Mapping[str, int] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    command: str = ""

    def recorded(self, device: str) -> Optional[Path]:
        """Return the file of a device's session: of several, each has its name in that of it."""
        if self.record is None or len(self.devices) == 1:
            return self.record
        return self.record.with_name(f"{self.record.stem}-{device}{self.record.suffix}")

    def words(self, port: int) -> list[str]:
        """Return what `init` reads of the kernel's command line."""
        return [
            *(f"hil.{init}={int(own in self.devices)}" for own, init in INIT_NAMES.items()),
            *(f"hil.port={port}", f"hil.path={PAGE_NAME}", f"hil.pings={PINGS}"),
            *(f"hil.read={READ_KIB}", f"hil.shell={int(self.shell)}"),
            f"hil.quiet={QUIET_S[self.sim]}",
            *(["loglevel=1"] if self.shell else []),
        ]


INIT_NAMES = {"blk": "block", "net": "net"}


@dataclass
class Outcome:
    """How a boot went.

    Attributes:
        console: what the guest said.
        reports: of each device, what its server counted.
        seconds: from its start to its end.
        failure: why it is none, or nothing.
        log: of the console.
    """

    console: Console
    log: Path
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    waves: dict[str, Path] = field(default_factory=dict)
    seconds: float = 0.0
    failure: str = ""

    @property
    def read_rate(self) -> Optional[float]:
        """Of the disk read from its begin on, KiB/s of wall time."""
        seconds = self.console.seconds("read")
        return int(self.console.about("read")) / seconds if seconds else None

    @property
    def fetch_rate(self) -> Optional[float]:
        """Of the file fetched over TCP, KiB/s of wall time."""
        seconds = self.console.seconds("fetch")
        return FETCHED_BYTES / 1024 / seconds if seconds else None

    @property
    def ping_ms(self) -> Optional[tuple[float, float, float]]:
        """The ping's round trip: least, mean, most; ms of wall time."""
        found = re.search(r"= ([\d.]+)/([\d.]+)/([\d.]+) ms", self.console.results.get("ping", ""))
        return (float(found[1]), float(found[2]), float(found[3])) if found else None


Tell = Callable[[str], None]


def boot(guest: Guest, plan: Boot, folder: Path, tell: Tell) -> Outcome:
    """Boot a guest to its end.

    Whatever happens, no process and no file outside `folder` is left.

    Args:
        guest: which.
        plan: with what.
        folder: for the console's log, and the disk of a boot that failed.
        tell: takes lines of progress.

    Raises:
        BuildError: the design cannot be built.
        GuestError: the guest cannot be started.
        ImageError: its files cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="hil-") as name:
        run = _Run(guest, plan, Path(name), folder, tell)
        try:
            run.run()
        except ServeError as error:
            lead = run.outcome.failure
            run.outcome.failure = f"{lead}\n{error}" if lead else str(error)
        if not run.outcome.failure:
            run.check_disk()
        if run.outcome.failure and run.disk.exists():
            shutil.copy(run.disk, folder / "disk.img")
    return run.outcome


class _Run:
    """One boot."""

    def __init__(self, guest: Guest, plan: Boot, work: Path, folder: Path, tell: Tell) -> None:
        self.guest, self.plan, self.work, self.tell = guest, plan, work, tell
        self.disk = work / "disk.img"
        self.page = random.Random(plan.seed).randbytes(FETCHED_BYTES)
        self.outcome = Outcome(Console(), folder / "console.log")
        self.servers: dict[str, Server] = {}
        self.stacks: dict[str, contextlib.ExitStack] = {}  # each ends its device's server

    def run(self) -> None:
        """Start the simulators, then the guest, and wait for its end."""
        initrd = self.work / "initrd"
        names = self.guest.modules
        initrd.write_bytes(initramfs(self.guest.busybox, self.guest.module_folder, names))
        if "blk" in self.plan.devices:
            files = self.work / "files"
            files.mkdir()
            mke2fs = Path(self.plan.tools["mke2fs"])
            make_disk(mke2fs, self.disk, files, mib=DISK_MIB, seed=self.plan.seed)
        with contextlib.ExitStack() as stack:
            port = stack.enter_context(website({PAGE_NAME: self.page}))
            for name in self.plan.devices:
                self.stacks[name] = stack.enter_context(contextlib.ExitStack())
                self.servers[name] = self.stacks[name].enter_context(self.serve(name))
            sockets = {name: self.socket(name) for name in self.servers}
            command = self.guest.command(self.work, initrd, sockets, self.plan.words(port))
            self.start(command)
        self.read_reports()

    def restart(self, device: str) -> None:
        """End a device's simulator and start another one at the same socket."""
        self.tell(f"{device:<9}its simulator is started anew")
        self.stacks[device].close()
        self.servers[device] = self.stacks[device].enter_context(self.serve(device))

    def socket(self, device: str) -> Path:
        return self.work / f"{device}.socket"

    def report(self, device: str) -> Path:
        return self.work / f"{device}.report"

    @contextlib.contextmanager
    def serve(self, device: str) -> Iterator[Server]:
        """Have a simulator that serves a device."""
        plan = self.plan
        with listen(self.socket(device)) as listener:
            options = ServerOptions(
                device=device,
                listener=listener.fileno(),
                sessions=1,
                image=str(self.disk) if device == "blk" else "",
                hidden=self.guest.hidden,
                report=str(self.report(device)),
                wire="slirp" if device == "net" else "",
                record=str(plan.recorded(device) or ""),
            )
            name = f"{self.outcome.log.parent.name}-{device}"
            start = partial(serving, options, parameters=plan.parameters, sim=plan.sim, name=name)
            try:
                with start(seed=plan.seed, waves=plan.waves) as server:
                    if server.waves is not None:
                        self.outcome.waves[device] = server.waves
                        note = {"log": str(server.log), "waves": str(server.waves)}
                        note["command"] = plan.command
                        LAST.write_text(json.dumps(note, indent=1) + "\n")
                    yield server
            except (RunFailed, ServeError) as error:
                text = str(error).partition("\n  repeat with waves:")[0]  # it needs its guest
                raise ServeError(f"{device}: {text}") from None

    def start(self, command: Sequence[str]) -> None:
        """Start the guest and stay until it is over."""
        begin = time.monotonic()
        person = self.plan.shell
        try:
            process = subprocess.Popen(
                command,
                env=self.guest.environment(),
                stdin=None if person else subprocess.DEVNULL,
                stdout=None if person else subprocess.PIPE,
                stderr=None if person else subprocess.STDOUT,
                start_new_session=True,  # all its processes are ended together
            )
        except OSError as error:
            raise GuestError(f"{command[0]} does not start: {error.strerror}") from None
        reader = None
        if process.stdout is not None:
            reader = threading.Thread(target=self.listen, args=(process.stdout,))
            reader.start()
        try:
            self.watch(process, begin)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if reader is not None:
                reader.join()
            self.outcome.seconds = time.monotonic() - begin
        if not person:
            self.judge(process.returncode)

    def listen(self, stream: Any) -> None:
        """Read the console to its end."""
        console = self.outcome.console
        with self.outcome.log.open("wb") as log:
            for raw in stream:
                now = time.monotonic()
                log.write(raw)
                log.flush()
                found = console.feed(raw.decode(errors="replace").rstrip(), now)
                if found is not None:
                    self.tell(f"{found[0]:<9}{found[1]}")

    def watch(self, process: subprocess.Popen[bytes], begin: float) -> None:
        """Wait until the guest has ended; note a failure where it has to be ended."""
        limit = None if self.plan.shell else begin + LIMIT_S[self.plan.sim]
        why = (
            "" if self.plan.shell else f"the guest had not ended after {LIMIT_S[self.plan.sim]:g} s"
        )
        restart = self.plan.restart
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
                return
            if restart and self.outcome.console.began(RESTART_AT) is not None:
                self.restart(restart)
                restart = ""
            now = time.monotonic()
            if limit is not None and now >= limit:
                self.outcome.failure = self.outcome.failure or why
                return
            gone = [name for name, one in self.servers.items() if one.process.poll() is not None]
            over = gone or self.outcome.console.done
            if over and (limit is None or limit > now + GRACE_S):
                limit = now + GRACE_S
                why = "the guest did not power off"
                if gone and not self.outcome.console.done:
                    why = f"the simulator of {gone[0]} ended before the guest"

    def judge(self, code: int) -> None:
        """Note what is wrong with what the guest said."""
        console, outcome = self.outcome.console, self.outcome
        if console.failure:
            outcome.failure = f"the guest says: {console.failure}"
        elif not console.done and not outcome.failure:
            outcome.failure = f"the guest ended with code {code} before it was done"

    def read_reports(self) -> None:
        """Take what the servers counted."""
        for name in self.plan.devices:
            path = self.report(name)
            lines = path.read_text().splitlines() if path.exists() else []
            if lines:
                self.outcome.reports[name] = joined([json.loads(line) for line in lines])
            elif not self.outcome.failure:
                self.outcome.failure = f"the guest has not used its device {name}"

    def check_disk(self) -> None:
        """Look at the disk from outside: it is in order, and holds what the guest fetched."""
        if "blk" not in self.plan.devices:
            return
        tools = self.plan.tools
        check = [tools["e2fsck"], "-fn", str(self.disk)]
        found = subprocess.run(check, capture_output=True, text=True, check=False)
        if found.returncode:
            said = (found.stdout + found.stderr).strip().splitlines()
            self.outcome.failure = f"the disk {LABEL} is not in order: {' '.join(said[-3:])}"
        elif "net" in self.plan.devices and not self.plan.shell:
            copy = self.work / "fetched"
            dump = [tools["debugfs"], "-R", f"dump /fetched {copy}", str(self.disk)]
            subprocess.run(dump, capture_output=True, check=False)
            if not copy.exists() or copy.read_bytes() != self.page:
                self.outcome.failure = "the file fetched is not on the disk as it was served"


def joined(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what several sessions of a device counted together; all else is the last one's."""
    found = dict(reports[-1])
    for key, value in found.items():
        parts = [report[key] for report in reports if key in report]
        if isinstance(value, Mapping):
            found[key] = joined(parts)
        elif isinstance(value, (int, float)) and key not in ("features", "client"):
            found[key] = sum(parts)
    return found


def failure_text(outcome: Outcome, plan: Boot) -> str:
    """Return what the user reads about a boot that failed."""
    lines = ["FAILED", *(f"  {line}" for line in outcome.failure.splitlines())]
    if outcome.console.lines:
        lines.append(f"  end of {shown(outcome.log)}:")
        lines += [f"    {line}" for line in outcome.console.lines[-TAIL:]]
    disk = outcome.log.with_name("disk.img")
    lines += [f"  the disk as it was left: {shown(disk)}"] if disk.exists() else []
    lines += recordings(plan)
    lines += [f"  waves of {name}: {shown(path)}" for name, path in outcome.waves.items()]
    return "\n".join([*lines, "  repeat with waves:", f"    {plan.command}"])


def recordings(plan: Boot) -> list[str]:
    """Return lines that say how to replay what was recorded."""
    if plan.record is None:
        return []
    paths = {name: shown(path) for name in plan.devices if (path := plan.recorded(name))}
    return [f"  replay {name}: make sim TRACE={path}" for name, path in paths.items()]
