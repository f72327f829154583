# SPDX-License-Identifier: Apache-2.0
"""vq_dev_net: the network device's function against the golden model."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench

SHAPES = {
    "usual": {"PAIRS": 1, "DATA_W": 64, "CHAINS": 256, "RX_WAIT": 500, "FRAME_BYTES": 8192},
    "small": {"PAIRS": 2, "DATA_W": 128, "CHAINS": 32, "RX_WAIT": 500, "FRAME_BYTES": 4096},
    "odd": {"PAIRS": 3, "DATA_W": 256, "CHAINS": 512, "RX_WAIT": 500, "MTU": 500},
    "large": {"PAIRS": 8, "DATA_W": 512, "CHAINS": 2048, "RX_WAIT": 500, "MTU": 9000},
}


ON_ICARUS = ("odd",)  # the slow simulator takes this one
CASES = [
    (sim, name) for sim in SIMULATORS for name in SHAPES if sim != "icarus" or name in ON_ICARUS
]


@pytest.mark.parametrize("sim, name", CASES, ids=[f"{name}-{sim}" for sim, name in CASES])
def test_vq_dev_net(sim, name):
    parameters = SHAPES[name]
    run_bench("vq_dev_net", parameters, "tb/benches/bench_vq_dev_net.py", sim=sim)
