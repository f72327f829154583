# SPDX-License-Identifier: Apache-2.0
"""The workload of `make bench-sim`: the same operations, whatever bench is around the RTL.

Buffers of 64 and 1500 bytes, read and written back by the loopback function, in batches on all
queues: added, published, completed, collected. The first batch is not measured: it warms caches
and ends the bench's start.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tb.worlds import ModelWorld, RtlWorld, Setup, World

BUFFER_BYTES = (64, 1500)
LARGEST = 1536  # room for a buffer, in whole bus words
MEMORY = 1 << 22  # every batch has buffers of its own, so that the last look sees them all
RESULT = "speed.json"  # in a run's folder
ENVIRONMENT = "TB_LOAD"


@dataclass(frozen=True)
class Load:
    """How much is done.

    Attributes:
        queues: how many.
        size: of each ring, in descriptors.
        chains: in a batch, on each queue; of two descriptors, one readable and one writable.
        batches: measured.
        seed: of lengths and bytes.
    """

    queues: int = 4
    size: int = 64
    chains: int = 32
    batches: int = 4
    seed: int = 1

    def setup(self) -> Setup:
        """Return what the worlds start from."""
        return Setup(sizes=(self.size,) * self.queues, indirect="never", memory=MEMORY)

    def environment(self) -> dict[str, str]:
        """Return what tells a simulation to do this."""
        return {ENVIRONMENT: json.dumps(asdict(self))}


def load_from_environment() -> Load:
    """Return what this simulation has to do."""
    return Load(**json.loads(os.environ[ENVIRONMENT]))


class Chain(NamedTuple):
    """One buffer to add: its bytes are `length` of the pool from `start` on."""

    length: int
    start: int


class Workload:
    """The operations, and what they do to a world.

    Attributes:
        operations: adds, syncs and gets of the measured batches.
    """

    def __init__(self, load: Load) -> None:
        draw = random.Random(load.seed)
        self.load = load
        self.pool = draw.randbytes(1 << 16)
        self.batches = [
            [
                [
                    Chain(draw.choice(BUFFER_BYTES), draw.randrange(len(self.pool) - LARGEST))
                    for _ in range(load.chains)
                ]
                for _ in range(load.queues)
            ]
            for _ in range(1 + load.batches)
        ]
        self.operations = load.batches * load.queues * (2 * load.chains + 1)

    def place(self, world: World) -> int:
        """Return the address of the room for all buffers."""
        count = (1 + self.load.batches) * self.load.queues * self.load.chains
        return world.allocator.allocate(2 * LARGEST * count, 64)

    def offer(self, world: World, place: int, batch: list[list[Chain]]) -> int:
        """Add and publish a batch whose buffers lie from `place` on; return the next place."""
        for index, chains in enumerate(batch):
            vq = world.queue(index)
            for number, (length, start) in enumerate(chains):
                world.memory.write(place, self.pool[start : start + length])
                vq.add_buf([(place, length), (place + LARGEST, length)], 1, 1, number)
                place += 2 * LARGEST
            vq.sync()
        return place

    def collect(self, world: World, batch: list[list[Chain]]) -> None:
        """Take a batch back."""
        for index, chains in enumerate(batch):
            vq = world.queue(index)
            for _ in chains:
                used = vq.get_buf()
                assert used is not None, f"queue {index} has not returned all of its buffers"
                assert used.length == chains[used.data].length


class Measure(NamedTuple):
    """What one run took; `digest` is that of the memory at its end."""

    operations: int
    cycles: int
    seconds: float
    python_seconds: float  # of these, in the driver's operations
    digest: str


def digest(image: Any) -> str:
    """Return the digest of a memory's bytes."""
    return hashlib.sha256(image).hexdigest()


async def measure(
    world: RtlWorld, load: Load, mark: Callable[[str], None] = lambda name: None
) -> Measure:
    """Run the workload on a world that was started; `mark` is told of begin and end."""
    work = Workload(load)
    place = work.place(world)
    offered = collected = 0.0
    begin, cycle = 0.0, 0
    for number, batch in enumerate(work.batches):
        if number == 1:
            mark("B")
            begin, cycle, offered, collected = time.perf_counter(), world.bench.cycle, 0.0, 0.0
        t0 = time.perf_counter()
        place = work.offer(world, place, batch)
        t1 = time.perf_counter()
        await world.settle()
        t2 = time.perf_counter()
        work.collect(world, batch)
        offered += t1 - t0
        collected += time.perf_counter() - t2
    seconds = time.perf_counter() - begin
    mark("E")
    cycles = world.bench.cycle - cycle
    image = world.memory.read(world.setup.base, world.setup.memory)
    return Measure(work.operations, cycles, seconds, offered + collected, digest(image))


def model_digest(load: Load) -> str:
    """Return the digest that every run must end with: the golden model's memory."""
    world = ModelWorld(load.setup(), queues=load.queues)
    world.start()
    work = Workload(load)
    place = work.place(world)
    for batch in work.batches:
        place = work.offer(world, place, batch)
        world.settle()
        work.collect(world, batch)
    return digest(world.flat.view)


def write_result(measured: Measure) -> None:
    """Leave what was measured in the run's folder."""
    path = Path(os.environ["TB_RUN_DIR"]) / RESULT
    path.write_text(json.dumps(measured._asdict()) + "\n")


def read_result(folder: Path) -> Measure:
    """Return what a run left in its folder."""
    return Measure(**json.loads((folder / RESULT).read_text()))
