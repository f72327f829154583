# SPDX-License-Identifier: Apache-2.0
"""Cycles per buffer in a full pipeline: no stage waits a memory round trip per chain.

The rate is the difference between a long and a short batch, so the time to fill and to drain the
pipeline is not in it.
"""

import cocotb

from pymodel import Feature, Reg
from tb.bench import Bench
from tb.native_memory import latency
from tb.worlds import RtlWorld, Setup

SHORT, LONG = 128, 256  # buffers
# Bytes, bus width: the bus limit in beats a buffer, one descriptor each, large batches
LIMITS = {(64, 64): 10.25, (1500, 64): 190.25, (64, 512): 1.281, (1500, 512): 24.281}
# What the engine reaches of it at least
SHARE = {(64, 64): 0.92, (1500, 64): 0.99, (64, 512): 0.39, (1500, 512): 0.93}


async def batch(world, count, length):
    """Publish `count` readable buffers at once; return the cycles until the engine is idle."""
    queue, addr = world.queue(0), world.allocator.allocate(length, 64)
    for token in range(1, count + 1):
        queue.add_buf([(addr, length)], 1, 0, token)
    queue.sync()
    begin = world.bench.cycle
    await world.settle()
    cycles = world.bench.cycle - begin
    returned = 0
    while queue.get_buf() is not None:
        returned += 1
    assert returned == count
    return cycles


@cocotb.test(timeout_time=10, timeout_unit="ms")
@cocotb.parametrize(length=[64, 1500], cycles=[16, 128])
async def readable_buffers_flow(dut, length, cycles):
    bench = Bench(dut, latency(cycles))
    await bench.start()
    width = 8 << (await bench.read32(Reg.ENGINE_INFO) >> 8 & 0xFF)
    world = RtlWorld(Setup(sizes=(LONG,), features=Feature(0), indirect="never"), bench)
    await world.start()
    rate = (await batch(world, LONG, length) - await batch(world, SHORT, length)) / (LONG - SHORT)
    limit = LIMITS[length, width]
    cocotb.log.info(
        "%d-bit bus, %d bytes, latency %d: %.2f cycles a buffer, %.0f %% of the limit of %.2f",
        *(width, length, cycles, rate, 100 * limit / rate, limit),
    )
    assert limit / rate >= SHARE[length, width]
