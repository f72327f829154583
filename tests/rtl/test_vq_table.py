# SPDX-License-Identifier: Apache-2.0
"""vq_table: random accesses and clears against a list."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"ROWS": 1}),
    ("icarus", {"ROWS": 3, "WIDTH": 5}),
    ("icarus", {"ROWS": 64}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_table(sim, parameters):
    run_bench("vq_table", parameters, sim=sim)
