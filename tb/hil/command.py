# SPDX-License-Identifier: Apache-2.0
"""What the commands that attach real drivers have in common: options, progress, their end."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from tb.hil.boot import Outcome

USAGE_ERROR, INTERRUPTED = 2, 130
MOST_BOOTS = 10_000


def stop(text: str, code: int) -> NoReturn:
    """End with a message for a person."""
    print(text, file=sys.stderr)
    sys.exit(code)


def whole(name: str, text: str, low: int, high: int) -> int:
    """Return a whole number within limits."""
    if not (text.isdecimal() and low <= int(text) <= high):
        stop(f"{name}={text}: {name} is a whole number from {low} to {high}", USAGE_ERROR)
    return int(text)


def switch(name: str, text: str) -> bool:
    """Return the meaning of 0, 1 or nothing."""
    if text not in ("", "0", "1"):
        stop(f"{name}={text}: {name} is 0 or 1", USAGE_ERROR)
    return text == "1"


def recording(text: str, boots: int) -> Path:
    """Return the file that sessions are recorded in."""
    path = Path(text).resolve()
    if boots > 1:
        stop("RECORD and BOOTS: one boot is recorded", USAGE_ERROR)
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        stop(f"RECORD={text}: no file can be written there", USAGE_ERROR)
    return path


@contextlib.contextmanager
def terminal_kept() -> Iterator[None]:
    """Leave the terminal as it was: a guest makes it raw."""
    if not sys.stdin.isatty():
        yield
        return
    kept = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, kept)


def brief(outcome: Outcome) -> str:
    """Return a boot's result in a line."""
    parts = [f"{outcome.seconds:.1f} s"]
    if outcome.read_rate is not None:
        parts.append(f"read {outcome.read_rate:,.0f} KiB/s")
    if outcome.ping_ms is not None:
        parts.append(f"ping {outcome.ping_ms[1]:.2f} ms")
    return ", ".join(parts)


def show(text: str) -> None:
    """Print a line of a boot's progress."""
    print(f"  {text}", flush=True)


def interrupt(number: int, frame: Any) -> NoReturn:
    """End as after Ctrl-C."""
    raise KeyboardInterrupt
