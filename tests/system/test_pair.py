# SPDX-License-Identifier: Apache-2.0
"""Several devices on one engine."""

import pytest

from tb.runner import DEVICES_TOP, run_system

SPLIT = {"PAIR_EN": 1, "PACKED_EN": 0}
PACKED = {"PAIR_EN": 1, "SPLIT_EN": 0}
SHAPES = [
    ("verilator", "split", SPLIT),
    ("verilator", "packed", PACKED),
    ("verilator", "split", SPLIT | {"DATA_W": 256, "TEST_QUEUES": 8}),
    ("icarus", "split", SPLIT),
]


@pytest.mark.parametrize(("sim", "ring", "parameters"), SHAPES)
@pytest.mark.parametrize(
    "names",
    [
        ("each_agrees_with_its_model_after_each_operation", "registers_are_its_own"),
        ("both_run_freely",),
        ("one_is_reset_while_the_other_runs", "a_fault_of_one_leaves_the_other"),
    ],
    ids=["in-step", "free", "reset-and-fault"],
)
def test_devices_that_share_an_engine(sim, ring, parameters, names):
    result = run_system(
        "tests/system/pair.py",
        parameters,
        top=DEVICES_TOP,
        sim=sim,
        pattern="|".join(rf"\b{name}\b" for name in names),
        env={"RING": "packed"} if ring == "packed" else {},
    )
    ran = {test.name.partition("/")[0].rpartition(".")[2] for test in result.tests}
    assert ran == set(names)
