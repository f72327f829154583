# SPDX-License-Identifier: Apache-2.0
"""Which clauses of the specification the passing tests show.

A test says so by `@pytest.mark.clause("SPLIT-DEV-15", ...)`, with ids of `tests/spec/*.csv`. The
summary at the end counts the device's clauses of the chapters that the engine implements.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

import pytest

SPEC = Path(__file__).parent / "spec"
FILES = ("clauses.csv", "clauses_implied.csv")
COUNTED = ("SPLIT-DEV", "STAT-DEV", "RST-DEV", "FEAT-DEV")
PROPERTY = "clauses"  # of a report; travels from the workers of pytest-xdist
DUTY = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT")  # MAY asks for nothing


@functools.cache
def clauses() -> dict[str, str]:
    """Return the level of every clause, by its id."""
    levels = {}
    for name in FILES:
        with (SPEC / name).open(newline="", encoding="utf-8") as file:
            levels |= {row["id"]: row["level"] for row in csv.DictReader(file)}
    return levels


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        ids = [str(clause) for mark in item.iter_markers("clause") for clause in mark.args]
        unknown = sorted(set(ids) - set(clauses()))
        if unknown:
            raise pytest.UsageError(f"{item.nodeid}: no clause {', '.join(unknown)} in tests/spec/")
        if ids:
            item.user_properties.append((PROPERTY, " ".join(sorted(set(ids)))))


def shown_by_passing_tests(reporter: pytest.TerminalReporter) -> set[str]:
    shown: set[str] = set()
    for report in reporter.stats.get("passed", []):
        if report.when == "call":
            for name, value in report.user_properties:
                if name == PROPERTY:
                    shown |= set(value.split())
    return shown


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    shown = shown_by_passing_tests(terminalreporter)
    if not shown:
        return
    terminalreporter.section("device clauses shown by passing tests")
    everything, missing = 0, []
    for chapter in COUNTED:
        wanted = [clause for clause in clauses() if clause.startswith(f"{chapter}-")]
        covered = [clause for clause in wanted if clause in shown]
        everything += len(covered)
        missing += [clause for clause in wanted if clause not in shown]
        terminalreporter.write_line(f"{chapter:10} {len(covered):3} of {len(wanted)}")
    terminalreporter.write_line(f"{'together':10} {everything:3} of {everything + len(missing)}")
    for clause in missing:
        kind = "" if clauses()[clause] in DUTY else " (asks for nothing)"
        terminalreporter.write_line(f"  not shown: {clause} {clauses()[clause]}{kind}")
