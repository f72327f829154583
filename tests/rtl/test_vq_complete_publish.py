# SPDX-License-Identifier: Apache-2.0
"""vq_complete_publish: order of its steps, and every decision of the model."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {}),
    ("icarus", {"QUEUES": 1, "QID_W": 1, "BATCHES": 2}),
    ("verilator", {}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_complete_publish(sim, parameters):
    run_bench("vq_complete_publish", parameters, sim=sim)
