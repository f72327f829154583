# SPDX-License-Identifier: Apache-2.0
"""The network driver on the whole device."""

import pytest

from tb.runner import DEVICES_TOP, run_system
from tests.system.systems import FOLDER

ONE = {"TEST_EN": 0, "NET_EN": 1}
MANY = {"TEST_EN": 0, "NET_EN": 1, "NET_PAIRS": 3, "DATA_W": 512}
CASES = [("verilator", ONE, ""), ("verilator", MANY, "packed"), ("icarus", ONE, "")]


@pytest.mark.clause(
    *("NET-DRV-01", "NET-DRV-03", "NET-DRV-06", "NET-DRV-08", "NET-DRV-09", "NET-DRV-17"),
    *("NET-DRV-18", "NET-DRV-19", "NET-DRV-69", "NET-DRV-92", "NET-DRV-93", "NET-DRV-94"),
)
@pytest.mark.parametrize(
    ("sim", "parameters", "ring"), CASES, ids=["verilator-one", "verilator-many", "icarus-one"]
)
def test_the_network_driver(sim, parameters, ring):
    env = {"NET_PAIRS": str(parameters.get("NET_PAIRS", 1))}
    env |= {"RING": ring} if ring else {}
    module = f"{FOLDER}/net_driver.py"
    result = run_system(module, parameters, top=DEVICES_TOP, sim=sim, env=env)
    assert len(result.tests) == 6
