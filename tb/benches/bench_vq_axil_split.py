# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_axil_split: a master before it, a register block in each slot behind it."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from pymodel.registers import MAGIC, VERSION, Reg
from tb.benches.axil import AxilMaster
from tb.benches.channels import start_clock

SLOT_BYTES = 0x1000
INPUTS = ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid", "rready")
ANSWERS = ("awready", "wready", "bresp", "bvalid", "arready", "rdata", "rresp", "rvalid")


class Slots:
    """Register blocks that take and answer at random moments; each has a memory of its own.

    Attributes:
        words: by slot and offset, what was written last.
        writes: (slot, offset, value, strobes) in their order.
    """

    def __init__(self, dut: Any, percent: int) -> None:
        self.dut, self.percent = dut, percent
        self.count = int(dut.SLOTS.value)
        self.words: dict[tuple[int, int], int] = {}
        self.writes: list[tuple[int, int, int, int]] = []
        self._address: list[int | None] = [None] * self.count
        self._data: list[tuple[int, int] | None] = [None] * self.count
        self._answer = [False] * self.count  # write responses due
        self._read: list[int | None] = [None] * self.count
        cocotb.start_soon(self._run())

    def _coins(self) -> int:
        return sum((random.randrange(100) < self.percent) << slot for slot in range(self.count))

    async def _run(self) -> None:
        dut = self.dut
        show_b = show_r = 0
        while True:
            aw, w, ar = self._coins(), self._coins(), self._coins()
            show_b |= self._coins() & self._mask(self._answer)
            show_r |= self._coins() & self._mask([word is not None for word in self._read])
            aw &= ~self._mask([word is not None for word in self._address])
            w &= ~self._mask([word is not None for word in self._data])
            ar &= ~self._mask([word is not None for word in self._read])
            dut.m_axil_awready.value, dut.m_axil_wready.value = aw, w
            dut.m_axil_arready.value = ar
            dut.m_axil_bvalid.value, dut.m_axil_rvalid.value = show_b, show_r
            data = 0
            for slot, word in enumerate(self._read):
                shown = random.getrandbits(32) if word is None else word
                data |= shown << 32 * slot
            dut.m_axil_rdata.value = data
            await ReadOnly()
            valid = {name: int(getattr(dut, f"m_axil_{name}valid").value) for name in ("aw", "w")}
            reads = int(dut.m_axil_arvalid.value)
            taken_b = show_b & int(dut.m_axil_bready.value)
            taken_r = show_r & int(dut.m_axil_rready.value)
            for slot in range(self.count):
                if valid["aw"] & aw & 1 << slot:
                    self._address[slot] = int(dut.m_axil_awaddr.value)
                if valid["w"] & w & 1 << slot:
                    self._data[slot] = (int(dut.m_axil_wdata.value), int(dut.m_axil_wstrb.value))
                if reads & ar & 1 << slot:
                    offset = int(dut.m_axil_araddr.value)
                    self._read[slot] = self.words.get((slot, offset), 0)
                if taken_b & 1 << slot:
                    self._answer[slot] = False
                if taken_r & 1 << slot:
                    self._read[slot] = None
                self._write(slot)
            show_b, show_r = show_b & ~taken_b, show_r & ~taken_r
            await RisingEdge(dut.clk)

    def _write(self, slot: int) -> None:
        offset, data = self._address[slot], self._data[slot]
        if offset is None or data is None:
            return
        self.writes.append((slot, offset, *data))
        self.words[slot, offset] = data[0]
        self._address[slot] = self._data[slot] = None
        self._answer[slot] = True

    @staticmethod
    def _mask(bits: list[bool]) -> int:
        return sum(bit << slot for slot, bit in enumerate(bits))


async def power_up(dut: Any, percent: int) -> tuple[AxilMaster, Slots]:
    """Start the clock, put a master and the slots to it."""
    inputs = {f"s_axil_{name}": 0 for name in INPUTS}
    await start_clock(dut, inputs | {f"m_axil_{name}": 0 for name in ANSWERS})
    return AxilMaster(dut, percent=percent), Slots(dut, percent)


def present(dut: Any) -> list[int]:
    """Return the slots that have a device."""
    mask = int(dut.PRESENT.value)
    return [slot for slot in range(int(dut.SLOTS.value)) if mask >> slot & 1]


@cocotb.test(timeout_time=60, timeout_unit="us")
@cocotb.parametrize(percent=[100, 40])
async def each_access_reaches_its_slot_and_no_other(dut: Any, percent: int) -> None:
    """Writes with any strobes and reads, of every slot that there is and of those that are not."""
    master, slots = await power_up(dut, percent)
    there = present(dut)
    expected = []
    for _ in range(200):
        slot, offset = random.randrange(16), 4 * random.randrange(16)
        address = slot * SLOT_BYTES + offset
        if random.random() < 0.5:
            value, strobe = random.getrandbits(32), random.randrange(16)
            await master.write(address, value, strobe)
            if slot in there:
                expected.append((slot, offset, value, strobe))
            assert slots.writes == expected
        elif slot in there:
            assert await master.read32(address) == slots.words.get((slot, offset), 0)
        else:
            constants: dict[int, int] = {Reg.MAGIC_VALUE: MAGIC, Reg.VERSION: VERSION}
            assert await master.read32(address) == constants.get(offset, 0), hex(address)
    assert len(expected) > 5 or not there


@cocotb.test(timeout_time=60, timeout_unit="us")
@cocotb.parametrize(percent=[100, 40])
async def reads_and_writes_run_at_once(dut: Any, percent: int) -> None:
    """Neither waits for the other, and none is lost or answered twice."""
    master, slots = await power_up(dut, percent)
    there = present(dut)

    async def write() -> None:
        for number in range(60):
            await master.write(random.choice(there) * SLOT_BYTES + 0x800, number)

    async def read() -> None:
        for number in range(60):
            slot = random.choice(there)
            slots.words[slot, 0x400] = number
            assert await master.read32(slot * SLOT_BYTES + 0x400) == number

    tasks = [cocotb.start_soon(write()), cocotb.start_soon(read())]
    for task in tasks:
        await task
    assert [value for _, _, value, _ in slots.writes] == list(range(60))
    assert len(master.b.words) == len(master.r.words) == 60
