# SPDX-License-Identifier: Apache-2.0
"""Interrupts by queue."""

import pytest

from tb.runner import DEVICES_TOP, run_system
from tests.system.systems import FOLDER


@pytest.mark.parametrize(
    ("sim", "ring", "parameters"),
    [
        ("verilator", "split", {"TEST_QUEUES": 4}),
        ("verilator", "packed", {"TEST_QUEUES": 64}),
        ("verilator", "split", {"TEST_QUEUES": 8, "PAIR_EN": 1, "PACKED_EN": 0}),
        ("icarus", "split", {"TEST_QUEUES": 4}),
        ("icarus", "packed", {"TEST_QUEUES": 1}),
    ],
)
def test_interrupts_by_queue(sim, ring, parameters):
    env = {"RING": ring, "TB_QUEUES": str(parameters["TEST_QUEUES"])}
    module = f"{FOLDER}/calls.py"
    run_system(module, parameters, top=DEVICES_TOP, sim=sim, env=env)
