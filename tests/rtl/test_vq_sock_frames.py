# SPDX-License-Identifier: Apache-2.0
"""vq_sock_frames: good and bad words of several queues against a small model."""

import pytest

from tb.runner import run_bench

SHAPES = {
    "small": ("icarus", {"QUEUES": 1, "SLOTS": 2, "WORDS": 4, "MAX_WRITE": 12}),
    "usual": ("icarus", {"QUEUES": 4, "SLOTS": 16, "WORDS": 32, "MAX_WRITE": 124}),
    "large": ("verilator", {"QUEUES": 64, "SLOTS": 256, "WORDS": 64, "MAX_WRITE": 252}),
}


@pytest.mark.parametrize(("sim", "parameters"), SHAPES.values(), ids=SHAPES)
def test_vq_sock_frames(sim, parameters):
    run_bench("vq_sock_frames", parameters, sim=sim)
