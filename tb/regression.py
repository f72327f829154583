# SPDX-License-Identifier: Apache-2.0
"""What the regression matrix runs at each of its points: random operations, compared.

The environment says the rest: SEED, TB_PROFILE (the memory's behaviour), TB_RING_SIZE.
"""

from __future__ import annotations

import errno
import os
import random
from typing import Any

import cocotb

from pymodel.registers import Reg
from tb.bench import Bench
from tb.comparison import Comparison
from tb.screen import progress, tallied
from tb.worlds import Setup

OPERATIONS = int(os.environ.get("TB_OPERATIONS", "120"))
BUFFERS = 32  # set aside for the segments of all chains
BUFFER_BYTES = 2048
MEMORY_BYTES = 4 << 20


class Player:
    """Adds, publishes and collects at random, as a driver may."""

    def __init__(self, comparison: Comparison, queues: int) -> None:
        self.comparison, self.queues = comparison, queues
        self.buffers = [comparison.allocate(BUFFER_BYTES, 64) for _ in range(BUFFERS)]
        self.waiting = [0] * queues
        self.held: dict[int, list[int]] = {}  # buffers of each token outstanding
        self.token = 0

    def segments(self, buffers: list[int]) -> list[tuple[int, int]]:
        """Return segments of any length and alignment, one in each buffer."""
        lengths = [1, 2, 4, 12, 64, 100, 512, 1500]
        return [(buffer + random.randrange(64), random.choice(lengths)) for buffer in buffers]

    async def add(self, queue: int) -> None:
        """Add a chain; a full ring is a legal answer."""
        out_num, in_num = random.choice([(1, 0), (0, 1), (1, 1), (2, 2), (3, 1), (1, 4)])
        if len(self.buffers) < out_num + in_num:
            return
        # chains of different queues may complete in any order, so they share no buffer
        buffers = random.sample(self.buffers, out_num + in_num)
        segments = self.segments(buffers)
        for addr, length in segments[:out_num]:
            self.comparison.write(addr, random.randbytes(length))
        self.token += 1
        try:
            await self.comparison.add(queue, segments, out_num, in_num, self.token)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        else:
            self.waiting[queue] += 1
            self.held[self.token] = buffers
            self.buffers = [buffer for buffer in self.buffers if buffer not in buffers]

    async def collect(self, queue: int) -> None:
        """Collect one chain, if there is one."""
        used = await self.comparison.get(queue)
        if used is not None:
            self.waiting[queue] -= 1
            self.buffers += self.held.pop(used.data)

    async def play(self, operations: int) -> None:
        """Run so many operations, then publish and collect everything."""
        for done in range(operations):
            if done % 50 == 0:
                progress(done, operations, f"on {self.queues} queues, equal so far")
            queue = random.randrange(self.queues)
            step = random.choices([self.add, self.comparison.sync, self.collect], [5, 2, 4])[0]
            await step(queue)
        for queue in range(self.queues):
            await self.comparison.sync(queue)
            while self.waiting[queue]:
                left = self.waiting[queue]
                await self.collect(queue)
                assert self.waiting[queue] < left, f"queue {queue}: {left} chains never came back"


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def random_operations_agree_with_the_model(dut: Any) -> None:
    """Add, sync and get on all queues: equal to the model after every operation."""
    bench = Bench(dut)
    await bench.start()
    info = await bench.read32(Reg.ENGINE_INFO)
    queues, bus_bytes, max_chain = info & 0xFF, 1 << (info >> 8 & 0xFF), info >> 16
    largest = await bench.read32(Reg.QUEUE_SIZE_MAX)
    size = int(os.environ.get("TB_RING_SIZE", "16"))
    comparison = Comparison(
        bench,
        Setup(sizes=(size,) * queues, memory=MEMORY_BYTES, tables=1 << 14),
        queues=queues,
        queue_size_max=largest,
        max_chain=max_chain,
        data_w=8 * bus_bytes,
    )
    tally = comparison.tally
    with tallied(tally):
        await comparison.start()
        await Player(comparison, queues).play(OPERATIONS)
        await comparison.finish()
    cocotb.log.info("%d operations, %d chains, equal", tally.operations, tally.chains)
