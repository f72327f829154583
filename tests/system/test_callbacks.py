# SPDX-License-Identifier: Apache-2.0
"""Callbacks, suppression and notifications, at every cycle of the windows in which they race."""

import pytest

from tests.system.systems import USUAL, WIDE, everywhere, run


@pytest.mark.clause("SPLIT-DEV-11", "SPLIT-DEV-13")
@everywhere()
def test_restart_never_loses_a_buffer(sim, design):
    run("callbacks", sim, design, "restart_at_every_cycle")


@pytest.mark.clause("SPLIT-DEV-11", "SPLIT-DEV-13")
@everywhere(verilator=[USUAL, WIDE])
def test_no_interrupt_is_lost(sim, design):
    run(
        "callbacks",
        sim,
        design,
        "interrupts_alone_keep_a_driver_going",
        "an_acknowledged_interrupt_comes_again",
    )


@pytest.mark.clause(
    *("SPLIT-DEV-09", "SPLIT-DEV-10", "SPLIT-DEV-11", "SPLIT-DEV-12", "SPLIT-DEV-13"),
    *("SPLIT-DEV-14", "SPLIT-XDEV-08"),
)
@everywhere()
def test_suppression_is_exact(sim, design):
    run("callbacks", sim, design, "used_event_is_obeyed_exactly", "the_flag_is_obeyed_exactly")


@pytest.mark.clause(
    *("SPLIT-DEV-18", "SPLIT-DEV-19", "SPLIT-DEV-20", "SPLIT-DEV-21", "SPLIT-DEV-24"),
)
@everywhere()
def test_no_notification_is_lost(sim, design):
    run("callbacks", sim, design, "sync_at_every_cycle", "two_queues_go_idle_together")
