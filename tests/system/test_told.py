# SPDX-License-Identifier: Apache-2.0
"""NOTIFICATION_DATA on the whole device; hostile drivers are in tests/scenarios/told.jsonl."""

import pytest

from tests.system.systems import USUAL, WIDE, everywhere, run


@pytest.mark.clause("NOTIF-XDRV-02", "NOTIF-XDRV-04")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], packed=[USUAL])
def test_random_operations_that_tell_their_index(sim, design):
    run("told", sim, design, "random_operations_agree_with_the_model")


@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL])
def test_an_idle_queue_is_served_a_trip_sooner(sim, design):
    run("told", sim, design, "an_idle_queue_is_served_a_trip_sooner")
