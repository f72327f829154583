# SPDX-License-Identifier: Apache-2.0
"""The rules of the operations: their texts, and how a test says which one it shows.

`rules.csv` is the one table of them. Each has one function, marked by `@rule`, which runs over
every implementation of `implementations.py`.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.beds import Bed

TABLE = Path(__file__).with_name("rules.csv")
Function = Callable[[Bed], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id: as in the table.
        operation: what it is about.
        text: what it says.
        function: shows it on a bed that is not open yet.
        needs: an ability that a kind of queue must have for it, or nothing.
        clauses: of the specification, that it shows as well where they are about the ring's
            format; see `of_format`.
    """

    id: str
    operation: str
    text: str
    function: Function
    needs: str
    clauses: tuple[str, ...]

    @property
    def place(self) -> str:
        """The file and function that show it."""
        return f"{self.function.__module__.replace('.', '/')}.py::{self.function.__name__}"

    def of_format(self, prefixes: tuple[str, ...]) -> tuple[str, ...]:
        """Return the clauses that begin with one of the prefixes."""
        return tuple(clause for clause in self.clauses if clause.startswith(prefixes))


def table() -> dict[str, tuple[str, str]]:
    """Return operation and text of every rule, by its id, in the table's order."""
    with TABLE.open(newline="", encoding="utf-8") as file:
        return {row["id"]: (row["operation"], row["rule"]) for row in csv.DictReader(file)}


_TABLE = table()
_FUNCTIONS: dict[str, Rule] = {}


def rule(name: str, *clauses: str, needs: str = "") -> Callable[[Function], Function]:
    """Say which rule a function shows."""

    def register(function: Function) -> Function:
        if name not in _TABLE or name in _FUNCTIONS:
            raise ValueError(f"rule {name} is not in {TABLE.name}, or has two functions")
        _FUNCTIONS[name] = Rule(name, *_TABLE[name], function, needs, clauses)
        return function

    return register


def rules() -> list[Rule]:
    """Return every rule, in the table's order; one without a function is an error."""
    from tests.conformance import adding, callbacks, collecting, detaching  # noqa: F401

    missing = sorted(set(_TABLE) - set(_FUNCTIONS))
    if missing:
        raise ValueError(f"rules without a function: {', '.join(missing)}")
    return [_FUNCTIONS[name] for name in _TABLE]
