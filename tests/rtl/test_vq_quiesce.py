# SPDX-License-Identifier: Apache-2.0
"""vq_quiesce: halt, drain, reset."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_quiesce(sim, parameters):
    run_bench("vq_quiesce", parameters, sim=sim)
