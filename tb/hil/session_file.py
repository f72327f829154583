# SPDX-License-Identifier: Apache-2.0
"""The file of a recorded session: all that entered the simulation, and what came of it.

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
from typing import Any

from ci.toolchain import ROOT
from tb.build import RTL

FORMAT = "virtqueue-session"
VERSION = 1
MARK = b"VQSB"
HEAD = struct.Struct("<4sII")  # mark, bytes, CRC-32
LENGTH = struct.Struct("<I")
HEADER_MOST = 1 << 16  # bytes
ENDED = "z"  # kind of the last event of a whole file
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
            `e`, nanoseconds: the block ends; `z`: so does the file.
        memory: see `Views.take_record`.
        sectors: see `NativeDisk.take_record`.
    """

    events: Sequence[Event]
    memory: bytes
    sectors: bytes


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


def header_line(header: Header) -> bytes:
    """Return the first line of a file."""
    line = {"format": FORMAT, "version": VERSION, **asdict(header)}
    return json.dumps(line).encode() + b"\n"


def block_bytes(block: Block) -> bytes:
    """Return a block as it is in a file."""
    parts = (json.dumps(block.events, separators=(",", ":")).encode(), block.memory, block.sectors)
    content = zlib.compress(b"".join(LENGTH.pack(len(each)) + each for each in parts), 1)
    return HEAD.pack(MARK, len(content), zlib.crc32(content)) + content


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
