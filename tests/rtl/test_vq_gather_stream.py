# SPDX-License-Identifier: Apache-2.0
"""vq_gather_stream: packets, damage and faults against plain bytes."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"DATA_W": 64}),
    ("icarus", {"DATA_W": 512}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_gather_stream(sim, parameters):
    run_bench("vq_gather_stream", parameters, sim=sim)
