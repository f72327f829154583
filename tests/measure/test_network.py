# SPDX-License-Identifier: Apache-2.0
"""Frames go at the pace of the bus, each way and both, and none is dropped."""

from __future__ import annotations

import pytest

from tb.measure.command import run_network

FLOOR = {("duplex", 64): 0.8}  # % of the limit; any other: 0.88


@pytest.mark.parametrize("width", [64, 512])
def test_frames_go_at_the_pace_of_the_bus(width):
    found = run_network(width)["network"]
    assert len(found) == 6
    for point in found:
        floor = FLOOR.get((point["direction"], point["bytes"]), 0.88)
        assert floor <= point["ratio"] <= 1.001, point
