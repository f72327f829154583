# SPDX-License-Identifier: Apache-2.0
"""Queues that are reset while they work, and buffers that are taken back by it."""

import pytest

from tests.system.systems import USUAL, WIDE, everywhere, run
from tests.system.test_lives import TIGHT


@pytest.mark.clause("QRST-DEV-01", "QRST-DEV-02", "QRST-DEV-03")
@pytest.mark.clause("MMIO-DEV-09", "MMIO-DEV-10", "MMIO-DEV-11", "MMIO-DEV-12")
@everywhere(verilator=[USUAL, TIGHT], icarus=[TIGHT], packed=[TIGHT])
def test_a_queue_reset_ends_its_life(sim, design):
    run("resets", sim, design, "a_queue_reset_ends_its_life")


@pytest.mark.clause("QRST-DEV-01", "QRST-DEV-02", "QRST-DRV-01", "QRST-DRV-02", "QRST-DRV-03")
@pytest.mark.clause("CLEAN-DRV-01", "CLEAN-DRV-02")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], packed=[USUAL])
def test_a_buffer_is_taken_back_at_any_cycle(sim, design):
    run("resets", sim, design, "a_buffer_is_taken_back_at_any_cycle")


@pytest.mark.clause("QRST-DEV-01", "QRST-DEV-02")
@everywhere(verilator=[USUAL], icarus=[USUAL], packed=[USUAL])
def test_what_was_never_notified_is_taken_back_as_the_model_does(sim, design):
    run("resets", sim, design, "what_was_never_notified_is_taken_back_as_the_model_does")


@pytest.mark.clause("QRST-DEV-01", "QRST-DEV-02", "QRST-DRV-03")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], packed=[USUAL])
def test_published_buffers_are_taken_back_in_traffic(sim, design):
    run("resets", sim, design, "published_buffers_are_taken_back_in_traffic")


@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], packed=[USUAL])
def test_other_queues_go_on_at_their_pace(sim, design):
    run("resets", sim, design, "other_queues_go_on_at_their_pace")
