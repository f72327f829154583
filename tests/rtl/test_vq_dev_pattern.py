# SPDX-License-Identifier: Apache-2.0
"""vq_dev_pattern against the golden model's function."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench

SHAPES = {
    "small": {"QUEUES": 1, "DATA_W": 64, "CHAINS": 2},  # too few for full rate
    "usual": {"QUEUES": 4, "DATA_W": 64, "CHAINS": 256},
    "middle": {"QUEUES": 3, "DATA_W": 128, "CHAINS": 32},
    "large": {"QUEUES": 64, "DATA_W": 512, "CHAINS": 256},
}


@pytest.mark.parametrize("sim", SIMULATORS)
@pytest.mark.parametrize("parameters", SHAPES.values(), ids=SHAPES)
def test_vq_dev_pattern(sim, parameters):
    pattern = r"^(?!.*one_(chain|beat)_per_clock)" if parameters["CHAINS"] < 8 else ""
    bench = "tb/benches/bench_vq_dev_pattern.py"
    run_bench("vq_dev_pattern", parameters, bench, sim=sim, pattern=pattern)


@pytest.mark.parametrize("sim", SIMULATORS)
@pytest.mark.parametrize("data_w", [64, 512])
def test_vq_pattern_sink(sim, data_w):
    bench = "tb/benches/bench_vq_pattern_sink.py"
    run_bench("vq_pattern_sink", {"DATA_W": data_w}, bench, sim=sim)
