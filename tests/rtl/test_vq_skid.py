# SPDX-License-Identifier: Apache-2.0
"""vq_skid: order, two words of room, full rate; by the bench of vq_fifo."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench


@pytest.mark.parametrize("sim", SIMULATORS)
def test_vq_skid(sim):
    run_bench("vq_skid", {"WIDTH": 33}, "tb/benches/bench_vq_fifo.py", sim=sim)
