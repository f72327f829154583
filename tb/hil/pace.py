# SPDX-License-Identifier: Apache-2.0
"""Flow control between a wire and the device: no frame is lost because the device has no room.

The device drops what its frame memory cannot hold, as it must. A link partner that honours PAUSE
frames (IEEE 802.3, annex 31B) does not let it come so far; this one looks at what the device says
that it has taken.
"""

from __future__ import annotations

from collections import deque
from typing import Callable, Protocol

FRAME_BYTES = 16384  # of the device's memory for received frames
SPARE = 64  # bytes that a frame takes beyond its own, with room to spare: one beat of 512 bits
MOST_WAITING = 4096  # frames; what comes then is lost
ENDED = (  # counters of which each frame that went in counts in one
    *("rx_frames", "rx_bad", "rx_runt", "rx_oversized"),
    *("rx_overflow", "rx_no_buffer", "rx_small_buffer", "rx_stopped"),
)


class Counting(Protocol):
    """A device that counts what it takes. `lives` tells how often it was started."""

    lives: int

    async def own_registers(self, prefix: str = "") -> dict[str, int]:
        """Return the function's own registers whose names begin so."""
        ...


class Pace:
    """Frames on their way from a wire to the device.

    Args:
        to_device: takes one at any time, by way of the MAC.
        device: is asked where they are.

    Attributes:
        dropped: frames that came while too many waited.
    """

    def __init__(self, to_device: Callable[[bytes], None], device: Counting) -> None:
        self._to_device, self._device = to_device, device
        self._waiting: deque[bytes] = deque()
        self._inside: deque[int] = deque()  # bytes that each frame takes
        self._held = 0  # their sum
        self._ended = 0  # frames that the device had done with when it was asked last
        self._life = 0
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Frames that are not yet on their way into the device."""
        return len(self._waiting)

    def put(self, frame: bytes) -> None:
        """Take a frame from the wire."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(frame)
        else:
            self.dropped += 1

    async def give(self) -> None:
        """Give the MAC the frames for which the device has room."""
        if self._life != self._device.lives:  # it was reset, and its counters with it
            self._life, self._ended, self._held = self._device.lives, 0, 0
            self._inside.clear()
        self._fill()
        if self._waiting:
            await self._look()
            self._fill()

    def _fill(self) -> None:
        while self._waiting:
            size = len(self._waiting[0]) + SPARE
            if self._inside and self._held + size > FRAME_BYTES:
                return
            self._to_device(self._waiting.popleft())
            self._inside.append(size)
            self._held += size

    async def _look(self) -> None:
        found = await self._device.own_registers("rx_")
        ended = sum(found[name] for name in ENDED)
        for _ in range(min(ended - self._ended, len(self._inside))):
            self._held -= self._inside.popleft()
        self._ended = ended
