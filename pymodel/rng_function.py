# SPDX-License-Identifier: Apache-2.0
"""The entropy device's function (section 5.4): random bytes into every buffer."""

from __future__ import annotations

from typing import Callable

from .functions import DeviceFunction

RNG_DEVICE_ID = 4
MAX_BYTES = 64  # of one answer, as the Verilog is built by default
SEED = 0x2545_F491_4F6C_DD1D
MASK = (1 << 64) - 1


class Xorshift:
    """The deterministic source of bench and demonstration: no entropy at all.

    64-bit xorshift (13, 7, 17); each step gives 8 bytes, little-endian.

    Args:
        seed: first state, not 0.

    Raises:
        ValueError: the seed is 0 or over 64 bits.
    """

    def __init__(self, seed: int = SEED) -> None:
        if not 0 < seed <= MASK:
            raise ValueError(f"seed {seed:#x} is not 1 to 2^64 - 1")
        self._state = seed

    def word(self) -> int:
        """Return the next 64 bits."""
        state = self._state
        state ^= state << 13 & MASK
        state ^= state >> 7
        state ^= state << 17 & MASK
        self._state = state
        return state

    def beat(self, length: int) -> bytes:
        """Return the next `length` bytes, a multiple of 8."""
        return b"".join(self.word().to_bytes(8, "little") for _ in range(length // 8))


class RngFunction(DeviceFunction):
    """Answers each chain with random bytes; what is readable is thrown away.

    A source gives whole beats of the data bus. An answer begins with a beat of its own, and the
    rest of its last one is thrown away, so no random byte is given out twice.

    Args:
        source: returns the next so many bytes, of a beat; by default those of `Xorshift`.
        max_bytes: most bytes of an answer; a larger buffer is filled in part (RNG-DEV-02).
        data_w: width of the data bus, bits.

    Raises:
        ValueError: `max_bytes` is not positive.
    """

    device_id = RNG_DEVICE_ID

    def __init__(
        self,
        source: Callable[[int], bytes] | None = None,
        *,
        max_bytes: int = MAX_BYTES,
        data_w: int = 64,
    ) -> None:
        super().__init__()
        if max_bytes < 1:
            raise ValueError(f"answers of {max_bytes} bytes")
        self.max_bytes = max_bytes
        self._beat_bytes = data_w // 8
        self._source = Xorshift().beat if source is None else source

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        """Return at least one byte where there is room for one (RNG-DEV-01)."""
        wanted = min(writable_len, self.max_bytes)
        data = b""
        while len(data) < wanted:
            data += self._source(self._beat_bytes)
        return data[:wanted]
