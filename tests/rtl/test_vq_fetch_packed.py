# SPDX-License-Identifier: Apache-2.0
"""vq_fetch_packed: no chain is forgotten or found too early, whatever the race with the driver."""

import pytest

from tb.runner import run_bench

SHAPES = [
    ("icarus", {}),
    ("icarus", {"QUEUES": 1, "QID_W": 1, "DATA_W": 512}),
    ("verilator", {"DATA_W": 128, "QUEUES": 3}),
    ("verilator", {"DATA_W": 256}),
    ("verilator", {}),
]


@pytest.mark.clause("PACKED-DEV-06", "PACKED-DEV-10", "PACKED-DEV-11", "PACKED-XDEV-03")
@pytest.mark.parametrize(("sim", "parameters"), SHAPES)
def test_vq_fetch_packed(sim, parameters):
    run_bench("vq_fetch_packed", parameters, sim=sim)
