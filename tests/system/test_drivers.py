# SPDX-License-Identifier: Apache-2.0
"""Drivers found by a scan, over the Verilog and over the model."""

import pytest

from tests.system.systems import USUAL, WIDE, everywhere, run


@pytest.mark.clause("INIT-DRV-01", "STAT-DRV-01", "CLEAN-DRV-02", "MMIO-DRV-29")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL])
def test_drivers_work_in_both_worlds(sim, design):
    run("drivers", sim, design, "a_driver_works_in_both_worlds")


@pytest.mark.clause("INIT-DRV-05", "STAT-DRV-04", "CLEAN-DRV-01", "QRST-DRV-01")
@everywhere(verilator=[USUAL], icarus=[USUAL])
def test_drivers_leave_and_fail_without_loss(sim, design):
    run(
        "drivers",
        sim,
        design,
        "a_failed_probe_leaves_nothing_behind",
        "buffers_come_back_while_the_device_works",
        "a_device_that_needs_a_reset_is_noticed",
        "a_device_without_a_driver_is_left_alone",
    )


@everywhere(verilator=[USUAL], icarus=[])
def test_the_comparison_of_drivers_sees_every_difference(sim, design):
    run("drivers", sim, design, "a_difference_ends_with_a_mismatch")
