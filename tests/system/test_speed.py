# SPDX-License-Identifier: Apache-2.0
"""`make bench-sim`: its figures, its verdict, and the replay that it compares with."""

from __future__ import annotations

import fcntl
import json

import pytest

from ci.toolchain import BUILD
from tb.build import locked
from tb.runner import RunFailed
from tb.speed import command, report
from tb.speed.workload import Load, Measure, Workload, model_digest, read_result

SMALL = Load(chains=4, batches=1)


def measure(cycles, seconds, operations=100, digest="d"):
    return Measure(operations, cycles, seconds, 0.25 * seconds, digest)


@pytest.fixture
def runs():
    """Medians of 3000, 4000 and 100 cycles a second."""
    speeds = {"native": (1000, 9000, 3000), "bare": (4000, 4000, 5000), "axiram": (100, 100, 101)}
    found = {
        ("verilator", bench): [measure(speed, 1.0) for speed in row]
        for bench, row in speeds.items()
    }
    found["icarus", "native"] = [measure(50, 2.0)]
    found["icarus", "axiram"] = [measure(10, 1.0)]
    return found


def test_figures_are_medians(runs):
    points = {(p["simulator"], p["bench"]): p for p in report.points(runs)}
    assert points["verilator", "native"]["cycles_per_second"] == 3000
    assert points["verilator", "native"]["spread"] == pytest.approx(8000 / 3000, abs=1e-3)
    assert points["icarus", "native"]["cycles_per_second"] == 25
    assert points["icarus", "native"]["operations_per_second"] == 50
    assert points["icarus", "native"]["python_share"] == 0.25


def test_ratios_are_of_medians_and_none_where_there_is_no_such_bench(runs):
    assert report.ratios(runs) == {
        "verilator": {"native_over_axiram": 30, "native_over_bare": 0.75},
        "icarus": {"native_over_axiram": 2.5, "native_over_bare": None},
    }
    assert "no such loop" in "\n".join(report.table(runs))


def test_what_python_costs_is_told_apart(runs):
    assert report.simulator_alone(runs) == 1.0  # 3000 in three quarters of the time, of 4000
    assert "Without the driver's operations" in "\n".join(report.table(runs))
    del runs["verilator", "bare"]
    assert report.simulator_alone(runs) is None


def test_a_missed_floor_is_named(runs):
    assert report.missed(report.ratios(runs)) == []
    runs["verilator", "bare"] = [measure(7000, 1.0)]
    (line,) = report.missed(report.ratios(runs))
    assert "verilator: native_over_bare is 0.429, below the floor of 0.5" in line
    assert "MISSES THE FLOOR" in "\n".join(report.table(runs))


def test_the_command_writes_its_report_and_fails_on_a_missed_floor(
    runs, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(command, "run_all", lambda simulators, rounds: runs)
    monkeypatch.setattr(command, "REPORT", tmp_path / "bench_sim.json")
    assert command.main([]) == 0
    written = json.loads((tmp_path / "bench_sim.json").read_text())
    assert written["ratios"] == report.ratios(runs)
    assert {(p["simulator"], p["bench"]) for p in written["points"]} == set(runs)
    runs["verilator", "axiram"] = [measure(1000, 1.0)]
    assert command.main([]) == 1
    assert "MISSED: verilator: native_over_axiram is 3" in capsys.readouterr().out


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("script") / "script"
    with locked(BUILD / "runs" / "script.lock", fcntl.LOCK_EX):  # tests may run side by side
        path.write_bytes(command.record_script(SMALL).read_bytes())
    return path


def test_native_bench_replay_and_model_leave_the_same_memory(script):
    native = read_result(command.run_native("verilator", SMALL).folder)
    bare = command.run_bare(SMALL, script)
    expected = model_digest(SMALL)
    assert native.digest == bare.digest == expected
    assert abs(native.cycles - bare.cycles) < 0.02 * native.cycles
    for bench, measured in (("native", native), ("bare", bare)):
        report.check("verilator", bench, measured, Workload(SMALL).operations, expected)


def test_a_replay_that_stores_another_byte_is_refused(script, tmp_path):
    payload = Workload(SMALL).pool
    chain = Workload(SMALL).batches[0][0][0]
    data = bytearray(script.read_bytes())
    at = data.index(payload[chain.start : chain.start + chain.length])
    data[at + 5] ^= 1
    (tmp_path / "script").write_bytes(data)
    measured = command.run_bare(SMALL, tmp_path / "script")
    with pytest.raises(report.DigestError, match="not the golden model's"):
        report.check("verilator", "bare", measured, Workload(SMALL).operations, model_digest(SMALL))


def test_a_replay_that_reads_something_else_fails(script, tmp_path):
    data = bytearray(script.read_bytes())
    data[data.rindex(b"L") + 1 + 8 + 4] ^= 1  # the first byte of the last load
    (tmp_path / "script").write_bytes(data)
    with pytest.raises(RunFailed, match="is not what the script says"):
        command.run_bare(SMALL, tmp_path / "script")
    (tmp_path / "script").write_bytes(data[:100])
    with pytest.raises(RunFailed, match="ends within a record"):
        command.run_bare(SMALL, tmp_path / "script")
