# SPDX-License-Identifier: Apache-2.0
"""vq_axi_write: AXI4 bursts, strobes, order, errors, halt, against a memory of bytes."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"DATA_W": 64}),
    ("icarus", {"DATA_W": 64, "PORTS": 2, "QUEUES": 1, "BURSTS": 2}),
    ("icarus", {"DATA_W": 512, "PORTS": 4, "QUEUES": 64, "QID_W": 6}),
    ("verilator", {"DATA_W": 64}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_axi_write(sim, parameters):
    run_bench("vq_axi_write", parameters, sim=sim)
