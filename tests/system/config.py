# SPDX-License-Identifier: Apache-2.0
"""The device's configuration space, as a driver sees it."""

from __future__ import annotations

import cocotb

from pymodel import Feature, Status, pattern_bytes
from pymodel.registers import Config, Reg
from tb.bench import Bench
from tb.comparison import Comparison
from tb.native_memory import latency
from tb.player import parameters
from tb.worlds import Setup

WRONG = 0x0102  # bytes; each byte of the counter is another one
CHAIN = 86  # bytes, three times


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def fields_are_readable_before_the_features(dut):
    """Every field, in every state up to FEATURES_OK, and whatever it holds."""
    bench = Bench(dut)
    await bench.start()
    for mode in (0, 1):
        await bench.write32(Reg.STATUS, 0)
        assert await bench.read32(Reg.STATUS) == 0
        for status in (0, Status.ACKNOWLEDGE, Status.ACKNOWLEDGE | Status.DRIVER):
            if status:
                await bench.write32(Reg.STATUS, status)
            await bench.write32(Config.MODE, mode)
            assert not await bench.read32(Reg.STATUS) & Status.FEATURES_OK
            assert await bench.read32(Config.MODE) == mode
            assert await bench.registers.read(Config.MODE, 1) == mode
            assert await bench.read32(Config.SINK_ERRORS) == 0


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_field_is_one_value_at_any_time(dut):
    """Read while the device counts, a field only grows; at the end its bytes are little-endian.

    No field is wider than one access and none goes with another one, so that no driver can see
    half of a change: the generation stays.
    """
    bench = Bench(dut, latency(9))
    await bench.start()
    setup = Setup(sizes=(4,), features=Feature(0), indirect="never", memory=1 << 14, pattern=True)
    pair = Comparison(bench, setup, **await parameters(bench))
    await pair.start()
    generation = await bench.read32(Reg.CONFIG_GENERATION)
    world = pair.rtl
    for token in range(WRONG // CHAIN):
        addr = pair.allocate(CHAIN)
        data = bytes(byte ^ 0xFF for byte in pattern_bytes(0, token, CHAIN))
        world.memory.write(addr, data)
        world.queue(0).add_buf([(addr, CHAIN)], 1, 0, token)
    world.queue(0).sync()
    await world.hand_over()
    seen = [0]
    while seen[-1] < WRONG:
        before = await bench.read32(Reg.CONFIG_GENERATION)
        seen.append(await bench.read32(Config.SINK_ERRORS))
        assert await bench.read32(Config.MODE) == 1
        assert await bench.read32(Reg.CONFIG_GENERATION) == before == generation
        assert seen[-2] <= seen[-1] <= WRONG, seen
        assert len(seen) < 1000, await bench.state()
    assert len(set(seen)) > 2, f"the counter was not seen on its way: {seen}"
    low, high = WRONG & 0xFF, WRONG >> 8
    found = [await bench.registers.read(Config.SINK_ERRORS + at, 1) for at in range(4)]
    assert found == [low, high, 0, 0]
    found = [await bench.registers.read(Config.SINK_ERRORS + at, 2) for at in (0, 2)]
    assert found == [WRONG, 0]
