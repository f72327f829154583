# SPDX-License-Identifier: Apache-2.0
"""vq_ram: random accesses against a dictionary."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"WIDTH": 1, "DEPTH": 2}),
    ("icarus", {"WIDTH": 96, "DEPTH": 16}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_ram(sim, parameters):
    run_bench("vq_ram", parameters, sim=sim)
