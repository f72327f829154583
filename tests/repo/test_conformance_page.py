# SPDX-License-Identifier: Apache-2.0
"""The page on conformance says what a whole run of the tests as they are would write."""

from __future__ import annotations

import difflib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import clauses
from tests.conformance import implementations as listed
from tests.conformance import report
from tests.conformance.rules import rules

STALE = f"docs/conformance.md is not what a whole run of the tests writes: `{clauses.COMMAND}`"


@pytest.fixture(scope="module")
def cited(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[clauses.Shown]]:
    """What each clause comes to if every test passes."""
    path = tmp_path_factory.mktemp("citations") / "citations.json"
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", f"--citations={path}"]
    subprocess.run(command, cwd=clauses.ROOT, check=True, capture_output=True)
    shown: dict[str, list[clauses.Shown]] = {}
    for clause, test, place in json.loads(path.read_text()):
        shown.setdefault(clause, []).append(clauses.Shown(test, place, True))
    return shown


def test_the_page_is_that_of_these_tests(cited: dict[str, list[clauses.Shown]]) -> None:
    ran = [
        report.outcomes(name, place, {rule.id: True})
        for rule in rules()
        for name in listed.NAMES
        for place in listed.PLACES
        if listed.fitting(rule, name, place)
    ]
    wanted = clauses.page(clauses.rows(cited), report.cells(ran)).splitlines()
    found = clauses.PAGE.read_text().splitlines()
    parts = difflib.unified_diff(found, wanted, "the page", "a whole run", n=0, lineterm="")
    assert found == wanted, "\n".join([STALE, *list(parts)[:40]])


def test_what_is_cited_as_showing_a_clause_exists(cited: dict[str, list[clauses.Shown]]) -> None:
    missing = []
    for test in {one.test for shown in cited.values() for one in shown}:
        file, _, name = test.partition("::")
        path = Path(clauses.ROOT / file)
        if not path.is_file() or (name and f"def {name.split('::')[-1]}(" not in path.read_text()):
            missing.append(test)
    assert not missing


def test_what_does_not_apply_has_a_reason_and_no_test(
    cited: dict[str, list[clauses.Shown]],
) -> None:
    for clause, reason in clauses.not_applicable().items():
        assert clause in clauses.clauses() and len(reason.split()) > 3, clause
        assert clause not in cited, f"{clause} is shown by {cited[clause][0].test}"
