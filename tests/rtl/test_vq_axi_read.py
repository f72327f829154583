# SPDX-License-Identifier: Apache-2.0
"""vq_axi_read: order, errors, dead queues, halt, against a memory that interleaves."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {}),
    ("icarus", {"PORTS": 1, "QUEUES": 1, "QID_W": 1}),
    ("icarus", {"PORTS": 16, "QUEUES": 64, "QID_W": 6, "DATA_W": 512}),
    ("verilator", {}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_axi_read(sim, parameters):
    run_bench("vq_axi_read", parameters, sim=sim)
