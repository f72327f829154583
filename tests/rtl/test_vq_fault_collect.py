# SPDX-License-Identifier: Apache-2.0
"""vq_fault_collect: first faults, stops and reports."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"KILL": 21}),
    ("icarus", {"QUEUES": 1, "QID_W": 1, "PORTS": 2, "KILL": 1}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_fault_collect(sim, parameters):
    run_bench("vq_fault_collect", parameters, sim=sim)
