# SPDX-License-Identifier: Apache-2.0
"""What the commands that attach real drivers have in common: options, progress, their end."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from tb.build import SIMULATORS
from tb.hil.boot import DEVICES, Boot, Outcome
from tb.sim import DATA_WIDTHS

USAGE_ERROR, INTERRUPTED = 2, 130
MOST_BOOTS = 10_000
GUEST_OPTIONS = ("sim", "seed", "data-w", "devices", "shell", "boots", "waves", "record")


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


def simulator(text: str) -> str:
    """Return the simulator that is meant."""
    if text and text not in SIMULATORS:
        stop(f"SIM={text}: SIM is {' or '.join(SIMULATORS)}", USAGE_ERROR)
    return text or SIMULATORS[0]


def guest_plan(given: argparse.Namespace) -> tuple[Boot, int]:
    """Return what the user asked for with GUEST_OPTIONS but the recording, and how many boots."""
    devices = tuple(given.devices.replace(",", " ").split()) or DEVICES
    if set(devices) - set(DEVICES) or len(set(devices)) < len(devices):
        allowed = f"{' or '.join(DEVICES)}, or {','.join(DEVICES)}"
        stop(f"DEVICES={given.devices}: DEVICES is {allowed}", USAGE_ERROR)
    usual, *others = map(str, DATA_WIDTHS)
    if given.data_w not in ("", usual, *others):
        stop(f"DATA_W={given.data_w}: DATA_W is {', '.join([usual, *others])}", USAGE_ERROR)
    plan = Boot(
        devices=devices,
        shell=switch("SHELL", given.shell),
        sim=simulator(given.sim),
        seed=whole("SEED", given.seed or "1", 0, 2**31 - 1),
        waves="all" if switch("WAVES", given.waves) else "",
        parameters={"DATA_W": int(given.data_w)} if given.data_w in others else {},
    )
    boots = whole("BOOTS", given.boots or "1", 1, MOST_BOOTS)
    if plan.shell and boots > 1:
        stop("SHELL=1 and BOOTS: one shell at a time", USAGE_ERROR)
    if plan.shell and not sys.stdin.isatty():
        stop("SHELL=1: the console needs a terminal", USAGE_ERROR)
    return plan, boots


def repeated(plan: Boot) -> list[str]:
    """Return the options that repeat a boot with waves."""
    words = ["WAVES=1", f"SEED={plan.seed}", f"SIM={plan.sim}"]
    words += [f"DEVICES={','.join(plan.devices)}"]
    words += [f"{name}={value}" for name, value in plan.parameters.items()]
    return words + (["SHELL=1"] if plan.shell else [])


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
