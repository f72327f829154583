# SPDX-License-Identifier: Apache-2.0
"""What is wrong in a file is named with line and field, what fails with its step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tb.scenario import ScenarioError, device_groups, load
from tb.scenario.parser import DEFAULT_DEVICE, Run
from tb.scenario.report import Outcome, run_all, run_now, run_one
from tb.scenario.targets import ModelTarget

WORK: list[dict[str, Any]] = [
    {"buffer": "out", "size": 40},
    {"buffer": "into", "size": 40},
    {"queue": 0, "size": 8},
    {"chain": 0, "readable": ["out"], "writable": ["into"]},
    {"avail": [0]},
    {"init": {}},
    {"notify": 0},
    {"wait": "idle"},
]


def write(path: Path, *scenarios: Any) -> Path:
    file = path / "case.jsonl"
    lines = [s if isinstance(s, str) else json.dumps(s) for s in scenarios]
    file.write_text("\n".join(lines) + "\n")
    return file


def steps(*more: Any, **fields: Any) -> dict[str, Any]:
    return {"id": "case", **fields, "steps": [*WORK, *more]}


def run(path: Path, scenario: dict[str, Any]) -> list[Outcome]:
    said: list[str] = []
    target = ModelTarget(**DEFAULT_DEVICE)
    result: list[Outcome] = run_now(run_all(target, load(write(path, scenario)), say=said.append))
    return result


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("{", "case.jsonl:1: not JSON at column 2"),
        ("[]", "is not an object"),
        ({"steps": []}, "field id: is missing"),
        ({"id": "a b", "steps": []}, "field id: 'a b' is not letters"),
        ({"id": "a"}, "field steps: is missing"),
        ({"id": "a", "stps": []}, "field stps: no such field; allowed: id, about"),
        ('{"id": "a", "id": "b", "steps": []}', "id: is there twice"),
        (steps({"jump": 1}), "field steps[8]: no step 'jump' (the first field); allowed: note"),
        (steps([]), "field steps[8]: [] is not a step"),
        (steps({"notify": 0, "to": 1}), "field steps[8].to: no such field; allowed: notify"),
        (steps({"notify": "ot"}), "unknown name 'ot'; defined so far: device, into, out, q0"),
        (steps({"notify": "$t"}), "unknown name '$t'"),
        (steps({"notify": "out.length"}), "out has no field 'length'; it has: size, end"),
        (steps({"notify": "1 +"}), "'1 +' is not a number or an expression"),
        (steps({"notify": "f(1)"}), "'f(1)' is not allowed"),
        (steps({"wait": "long"}), "field steps[8].wait: 'long' is not one of idle, used"),
        (steps({"wait": "used"}), "field steps[8].idx: is missing"),
        (steps({"write": "Stats", "value": 0}), "'Stats' is no offset below 4096 or one of Magic"),
        (steps({"poke": "out"}), "needs exactly one of u8, u16, u32, u64, bytes"),
        (steps({"poke": "out", "bytes": {"hex": "0"}}), "not pairs of hexadecimal digits"),
        (steps({"expect": {"fault": "BAD"}}), "field steps[8].expect.fault: 'BAD' is not"),
        (steps({"expect": {"status": {"has": ["X"]}}}), "'X' is not one of ACKNOWLEDGE"),
        (steps({"expect": {"untouched": ["x"]}}), "no buffer or table; defined: into, out"),
        (steps(device={"queues": "4"}), "field device.queues: '4' is not one of"),
        (steps(features=["FAST"]), "field features[0]: 'FAST' is not one of INDIRECT_DESC"),
        (steps(epilogue="all"), "'all' is not one of others, reset"),
        (steps(sweep={"t": 5}), "field sweep.t: 5 is not a list of numbers, or from, to and step"),
        (steps(sweep={"t": {"from": 1, "to": 0}}), "field sweep: 0 values"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, scenario: Any, words: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(write(tmp_path, scenario))
    assert words in str(caught.value)
    assert "case.jsonl:1" in str(caught.value)


def test_the_line_is_that_of_the_scenario(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"case.jsonl:3: field id: 'case' is line 1's"):
        load(write(tmp_path, steps(), "", steps()))


def test_a_file_must_be_there_and_hold_something(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="cannot be read"):
        load(tmp_path / "none.jsonl")
    with pytest.raises(ScenarioError, match="holds no scenario"):
        load(write(tmp_path, ""))


def test_scenarios_are_chosen_by_id(tmp_path: Path) -> None:
    file = write(tmp_path, {"id": "a.1", "steps": []}, {"id": "a.2", "steps": []})
    assert [s.id for s in load(file, ["a.2"])] == ["a.2"]
    assert [s.id for s in load(file, ["a.*"])] == ["a.1", "a.2"]
    with pytest.raises(ScenarioError, match=r"no scenario 'b'; there are: a.1, a.2"):
        load(file, ["b"])


def test_scenarios_are_grouped_by_device(tmp_path: Path) -> None:
    file = write(
        tmp_path, {"id": "a", "steps": []}, {"id": "b", "device": {"max_chain": 4}, "steps": []}
    )
    assert [parameters for parameters, _ in device_groups(load(file))] == [{}, {"MAX_CHAIN": 4}]


def test_a_sweep_runs_every_value(tmp_path: Path) -> None:
    sweep = {"t": {"from": 1, "to": 5, "step": 2}, "u": [7, 9]}
    (scenario,) = load(write(tmp_path, {"id": "s", "sweep": sweep, "steps": [{"notify": "$t"}]}))
    ids = [one.id for one in scenario.runs()]
    assert ids == [f"s[t={t},u={u}]" for t in (1, 3, 5) for u in (7, 9)]
    assert len(scenario.runs(stride=2)) == 4


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ({"used": {"elements": [[0, 41]]}}, "expected [(0, 41)], actual [(0, 40)]"),
        ({"used_idx": {"is": 2}}, "used_idx of queue 0: expected 2, actual 1"),
        ({"untouched": ["into"]}, "untouched into, byte 0"),
        ({"memory": {"at": "into", "is": {"fill": 0}}}, "memory at into, byte 0"),
        ({"fault": "NEXT_RANGE"}, "fault: expected NEXT_RANGE, actual none"),
        ({"interrupt": []}, "InterruptStatus: expected none, actual USED_BUFFER"),
        ({"status": {"has": ["FAILED"]}}, "Status has: expected FAILED"),
        ({"register": {"name": "Version", "is": 1}}, "Version: expected 0x1, actual 0x2"),
        ({"any_of": [{"irq": 0}, {"used_idx": {"is": 0}}]}, "one of 2 outcomes"),
    ],
)
def test_a_failure_names_step_expected_and_actual(
    tmp_path: Path, expect: dict[str, Any], words: str
) -> None:
    (outcome,) = run(tmp_path, steps({"expect": expect}))
    assert outcome.verdict == "failed"
    assert outcome.where == "step 8 (expect)"
    assert words in outcome.message
    assert "descriptor table" in outcome.picture


def test_a_write_outside_what_was_given_fails(tmp_path: Path) -> None:
    scenario = steps()
    scenario["steps"] = [*WORK[:3], {**WORK[3], "allow": False}, *WORK[4:]]
    (outcome,) = run(tmp_path, scenario)
    assert outcome.verdict == "failed"
    assert "writes outside what was given" in outcome.message


def test_memory_that_is_not_there_is_the_files_fault(tmp_path: Path) -> None:
    (outcome,) = run(tmp_path, steps({"poke": 64, "u8": 1}))
    assert outcome.verdict == "wrong"
    assert "no memory is laid out there" in outcome.message


def test_a_scenario_for_another_device_is_skipped(tmp_path: Path) -> None:
    (outcome,) = run(tmp_path, steps(device={"max_chain": 3}))
    assert outcome.verdict == "skipped"


def test_what_was_laid_out_is_there_again_for_each_run(tmp_path: Path) -> None:
    (scenario,) = load(write(tmp_path, steps(sweep={"t": [1, 2]})))
    target = ModelTarget(**DEFAULT_DEVICE)
    for variables in ({"t": 1}, {"t": 2}):
        outcome = run_now(run_one(target, Run(scenario, variables), DEFAULT_DEVICE))
        assert outcome.verdict == "passed", outcome.line()


PACKED = {"features": ["RING_PACKED", "EVENT_IDX"]}


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        (steps({"desc": 2, "next": 3}, **PACKED), "next: does not go with packed rings"),
        (steps({"avail": [2], "idx": 3}, **PACKED), "idx: does not go with packed rings"),
        (steps({"desc": 2, "lap": "used"}), "lap: does not go with split rings"),
        (steps({"table": "t", "entries": [{"id": 1}]}), "id: does not go with split rings"),
        (steps({"poke": "q0.used_idx", "u16": 0}, **PACKED), "used_idx: is not of a packed queue"),
        (steps({"poke": "q0.elem[0]", "u16": 0}, **PACKED), "elem: is not of a packed queue"),
    ],
)
def test_what_only_the_other_ring_format_has_is_refused(tmp_path, scenario, words):
    (outcome,) = run(tmp_path, scenario)
    assert outcome.verdict == "wrong" and words in outcome.message


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"expect": {"used": {"elements": [[0, 39]]}}}, "[(0, 39)], actual [(0, 40)]"),
        ({"expect": {"used_idx": {"is": 2}}}, "expected 2, actual 1"),
        ({"poke": "q0.desc[0] + 14", "u16": 0x8080}, "flags of used descriptor 0"),
        ({"desc": 0, "flags": ["WRITE"], "lap": "available"}, "used elements of queue 0"),
    ],
)
def test_what_a_packed_ring_does_not_hold_is_told(tmp_path, step, words):
    expect = {"expect": {"used": {"elements": [[0, 40]]}}}
    (outcome,) = run(tmp_path, steps(step, expect, **PACKED))
    assert outcome.verdict == "failed" and words in outcome.message and "queue 0" in outcome.picture
