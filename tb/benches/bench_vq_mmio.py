# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_mmio: the registers of the whole device, and any access to any of them."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from pymodel.device import ModelDevice
from pymodel.features import OFFER, Feature, Status
from pymodel.functions import TestFunction
from pymodel.memory import GuestMemory
from pymodel.registers import BY_OFFSET, OWN_BASE, REGISTERS, Access, Reg
from tb.benches.channels import now
from tb.benches.mmio import DRIVER_OK, Bench, Engine, test


@test()
@cocotb.parametrize(percent=[100, 30])
async def identity_and_constants(dut: Any, percent: int) -> None:
    """The constant registers read as the standard and the parameters say."""
    bench = Bench(dut)
    await bench.start(percent)
    bus_log2 = (int(dut.DATA_W.value) // 8).bit_length() - 1
    expected = {
        Reg.MAGIC_VALUE: 0x74726976,
        Reg.VERSION: 2,
        Reg.DEVICE_ID: int(dut.DEVICE_ID.value),
        Reg.VENDOR_ID: 0x4F505256,
        Reg.QUEUE_SIZE_MAX: bench.size_max,
        Reg.SHM_LEN_LOW: 0xFFFFFFFF,
        Reg.SHM_LEN_HIGH: 0xFFFFFFFF,
        Reg.SHM_BASE_LOW: 0xFFFFFFFF,
        Reg.SHM_BASE_HIGH: 0xFFFFFFFF,
        Reg.CONFIG_GENERATION: 0,
        Reg.ENGINE_INFO: int(dut.MAX_CHAIN.value) << 16 | bus_log2 << 8 | bench.queues,
    }
    for reg, value in expected.items():
        assert await bench.read(reg) == value, reg.name
    for reg in expected:  # and no write changes one
        await bench.write(reg, 0xA5A5A5A5)
    for reg, value in expected.items():
        assert await bench.read(reg) == value, reg.name


class BuiltAs(TestFunction):
    """A function of the device type that the parameters say."""

    def __init__(self, dut: Any) -> None:
        super().__init__()
        self.device_id = int(dut.DEVICE_ID.value)
        self.features = int(dut.DEVICE_FEATURES.value)


@test()
async def undefined_and_write_only_registers_read_zero(dut: Any) -> None:
    """Of the control registers only those that are readable give anything."""
    bench = Bench(dut)
    await bench.start()
    for offset in [*range(0, 0x100, 4), *range(0x800, OWN_BASE, 4)]:
        register = BY_OFFSET.get(offset)
        if register is None:
            await bench.write(offset, 0xFFFFFFFF)
        if register is None or register.access is Access.W:
            assert await bench.read(offset) == 0, f"{offset:#x}"
    assert await bench.read(Reg.STATUS) == 0
    assert await bench.faults() == (0, 0, 0, 0)


@test()
async def status_only_gains_bits(dut: Any) -> None:
    """Every write but 0 ORs the driver's bits in; the device's own cannot be written."""
    bench = Bench(dut)
    await bench.start()
    assert await bench.read(Reg.STATUS) == 0
    gained = 0
    for value in (1, 2, 0x50, 0x100, 4, 1, 128, 0xFFFFFFFF):
        await bench.write(Reg.STATUS, value)
        gained |= value & 0x87  # without features, FEATURES_OK is refused
        assert await bench.read(Reg.STATUS) == gained
        assert dut.m_reset.value == 0


@test()
async def features_windows_refusal_and_lock(dut: Any) -> None:
    """The offer is read by word; a bad subset is refused; a good one is locked."""
    bench = Bench(dut)
    await bench.start()
    low, high = bench.offer & 0xFFFFFFFF, bench.offer >> 32
    for word, expected in ((0, low), (1, high), (2, 0), (0xFFFFFFFF, 0)):
        await bench.write(Reg.DEVICE_FEATURES_SEL, word)
        assert await bench.read(Reg.DEVICE_FEATURES) == expected
    version = Feature.VERSION_1
    for bad in (0, OFFER & ~version, version | 1, version | Feature.SR_IOV, version | 1 << 63):
        await bench.negotiate(bad, Status.FEATURES_OK | Status.ACKNOWLEDGE)
        assert await bench.read(Reg.STATUS) == Status.ACKNOWLEDGE, hex(bad)
    single = (Feature.EVENT_IDX, Feature.INDIRECT_DESC, Feature.RING_PACKED, Feature.IN_ORDER)
    for good in (version, *(version | feature for feature in single), OFFER):
        await bench.write(Reg.STATUS, 0)
        await bench.negotiate(good, Status.FEATURES_OK)
        assert await bench.read(Reg.STATUS) == Status.FEATURES_OK, hex(good)
        for _ in range(2):  # before and after an attempt to change them
            assert dut.m_event_idx.value == bool(good & Feature.EVENT_IDX)
            assert dut.m_indirect.value == bool(good & Feature.INDIRECT_DESC)
            assert dut.m_packed.value == bool(good & Feature.RING_PACKED)
            assert dut.m_in_order.value == bool(good & Feature.IN_ORDER)
            await bench.negotiate(~good & OFFER | version, Status.FEATURES_OK)
        await bench.negotiate(0, Status.FEATURES_OK)
        assert await bench.read(Reg.STATUS) == Status.FEATURES_OK


@test()
async def the_function_judges_the_features(dut: Any) -> None:
    """It sees what the driver chooses, and FEATURES_OK is taken only with its consent."""
    bench = Bench(dut)
    await bench.start()
    dut.s_features_ok.value = 0
    for choice in (bench.offer, int(Feature.VERSION_1), bench.offer & ~Feature.RING_PACKED):
        await bench.negotiate(choice, Status.FEATURES_OK)
        assert (await bench.read(Reg.STATUS), int(dut.m_features.value)) == (0, choice)
    dut.s_features_ok.value = 1
    await bench.negotiate(choice, Status.FEATURES_OK)
    assert await bench.read(Reg.STATUS) == Status.FEATURES_OK
    await bench.negotiate(bench.offer, Status.FEATURES_OK)
    assert int(dut.m_features.value) == choice  # locked
    await bench.write(Reg.STATUS, 0)
    await bench.read(Reg.STATUS)
    assert int(dut.m_features.value) == 0


@test()
async def feature_bits_beyond_the_offer_are_refused(dut: Any) -> None:
    """A bit in word 2 or above makes the set unacceptable until reset; zeros there do not."""
    bench = Bench(dut)
    await bench.start()
    for word in (2, 3, 4, 0x80000000):
        for value, good in ((0, True), (1 << 31, False)):
            await bench.write(Reg.STATUS, 0)
            await bench.write(Reg.DRIVER_FEATURES_SEL, word)
            await bench.write(Reg.DRIVER_FEATURES, value)
            await bench.negotiate(status=Status.FEATURES_OK)
            assert await bench.read(Reg.STATUS) == (Status.FEATURES_OK if good else 0)


@test()
async def run_needs_driver_ok_and_features(dut: Any) -> None:
    """The engine runs with both bits set, and no feature is in force before FEATURES_OK."""
    bench = Bench(dut)
    await bench.start()
    await bench.negotiate(status=Status.DRIVER_OK)
    assert (dut.m_run.value, dut.m_event_idx.value, dut.m_indirect.value) == (0, 0, 0)
    await bench.write(Reg.STATUS, Status.FEATURES_OK)
    await bench.read(Reg.STATUS)
    assert (dut.m_run.value, dut.m_event_idx.value, dut.m_indirect.value) == (1, 1, 1)


@test()
async def partial_strobes_do_nothing(dut: Any) -> None:
    """A control register takes whole words only."""
    bench = Bench(dut)
    await bench.start()
    await bench.ready(0)
    await bench.pulse_used()
    sent = bench.engine.sent()
    for register in REGISTERS:
        for strobe in range(15):
            await bench.axil.write(register.offset, 0, strobe)
            await bench.axil.write(register.offset, 0xFFFFFFFF, strobe)
    assert bench.engine.sent() == sent
    assert bench.engine.notified.words == []
    assert bench.engine.reset_rises == 0
    assert await bench.read(Reg.STATUS) == 0
    assert await bench.read(Reg.QUEUE_READY) == 1
    assert await bench.read(Reg.INTERRUPT_STATUS) == 1
    assert await bench.faults() == (0, 0, 0, 0)


@test()
@cocotb.parametrize(percent=[100, 40])
async def configuration_space_is_passed_on(dut: Any, percent: int) -> None:
    """Reads and writes with any strobe, at the offset within it, and nothing beside it."""
    bench = Bench(dut)
    await bench.start(percent)
    expected = []
    own = [(OWN_BASE + place, 0x700 + place) for place in (0, 4, 0x80, 0xFC)]
    config = (0x100, 0x104, 0x1FC, 0x200, 0x3FC, 0x400, 0x6A8, 0x700, 0x7FC)
    for addr, place in [*((addr, addr - 0x100) for addr in config), *own]:
        assert await bench.read(addr) == Engine.config_word(place), hex(addr)
        strobe, value = random.randrange(16), random.getrandbits(32)
        await bench.axil.write(addr, value, strobe)
        expected.append({"addr": place, "data": value, "strb": strobe})
    for addr in (0x0FC, 0x800, 0x900, 0xEFC):
        await bench.write(addr, 0xFFFFFFFF)
    assert [word.value for word in bench.engine.config.words] == expected


@test()
@cocotb.parametrize(percent=[100, 40])
async def reads_and_writes_take_turns(dut: Any, percent: int) -> None:
    """Offered together without end, every one is answered, and each kind gets every other turn."""
    bench = Bench(dut)
    await bench.start(percent)
    await bench.read(Reg.STATUS)
    addrs = random.choices(range(0x100, 0x800, 4), k=80)
    start = now()
    for number, (read, write) in enumerate(zip(addrs[:40], addrs[40:])):
        bench.axil.aw.send({"addr": write})
        bench.axil.w.send({"data": number, "strb": 0xF})
        bench.axil.ar.send({"addr": read})
    while bench.axil.ar.waiting or bench.axil.aw.waiting or bench.axil.w.waiting:
        await bench.clocks(1)
    await bench.clocks(50)
    reads, writes = bench.axil.r.words[1:], bench.axil.b.words
    assert [word.value["data"] for word in reads] == [
        Engine.config_word(addr - 0x100) for addr in addrs[:40]
    ]
    assert [word.value for word in bench.engine.config.words] == [
        {"addr": addr - 0x100, "data": number, "strb": 0xF}
        for number, addr in enumerate(addrs[40:])
    ]
    assert len(writes) == 40
    if percent == 100:
        order = sorted([(word.shown, "r") for word in reads] + [(w.shown, "w") for w in writes])
        assert all(a[1] != b[1] for a, b in zip(order, order[1:]))
        assert order[-1][0] - start <= 80 * 3, "slower than one access per 3 clocks"


@test()
@cocotb.parametrize(percent=[100, 30])
async def any_sequence_of_accesses_agrees_with_the_model(dut: Any, percent: int) -> None:
    """Random reads and writes of every register give what the golden model gives."""
    bench = Bench(dut)
    await bench.start(percent)
    model = ModelDevice(
        GuestMemory((0, 0x10000)),
        queues=bench.queues,
        queue_size_max=bench.size_max,
        max_chain=int(dut.MAX_CHAIN.value),
        data_w=int(dut.DATA_W.value),
        function=BuiltAs(dut),
    )

    def indices(queue: int) -> tuple[int, int]:
        ring = model.ring(queue)
        return (ring.next_avail, ring.used_index) if ring else (0, 0)

    bench.engine.indices = indices  # type: ignore[method-assign]
    offsets = [r.offset for r in REGISTERS if r.offset != Reg.ENGINE_STATE]
    weights = [1 if offset == Reg.STATUS else 4 for offset in offsets]
    for step in range(1500):
        offset = random.choices(offsets, weights)[0]
        if random.random() < 0.5:
            value = random.choice(
                [0, 1, 1, 2, 4, 8, 15, 16, 31, 0x1000, bench.queues, bench.size_max, 0x30000000]
            )
            if offset == Reg.DRIVER_FEATURES_SEL:
                value &= 1  # the model has no more words
            if offset == Reg.DRIVER_FEATURES and random.random() < 0.3:
                value = OFFER >> 32
            if offset == Reg.STATUS and random.random() < 0.7:
                value = random.choice([DRIVER_OK, DRIVER_OK, DRIVER_OK | Status.SUSPEND])
            if offset == Reg.QUEUE_SEL and random.random() < 0.8:
                value = random.randrange(bench.queues)
            strobe = 0xF if random.random() < 0.95 else random.randrange(16)
            model.write32(offset, value, strobe)
            await bench.axil.write(offset, value, strobe)
            while offset == Reg.QUEUE_RESET and await bench.read(offset):  # the model is at once
                pass
            if dut.m_suspend.value == 1:
                await bench.clocks(20)
        else:
            expected = model.read32(offset)
            assert await bench.read(offset) == expected, f"step {step}, {Reg(offset).name}"
        await ReadOnly()
        assert (dut.irq.value == 1) == model.interrupt_line, f"step {step}: interrupt line"
        await RisingEdge(dut.clk)
