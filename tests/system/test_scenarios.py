# SPDX-License-Identifier: Apache-2.0
"""Every scenario file on both simulators: whole under Verilator, thinned under Icarus."""

from __future__ import annotations

from pathlib import Path

import pytest

from tb.runner import run_system
from tb.scenario import device_groups, load

FOLDER = Path("tests/scenarios")
FILES = sorted(path for path in (Path(__file__).parents[2] / FOLDER).glob("*.jsonl"))
SWEPT = ("stop", "notify", "told", "queue_reset", "suspend")  # mostly sweeps, so a run of their own
ONLY_FAST = ("long",)
THINNED = 36  # of a sweep's values


def paths(group: str, sim: str) -> list[Path]:
    chosen = [path for path in FILES if (path.stem in SWEPT) == (group == "swept")]
    return [path for path in chosen if sim == "verilator" or path.stem not in ONLY_FAST]


def shown(group: str, sim: str) -> list[pytest.MarkDecorator]:
    """Return the marks of the device's clauses that a group's scenarios cite."""
    marks = []
    for path in paths(group, sim):
        cited = {clause for one in load(path) for clause in one.clauses if "DEV-" in clause}
        if cited:
            marks.append(pytest.mark.clause(*sorted(cited), by=str(FOLDER / path.name)))
    return marks


def run(sim: str, files: list[Path], stride: int, **parameters: int) -> None:
    env = {"SCENARIO": ":".join(str(FOLDER / path.name) for path in files)}
    env["SCENARIO_STRIDE"] = str(stride)
    run_system("tb.scenario", parameters, sim=sim, env=env)


@pytest.mark.parametrize(
    ("sim", "group"),
    [
        pytest.param(sim, group, id=f"{sim}-{group}", marks=shown(group, sim))
        for sim in ("verilator", "icarus")
        for group in ("single", "swept")
    ],
)
def test_every_scenario_passes(sim: str, group: str) -> None:
    run(sim, paths(group, sim), 1 if sim == "verilator" else THINNED)


def test_scenarios_pass_on_the_widest_bus() -> None:
    run("verilator", [path for path in FILES if path.stem not in ONLY_FAST], THINNED, DATA_W=512)


def test_every_file_is_for_the_usual_device() -> None:
    for path in FILES:
        assert [parameters for parameters, _ in device_groups(load(path))] == [{}], path.name
