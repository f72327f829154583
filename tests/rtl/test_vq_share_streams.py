# SPDX-License-Identifier: Apache-2.0
"""vq_share_streams: several device functions on one boundary."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {}),
    ("icarus", {"QUEUES": 1, "CHAINS": 16}),
    ("verilator", {"DEVICES": 3, "QUEUES": 2, "DATA_W": 512, "CHAINS": 64}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_share_streams(sim, parameters):
    run_bench("vq_share_streams", parameters, sim=sim)
