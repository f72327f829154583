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


@pytest.mark.clause("RNG-DEV-01", "RNG-DEV-02")
@pytest.mark.parametrize("sim", SIMULATORS)
@pytest.mark.parametrize("parameters", SHAPES.values(), ids=SHAPES)
def test_vq_dev_rng(sim, parameters):
    run_bench("vq_dev_rng", parameters, "tb/benches/bench_vq_dev_rng.py", sim=sim)
