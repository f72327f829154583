# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_dev_loopback."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from pymodel.functions import Loopback
from tb.benches.function_bench import (
    SLOW,
    Chain,
    FunctionBench,
    Pace,
    all_sizes,
    clocks_per_beat,
    clocks_per_chain,
)


def test(**options: Any) -> Any:
    """A cocotb test with a deadline."""
    return cocotb.test(timeout_time=2, timeout_unit="ms", **options)


def noise(queue: int, size: int) -> bytes:
    """Readable bytes of a chain."""
    return random.randbytes(size)


@test()
@cocotb.parametrize(pace=SLOW)
async def every_size_comes_back(dut: Any, pace: Pace) -> None:
    """All pairs of sizes around beat boundaries, in random order, at any pace."""
    bench = FunctionBench(dut, Loopback())
    await bench.start(pace)
    chains = all_sizes(bench, noise)
    random.shuffle(chains)
    for chain in chains:
        bench.send(chain)
    await bench.finish()


@test()
@cocotb.parametrize(pace=[Pace(), Pace(50, 70, 50, 70)])
async def random_chains_come_back(dut: Any, pace: Pace) -> None:
    """Many chains, single-beat ones mostly, some damaged."""
    bench = FunctionBench(dut, Loopback())
    await bench.start(pace)
    for _ in range(400):
        most = random.choice([bench.beat, bench.beat, 12 * bench.beat])
        sizes = [random.choice([0, random.randint(0, most)]) for _ in range(2)]
        chain = Chain(random.randrange(bench.queues), noise(0, sizes[0]), sizes[1])
        chain.damaged = random.random() < 0.1
        bench.send(chain)
    await bench.finish()


@test()
async def one_chain_per_clock(dut: Any) -> None:
    """Chains of one beat take one clock each; empty answers too."""
    bench = FunctionBench(dut, Loopback())
    await bench.start()
    await bench.clocks(bench.queues + 8)
    for readable, writable in ((64, 64), (bench.beat, bench.beat), (bench.beat, 0), (0, 9)):
        chains = [
            Chain(number % bench.queues, noise(0, readable), writable) for number in range(200)
        ]
        limit = max(1, -(-readable // bench.beat))
        assert await clocks_per_chain(bench, chains) <= limit, f"{readable} and {writable} bytes"


@test()
async def one_beat_per_clock(dut: Any) -> None:
    """No gap between beats or packets, neither out of whole ones nor in where some is left."""
    bench = FunctionBench(dut, Loopback())
    await bench.start()
    await bench.clocks(bench.queues + 8)
    sizes = [random.randint(1, 6 * bench.beat) for _ in range(60)]
    both = [Chain(0, noise(0, size), size + random.randrange(3)) for size in sizes]
    assert await clocks_per_beat(bench, both) == (1, 1)
    some = [Chain(0, noise(0, size), random.randint(0, size)) for size in sizes]
    assert (await clocks_per_beat(bench, some))[0] == 1


@test()
async def bytes_pass_before_the_packet_ends(dut: Any) -> None:
    """The response goes first, and beats follow one clock after they came."""
    bench = FunctionBench(dut, Loopback())
    await bench.start(Pace(data=50))
    await bench.clocks(bench.queues + 4)  # returns wait while the queues get their first credits
    size = 40 * bench.beat
    bench.send(Chain(0, noise(0, size), size))
    await bench.finish()
    assert bench.rsp.words[0].shown < bench.data.taken[5]
    for taken, word in zip(bench.data.taken, bench.out.words):
        assert word.shown == taken + 1


@test()
async def what_is_not_given_back_needs_no_output(dut: Any) -> None:
    """While an answer cannot leave, packets without one are still taken."""
    bench = FunctionBench(dut, Loopback())
    await bench.start(Pace(out=0))
    bench.send(Chain(0, noise(0, 3), 3))
    for _ in range(bench.granted - 1):
        bench.send(Chain(0, noise(0, 2 * bench.beat), 0))
    await bench.clocks(6 * bench.chains + bench.queues + 20)
    assert bench.data.waiting == 0
    bench.out.percent = 100
    await bench.finish()


@test()
async def a_grant_loses_no_return(dut: Any) -> None:
    """Queues go live and stop all the time while another returns a chain in every clock."""
    bench = FunctionBench(dut, Loopback())
    await bench.start(live=1)
    for _ in range(300):
        bench.send(Chain(0, b"", 1))
    for _ in range(60):
        bench.set_live(1 | random.getrandbits(bench.queues))
        await bench.clocks(random.randint(1, 9))
    bench.set_live(1)
    await bench.finish()


@test()
async def queues_that_stop_are_drained(dut: Any) -> None:
    """A stopped queue's chains are returned, but not credited; its next life starts afresh."""
    bench = FunctionBench(dut, Loopback())
    everything = (1 << bench.queues) - 1
    await bench.start(Pace(80, 60, 60, 60))
    for _ in range(6):
        for _ in range(40):
            bench.send(Chain(random.randrange(bench.queues), noise(0, 20), 20))
        await bench.clocks(random.randrange(10, 40))
        stopped = random.getrandbits(bench.queues)
        for queue in range(bench.queues):
            if stopped >> queue & 1:
                bench.drop(queue)
        bench.set_live(everything & ~stopped)
        await bench.finish()
        bench.set_live(everything)
        await bench.clocks(2 * bench.queues + 4)
