# SPDX-License-Identifier: Apache-2.0
"""The disks behind the bench's block devices, as Python sees them.

The bytes, the image file and the store's behaviour are native (`tb/native/guest_disk.h`,
`guest_store.h`); `tb/disk.v` is the store's port. An image is mapped privately: what the device
writes reaches the file only when a flush (or a write that must be stable) commits it, by way of a
journal, so that a run which is killed leaves the image as before a flush or as after it.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Optional

SECTOR = 512  # bytes
STORES = 4  # in one simulation


class DiskError(Exception):
    """An image is of no use; the text says why, in one line."""


@dataclass(frozen=True)
class StoreSettings:
    """How a store behaves; every draw comes from `seed`.

    Attributes:
        latency: command to the first beat or the completion, cycles, at least 1; (lowest, highest).
        cmd_stall, wr_stall, rd_stall, done_stall: share of cycles in which a channel holds back,
            percent.
        max_commands: accepted and not ended, at most.
        seed: of all randomness.
    """

    latency: tuple[int, int] = (1, 1)
    cmd_stall: int = 0
    wr_stall: int = 0
    rd_stall: int = 0
    done_stall: int = 0
    max_commands: int = 64
    seed: int = 1


class _Settings(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("latency_min", "latency_max")),
        *((name, ctypes.c_uint32) for name in ("cmd_stall", "wr_stall", "rd_stall", "done_stall")),
        *((name, ctypes.c_uint32) for name in ("max_commands", "unused")),
        ("seed", ctypes.c_uint64),
    ]


class _Counters(ctypes.Structure):
    _fields_ = [
        ("commands", ctypes.c_uint64 * 5),
        *((name, ctypes.c_uint64) for name in ("failed", "damaged", "stable", "most")),
        *((name, ctypes.c_uint64) for name in ("beats_read", "beats_written")),
    ]


class StoreCounters(NamedTuple):
    """What a store has done: commands that ended well, by operation; and see `guest_store.h`."""

    reads: int
    writes: int
    flushes: int
    discards: int
    zeroes: int
    failed: int
    damaged: int
    stable: int
    most: int
    beats_read: int
    beats_written: int


def library(path: Optional[str] = None) -> ctypes.CDLL:
    """Return the native code, by default that of the running simulation."""
    if path is None:
        path = os.environ.get("TB_NATIVE")
        if path is None:
            raise RuntimeError("no native disk here: build the design with native=True")
    found = ctypes.CDLL(path or None)
    u32, u64, text, whole = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_char_p, ctypes.c_int
    pointer = ctypes.POINTER
    signatures = {
        "gd_layout": (u64, [u32]),
        "gd_open": (text, [u32, text, whole]),
        "gd_create": (text, [u32, u64]),
        "gd_close": (None, [u32]),
        "gd_bytes": (ctypes.c_void_p, [u32, pointer(u64)]),
        "gd_stable": (ctypes.c_void_p, [u32]),
        "gd_dirty": (u64, [u32]),
        "gd_commits": (u64, [u32]),
        "gd_changed": (None, [u32, u64, u64]),
        "gd_record": (None, [u32]),
        "gd_recorded": (u64, [u32, pointer(ctypes.c_void_p)]),
        "gd_clear_record": (None, [u32]),
        "gd_commit": (text, [u32]),
        "gd_kill_in_step": (None, [u64]),
        "gd_configure": (None, [u32, pointer(_Settings)]),
        "gd_tell_capacity": (None, [u32, u64]),
        "gd_refuse": (None, [u32, u64, u64]),
        "gd_accept_all": (None, [u32]),
        "gd_counters": (None, [u32, pointer(_Counters)]),
        "gd_clear_counters": (None, [u32]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    for which, layout in enumerate((_Settings, _Counters)):
        if found.gd_layout(which) != ctypes.sizeof(layout):
            raise RuntimeError(f"{layout.__name__} is laid out differently in native code")
    return found


class NativeDisk:
    """A disk, and the store in front of it.

    Args:
        image: a file of whole sectors, or the number of sectors of a disk in memory, all zero.
        index: which one: that of the `disk` module.
        read_only: the image is opened for reading.
        code: the native library, by default that of the running simulation.

    Raises:
        DiskError: the image is missing, empty, of a size that is no multiple of 512 bytes, not
            writable, or in use by another run.
    """

    def __init__(
        self,
        image: Path | int,
        *,
        index: int = 0,
        read_only: bool = False,
        code: Optional[ctypes.CDLL] = None,
    ) -> None:
        self._code = code or library()
        self._index = index
        self.image = image if isinstance(image, Path) else None
        if isinstance(image, Path):
            wrong = self._code.gd_open(index, os.fsencode(image), int(read_only))
        else:
            wrong = self._code.gd_create(index, image)
        if wrong:
            raise DiskError(f"{image}: {wrong.decode(errors='replace')}")
        count = ctypes.c_uint64()
        address = self._code.gd_bytes(index, ctypes.byref(count))
        self.sectors = count.value
        self._size = self.sectors * SECTOR
        self.bytes = _view(address, self._size)  # as reads see them
        self.accept_all()
        self.tell_capacity((1 << 64) - 1)

    def stable(self) -> bytes:
        """Return what a loss of power would leave: what the file holds, for an image."""
        if self.image is not None:
            return self.image.read_bytes()
        return bytes(_view(self._code.gd_stable(self._index), self._size))

    @property
    def dirty(self) -> int:
        """Sectors that were written and are not stable."""
        return int(self._code.gd_dirty(self._index))

    @property
    def commits(self) -> int:
        """How often something was made stable."""
        return int(self._code.gd_commits(self._index))

    def write(self, sector: int, data: bytes) -> None:
        """Change sectors from outside of the device, not yet stable."""
        at = sector * SECTOR
        self.bytes[at : at + len(data)] = data
        self._code.gd_changed(self._index, sector, -(-len(data) // SECTOR))

    def record(self) -> None:
        """Keep from now on each sector that the device reads, as it was before it wrote it."""
        self._code.gd_record(self._index)

    def take_record(self) -> bytes:
        """Return those since the last time: of each the number, 8 bytes, and what it held."""
        place = ctypes.c_void_p()
        count = self._code.gd_recorded(self._index, ctypes.byref(place))
        found = ctypes.string_at(place, count) if count else b""
        self._code.gd_clear_record(self._index)
        return found

    def commit(self) -> None:
        """Make what was written stable.

        Raises:
            DiskError: the image cannot be written.
        """
        wrong = self._code.gd_commit(self._index)
        if wrong:
            raise DiskError(wrong.decode(errors="replace"))

    def close(self) -> None:
        """Give the image back; what is not stable is lost, and `bytes` must not be used."""
        self.bytes = memoryview(b"")
        self._code.gd_close(self._index)

    # ---- the store

    def configure(self, settings: StoreSettings) -> None:
        """Set how the store behaves from now on."""
        low, high = settings.latency
        stalls = (settings.cmd_stall, settings.wr_stall, settings.rd_stall, settings.done_stall)
        native = _Settings(low, high, *stalls, settings.max_commands, 0, settings.seed)
        self._code.gd_configure(self._index, ctypes.byref(native))

    def tell_capacity(self, sectors: int) -> None:
        """Tell the device fewer sectors than there are; it learns of it within 64 cycles."""
        self._code.gd_tell_capacity(self._index, sectors)

    def refuse(self, sector: int, sectors: int = 1) -> None:
        """Let every command that touches these sectors fail: zeros are read, nothing changes."""
        self._code.gd_refuse(self._index, sector, sectors)

    def accept_all(self) -> None:
        """Refuse no sector."""
        self._code.gd_accept_all(self._index)

    def kill_in_step(self, step: int) -> None:
        """Kill the process in the n-th step of the commits from now on, for tests; 0: never."""
        self._code.gd_kill_in_step(step)

    def counters(self) -> StoreCounters:
        """Return what the store has done."""
        native = _Counters()
        self._code.gd_counters(self._index, ctypes.byref(native))
        rest = [getattr(native, name) for name in StoreCounters._fields[5:]]
        return StoreCounters(*native.commands, *rest)


def _view(address: int, size: int) -> memoryview:
    return memoryview((ctypes.c_uint8 * size).from_address(address)).cast("B")
