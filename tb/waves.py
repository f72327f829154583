# SPDX-License-Identifier: Apache-2.0
"""`make waves`: open the last run's waves, or say where they are and how.

The save files for GTKWave and Surfer are made from `tb/waves.toml`, the signals that the waves
hold, and the state names in the RTL, so they always fit the design.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pywellen

from ci.toolchain import BUILD, ROOT
from pymodel.faults import Fault
from tb.build import RTL
from tb.runner import LAST, SYSTEM_TOP, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

GROUPS = ROOT / "tb" / "waves.toml"
FOLDER = BUILD / "waves"
# GTKWave's trace flags: hexadecimal, decimal, binary, ASCII, each right-justified
FLAGS = {"hex": 0x22, "dec": 0x24, "bit": 0x28, "ascii": 0x820, "state": 0x2022, "fault": 0x2022}
GROUP_BEGIN, GROUP_END = 0x800200, 0x1000200
GENERATED = "gen_"  # begins the names of generate blocks, which stand in a path beside instances


@dataclass(frozen=True)
class Trace:
    """One signal to show: its name below the top, width in bits, and format."""

    name: str
    width: int
    format: str

    def full_name(self) -> str:
        """Return the name as GTKWave has it."""
        bits = f"[{self.width - 1}:0]" if self.width > 1 else ""
        return f"{SYSTEM_TOP}.{self.name}{bits}"


def signals(waves: Path) -> dict[str, int]:
    """Return the widths of the signals below the top, by name."""
    prefix = f"{SYSTEM_TOP}."
    found = {}
    for variable in pywellen.Waveform(str(waves)).all_vars():
        name = str(variable.full_name)
        if name.startswith(prefix) and variable.bitwidth:
            found[name[len(prefix) :]] = int(variable.bitwidth)
    return found


def choose(entry: Mapping[str, str], present: Mapping[str, int]) -> list[Trace]:
    """Return the signals that one entry of the description names."""
    pattern = re.compile(re.escape(entry["name"]).replace(r"\*", r"[^.]*"))
    return [
        Trace(name, width, entry.get("format", "hex") if width > 1 else "bit")
        for name, width in present.items()
        if pattern.fullmatch(name)
    ]


def groups(waves: Path, strict: bool = True) -> dict[str, list[Trace]]:
    """Return what to show; a name that the waves do not have raises LookupError if `strict`."""
    present = signals(waves)
    with GROUPS.open("rb") as file:
        description: dict[str, Any] = tomllib.load(file)
    shown_groups: dict[str, list[Trace]] = {}
    for group in description["groups"]:
        traces: list[Trace] = []
        for entry in group["signals"]:
            chosen = choose(entry, present)
            if not chosen and strict:
                raise LookupError(f"{GROUPS.name}: the waves hold no signal {entry['name']}")
            traces += chosen
        shown_groups[group["name"]] = traces
    return shown_groups


def state_names(module: Path) -> dict[int, str]:
    """Return the names of a module's ST_ parameters by value."""
    pattern = re.compile(r"localparam \[\d+:0\] ST_(\w+)\s*=\s*\d+'d(\d+);")
    return {int(value): name for name, value in pattern.findall(module.read_text())}


def instance_module(path: str) -> Path:
    """Return the file of the module whose signal this is (instance names lead there)."""
    module = next(RTL.glob("**/vq_test_device.v"))
    instances = [name for name in path.split(".")[1:-1] if not name.startswith(GENERATED)]
    for instance in instances:
        match = re.search(
            rf"\b(vq_\w+)\s*(?:#\s*\((?:[^;]*?)\)\s*)?{instance}\s*\(", module.read_text()
        )
        if match is None:
            raise LookupError(f"{module.name} holds no instance {instance}")
        module = next(RTL.glob(f"**/{match[1]}.v"))
    return module


def translation(trace: Trace) -> dict[int, str] | None:
    """Return the names of a signal's values, None if it has none."""
    if trace.format == "fault":
        return {0: "none"} | {fault.value: fault.name for fault in Fault}
    if trace.format == "state":
        return state_names(instance_module(trace.name))
    return None


def save_file(waves: Path, traces: Mapping[str, list[Trace]], folder: Path) -> str:
    """Return GTKWave's save file; write the translation files that it names into `folder`."""
    lines = ["[*]", f'[dumpfile] "{waves}"', "[timestart] 0"]
    for name, group in traces.items():
        lines += [f"@{GROUP_BEGIN:x}", f"-{name}"]
        for trace in group:
            lines.append(f"@{FLAGS[trace.format]:x}")
            names = translation(trace)
            if names is not None:
                file = folder / f"{trace.name}.txt"
                digits = (trace.width + 3) // 4
                file.write_text("".join(f"{v:0{digits}X} {text}\n" for v, text in names.items()))
                lines.append(f"^1 {file}")
            lines.append(trace.full_name())
        lines += [f"@{GROUP_END:x}", f"-{name}"]
    return "\n".join(lines) + "\n"


def surfer_commands(traces: Mapping[str, list[Trace]]) -> Iterator[str]:
    """Yield Surfer's commands."""
    for name, group in traces.items():
        yield f"divider_add {name}"
        for trace in group:
            yield f"variable_add {SYSTEM_TOP}.{trace.name}"
    yield "zoom_fit"


def viewers(waves: Path) -> dict[str, list[str]]:
    """Write the save files; return the command line of each viewer, the preferred one first."""
    traces = {name: group for name, group in groups(waves, strict=False).items() if group}
    if not traces:  # the waves of one module's bench: no groups are described for it
        return {"surfer": ["surfer", str(waves)], "gtkwave": ["gtkwave", str(waves)]}
    FOLDER.mkdir(parents=True, exist_ok=True)
    save, commands = FOLDER / "engine.gtkw", FOLDER / "engine.sucl"
    save.write_text(save_file(waves, traces, FOLDER))
    commands.write_text("\n".join(surfer_commands(traces)) + "\n")
    return {
        "surfer": ["surfer", "--command-file", str(commands), str(waves)],
        "gtkwave": ["gtkwave", str(waves), str(save)],
    }


def main() -> None:
    """Open the waves with the first viewer that is there."""
    try:
        last = json.loads(LAST.read_text())
    except (OSError, ValueError):
        sys.exit("no run with waves yet: 'make sim' makes one")
    waves = Path(last["waves"])
    if not waves.exists():
        sys.exit(f"the waves are gone; this makes them again:\n    {last['command']}")
    size = waves.stat().st_size / 1e6
    print(f"waves: {shown(waves)} ({size:.1f} MB), log: {shown(Path(last['log']))}")
    commands = viewers(waves)
    display = any(name in os.environ for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    for name, command in commands.items():
        if display and shutil.which(name):
            sys.exit(subprocess.run(command, check=False).returncode)
    missing = "No viewer on PATH." if display else "There is no display."
    print(f"{missing} One of these opens them:")
    for command in commands.values():
        print("    " + " ".join(command))
    print("GTKWave is the Debian package gtkwave; Surfer is at surfer-project.org.")


if __name__ == "__main__":
    main()
