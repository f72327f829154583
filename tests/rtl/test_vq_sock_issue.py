# SPDX-License-Identifier: Apache-2.0
"""vq_sock_issue: frames of several queues against credit, room and turns."""

import pytest

from tb.runner import run_bench

SHAPES = {
    "small": (
        "icarus",
        {"QUEUES": 1, "SLOTS": 2, "DATA_W": 128, "TX_WORDS": 8, "RX_WORDS": 4},
    ),
    "usual": ("icarus", {"QUEUES": 4, "SLOTS": 16, "TX_WORDS": 32, "RX_WORDS": 16}),
    "large": (
        "verilator",
        {"QUEUES": 64, "SLOTS": 256, "DATA_W": 512, "TX_WORDS": 64, "RX_WORDS": 64},
    ),
}


@pytest.mark.parametrize(("sim", "parameters"), SHAPES.values(), ids=SHAPES)
def test_vq_sock_issue(sim, parameters):
    run_bench("vq_sock_issue", parameters, sim=sim)
