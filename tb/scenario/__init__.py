# SPDX-License-Identifier: Apache-2.0
"""Scenarios as data: raw steps with no driver between, from JSON lines (`docs/scenarios.md`).

As a cocotb test module, `tb.scenario` runs the files that SCENARIO names. Before anything is
built, `validate(path, ids)` checks a file and raises `ScenarioError` with a text for a person;
`device_groups` tells which parameters of `tb_top` its scenarios need.
"""

from .errors import ScenarioError
from .parser import Run, Scenario, device_groups, load, validate
from .run import scenarios

__all__ = ["Run", "Scenario", "ScenarioError", "device_groups", "load", "scenarios", "validate"]
