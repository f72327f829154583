# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_arbiter."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.unit import Unit, test


@test()
@cocotb.parametrize(density=[5, 50, 95])
async def no_request_waits_for_more_than_all_others(dut: Any, density: int) -> None:
    """A choice is a raised request, the next in turn; each waits for PORTS - 1 others at most."""
    unit = await Unit(dut).start()
    ports = unit.parameter("PORTS")
    last, raised = ports - 1, 0
    passed = [0] * ports  # choices of others since the request was raised
    for _ in range(500):
        for port in range(ports):
            if not raised >> port & 1 and random.randrange(100) < density:
                raised |= 1 << port
        advance = int(bool(raised) and random.random() < 0.7)
        unit.set(request=raised, advance=advance)
        await unit.settled()
        assert dut.valid.value == (raised != 0)
        if raised:
            turn = [(last + 1 + step) % ports for step in range(ports)]
            wanted = next(port for port in turn if raised >> port & 1)
            assert int(dut.index.value) == wanted
        if advance:
            for port in range(ports):
                passed[port] = passed[port] + 1 if raised >> port & 1 and port != wanted else 0
                assert passed[port] < ports
            raised &= ~(1 << wanted)
            last = wanted
        await unit.clocks()


@test()
async def equal_shares(dut: Any) -> None:
    """When all ask always, each is chosen every PORTS choices."""
    unit = await Unit(dut).start()
    ports = unit.parameter("PORTS")
    unit.set(request=(1 << ports) - 1, advance=1)
    for turn in range(3 * ports):
        await unit.settled()
        assert int(dut.index.value) == turn % ports
        await unit.clocks()
