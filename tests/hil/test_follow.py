# SPDX-License-Identifier: Apache-2.0
"""The comparison with the model while a foreign driver drives, on both simulators."""

from __future__ import annotations

import itertools

import pytest

from tb.runner import DEVICES_TOP, run_system

MODULE = "tests/hil/follow.py"
RINGS = [
    {"RING": ring, "EVENT_IDX": event, "IN_ORDER": order}
    for ring, event, order in itertools.product(("split", "packed"), "10", "01")
]
NET = {"TEST_EN": 0, "NET_EN": 1}
BLK = {"TEST_EN": 0, "BLK_EN": 1}
each_ring = pytest.mark.parametrize(
    "rings", RINGS, ids=["-".join((r["RING"], r["EVENT_IDX"], r["IN_ORDER"])) for r in RINGS]
)
FEW = {"TB_OPERATIONS": "60"}


def run(sim: str, name: str, design: dict[str, int], env: dict[str, str], **options: str) -> None:
    """Run one test of follow.py."""
    result = run_system(MODULE, design, sim=sim, pattern=rf"\b{name}\b", env=env, **options)
    assert result.tests


@each_ring
def test_the_test_device_is_followed(rings: dict[str, str]) -> None:
    run("verilator", "the_test_device_is_followed", {}, rings)


@each_ring
def test_the_block_device_is_followed(rings: dict[str, str]) -> None:
    run("verilator", "the_block_device_is_followed", BLK, rings, top=DEVICES_TOP)


@each_ring
@pytest.mark.parametrize("pairs", [1, 3])
def test_the_network_device_is_followed(rings: dict[str, str], pairs: int) -> None:
    env = rings | {"NET_PAIRS": str(pairs)}
    design = NET | {"NET_PAIRS": pairs}
    run("verilator", "the_network_device_is_followed", design, env, top=DEVICES_TOP)


@pytest.mark.parametrize("ring", ["split", "packed"])
@pytest.mark.parametrize(("kind", "design"), [("block", BLK), ("network", NET | {"NET_PAIRS": 3})])
def test_a_device_that_is_reset_at_work_is_followed(
    kind: str, design: dict[str, int], ring: str
) -> None:
    env = {"RING": ring, "NET_PAIRS": str(design.get("NET_PAIRS", 1))}
    name = f"a_{kind}_device_that_is_reset_at_work_is_followed"
    run("verilator", name, design, env, top=DEVICES_TOP)


@pytest.mark.parametrize(
    ("name", "design", "top"),
    [("test", {}, "tb_top"), ("block", BLK, DEVICES_TOP), ("network", NET, DEVICES_TOP)],
    ids=["test", "block", "network"],
)
def test_icarus_follows_too(name: str, design: dict[str, int], top: str) -> None:
    run("icarus", f"the_{name}_device_is_followed", design, FEW, top=top)
