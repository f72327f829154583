# SPDX-License-Identifier: Apache-2.0
"""Device functions: what a device does with the bytes of a chain."""

from __future__ import annotations

import abc
import functools
import struct
from collections.abc import Sequence
from typing import Callable

from .registers import CONFIG_BASE, TEST_DEVICE_ID, Config

SINK_ERRORS_MAX = 0xFFFFFFFF
WORD_BYTES = 4


class DeviceFunction(abc.ABC):
    """Takes each chain's readable bytes and answers with at most its writable bytes.

    A queue either answers at once (`process`), or keeps up to `holds` chains until the function
    has something for them (`ready`).

    Attributes:
        device_id: virtio device type.
        features: feature bits of the device type that are offered (section 2.2), a mask.
        on_change: to be called when the configuration has changed by itself (CFG-XDEV-02).
    """

    device_id: int = TEST_DEVICE_ID
    features: int = 0

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None

    # ---- features and configuration

    def accepts(self, features: int) -> bool:
        """Whether the function can do with a driver's choice (FEAT-DEV-03), a mask."""
        return True

    def configure(self, features: int) -> None:
        """Take what was negotiated, a mask; called when FEATURES_OK is taken."""

    def config(self) -> bytes:
        """Return the configuration space as it reads now; bytes beyond it read as 0."""
        return b""

    def write_config(self, offset: int, data: bytes) -> None:
        """Write bytes that lie side by side in one 32-bit word; others keep their value."""

    def own_registers(self) -> Sequence[int]:
        """Return the function's own 32-bit registers, which only read."""
        return ()

    # ---- chains

    def holds(self, queue: int) -> int:
        """Return how many chains of a queue it keeps waiting at most; 0: it answers at once."""
        return 0

    @abc.abstractmethod
    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        """Return the bytes to write, at most `writable_len` of them, where `holds` is 0."""

    def ready(self, queue: int, room: Sequence[int]) -> list[bytes] | None:
        """Return what is to be written into the first of the chains that wait, used together.

        Args:
            queue: number of a queue that holds.
            room: writable bytes of the chains that wait, the oldest first.

        Returns:
            The bytes of one chain each, or None where there is nothing to give.
        """
        return None

    def started(self, queue: int) -> None:
        """The queue was made ready."""

    def stopped(self, queue: int) -> None:
        """The queue is no longer live; the chains that wait are gone."""

    def reset(self) -> None:
        """Go back to the state after a device reset."""

    # ---- the configuration space by words

    def read_config_word(self, offset: int) -> int:
        """Return the word at a 4-aligned byte offset."""
        return int.from_bytes(self.config()[offset : offset + WORD_BYTES], "little")

    def write_config_word(self, offset: int, value: int, strobe: int) -> None:
        """Write the bytes of a word that `strobe` enables."""
        data = value.to_bytes(WORD_BYTES, "little")
        lanes = [lane for lane in range(WORD_BYTES) if strobe >> lane & 1]
        while lanes:
            run = [lane for at, lane in enumerate(lanes) if lane == lanes[0] + at]
            self.write_config(offset + run[0], data[run[0] : run[-1] + 1])
            lanes = lanes[len(run) :]


class Loopback(DeviceFunction):
    """The first min(readable, writable) readable bytes come back."""

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        """See `DeviceFunction`."""
        return readable[:writable_len]


class Pattern(DeviceFunction):
    """Fills the writable bytes with `pattern_bytes` and expects the same in the readable ones.

    Chains are numbered per queue from 0 on, since reset.

    Attributes:
        sink_errors: readable bytes that differed, saturating at 2^32 - 1.
    """

    def __init__(self) -> None:
        super().__init__()
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


class TestFunction(DeviceFunction):
    """The test device's function: loopback or pattern, as `mode` says.

    A chain counts in the pattern's numbering whatever the mode.

    Attributes:
        mode: 0 loopback, 1 pattern.
        pattern: the pattern function, with its `sink_errors`.
    """

    __test__ = False  # not a test case, whatever pytest makes of its name

    def __init__(self, mode: int = 0) -> None:
        super().__init__()
        self.mode = mode
        self.pattern = Pattern()
        self._loopback = Loopback()

    @property
    def sink_errors(self) -> int:
        """Readable bytes that differed in pattern mode, saturating at 2^32 - 1."""
        return self.pattern.sink_errors

    def config(self) -> bytes:
        """Mode and sink errors."""
        return struct.pack("<II", self.mode, self.sink_errors)

    def write_config(self, offset: int, data: bytes) -> None:
        """Set the mode."""
        if CONFIG_BASE + offset == Config.MODE:
            self.mode = data[0] & 1

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
