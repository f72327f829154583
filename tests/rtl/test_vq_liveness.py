# SPDX-License-Identifier: Apache-2.0
"""vq_liveness: random lives of queues against plain counts."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {}),
    ("icarus", {"QUEUES": 1, "QID_W": 1}),
    ("verilator", {"QUEUES": 5, "QID_W": 3}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_liveness(sim, parameters):
    run_bench("vq_liveness", parameters, sim=sim)
