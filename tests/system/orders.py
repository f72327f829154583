# SPDX-License-Identifier: Apache-2.0
"""A driver that races on purpose, against each order that must hold.

Writes take effect as late as AXI4 allows, or the log tells when they were acknowledged.
"""

from __future__ import annotations

import bisect
import itertools
import os
import random

import cocotb

from pymodel import Interrupt
from pymodel.registers import Reg
from tb.native_memory import Kind, Reorder, Settings, latency
from tests.system.racers import (
    EVENT,
    FLAG,
    LOOK,
    MODULUS,
    NOTHING,
    PACKED,
    PAYLOAD,
    SOURCE,
    SUPPRESS,
    Racer,
    begin,
    new_racer,
    window_of,
)

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
LATEST = Settings(read_latency=(4, 4), write_latency=(23, 23), late_writes=True)


# ---- order 1: entry after index, descriptor after entry


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], gap=[0, 1, 3])
async def stale_bytes_are_never_used_at_any_cycle(dut, event_idx, gap):
    """Payload, descriptors, entry and index are written at each cycle of the engine's looking."""
    world = await begin(dut, latency(3), EVENT if event_idx else NOTHING)
    racer = new_racer(world)
    window = await window_of(racer)
    for offset in range(0, window, 1 if FAST else 8):
        at = racer.bench.cycle + 3 + offset + (0 if FAST else random.randrange(8))
        racer.publish()
        before = racer.avail
        for step, (addr, data) in enumerate(racer.prepare()):
            racer.memory.race_at(at + gap * step, addr, data)
        await racer.notify()
        await racer.bench.wait_cycles(at + 5 * gap - racer.bench.cycle)
        if racer.wants_notification(before):
            await racer.notify()
        await racer.finish(f"offset {offset}")
        racer.memory.clear_races()
    await racer.check()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], before=[False, True])
async def stale_bytes_are_never_used_at_any_beat(dut, event_idx, before):
    """The same between any two beats that the engine reads from the available ring or the table."""
    world = await begin(dut, latency(2), EVENT if event_idx else NOTHING)
    racer = new_racer(world)
    beats = range(1, 13 if PACKED else 7)  # a window has more of them than a read of entries
    for area, nth, count in itertools.product(racer.read_areas, beats, (1, 2)):
        racer.publish()
        index = racer.avail
        races = [
            racer.memory.race_beat(Kind.READ, area, addr, data, nth=nth, before=before)
            for _ in range(count)
            for addr, data in racer.prepare()
        ]
        await racer.notify()
        await racer.bench.wait_cycles(150)
        if racer.memory.race_cycle(races[-1]) is None:  # there are not so many beats
            racer.memory.clear_races()
            racer.withdraw(index)
        elif racer.wants_notification(index):
            await racer.notify()
        await racer.finish(f"beat {nth}")
    await racer.check()


# ---- order 3 (and what the log shows of 4 and 5): acknowledgements before what follows them

SLOW = [
    Settings(write_latency=(80, 80)),
    Settings(write_latency=(1, 90), stall_b=60, stall_w=30, reorder=Reorder.BEATS),
    Settings(read_latency=(1, 40), write_latency=(1, 200), write_percent=40, stall_aw=50),
]


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], slow=[0, 1, 2], length=[5, 700])
async def nothing_overtakes_its_acknowledgement(dut, event_idx, slow, length):
    """Payload and elements before the index, the index before suppression, asking before looking.

    All by the log of the bus: a beat counts when its data was taken, a write as done when its
    response was.
    """
    queues = 2
    world = await begin(
        dut, SLOW[slow], EVENT if event_idx else NOTHING, sizes=(64,) * queues, memory=1 << 20
    )
    racers = [new_racer(world, queue, length) for queue in range(queues)]
    memory = world.bench.memory
    for racer in racers:
        racer.watch()
    chains: list[tuple[int, Racer, int]] = []  # first byte, queue, used index that vouches for it
    for _ in range(3 if FAST else 2):
        for racer in racers:
            for _ in range(random.choice([1, 3, 20])):
                racer.publish()
                chain = racer.flying[-1]
                memory.watch(chain.source, length, SOURCE)
                memory.watch(chain.target, length, PAYLOAD)
                chains.append((chain.source, racer, racer.avail))
            await racer.notify()
        await world.wait_quiet()
        check_log(memory, racers, sorted(chains, key=lambda chain: chain[0]), length)
        for racer in racers:
            for chain in racer.flying:
                memory.watch(chain.source, 2 * length, 0)
            await racer.finish("log")
        chains.clear()
    for racer in racers:
        await racer.check()


def check_log(memory, racers: list[Racer], chains, length: int) -> None:
    """Hold the log against the orders."""
    starts = [chain[0] for chain in chains]
    done: dict[tuple[Racer, int], int] = {}  # cycle by which all of a chain had come and gone
    log = memory.accesses(clear=True)
    for access in log:
        if access.watch in (PAYLOAD, SOURCE):
            answer = memory.answered(access.burst) if access.kind == Kind.WRITE else access.cycle
            _, racer, index = chains[bisect.bisect(starts, access.addr) - 1]
            done[racer, index] = max(done.get((racer, index), 0), answer)
    for racer in racers:
        mine = [access for access in log if racer.owns(access.addr)]
        writes = [access for access in mine if access.kind == Kind.WRITE]
        for access, index in racer.elements(writes):
            done[racer, index] = max(done.get((racer, index), 0), memory.answered(access.burst))
        published = list(racer.published(writes))
        assert published, "nothing was published"
        before = racer.taken
        for write, after in published:
            for index in range(before + 1, after + 1):
                assert done[racer, index] < write.cycle, (
                    f"chain {index} published at {write.cycle}, what that vouches for was "
                    f"acknowledged at {done[racer, index]}"
                )
            before = after
        reads = [access for access in mine if access.kind == Kind.READ]
        asked = sorted({a.asked for a in reads if a.watch == SUPPRESS})
        for write, _ in published:
            answer = memory.answered(write.burst)
            assert any(cycle > answer for cycle in asked), (
                f"published by {answer}, suppression asked for at {asked} only"
            )
        if not PACKED:  # there one decision may be for several used descriptors
            for (write, _), cycle in zip(published, asked[-len(published) :]):
                assert cycle > memory.answered(write.burst), "suppression read before the index's B"
        looks = [a.asked for a in reads if a.watch == LOOK]
        arms = [memory.answered(a.burst) for a in writes if a.watch == FLAG]
        assert arms and max(looks) > max(arms), f"looked at {max(looks)}, asked at {max(arms)}"


# ---- order 4: index acknowledged before the driver's suppression is read


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], chains=[1, 3])
async def interrupts_enabled_at_any_cycle(dut, event_idx, chains):
    """The driver enables interrupts, then looks: it sees the index or gets an interrupt."""
    world = await begin(dut, LATEST, EVENT if event_idx else NOTHING)
    racer = new_racer(world)
    racer.interrupt_after(0)
    window = await window_of(racer) + 40
    seen_both = set()
    for offset in range(0, window, 1 if FAST else 9):
        assert await racer.acknowledge() == 0, "an interrupt though none was wanted"
        for _ in range(chains):
            racer.publish()
        await racer.notify()
        await racer.bench.wait_cycles(offset + (0 if FAST else random.randrange(9)))
        after = random.randint(1, chains) if event_idx else 1
        racer.interrupt_after(after)
        seen = (racer.used - racer.taken) % MODULUS >= after
        await racer.world.wait_quiet()
        causes = await racer.acknowledge()
        assert seen or causes & Interrupt.USED_BUFFER, f"lost interrupt at offset {offset}"
        seen_both.add(seen)
        await racer.finish(f"offset {offset}")
        racer.interrupt_after(0)
    assert len(seen_both) == 2, "the window saw no race"
    await racer.check()


# ---- order 5: asking for notifications acknowledged before the last look


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True], late=[False, True], others=[0, 3])
async def published_at_any_cycle_of_going_idle(dut, event_idx, late, others):
    """The driver publishes, and notifies only if it is asked to: every chain is served.

    With `others`, visits of other queues are waiting around the end of this one's.
    """
    settings = LATEST if late else latency(5)
    world = await begin(dut, settings, EVENT if event_idx else NOTHING, sizes=(8,) * (1 + others))
    racer = new_racer(world)
    window = await window_of(racer)
    told = set()
    for offset in range(0, window, 1 if FAST else 9):
        racer.publish()
        await racer.notify()
        for other in range(others):
            await racer.bench.write32(Reg.QUEUE_NOTIFY, 1 + other)
        await racer.bench.wait_cycles(offset + (0 if FAST else random.randrange(9)))
        before = racer.avail
        racer.publish()
        wanted = racer.wants_notification(before)
        if wanted:
            await racer.notify()
        await racer.finish(f"offset {offset}, {'notified' if wanted else 'not notified'}")
        await racer.world.wait_quiet()
        told.add(wanted)
    assert len(told) == 2, "the window saw no race"
    await racer.check()
