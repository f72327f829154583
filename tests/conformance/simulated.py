# SPDX-License-Identifier: Apache-2.0
"""How the rules become cocotb tests, one each, named by their ids."""

from __future__ import annotations

import os
from collections.abc import Awaitable
from typing import Any, Callable

import cocotb

from tests.conformance import implementations as listed
from tests.conformance.beds import Bed, Kind
from tests.conformance.rules import Rule, rules

PLACE = os.environ["SIM"]
Start = Callable[[Any], Awaitable[Callable[[Kind], Bed]]]


def cocotb_tests(name: str, start: Start) -> dict[str, Any]:
    """Return a test for each rule of an implementation; `start` makes its beds in a simulator."""

    def one(rule: Rule, kinds: list[Kind]) -> Any:
        async def test(dut: Any) -> None:
            await listed.run(rule, kinds, await start(dut))

        test.__name__ = test.__qualname__ = rule.id
        return cocotb.test(timeout_time=20, timeout_unit="ms")(test)

    return {
        rule.id: one(rule, kinds)
        for rule in rules()
        if (kinds := listed.fitting(rule, name, PLACE))
    }
