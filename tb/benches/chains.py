# SPDX-License-Identifier: Apache-2.0
"""Chains in a chain store, as the stages that read them see it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from tb.benches.unit import Unit

CHUNK = 4  # segments


@dataclass
class Stored:
    """A chain: its chunks, its segments (address, bytes), and how many of them are readable."""

    chunks: list[int]
    segments: list[tuple[int, int]]
    readable: int
    queue: int = 0
    head: int = 0
    slots: int = 1

    @property
    def tag(self) -> int:
        """The first chunk."""
        return self.chunks[0]

    def at(self, number: int) -> int:
        """Position of a segment: chunk and place in it."""
        return self.chunks[number // CHUNK] * CHUNK + number % CHUNK

    def bytes_of(self, writable: bool) -> int:
        """Bytes of its writable or its readable segments."""
        part = self.segments[self.readable :] if writable else self.segments[: self.readable]
        return sum(length for _, length in part)


@dataclass
class Store:
    """The chain store, by position; with one reader attached."""

    chunks: int
    memory: dict[int, tuple[int, int]] = field(default_factory=dict)
    links: dict[int, int] = field(default_factory=dict)
    free: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.free = random.sample(range(self.chunks), self.chunks)

    def put(self, segments: list[tuple[int, int]], readable: int) -> Stored:
        """Store a chain in free chunks; raises IndexError if there are not enough."""
        need = max(1, -(-len(segments) // CHUNK))
        chunks = [self.free.pop() for _ in range(need)]
        stored = Stored(chunks, segments, readable)
        for number, segment in enumerate(segments):
            self.memory[stored.at(number)] = segment
        for chunk, after in zip(chunks, chunks[1:]):
            self.links[chunk] = after
        return stored

    def release(self, stored: Stored) -> None:
        """Forget a chain."""
        self.free += stored.chunks

    def attach(self, unit: Unit) -> None:
        """Serve a module's read port: a clock later the data, and the chunk after theirs."""
        dut = unit.dut

        async def serve() -> None:
            while True:
                await ReadOnly()
                wanted = dut.m_read_en.value == 1 and dut.m_read_at.value.is_resolvable
                at = int(dut.m_read_at.value) if wanted else None
                await RisingEdge(dut.clk)
                if at is not None:
                    addr, length = self.memory.get(at, (0, 0))
                    after = self.links.get(at // CHUNK, 0)
                    unit.set(s_read_data=addr << 32 | length, s_after_next=after)

        cocotb.start_soon(serve())


def segments_of(count: int, longest: int) -> list[tuple[int, int]]:
    """Return random segments, some without bytes."""
    return [
        (random.getrandbits(40), random.choice([0, 1, random.randint(1, longest)]))
        for _ in range(count)
    ]
