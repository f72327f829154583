# SPDX-License-Identifier: Apache-2.0
"""Packed rings: what the tests of split rings show, and what only packed ones have."""

import pytest

from tests.system.systems import SINGLE, TWO, USUAL, WIDE, everywhere, run

PACKED = ("packed",)
WIDTHS = [USUAL, WIDE, SINGLE, TWO]


@pytest.mark.clause("PACKED-DEV-01", "PACKED-DEV-02", "PACKED-DEV-04", "PACKED-DEV-08")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], rings=PACKED)
def test_operations_and_full_rings(sim, design):
    run("ops", sim, design, "each_operation_alone", "full_ring", "one_chain_fills_the_ring")


@pytest.mark.clause("PACKED-DEV-08", "PACKED-DEV-09", "PACKED-DEV-04", "PACKED-DEV-05")
@everywhere(verilator=[USUAL, WIDE], icarus=[], rings=PACKED)
def test_bytes_and_chains_of_any_kind(sim, design):
    run(
        "ops",
        sim,
        design,
        "chain_over_the_cap_is_a_fault",
        "segments_of_any_number_in_any_word",
        "framing_does_not_matter",
        "unequal_sides",
    )


@pytest.mark.clause(
    *("PACKED-DEV-01", "PACKED-DEV-02", "PACKED-DEV-04", "PACKED-DEV-06", "PACKED-DEV-07"),
    *("PACKED-DEV-08", "PACKED-DEV-11"),
)
@everywhere(verilator=WIDTHS, icarus=[USUAL], rings=PACKED)
def test_random_operations(sim, design):
    run("random_ops", sim, design, "compared_after_each_operation", "free_running")


@pytest.mark.clause("PACKED-DEV-06", "PACKED-DEV-07")
@everywhere(verilator=[USUAL, WIDE], icarus=[], rings=PACKED)
def test_any_memory(sim, design):
    run("memory", sim, design, "any_latency", "any_back_pressure")


@pytest.mark.clause("PACKED-DEV-11")
@everywhere(verilator=[USUAL], rings=PACKED)
def test_no_notification_and_no_interrupt_is_lost(sim, design):
    run(
        "callbacks",
        sim,
        design,
        "sync_at_every_cycle",
        "two_queues_go_idle_together",
        "restart_at_every_cycle",
        "interrupts_alone_keep_a_driver_going",
    )


@pytest.mark.clause("RST-DEV-01", "RST-DEV-02", "STAT-DEV-02", "STAT-DEV-03")
@everywhere(verilator=[USUAL, SINGLE], icarus=[], rings=PACKED)
def test_resets_stops_and_many_queues(sim, design):
    names = ["device_reset_in_flight", "queue_disabled_in_flight", "nothing_before_driver_ok"]
    run("queues", sim, design, *names, "a_fault_asks_for_a_reset", "all_queues_at_once")


@pytest.mark.clause("PACKED-DEV-06", "PACKED-DEV-10")
@everywhere(verilator=WIDTHS, icarus=[USUAL])
def test_flags_vouch_for_every_field(sim, design):
    run("packed", sim, design, "flags_vouch_for_every_field")


@pytest.mark.clause("PACKED-DEV-01", "PACKED-DEV-08", "PACKED-XDEV-01")
@everywhere(verilator=[USUAL, TWO], icarus=[])
def test_any_size_and_chains_in_a_row(sim, design):
    run("packed", sim, design, "any_size_and_lap", "chains_in_a_row_while_the_engine_works")


@pytest.mark.clause("PACKED-DEV-08", "PACKED-XDEV-01", "PACKED-XDEV-06")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL])
def test_chains_of_any_length_begin_at_any_place(sim, design):
    run("packed", sim, design, "chains_of_any_length_begin_at_any_place")


@pytest.mark.clause("PACKED-XDEV-01")
@everywhere(verilator=[WIDE], icarus=[])
def test_the_largest_ring_wraps(sim, design):
    run("packed", sim, design, "the_largest_ring_wraps")


@pytest.mark.clause("PACKED-XDEV-11", "PACKED-XDEV-12", "PACKED-XDEV-13")
@everywhere(verilator=[USUAL], icarus=[USUAL])
def test_the_driver_event_is_obeyed_exactly(sim, design):
    run("packed", sim, design, "the_driver_event_is_obeyed_exactly")


@pytest.mark.clause("PACKED-DEV-02", "PACKED-DEV-04", "PACKED-DEV-05", "PACKED-DEV-07")
@pytest.mark.clause("PACKED-XDEV-02", "PACKED-XDEV-04", "PACKED-XDEV-05", "PACKED-XDEV-06")
@everywhere(verilator=WIDTHS, icarus=[USUAL])
def test_only_what_may_be_touched_is(sim, design):
    run("packed", sim, design, "only_what_may_be_touched_is")


@pytest.mark.clause("PACKED-DEV-09", "STAT-DEV-02", "PACKED-XDEV-07")
@everywhere(verilator=[USUAL, WIDE, SINGLE])
def test_hostile_rings(sim, design):
    run("packed", sim, design, "hostile_rings_end_in_the_fault_of_the_model")
