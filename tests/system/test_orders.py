# SPDX-License-Identifier: Apache-2.0
"""The orders that hardware virtio gets wrong, each attacked at every cycle and beat of a window."""

import pytest

from tests.system.systems import USUAL, WIDE, everywhere, run

PLACES = {"verilator": [USUAL, WIDE], "icarus": [USUAL, WIDE]}


@pytest.mark.clause("SPLIT-DEV-23", "PACKED-DEV-06")
@everywhere(**PLACES, packed=[USUAL])
def test_stale_entries_and_descriptors_are_never_used(sim, design):
    run(
        "orders",
        sim,
        design,
        "stale_bytes_are_never_used_at_any_cycle",
        "stale_bytes_are_never_used_at_any_beat",
    )


@pytest.mark.clause("SPLIT-DEV-15", "SPLIT-DEV-16", "PACKED-DEV-07")
@everywhere(**PLACES, packed=[USUAL])
def test_nothing_overtakes_its_acknowledgement(sim, design):
    run("orders", sim, design, "nothing_overtakes_its_acknowledgement")


@pytest.mark.clause("SPLIT-DEV-11", "SPLIT-DEV-13", "PACKED-XDEV-12")
@everywhere(**PLACES, packed=[USUAL])
def test_interrupts_enabled_at_any_cycle_are_not_lost(sim, design):
    run("orders", sim, design, "interrupts_enabled_at_any_cycle")


@pytest.mark.clause("PACKED-DEV-11")
@everywhere(**PLACES, packed=[USUAL])
def test_chains_published_while_going_idle_are_served(sim, design):
    run("orders", sim, design, "published_at_any_cycle_of_going_idle")
