# SPDX-License-Identifier: Apache-2.0
"""What a part of `make sim` tells the user while it runs, and what it leaves behind.

The simulator's output goes to the log, where cocotb writes too. Lines that begin with a mark are
for the user: `tb.sim` shows them without it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

SAY = "sim| "
PROGRESS = "sim% "
TALLY = "tally.json"


def say(text: str = "") -> None:
    """Show lines to the user."""
    for line in text.split("\n"):
        print(f"{SAY}{line}".rstrip())


def progress(done: int, total: int, what: str) -> None:
    """Show how far this part has come: `done` of `total`, and more in words."""
    print(f"{PROGRESS}{done} {total} {what}")


@contextlib.contextmanager
def tallied(tally: Any) -> Iterator[None]:
    """Leave the tally of a comparison in the run's folder, however the block ends."""
    try:
        yield
    finally:
        folder = os.environ.get("TB_RUN_DIR")
        if folder:
            (Path(folder) / TALLY).write_text(json.dumps(asdict(tally), indent=1) + "\n")
