# SPDX-License-Identifier: Apache-2.0
"""The chain store at its limit: long chains never wait for each other without end."""

from tests.system.systems import everywhere, run

TIGHT = (
    "tight",
    {"QUEUES": 4, "QUEUE_SIZE_MAX": 256, "DATA_W": 64, "MAX_CHAIN": 32, "CHAINS": 16},
)


@everywhere(verilator=[TIGHT], icarus=[], packed=[TIGHT])
def test_more_chains_than_the_store_holds(sim, design):
    run("storage", sim, design, "every_chain_comes_back")
