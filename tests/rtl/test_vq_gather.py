# SPDX-License-Identifier: Apache-2.0
"""vq_gather: the readable segments of random chains."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"TAG_W": 8}),
    ("verilator", {"TAG_W": 8}),
    ("icarus", {"TAG_W": 8, "HOLD_EN": 1}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_gather(sim, parameters):
    run_bench("vq_gather", parameters, sim=sim)
