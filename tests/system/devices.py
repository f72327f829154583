# SPDX-License-Identifier: Apache-2.0
"""Devices of `tb_devices`, as a driver finds them on their bus."""

from __future__ import annotations

import cocotb

from pymodel.bus import SLOT_BYTES
from pymodel.registers import MAGIC, TEST_DEVICE_ID, VERSION, Reg
from tb.bench import SLOTS, Bench
from tb.comparison import Comparison
from tb.player import parameters
from tb.worlds import Setup


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_slot_without_a_device_is_a_placeholder(dut):
    """Magic and version are right, the device id is 0; so are all others, whatever is written."""
    bench = Bench(dut, slot="test")
    await bench.start()
    assert await bench.read32(Reg.DEVICE_ID) == TEST_DEVICE_ID
    absent = max(SLOTS.values()) + 1
    for slot in (absent, 15):
        read, base = bench.registers.read32, slot * SLOT_BYTES
        for offset in range(0, 0x200, 4):
            await bench.registers.write32(base + offset, 0xFFFFFFFF)
            expected = {Reg.MAGIC_VALUE: MAGIC, Reg.VERSION: VERSION}.get(offset, 0)
            assert await read(base + offset) == expected, hex(offset)
    assert await bench.read32(Reg.STATUS) == 0


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def the_test_device_works_on_a_shared_bus(dut):
    """Buffers looped back through the bus that other devices share, compared with the model."""
    bench = Bench(dut, slot="test")
    await bench.start()
    pair = Comparison(bench, Setup(sizes=(8, 8)), **await parameters(bench))
    await pair.start()
    for token in range(12):
        addr = pair.allocate(600)
        pair.write(addr, bytes(range(token, token + 200)))
        await pair.add(token % 2, [(addr, 200), (addr + 300, 250)], 1, 1, token)
        await pair.sync(token % 2)
        assert (await pair.get(token % 2)).length == 200
        assert pair.rtl.memory.read(addr + 300, 200) == bytes(range(token, token + 200))
    await pair.finish()
