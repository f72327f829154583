# SPDX-License-Identifier: Apache-2.0
"""`make qemu`: Linux in QEMU, its disk and network the simulated Verilog, over vhost-user."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ci.toolchain import BUILD, group
from tb.build import BuildError
from tb.hil.boot import Boot, GuestError, boot, failure_text, recordings
from tb.hil.command import (
    GUEST_OPTIONS,
    INTERRUPTED,
    USAGE_ERROR,
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

FOLDER = BUILD / "hil" / "qemu"
MEMORY_MIB = 256
RESTART = "-restart"  # ends the name of a case in which the disk's simulator is started anew


@dataclass(frozen=True)
class Case:
    """One kind of boot.

    Attributes:
        name: what a user calls it.
        packed: the drivers get packed rings, else split ones.
        restart: the disk's simulator ends while the guest reads, and another one takes its place.
    """

    name: str
    packed: bool
    restart: bool


CASES = {
    name: Case(name, name.startswith("packed"), name.endswith(RESTART))
    for name in ("split", "packed", f"split{RESTART}", f"packed{RESTART}")
}


class Qemu:
    """See `tb.hil.boot.Guest`.

    Args:
        files: of the set-up's groups qemu and linux.
        case: how it is set up.
    """

    title = "QEMU (TCG)"
    modules: tuple[str, ...] = ("virtio_pci", "virtio_blk", "virtio_net", "crc32c_generic", "ext4")
    hidden = 0

    def __init__(self, files: Mapping[str, str], case: Case) -> None:
        self._program, self._kernel = files["qemu"], files["kernel"]
        self.busybox, self.module_folder = Path(files["busybox"]), Path(files["modules"])
        self.case = case

    def command(
        self, work: Path, initrd: Path, sockets: Mapping[str, Path], words: Sequence[str]
    ) -> list[str]:
        """See `Guest`."""
        line = " ".join(["console=ttyS0", "quiet", "panic=-1", *words])
        command = [self._program, "-machine", "q35,accel=tcg", "-m", str(MEMORY_MIB), "-smp", "1"]
        command += ["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]
        command += ["-serial", "mon:stdio"]
        # memory that another process maps too
        command += ["-object", f"memory-backend-memfd,id=memory,size={MEMORY_MIB}M,share=on"]
        command += ["-numa", "node,memdev=memory"]
        command += ["-kernel", self._kernel, "-initrd", str(initrd), "-append", line]
        for name, path in sockets.items():
            again = ",reconnect=1" if self.case.restart and name == "blk" else ""
            command += ["-chardev", f"socket,id={name},path={path}{again}", *self._device(name)]
        return command

    def _device(self, name: str) -> list[str]:
        """Return the options of a device."""
        common = f"disable-legacy=on,packed={'on' if self.case.packed else 'off'}"
        if name == "blk":  # in the boot order, so that the BIOS drives it too
            return ["-device", f"vhost-user-blk-pci,chardev=blk,bootindex=1,{common}"]
        # QEMU 7.2: with vectors its vhost-user network does not start under TCG
        device = f"virtio-net-pci,netdev=wire,vectors=0,romfile=,{common}"
        return ["-netdev", "vhost-user,id=wire,chardev=net", "-device", device]

    def environment(self) -> dict[str, str]:
        """See `Guest`."""
        return dict(os.environ)


def read_options(words: Sequence[str]) -> tuple[Boot, list[Case], int]:
    """Return what the user asked for: how, which cases, how often each."""
    parser = argparse.ArgumentParser(prog="make qemu", description=__doc__)
    for name in (*GUEST_OPTIONS, "cases"):
        parser.add_argument(f"--{name}", default="")
    given = parser.parse_args(words)
    plan, boots = guest_plan(given)
    usual = [name for name in CASES if "blk" in plan.devices or not CASES[name].restart]
    names = given.cases.replace(",", " ").split() or (["split"] if plan.shell else usual)
    for name in names:
        if name not in CASES:
            stop(f"CASES: there is no {name}, but {', '.join(CASES)}", USAGE_ERROR)
        if name not in usual:
            stop(f"CASES: {name} is about the disk, which DEVICES leaves out", USAGE_ERROR)
    if plan.shell and (len(names) > 1 or CASES[names[0]].restart):
        stop("SHELL=1: one shell at a time, CASES=split or CASES=packed", USAGE_ERROR)
    if given.record:
        if len(names) > 1 or CASES[names[0]].restart:
            stop("RECORD: one boot is recorded, CASES=split or CASES=packed", USAGE_ERROR)
        plan = replace(plan, record=recording(given.record, boots))
    return plan, [CASES[name] for name in names], boots


def plan_of(plan: Boot, case: Case) -> Boot:
    """Return what a case's boot depends on."""
    command = ["make", "qemu", f"CASES={case.name}", *repeated(plan)]
    restart = "blk" if case.restart else ""
    return replace(plan, command=shlex.join(command), restart=restart)


def run(plan: Boot, case: Case, files: Mapping[str, str], boots: int) -> int:
    """Boot a case so many times; return how many failed."""
    guest, plan, misses = Qemu(files, case), plan_of(plan, case), 0
    print(f"{case.name}:", flush=True)
    for number in range(1, boots + 1):
        tell = show if boots == 1 else (lambda text: None)
        outcome = boot(guest, plan, FOLDER / f"{case.name}-{number}", tell)
        misses += bool(outcome.failure)
        if outcome.failure:
            print(failure_text(outcome, plan), flush=True)
        if boots > 1:
            how = "FAILED" if outcome.failure else "well"
            print(f"  boot {number} of {boots}: {how}, {brief(outcome)}", flush=True)
        if number == boots and not outcome.failure:
            print("\n".join(["", *table(outcome), *recordings(plan)]))
            for name, path in outcome.waves.items():
                print(f"waves of {name}: {shown(path)} ('make waves' opens the last)")
            print(flush=True)
    return misses


def main() -> None:
    """Boot, show how it went, end with 0 if it went well."""
    plan, cases, boots = read_options(sys.argv[1:])
    files = group("linux") | group("qemu")  # of both, QEMU's kernel and modules
    plan = replace(plan, tools=files)
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    names = " and ".join({"blk": "a disk", "net": "a network"}[d] for d in plan.devices)
    print(f"{Qemu.title} with {names} on the simulated Verilog, {plan.sim}", flush=True)
    try:
        with terminal_kept():
            misses = sum(run(plan, case, files, boots) for case in cases)
    except (BuildError, GuestError, ImageError) as error:
        stop(str(error), 1)
    except KeyboardInterrupt:
        stop("interrupted", INTERRUPTED)
    total = len(cases) * boots
    print(f"{total} boot{'s' * (total > 1)}, {misses} failed")
    sys.exit(bool(misses))


if __name__ == "__main__":
    main()
