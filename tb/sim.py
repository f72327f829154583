# SPDX-License-Identifier: Apache-2.0
"""`make sim`: run one test module on the whole device, with checked options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Optional

from tb.build import SIMULATORS, BuildError
from tb.runner import RunFailed, run_system, shown

DATA_WIDTHS = (64, 128, 256, 512)
MOST_QUEUES = 64
TESTS = {"random": "tb/regression.py"}  # what TEST= may name
USAGE_ERROR = 2


class OptionError(Exception):
    """An option has a value that it cannot have; the text says which it can."""


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    Attributes:
        sim: simulator.
        test: name of a test, or empty for the default.
        seed: of all randomness.
        queues: number of queues.
        data_w: data bus width, bits.
        waves: "" none, "window" what the bench selects, "all" everything.
        scenario: file of raw steps to run instead, or None.
    """

    sim: str
    test: str
    seed: int
    queues: int
    data_w: int
    waves: str
    scenario: Optional[Path]


def whole(name: str, text: str, low: int, high: int) -> int:
    """Return a whole number within limits."""
    try:
        value = int(text, 0)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise OptionError(f"{name}={text}: {name} is a whole number from {low} to {high}")
    return value


def one_of(name: str, text: str, choices: tuple[str, ...]) -> str:
    """Return one of some words."""
    if text not in choices:
        raise OptionError(f"{name}={text}: {name} is one of {', '.join(choices)}")
    return text


def parse(arguments: list[str]) -> Options:
    """Return the options of a command line; every one may be left out or empty."""
    parser = argparse.ArgumentParser(prog="tb.sim", description=__doc__)
    names = ("sim", "test", "seed", "queues", "data-w", "waves", "scenario")
    for name in names:
        parser.add_argument(f"--{name}", default="")
    given = vars(parser.parse_args(arguments))

    def take(name: str, default: str) -> str:
        return str(given[name]) or default

    widths = tuple(map(str, DATA_WIDTHS))
    waves: dict[str, str] = {"0": "", "1": "all", "window": "window"}
    scenario = Path(given["scenario"]) if given["scenario"] else None
    if scenario is not None and not scenario.is_file():
        raise OptionError(f"SCENARIO={scenario}: there is no such file")
    checks: dict[str, Callable[[], str]] = {
        "sim": lambda: one_of("SIM", take("sim", SIMULATORS[0]), SIMULATORS),
        "test": lambda: one_of("TEST", take("test", next(iter(TESTS))), tuple(TESTS)),
        "data_w": lambda: one_of("DATA_W", take("data_w", widths[0]), widths),
        "waves": lambda: one_of("WAVES", take("waves", "window"), tuple(waves)),
    }
    words = {name: check() for name, check in checks.items()}
    return Options(
        sim=words["sim"],
        test=words["test"],
        seed=whole("SEED", take("seed", "1"), 0, (1 << 31) - 1),
        queues=whole("QUEUES", take("queues", "4"), 1, MOST_QUEUES),
        data_w=int(words["data_w"]),
        waves=waves[words["waves"]],
        scenario=scenario,
    )


def stop(text: str, code: int) -> NoReturn:
    """End with a message for a person."""
    print(text, file=sys.stderr)
    sys.exit(code)


def main() -> None:
    """Run what was asked for."""
    try:
        options = parse(sys.argv[1:])
    except OptionError as error:
        stop(str(error), USAGE_ERROR)
    try:
        result = run_system(
            TESTS[options.test],
            {"QUEUES": options.queues, "DATA_W": options.data_w},
            sim=options.sim,
            seed=options.seed,
            waves=options.waves,
        )
    except (RunFailed, BuildError) as error:
        stop(str(error), 1)
    print(f"passed: {', '.join(test.name for test in result.tests)}")
    print(f"log: {shown(result.log)}")
    if result.waves:
        print(f"waves: {shown(result.waves)} ('make waves' opens them)")


if __name__ == "__main__":
    main()
