# SPDX-License-Identifier: Apache-2.0
"""Recorded virtqueue traffic of real drivers, read from its JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

PAGE_BYTES = 4096
TRACE_KEYS = {"device", "features", "queue_size"}
CHAIN_KEYS = {"queue", "out", "in", "indirect", "head", "used", "kick"}


class TraceError(ValueError):
    """A line that is not what the format says; the message names file, line and key."""


class TraceSegment(NamedTuple):
    """One segment: offset of its address within its 4 KiB page, and its bytes."""

    offset: int
    length: int


class TraceChain(NamedTuple):
    """One chain, in the order in which the device used it.

    Attributes:
        queue: queue index.
        out: readable segments.
        in_: writable segments.
        indirect: it came as an indirect table.
        head: first bytes of what was readable, or of what was written to a receive queue.
        used: bytes written, as the device reported them.
        kick: chains with the same number were taken on one notification.
    """

    queue: int
    out: tuple[TraceSegment, ...]
    in_: tuple[TraceSegment, ...]
    indirect: bool
    head: bytes
    used: int
    kick: int


class Trace(NamedTuple):
    """A recording: device name, negotiated feature bit numbers, queue sizes, chains."""

    device: str
    features: tuple[int, ...]
    queue_sizes: tuple[int, ...]
    chains: tuple[TraceChain, ...]


def read_trace(path: str | Path) -> Trace:
    """Read the recording in `path`.

    Raises:
        TraceError: a line is malformed.
        OSError: the file cannot be read.
    """
    path = Path(path)
    return parse_trace(path.read_text(encoding="utf-8"), path.name)


def parse_trace(text: str, name: str = "trace") -> Trace:
    """Read a recording from its text; `name` stands in messages."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise TraceError(f"{name}: empty")
    head = _Line(name, *lines[0], TRACE_KEYS)
    sizes = head.numbers("queue_size")
    chains = tuple(_chain(_Line(name, *line, CHAIN_KEYS), len(sizes)) for line in lines[1:])
    return Trace(head.string("device"), head.numbers("features"), sizes, chains)


def _chain(line: _Line, queues: int) -> TraceChain:
    queue = line.number("queue")
    if queue >= queues:
        raise line.error("queue", f"{queue} of {queues}")
    indirect = line.number("indirect")
    if indirect > 1:
        raise line.error("indirect", f"{indirect}, not 0 or 1")
    out, in_ = line.segments("out"), line.segments("in")
    if not out and not in_:
        raise line.error("out", "no segment, and none in 'in'")
    used, writable = line.number("used"), sum(segment.length for segment in in_)
    if used > writable:
        raise line.error("used", f"{used} of {writable} writable bytes")
    return TraceChain(queue, out, in_, bool(indirect), line.hex("head"), used, line.number("kick"))


class _Line:
    """One JSON object, with getters that check."""

    def __init__(self, name: str, number: int, text: str, keys: set[str]) -> None:
        self._where = f"{name}, line {number}"
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            raise TraceError(f"{self._where}: not JSON: {error}") from None
        if not isinstance(value, dict):
            raise TraceError(f"{self._where}: not an object")
        if set(value) != keys:
            odd = ", ".join(sorted(set(value) ^ keys))
            raise TraceError(f"{self._where}: missing or unknown keys: {odd}")
        self._value: dict[str, Any] = value

    def error(self, key: str, what: str) -> TraceError:
        return TraceError(f"{self._where}: {key}: {what}")

    def number(self, key: str) -> int:
        return self._check_number(key, self._value[key])

    def string(self, key: str) -> str:
        value = self._value[key]
        if not isinstance(value, str):
            raise self.error(key, f"{value!r} is not a string")
        return value

    def numbers(self, key: str) -> tuple[int, ...]:
        return tuple(self._check_number(key, item) for item in self._list(key))

    def hex(self, key: str) -> bytes:
        digits = self.string(key)
        try:
            return bytes.fromhex(digits)
        except ValueError:
            raise self.error(key, f"{digits!r} is not hex") from None

    def segments(self, key: str) -> tuple[TraceSegment, ...]:
        result = []
        for item in self._list(key):
            if not isinstance(item, list) or len(item) != 2:
                raise self.error(key, f"{item!r} is not [offset, bytes]")
            offset, length = (self._check_number(key, number) for number in item)
            if offset >= PAGE_BYTES or not 0 < length < 1 << 32:
                raise self.error(key, f"{length} bytes at offset {offset}")
            result.append(TraceSegment(offset, length))
        return tuple(result)

    def _list(self, key: str) -> list[Any]:
        value = self._value[key]
        if not isinstance(value, list):
            raise self.error(key, f"{value!r} is not a list")
        return value

    def _check_number(self, key: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise self.error(key, f"{value!r} is not a whole number")
        return value
