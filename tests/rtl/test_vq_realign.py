# SPDX-License-Identifier: Apache-2.0
"""vq_realign: every offset, count and start against plain bytes."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"DATA_W": 64}),
    ("icarus", {"DATA_W": 128}),
    ("icarus", {"DATA_W": 512}),
    ("verilator", {"DATA_W": 64}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_realign(sim, parameters):
    run_bench("vq_realign", parameters, sim=sim)
