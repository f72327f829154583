# SPDX-License-Identifier: Apache-2.0
"""vq_arbiter: whose turn it is, and how long any request waits."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"PORTS": 1}),
    ("icarus", {"PORTS": 3}),
    ("icarus", {"PORTS": 4}),
    ("icarus", {"PORTS": 64}),
    ("verilator", {"PORTS": 5}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_arbiter(sim, parameters):
    run_bench("vq_arbiter", parameters, sim=sim)
