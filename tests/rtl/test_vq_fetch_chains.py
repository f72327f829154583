# SPDX-License-Identifier: Apache-2.0
"""vq_fetch_chains: legal and hostile chains against the golden model's walker."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"MAX_CHAIN": 16, "TAG_W": 4, "ORDER_W": 4}),
    ("icarus", {"MAX_CHAIN": 24, "TAG_W": 6, "ORDER_W": 2, "DATA_W": 512}),
    (
        "icarus",
        {
            "MAX_CHAIN": 16,
            "TAG_W": 5,
            "ORDER_W": 4,
            "DATA_W": 128,
            "QUEUES": 1,
            "QID_W": 1,
            "HERE_EN": 1,
        },
    ),
    ("verilator", {"MAX_CHAIN": 16, "TAG_W": 5, "ORDER_W": 5}),
    ("verilator", {"MAX_CHAIN": 128, "TAG_W": 7, "ORDER_W": 6, "DATA_W": 512, "HERE_EN": 1}),
    ("verilator", {"MAX_CHAIN": 20, "TAG_W": 6, "ORDER_W": 5, "DATA_W": 256, "QUEUES": 3}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_fetch_chains(sim, parameters):
    run_bench("vq_fetch_chains", parameters, sim=sim)
