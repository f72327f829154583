# SPDX-License-Identifier: Apache-2.0
"""Queues that are stopped or fault, and start again."""

import pytest

from tests.system.systems import USUAL, Design, everywhere, run

TIGHT: Design = (
    "tight",
    {"QUEUES": 4, "QUEUE_SIZE_MAX": 256, "DATA_W": 64, "MAX_CHAIN": 32, "CHAINS": 16},
)


@pytest.mark.clause("MMIO-DEV-07")
@everywhere(verilator=[USUAL, TIGHT], icarus=[TIGHT], packed=[TIGHT])
def test_a_new_life_starts_afresh(sim, design):
    run("lives", sim, design, "a_new_life_starts_afresh")


@everywhere(verilator=[TIGHT], icarus=[TIGHT], packed=[TIGHT])
def test_chains_thrown_away_give_their_storage_back(sim, design):
    run("lives", sim, design, "chains_thrown_away_give_their_storage_back")


@everywhere(verilator=[TIGHT], icarus=[TIGHT], packed=[TIGHT])
def test_visits_that_end_together(sim, design):
    run("lives", sim, design, "visits_end_together")
