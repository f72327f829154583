# SPDX-License-Identifier: Apache-2.0
"""Record a session with a driver: see `tb.hil.session_file`. `tb.hil.replay` replays it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Optional

from cocotb.simtime import get_sim_time
from cocotb.triggers import Lock, Timer

from tb.bench import PERIOD_NS, Bench
from tb.disk import NativeDisk
from tb.hil.follow import Observer
from tb.hil.session_file import ENDED, Block, Event, Header, TraceError, block_bytes, header_line
from tb.native_memory import Views

PHASE_NS = 1  # of each clock period, in which register accesses begin: no edge is near
MOST_EVENTS = 4096  # in a block


def now() -> int:
    """Return the simulated time, nanoseconds."""
    return int(get_sim_time("ns"))


async def align() -> None:
    """Return in the phase of a clock period in which register accesses begin."""
    wait = (PHASE_NS - now()) % PERIOD_NS
    if wait:
        await Timer(wait, "ns")


class Recorder(Observer):
    """Writes a session's file.

    Args:
        path: of the file, which is made anew.
        header: see there.
        disk: of the device, which has not read it yet.

    Raises:
        TraceError: it cannot be written.
    """

    def __init__(self, path: Path, header: Header, disk: Optional[NativeDisk] = None) -> None:
        try:
            self._file: Optional[BinaryIO] = path.open("wb")
        except OSError as error:
            raise TraceError(f"{path}: {error.strerror}") from None
        self._path = path
        self._events: list[Event] = []
        self._views: Optional[Views] = None
        self._disk = disk
        if disk is not None:
            disk.record()
        self._file.write(header_line(header))
        self._file.flush()

    def watch(self, views: Views) -> None:
        """Record what comes into memory from now on."""
        self._views = views
        views.record()

    def note(self, kind: str, *values: Any) -> None:
        """Record an event."""
        self._events.append([kind, *values])
        if len(self._events) >= MOST_EVENTS:
            self.flush()

    def published(self, cycle: int, queue: int, index: int, frames: Sequence[int]) -> None:
        """See `Observer`."""
        assert self._views is not None
        self.note("p", cycle, queue, index, self._views.digest, list(frames))

    def called(self, queue: int) -> None:
        """See `Observer`."""
        self.note("i", now() // PERIOD_NS, queue)

    def idle(self) -> None:
        """See `Observer`."""
        self.note("q", now())
        self.flush()

    def flush(self, last: str = "e") -> None:
        """Write what there is as a block."""
        events, self._events = [*self._events, [last, now()]], []
        memory = self._views.take_record() if self._views is not None else b""
        sectors = self._disk.take_record() if self._disk is not None else b""
        if self._file is None:
            return
        try:
            self._file.write(block_bytes(Block(events, memory, sectors)))
            self._file.flush()
        except OSError as error:
            print(f"recording ends: {self._path}: {error.strerror}", flush=True)
            self._file = None

    def close(self) -> None:
        """End the file."""
        self.flush(ENDED)
        if self._file is not None:
            self._file.close()
            self._file = None


class RecordedBench(Bench):
    """A bench whose register accesses are recorded, and begin in one phase of the clock."""

    recorder: Recorder
    turn: Lock

    @classmethod
    def of(cls, bench: Bench, recorder: Recorder) -> RecordedBench:
        """Return one that stands for a bench."""
        made = cls.__new__(cls)
        made.__dict__.update(bench.__dict__)
        made.recorder, made.turn = recorder, Lock()
        return made

    async def read32(self, address: int) -> int:
        """See `Bench`."""
        async with self.turn:
            await align()
            begin = now()
            value = await super().read32(address)
            self.recorder.note("r", begin, address, value)
            return value

    async def write32(self, address: int, value: int, strobes: int = 0xF) -> None:
        """See `Bench`."""
        async with self.turn:
            await align()
            self.recorder.note("w", now(), address, value, strobes)
            await super().write32(address, value, strobes)
