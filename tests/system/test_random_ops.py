# SPDX-License-Identifier: Apache-2.0
"""Random operations of the driver, compared with the model."""

import pytest

from tests.system.systems import SINGLE, TWO, USUAL, WIDE, everywhere, run

CLAUSES = (
    *("SPLIT-DEV-03", "SPLIT-DEV-06", "SPLIT-DEV-10", "SPLIT-DEV-11", "SPLIT-DEV-13"),
    *("SPLIT-DEV-14", "SPLIT-DEV-18", "SPLIT-DEV-20", "SPLIT-XDEV-02", "SPLIT-XDEV-05"),
)


@pytest.mark.clause(*CLAUSES)
@everywhere(verilator=[USUAL, WIDE, SINGLE, TWO], icarus=[USUAL, WIDE])
def test_random_operations_compared_after_each(sim, design):
    run("random_ops", sim, design, "compared_after_each_operation")


@pytest.mark.clause(*CLAUSES, "SPLIT-DEV-15", "SPLIT-DEV-16", "SPLIT-DEV-23")
@everywhere(verilator=[USUAL, WIDE, SINGLE, TWO], icarus=[USUAL, WIDE])
def test_random_operations_free_running(sim, design):
    run("random_ops", sim, design, "free_running")
