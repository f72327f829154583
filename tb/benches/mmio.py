# SPDX-License-Identifier: Apache-2.0
"""What the benches of vq_mmio share: AXI4-Lite, and a stand-in for the engine."""

from __future__ import annotations

from collections import deque
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from pymodel.features import OFFER, Feature, Status
from pymodel.registers import Reg
from tb.benches.axil import AxilMaster
from tb.benches.channels import Sink, Source, start_clock

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
        self.offer = OFFER | int(dut.DEVICE_FEATURES.value)

    async def power_up(self) -> None:
        """Start the clock and reset; every input is quiet."""
        names = ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid")
        inputs = {f"s_axil_{name}": 0 for name in (*names, "rready")}
        inputs |= dict.fromkeys(("s_fault_valid", "s_used_irq", "s_cfg_rdata", "s_quiet"), 0)
        inputs |= {"s_suspended": 0, "s_cfg_change": 0, "s_features_ok": 1}
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
        await self._pulse(self.dut.s_used_irq)

    async def pulse_change(self) -> None:
        """One change of the configuration, in the running clock."""
        await self._pulse(self.dut.s_cfg_change)

    async def _pulse(self, pin: Any) -> None:
        pin.value = 1
        await RisingEdge(self.dut.clk)
        pin.value = 0


def test(**options: Any) -> Any:
    """A cocotb test with a deadline."""
    return cocotb.test(timeout_time=2, timeout_unit="ms", **options)
