# SPDX-License-Identifier: Apache-2.0
"""`make bench` as its user meets it, where nothing is simulated."""

import subprocess
import sys

import pytest

from ci.toolchain import ROOT
from tb.measure.command import groups
from tb.measure.points import LATENCIES, WIDTHS, all_points


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
    assert result.stdout.split() == [*(point.name for point in all_points()), "latency"]


def test_every_point_is_in_one_simulation_of_its_width():
    shared = groups(all_points(), latency=True)
    assert sorted(point.name for group in shared for point in group.points) == sorted(
        point.name for point in all_points()
    )
    assert all(point.data_w == group.width for group in shared for point in group.points)
    assert [group.width for group in shared if group.latencies == LATENCIES] == list(WIDTHS)
