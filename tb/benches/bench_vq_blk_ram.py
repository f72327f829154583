# SPDX-License-Identifier: Apache-2.0
"""vq_blk_ram against a bytearray."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from pymodel.blk_function import StoreOp
from pymodel.disk import SECTOR
from tb.benches.unit import Unit, check_rate, test


class RamBench:
    """Commands into the store, and what should come of them."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.unit = Unit(dut)
        self.beat = self.unit.parameter("DATA_W") // 8
        self.sectors = self.unit.parameter("SECTORS")
        self.content = bytearray(self.sectors * SECTOR)
        self.expected: list[bytes] = []  # of each read
        self.good: list[int] = []  # of each command

    async def start(self, percent: int = 100) -> RamBench:
        """Reset, then write every sector."""
        unit = await self.unit.start()
        self.cmd = unit.source("s_cmd", percent)
        self.wr = unit.source("s_wr", percent)
        self.rd = unit.sink("m_rd", percent)
        self.done = unit.sink("m_done", percent)
        for sector in range(self.sectors):
            self.write(sector, random.randbytes(SECTOR))
        await self.agree()
        return self

    def command(self, op: StoreOp, sector: int, sectors: int, good: bool = True) -> None:
        """Send a command."""
        word = {"op": op, "sector": sector, "sectors": sectors, "stable": 0, "unmap": 0}
        self.cmd.send(word)
        self.good.append(int(good))

    def write(self, sector: int, data: bytes, damaged_from: int | None = None) -> None:
        """Write whole sectors, beats from some on being damaged."""
        beats = len(data) // self.beat
        kept = beats if damaged_from is None else damaged_from
        self.command(StoreOp.WRITE, sector, len(data) // SECTOR, damaged_from is None)
        for number in range(beats):
            part = data[number * self.beat : (number + 1) * self.beat]
            word = {"tdata": int.from_bytes(part, "little"), "tlast": number == beats - 1}
            self.wr.send(word | {"tuser": number >= kept})
        at = sector * SECTOR
        self.content[at : at + kept * self.beat] = data[: kept * self.beat]

    def read(self, sector: int, sectors: int) -> None:
        """Read sectors as they are now."""
        self.command(StoreOp.READ, sector, sectors)
        self.expected.append(bytes(self.content[sector * SECTOR : (sector + sectors) * SECTOR]))

    async def agree(self) -> None:
        """Wait until all has come, and compare."""
        unit = self.unit
        await unit.until(lambda: len(self.done.words) == len(self.good), "completions", 60000)
        beats = sum(len(data) for data in self.expected) // self.beat
        await unit.until(lambda: len(self.rd.words) == beats, "data")
        await unit.clocks(10)
        assert [word.value["ok"] for word in self.done.words] == self.good
        words = iter(self.rd.words)
        for data in self.expected:
            for at in range(0, len(data), self.beat):
                value = next(words).value
                assert value["tdata"].to_bytes(self.beat, "little") == data[at : at + self.beat]
                assert value["tlast"] == (at + self.beat == len(data))
        assert next(words, None) is None


@test()
@cocotb.parametrize(percent=[100, 40])
async def sectors_keep_what_was_written(dut: Any, percent: int) -> None:
    """Commands of every kind, in any order, at any pace; damaged beats are not written."""
    bench = await RamBench(dut).start(percent)
    assert int(dut.m_capacity.value) == bench.sectors
    for _ in range(60):
        sectors = random.randint(1, min(4, bench.sectors))
        sector = random.randint(0, bench.sectors - sectors)
        op = random.choice(list(StoreOp))
        data = random.randbytes(sectors * SECTOR)
        if op is StoreOp.READ:
            bench.read(sector, sectors)
        elif op is StoreOp.WRITE:
            beats = len(data) // bench.beat
            damage = random.randrange(beats) if random.random() < 0.2 else None
            bench.write(sector, data, damage)
        else:
            bench.command(op, sector, sectors)
            if op is StoreOp.WRITE_ZEROES:
                at = sector * SECTOR
                bench.content[at : at + sectors * SECTOR] = bytes(sectors * SECTOR)
    bench.read(0, bench.sectors)
    await bench.agree()


@test()
async def one_beat_per_clock(dut: Any) -> None:
    """No gap within or between reads, nor between writes."""
    bench = await RamBench(dut).start()
    before = len(bench.rd.words)
    for _ in range(12):
        bench.read(0, 1)
        bench.read(0, bench.sectors)
    await bench.agree()
    check_rate([word.taken for word in bench.rd.words[before:]], "beats read")
    before = len(bench.wr.taken)
    for _ in range(6):
        bench.write(0, random.randbytes(SECTOR))
        bench.write(0, random.randbytes(SECTOR * bench.sectors))
    await bench.agree()
    check_rate(bench.wr.taken[before:], "beats written", spare=0)
