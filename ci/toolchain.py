# SPDX-License-Identifier: Apache-2.0
"""Where the tools are, as `ci/setup.py` found them."""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


@dataclass(frozen=True)
class Toolchain:
    """Paths of the tools, and what tells one set of versions from another."""

    iverilog: str
    vvp: str
    iverilog_vpi: str
    libpython: str
    verilator: str
    verilator_include: Path  # holds verilated.h
    include: str  # extra header folder for g++, or empty
    library: str  # extra library folders for g++, or empty
    versions: str  # one line for people; changes when any tool does

    def env(self) -> dict[str, str]:
        """Return the environment in which a compiler finds what was unpacked."""
        env = dict(os.environ)
        for name, value in (("CPATH", self.include), ("LIBRARY_PATH", self.library)):
            if value:
                env[name] = os.pathsep.join(filter(None, (value, env.get(name, ""))))
        return env


@functools.cache
def toolchain() -> Toolchain:
    """Return the tools; stop with what to do when the set-up has not run."""
    try:
        found = json.loads((BUILD / "toolchain.json").read_text())
        return Toolchain(
            iverilog=found["iverilog"],
            vvp=found["vvp"],
            iverilog_vpi=found["iverilog-vpi"],
            libpython=found["libpython"],
            verilator=found["verilator"],
            verilator_include=Path(found["verilator_include"]),
            include=found.get("include", ""),
            library=found.get("library", ""),
            versions=found["versions"],
        )
    except (OSError, ValueError, KeyError):
        raise SystemExit("the tools are not set up: run 'make setup' first") from None


def group(name: str) -> dict[str, str]:
    """Return the paths of a group of Debian packages, by the names of `ci/debian.py`.

    Stops with what to do when the group is not there.
    """
    try:
        found: dict[str, str] = json.loads((BUILD / "tools" / f"{name}.json").read_text())["files"]
        return found
    except (OSError, ValueError, KeyError):
        raise SystemExit(
            f"the packages of group {name} are not set up: run 'python3 ci/setup.py {name}' first"
        ) from None
