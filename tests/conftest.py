# SPDX-License-Identifier: Apache-2.0
"""What a run of the tests tells of the specification's clauses and of the operations' rules.

A run is whole when every test that cites a clause or shows a rule ran; only such a one is
written down. See `tests/clauses.py` and `tests/conformance/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests import clauses
from tests.conformance import report as operations

CITING = pytest.StashKey[set[str]]()  # ids of the tests that cite a clause or show a rule
SENT = "citing tests"  # the same, sent by a worker of pytest-xdist
RULES = "tests/conformance/"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance",
        action="store_true",
        help=f"run the tests that cite clauses or show rules, and write {clauses.PAGE.name}",
    )
    parser.addoption(
        "--citations", metavar="FILE", help="with --collect-only: write down what the tests cite"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CITING] = set()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    citing = []
    for item in items:
        found = clauses.citations(item)
        if found:
            item.user_properties.append((clauses.PROPERTY, json.dumps(found)))
        if found or item.nodeid.startswith(RULES):
            citing.append(item)
    config.stash[CITING] |= {item.nodeid for item in citing}
    if config.getoption("citations"):
        listed = sorted({one for item in items for one in clauses.citations(item)})
        Path(config.getoption("citations")).write_text(json.dumps(listed))
    if config.getoption("conformance"):
        config.hook.pytest_deselected(items=[item for item in items if item not in citing])
        items[:] = citing


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[SENT] = sorted(session.config.stash[CITING])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take what a worker tells at its end."""
    node.config.stash[CITING] |= set(getattr(node, "workeroutput", {}).get(SENT, ()))


def ended(reporter: pytest.TerminalReporter) -> list[tuple[pytest.TestReport, bool]]:
    """Return the reports of the tests that passed or failed, and which of both."""
    found = [(one, True) for one in reporter.stats.get("passed", []) if one.when == "call"]
    for kind in ("failed", "error"):
        found += [(one, False) for one in reporter.stats.get(kind, [])]
    return found


def is_whole(config: pytest.Config, ran: Iterable[str]) -> bool:
    """Whether every test of the project that cites a clause or shows a rule has ended."""
    everywhere = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    last_failed = config.getoption("lf", False)
    return everywhere and not last_failed and config.stash[CITING] <= set(ran)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    reports = ended(terminalreporter)
    properties = [
        (name, value, passed) for one, passed in reports for name, value in one.user_properties
    ]
    told = [value for name, value, _ in properties if name == operations.PROPERTY]
    shown = clauses.results(properties)
    write = terminalreporter.write_line
    cells = operations.cells(told)
    if told:
        terminalreporter.section("operations: rules, implementations, simulators")
        for line in operations.text(cells):
            write(line)
    if not shown:
        return
    found = clauses.rows(shown)
    device = [row for row in found if row.clause.role == "device"]
    terminalreporter.section("clauses of the specification")
    if not is_whole(config, (one.nodeid for one, _ in reports)):
        passed = sum(row.status == clauses.PASS for row in found)
        write(f"{passed} are shown by this run, which is a part of the tests")
        return
    for line in clauses.summary(device):
        write(line)
    for row in device:
        if row.status in (clauses.FAIL, clauses.GAP) and row.clause.level in clauses.DUTY:
            write(f"  {row.status}: {row.clause.id} {row.clause.level}")
    clauses.DATA.parent.mkdir(exist_ok=True)
    clauses.DATA.write_text(clauses.data(found))
    clauses.PAGE.write_text(clauses.page(found, cells))
    write(f"{clauses.PAGE.relative_to(clauses.ROOT)} is written")
