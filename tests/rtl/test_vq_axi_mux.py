# SPDX-License-Identifier: Apache-2.0
"""vq_axi_mux: several masters, one slave."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench

SHAPES = {
    "one": {"PORTS": 1, "DATA_W": 64},
    "three": {"PORTS": 3, "DATA_W": 128, "ID_W": 1},
    "usual": {"PORTS": 4, "DATA_W": 64},
    "many": {"PORTS": 9, "DATA_W": 512, "ID_W": 4, "WRITES": 2},
}


@pytest.mark.parametrize("sim", SIMULATORS)
@pytest.mark.parametrize("parameters", SHAPES.values(), ids=SHAPES)
def test_vq_axi_mux(sim, parameters):
    # with room for two writes only, their requests wait for the data
    pattern = "every_burst" if parameters.get("WRITES") == 2 else ""
    run_bench("vq_axi_mux", parameters, sim=sim, pattern=pattern)
