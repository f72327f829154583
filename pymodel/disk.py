# SPDX-License-Identifier: Apache-2.0
"""The disk behind the golden model of the block device."""

from __future__ import annotations

SECTOR = 512  # bytes


class Disk:
    """Sectors, and which of their bytes would outlive a loss of power.

    Attributes:
        now: the bytes as reads see them.
        stable: the bytes that are kept whatever happens: those of the last flush.
        refused: sectors that the store cannot read or write; a command that touches one fails,
            changes nothing, and gives zeros.
    """

    def __init__(self, content: bytes | int) -> None:
        """Args: its bytes, or the number of its sectors, all zero.

        Raises:
            ValueError: the bytes are no whole number of sectors.
        """
        self.now = bytearray(content * SECTOR if isinstance(content, int) else content)
        if len(self.now) % SECTOR:
            raise ValueError(f"{len(self.now)} bytes are no whole number of sectors")
        self.stable = bytearray(self.now)
        self.refused: set[int] = set()
        self._dirty: set[int] = set()

    @property
    def sectors(self) -> int:
        """Its size in sectors."""
        return len(self.now) // SECTOR

    @property
    def dirty(self) -> frozenset[int]:
        """Sectors that were written since the last flush."""
        return frozenset(self._dirty)

    def refuses(self, sector: int, sectors: int) -> bool:
        """Whether a command on these sectors fails."""
        return any(sector <= each < sector + sectors for each in self.refused)

    def read(self, sector: int, sectors: int) -> bytes:
        """Return the bytes of sectors."""
        return bytes(self.now[sector * SECTOR : (sector + sectors) * SECTOR])

    def write(self, sector: int, data: bytes, stable: bool = False) -> None:
        """Write whole sectors, which a flush follows where they must be stable at once."""
        at = sector * SECTOR
        self.now[at : at + len(data)] = data
        self._dirty.update(range(sector, sector + len(data) // SECTOR))
        if stable:
            self.flush()

    def flush(self) -> None:
        """Make all that was written stable."""
        for sector in self._dirty:
            part = slice(sector * SECTOR, (sector + 1) * SECTOR)
            self.stable[part] = self.now[part]
        self._dirty.clear()

    def lose_power(self) -> None:
        """Forget what is not stable."""
        self.now[:] = self.stable
        self._dirty.clear()

    def resize(self, sectors: int) -> None:
        """Cut it, or add zeros; both outlive a loss of power (BLK-DEV-19)."""
        for content in (self.now, self.stable):
            del content[sectors * SECTOR :]
            content.extend(bytes(sectors * SECTOR - len(content)))
        self._dirty = {sector for sector in self._dirty if sector < sectors}
