# SPDX-License-Identifier: Apache-2.0
"""Several devices on one bus in one simulation."""

import pytest

from tb.runner import DEVICES_TOP, run_system
from tests.system.systems import FOLDER

ALL = {"TEST_EN": 1, "NET_EN": 1, "BLK_EN": 1, "RNG_EN": 1}


@pytest.mark.parametrize(
    ("sim", "ring"),
    [("verilator", "split"), ("verilator", "packed"), ("icarus", "split")],
)
def test_together(sim, ring):
    module = f"{FOLDER}/together.py"
    names = {"each_device_does_what_its_model_does", "all_work_at_once_while_one_is_removed"}
    env = {"RING": ring, "TB_SHARE": "6" if sim == "icarus" else "1"}
    result = run_system(module, ALL, top=DEVICES_TOP, sim=sim, env=env)
    assert {test.name.rpartition(".")[2] for test in result.tests} == names
