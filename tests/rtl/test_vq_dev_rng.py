# SPDX-License-Identifier: Apache-2.0
"""vq_dev_rng: bytes of a source into every chain, against the golden model."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench

SHAPES = {
    "small": {"QUEUES": 1, "DATA_W": 64, "CHAINS": 2, "MAX_BYTES": 1},
    "usual": {"QUEUES": 1, "DATA_W": 64, "CHAINS": 256, "MAX_BYTES": 64},
    "middle": {"QUEUES": 3, "DATA_W": 128, "CHAINS": 32, "MAX_BYTES": 100},
    "large": {"QUEUES": 64, "DATA_W": 512, "CHAINS": 256, "MAX_BYTES": 65535},
}
CASES = [  # the slow simulator goes without the large one
    (sim, name) for sim in SIMULATORS for name in SHAPES if (sim, name) != ("icarus", "large")
]


@pytest.mark.clause("RNG-DEV-01", "RNG-DEV-02")
@pytest.mark.parametrize("sim, name", CASES, ids=[f"{name}-{sim}" for sim, name in CASES])
def test_vq_dev_rng(sim, name):
    run_bench("vq_dev_rng", SHAPES[name], "tb/benches/bench_vq_dev_rng.py", sim=sim)
