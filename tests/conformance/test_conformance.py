# SPDX-License-Identifier: Apache-2.0
"""Every rule of the operations on every implementation, in the model and on both simulators."""

from __future__ import annotations

from typing import Any, Callable

import pytest

from tb.runner import Result, RunFailed, run_bench, run_system
from tests.conformance import implementations as listed
from tests.conformance.beds import at_once
from tests.conformance.report import PROPERTY, outcomes
from tests.conformance.rules import Rule, rules
from tests.system.systems import USUAL

ALL = rules()
FOLDER = "tests/conformance"
PORT = {"QUEUES": 4, "SLOTS": 16, "TX_WORDS": 256, "RX_WORDS": 256}
Record = Callable[[str, object], None]


def cited(name: str, chosen: list[Rule]) -> list[Any]:
    """Return the marks of the clauses that rules show on an implementation."""
    prefixes = listed.CLAUSES[name]
    return [
        pytest.mark.clause(*clauses, by=rule.place)
        for rule in chosen
        if (clauses := rule.of_format(prefixes))
    ]


def on_the_model() -> list[Any]:
    return [
        pytest.param(rule, name, id=f"{rule.id}-{name}", marks=cited(name, [rule]))
        for name in listed.ON_MODEL
        for rule in ALL
        if listed.fitting(rule, name, "model")
    ]


def on_rtl() -> list[Any]:
    return [
        pytest.param(sim, name, id=f"{sim}-{name}", marks=cited(name, chosen))
        for name in listed.ON_RTL
        for sim in listed.SIMULATORS
        if (chosen := [rule for rule in ALL if listed.fitting(rule, name, sim)])
    ]


def simulate(sim: str, name: str) -> Result:
    """Run every rule of an implementation, in one run of a simulator."""
    if name == "socket":
        return run_bench("vq_socket_device", PORT, f"{FOLDER}/on_port.py", sim=sim)
    env = {"IMPLEMENTATION": name}
    return run_system(f"{FOLDER}/on_rtl.py", USUAL[1], sim=sim, env=env)


@pytest.mark.parametrize(("rule", "name"), on_the_model())
def test_on_the_model(rule: Rule, name: str, record_property: Record) -> None:
    kinds = listed.fitting(rule, name, "model")
    passed = False
    try:
        at_once(listed.run(rule, kinds, lambda kind: listed.model_bed(name, kind)))
        passed = True
    finally:
        record_property(PROPERTY, outcomes(name, "model", {rule.id: passed}))


@pytest.mark.parametrize(("sim", "name"), on_rtl())
def test_on_rtl(sim: str, name: str, record_property: Record) -> None:
    wanted = [rule.id for rule in ALL if listed.fitting(rule, name, sim)]
    found: dict[str, bool] = {}
    try:
        tests = simulate(sim, name).tests
    except RunFailed as failure:
        tests = failure.tests
        raise
    finally:
        found = {test.name.rpartition(".")[2]: not test.message for test in tests}
        record_property(
            PROPERTY, outcomes(name, sim, {rule: found.get(rule, False) for rule in wanted})
        )
    assert set(found) == set(wanted)


def test_every_rule_of_the_table_is_shown_by_one_function() -> None:
    assert len({rule.function for rule in ALL}) == len(ALL)
    for rule in ALL:
        assert rule.text and not rule.text.endswith(".")
