# SPDX-License-Identifier: Apache-2.0
"""An AXI4-Lite master for benches, with every channel at its own pace."""

from __future__ import annotations

from typing import Any, NamedTuple

from cocotb.triggers import RisingEdge

from tb.benches.channels import Sink, Source

OKAY = 0


class Answer(NamedTuple):
    """What an access came to: the value read (0 for a write) and the clock of its response."""

    value: int
    clock: int


class AxilMaster:
    """Single accesses on `s_axil_*`; each raises if the answer is not OKAY.

    Args:
        dut: the module with the slave.
        percent: pace of each channel.
    """

    def __init__(self, dut: Any, *, percent: int = 100) -> None:
        self._clk = dut.clk

        def source(channel: str, **fields: str) -> Source:
            return Source(
                dut.clk,
                getattr(dut, f"s_axil_{channel}valid"),
                getattr(dut, f"s_axil_{channel}ready"),
                {name: getattr(dut, f"s_axil_{pin}") for name, pin in fields.items()},
                percent=percent,
            )

        def sink(channel: str, **fields: str) -> Sink:
            return Sink(
                dut.clk,
                getattr(dut, f"s_axil_{channel}valid"),
                getattr(dut, f"s_axil_{channel}ready"),
                {name: getattr(dut, f"s_axil_{pin}") for name, pin in fields.items()},
                percent=percent,
            )

        self.aw = source("aw", addr="awaddr")
        self.w = source("w", data="wdata", strb="wstrb")
        self.ar = source("ar", addr="araddr")
        self.b = sink("b", resp="bresp")
        self.r = sink("r", data="rdata", resp="rresp")
        self._writes = self._reads = 0

    async def write(self, addr: int, value: int, strb: int = 0xF) -> Answer:
        """Write a word and return when the response has come."""
        self.aw.send({"addr": addr})
        self.w.send({"data": value, "strb": strb})
        number, self._writes = self._writes, self._writes + 1
        return await self._answer(self.b, number)

    async def read(self, addr: int) -> Answer:
        """Read a word."""
        self.ar.send({"addr": addr})
        number, self._reads = self._reads, self._reads + 1
        return await self._answer(self.r, number)

    async def read32(self, addr: int) -> int:
        """Read a word; only its value."""
        return (await self.read(addr)).value

    async def write32(self, addr: int, value: int) -> None:
        """Write a whole word."""
        await self.write(addr, value)

    async def _answer(self, sink: Sink, number: int) -> Answer:
        while len(sink.words) <= number:
            await RisingEdge(self._clk)
        word = sink.words[number]
        assert word.value["resp"] == OKAY, f"response {word.value['resp']}"
        return Answer(word.value.get("data", 0), word.shown)
