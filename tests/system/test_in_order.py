# SPDX-License-Identifier: Apache-2.0
"""With IN_ORDER: operations, random ones too, and batches that one used element returns."""

import pytest

from tests.system.systems import RINGS, USUAL, WIDE, everywhere, run

IN_ORDER = {"IN_ORDER": "1"}


@pytest.mark.clause("RSVF-DEV-05", "SPLIT-XDEV-06", "SPLIT-XDEV-07", "PACKED-XDEV-09")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], rings=RINGS)
def test_buffers_are_used_in_order(sim, design):
    run("in_order", sim, design, "batches_of_any_buffers", env=IN_ORDER)


@pytest.mark.clause("RSVF-DEV-05")
@everywhere(verilator=[USUAL], icarus=[], rings=RINGS)
def test_operations(sim, design):
    names = ("each_operation_alone", "full_ring", "framing_does_not_matter", "unequal_sides")
    run("ops", sim, design, *names, env=IN_ORDER)
    run("random_ops", sim, design, "compared_after_each_operation", "free_running", env=IN_ORDER)
