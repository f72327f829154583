# SPDX-License-Identifier: Apache-2.0
"""vq_chain_store: chunks, links and segments against a model."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"CHAINS": 4}),
    ("icarus", {"CHAINS": 32}),
    ("verilator", {"CHAINS": 16}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_chain_store(sim, parameters):
    run_bench("vq_chain_store", parameters, sim=sim)
