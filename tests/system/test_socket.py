# SPDX-License-Identifier: Apache-2.0
"""vq_socket_device: registers and frames word by word, bad frames, operations beside the model."""

import pytest

from tb.runner import run_bench

SMALL = {"QUEUES": 1, "SLOTS": 4, "TX_WORDS": 8, "RX_WORDS": 4, "DATA_W": 128}
USUAL = {"QUEUES": 4, "SLOTS": 16, "TX_WORDS": 64, "RX_WORDS": 64}
LARGE = {"QUEUES": 64, "SLOTS": 256, "TX_WORDS": 1024, "RX_WORDS": 256, "DATA_W": 512}
LEAST = {"QUEUES": 2, "SLOTS": 2, "TX_WORDS": 4, "RX_WORDS": 4, "DATA_W": 256}
DEFAULTS = {"DATA_W": 64}


def each(**cases):
    found = [
        pytest.param(sim, design, id=f"{sim}-{name}")
        for name, (sims, design) in cases.items()
        for sim in sims
    ]
    return pytest.mark.parametrize(("sim", "design"), found)


BOTH = ("icarus", "verilator")


@each(small=(BOTH, SMALL), usual=(BOTH, USUAL), large=(("verilator",), LARGE))
def test_registers_frames_and_bad_frames(sim, design):
    run_bench("vq_socket_device", design, "tests/system/socket_port.py", sim=sim)


@each(
    least=(("icarus",), LEAST),
    usual=(("icarus",), USUAL),
    defaults=(("verilator",), DEFAULTS),
    large=(("verilator",), LARGE),
)
def test_operations_beside_the_model(sim, design):
    run_bench("vq_socket_device", design, "tests/system/socket_ops.py", sim=sim)
