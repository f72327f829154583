# SPDX-License-Identifier: Apache-2.0
"""The model is held to the same scenarios as the Verilog."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tb.scenario.parser import DEFAULT_DEVICE, load
from tb.scenario.report import run_all, run_now
from tb.scenario.targets import ModelTarget

FILES = sorted((Path(__file__).parents[1] / "scenarios").glob("*.jsonl"))
STRIDE = 10  # of swept times, which the model hardly knows


def case(path: Path) -> Any:
    """Return a file with the clauses of the device that its scenarios cite."""
    cited = sorted({c for one in load(path) for c in one.clauses if "DEV-" in c})
    marks = [pytest.mark.clause(*cited, by=f"tests/scenarios/{path.name}")] if cited else []
    return pytest.param(path, id=path.stem, marks=marks)


@pytest.mark.parametrize("path", [case(path) for path in FILES])
def test_the_model_passes_every_scenario(path: Path) -> None:
    scenarios = load(path)
    said: list[str] = []
    # Sweeps are thinned, but what is thorough runs too.
    for chosen, stride in (
        ([s for s in scenarios if s.raw.get("thorough")], 1),
        ([s for s in scenarios if not s.raw.get("thorough")], STRIDE),
    ):
        target = ModelTarget(**DEFAULT_DEVICE)
        outcomes = run_now(run_all(target, chosen, stride=stride, say=said.append))
        bad = [outcome.line() for outcome in outcomes if outcome.bad]
        assert not bad, "\n".join(bad)
        assert not chosen or any(outcome.verdict == "passed" for outcome in outcomes)
