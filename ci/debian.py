# SPDX-License-Identifier: Apache-2.0
"""Debian packages: installed where that is allowed, else unpacked under `build/tools/root`.

Standard library only, as `ci/setup.py`, which this belongs to. What one command alone needs is a
`Group`; what was found of it is noted in `build/tools/<group>.json`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
TOOLS = BUILD / "tools"
UNPACKED = TOOLS / "root"
APT_INSTALL = ("apt-get", "install", "-y", "--no-install-recommends", "--no-remove")


def say(text: str) -> None:
    """Print one line of progress at once."""
    print(f"setup: {text}", flush=True)


def failure(text: str) -> SystemExit:
    """Return what to raise to stop with a message for a person."""
    return SystemExit(f"setup: {text}")


def run(*command: str, log: Path, cwd: Path | None = None) -> bool:
    """Run a command, its output into `log`; True when it succeeded."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as out:
        out.write(f"$ {' '.join(command)}\n")
        out.flush()
        try:
            code = subprocess.run(command, stdout=out, stderr=out, cwd=cwd, check=False).returncode
        except OSError as error:
            out.write(f"{error}\n")
            return False
    return code == 0


def output(*command: str) -> str:
    """Return what a command prints, nothing if it does not run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def relative(path: Path) -> str:
    """Return a path as the reader sees it from the project's folder."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


class Debian:
    """Debian packages: installed when allowed, else unpacked under `build/tools/root`."""

    def __init__(self) -> None:
        self.log = BUILD / "setup-apt.log"
        self.updated = False

    def prefix(self) -> list[str] | None:
        """Return what to put before apt-get to install (nothing, sudo), or None."""
        if not shutil.which("apt-get"):
            return None
        if os.geteuid() == 0:
            return ["env", "DEBIAN_FRONTEND=noninteractive"]
        if shutil.which("sudo") and run("sudo", "-n", "true", log=self.log):
            return ["sudo", "-n", "DEBIAN_FRONTEND=noninteractive"]
        return None

    def install(self, *names: str) -> bool:
        """Install packages system-wide; False when that is not allowed or fails."""
        prefix = self.prefix()
        if prefix is None:
            return False
        say(f"installing the Debian packages {' '.join(names)}")
        command = [*prefix, *APT_INSTALL, *names]
        if run(*command, log=self.log):
            return True
        if not self.updated:
            self.updated = True
            run(*prefix, "apt-get", "update", log=self.log)
            return run(*command, log=self.log)
        return False

    def unpack(self, *names: str) -> bool:
        """Download packages and unpack them under `build/tools/root` (needs no rights)."""
        if not (shutil.which("apt-get") and shutil.which("dpkg")):
            return False
        say(f"unpacking the Debian packages {' '.join(names)} under {relative(UNPACKED)}")
        folder = TOOLS / "packages"
        folder.mkdir(parents=True, exist_ok=True)
        UNPACKED.mkdir(parents=True, exist_ok=True)
        for name in names:
            if not run("apt-get", "download", name, log=self.log, cwd=folder):
                return False
            for package in folder.glob(f"{name}_*.deb"):
                if not run("dpkg", "-x", str(package), str(UNPACKED), log=self.log):
                    return False
        return True

    def unpack_all(self, *names: str) -> bool:
        """Unpack packages and all that they need and the system has not."""
        plan = output("apt-get", "-s", "install", "--no-install-recommends", *names)
        needed = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
        return self.unpack(*(needed or names))

    def real(self, name: str) -> str:
        """Return the package that a kernel's metapackage stands for, else the name itself."""
        if not name.startswith("linux-image-"):
            return name
        found = re.findall(r"Depends: (linux-image-\S+)", output("apt-cache", "depends", name))
        return found[0] if found else name

    def versions(self, *names: str) -> str:
        """Return packages with the version that is installed, or was unpacked."""
        texts = []
        for name in names:
            form = "${db:Status-Status} ${Version}"
            status, _, version = output("dpkg-query", "-W", "-f", form, name).partition(" ")
            if status != "installed":
                files = sorted((TOOLS / "packages").glob(f"{self.real(name)}_*.deb"))
                version = files[-1].name.split("_")[1].replace("%3a", ":") if files else ""
                version += " (unpacked)" if version else ""
            texts.append(f"{name} {version}".strip())
        return ", ".join(texts)


@dataclass(frozen=True)
class Group:
    """What one command needs of Debian.

    Attributes:
        packages: for this machine: installed, else unpacked with what they need.
        aside: for guests: always unpacked, never installed.
        files: name of each file or folder that is needed of `packages`, and patterns of its path
            below the root.
        guest: the same of `aside`.
    """

    packages: tuple[str, ...] = ()
    aside: tuple[str, ...] = ()
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    guest: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


GROUPS = {
    "linux": Group(
        packages=("user-mode-linux", "libslirp0", "e2fsprogs"),
        aside=("busybox-static",),
        files={
            "linux": ("usr/bin/linux.uml", "usr/bin/linux"),
            "modules": ("usr/lib/uml/modules/*",),
            "libslirp": ("usr/lib/*/libslirp.so.0",),
            "mke2fs": ("usr/sbin/mke2fs", "sbin/mke2fs"),
            "e2fsck": ("usr/sbin/e2fsck", "sbin/e2fsck"),
            "debugfs": ("usr/sbin/debugfs", "sbin/debugfs"),
        },
        guest={"busybox": ("bin/busybox", "usr/bin/busybox")},
    ),
    "qemu": Group(
        packages=("qemu-system-x86",),
        aside=("linux-image-cloud-amd64",),
        files={"qemu": ("usr/bin/qemu-system-x86_64",)},
        guest={
            "kernel": ("boot/vmlinuz-*-cloud-amd64",),
            "modules": ("lib/modules/*-cloud-amd64",),
        },
    ),
    "dpdk": Group(
        packages=("dpdk-dev",),
        files={
            "testpmd": ("usr/bin/dpdk-testpmd",),
            "drivers": ("usr/lib/*/dpdk/pmds-*",),
        },
    ),
}


def add_group(name: str) -> None:
    """Install or unpack what a group needs, unless that is done; note where it is."""
    group, note = GROUPS[name], TOOLS / f"{name}.json"
    key = hashlib.sha256(repr(group).encode()).hexdigest()[:16]
    if noted(note, key):
        return
    debian, aside = Debian(), UNPACKED.resolve()
    names = [*group.packages, *group.aside]
    if group.packages and missing(group.files, Path("/")):
        debian.install(*group.packages)
    if group.packages and missing(group.files):
        debian.unpack_all(*group.packages)
    if missing(group.guest, aside):
        debian.unpack(*map(debian.real, group.aside))
    lacking = missing(group.files) + missing(group.guest, aside)
    if lacking:
        raise failure(
            f"of group {name} there is no {', '.join(lacking)}. Install the packages with\n"
            f"    sudo apt-get update && sudo apt-get install {' '.join(names)}\n"
            f"and run again. Details: {relative(debian.log)}"
        )
    found = {file: locate(patterns) for file, patterns in group.files.items()}
    found |= {file: locate(patterns, aside) for file, patterns in group.guest.items()}
    files = {file: program(path) for file, path in found.items() if path}
    TOOLS.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"key": key, "files": files}, indent=2) + "\n")
    say(f"{name}: {debian.versions(*names)}")


def noted(note: Path, key: str) -> bool:
    """Return whether an earlier run found all of a group, and it is still there."""
    try:
        found = json.loads(note.read_text())
        return bool(found["key"] == key) and all(Path(p).exists() for p in found["files"].values())
    except (OSError, ValueError, KeyError):
        return False


def locate(patterns: tuple[str, ...], *roots: Path) -> Optional[Path]:
    """Return the newest path that a pattern matches, in the system before what was unpacked."""
    for root in roots or (Path("/"), UNPACKED.resolve()):
        for pattern in patterns:
            matches = sorted(root.glob(pattern), key=lambda path: path.stat().st_mtime)
            if matches:
                return matches[-1].absolute()
    return None


def missing(files: Mapping[str, tuple[str, ...]], *roots: Path) -> list[str]:
    """Return the names of files that are not there."""
    return [name for name, patterns in files.items() if locate(patterns, *roots) is None]


def program(path: Path) -> str:
    """Return how to start a program: one that was unpacked needs to find its libraries."""
    root = UNPACKED.resolve()
    if not path.is_relative_to(root) or path.parent.name not in ("bin", "sbin"):
        return str(path)
    with path.open("rb") as file:
        if b"ld-linux" not in file.read(4096):  # static
            return str(path)
    folders = [*root.glob("usr/lib/*-linux-*"), *root.glob("lib/*-linux-*")]
    folders += root.glob("usr/lib/*/dpdk/pmds-*")
    wrapper = TOOLS.resolve() / "bin" / path.name
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    search = os.pathsep.join(map(str, folders))
    wrapper.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={search}:$LD_LIBRARY_PATH exec {path} "$@"\n')
    wrapper.chmod(0o755)
    return str(wrapper)
