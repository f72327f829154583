# SPDX-License-Identifier: Apache-2.0
"""The engine's rate, in cycles, which are exact."""

from tests.system.systems import USUAL, WIDE, everywhere, run


@everywhere(verilator=[USUAL, WIDE], icarus=[])
def test_the_rate_is_near_the_limit_of_the_bus(sim, design):
    run("rate", sim, design, "readable_buffers_flow")
