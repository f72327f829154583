# SPDX-License-Identifier: Apache-2.0
"""With IN_ORDER: operations, random ones too, and batches that one used element returns."""

import pytest

from tests.system.systems import RINGS, USUAL, WIDE, everywhere, run

IN_ORDER = {"IN_ORDER": "1"}


@pytest.mark.clause("RSVF-DEV-05", "SPLIT-XDEV-06", "SPLIT-XDEV-07", "PACKED-XDEV-09")
@pytest.mark.clause("SPLIT-XDRV-02")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], rings=RINGS)
def test_buffers_are_used_in_order(sim, design):
    run("in_order", sim, design, "batches_of_any_buffers", env=IN_ORDER)


@pytest.mark.clause("RSVF-DEV-05")
@everywhere(verilator=[USUAL], icarus=[], rings=RINGS)
def test_operations(sim, design):
    names = ("each_operation_alone", "full_ring", "framing_does_not_matter", "unequal_sides")
    run("ops", sim, design, *names, env=IN_ORDER)
    run("random_ops", sim, design, "compared_after_each_operation", "free_running", env=IN_ORDER)


@pytest.mark.clause("RSVF-DEV-05", "QRST-DEV-01", "QRST-DEV-02")
@everywhere(verilator=[USUAL], icarus=[], rings=RINGS)
def test_published_buffers_are_taken_back(sim, design):
    run(
        "resets",
        sim,
        design,
        "a_buffer_is_taken_back_at_any_cycle",
        "what_was_never_notified_is_taken_back_as_the_model_does",
        "published_buffers_are_taken_back_in_traffic",
        env=IN_ORDER,
    )


@pytest.mark.clause("RSVF-DEV-05", "SUSP-DEV-03", "SUSP-DEV-07", "RST-DEV-01")
@everywhere(verilator=[USUAL], icarus=[], rings=RINGS)
def test_the_device_is_suspended_and_reset(sim, design):
    run("suspends", sim, design, "suspended_in_traffic_it_agrees_with_the_model", env=IN_ORDER)
    names = ["device_reset_in_flight", "queue_disabled_in_flight", "a_fault_asks_for_a_reset"]
    run("queues", sim, design, *names, env=IN_ORDER)


@pytest.mark.clause("PACKED-XDEV-09", "STAT-DEV-02")
@everywhere(verilator=[USUAL], icarus=[USUAL])
def test_hostile_rings(sim, design):
    names = ["hostile_rings_end_in_the_fault_of_the_model"]
    run("packed", sim, design, *names, env=IN_ORDER)
