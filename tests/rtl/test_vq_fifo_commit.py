# SPDX-License-Identifier: Apache-2.0
"""vq_fifo_commit: only committed words come out, in order."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench


@pytest.mark.parametrize("sim", SIMULATORS)
@pytest.mark.parametrize("depth", [2, 16, 64])
def test_vq_fifo_commit(sim, depth):
    parameters = {"WIDTH": 33, "DEPTH": depth}
    run_bench("vq_fifo_commit", parameters, "tb/benches/bench_vq_fifo_commit.py", sim=sim)
