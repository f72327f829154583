# SPDX-License-Identifier: Apache-2.0
"""vq_rng_source: the deterministic source of bench and demonstration."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench


@pytest.mark.parametrize("sim", SIMULATORS)
@pytest.mark.parametrize("data_w", [64, 128, 512])
def test_vq_rng_source(sim, data_w):
    run_bench("vq_rng_source", {"DATA_W": data_w}, "tb/benches/bench_vq_rng_source.py", sim=sim)
