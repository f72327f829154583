# SPDX-License-Identifier: Apache-2.0
"""vq_sock_answers: answers of a function, read by drivers, against a small model."""

import pytest

from tb.runner import run_bench

SHAPES = {
    "small": ("icarus", {"QUEUES": 1, "SLOTS": 2, "WORDS": 4, "DATA_W": 128}),
    "usual": ("icarus", {"QUEUES": 4, "SLOTS": 16, "WORDS": 32}),
    "large": ("verilator", {"QUEUES": 64, "SLOTS": 256, "WORDS": 64, "DATA_W": 512}),
}


@pytest.mark.parametrize(("sim", "parameters"), SHAPES.values(), ids=SHAPES)
def test_vq_sock_answers(sim, parameters):
    run_bench("vq_sock_answers", parameters, sim=sim)
