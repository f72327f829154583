# SPDX-License-Identifier: Apache-2.0
"""The driver's accesses to its ring, which remember what every write overwrote."""

from __future__ import annotations

from typing import Callable

from .layout import (
    AVAIL_F_NO_INTERRUPT,
    DESC_BYTES,
    INDEX_MODULUS,
    U16,
    SplitLayout,
    avail_bytes,
    table_bytes,
    used_bytes,
)
from .memory import Memory


class DriverRing:
    """The ring of `layout` in `memory`, written by one driver only.

    Args:
        memory: where the ring is.
        layout: its addresses.
        on_step: called with a step's name after each memory step.
    """

    def __init__(
        self,
        memory: Memory,
        layout: SplitLayout,
        on_step: Callable[[str], None] | None = None,
    ) -> None:
        self.on_step = on_step
        self._memory = memory
        self._layout = layout
        self._table = bytearray(table_bytes(layout.size))
        self._entries = bytearray(2 * layout.size)

    def clear(self, start: int, event_idx: bool, interrupts: bool) -> None:
        """Write the ring as it is before its first use (SPLIT-DRV-19).

        Args:
            start: first ring index; 0 but in tests.
            event_idx: EVENT_IDX was negotiated.
            interrupts: whether the driver wants any.
        """
        avail = bytearray(avail_bytes(self._layout.size))
        used = bytearray(used_bytes(self._layout.size))
        avail[2:4] = used[2:4] = U16.pack(start)
        if event_idx:
            avail[-2:] = U16.pack(start if interrupts else (start - 1) % INDEX_MODULUS)
            used[-2:] = U16.pack(start)
        elif not interrupts:
            avail[0:2] = U16.pack(AVAIL_F_NO_INTERRUPT)
        self._memory.write(self._layout.table, bytes(len(self._table)))
        self._memory.write(self._layout.avail, bytes(avail))
        self._memory.write(self._layout.used, bytes(used))

    def write_descriptor(self, at: int, raw: bytes) -> bytes:
        """Write table entry `at` and return the 16 bytes that it was."""
        start = DESC_BYTES * at
        old = bytes(self._table[start : start + DESC_BYTES])
        self._memory.write(self._layout.descriptor(at), raw)
        self._table[start : start + DESC_BYTES] = raw
        return old

    def write_entry(self, slot: int, raw: bytes) -> bytes:
        """Write available entry `slot`, below the size, and return the 2 bytes that it was."""
        old = bytes(self._entries[2 * slot : 2 * slot + 2])
        self._memory.write(self._layout.avail_entry(slot), raw)
        self._entries[2 * slot : 2 * slot + 2] = raw
        return old

    def read16(self, addr: int, step: str) -> int:
        """Read the word at byte address `addr`, then make the step."""
        value: int = U16.unpack(self._memory.read(addr, 2))[0]
        self.step(step)
        return value

    def write16(self, addr: int, value: int, step: str) -> None:
        """Write the word at byte address `addr`, then make the step."""
        self._memory.write(addr, U16.pack(value))
        self.step(step)

    def step(self, name: str) -> None:
        """Let a test look or act between two memory accesses."""
        if self.on_step is not None:
            self.on_step(name)
