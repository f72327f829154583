# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_burst_split."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.unit import Unit, check_rate, test


def bursts_of(request: dict[str, int], limit: int, space: int) -> list[dict[str, int]]:
    """The model: the bursts that a request is cut into."""
    addr, left, found = request["addr"], request["upto"] + 1 - request["addr"] % limit, []
    while left:
        take = min(left, limit - addr % limit)
        end = addr % limit + take - 1
        found.append({"addr": addr, "end": end, "last": int(left == take)})
        addr, left = (addr + take) % space, left - take
    return found


def requests(unit: Unit, count: int) -> list[dict[str, int]]:
    limit, space = unit.parameter("MAX_BYTES"), 1 << unit.parameter("ADDR_W")
    farthest = (1 << unit.parameter("UPTO_W")) - 1
    made = []
    for _ in range(count):
        page = random.randrange(space // limit) * limit
        addr = (page + random.choice([0, 1, limit - 1, random.randrange(limit)])) % space
        edge = random.choice([1, 2, limit - 1, limit, limit + 1, 3 * limit])
        length = random.choice([edge, random.randint(1, 5 * limit)])
        made.append({"addr": addr, "upto": min(addr % limit + length - 1, farthest)})
    return made


@test(us=1500)
@cocotb.parametrize(pace=[(100, 100), (100, 30), (30, 100), (60, 60)])
async def bursts_tile_every_request(dut: Any, pace: tuple[int, int]) -> None:
    """The bursts are the model's, in order; the last one takes the request."""
    unit = await Unit(dut).start()
    source, sink = unit.source("s_req", pace[0]), unit.sink("m_burst", pace[1])
    asked = requests(unit, 120)
    limit, space = unit.parameter("MAX_BYTES"), 1 << unit.parameter("ADDR_W")
    expected = [burst for request in asked for burst in bursts_of(request, limit, space)]
    for request in asked:
        source.send(request)
    await unit.until(lambda: len(sink.words) == len(expected), "bursts")
    await unit.clocks(5)
    assert [word.value for word in sink.words] == expected
    assert [word.taken for word in sink.words if word.value["last"]] == source.taken
    if pace == (100, 100):
        check_rate([word.taken for word in sink.words], "one burst per clock")


@test(us=4000)
async def the_longest_request(dut: Any) -> None:
    """A request as far as UPTO_W bits reach (at most 2000 bursts here) is tiled to its end."""
    unit = await Unit(dut).start()
    source, sink = unit.source("s_req"), unit.sink("m_burst")
    limit, space = unit.parameter("MAX_BYTES"), 1 << unit.parameter("ADDR_W")
    upto = min((1 << unit.parameter("UPTO_W")) - 1, 2000 * limit)
    request = {"addr": space // 2 + limit - 1, "upto": upto}
    source.send(request)
    expected = bursts_of(request, limit, space)
    await unit.until(lambda: len(sink.words) == len(expected), "bursts")
    assert [word.value for word in sink.words] == expected
