# SPDX-License-Identifier: Apache-2.0
"""vq_fetch_entries: values of beats, sorted."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"DATA_W": 64}),
    ("icarus", {"DATA_W": 512}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_fetch_entries(sim, parameters):
    run_bench("vq_fetch_entries", parameters, sim=sim)
