# SPDX-License-Identifier: Apache-2.0
"""Pieces of guest memory that drivers lend to devices."""

from __future__ import annotations

from .allocator import Allocator
from .memory import Memory


class Buffers:
    """Allocates and frees drivers' buffers, and reads and writes them.

    Args:
        memory: guest memory.
        allocator: where they come from.
    """

    def __init__(self, memory: Memory, allocator: Allocator) -> None:
        self._memory, self._allocator = memory, allocator
        self._held: dict[int, int] = {}  # bytes by address

    @property
    def held(self) -> int:
        """Bytes that are lent now."""
        return sum(self._held.values())

    def __contains__(self, addr: int) -> bool:
        return addr in self._held

    def take(self, length: int, align: int = 16) -> int:
        """Return the byte address of `length` bytes.

        Raises:
            OutOfMemory: there is no room.
        """
        addr = self._allocator.allocate(length, align)
        self._held[addr] = length
        return addr

    def put(self, data: bytes, align: int = 16) -> int:
        """Return the byte address of a copy of `data`."""
        addr = self.take(len(data), align)
        self._memory.write(addr, data)
        return addr

    def read(self, addr: int, length: int) -> bytes:
        """Return bytes from a byte address on."""
        return self._memory.read(addr, length)

    def write(self, addr: int, data: bytes) -> None:
        """Store bytes from a byte address on."""
        self._memory.write(addr, data)

    def free(self, addr: int) -> None:
        """Give one back.

        Raises:
            KeyError: `addr` was not taken here.
        """
        del self._held[addr]
        self._allocator.free(addr)

    def free_all(self) -> None:
        """Give back every one."""
        for addr in list(self._held):
            self.free(addr)
