# SPDX-License-Identifier: Apache-2.0
"""Block requests run at the limit of the bus, whatever the store's latency."""

from __future__ import annotations

import pytest

from tb.measure.block import STORE_LATENCIES
from tb.measure.command import run_block


@pytest.mark.parametrize("width", [64, 512])
def test_block_requests_reach_their_floor(width):
    found = run_block(width)["block"]
    assert len(found) == 2 * len(STORE_LATENCIES)
    assert all(0.95 <= point["ratio"] <= 1.001 for point in found)
