# SPDX-License-Identifier: Apache-2.0
"""Device suspend on the whole device."""

import pytest

from tests.system.systems import USUAL, WIDE, everywhere, run
from tests.system.test_lives import TIGHT


@pytest.mark.clause("SUSP-DEV-03", "SUSP-DEV-06", "SUSP-DEV-07", "SUSP-DEV-08", "SUSP-DRV-06")
@everywhere(verilator=[USUAL, TIGHT], icarus=[TIGHT], packed=[TIGHT])
def test_suspended_at_any_cycle(sim, design):
    run("suspends", sim, design, "suspended_at_any_cycle")


@pytest.mark.clause("SUSP-DEV-06", "SUSP-DEV-08")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], packed=[USUAL])
def test_a_queue_that_is_always_full_is_suspended_too(sim, design):
    names = ("a_queue_that_is_always_full_is_suspended_too", "a_visit_is_cut_short")
    run("suspends", sim, design, *names)


@pytest.mark.clause("SUSP-DEV-03", "SUSP-DEV-07")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], packed=[USUAL])
def test_suspended_in_traffic_it_agrees_with_the_model(sim, design):
    run("suspends", sim, design, "suspended_in_traffic_it_agrees_with_the_model")


@pytest.mark.clause("SUSP-DEV-04", "SUSP-DEV-05", "SUSP-DEV-07", "RST-DEV-01")
@everywhere(verilator=[USUAL], icarus=[USUAL], packed=[USUAL])
def test_suspended_when_idle_and_reset_when_suspended(sim, design):
    run("suspends", sim, design, "suspended_when_idle_and_reset_when_suspended")
