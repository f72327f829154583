# SPDX-License-Identifier: Apache-2.0
"""vq_dev_test: both functions behind the mode register, against the golden model."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench

SHAPES = {
    "small": {"QUEUES": 1, "DATA_W": 64, "CHAINS": 2},
    "usual": {"QUEUES": 4, "DATA_W": 64, "CHAINS": 256},
    "middle": {"QUEUES": 3, "DATA_W": 128, "CHAINS": 32},
    "large": {"QUEUES": 64, "DATA_W": 512, "CHAINS": 256},
}


@pytest.mark.parametrize("sim", SIMULATORS)
@pytest.mark.parametrize("parameters", SHAPES.values(), ids=SHAPES)
def test_vq_dev_test(sim, parameters):
    run_bench("vq_dev_test", parameters, "tb/benches/bench_vq_dev_test.py", sim=sim)
