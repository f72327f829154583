# SPDX-License-Identifier: Apache-2.0
"""A driver that does whatever a driver may, at random, in either comparison.

Every chain has buffers of its own, of any length and alignment, so that chains of different
queues may complete in any order.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

from pymodel import Feature, OutOfMemory, UsedBuffer, pattern_bytes
from tb.bench import Bench
from tb.comparison import Comparison
from tb.free_running import FreeRunning
from tb.registers import device_parameters
from tb.worlds import World

SHAPES = [(1, 0), (0, 1), (1, 1), (2, 1), (1, 2), (2, 2), (3, 0), (0, 3), (3, 5)]
LENGTHS = [1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 200, 511]


async def parameters(bench: Bench) -> dict[str, int]:
    """Return the model device's parameters, as the RTL's registers tell them."""
    return await device_parameters(bench.read32)


def drain(world: World, queue: int) -> bool:
    """Be a callback that collects all there is and stays on."""
    while world.take(queue):
        pass
    return True


def postpone(world: World, queue: int) -> bool:
    """Be a callback that collects nothing and asks for no more interrupts."""
    return False


def collect_one(world: World, queue: int) -> bool:
    """Be a callback that collects one buffer and leaves the rest to the driver."""
    world.take(queue)
    return False


@dataclass
class Habits:
    """What the driver tends to do.

    Attributes:
        shapes: (readable, writable) segments of a chain.
        lengths: of a segment, bytes.
        long: share of the chains with a segment of up to `long_bytes`, percent.
        long_bytes: see there.
        deep: share of the chains with as many descriptors as are possible, percent.
        detach: whether buffers are taken back.
        indirect: forced choice of a chain's form, None for the queue's policy, "any" for any.
        pause: cycles between two operations, (lowest, highest).
        aligned: bytes that every segment is aligned to.
    """

    shapes: Sequence[tuple[int, int]] = tuple(SHAPES)
    lengths: Sequence[int] = tuple(LENGTHS)
    long: int = 3
    long_bytes: int = 9000
    deep: int = 2
    detach: bool = True
    indirect: Union[bool, str, None] = "any"
    pause: tuple[int, int] = (0, 0)
    aligned: int = 1


class Player:
    """Adds, publishes, collects, detaches and restarts.

    Args:
        pair: the comparison, started.
        habits: what it tends to do.
        queues: those that it uses, by default all.
    """

    def __init__(
        self,
        pair: Union[Comparison, FreeRunning],
        habits: Optional[Habits] = None,
        queues: Optional[Sequence[int]] = None,
    ) -> None:
        self.pair = pair
        self.habits = habits or Habits()
        found = [index for index, vq in enumerate(pair.rtl.queues) if vq is not None]
        self.queues = list(found if queues is None else queues)
        self.longest = pair.model.model.max_chain
        self.buffers: dict[int, list[int]] = {}  # of each token outstanding
        self.waiting: dict[int, list[int]] = {queue: [] for queue in self.queues}  # not published
        self.sent: dict[int, list[int]] = {queue: [] for queue in self.queues}  # not collected
        self.token = 0
        self.full = 0  # adds refused for want of space
        self.taken_back = 0  # buffers detached after they were published
        self.numbers = dict.fromkeys(self.queues, 0)
        self._freed = 0  # of what callbacks collected

    # ---- operations

    def _lengths(self, count: int) -> list[int]:
        lengths = [random.choice(self.habits.lengths) for _ in range(count)]
        if random.randrange(100) < self.habits.long:
            lengths[random.randrange(count)] = random.randint(1, self.habits.long_bytes)
        return lengths

    def _shape(self, queue: int) -> tuple[int, int]:
        size = self.pair.rtl.queue(queue).size
        most = min(size, self.longest)
        if random.randrange(100) < self.habits.deep:
            count = random.randint(max(1, most - 1), most)
            out_num = random.randint(0, count)
            return out_num, count - out_num
        fitting = [shape for shape in self.habits.shapes if sum(shape) <= most]
        return random.choice(fitting or [(1, 0), (0, 1)])

    async def add(
        self,
        queue: int,
        shape: Optional[tuple[int, int]] = None,
        lengths: Optional[Sequence[int]] = None,
    ) -> bool:
        """Add a chain; whether there was room."""
        out_num, in_num = shape or self._shape(queue)
        lengths = lengths or self._lengths(out_num + in_num)
        buffers: list[int] = []
        segments = []
        try:
            for length in lengths:
                offset = random.randrange(64) // self.habits.aligned * self.habits.aligned
                buffers.append(self.pair.allocate(length + offset, 64))
                segments.append((buffers[-1] + offset, length))
        except OutOfMemory:
            for addr in buffers:
                self.pair.free(addr)
            return False
        self._fill(queue, segments[:out_num])
        vq = self.pair.rtl.queue(queue)
        choice = self.habits.indirect
        if isinstance(choice, str):
            choice = random.choice([True, False, None]) if vq.tables is not None else None
        self.token += 1
        try:
            await self.pair.add(queue, segments, out_num, in_num, self.token, indirect=choice)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            self.full += 1
            for addr in buffers:
                self.pair.free(addr)
            return False
        self.numbers[queue] += 1
        self.buffers[self.token] = buffers
        self.waiting[queue].append(self.token)
        return True

    def _fill(self, queue: int, segments: Sequence[tuple[int, int]]) -> None:
        total = sum(length for _, length in segments)
        if self.pair.setup.pattern:
            data = pattern_bytes(queue, self.numbers[queue], total)
        else:
            data = random.randbytes(total)
        at = 0
        for addr, length in segments:
            self.pair.write(addr, data[at : at + length])
            at += length

    async def sync(self, queue: int) -> None:
        """Publish."""
        self.sent[queue] += self.waiting[queue]
        self.waiting[queue] = []
        await self.pair.sync(queue)

    def _free(self, queue: int, used: UsedBuffer) -> None:
        self.sent[queue].remove(used.data)
        for addr in self.buffers.pop(used.data):
            self.pair.free(addr)

    def free_collected(self) -> None:
        """Free the buffers that callbacks have collected."""
        taken = self.pair.rtl.taken
        for queue, used in taken[self._freed :]:
            self._free(queue, used)
        self._freed = len(taken)

    def forget(self, queue: int) -> None:
        """Give up everything that a queue holds, after `FreeRunning.renew`."""
        for token in self.waiting[queue] + self.sent[queue]:
            for addr in self.buffers.pop(token):
                self.pair.free(addr)
        self.waiting[queue], self.sent[queue] = [], []

    async def get(self, queue: int) -> bool:
        """Collect one chain; whether there was one."""
        used = await self.pair.get(queue)
        if used is None:
            return False
        self.free_collected()
        self._free(queue, used)
        return True

    async def detach(self, queue: int) -> None:
        """Take a buffer back: one not published, or with RING_RESET any; else try in vain."""
        if self.pair.setup.pattern:
            return  # the pattern's numbers go by what was added
        waiting, sent = self.waiting[queue], self.sent[queue]
        if waiting and random.random() < 0.7:
            token = random.choice(waiting)
            await self.pair.detach(queue, token)
            waiting.remove(token)
            for addr in self.buffers.pop(token):
                self.pair.free(addr)
            return
        token = random.choice([*sent, -1])
        try:
            await self.pair.detach(queue, token)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.EBUSY):
                raise
        else:
            if token == -1 or not self.pair.setup.features & Feature.RING_RESET:
                raise AssertionError(f"{token} was detached though it was published or unknown")
            sent.remove(token)
            self.taken_back += 1
            for addr in self.buffers.pop(token):
                self.pair.free(addr)

    async def restart(self, queue: int) -> None:
        """Turn callbacks on again, as a driver does: drain until that succeeds."""
        vq = self.pair.rtl.queue(queue)
        if vq.callback is None or vq.callbacks_on:
            try:
                await self.pair.restart(queue)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
            return
        while not await self.pair.restart(queue):
            while await self.get(queue):
                pass

    # ---- games

    async def step(self) -> None:
        """Do one operation."""
        queue = random.choice(self.queues)
        names = [self.add, self.sync, self.get, self.restart]
        weights = [50, 18, 30, 6]
        if self.habits.detach:
            names, weights = [*names, self.detach], [*weights, 6]
        operation: Any = random.choices(names, weights)[0]
        await operation(queue)
        self.free_collected()
        if self.habits.pause[1]:
            await self.pair.bench.wait_cycles(random.randint(*self.habits.pause))

    async def play(self, operations: int) -> None:
        """Do so many operations, then publish and collect everything."""
        for _ in range(operations):
            await self.step()
        await self.finish()

    async def finish(self) -> None:
        """Publish and collect everything; all must come back."""
        for queue in self.queues:
            await self.sync(queue)
        if isinstance(self.pair, FreeRunning):
            await self.pair.settle()
        for queue in self.queues:
            self.free_collected()
            while await self.get(queue):
                pass
            self.free_collected()
            left = self.sent[queue]
            assert not left, f"queue {queue}: {len(left)} chains never came back: {left[:8]}"
        if isinstance(self.pair, FreeRunning):
            await self.pair.settle()
        else:
            await self.pair.finish()
