# SPDX-License-Identifier: Apache-2.0
"""vq_fetch_order: chains back in order."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"ORDER_W": 2}),
    ("icarus", {"ORDER_W": 5, "WIDTH": 100}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_fetch_order(sim, parameters):
    run_bench("vq_fetch_order", parameters, sim=sim)
