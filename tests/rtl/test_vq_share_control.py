# SPDX-License-Identifier: Apache-2.0
"""vq_share_control: several transports on one engine."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {}),
    ("icarus", {"QUEUES": 1, "DEVICES": 3}),
    ("verilator", {"DEVICES": 4, "QUEUES": 16}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_share_control(sim, parameters):
    run_bench("vq_share_control", parameters, sim=sim)
