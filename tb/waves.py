# SPDX-License-Identifier: Apache-2.0
"""`make waves`: open the last run's waves, or say where they are and how."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from ci.toolchain import ROOT
from tb.runner import LAST, shown

FOLDER = ROOT / "tb" / "waves"
SAVE_FILE = FOLDER / "engine.gtkw"
COMMAND_FILE = FOLDER / "engine.sucl"


def viewers(waves: Path) -> dict[str, list[str]]:
    """Return the command line of each viewer, in the order of preference."""
    surfer = ["surfer", str(waves)]
    gtkwave = ["gtkwave", str(waves)]
    if COMMAND_FILE.exists():
        surfer += ["--command-file", str(COMMAND_FILE)]
    if SAVE_FILE.exists():
        gtkwave += ["--save", str(SAVE_FILE)]
    return {"surfer": surfer, "gtkwave": gtkwave}


def main() -> None:
    """Open the waves with the first viewer that is there."""
    try:
        last = json.loads(LAST.read_text())
    except (OSError, ValueError):
        sys.exit("no run yet: 'make sim' makes one")
    waves = Path(last["waves"]) if last["waves"] else None
    if waves is None or not waves.exists():
        sys.exit(f"the last run wrote no waves; this one does:\n    {last['command']}")
    print(f"waves: {shown(waves)} ({waves.stat().st_size / 1e6:.1f} MB), log: {last['log']}")
    commands = viewers(waves)
    for name, command in commands.items():
        if shutil.which(name):
            # the save files name their translations by paths from the project's folder
            sys.exit(subprocess.run(command, cwd=ROOT, check=False).returncode)
    print("No viewer on PATH. With one of these it opens by:")
    for command in commands.values():
        print("    " + " ".join(command))
    print("GTKWave is the Debian package gtkwave; Surfer is at surfer-project.org.")


if __name__ == "__main__":
    main()
