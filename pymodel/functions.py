# SPDX-License-Identifier: Apache-2.0
"""Device functions: what a device does with the bytes of a chain."""

from __future__ import annotations

import functools
from typing import Protocol

SINK_ERRORS_MAX = 0xFFFFFFFF


class DeviceFunction(Protocol):
    """Takes each chain's readable bytes and answers with at most its writable bytes."""

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        """Return the bytes to write, at most `writable_len` of them."""

    def reset(self) -> None:
        """Go back to the state after a device reset."""


class Loopback:
    """The first min(readable, writable) readable bytes come back."""

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        """See `DeviceFunction`."""
        return readable[:writable_len]

    def reset(self) -> None:
        """See `DeviceFunction`; there is no state."""


class Pattern:
    """Fills the writable bytes with `pattern_bytes` and expects the same in the readable ones.

    Chains are numbered per queue from 0 on, since reset.

    Attributes:
        sink_errors: readable bytes that differed, saturating at 2^32 - 1.
    """

    def __init__(self) -> None:
        self.sink_errors = 0
        self._chains: dict[int, int] = {}

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        """See `DeviceFunction`."""
        number = self.take_number(queue)
        expected = pattern_bytes(queue, number, len(readable))
        if readable != expected:
            wrong = sum(a != b for a, b in zip(readable, expected))
            self.sink_errors = min(self.sink_errors + wrong, SINK_ERRORS_MAX)
        return pattern_bytes(queue, number, writable_len)

    def reset(self) -> None:
        """See `DeviceFunction`."""
        self.sink_errors = 0
        self._chains.clear()

    def take_number(self, queue: int) -> int:
        """Return the queue's next chain number and count it."""
        number = self._chains.get(queue, 0)
        self._chains[queue] = number + 1
        return number


class TestFunction:
    """The test device's function: loopback or pattern, as `mode` says.

    A chain counts in the pattern's numbering whatever the mode.

    Attributes:
        mode: 0 loopback, 1 pattern.
        pattern: the pattern function, with its `sink_errors`.
    """

    __test__ = False  # not a test case, whatever pytest makes of its name

    def __init__(self, mode: int = 0) -> None:
        self.mode = mode
        self.pattern = Pattern()
        self._loopback = Loopback()

    @property
    def sink_errors(self) -> int:
        """Readable bytes that differed in pattern mode, saturating at 2^32 - 1."""
        return self.pattern.sink_errors

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        """See `DeviceFunction`."""
        if self.mode == 1:
            return self.pattern.process(queue, readable, writable_len)
        self.pattern.take_number(queue)
        return self._loopback.process(queue, readable, writable_len)

    def reset(self) -> None:
        """See `DeviceFunction`."""
        self.mode = 0
        self.pattern.reset()


def pattern_bytes(queue: int, number: int, length: int) -> bytes:
    """`length` bytes of chain `number` of `queue`.

    Byte `i` is `((i + 29 number + 101 queue) ^ (i >> 8)) mod 256`, which repeats every 64 KiB.
    """
    block = _block((29 * number + 101 * queue) % 256)
    whole, rest = divmod(length, len(block))
    return block * whole + block[:rest]


@functools.cache
def _block(start: int) -> bytes:
    row = int.from_bytes(bytes((low + start) % 256 for low in range(256)), "little")
    ones = int.from_bytes(b"\1" * 256, "little")  # times `high`, it is `high` in each byte
    return b"".join((row ^ ones * high).to_bytes(256, "little") for high in range(256))
