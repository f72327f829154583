# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_dev_pattern."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import cocotb

from pymodel.functions import Pattern, pattern_bytes
from tb.benches.function_bench import (
    SLOW,
    Chain,
    FunctionBench,
    Pace,
    all_sizes,
    clocks_per_beat,
    clocks_per_chain,
    lengths,
)

SINK_CLOCKS = 6  # from a packet's last beat to the error count


class PatternBench(FunctionBench):
    """Knows the pattern: sends what the sink expects, and counts what it should find."""

    def __init__(self, dut: Any) -> None:
        self.pattern = Pattern()
        super().__init__(dut, self.pattern)
        self._numbers: Counter[int] = Counter()

    def expected(self, queue: int, size: int) -> bytes:
        """The pattern of the next chain of a queue; every call counts a chain."""
        number = self._numbers[queue]
        self._numbers[queue] += 1
        return pattern_bytes(queue, number, size)

    def process(self, chain: Chain) -> bytes:
        """See `FunctionBench`; a damaged packet is not counted."""
        before = self.pattern.sink_errors
        answer = super().process(chain)
        if chain.damaged:
            self.pattern.sink_errors = before
        return answer

    def forget(self) -> None:
        """The function was reset."""
        self.pattern.reset()
        self._numbers.clear()

    async def check_errors(self) -> int:
        """Hold the error count against the model's and return it."""
        await self.clocks(SINK_CLOCKS)
        assert int(self.dut.m_errors.value) == self.pattern.sink_errors
        return self.pattern.sink_errors


def test(**options: Any) -> Any:
    """A cocotb test with a deadline."""
    return cocotb.test(timeout_time=2, timeout_unit="ms", **options)


def spoil(data: bytes, count: int) -> bytes:
    """Change `count` bytes."""
    changed = bytearray(data)
    for at in random.sample(range(len(data)), count):
        changed[at] ^= random.randint(1, 255)
    return bytes(changed)


@test()
@cocotb.parametrize(pace=SLOW)
async def every_size_is_filled_and_checked(dut: Any, pace: Pace) -> None:
    """All pairs of sizes around beat boundaries, at any pace, without one mismatch."""
    bench = PatternBench(dut)
    await bench.start(pace)
    for chain in all_sizes(bench, bench.expected):
        bench.send(chain)
    await bench.finish()
    assert await bench.check_errors() == 0


@test()
@cocotb.parametrize(pace=[Pace(), Pace(50, 70, 50, 70)])
async def each_wrong_byte_is_counted(dut: Any, pace: Pace) -> None:
    """One byte wrong at each place of each size, then many; bytes beyond tkeep never count."""
    bench = PatternBench(dut)
    await bench.start(pace)
    for size in lengths(bench.beat)[1:8]:
        for at in {0, 1 % size, size // 2, size - 1}:
            queue = random.randrange(bench.queues)
            spoilt = bytearray(bench.expected(queue, size))
            spoilt[at] ^= 1 << random.randrange(8)
            bench.send(Chain(queue, bytes(spoilt), random.choice([0, size])))
    await bench.finish()
    single = await bench.check_errors()
    assert single > 0
    for _ in range(100):
        queue, size = random.randrange(bench.queues), random.randint(1, 5 * bench.beat)
        data = spoil(bench.expected(queue, size), random.randint(0, size))
        bench.send(Chain(queue, data, random.choice([0, 1, size])))
    await bench.finish()
    assert await bench.check_errors() > single


@test()
async def damaged_packets_are_not_counted(dut: Any) -> None:
    """What ends with tuser set is no mismatch, but its chain keeps its number."""
    bench = PatternBench(dut)
    await bench.start()
    for number in range(60):
        queue, size = random.randrange(bench.queues), random.randint(1, 4 * bench.beat)
        data = spoil(bench.expected(queue, size), size if number % 2 else 0)
        bench.send(Chain(queue, data, 5, damaged=bool(number % 2)))
    await bench.finish()
    assert await bench.check_errors() == 0


@test()
async def long_packets_follow_the_pattern(dut: Any) -> None:
    """Past 64 KiB, where the pattern repeats, in both directions."""
    bench = PatternBench(dut)
    await bench.start()
    queue, size = bench.queues - 1, 0x10000 + 3 * bench.beat + 1
    for _ in range(2):
        bench.send(Chain(queue, bench.expected(queue, size), size))
    await bench.finish(40000)
    assert await bench.check_errors() == 0


@test()
async def every_queue_has_its_own_numbers(dut: Any) -> None:
    """More than 256 chains, some of them taken by another function; reset starts again."""
    bench = PatternBench(dut)
    await bench.start()
    for _ in range(2):
        for _ in range(300 + 40 * min(bench.queues, 4)):
            queue = random.randrange(min(bench.queues, 3))
            bench.send(Chain(queue, bench.expected(queue, 3), 3))
        await bench.finish()
        for queue in random.choices(range(bench.queues), k=20):
            dut.s_other_queue.value, dut.s_other_valid.value = queue, 1
            bench.expected(queue, 0)
            bench.pattern.take_number(queue)
            await bench.clocks(1)
        dut.s_other_valid.value = 0
    assert await bench.check_errors() == 0


@test()
async def a_reset_starts_again(dut: Any) -> None:
    """Numbers, errors and grants are those of before any chain."""
    bench = PatternBench(dut)
    await bench.start()
    for _ in range(2):
        for number in range(3 * bench.queues):
            queue = number % bench.queues
            bench.send(Chain(queue, spoil(bench.expected(queue, 20), 1), 20))
        await bench.finish()
        assert await bench.check_errors() == 3 * bench.queues
        bench.set_live(0)
        dut.rst.value = 1
        await bench.clocks(2)
        dut.rst.value = 0
        await bench.clocks(2)
        bench.forget()
        assert await bench.check_errors() == 0
        bench.set_live((1 << bench.queues) - 1)


@test()
async def one_chain_per_clock(dut: Any) -> None:
    """Chains of one beat take one clock each, whichever way their bytes go."""
    bench = PatternBench(dut)
    await bench.start()
    await bench.clocks(bench.queues + 8)
    for readable, writable in ((bench.beat, bench.beat), (bench.beat, 0), (0, bench.beat)):
        chains = []
        for number in range(200):
            queue = number % bench.queues
            chains.append(Chain(queue, bench.expected(queue, readable), writable))
        assert await clocks_per_chain(bench, chains) == 1, f"{readable} and {writable} bytes"
    assert await bench.check_errors() == 0


@test()
async def one_beat_per_clock(dut: Any) -> None:
    """No gap between beats or packets in either direction, nor in both at once."""
    bench = PatternBench(dut)
    await bench.start()
    await bench.clocks(bench.queues + 8)
    sizes = [random.randint(1, 6 * bench.beat) for _ in range(60)]
    both = [Chain(0, bench.expected(0, size), size) for size in sizes]
    inward, outward = await clocks_per_beat(bench, both)
    assert inward == 1
    assert outward < 1.05  # the first answer starts ahead of its packet, and waits for its end
    into = [Chain(0, bench.expected(0, size), 0) for size in sizes]
    assert await clocks_per_beat(bench, into) == (1, 0)
    out = [Chain(0, bench.expected(0, 0), size) for size in sizes]
    assert await clocks_per_beat(bench, out) == (0, 1)
    assert await bench.check_errors() == 0
