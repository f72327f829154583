# SPDX-License-Identifier: Apache-2.0
"""vq_schedule: nothing that was owed is lost, whatever the moment."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"QUEUES": 4}),
    ("icarus", {"QUEUES": 1, "QID_W": 1}),
    ("icarus", {"QUEUES": 7, "QID_W": 3}),
    ("verilator", {"QUEUES": 4}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_schedule(sim, parameters):
    run_bench("vq_schedule", parameters, sim=sim)
