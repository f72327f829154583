# SPDX-License-Identifier: Apache-2.0
"""Far more chains than the chain store holds, the longest ones among them."""

import random

import cocotb

from tb.bench import Bench
from tb.native_memory import latency
from tb.worlds import RtlWorld, Setup

SIZE, LONGEST, MOST = 256, 32, 60  # queue, chain in descriptors, chains a queue


def add_chain(world, queue, token):
    """Add a chain of any shape; return its readable and its writable segments."""
    count = random.choice([1, 2, 5, 16, LONGEST - 1, LONGEST])
    out_num = random.randint(0, count)
    segments = []
    for _ in range(count):
        length = random.randint(1, 100)
        segments.append((world.allocator.allocate(length, 1), length))
    for addr, length in segments[:out_num]:
        world.memory.write(addr, random.randbytes(length))
    world.queue(queue).add_buf(segments, out_num, count - out_num, token)
    return segments[:out_num], segments[out_num:]


def content(world, segments):
    return b"".join(world.memory.read(addr, length) for addr, length in segments)


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(cycles=[3, 40, 200], indirect=["never", "multi"])
async def every_chain_comes_back(dut, cycles, indirect):
    bench = Bench(dut, latency(cycles))
    await bench.start()
    setup = Setup(sizes=(SIZE,) * 4, memory=1 << 23, indirect=indirect, tables=1 << 18)
    world = RtlWorld(setup, bench, deadline=1_000_000)
    await world.start()
    chains = {}
    for index in range(4):
        queue = world.queue(index)
        for token in range(1, MOST + 1):
            if queue.num_free > LONGEST:
                chains[index, token] = add_chain(world, index, token)
        queue.sync()
    await world.settle()
    for index in range(4):
        while (used := world.queue(index).get_buf()) is not None:
            readable, writable = chains.pop((index, used.data))
            sent, got = content(world, readable), content(world, writable)
            assert used.length == min(len(sent), len(got))
            assert got[: used.length] == sent[: used.length]
    assert not chains, f"{len(chains)} chains were not returned"
