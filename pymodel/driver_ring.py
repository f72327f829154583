# SPDX-License-Identifier: Apache-2.0
"""The driver's accesses to its ring: stores that can be undone, and steps between accesses."""

from __future__ import annotations

from typing import Callable, NamedTuple

from .layout import U16
from .memory import Memory


class Overwritten(NamedTuple):
    """What a store replaced: byte address and bytes."""

    addr: int
    old: bytes


class DriverRing:
    """A ring in `memory`, with the parts of it that the driver holds.

    Args:
        memory: where the ring is.
        on_step: called with a step's name after each memory step.
    """

    def __init__(self, memory: Memory, on_step: Callable[[str], None] | None = None) -> None:
        self.on_step = on_step
        self._memory = memory

    def replace(self, addr: int, raw: bytes) -> Overwritten:
        """Store `raw` at byte address `addr`, which the driver holds, and return what was there."""
        old = self.peek(addr, len(raw))
        self._memory.write(addr, raw)
        return Overwritten(addr, old)

    def peek(self, addr: int, length: int) -> bytes:
        """Return bytes that the driver holds, so that reading them is no step."""
        return self._memory.read(addr, length)

    def restore(self, replaced: list[Overwritten]) -> None:
        """Undo stores, given in the order in which they were made."""
        for addr, old in reversed(replaced):
            self._memory.write(addr, old)

    def read(self, addr: int, length: int, step: str) -> bytes:
        """Read `length` bytes from byte address `addr`, then make the step."""
        raw = self._memory.read(addr, length)
        self.step(step)
        return raw

    def write(self, addr: int, raw: bytes, step: str) -> None:
        """Store `raw` at byte address `addr`, then make the step."""
        self._memory.write(addr, raw)
        self.step(step)

    def read16(self, addr: int, step: str) -> int:
        """Read the word at byte address `addr`, then make the step."""
        value: int = U16.unpack(self.read(addr, 2, step))[0]
        return value

    def write16(self, addr: int, value: int, step: str) -> None:
        """Write the word at byte address `addr`, then make the step."""
        self.write(addr, U16.pack(value), step)

    def step(self, name: str) -> None:
        """Let a test look or act between two memory accesses."""
        if self.on_step is not None:
            self.on_step(name)
