# SPDX-License-Identifier: Apache-2.0
"""Any behaviour of the memory, and the orders that must hold on the bus."""

import pytest

from tests.system.systems import SINGLE, TWO, USUAL, WIDE, everywhere, run


@pytest.mark.clause("SPLIT-DEV-16")
@everywhere(verilator=[USUAL, WIDE, SINGLE, TWO])
def test_any_latency_and_back_pressure(sim, design):
    run("memory", sim, design, "any_latency", "any_back_pressure")


@pytest.mark.clause("SPLIT-DEV-16")
@everywhere(verilator=[USUAL, WIDE])
def test_large_buffers_over_a_changing_memory(sim, design):
    run("memory", sim, design, "large_buffers_over_a_changing_memory")


@pytest.mark.clause("SPLIT-DEV-15", "SPLIT-DEV-16", "SPLIT-DEV-23")
@everywhere(verilator=[USUAL])  # on a wider bus the rings' parts share words
def test_orders_hold_on_the_bus(sim, design):
    run("memory", sim, design, "orders_hold_on_the_bus")
