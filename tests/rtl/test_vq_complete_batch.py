# SPDX-License-Identifier: Apache-2.0
"""vq_complete_batch: slots, batches, closing and rate against a model."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {}),
    ("icarus", {"QUEUES": 1, "QID_W": 1, "BATCH_MAX": 8, "BATCHES": 2, "DATA_W": 128}),
    ("verilator", {"DATA_W": 128}),
    ("verilator", {"QUEUES": 64, "QID_W": 6, "DATA_W": 512}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_complete_batch(sim, parameters):
    run_bench("vq_complete_batch", parameters, sim=sim)
