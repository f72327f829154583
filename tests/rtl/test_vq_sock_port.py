# SPDX-License-Identifier: Apache-2.0
"""vq_sock_port with a slow device function behind it, and with it all that it is made of."""

import pytest

from tb.runner import run_bench

SHAPES = {
    "small": ("icarus", {"QUEUES": 1, "SLOTS": 4, "TX_WORDS": 16, "RX_WORDS": 8, "DATA_W": 128}),
    "usual": ("verilator", {"QUEUES": 4, "SLOTS": 16, "TX_WORDS": 64, "RX_WORDS": 64}),
    "large": (
        "verilator",
        {"QUEUES": 64, "SLOTS": 256, "TX_WORDS": 1024, "RX_WORDS": 256, "DATA_W": 512},
    ),
}


@pytest.mark.parametrize(("sim", "parameters"), SHAPES.values(), ids=SHAPES)
def test_vq_sock_port(sim, parameters):
    run_bench("vq_sock_port", parameters, sim=sim)
