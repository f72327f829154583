# SPDX-License-Identifier: Apache-2.0
"""`make bench` as its user meets it, where nothing is simulated."""

import json
import subprocess
import sys

import pytest

from ci.toolchain import ROOT
from tb.measure import command
from tb.measure.command import groups
from tb.measure.points import LATENCIES, RINGS, WIDTHS, all_points
from tb.runner import RunFailed
from tests.measure.test_report import made_up


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tb.measure.command", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "fish"], "--only fish: no point has such a name; --list names them"),
        (["--only", "("], "--only (: no regular expression: "),
        (["--jobs", "0"], "--jobs is at least 1"),
        (["--jobs", "many"], "argument --jobs: invalid int value: 'many'"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_a_wrong_option_says_so(arguments, message):
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_the_list_names_every_point():
    result = run("--list")
    assert result.returncode == 0
    assert result.stdout.split() == [
        *(point.name for point in all_points()),
        "latency",
        "socket",
        "block",
        "network",
    ]


def test_every_point_is_in_one_simulation_of_its_width():
    shared = groups(all_points(), latency=True)
    assert sorted(point.name for group in shared for point in group.points) == sorted(
        point.name for point in all_points()
    )
    assert all(point.data_w == group.width for group in shared for point in group.points)
    latencies = tuple(f"{ring}:{cycles}" for ring in RINGS for cycles in LATENCIES)
    assert [group.width for group in shared if group.latencies == latencies] == list(WIDTHS)


def ended(monkeypatch, tmp_path, found, *arguments):
    """Return the exit code of a bench that would have measured what is given."""

    def measure(points, latency, socket, jobs):
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(command, "measure", measure)
    for name in ("WHOLE", "PART", "PLOTS", "PART_PLOTS"):
        monkeypatch.setattr(command, name, tmp_path / name)
    return command.bench(command.parse(arguments))


def test_a_missed_floor_ends_with_code_1_and_a_line_that_names_it(monkeypatch, tmp_path, capsys):
    assert ended(monkeypatch, tmp_path, made_up(overhead=41)) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("FLOORS MISSED: idle queue: ")
    assert json.loads((tmp_path / "WHOLE").read_text()) == made_up(overhead=41)


def test_an_engine_that_meets_its_floors_ends_with_code_0(monkeypatch, tmp_path, capsys):
    assert ended(monkeypatch, tmp_path, made_up(share=0.97, overhead=39)) == 0
    shown = capsys.readouterr().out
    assert "FLOORS MISSED" not in shown
    assert "Corundum" in shown  # the figures stand beside those of others


def test_a_part_leaves_the_figures_of_the_whole_alone(monkeypatch, tmp_path, capsys):
    nothing = {"throughput": [], "latency": [], "socket": [], "block": [], "network": []}
    assert ended(monkeypatch, tmp_path, nothing, "--only", "^tx-512-64-lat16") == 0
    assert not (tmp_path / "WHOLE").exists() and (tmp_path / "PART").exists()


def test_a_run_that_differs_from_the_model_ends_with_code_1(monkeypatch, tmp_path, capsys):
    assert ended(monkeypatch, tmp_path, RunFailed("tx-64-64: memory differs")) == 1
    assert capsys.readouterr().err == "FAILED: tx-64-64: memory differs\n"
    assert not (tmp_path / "WHOLE").exists()
