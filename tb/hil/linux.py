# SPDX-License-Identifier: Apache-2.0
"""`make linux`: user-mode Linux with its own virtio drivers on the simulated Verilog."""

from __future__ import annotations

import argparse
import contextlib
import mmap
import os
import shlex
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ci.toolchain import BUILD, group
from pymodel import Feature
from tb.build import BuildError
from tb.hil.boot import Boot, GuestError, boot, failure_text, recordings
from tb.hil.command import (
    GUEST_OPTIONS,
    INTERRUPTED,
    brief,
    guest_plan,
    interrupt,
    recording,
    repeated,
    show,
    stop,
    terminal_kept,
)
from tb.hil.guest.image import ImageError
from tb.hil.results import table
from tb.runner import shown

FOLDER = BUILD / "hil" / "linux"
# a kernel allows threads in proportion to its memory; at its start this one makes hundreds at once
MEMORY_MIB = 256
VIRTIO_IDS = {"blk": 2, "net": 1}


class UserModeLinux:
    """See `tb.hil.boot.Guest`."""

    title = "user-mode Linux"
    modules: tuple[str, ...] = ("virtio_blk", "virtio_net")
    hidden = int(Feature.RING_PACKED)  # this client cannot tell where a packed ring begins

    def __init__(self, files: Mapping[str, str]) -> None:
        self._program = files["linux"]
        self.busybox, self.module_folder = Path(files["busybox"]), Path(files["modules"])
        self._memory = memory_folder(MEMORY_MIB << 20)

    def command(
        self, work: Path, initrd: Path, sockets: Mapping[str, Path], words: Sequence[str]
    ) -> list[str]:
        """See `Guest`."""
        devices = [
            f"virtio_uml.device={path}:{VIRTIO_IDS[name]}:{VIRTIO_IDS[name]}"
            for name, path in sockets.items()
        ]
        console = ["con=null", "con0=fd:0,fd:1", "ssl=null", "quiet", "panic=-1", "noreboot"]
        memory = [f"mem={MEMORY_MIB}M", f"initrd={initrd}", f"uml_dir={work / 'uml'}"]
        return [self._program, *memory, *console, *devices, *words]

    def environment(self) -> dict[str, str]:
        """See `Guest`: its memory is a file in TMPDIR."""
        return {**os.environ, "TMPDIR": str(self._memory)}


def memory_folder(size: int) -> Path:
    """Return a folder for a guest's memory: with room for it, and not mounted noexec.

    Raises:
        GuestError: there is none.
    """
    tried = []
    for name in (os.environ.get("TMPDIR", ""), "/dev/shm", tempfile.gettempdir()):
        if not name or name in tried:
            continue
        tried.append(name)
        with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=name) as file:
            found = os.statvfs(name)
            os.truncate(file.fileno(), mmap.PAGESIZE)
            mmap.mmap(
                file.fileno(), mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_EXEC
            ).close()
            if found.f_bavail * found.f_frsize > size:
                return Path(name)
    raise GuestError(
        f"no folder for the guest's memory: none of {', '.join(tried)} has {size >> 20} MiB free "
        "and allows programs (noexec); name one in TMPDIR"
    )


def read_options(words: Sequence[str]) -> tuple[Boot, int]:
    """Return what the user asked for, and how many boots of it."""
    parser = argparse.ArgumentParser(prog="make linux", description=__doc__)
    for name in GUEST_OPTIONS:
        parser.add_argument(f"--{name}", default="")
    given = parser.parse_args(words)
    plan, boots = guest_plan(given)
    if given.record:
        plan = replace(plan, record=recording(given.record, boots))
    return replace(plan, command=shlex.join(["make", "linux", *repeated(plan)])), boots


def run(guest: UserModeLinux, plan: Boot, boots: int) -> int:
    """Boot so many times; return how many failed."""
    misses = 0
    for number in range(1, boots + 1):
        tell = show if boots == 1 else (lambda text: None)
        outcome = boot(guest, plan, FOLDER / str(number), tell)
        misses += bool(outcome.failure)
        if outcome.failure:
            print(failure_text(outcome, plan), flush=True)
        if boots > 1:
            how = "FAILED" if outcome.failure else "well"
            print(f"boot {number} of {boots}: {how}, {brief(outcome)}", flush=True)
        if number == boots and not outcome.failure:
            print("\n" + "\n".join(table(outcome)))
            print("\n".join(recordings(plan)), end="\n" if plan.record else "")
            for name, path in outcome.waves.items():
                print(f"waves of {name}: {shown(path)} ('make waves' opens the last)")
    if boots > 1:
        print(f"{boots} boots, {misses} failed")
    return misses


def main() -> None:
    """Boot, show how it went, end with 0 if it went well."""
    plan, boots = read_options(sys.argv[1:])
    files = group("linux")
    plan = replace(plan, tools=files)
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    try:
        with terminal_kept():
            guest = UserModeLinux(files)
            names = " and ".join({"blk": "a disk", "net": "a network"}[d] for d in plan.devices)
            print(f"{guest.title} with {names} on the simulated Verilog, {plan.sim}", flush=True)
            misses = run(guest, plan, boots)
    except (BuildError, GuestError, ImageError) as error:
        stop(str(error), 1)
    except KeyboardInterrupt:
        stop("interrupted", INTERRUPTED)
    sys.exit(bool(misses))


if __name__ == "__main__":
    main()
