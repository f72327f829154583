# SPDX-License-Identifier: Apache-2.0
"""vq_burst_split: tiling against a model, and its rate."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"MAX_BYTES": 2, "ADDR_W": 13, "UPTO_W": 14}),
    ("icarus", {"MAX_BYTES": 256}),
    ("icarus", {"MAX_BYTES": 4096, "UPTO_W": 13}),
    ("verilator", {"MAX_BYTES": 64}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_burst_split(sim, parameters):
    run_bench("vq_burst_split", parameters, sim=sim)
