# SPDX-License-Identifier: Apache-2.0
"""vq_write_word: requests and beats."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"DATA_W": 64}),
    ("icarus", {"DATA_W": 512}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_write_word(sim, parameters):
    run_bench("vq_write_word", parameters, sim=sim)
