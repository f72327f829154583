# SPDX-License-Identifier: Apache-2.0
"""The table of the conformance suite: rules by implementations and places.

The cells come from the tests that ran; a rule that no kind of queue can show is a gap.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from tests.conformance import implementations as listed
from tests.conformance.rules import rules

PROPERTY = "operation rules"  # of a test's report
PASS, FAIL, GAP, NOT_APPLICABLE, NOT_RUN = "pass", "FAIL", "gap", "n/a", "-"
Cell = tuple[str, str, str]  # rule, implementation, place
HEADS = {"model": "model", "verilator": "Verilator", "icarus": "Icarus"}


def outcomes(name: str, place: str, found: Mapping[str, bool]) -> str:
    """Return what a test tells of the rules that it ran."""
    return json.dumps([[rule, name, place, passed] for rule, passed in found.items()])


def cells(properties: Iterable[str]) -> dict[Cell, str]:
    """Return every cell of the table, from what the tests told."""
    ran: dict[Cell, bool] = {}
    for text in properties:
        for rule, name, place, passed in json.loads(text):
            ran[rule, name, place] = passed
    table = {}
    for rule in rules():
        for name in listed.NAMES:
            for place in listed.PLACES:
                cell = (rule.id, name, place)
                if cell in ran:
                    table[cell] = PASS if ran[cell] else FAIL
                elif (name, rule.id) in listed.NOT_APPLICABLE:
                    table[cell] = NOT_APPLICABLE
                else:
                    table[cell] = NOT_RUN if listed.fitting(rule, name, place) else GAP
    return table


def counts(table: Mapping[Cell, str]) -> dict[str, int]:
    """Return how many cells have each outcome."""
    found = dict.fromkeys((PASS, FAIL, GAP, NOT_APPLICABLE, NOT_RUN), 0)
    for outcome in table.values():
        found[outcome] += 1
    return found


def markdown(table: Mapping[Cell, str]) -> list[str]:
    """Return the lines of the table on a page."""
    columns = [(name, place) for name in listed.NAMES for place in listed.PLACES]
    heads = [f"{name}, {HEADS[place]}" for name, place in columns]
    lines = [f"| rule | what holds | {' | '.join(heads)} |"]
    lines.append("|---" * (len(columns) + 2) + "|")
    for rule in rules():
        found = [table[rule.id, name, place] for name, place in columns]
        lines.append(f"| {rule.id} | `{rule.operation}`: {rule.text} | {' | '.join(found)} |")
    return lines


def reasons() -> list[str]:
    """Return why rules cannot apply, as lines of a page."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for (name, rule), reason in listed.NOT_APPLICABLE.items():
        grouped.setdefault((name, reason), []).append(rule)
    return [f"- {name}, {', '.join(found)}: {why}" for (name, why), found in grouped.items()]


def text(table: Mapping[Cell, str]) -> list[str]:
    """Return the lines of the table for a terminal."""
    columns = [(name, place) for name in listed.NAMES for place in listed.PLACES]
    heads = {"model": "model", "verilator": "Veril.", "icarus": "Icarus"}
    lines = [
        " " * 12 + "".join(f"{name:<24}" for name in listed.NAMES),
        f"{'rule':12}" + "".join(f"{heads[place]:<8}" for _, place in columns),
    ]
    for rule in rules():
        line = "".join(f"{table[(rule.id, *column)]:<8}" for column in columns)
        lines.append(f"{rule.id:12}{line}")
    found = [f"{number} {name}" for name, number in counts(table).items() if number]
    return [*lines, ", ".join(found)]
