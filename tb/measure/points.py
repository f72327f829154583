# SPDX-License-Identifier: Apache-2.0
"""Which points `make bench` measures, and how much load each one takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tb.measure.limits import Limit, limit

WIDTHS = (64, 128, 256, 512)  # bits
PAYLOADS = (64, 256, 1500, 4096)  # bytes
LATENCIES = (16, 128, 512)  # cycles
RINGS = ("split", "packed")
DIRECTIONS = ("tx", "rx")  # readable, writable by the device
BATCHES = (1, 16, 64, 256)
QUEUES = (1, 4, 16)
CHAINS = ((1, False), (3, False), (1, True), (3, True))  # descriptors of a buffer, indirect
BASE_PAYLOADS = (64, 1500)  # at which one thing at a time is varied
BASE_BATCH, BASE_LATENCY = 64, 128

BUILT_QUEUES = max(QUEUES)  # one build of a width serves all points
BUILT_SIZE = 4096
RING_ENTRIES = 16384  # of all queues together

LOAD_CYCLES = 4000  # a point offers load for so long at least,
LOAD_TRIPS = 24  # and for so many of the memory's latencies,
LOAD_ROUNDS = 20  # so many batches,
LOAD_MOST_CYCLES = 250_000  # fewer where they take longer than this,
LOAD_LEAST_ROUNDS = 10  # but still so many,
LOAD_VISITS = 2  # and so many batches of each queue
SMALL, SMALL_BUFFERS = 256, 4000  # so many buffers of fewer bytes than this


@dataclass(frozen=True)
class Point:
    """One measurement of throughput.

    Attributes:
        direction: "tx" for buffers that the device reads, "rx" for those that it writes.
        data_w: width of the data bus, bits.
        payload: bytes of a buffer.
        batch: buffers published by one index update.
        queues: that take turns, batch by batch.
        latency: of the memory, cycles.
        descriptors: of each buffer.
        indirect: they are in an indirect table.
        order: in which the ring's descriptors are taken, "table" or "random".
        aligned: buffers begin on lines of 64 bytes, else at each residue from 1 to 63.
        ring: the ring's format.
        in_order: IN_ORDER is negotiated.
    """

    direction: str
    data_w: int
    payload: int
    batch: int = BASE_BATCH
    queues: int = 1
    latency: int = BASE_LATENCY
    descriptors: int = 1
    indirect: bool = False
    order: str = "table"
    aligned: bool = True
    ring: str = "split"
    in_order: bool = False

    @property
    def name(self) -> str:
        """A name unique to the point; what is as usual is left out."""
        words = [self.direction, str(self.data_w), str(self.payload), f"lat{self.latency}"]
        words += [f"batch{self.batch}"]
        words += [self.ring] if self.ring != "split" else []
        words += [f"queues{self.queues}"] if self.queues > 1 else []
        words += [f"{self.descriptors}desc"] if self.descriptors > 1 else []
        words += ["indirect"] if self.indirect else []
        words += ["random"] if self.order == "random" else []
        words += ["unaligned"] if not self.aligned else []
        words += ["order"] if self.in_order else []
        return "-".join(words)

    @property
    def limit(self) -> Limit:
        """The bus limit of the point."""
        return limit(
            self.ring,
            self.data_w,
            self.payload,
            self.batch,
            in_order=self.in_order,
            descriptors=self.descriptors,
            indirect=self.indirect,
            order=self.order,
            aligned=self.aligned,
        )

    @property
    def limit_cycles(self) -> float:
        """Fewest cycles a buffer."""
        return self.limit.cycles(self.direction)

    @property
    def batches(self) -> int:
        """Batches that the point offers, a multiple of its queues."""
        cycles = max(LOAD_CYCLES, LOAD_TRIPS * self.latency)
        buffers = max(cycles / self.limit_cycles, SMALL_BUFFERS if self.payload < SMALL else 0)
        rounds = min(LOAD_ROUNDS, LOAD_MOST_CYCLES // (self.batch * self.limit_cycles))
        rounds = max(rounds, LOAD_LEAST_ROUNDS, LOAD_VISITS * self.queues)
        wanted = max(rounds, -(-buffers // self.batch))
        return int(-(-wanted // self.queues)) * self.queues

    @property
    def ring_size(self) -> int:
        """Entries of each queue's ring: so many that it is never full while the engine keeps up."""
        return min(BUILT_SIZE, RING_ENTRIES // self.queues)


def _varied() -> Iterator[Point]:
    for width in WIDTHS:
        for direction in DIRECTIONS:
            for payload in PAYLOADS:
                for cycles in LATENCIES:
                    yield Point(direction, width, payload, latency=cycles)
            for payload in BASE_PAYLOADS:
                base = Point(direction, width, payload)
                for batch in BATCHES:
                    yield replace(base, batch=batch)
                for queues in QUEUES:
                    yield replace(base, queues=queues)
                for descriptors, indirect in CHAINS:
                    yield replace(base, descriptors=descriptors, indirect=indirect)
                yield replace(base, order="random")
                yield replace(base, aligned=False)


def _packed() -> Iterator[Point]:
    """What packed rings are measured by: as many floors, and fewer variations."""
    for width in WIDTHS:
        for direction in DIRECTIONS:
            for payload in BASE_PAYLOADS:
                base = Point(direction, width, payload, ring="packed")
                for cycles in LATENCIES:
                    yield replace(base, latency=cycles)
                for queues in QUEUES:
                    yield replace(base, queues=queues)
                for descriptors, indirect in CHAINS:
                    yield replace(base, descriptors=descriptors, indirect=indirect)


def _in_order() -> Iterator[Point]:
    """IN_ORDER, where what it saves is most of a buffer's share."""
    for width in WIDTHS:
        for ring in ("split", "packed"):
            for direction in DIRECTIONS:
                yield Point(direction, width, BASE_PAYLOADS[0], ring=ring, in_order=True)


def all_points() -> list[Point]:
    """Return every point once."""
    return list(dict.fromkeys([*_varied(), *_packed(), *_in_order()]))


def quick(point: Point) -> bool:
    """Whether a point is one of the few that the floors are about."""
    return point.payload in BASE_PAYLOADS and point == Point(
        point.direction, point.data_w, point.payload, latency=point.latency, ring=point.ring
    )


def chosen(points: list[Point], only: str) -> list[Point]:
    """Return the points whose name a regular expression finds."""
    return [point for point in points if re.search(only, point.name)]
