# SPDX-License-Identifier: Apache-2.0
"""vq_blk_ram: the store as a RAM."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench

SHAPES = [(64, 8), (128, 5), (512, 3), (256, 2)]


@pytest.mark.parametrize("sim", SIMULATORS)
@pytest.mark.parametrize(("data_w", "sectors"), SHAPES)
def test_vq_blk_ram(sim, data_w, sectors):
    run_bench("vq_blk_ram", {"DATA_W": data_w, "SECTORS": sectors}, sim=sim)
