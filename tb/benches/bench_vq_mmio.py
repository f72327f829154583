# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_mmio: AXI4-Lite on one side, a stand-in for the engine on the other."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge

from pymodel.device import ModelDevice
from pymodel.faults import Fault
from pymodel.features import OFFER, Feature, Interrupt, Status
from pymodel.memory import GuestMemory
from pymodel.registers import BY_OFFSET, REGISTERS, Access, Reg
from tb.benches.axil import AxilMaster
from tb.benches.channels import Sink, Source, now, start_clock

STALE = 4  # clocks for which the engine's answers may still be those of before
SET_UP = (
    Reg.QUEUE_SIZE,
    Reg.QUEUE_DESC_LOW,
    Reg.QUEUE_DESC_HIGH,
    Reg.QUEUE_DRIVER_LOW,
    Reg.QUEUE_DRIVER_HIGH,
    Reg.QUEUE_DEVICE_LOW,
    Reg.QUEUE_DEVICE_HIGH,
)  # in the order of the set-up fields
SPLIT = OFFER & ~Feature.RING_PACKED
DRIVER_OK = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK


class Engine:
    """The engine's side of the control channels.

    Its answers are as late as the contract allows: reset done and quiet hold their old value for
    `STALE` clocks, the indices come 3 clocks after the question, and `idle` falls 6 clocks after
    a notification.

    Attributes:
        reset_clocks: from m_reset to reset done.
        quiet_clocks: from the fall of a queue's ready to quiet.
        reset_rises: times that m_reset went high.
        fault: channel for faults.
    """

    def __init__(self, dut: Any, queues: int) -> None:
        self.dut, self.queues = dut, queues
        self.reset_clocks = self.quiet_clocks = self.suspend_clocks = 12
        self.reset_rises = 0
        self.work_clocks = 0  # after a notification
        clk = dut.clk
        self.set_up = Sink(
            clk,
            dut.m_setup_valid,
            None,
            {"queue": dut.m_setup_queue, "field": dut.m_setup_field, "data": dut.m_setup_data},
        )
        self.notified = Sink(
            clk,
            dut.m_notify_valid,
            None,
            {
                "queue": dut.m_notify_queue,
                "index": dut.m_notify_index,
                "data": dut.m_notify_data,
            },
        )
        self.config = Sink(
            clk,
            dut.m_cfg_write,
            None,
            {"addr": dut.m_cfg_addr, "data": dut.m_cfg_wdata, "strb": dut.m_cfg_wstrb},
        )
        self.fault = Source(
            clk,
            dut.s_fault_valid,
            dut.s_fault_ready,
            {"code": dut.s_fault_code, "queue": dut.s_fault_queue, "desc": dut.s_fault_desc},
        )
        for process in (self._reset, self._suspend, self._quiet, self._indices, self._idle):
            cocotb.start_soon(process())
        cocotb.start_soon(self._config_space())

    @staticmethod
    def indices(queue: int) -> tuple[int, int]:
        """The next available and the used index that the stand-in gives for a queue."""
        return 0x1100 + queue, 0x2200 + queue

    def sent(self) -> list[tuple[int, int, int]]:
        """Set-up so far: (queue, field, data)."""
        return [tuple(word.value.values()) for word in self.set_up.words]  # type: ignore[misc]

    async def _reset(self) -> None:
        clocks = 0
        while True:
            await RisingEdge(self.dut.clk)
            up = self.dut.m_reset.value == 1
            clocks = clocks + 1 if up else 0
            self.reset_rises += clocks == 1
            self.dut.s_reset_done.value = clocks < STALE or clocks >= self.reset_clocks

    async def _suspend(self) -> None:
        clocks = 0
        while True:
            await RisingEdge(self.dut.clk)
            clocks = clocks + 1 if self.dut.m_suspend.value == 1 else 0
            self.dut.s_suspended.value = clocks > self.suspend_clocks

    async def _quiet(self) -> None:
        clocks = [self.quiet_clocks] * self.queues
        while True:
            await RisingEdge(self.dut.clk)
            ready = int(self.dut.m_ready.value) if self.dut.m_ready.value.is_resolvable else 0
            quiet = 0
            for queue in range(self.queues):
                clocks[queue] = 0 if ready >> queue & 1 else clocks[queue] + 1
                stale = self.quiet_clocks > 0 and clocks[queue] < STALE
                quiet |= (stale or clocks[queue] >= self.quiet_clocks) << queue
            self.dut.s_quiet.value = quiet

    async def _indices(self) -> None:
        asked: deque[int] = deque([0, 0], maxlen=2)
        while True:
            await RisingEdge(self.dut.clk)
            avail, used = self.indices(asked[0])
            self.dut.s_index_avail.value, self.dut.s_index_used.value = avail, used
            asked.append(int(self.dut.m_index_queue.value))

    async def _idle(self) -> None:
        while True:
            self.dut.s_idle.value = 1
            await RisingEdge(self.dut.m_notify_valid)
            await ClockCycles(self.dut.clk, 6)
            if self.work_clocks:
                self.dut.s_idle.value = 0
                await ClockCycles(self.dut.clk, self.work_clocks)

    async def _config_space(self) -> None:
        while True:
            await self.dut.m_cfg_addr.value_change
            if self.dut.m_cfg_addr.value.is_resolvable:
                self.dut.s_cfg_rdata.value = self.config_word(int(self.dut.m_cfg_addr.value))

    @staticmethod
    def config_word(addr: int) -> int:
        """The configuration space that the stand-in has, by byte offset."""
        return (addr * 0x01010101 + 0xC0000000) & 0xFFFFFFFF


class Bench:
    """The register block with its two sides, and the driver's usual sequences."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.queues = int(dut.QUEUES.value)
        self.size_max = int(dut.QUEUE_SIZE_MAX.value)

    async def power_up(self) -> None:
        """Start the clock and reset; every input is quiet."""
        names = ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid")
        inputs = {f"s_axil_{name}": 0 for name in (*names, "rready")}
        inputs |= dict.fromkeys(("s_fault_valid", "s_used_irq", "s_cfg_rdata", "s_quiet"), 0)
        inputs |= {"s_suspended": 0}
        inputs |= dict.fromkeys(("s_fault_code", "s_fault_queue", "s_fault_desc"), 0)
        inputs |= {"s_reset_done": 1, "s_idle": 1, "s_index_avail": 0, "s_index_used": 0}
        await start_clock(self.dut, inputs)

    def connect(self, percent: int = 100) -> None:
        """Attach both sides; `percent` is the pace of each AXI4-Lite channel."""
        self.engine = Engine(self.dut, self.queues)
        self.axil = AxilMaster(self.dut, percent=percent)
        self.read, self.write = self.axil.read32, self.axil.write32

    async def start(self, percent: int = 100) -> None:
        """Power up and attach both sides."""
        await self.power_up()
        self.connect(percent)

    async def clocks(self, count: int) -> None:
        """Wait."""
        await ClockCycles(self.dut.clk, count)

    async def negotiate(self, features: int = SPLIT, status: int = DRIVER_OK) -> None:
        """Accept features and set status bits."""
        for word in (0, 1):
            await self.write(Reg.DRIVER_FEATURES_SEL, word)
            await self.write(Reg.DRIVER_FEATURES, features >> 32 * word & 0xFFFFFFFF)
        await self.write(Reg.STATUS, status)

    async def set_up(self, queue: int, **changes: int) -> None:
        """Write a good set-up with some registers changed; QueueReady is left alone."""
        await self.write(Reg.QUEUE_SEL, queue)
        good = dict(zip(SET_UP, (self.size_max, 0x1000, 0, 0x2000, 0, 0x3000, 0)))
        changed = {Reg[name.upper()]: value for name, value in changes.items()}
        for reg, value in (good | changed).items():
            await self.write(reg, value)

    async def ready(self, queue: int) -> None:
        """Set a queue up and make it ready."""
        await self.set_up(queue)
        await self.write(Reg.QUEUE_READY, 1)
        assert await self.read(Reg.QUEUE_READY) == 1

    async def faults(self) -> tuple[int, int, int, int]:
        """Code, queue, descriptor and count."""
        regs = (Reg.FAULT_CODE, Reg.FAULT_QUEUE, Reg.FAULT_DESCRIPTOR, Reg.FAULT_COUNT)
        return tuple([await self.read(reg) for reg in regs])  # type: ignore[return-value]

    async def pulse_used(self) -> None:
        """One used-buffer event, in the running clock."""
        self.dut.s_used_irq.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.s_used_irq.value = 0


def test(**options: Any) -> Any:
    """A cocotb test with a deadline."""
    return cocotb.test(timeout_time=2, timeout_unit="ms", **options)


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
        Reg.DEVICE_ID: 0x3F,
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


@test()
async def undefined_and_write_only_registers_read_zero(dut: Any) -> None:
    """Of the control registers only those that are readable give anything."""
    bench = Bench(dut)
    await bench.start()
    for offset in [*range(0, 0x100, 4), *range(0x800, 0x1000, 4)]:
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
    for word, expected in ((0, OFFER & 0xFFFFFFFF), (1, OFFER >> 32), (2, 0), (0xFFFFFFFF, 0)):
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
@cocotb.parametrize(percent=[100, 40])
async def set_up_reaches_the_engine(dut: Any, percent: int) -> None:
    """Each set-up register of each queue arrives once; a ready queue's are left alone."""
    bench = Bench(dut)
    await bench.start(percent)
    await bench.read(Reg.STATUS)
    zeros = [(queue, field, 0) for queue in range(bench.queues) for field in range(7)]
    assert bench.engine.sent() == zeros
    expected = []
    for queue in random.sample(range(bench.queues), min(bench.queues, 8)):
        values = [bench.size_max, *(random.getrandbits(32) & ~15 for _ in range(6))]
        await bench.write(Reg.QUEUE_SEL, queue)
        for reg, value in zip(SET_UP, values):
            await bench.write(reg, value)
        expected += [(queue, field, value) for field, value in enumerate(values)]
        await bench.write(Reg.QUEUE_READY, 1)
        for reg in SET_UP:
            await bench.write(reg, 1)
        assert await bench.read(Reg.QUEUE_READY) == 1
    assert bench.engine.sent()[len(zeros) :] == expected
    await bench.write(Reg.STATUS, 0)
    await bench.read(Reg.STATUS)
    assert bench.engine.sent()[len(zeros) + len(expected) :] == zeros


@test()
@cocotb.parametrize(driver_ok=[False, True], packed=[False, True])
async def set_up_faults_in_order(dut: Any, driver_ok: bool, packed: bool) -> None:
    """Each bad set-up is refused with its code, size before alignment, and changes nothing."""
    bench = Bench(dut)
    await bench.start()
    packed &= driver_ok
    sizes = {0, 0x80000000, 0x10001, 2 * bench.size_max} - {bench.size_max}
    sizes |= set() if packed else {3, 12}
    cases = [({"queue_size": size}, Fault.QUEUE_SIZE) for size in sizes]
    for name, align in (("desc", 16), ("driver", 4 if packed else 2), ("device", 4)):
        bits = [1 << bit for bit in range(align.bit_length() - 1)]
        cases += [({f"queue_{name}_low": 0x1000 + bit}, Fault.QUEUE_ALIGN) for bit in bits]
    cases.append(({"queue_size": 0, "queue_desc_low": 1}, Fault.QUEUE_SIZE))
    queue = bench.queues - 1
    for changes, fault in cases:
        await bench.write(Reg.STATUS, 0)
        if driver_ok:
            await bench.negotiate(OFFER if packed else SPLIT)
        before = await bench.read(Reg.STATUS)
        await bench.set_up(queue, **changes)
        await bench.write(Reg.QUEUE_READY, 1)
        assert await bench.read(Reg.QUEUE_READY) == 0, changes
        assert dut.m_ready.value == 0
        assert await bench.faults() == (fault, queue, 0, 1), changes
        assert await bench.read(Reg.QUEUE_FAULT) == fault
        assert await bench.read(Reg.STATUS) == before | Status.NEEDS_RESET
        assert await bench.read(Reg.INTERRUPT_STATUS) == (2 if driver_ok else 0)
        await bench.ready(queue)  # mended
        assert await bench.faults() == (fault, queue, 0, 1)


@test()
@cocotb.parametrize(packed=[False, True])
async def every_legal_size_and_alignment_is_taken(dut: Any, packed: bool) -> None:
    """All powers of two to the largest, and addresses aligned no more than they must be.

    A packed ring may have any size, also where it was written before the features were taken.
    """
    bench = Bench(dut)
    await bench.start()
    sizes = [1 << power for power in range(bench.size_max.bit_length())]
    if packed:
        sizes += [size for size in (3, 7, bench.size_max - 1) if 0 < size <= bench.size_max]
        await bench.set_up(0, queue_size=sizes[-1])
        await bench.negotiate(OFFER)
        await bench.write(Reg.QUEUE_READY, 1)
        assert await bench.read(Reg.QUEUE_READY) == 1
        await bench.write(Reg.QUEUE_READY, 0)
    for size in sizes:
        await bench.set_up(
            0,
            queue_size=size,
            queue_desc_low=0xFFFFFFF0,
            queue_driver_low=0xFFFFFFFC if packed else 0xFFFFFFFE,
            queue_device_low=0xFFFFFFFC,
        )
        await bench.write(Reg.QUEUE_READY, 1)
        assert await bench.read(Reg.QUEUE_READY) == 1, size
        await bench.write(Reg.QUEUE_READY, 1)  # again: nothing happens
        assert await bench.read(Reg.QUEUE_READY) == 1
        await bench.write(Reg.QUEUE_READY, 0)
    assert await bench.faults() == (0, 0, 0, 0)


@test()
async def absent_queues(dut: Any) -> None:
    """A queue that does not exist reads zero everywhere and takes no set-up."""
    bench = Bench(dut)
    await bench.start()
    absent = (bench.queues, bench.queues + 64, 0x100, 0x10000, 0x80000000, 0xFFFFFFFF)
    for count, queue in enumerate(absent):
        sent = len(bench.engine.sent())
        await bench.set_up(queue)
        await bench.write(Reg.QUEUE_READY, 0)
        for reg in (Reg.QUEUE_SIZE_MAX, Reg.QUEUE_READY, Reg.QUEUE_AVAIL_INDEX, Reg.QUEUE_FAULT):
            assert await bench.read(reg) == 0, reg.name
        assert (await bench.faults())[3] == count
        await bench.write(Reg.QUEUE_READY, 1)
        assert await bench.faults() == (Fault.NO_SUCH_QUEUE, bench.queues, 0, count + 1)
        assert await bench.read(Reg.QUEUE_READY) == 0
        assert await bench.read(Reg.QUEUE_FAULT) == 0
        assert len(bench.engine.sent()) == max(sent, 7 * bench.queues)
    await bench.write(Reg.QUEUE_SEL, 0)
    assert await bench.read(Reg.QUEUE_FAULT) == 0
    assert dut.m_ready.value == 0


@test()
@cocotb.parametrize(features=[0, OFFER & ~Feature.NOTIFICATION_DATA, OFFER])
async def notifications(dut: Any, features: int) -> None:
    """Ready queues' reach the engine, others' do not, absent queues' are faults.

    With NOTIFICATION_DATA they tell an index, and only the lower half names a queue.
    """
    bench = Bench(dut)
    await bench.start()
    telling = bool(features & Feature.NOTIFICATION_DATA)
    if features:
        await bench.negotiate(features)
    ready = sorted(random.sample(range(bench.queues), (bench.queues + 1) // 2))
    for queue in ready:
        await bench.ready(queue)
    expected = []
    for queue in random.choices(range(bench.queues), k=3 * bench.queues):
        index = random.getrandbits(16) if telling else 0
        await bench.write(Reg.QUEUE_NOTIFY, index << 16 | queue)
        expected += [(queue, index, telling)] if queue in ready else []
    assert (await bench.faults())[3] == 0
    high = 0xABCD0000 if telling else 0
    for number in (bench.queues, 64, 0xFFFF, 0xFFFFFFFF):
        await bench.write(Reg.QUEUE_NOTIFY, number | high)
    assert await bench.faults() == (Fault.NO_SUCH_QUEUE, bench.queues, 0, 4)
    if not telling:
        await bench.write(Reg.QUEUE_NOTIFY, 0x10000)
        assert (await bench.faults())[3] == 5
    for queue in range(bench.queues):
        await bench.write(Reg.QUEUE_SEL, queue)
        assert await bench.read(Reg.QUEUE_FAULT) == 0
    assert [tuple(word.value.values()) for word in bench.engine.notified.words] == expected


@test()
async def an_event_in_the_cycle_of_its_acknowledgement_is_kept(dut: Any) -> None:
    """Whatever their distance, an event not before the acknowledgement stays."""
    bench = Bench(dut)
    await bench.start()
    kept = []
    for offset in range(12):
        await bench.pulse_used()
        assert await bench.read(Reg.INTERRUPT_STATUS) == Interrupt.USED_BUFFER
        assert dut.irq.value == 1
        write = cocotb.start_soon(bench.axil.write(Reg.INTERRUPT_ACK, Interrupt.USED_BUFFER))
        await bench.clocks(offset)
        pulsed = now()
        await bench.pulse_used()
        executed = (await write).clock - 1  # the response shows one clock after the write
        kept.append(pulsed - executed)
        left = await bench.read(Reg.INTERRUPT_STATUS)
        assert left == (pulsed >= executed), f"event {pulsed - executed} clocks after the write"
        await bench.write(Reg.INTERRUPT_ACK, 3)
        await bench.clocks(4)
        assert dut.irq.value == 0
        assert await bench.read(Reg.INTERRUPT_STATUS) == 0
    assert {-1, 0, 1} <= set(kept), "the race was not met"


@test()
async def interrupt_bits_are_independent(dut: Any) -> None:
    """Each bit has its own event and its own acknowledgement; the line is their OR."""
    bench = Bench(dut)
    await bench.start()
    await bench.negotiate()
    for first, second in ((1, 2), (2, 1)):
        await bench.pulse_used()
        await bench.write(Reg.QUEUE_NOTIFY, bench.queues)  # a fault
        assert await bench.read(Reg.INTERRUPT_STATUS) == 3
        await bench.write(Reg.INTERRUPT_ACK, 0xFFFFFFFC)
        assert await bench.read(Reg.INTERRUPT_STATUS) == 3
        await bench.write(Reg.INTERRUPT_ACK, first)
        assert await bench.read(Reg.INTERRUPT_STATUS) == second
        assert dut.irq.value == 1
        await bench.write(Reg.INTERRUPT_ACK, second)
        assert await bench.read(Reg.INTERRUPT_STATUS) == 0
        assert dut.irq.value == 0


@test()
@cocotb.parametrize(reset_clocks=[STALE, 60])
async def accesses_wait_for_a_reset(dut: Any, reset_clocks: int) -> None:
    """The next access is answered when all is at its reset value and the engine's reset is done."""
    bench = Bench(dut)
    await bench.start()
    bench.engine.reset_clocks = reset_clocks
    for number in range(1, 4):
        await bench.negotiate()
        for queue in range(bench.queues):
            await bench.ready(queue)
        await bench.pulse_used()
        await bench.write(Reg.QUEUE_NOTIFY, 0xFFFFFFFF)
        bench.engine.fault.send({"code": Fault.HEAD_RANGE, "queue": 0, "desc": 5})
        await bench.write(Reg.DEVICE_FEATURES_SEL, 1)
        await bench.write(Reg.QUEUE_SEL, bench.queues - 1)
        began = (await bench.axil.write(Reg.STATUS, 0)).clock
        await bench.pulse_used()  # from a chain that still drains
        answer = await bench.axil.read(Reg.STATUS)
        assert answer.value == 0
        assert answer.clock - began >= reset_clocks
        assert (dut.m_reset.value, dut.irq.value, dut.m_ready.value, dut.m_run.value) == (0,) * 4
        assert bench.engine.reset_rises == number
        assert await bench.faults() == (0, 0, 0, 0)
        assert await bench.read(Reg.INTERRUPT_STATUS) == 0
        assert await bench.read(Reg.DEVICE_FEATURES) == OFFER & 0xFFFFFFFF
        for queue in range(bench.queues):
            await bench.write(Reg.QUEUE_SEL, queue)
            assert await bench.read(Reg.QUEUE_READY) == 0
            assert await bench.read(Reg.QUEUE_FAULT) == 0
            await bench.write(Reg.QUEUE_READY, 1)  # the set-up is gone
            assert await bench.read(Reg.QUEUE_READY) == 0
        await bench.write(Reg.STATUS, 0)
        bench.engine.reset_rises -= 1


@test()
@cocotb.parametrize(quiet_clocks=[0, STALE, 60])
async def accesses_wait_for_a_queue_to_stop(dut: Any, quiet_clocks: int) -> None:
    """QueueReady reads 0 only when the engine is quiet on the queue; the others stay ready."""
    bench = Bench(dut)
    await bench.start()
    await bench.negotiate()
    bench.engine.quiet_clocks = quiet_clocks
    everything = (1 << bench.queues) - 1
    for queue in range(bench.queues):
        await bench.ready(queue)
    for queue in random.sample(range(bench.queues), min(bench.queues, 6)):
        assert dut.m_ready.value == everything
        await bench.write(Reg.QUEUE_SEL, queue)
        bench.engine.fault.send({"code": Fault.MEM_READ, "queue": queue, "desc": 0})
        began = (await bench.axil.write(Reg.QUEUE_READY, 0)).clock
        bench.engine.fault.send({"code": Fault.MEM_WRITE, "queue": queue, "desc": 0})
        answer = await bench.axil.read(Reg.QUEUE_READY)
        assert answer.value == 0
        assert answer.clock - began >= quiet_clocks
        assert dut.m_ready.value == everything & ~(1 << queue)
        assert await bench.read(Reg.QUEUE_FAULT) == 0
        assert await bench.read(Reg.QUEUE_AVAIL_INDEX) == 0
        assert await bench.read(Reg.QUEUE_USED_INDEX) == 0
        await bench.write(Reg.QUEUE_READY, 1)  # its set-up is kept
        assert await bench.read(Reg.QUEUE_READY) == 1


@test()
@cocotb.parametrize(quiet_clocks=[0, STALE, 60])
async def a_queue_reset_is_told_by_its_register(dut: Any, quiet_clocks: int) -> None:
    """QueueReset reads 1 until the engine is quiet on the queue; other accesses do not wait."""
    bench = Bench(dut)
    await bench.start()
    bench.engine.quiet_clocks = quiet_clocks
    await bench.ready(0)
    await bench.write(Reg.QUEUE_RESET, 1)  # not negotiated: no register
    assert (await bench.read(Reg.QUEUE_RESET), await bench.read(Reg.QUEUE_READY)) == (0, 1)
    await bench.write(Reg.STATUS, 0)
    await bench.negotiate()
    for queue in range(bench.queues):
        await bench.ready(queue)
    up = (1 << bench.queues) - 1
    queues = random.sample(range(bench.queues), min(bench.queues, 6))
    for queue in queues:  # each begins while those before are under way
        await bench.write(Reg.QUEUE_SEL, queue)
        await bench.write(Reg.QUEUE_RESET, 2)
        assert await bench.read(Reg.QUEUE_READY) == 1
        bench.engine.fault.send({"code": Fault.MEM_READ, "queue": queue, "desc": 0})
        await bench.clocks(3)
        began = (await bench.axil.write(Reg.QUEUE_RESET, 1)).clock
        up &= ~(1 << queue)
        assert dut.m_ready.value == up
        answer = await bench.axil.read(Reg.QUEUE_RESET)
        assert answer.clock - began <= 8, "the access waited"
        assert answer.value or quiet_clocks < 60
        assert await bench.read(Reg.QUEUE_READY) == 0
        if quiet_clocks == 60:  # set-up that comes too early
            assert (dut.m_idle.value, await bench.read(Reg.ENGINE_STATE)) == (0, 0)
            sent = len(bench.engine.sent())
            await bench.write(Reg.QUEUE_SIZE, 0)
            await bench.write(Reg.QUEUE_READY, 1)
            await bench.write(Reg.QUEUE_NOTIFY, queue)
            assert await bench.read(Reg.QUEUE_RESET) == 1
            assert len(bench.engine.sent()) == sent
            assert dut.m_ready.value == up
        elif random.random() < 0.5:
            while (answer := await bench.axil.read(Reg.QUEUE_RESET)).value:
                pass
            assert answer.clock - began >= quiet_clocks
    assert bench.engine.notified.words == []
    for queue in queues:
        await bench.write(Reg.QUEUE_SEL, queue)
        while await bench.read(Reg.QUEUE_RESET):
            pass
        assert await bench.read(Reg.QUEUE_FAULT) == 0
        await bench.set_up(queue)
        await bench.write(Reg.QUEUE_READY, 1)
        assert (await bench.read(Reg.QUEUE_READY), await bench.read(Reg.QUEUE_RESET)) == (1, 0)
    assert dut.m_ready.value == (1 << bench.queues) - 1
    bench.engine.quiet_clocks = 60
    await bench.write(Reg.QUEUE_RESET, 1)  # a device reset ends it; QueueReady 0 waits for it
    await bench.write(Reg.STATUS, 0)
    await bench.write(Reg.QUEUE_SEL, queues[-1])
    assert await bench.read(Reg.QUEUE_RESET) == 0
    await bench.negotiate()
    await bench.ready(queues[0])
    began = (await bench.axil.write(Reg.QUEUE_RESET, 1)).clock
    await bench.write(Reg.QUEUE_READY, 0)
    assert (await bench.axil.read(Reg.QUEUE_READY)).clock - began >= 60
    await bench.write(Reg.QUEUE_SEL, bench.queues)
    await bench.write(Reg.QUEUE_RESET, 1)
    assert await bench.read(Reg.QUEUE_RESET) == 0


@test()
@cocotb.parametrize(suspend_clocks=[0, 60])
async def a_suspension_is_shown_by_status(dut: Any, suspend_clocks: int) -> None:
    """SUSPEND is taken from DRIVER_OK on, shown when in force, and ended by DRIVER_OK."""
    bench = Bench(dut)
    await bench.start()
    bench.engine.suspend_clocks = suspend_clocks
    shown = DRIVER_OK & ~Status.DRIVER_OK | Status.SUSPEND
    await bench.negotiate(OFFER & ~Feature.SUSPEND)
    await bench.write(Reg.STATUS, DRIVER_OK | Status.SUSPEND)  # not negotiated
    await bench.clocks(70)
    assert (await bench.read(Reg.STATUS), dut.m_suspend.value) == (DRIVER_OK, 0)
    await bench.write(Reg.STATUS, 0)
    await bench.negotiate(status=DRIVER_OK & ~Status.DRIVER_OK)
    for early in (Status.SUSPEND, DRIVER_OK | Status.SUSPEND):  # the second one with DRIVER_OK
        await bench.write(Reg.STATUS, early)
        assert dut.m_suspend.value == 0
    for queue in range(bench.queues):
        await bench.ready(queue)
    for written in (Status.SUSPEND, DRIVER_OK | Status.SUSPEND):
        assert await bench.read(Reg.STATUS) == DRIVER_OK
        began = (await bench.axil.write(Reg.STATUS, written)).clock
        assert dut.m_suspend.value == 1
        if suspend_clocks:  # what is in progress goes on, a fault is told
            assert await bench.read(Reg.STATUS) == DRIVER_OK
            await bench.pulse_used()
            assert await bench.read(Reg.INTERRUPT_STATUS) == Interrupt.USED_BUFFER
            await bench.write(Reg.INTERRUPT_ACK, 3)
        while (status := (await bench.axil.read(Reg.STATUS))).value != shown:
            assert status.value == DRIVER_OK
        assert status.clock - began >= suspend_clocks
        await keeps_its_set_up(bench)
        await bench.write(Reg.STATUS, Status.ACKNOWLEDGE | Status.SUSPEND)  # no word of going on
        assert await bench.read(Reg.STATUS) == shown
        await bench.write(Reg.STATUS, shown | Status.DRIVER_OK)
        assert await bench.read(Reg.STATUS) == DRIVER_OK
        assert dut.m_suspend.value == 0 and dut.irq.value == 0
    # A fault while suspended: NEEDS_RESET at once, the interrupt on resume
    await bench.write(Reg.STATUS, Status.SUSPEND)
    while await bench.read(Reg.STATUS) != shown:
        pass
    await bench.write(Reg.QUEUE_NOTIFY, bench.queues)
    assert await bench.read(Reg.STATUS) == shown | Status.NEEDS_RESET
    assert (await bench.read(Reg.INTERRUPT_STATUS), dut.irq.value) == (0, 0)
    await bench.write(Reg.STATUS, DRIVER_OK)
    assert await bench.read(Reg.INTERRUPT_STATUS) == Interrupt.CONFIG_CHANGE
    await bench.write(Reg.INTERRUPT_ACK, 3)
    assert await bench.read(Reg.INTERRUPT_STATUS) == 0
    # A reset ends a suspension, and forgets what it put off
    await bench.write(Reg.STATUS, DRIVER_OK | Status.SUSPEND)
    while await bench.read(Reg.STATUS) & Status.DRIVER_OK:
        pass
    await bench.write(Reg.QUEUE_NOTIFY, bench.queues)
    await bench.write(Reg.STATUS, 0)
    assert (await bench.read(Reg.STATUS), dut.m_suspend.value) == (0, 0)
    assert await bench.read(Reg.INTERRUPT_STATUS) == 0


async def keeps_its_set_up(bench: Bench) -> None:
    """Writes of set-up and configuration do nothing, others do, reads work."""
    sent, config = len(bench.engine.sent()), len(bench.engine.config.words)
    everything = (1 << bench.queues) - 1
    queue = random.randrange(bench.queues)
    await bench.write(Reg.QUEUE_SEL, queue)
    for reg in (*SET_UP, Reg.QUEUE_READY, Reg.QUEUE_RESET):
        for value in (0, 1):
            await bench.write(reg, value)
    await bench.write(0x100, 1)
    assert (len(bench.engine.sent()), len(bench.engine.config.words)) == (sent, config)
    assert bench.dut.m_ready.value == everything
    assert (await bench.read(Reg.QUEUE_READY), await bench.read(Reg.QUEUE_RESET)) == (1, 0)
    assert await bench.read(Reg.QUEUE_AVAIL_INDEX) == Engine.indices(queue)[0]
    assert await bench.read(0x104) == Engine.config_word(4)
    notified = len(bench.engine.notified.words)
    await bench.write(Reg.QUEUE_NOTIFY, queue)
    await bench.read(Reg.STATUS)
    assert len(bench.engine.notified.words) == notified + 1


@test()
async def indices_are_of_the_selected_queue(dut: Any) -> None:
    """Read at once after QueueSel, they are never those of the queue before."""
    bench = Bench(dut)
    await bench.start()
    for queue in range(bench.queues):
        await bench.ready(queue)
    for queue in random.choices(range(bench.queues), k=20):
        for reg, expected in zip(
            (Reg.QUEUE_AVAIL_INDEX, Reg.QUEUE_USED_INDEX), Engine.indices(queue)
        ):
            await bench.write(Reg.QUEUE_SEL, random.randrange(bench.queues))
            write = cocotb.start_soon(bench.axil.write(Reg.QUEUE_SEL, queue))
            read = cocotb.start_soon(bench.axil.read(reg))
            assert (await read).clock > (await write).clock
            assert (await read).value == expected


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
    for addr in (0x100, 0x104, 0x1FC, 0x200, 0x3FC, 0x400, 0x6A8, 0x700, 0x7FC):
        assert await bench.read(addr) == Engine.config_word(addr - 0x100), hex(addr)
        strobe, value = random.randrange(16), random.getrandbits(32)
        await bench.axil.write(addr, value, strobe)
        expected.append({"addr": addr - 0x100, "data": value, "strb": strobe})
    for addr in (0x0FC, 0x800, 0x900, 0xFFC):
        await bench.write(addr, 0xFFFFFFFF)
    assert [word.value for word in bench.engine.config.words] == expected


@test()
async def faults_of_both_sources_are_merged(dut: Any) -> None:
    """At every distance of two faults, both count and the earlier one stays first."""
    bench = Bench(dut)
    await bench.start()
    met = set()
    for offset in range(12):
        await bench.write(Reg.STATUS, 0)
        await bench.negotiate()
        await bench.ready(0)
        taken = len(bench.engine.fault.taken)
        write = cocotb.start_soon(bench.axil.write(Reg.QUEUE_NOTIFY, 0xBCDE))
        await bench.clocks(offset)
        bench.engine.fault.send({"code": Fault.NEXT_RANGE, "queue": 0, "desc": 0x10000 | 513})
        own = (await write).clock
        while len(bench.engine.fault.taken) == taken:
            await bench.clocks(1)
        met.add(bench.engine.fault.taken[-1] - own)
        if bench.engine.fault.taken[-1] < own:
            expected = (Fault.NEXT_RANGE, 0, 1 << 31 | 513, 2)
        else:
            expected = (Fault.NO_SUCH_QUEUE, 0xBCDE, 0, 2)
        assert await bench.faults() == expected, offset
        assert await bench.read(Reg.QUEUE_FAULT) == Fault.NEXT_RANGE
        assert await bench.read(Reg.STATUS) == DRIVER_OK | Status.NEEDS_RESET
        assert await bench.read(Reg.INTERRUPT_STATUS) == Interrupt.CONFIG_CHANGE
    assert {-1, 1, 2} <= met, "the faults did not meet"


@test()
async def first_faults_stay(dut: Any) -> None:
    """Of a burst, the first overall and the first of each queue stay; all are counted."""
    bench = Bench(dut)
    await bench.start()
    first: dict[int, int] = {}
    faults = []
    for _ in range(40):
        fault = {
            "code": random.randint(1, 18),
            "queue": random.randrange(bench.queues),
            "desc": random.getrandbits(17),
        }
        first.setdefault(fault["queue"], fault["code"])
        faults.append(fault)
        bench.engine.fault.send(fault)
    await bench.clocks(50)
    desc = (faults[0]["desc"] >> 16) << 31 | faults[0]["desc"] & 0xFFFF
    assert await bench.faults() == (faults[0]["code"], faults[0]["queue"], desc, 40)
    for queue in range(bench.queues):
        await bench.write(Reg.QUEUE_SEL, queue)
        assert await bench.read(Reg.QUEUE_FAULT) == first.get(queue, 0)


@test()
async def fault_count_saturates(dut: Any) -> None:
    """At 2^16 - 1 it stays."""
    bench = Bench(dut)
    await bench.power_up()
    dut.s_fault_code.value = Fault.AVAIL_JUMP
    dut.s_fault_valid.value = 1
    await bench.clocks(0xFFFE)
    dut.s_fault_valid.value = 0
    bench.connect()
    for expected in (0xFFFE, 0xFFFF, 0xFFFF):
        assert (await bench.faults())[3] == expected
        bench.engine.fault.send({"code": Fault.AVAIL_JUMP, "queue": 0, "desc": 0})


@test()
async def idle_is_never_told_too_early(dut: Any) -> None:
    """From a notification's response until the engine has finished, idle is low."""
    bench = Bench(dut)
    await bench.start()
    bench.engine.work_clocks = 25
    await bench.negotiate()
    await bench.ready(0)
    await bench.clocks(10)
    assert (dut.m_idle.value, await bench.read(Reg.ENGINE_STATE)) == (1, 1)
    await bench.write(Reg.QUEUE_NOTIFY, 0)
    busy = 0
    while dut.m_idle.value == 0:
        await bench.clocks(1)
        busy += 1
    assert busy > 25
    await bench.write(Reg.QUEUE_NOTIFY, 0)
    assert await bench.read(Reg.ENGINE_STATE) == 0
    await bench.clocks(60)
    assert await bench.read(Reg.ENGINE_STATE) == 1


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
    bench.engine.indices = lambda queue: (0, 0)  # type: ignore[method-assign]
    model = ModelDevice(
        GuestMemory((0, 0x10000)),
        queues=bench.queues,
        queue_size_max=bench.size_max,
        max_chain=int(dut.MAX_CHAIN.value),
        data_w=int(dut.DATA_W.value),
    )
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
