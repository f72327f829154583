# SPDX-License-Identifier: Apache-2.0
"""vq_axil_split: one master, several register blocks, placeholders."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench

SHAPES = {
    "one": {"SLOTS": 1},
    "usual": {"SLOTS": 4},
    "gaps": {"SLOTS": 4, "PRESENT": "4'b1010"},
    "most": {"SLOTS": 16, "PRESENT": "16'b1110111111111101"},
}


@pytest.mark.clause(
    "MMIO-XDEV-01",
    by="tb/benches/bench_vq_axil_split.py::each_access_reaches_its_slot_and_no_other",
)
@pytest.mark.parametrize("sim", SIMULATORS)
@pytest.mark.parametrize("parameters", SHAPES.values(), ids=SHAPES)
def test_vq_axil_split(sim, parameters):
    run_bench("vq_axil_split", parameters, sim=sim)
