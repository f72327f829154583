# SPDX-License-Identifier: Apache-2.0
"""vq_net_port: frames of the MAC stay whole when the function is reset."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench


@pytest.mark.parametrize("sim", SIMULATORS)
@pytest.mark.parametrize("data_w", [64, 512])
def test_vq_net_port(sim, data_w):
    run_bench("vq_net_port", {"DATA_W": data_w}, "tb/benches/bench_vq_net_port.py", sim=sim)
