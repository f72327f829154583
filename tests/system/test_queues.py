# SPDX-License-Identifier: Apache-2.0
"""Many queues at once, fairness, queues and devices that are stopped and started again."""

import pytest

from tests.system.systems import SINGLE, TWO, USUAL, WIDE, everywhere, run


@pytest.mark.clause("SPLIT-DEV-23")
@everywhere(verilator=[USUAL, WIDE, TWO], icarus=[WIDE], packed=[USUAL])
def test_many_queues_work_at_once_and_none_starves(sim, design):
    run("queues", sim, design, "all_queues_at_once", "no_queue_starves")


@pytest.mark.clause("RST-DEV-01", "RST-DEV-02", "STAT-XDEV-01", "FEAT-DEV-05")
@everywhere(verilator=[USUAL, WIDE, SINGLE])
def test_stopped_in_flight_and_started_again(sim, design):
    run("queues", sim, design, "device_reset_in_flight", "queue_disabled_in_flight")


@pytest.mark.clause("STAT-DEV-01")
@everywhere()
def test_nothing_happens_before_driver_ok(sim, design):
    run("queues", sim, design, "nothing_before_driver_ok")


@pytest.mark.clause("STAT-DEV-02", "STAT-DEV-03")
@everywhere(verilator=[USUAL, SINGLE])
def test_a_fault_asks_for_a_reset(sim, design):
    run("queues", sim, design, "a_fault_asks_for_a_reset")


@pytest.mark.clause("FEAT-DEV-02", "FEAT-DEV-03", "FEAT-DEV-04")
@pytest.mark.parametrize("off", ["SPLIT_EN", "PACKED_EN", "ORDER_EN"])
def test_a_build_offers_what_it_has(off):
    design = (off, {**SINGLE[1], off: 0})
    run("queues", "icarus", design, "a_build_offers_what_it_has", env={"SWITCH_OFF": off})


@pytest.mark.clause(
    *("FEAT-DEV-01", "FEAT-DEV-02", "FEAT-DEV-03", "FEAT-DEV-04", "FEAT-DEV-05"),
    *("RSVF-DEV-01", "RSVF-DEV-02", "RSVF-DEV-10", "RSVF-XDEV-01"),
)
@everywhere()
def test_features_are_taken_or_refused(sim, design):
    run("queues", sim, design, "features_are_taken_or_refused")
