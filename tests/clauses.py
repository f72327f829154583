# SPDX-License-Identifier: Apache-2.0
"""Which clauses of the specification the tests show, as a page and as data.

A test says so by `@pytest.mark.clause("SPLIT-DEV-15", ...)`, with ids of `tests/spec/*.csv`. A
clause is `pass` when a test that cites it passed and none failed, `not-applicable` only with a
reason from `not_applicable.csv`, and a `gap` otherwise.
"""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conformance import report

ROOT = Path(__file__).parents[1]
SPEC = Path(__file__).parent / "spec"
FILES = ("clauses.csv", "clauses_implied.csv")
PAGE = ROOT / "docs" / "conformance.md"
DATA = ROOT / "build" / "conformance.json"
COMMAND = "make conformance"
# Chapters whose device clauses are all listed
CHAPTERS = {
    "STAT": "Device status",
    "FEAT": "Feature bits",
    "RST": "Device reset",
    "CFG": "Configuration space",
    "QRST": "Queue reset",
    "SUSP": "Suspend",
    "RSVF": "Reserved feature bits",
    "SHM": "Shared memory",
    "VQ": "Virtqueues",
    "SPLIT": "Split virtqueues",
    "PACKED": "Packed virtqueues",
    "MMIO": "Virtio over MMIO",
    "NET": "Network device",
    "RNG": "Entropy device",
    "BLK": "Block device",
}
# Tests of the device alone: what they cite of a driver's duty is what the device does when it is
# broken, which does not show that a driver keeps it
WITHOUT_DRIVER = ("test_device.py", "test_faults.py", "test_hostile.py", "test_packed_device.py")
DUTY = ("MUST", "MUST NOT")
PASS, FAIL, GAP, NOT_APPLICABLE = "pass", "fail", "gap", "not-applicable"
PLACES = {"model": "model", "verilator": "Verilator", "icarus": "Icarus"}


@dataclass(frozen=True)
class Clause:
    """A normative statement; `level` DESC marks what the text says without a keyword."""

    id: str
    section: str
    role: str
    level: str
    text: str

    @property
    def chapter(self) -> str:
        """The prefix of its id."""
        return self.id.partition("-")[0]


class Citation(NamedTuple):
    """A test that cites a clause, and where it runs: the model, or a simulator."""

    clause: str
    test: str
    place: str


class Shown(NamedTuple):
    """What one test that cites a clause came to."""

    test: str
    place: str
    passed: bool


@dataclass
class Row:
    """A clause and what is known of it."""

    clause: Clause
    status: str
    reason: str = ""
    tests: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


@functools.cache
def clauses() -> dict[str, Clause]:
    """Return every clause by its id, in the lists' order."""
    found = {}
    for name in FILES:
        with (SPEC / name).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                found[row["id"]] = Clause(
                    row["id"], row["section"], row["role"], row["level"], row["paraphrase"]
                )
    return found


@functools.cache
def not_applicable() -> dict[str, str]:
    """Return the reason of each clause that does not apply."""
    with (SPEC / "not_applicable.csv").open(newline="", encoding="utf-8") as file:
        return {row["id"]: row["reason"] for row in csv.DictReader(file)}


# ---- what tests say


def citations(item: pytest.Item) -> list[Citation]:
    """Return the clauses that a test cites; an id that is in no list is an error."""
    found = []
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    place = str(parameters.get("sim", "model"))
    itself = item.nodeid.partition("[")[0]
    for mark in item.iter_markers("clause"):
        unknown = [clause for clause in mark.args if clause not in clauses()]
        if unknown:
            raise pytest.UsageError(
                f"{item.nodeid}: no clause {', '.join(map(str, unknown))} in tests/spec/"
            )
        test = mark.kwargs.get("by") or itself
        shown = [
            clause
            for clause in mark.args
            if clauses()[clause].role == "device" or item.path.name not in WITHOUT_DRIVER
        ]
        found += [Citation(clause, test, place) for clause in shown]
    return sorted(set(found))


# ---- what they came to


def listed(clause: Clause, shown: Mapping[str, Sequence[Shown]]) -> bool:
    """Whether a clause belongs to the table: the device's all, a driver's where it is shown."""
    if clause.role == "device":
        return clause.chapter in CHAPTERS
    return clause.role == "driver" and clause.id in shown


def rows(shown: Mapping[str, Sequence[Shown]]) -> list[Row]:
    """Return what is known of each clause, from the tests that ran to their end."""
    found = []
    for clause in clauses().values():
        if not listed(clause, shown):
            continue
        by = shown.get(clause.id, ())
        row = Row(clause, GAP)
        row.tests = sorted({one.test for one in by})
        row.places = [place for place in PLACES if place in {one.place for one in by if one.passed}]
        reason = not_applicable().get(clause.id)
        if by:
            row.status = PASS if all(one.passed for one in by) else FAIL
        elif reason:
            row.status, row.reason = NOT_APPLICABLE, reason
        found.append(row)
    return found


def data(found: Iterable[Row]) -> str:
    """Return the rows as JSON."""
    entries = [
        {
            "id": row.clause.id,
            "role": row.clause.role,
            "level": row.clause.level,
            "status": row.status,
            "reason": row.reason,
            "tests": row.tests,
        }
        for row in found
    ]
    return json.dumps(entries, indent=1) + "\n"


# ---- the page


INTRODUCTION = f"""\
# Conformance

Written by `{COMMAND}` from the results of the tests; [testing](testing.md#conformance) says how. A
clause or a rule that no test shows is a gap, never a pass.
"""

OPERATIONS = """\
## Operations

What the five operations promise, on each implementation: with the model as the other end, and with
the Verilog under both simulators. `gap`: not shown there yet; `n/a`: cannot apply there.
"""

CLAUSES = """\
## Clauses

Normative statements of virtio 1.4 for a device. A level DESC marks what the text states without a
keyword; MAY asks for nothing. *On*: the model, or the Verilog by simulator.
"""

DRIVER = """\
## Clauses of a driver

Those that tests of the model's drivers show.
"""


def heading(counted: Mapping[str, int]) -> str:
    """Return counts in words."""
    return ", ".join(f"{number} {name}" for name, number in counted.items() if number)


def count(found: Iterable[Row]) -> dict[str, int]:
    """Return how many rows have each status."""
    counted = dict.fromkeys((PASS, FAIL, GAP, NOT_APPLICABLE), 0)
    for row in found:
        counted[row.status] += 1
    return counted


def where(row: Row) -> str:
    """Return where a clause was shown, in words."""
    return ", ".join(PLACES[place] for place in row.places)


def table(found: Sequence[Row]) -> list[str]:
    """Return the lines of a table of clauses."""
    lines = ["| clause | level | what it asks | result | on | tests, or why not |"]
    lines.append("|---|---|---|---|---|---|")
    for row in found:
        tests = ", ".join(f"`{test.removeprefix('tests/')}`" for test in row.tests)
        clause = row.clause
        lines.append(
            f"| {clause.id} | {clause.level} | {clause.text.replace('|', ',')} | {row.status} "
            f"| {where(row)} | {tests or row.reason} |"
        )
    return lines


def summary(found: Sequence[Row]) -> list[str]:
    """Return the lines of the table of chapters."""
    states = (PASS, FAIL, GAP, NOT_APPLICABLE)
    lines = [f"| chapter | clauses | {' | '.join(states)} | MUST or MUST NOT: gaps |"]
    lines.append("|---|--:|--:|--:|--:|--:|--:|")
    for prefix, title in [*CHAPTERS.items(), ("", "together")]:
        here = [row for row in found if row.clause.chapter == prefix or not prefix]
        counted = count(here)
        open_ = sum(row.status == GAP and row.clause.level in DUTY for row in here)
        name = f"{prefix}: {title}" if prefix else title
        numbers = [len(here), *(counted[state] for state in states), open_]
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} |")
    return lines


def page(found: Sequence[Row], operations: Mapping[report.Cell, str]) -> str:
    """Return the whole page."""
    device = [row for row in found if row.clause.role == "device"]
    driver = [row for row in found if row.clause.role == "driver"]
    parts = [INTRODUCTION, OPERATIONS]
    parts += ["\n".join(report.markdown(operations)) + "\n"]
    parts += ["\n".join([heading(report.counts(operations)) + ".", "", *report.reasons()]) + "\n"]
    parts += [CLAUSES]
    parts += ["\n".join(summary(device)) + "\n"]
    for prefix, title in CHAPTERS.items():
        here = [row for row in device if row.clause.chapter == prefix]
        parts += [f"### {title}\n", "\n".join(table(here)) + "\n"]
    parts += [DRIVER, "\n".join(table(driver)) + "\n", heading(count(driver)) + ".\n"]
    return "\n".join(parts)


def results(properties: Iterable[tuple[str, Any, bool]]) -> dict[str, list[Shown]]:
    """Return what each clause came to, from the citations of the tests that ran."""
    shown: dict[str, list[Shown]] = {}
    for name, value, passed in properties:
        if name == PROPERTY:
            for clause, test, place in json.loads(value):
                shown.setdefault(clause, []).append(Shown(test, place, passed))
    return shown


PROPERTY = "clauses"  # of a test's report, which travels from the workers of pytest-xdist
