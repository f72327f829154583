# SPDX-License-Identifier: Apache-2.0
"""vq_scatter: segments, lengths and order against plain bytes."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {}),
    ("icarus", {"MAX_BYTES": 64, "BEATS": 16, "TAG_W": 4}),
    ("icarus", {"DATA_W": 512, "MAX_BYTES": 4096, "BEATS": 128}),
    ("verilator", {}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_scatter(sim, parameters):
    run_bench("vq_scatter", parameters, sim=sim)
