# SPDX-License-Identifier: Apache-2.0
"""Register access: cocotb-bus's AXI4-Lite master, thinly wrapped."""

from __future__ import annotations

from typing import Any, Optional

from cocotb.triggers import Lock, SimTimeoutError, with_timeout
from cocotb_bus.drivers.amba import AXI4LiteMaster


class RegisterTimeout(AssertionError):
    """A register access was not answered in time."""


class _Master(AXI4LiteMaster):  # type: ignore[misc]
    """The master with its one fault worked around.

    It begins to look for a write response after the handshakes, and so misses one that comes in
    the cycle of the handshake itself. Here BREADY stays low until it looks, so the response waits.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.bus.BREADY.value = 0
        self._to_send = 0

    async def _send_write_address(self, *args: Any) -> None:
        await super()._send_write_address(*args)
        self._sent()

    async def _send_write_data(self, *args: Any) -> None:
        await super()._send_write_data(*args)
        self._sent()

    def _sent(self) -> None:
        self._to_send -= 1
        if self._to_send == 0:
            self.bus.BREADY.value = 1

    async def write_masked(self, address: int, value: int, strobes: int) -> None:
        """Write one word."""
        self._to_send = 2
        await self.write(address, value, byte_enable=strobes)
        self.bus.BREADY.value = 0


class Registers:
    """Registers on pins `<prefix>_*` of the bench; one access at a time, each with a deadline.

    Args:
        dut: the top module.
        clock: its clock.
        prefix: of the pins.
        deadline_ns: for one access; an engine that drains may take its memory's latency.
    """

    def __init__(
        self, dut: Any, clock: Any, prefix: str = "s_axil", deadline_ns: int = 400_000
    ) -> None:
        self._master = _Master(dut, prefix, clock)
        self._busy = Lock()
        self.deadline_ns = deadline_ns

    async def _access(self, what: str, coroutine: Any) -> Any:
        async with self._busy:
            try:
                return await with_timeout(coroutine, self.deadline_ns, "ns")
            except SimTimeoutError:
                raise RegisterTimeout(f"{what}: no answer after {self.deadline_ns} ns") from None

    async def read32(self, address: int) -> int:
        """Return the word at a 4-aligned byte address."""
        return int(await self._access(f"read of {address:#x}", self._master.read(address)))

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
