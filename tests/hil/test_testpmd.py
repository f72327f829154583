# SPDX-License-Identifier: Apache-2.0
"""testpmd as a process: its counters are read, and whatever it does wrong is one line."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from tb.hil.testpmd import Stats, Testpmd, TestpmdError

STATS = """\
  ######################## NIC statistics for port {port}  ########################
  RX-packets: {n}          RX-missed: 0          RX-bytes:  {bytes}
  RX-errors: 0
  TX-packets: 3          TX-errors: 0          TX-bytes:  180
"""
HEAD = f"""\
import sys, time
def stats(port, n):
    print({STATS!r}.format(port=port, n=n, bytes=60 * n))
n = 0
for line in sys.stdin:
    word = line.split()[0]
    port = line.split()[-1]
"""
Start = Callable[[str], Testpmd]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A program that takes lines as testpmd does; `word`, `port` and a count `n` are there."""
    begun = []

    def one(body: str) -> Testpmd:
        program = tmp_path / "testpmd.py"
        program.write_text(HEAD + textwrap.indent(textwrap.dedent(body), "    "))
        found = Testpmd([sys.executable, str(program)], dict(os.environ), tmp_path / "log")
        begun.append(found)
        return found.__enter__()

    yield one
    for found in begun:
        found.__exit__(None, None, None)


def test_counters_are_those_of_the_port_asked_for(start: Start) -> None:
    pmd = start("stats(1, 9)\nstats(port, 5)")
    assert pmd.stats(0, 5) == Stats(5, 300, 3, 180)
    assert pmd.stats(1, 5) == Stats(9, 540, 3, 180)


def test_it_is_waited_for_as_long_as_its_counters_move(start: Start) -> None:
    pmd = start("time.sleep(0.05)\nn += 1\nstats(port, n)")
    assert pmd.until(0, lambda found: found.received == 8, 0.5, "8 packets").received == 8


def test_counters_that_stand_still_are_told(start: Start) -> None:
    pmd = start("stats(port, 4)")
    with pytest.raises(TestpmdError, match=r"waited 0\.3 s in vain for 5 packets: .*received=4"):
        pmd.until(0, lambda found: found.received == 5, 0.3, "5 packets")


def test_one_that_says_nothing_is_told(start: Start) -> None:
    with pytest.raises(TestpmdError, match=r"not told its counters for 0\.2 s"):
        start("pass").stats(0, 0.2)


def test_a_port_that_does_not_start_is_told_in_its_words(start: Start) -> None:
    pmd = start("print('Fail to configure port 0')\nstats(port, 0)")
    with pytest.raises(TestpmdError, match="testpmd says: Fail to configure port 0"):
        pmd.until(0, lambda found: False, 5, "nothing")


@pytest.mark.parametrize("code", [0, 3])
def test_one_that_ended_is_told_with_its_last_error(start: Start, code: int) -> None:
    pmd = start(f"print('EAL: Error - no memory')\nsys.exit({code})")
    with pytest.raises(TestpmdError, match=f"ended with code {code}: EAL: Error - no memory"):
        pmd.stats(0, 5)


def test_its_end_must_be_a_good_one(start: Start) -> None:
    start("sys.exit(0)").quit(5)
    with pytest.raises(TestpmdError, match="ended with code 4"):
        start("sys.exit(4)").quit(5)
    with pytest.raises(TestpmdError, match=r"not ended for 0\.2 s"):
        start("time.sleep(60)").quit(0.2)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(TestpmdError, match="/none does not start: No such file"),
        Testpmd([str(tmp_path / "none")], {}, tmp_path / "log"),
    ):
        pass


def test_all_that_it_prints_is_in_its_log(start: Start, tmp_path: Path) -> None:
    pmd = start("print('as told')\nsys.exit(0)")
    pmd.quit(5)
    pmd.__exit__(None, None, None)
    assert (tmp_path / "log").read_text().splitlines()[-1] == "as told"
