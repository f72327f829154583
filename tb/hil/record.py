# SPDX-License-Identifier: Apache-2.0
"""A session with a driver as a file: all that entered the simulation, and what came of it.

Register accesses and frames with their time, sectors as they were when the device first read
them, and of guest memory what the device read wherever that was not what it had seen there
before. Of what the device did: publications, interrupts, and a digest of all its writes.

A file is a line of JSON (`Header`), and blocks. A block has a mark, the bytes of its content,
their CRC-32, and the content, compressed: JSON (`Block.events`), memory, sectors, each with its
length before it. Blocks are written as the session goes on, so that a file whose process was
killed has all but the end.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Optional

from cocotb.simtime import get_sim_time
from cocotb.triggers import Lock, Timer

from ci.toolchain import ROOT
from tb.bench import PERIOD_NS, Bench
from tb.build import RTL
from tb.disk import NativeDisk
from tb.hil.follow import Observer
from tb.native_memory import Views

FORMAT = "virtqueue-session"
VERSION = 1
MARK = b"VQSB"
HEAD = struct.Struct("<4sII")  # mark, bytes, CRC-32
LENGTH = struct.Struct("<I")
HEADER_MOST = 1 << 16  # bytes
PHASE_NS = 1  # of each clock period, in which register accesses begin: no edge is near
MOST_EVENTS = 4096  # in a block
Event = list[Any]


class TraceError(Exception):
    """A file is no recorded session that can be replayed; the text says why, in one line."""


@dataclass(frozen=True)
class Header:
    """What a session was of.

    Attributes:
        device: slot of `tb_devices`.
        parameters: of the design.
        sim, seed: of the run.
        sources: digest of the design's files.
        sectors: of the disk; 0 where there is none.
        read_only: so was the disk.
        settings: of the memory's slave.
    """

    device: str
    parameters: Mapping[str, int | str]
    sim: str
    seed: int
    sources: str
    sectors: int = 0
    read_only: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """A part of a session.

    Attributes:
        events: lists that begin with their kind:
            `r`/`w`, nanoseconds, address, value, for `w` strobes: a register access;
            `+`/`-`, nanoseconds, address, bytes: a memory region comes or goes;
            `d`, nanoseconds, offer, parameters: the model device is made;
            `f`, nanoseconds, cycle, bytes in hexadecimal: a frame for the device;
            `q`, nanoseconds: the device had nothing left to do, and was compared;
            `p`, cycle, queue, ring index, digest, frames: a publication;
            `i`, cycle, queue: an interrupt;
            `e`, nanoseconds: the block ends.
        memory: see `Views.take_record`.
        sectors: see `NativeDisk.take_record`.
    """

    events: Sequence[Event]
    memory: bytes
    sectors: bytes


def now() -> int:
    """Return the simulated time, nanoseconds."""
    return int(get_sim_time("ns"))


async def align() -> None:
    """Return in the phase of a clock period in which register accesses begin."""
    wait = (PHASE_NS - now()) % PERIOD_NS
    if wait:
        await Timer(wait, "ns")


def sources_digest() -> str:
    """Return a digest of all files that decide what happens in which cycle."""
    names = [
        *RTL.rglob("*.v"),
        *RTL.rglob("*.vh"),
        *(ROOT / "tb").glob("*.v"),
        *(ROOT / "tb" / "native").glob("guest_*"),
    ]
    digest = hashlib.sha256()
    for path in sorted(names, key=lambda path: path.name):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


# ---- writing


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
        line = {"format": FORMAT, "version": VERSION, **asdict(header)}
        self._file.write(json.dumps(line).encode() + b"\n")
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

    def flush(self) -> None:
        """Write what there is as a block."""
        events, self._events = [*self._events, ["e", now()]], []
        memory = self._views.take_record() if self._views is not None else b""
        sectors = self._disk.take_record() if self._disk is not None else b""
        parts = (json.dumps(events, separators=(",", ":")).encode(), memory, sectors)
        content = zlib.compress(b"".join(LENGTH.pack(len(each)) + each for each in parts), 1)
        if self._file is None:
            return
        try:
            self._file.write(HEAD.pack(MARK, len(content), zlib.crc32(content)) + content)
            self._file.flush()
        except OSError as error:
            print(f"recording ends: {self._path}: {error.strerror}", flush=True)
            self._file = None

    def close(self) -> None:
        """End the file."""
        self.flush()
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


# ---- reading


def read_header(path: Path) -> tuple[Header, int]:
    """Return a file's header, and its bytes.

    Raises:
        TraceError: it is not a recorded session of this version.
    """
    try:
        with path.open("rb") as file:
            line = file.readline(HEADER_MOST)
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror}") from None
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
        raise TraceError(f"{path}: it is not a recorded session") from None
    version = found.pop("version", None)
    if version != VERSION:
        raise TraceError(f"{path}: it has version {version}, and {VERSION} is read")
    try:
        return Header(**found), len(line)
    except TypeError:
        raise TraceError(f"{path}: its first line is damaged") from None


def read_blocks(path: Path) -> Iterator[Block]:
    """Go through a file's blocks; one that was cut off at the end is left out.

    Raises:
        TraceError: it is damaged.
    """
    _, at = read_header(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(at)
        while at + HEAD.size <= size:
            mark, length, crc = HEAD.unpack(file.read(HEAD.size))
            if mark != MARK:
                raise TraceError(f"{path}: it is damaged at byte {at}: no block begins there")
            if at + HEAD.size + length > size:
                return
            content = file.read(length)
            if zlib.crc32(content) != crc:
                raise TraceError(f"{path}: it is damaged: the block at byte {at} is not as written")
            yield _block(zlib.decompress(content))
            at += HEAD.size + length


def _block(content: bytes) -> Block:
    parts = []
    at = 0
    while at < len(content):
        (length,) = LENGTH.unpack_from(content, at)
        parts.append(content[at + LENGTH.size : at + LENGTH.size + length])
        at += LENGTH.size + length
    return Block(json.loads(parts[0]), parts[1], parts[2])
