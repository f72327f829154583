# SPDX-License-Identifier: Apache-2.0
"""The entropy device with its driver, compared with the golden model after every operation."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from pymodel import Feature, Reg, RngFunction, SlotState, VirtioRng
from pymodel.bus import SLOT_BYTES
from tb.bench import SLOTS, Bench
from tb.driver_comparison import DriverComparison
from tb.driver_worlds import DriverSetup, in_slots
from tb.native_memory import latency

RNG = SLOTS["rng"]
RINGS = [
    Feature.INDIRECT_DESC | Feature.EVENT_IDX | Feature.RING_RESET,
    Feature.EVENT_IDX | Feature.RING_PACKED,
    Feature.RING_PACKED | Feature.RING_RESET | Feature.IN_ORDER,
]


async def pair_of(dut: Any, features: Feature = RINGS[0], most: int = 200) -> DriverComparison:
    """Start the device and its golden model, and probe both."""
    bench = Bench(dut, latency(5))
    await bench.start()
    data_w = 8 << (await bench.read32(RNG * SLOT_BYTES + Reg.ENGINE_INFO) >> 8 & 0xFF)
    setup = DriverSetup(
        features=features,
        drivers={VirtioRng.device_id: lambda: VirtioRng(most)},
        functions=in_slots(rng=lambda: RngFunction(data_w=data_w)),
        memory=1 << 18,
    )
    pair = DriverComparison(bench, setup)
    slots = await pair.start()
    states = [slot.state for slot in slots]
    assert states == [*[SlotState.EMPTY] * RNG, SlotState.BOUND], [str(slot) for slot in slots]
    return pair


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(features=RINGS)
async def random_bytes_are_read(dut, features):
    """Of any number, in as many requests as the device makes of it; never the same ones twice."""
    pair = await pair_of(dut, features)
    seen = set()
    for count in [1, 2, 63, 64, 65, 200, 0, *(random.randrange(400) for _ in range(10))]:
        data = await pair.do("read", RNG, lambda rng, n=count: rng.read(n))
        assert len(data) == count
        blocks = {data[at : at + 8] for at in range(0, count - 7, 8)}
        assert not blocks & seen
        seen |= blocks
    assert len(seen) > 100


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_buffer_that_breaks_the_rule_is_answered_too(dut):
    """What a driver must not queue, readable bytes, is swallowed; and a chain without room."""
    pair = await pair_of(dut)

    def wrong(rng, readable, writable):
        addr = rng._buffers.put(bytes(range(100)))
        sizes = [size for size in (readable, writable) if size]
        places = [addr, addr + 50][-len(sizes) :]
        queue = rng._queue
        queue.add_buf(list(zip(places, sizes)), int(readable > 0), int(writable > 0), addr)
        rng._awaited.add(addr)
        queue.sync()
        yield from rng.device.kick()
        yield from rng.device.wait_until(lambda: addr in rng._filled)
        return rng._filled.pop(addr), rng._buffers.read(addr, 100)

    for readable, writable in ((50, 0), (3, 7), (50, 50), (1, 1)):
        got = await pair.do("wrong", RNG, lambda rng, r=readable, w=writable: wrong(rng, r, w))
        assert got[0] == writable


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def the_device_is_taken_away_and_found_again(dut):
    pair = await pair_of(dut)
    for _ in range(3):
        await pair.do("read", RNG, lambda rng: rng.read(100))
        assert await pair.remove(RNG) == []
        assert pair.rtl.allocator.free_bytes == pair.setup.memory
        await pair.scan()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def the_device_says_what_it_is(dut):
    """Type 4, one queue, no feature of its own, no configuration."""
    pair = await pair_of(dut)
    read = pair.bench.registers.read32
    base = RNG * SLOT_BYTES
    assert await read(base + Reg.DEVICE_ID) == 4
    assert pair.rtl.slot(RNG).device.offer & ((1 << 24) - 1) == 0
    await pair.bench.registers.write32(base + Reg.QUEUE_SEL, 1)
    assert await read(base + Reg.QUEUE_SIZE_MAX) == 0
    for offset in range(0x100, 0x140, 4):
        await pair.bench.registers.write32(base + offset, 0xFFFFFFFF)
        assert await read(base + offset) == 0
    await pair.check("the end")
