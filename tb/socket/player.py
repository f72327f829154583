# SPDX-License-Identifier: Apache-2.0
"""A driver of socket queues that does whatever a driver may, at random, compared at each step."""

from __future__ import annotations

import errno
import random
from typing import Any, NamedTuple

from pymodel import PortInfo
from tb.socket.comparison import SocketComparison
from tb.socket.worlds import BASE, MEMORY, Segments, SocketWorld

SLOT = 4096  # bytes of memory for each buffer, the writable ones in the upper half
SHORT = 40  # bytes of most buffers
EXPECTED = (errno.ENOSPC, errno.ENOENT, errno.EINVAL)  # what an operation may answer
STEPS = ("add", "add", "add", "sync", "get", "get", "detach", "restart")


def drain(world: SocketWorld, index: int) -> bool:
    """Be a callback that collects all there is and stays on."""
    while world.take(index) is not None:
        pass
    return True


def postpone(world: SocketWorld, index: int) -> bool:
    """Be a callback that collects one buffer and asks for no more interrupts."""
    world.take(index)
    return False


class Drawn(NamedTuple):
    """A buffer: its segments, how many are readable and writable, and what is readable."""

    sg: Segments
    out_num: int
    in_num: int
    addr: int
    data: bytes


def some_buffer(number: int, built: PortInfo) -> Drawn:
    """Draw a buffer: mostly of few bytes, sometimes of as many as may be."""

    def some(most: int) -> int:
        kind = random.random()
        if kind < 0.2:
            return 0
        return random.randint(1, min(most, SLOT // 2, SHORT if kind < 0.9 else most))

    def cut(addr: int, length: int) -> list[tuple[int, int]]:
        if length > 1 and random.random() < 0.3:
            first = random.randint(1, length - 1)
            return [(addr, first), (addr + first, length - first)]
        return [(addr, length)] if length else []

    out_bytes, in_bytes = some(built.max_readable), some(built.max_writable)
    if out_bytes + in_bytes == 0:
        out_bytes = 1
    base = BASE + number % (MEMORY // SLOT) * SLOT
    out, in_ = cut(base, out_bytes), cut(base + SLOT // 2, in_bytes)
    return Drawn(out + in_, len(out), len(in_), base, random.randbytes(out_bytes))


class SocketPlayer:
    """Adds, publishes, collects, detaches and restarts, on all queues of a started comparison."""

    def __init__(self, pair: SocketComparison) -> None:
        self.pair = pair
        self.queues = range(len(pair.rtl.queues))
        self.number = 0  # of the next buffer

    async def step(self) -> None:
        """Do one operation; what a full queue or a needless request answers is right too."""
        queue = random.choice(self.queues)
        what = random.choice(STEPS)
        try:
            if what == "add":
                drawn = some_buffer(self.number, self.pair.bench.built)
                self.pair.write(drawn.addr, drawn.data)
                await self.pair.add(queue, drawn.sg, drawn.out_num, drawn.in_num, self.number)
                self.number += 1
            elif what == "detach":
                tokens: list[Any] = [*self.pair.rtl.queues[queue].outstanding, "unknown"]
                await self.pair.detach(queue, random.choice(tokens))
            else:
                await getattr(self.pair, what)(queue)
        except OSError as error:
            if error.errno not in EXPECTED:
                raise

    async def finish(self) -> None:
        """Publish and collect everything; all must come back."""
        for queue in self.queues:
            await self.pair.sync(queue)
            while await self.pair.get(queue) is not None:
                pass
            vq = self.pair.rtl.queues[queue]
            assert vq.num_free == vq.size, f"queue {queue}: {list(vq.outstanding)} never came back"
