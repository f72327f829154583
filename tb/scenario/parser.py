# SPDX-License-Identifier: Apache-2.0
"""Scenario files: JSON lines to checked scenarios, with their sweeps worked out."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import Problem, ScenarioError
from .schema import DEVICE_FIELDS, check_scenario
from .values import number

DEFAULT_DEVICE = {"queues": 4, "queue_size_max": 256, "max_chain": 128, "data_w": 64}  # of tb_top
MAX_SWEEP = 100_000


@dataclass(frozen=True)
class Scenario:
    """One scenario of a file, checked.

    Attributes:
        path: its file.
        line: its line, from 1.
        raw: the JSON object.
    """

    path: Path
    line: int
    raw: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its name."""
        return str(self.raw["id"])

    @property
    def device(self) -> dict[str, int]:
        """Parameters that the device must have."""
        return dict(self.raw.get("device", {}))

    @property
    def clauses(self) -> list[str]:
        """Clauses that it shows."""
        return list(self.raw.get("clauses", ()))

    def runs(self, stride: int = 1) -> list[Run]:
        """Return its runs: one, or one for every combination of the swept values.

        Args:
            stride: of the values from..to take only each `stride`th; what is listed stays whole.
        """
        sweep = self.raw.get("sweep", {})
        axes = [[(name, v) for v in _values(values, stride)] for name, values in sweep.items()]
        return [Run(self, dict(choice)) for choice in itertools.product(*axes)]


@dataclass(frozen=True)
class Run:
    """A scenario with a value for each swept variable."""

    scenario: Scenario
    variables: Mapping[str, int]

    @property
    def id(self) -> str:
        """The scenario's id, with the values in brackets."""
        values = ",".join(f"{name}={value}" for name, value in self.variables.items())
        return f"{self.scenario.id}[{values}]" if values else self.scenario.id


class _Constants:
    """Nothing is named in a sweep's limits."""

    def look_up(self, name: str, field: str | None, index: int | None) -> int:
        if name == "device" and field in DEFAULT_DEVICE:
            return DEFAULT_DEVICE[field]
        raise KeyError(name)

    def read(self, addr: int, length: int) -> bytes:
        raise KeyError(addr)


def _values(values: Any, stride: int) -> list[int]:
    names = _Constants()
    if isinstance(values, list):
        return [number(value, names) for value in values]
    first, last = number(values["from"], names), number(values["to"], names)
    step = number(values.get("step", 1), names)
    return list(range(first, last + 1, step * stride))


def load(path: Path | str, ids: Iterable[str] = ()) -> list[Scenario]:
    """Return the scenarios of a file.

    Args:
        path: JSON lines; empty lines are left out.
        ids: take only these; each must be there. An id may hold `*`.

    Raises:
        ScenarioError: the file cannot be read, or something in it is wrong.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: cannot be read: {error}") from None
    scenarios: list[Scenario] = []
    lines: dict[str, int] = {}
    for number_, line in enumerate(text.splitlines(), 1):
        if line.strip():
            scenario = _parse(path, number_, line)
            if scenario.id in lines:
                where = f"{path}:{number_}: field id"
                raise ScenarioError(f"{where}: {scenario.id!r} is line {lines[scenario.id]}'s")
            lines[scenario.id] = number_
            scenarios.append(scenario)
    if not scenarios:
        raise ScenarioError(f"{path}: holds no scenario: one JSON object on each line")
    return _choose(path, scenarios, list(ids))


def validate(path: Path | str, ids: Iterable[str] = ()) -> list[Scenario]:
    """Check a file before anything is built; the same as `load`."""
    return load(path, ids)


def device_groups(scenarios: Iterable[Scenario]) -> list[tuple[dict[str, int], list[Scenario]]]:
    """Return the scenarios by the device that they need, as parameters of `tb_top`."""
    groups: dict[tuple[tuple[str, int], ...], list[Scenario]] = {}
    for scenario in scenarios:
        key = tuple(sorted((k.upper(), v) for k, v in scenario.device.items()))
        groups.setdefault(key, []).append(scenario)
    return [(dict(key), members) for key, members in groups.items()]


def _parse(path: Path, line: int, text: str) -> Scenario:
    where = f"{path}:{line}"
    try:
        raw = json.loads(text, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as error:
        raise ScenarioError(
            f"{where}: not JSON at column {error.colno}: {error.msg}; "
            "a scenario is one JSON object on one line"
        ) from None
    except Problem as problem:
        raise ScenarioError(f"{where}: {problem}") from None
    try:
        check_scenario(raw)
        if not re.fullmatch(r"[\w.\-]+", raw["id"]):
            raise Problem("id", f"{raw['id']!r} is not letters, digits, _ . and -")
        for device_key, value in raw.get("device", {}).items():
            if device_key not in DEVICE_FIELDS or value < 1:
                raise Problem(f"device.{device_key}", f"{value} is not a positive number")
        scenario = Scenario(path, line, raw)
        runs = scenario.runs()
        if not 1 <= len(runs) <= MAX_SWEEP:
            raise Problem("sweep", f"{len(runs)} values; allowed are 1 to {MAX_SWEEP}")
    except Problem as problem:
        name = raw.get("id") if isinstance(raw, dict) else None
        of = f" (scenario {name})" if isinstance(name, str) else ""
        field = f"field {problem.path}: " if problem.path else ""
        raise ScenarioError(f"{where}{of}: {field}{problem.text}") from None
    return scenario


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Problem(key, "is there twice")
        found[key] = value
    return found


def _choose(path: Path, scenarios: list[Scenario], ids: list[str]) -> list[Scenario]:
    if not ids:
        return scenarios
    chosen: list[Scenario] = []
    for wanted in ids:
        pattern = re.escape(wanted.partition("[")[0]).replace(r"\*", ".*")
        found = [s for s in scenarios if re.fullmatch(pattern, s.id)]
        if not found:
            known = ", ".join(s.id for s in scenarios)
            raise ScenarioError(f"{path}: no scenario {wanted!r}; there are: {known}")
        chosen += [s for s in found if s not in chosen]
    return chosen


def choose_runs(runs: Iterable[Run], ids: Iterable[str]) -> Iterator[Run]:
    """Yield the runs that ids with a swept value, such as `stop[t=5]`, leave over."""
    exact = {wanted for wanted in ids if "[" in wanted}
    for run in runs:
        if not any(wanted.partition("[")[0] == run.scenario.id for wanted in exact) or (
            run.id in exact
        ):
            yield run
