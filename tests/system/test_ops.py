# SPDX-License-Identifier: Apache-2.0
"""The five operations and every kind of chain, and the wrap of the ring indices."""

import pytest

from tests.system.systems import SINGLE, TWO, USUAL, WIDE, everywhere, run

WIDTHS = [USUAL, WIDE, SINGLE, TWO]


@pytest.mark.clause("SPLIT-DEV-10", "SPLIT-DEV-11", "SPLIT-DEV-13", "SPLIT-DEV-14", "SPLIT-DEV-22")
@everywhere()
def test_operations_one_by_one(sim, design):
    run(
        "ops",
        sim,
        design,
        "each_operation_alone",
        "detached_buffers",
        "spurious_notifications",
    )


@pytest.mark.clause("SPLIT-DEV-02", "SPLIT-XDEV-01", "SPLIT-XDEV-02", "SPLIT-XDEV-03")
@everywhere(verilator=[USUAL, WIDE, SINGLE])
def test_rings_are_filled(sim, design):
    run(
        "ops",
        sim,
        design,
        "full_ring",
        "one_chain_fills_the_ring",
        "chain_over_the_cap_is_a_fault",
    )


@pytest.mark.clause("SPLIT-DEV-01", "SPLIT-XDEV-05")
@everywhere(verilator=WIDTHS, icarus=[USUAL, WIDE])
def test_bytes_arrive_from_any_place_at_any_place(sim, design):
    run(
        "ops",
        sim,
        design,
        "any_alignment_and_length",
        "segments_of_any_number_in_any_word",
        "pages_are_crossed",
        "framing_does_not_matter",
        "unequal_sides",
        "pattern_mode_counts_wrong_bytes",
    )


@pytest.mark.clause("SPLIT-DEV-07", "SPLIT-DEV-08", "SPLIT-XDEV-04")
@everywhere(verilator=WIDTHS)
def test_chains_that_only_other_drivers_make(sim, design):
    run(
        "ops",
        sim,
        design,
        "direct_descriptors_before_an_indirect_one",
        "empty_descriptors_carry_no_bytes",
    )


@pytest.mark.clause("SPLIT-DEV-03", "SPLIT-DEV-04", "SPLIT-DEV-06")
@everywhere(verilator=WIDTHS)
def test_only_what_may_be_touched_is(sim, design):
    run("ops", sim, design, "only_what_may_be_touched_is")


@pytest.mark.clause("SPLIT-XDEV-02", "SPLIT-XDEV-08", "SPLIT-DEV-13")
@everywhere(icarus=[])  # half a minute of empty chains; its modules' tests wrap under Icarus too
def test_ring_indices_wrap(sim, design):
    run("wrap", sim, design, "indices_wrap", "indices_wrap_free_running")


@pytest.mark.clause("SPLIT-XDEV-01", "SPLIT-XDEV-02")
@everywhere(verilator=[WIDE], icarus=[WIDE])
def test_the_largest_ring(sim, design):
    run("wrap", sim, design, "the_largest_ring")
