# SPDX-License-Identifier: Apache-2.0
"""vq_complete_order: any order of completions leaves in order of each queue."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {}),
    ("icarus", {"QID_W": 1, "TAG_W": 2}),
    ("icarus", {"QID_W": 6, "TAG_W": 11}),
    ("verilator", {"TAG_W": 5}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
@pytest.mark.clause("RSVF-DEV-05")
def test_vq_complete_order(sim, parameters):
    run_bench("vq_complete_order", parameters, sim=sim)
