# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_chain_store: chunks given out and back, segments and links, against a model."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.unit import Unit, test


@test(us=1500)
@cocotb.parametrize(longest=[1, 3, 9])
async def chunks_are_never_given_out_twice(dut: Any, longest: int) -> None:
    """Chains of random length are built, read back and released through both releasers."""
    chunks = int(dut.CHAINS.value)
    unit = await Unit(dut).start()
    releasers = [unit.source(f"s_release_{side}", percent=60) for side in "ab"]
    owned: set[int] = set()  # given out and not yet due back
    chains: list[list[int]] = []
    building: list[int] = []
    target, held, pending = 1, 0, 0
    segments: dict[int, int] = {}
    links: dict[int, int] = {}
    linked: dict[int, int] = {}  # in this clock
    expected: list[tuple[int | None, int | None]] = [(None, None), (None, None)]
    for clock in range(2500):
        drain = clock > 2000
        # One chunk, linked to the chain that is being built
        take = not drain and random.random() < 0.7
        write_at = random.choice(sorted(owned)) * 4 + random.randrange(4) if owned else None
        unit.set(m_free_ready=take, s_write_valid=write_at is not None)
        if write_at is not None:
            data = random.getrandbits(96)
            unit.set(s_write_at=write_at, s_write_data=data)
        linking = [4 * chunk + place for chunk in links for place in range(4)]
        reads = [random.choice([*segments, *linking, None]) for _ in range(2)]
        for side, at in zip("ab", reads):
            unit.set(**{f"s_read_{side}_en": at is not None, f"s_read_{side}_at": at or 0})
        await unit.settled()
        got = int(dut.m_free_tag.value) if take and dut.m_free_valid.value == 1 else None
        for number, side in enumerate("ab"):
            data_now, after_now = expected[number]
            if data_now is not None:
                assert int(getattr(dut, f"m_read_{side}_data").value) == data_now
            if after_now is not None:
                assert int(getattr(dut, f"m_after_{side}_next").value) == after_now
        for number, at in enumerate(reads):
            if at is not None:  # without a read both hold
                chunk = at // 4  # what is read as it is written is undefined
                data_next = None if at == write_at else segments.get(at)
                expected[number] = data_next, None if chunk in linked else links.get(chunk)
        if write_at is not None:
            segments[write_at] = data
        free = int(dut.m_free_count.value)
        assert chunks - held - len(building) - pending <= free <= chunks - held - len(building)
        await unit.clocks()
        links |= linked
        linked = {}
        unit.set(s_link_valid=0)
        if got is not None:
            assert got not in owned and got < chunks, f"chunk {got} was given out twice"
            owned.add(got)
            if building:
                unit.set(s_link_tag=building[-1], s_link_next=got, s_link_valid=1)
                linked = {building[-1]: got}
            building.append(got)
            if len(building) >= target:
                chains.append(building)
                held += len(building)
                building, target = [], random.randint(1, longest)
        if chains and (drain or random.random() < 0.3):
            chain = chains.pop(random.randrange(len(chains)))
            for chunk in chain:
                links.pop(chunk, None)
            releasers[random.randrange(2)].send({"first": chain[0], "last": chain[-1]})
            owned -= set(chain)
            for chunk in chain:
                for place in range(4):
                    segments.pop(4 * chunk + place, None)
            held -= len(chain)
            pending += len(chain)
    await unit.clocks(200)
    assert not any(releaser.waiting for releaser in releasers)
    assert int(dut.m_free_count.value) == chunks - len(building)
    unit.set(m_free_ready=1, s_write_valid=0, s_read_a_en=0, s_read_b_en=0)
    rest: list[int] = []
    for _ in range(chunks + 5):
        await unit.settled()
        if dut.m_free_valid.value == 1:
            rest.append(int(dut.m_free_tag.value))
        await unit.clocks()
    assert sorted(rest + building) == list(range(chunks)), "chunks were lost or doubled"
    assert int(dut.m_free_count.value) == 0


@test()
async def one_chunk_per_clock(dut: Any) -> None:
    """All chunks are given out in as many clocks, and released in as many."""
    chunks = int(dut.CHAINS.value)
    unit = await Unit(dut, m_free_ready=1).start()
    for number in range(1, chunks):
        await unit.settled()
        assert dut.m_free_valid.value == 1
        await unit.clocks()
        unit.set(s_link_tag=number - 1, s_link_next=number, s_link_valid=1)
    await unit.clocks()
    unit.set(m_free_ready=0, s_link_valid=0)
    assert int(dut.m_free_count.value) <= 1
    unit.set(s_release_a_first=0, s_release_a_last=chunks - 2, s_release_a_valid=1)
    await unit.clocks()
    unit.set(s_release_a_valid=0)
    await unit.clocks(chunks)
    assert int(dut.m_free_count.value) >= chunks - 1
    unit.set(m_free_ready=1)
    tags = []
    for _ in range(chunks - 2):
        await unit.settled()
        assert dut.m_free_valid.value == 1
        tags.append(int(dut.m_free_tag.value))
        await unit.clocks()
    unit.set(m_free_ready=0)
    await unit.clocks()
    before = int(dut.m_free_count.value)
    for tag in tags:
        unit.set(s_release_b_first=tag, s_release_b_last=tag, s_release_b_valid=1)
        await unit.settled()
        assert dut.s_release_b_ready.value == 1
        await unit.clocks()
    unit.set(s_release_b_valid=0)
    await unit.clocks(3)
    assert int(dut.m_free_count.value) == before + len(tags)
