# SPDX-License-Identifier: Apache-2.0
"""vq_read_port: bytes, bursts, room and rate, against a memory of known bytes."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {"BEATS": 128, "LIMIT": 128, "BURSTS": 16, "BLOCK_EN": 1}),
    ("icarus", {"BEATS": 256, "LIMIT": 160, "BURSTS": 16, "BLOCK_EN": 1}),
    ("icarus", {"MAX_BYTES": 64, "BEATS": 32, "BURSTS": 4, "INFO_W": 7, "UPTO_W": 14}),
    ("icarus", {"MAX_BYTES": 64, "BEATS": 32, "SPLIT_EN": 0, "UPTO_W": 7, "PAST_EN": 0}),
    ("icarus", {"DATA_W": 512, "MAX_BYTES": 4096, "BEATS": 256}),
    ("verilator", {"BEATS": 256, "MAX_BYTES": 512}),
]


@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_read_port(sim, parameters):
    run_bench("vq_read_port", parameters, sim=sim)
