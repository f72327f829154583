# SPDX-License-Identifier: Apache-2.0
"""Register access: the pins of cocotb-bus's AXI4-Lite master, with accesses of our own."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Callable, Optional

from cocotb.simtime import get_sim_time
from cocotb.triggers import First, Lock, RisingEdge, Timer
from cocotb_bus.drivers.amba import AXI4LiteMaster, AXIProtocolError, AXIxRESP

from pymodel.registers import Reg

EDGES = 16  # looked at one by one; a longer wait is one for the pin to change


class RegisterTimeout(AssertionError):
    """A register access was not answered in time."""


class _Master(AXI4LiteMaster):  # type: ignore[misc]
    """The master, with accesses that wake Python once an edge and run no task beside it.

    The package's own take ten times as long, and begin to look for a write response after the
    handshakes, so they miss one that comes in the cycle of the handshake itself. Here BREADY stays
    low until the handshakes are over, so the response waits.
    """

    def __init__(self, dut: Any, prefix: str, clock: Any, deadline_ns: int) -> None:
        super().__init__(dut, prefix, clock)
        self.bus.BREADY.value = 0
        self.deadline_ns = deadline_ns
        self._edge = RisingEdge(clock)

    async def _answered(self, *pins: tuple[Any, Any]) -> None:
        """Return after the edges at which each pin was high; lower its partner, if any, then."""
        end = get_sim_time("ns") + self.deadline_ns
        left, edges = list(pins), 0
        while left:
            if edges >= EDGES and left[0][0].value != 1:
                if get_sim_time("ns") >= end:
                    raise TimeoutError
                rest = max(1, round(end - get_sim_time("ns")))
                await First(left[0][0].value_change, Timer(rest, "ns"))
            await self._edge
            edges += 1
            for pin, partner in left[:]:
                if pin.value == 1:
                    left.remove((pin, partner))
                    if partner is not None:
                        partner.value = 0

    async def write_masked(self, address: int, value: int, strobes: int) -> None:
        """Write one word."""
        bus = self.bus
        await self._edge
        bus.AWADDR.value, bus.AWVALID.value = address, 1
        bus.WDATA.value, bus.WSTRB.value, bus.WVALID.value = value, strobes, 1
        await self._answered((bus.AWREADY, bus.AWVALID), (bus.WREADY, bus.WVALID))
        bus.BREADY.value = 1
        await self._answered((bus.BVALID, bus.BREADY))
        self._judge(f"write of {value:#x} to {address:#x}", bus.BRESP)

    async def read_word(self, address: int) -> int:
        """Return one word."""
        bus = self.bus
        await self._edge
        bus.ARADDR.value, bus.ARVALID.value = address, 1
        await self._answered((bus.ARREADY, bus.ARVALID))
        if bus.RVALID.value != 1:
            await self._answered((bus.RVALID, None))
        self._judge(f"read of {address:#x}", bus.RRESP)
        return int(bus.RDATA.value)

    def _judge(self, what: str, pins: Any) -> None:
        response = AXIxRESP(int(pins.value))
        if response is not AXIxRESP.OKAY:
            raise AXIProtocolError(f"{what} failed with {response.name}", response)


class Registers:
    """Registers on pins `<prefix>_*` of the bench; one access at a time, each with a deadline.

    Args:
        dut: the top module.
        clock: its clock.
        prefix: of the pins.
        deadline_ns: for one step of an access; an engine that drains may take its memory's latency.
    """

    def __init__(
        self, dut: Any, clock: Any, prefix: str = "s_axil", deadline_ns: int = 400_000
    ) -> None:
        self._master = _Master(dut, prefix, clock, deadline_ns)
        self._busy = Lock()
        self.deadline_ns = deadline_ns

    async def _access(self, what: str, coroutine: Any) -> Any:
        async with self._busy:
            try:
                return await coroutine
            except TimeoutError:
                raise RegisterTimeout(f"{what}: no answer after {self.deadline_ns} ns") from None

    async def read32(self, address: int) -> int:
        """Return the word at a 4-aligned byte address."""
        what = f"read of {address:#x}"
        return int(await self._access(what, self._master.read_word(address)))

    async def write32(self, address: int, value: int) -> None:
        """Write the word at a 4-aligned byte address."""
        await self.write(address, value, 4)

    async def write(
        self, address: int, value: int, size: int, strobes: Optional[int] = None
    ) -> None:
        """Write `size` bytes (1, 2 or 4) at a byte address aligned to them.

        Args:
            address: byte address.
            value: of `size` bytes.
            size: how many bytes.
            strobes: of the whole word, to write other bytes than these; for odd cases only.
        """
        if size not in (1, 2, 4) or address % size or not 0 <= value < 1 << 8 * size:
            raise ValueError(f"write of {value:#x}, {size} bytes at {address:#x}")
        lane = address % 4
        mask = ((1 << size) - 1) << lane if strobes is None else strobes
        what = f"write of {value:#x} to {address:#x}"
        word = value << 8 * lane
        await self._access(what, self._master.write_masked(address - lane, word, mask))

    async def read(self, address: int, size: int) -> int:
        """Return `size` bytes (1, 2 or 4) at a byte address aligned to them."""
        if size not in (1, 2, 4) or address % size:
            raise ValueError(f"read of {size} bytes at {address:#x}")
        word = await self.read32(address & ~3)
        return word >> 8 * (address % 4) & ((1 << 8 * size) - 1)


async def device_parameters(read32: Callable[[int], Awaitable[int]]) -> dict[str, int]:
    """Return what the model device is to be built with, as the RTL's registers tell it."""
    info = await read32(Reg.ENGINE_INFO)
    return {
        "queues": info & 0xFF,
        "queue_size_max": await read32(Reg.QUEUE_SIZE_MAX),
        "max_chain": info >> 16,
        "data_w": 8 << (info >> 8 & 0xFF),
    }
