# SPDX-License-Identifier: Apache-2.0
"""Rings that go on in another life of their queue."""

from tests.system.systems import SINGLE, USUAL, WIDE, everywhere, run


@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], rings=["split", "packed"])
def test_rings_go_on_where_they_were(sim, design):
    run("handover", sim, design, "a_queue_goes_on_in_a_new_life")


@everywhere(verilator=[USUAL, SINGLE], icarus=[USUAL], rings=["split", "packed"])
def test_rings_go_on_from_the_midst_of_work(sim, design):
    run("handover", sim, design, "a_queue_goes_on_from_the_midst_of_its_work")


@everywhere(verilator=[], icarus=[USUAL], rings=["packed"])
def test_a_place_outside_the_ring_is_refused(sim, design):
    run("handover", sim, design, "a_place_outside_the_ring_is_refused")
