# SPDX-License-Identifier: Apache-2.0
"""vq_fetch_ring: no entry is forgotten, whatever the race with the driver."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {}),
    ("icarus", {"QUEUES": 1, "QID_W": 1, "ENTRIES_MAX": 8, "VISIT_MAX": 16}),
    ("verilator", {}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_fetch_ring(sim, parameters):
    run_bench("vq_fetch_ring", parameters, sim=sim)
