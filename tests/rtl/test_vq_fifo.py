# SPDX-License-Identifier: Apache-2.0
"""vq_fifo: order, room, rate, both kinds of memory."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"DEPTH": 2, "WIDTH": 1}),
    ("icarus", {"DEPTH": 2, "BLOCK_EN": 1}),
    ("icarus", {"DEPTH": 4}),
    ("icarus", {"DEPTH": 16, "BLOCK_EN": 1, "WIDTH": 65}),
    ("icarus", {"DEPTH": 32, "WIDTH": 200}),
    ("verilator", {"DEPTH": 8, "BLOCK_EN": 1}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_fifo(sim, parameters):
    run_bench("vq_fifo", parameters, sim=sim)
