# SPDX-License-Identifier: Apache-2.0
"""Chains that a device function gives back in groups of `GROUP`: the driver never sees a part.

With `grouped_answers` between the engine and its function.
"""

from __future__ import annotations

import itertools
import os
import random

import cocotb

from pymodel.layout import U16
from tb.native_memory import Kind, Reorder, Settings, latency
from tests.system.racers import (
    EVENT,
    LOOK,
    MODULUS,
    NOTHING,
    USED,
    PackedRacer,
    Racer,
    begin,
    new_racer,
)

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
GROUP = int(os.environ.get("GROUP", "3"))
LATEST = Settings(read_latency=(4, 4), write_latency=(23, 23), late_writes=True)
SLOW = [
    Settings(write_latency=(80, 80)),
    Settings(write_latency=(1, 90), stall_b=60, stall_w=30, reorder=Reorder.BEATS),
    Settings(read_latency=(1, 40), write_latency=(1, 200), write_percent=40, stall_aw=50),
]


async def publish(racer: Racer, groups: int) -> None:
    """Publish whole groups and notify."""
    for _ in range(groups * GROUP):
        racer.publish()
    await racer.notify()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(settings=[LATEST, latency(9), SLOW[1]], size=[8, 32])
async def no_part_of_a_group_is_seen_at_any_cycle(dut, settings, size):
    """The used ring is looked at in every cycle, also where groups cross its end."""
    size = max(size, 2 * (GROUP + 1))
    world = await begin(dut, settings, NOTHING, sizes=(size,))
    racer = new_racer(world)
    rounds = 24 // GROUP if FAST else 3
    seen = set()
    for turn in range(rounds):
        groups = random.randint(1, (racer.size - 1) // 2 // GROUP)
        await publish(racer, groups)
        end = racer.bench.cycle + 4000
        while racer.used != racer.avail:
            used = (racer.used - racer.taken) % MODULUS
            assert used % GROUP == 0, f"turn {turn}: {used} chains of groups of {GROUP} are used"
            seen.add(used)
            assert racer.bench.cycle < end, f"turn {turn}: {await racer.bench.state()}"
            await racer.bench.wait_cycles(1)
        await racer.finish(f"turn {turn}")
    assert len(seen) > 1 or size == 8, "no group was seen before another"
    await racer.check()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], slow=[0, 1, 2])
async def what_shows_a_group_comes_last(dut, event_idx, slow):
    """By the log of the bus: all of a group is acknowledged before the write that shows it.

    So it does not matter when within a write's time on the bus the memory changes. That order 3
    holds for the index of a split ring is shown by `nothing_overtakes_its_acknowledgement`.
    """
    world = await begin(dut, SLOW[slow], EVENT if event_idx else NOTHING, sizes=(64,))
    racer = new_racer(world, 0, 16)
    memory = racer.memory
    racer.watch()
    for _ in range(8 if FAST else 3):
        before = racer.taken
        await publish(racer, random.randint(1, (racer.size - 1) // 2 // GROUP))
        await world.wait_quiet()
        log = [access for access in memory.accesses(clear=True) if access.kind == Kind.WRITE]
        if isinstance(racer, PackedRacer):
            check_flags(memory, racer, log, before)
        else:
            indices = [index for _, index in racer.published(log)]
            assert indices and all(index % GROUP == 0 for index in indices), indices
            assert any(access.watch == USED for access in log)
        await racer.finish("log")
    await racer.check()


def check_flags(memory, racer: PackedRacer, log, before: int) -> None:
    """The first descriptor of a group says used only after all others were acknowledged."""
    shown: dict[int, tuple[int, int]] = {}  # chain: cycle of its flags, of their acknowledgement
    for access, chain in itertools.product(log, range(before, racer.avail)):
        if access.watch != LOOK:
            continue
        place = racer.place(2 * chain)
        flags = racer.layout.flags(place.offset)
        if access.addr <= flags < access.addr + len(access.data):
            value = U16.unpack(access.data[flags - access.addr :][:2])[0]
            if place.is_used(value):
                assert chain not in shown, f"chain {chain} was used twice"
                shown[chain] = access.cycle, memory.answered(access.burst)
    assert len(shown) == racer.avail - before
    for first in range(before, racer.avail, GROUP):
        others = [shown[chain][1] for chain in range(first + 1, first + GROUP)]
        assert shown[first][0] > max([0, *others]), f"group {first} showed before it was whole"


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(rings=[1, 4])
async def groups_at_full_rate(dut, rings):
    """Many groups of several queues after each other; none is lost, each is seen whole."""
    world = await begin(dut, latency(64), EVENT, sizes=(128,) * rings, memory=1 << 20)
    racers = [new_racer(world, queue, 64) for queue in range(rings)]
    for turn in range(6 if FAST else 2):
        for racer in racers:  # one after the other, so that no group has chains of two queues
            await publish(racer, (racer.size - 1) // 2 // GROUP)
            await racer.finish(f"turn {turn}")
    for racer in racers:
        await racer.check()
