# SPDX-License-Identifier: Apache-2.0
"""What is at the other end of a network device's wire while clients are served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional, Protocol


class Wanted(NamedTuple):
    """What a wire waits for.

    Attributes:
        descriptors: each with its events of `select.poll`.
        seconds: look at it after so long though nothing came; None for never.
    """

    descriptors: Sequence[tuple[int, int]] = ()
    seconds: Optional[float] = None


class Wire(Protocol):
    """One end: takes frames, and gives some to the function that it was made with."""

    def give(self, frame: bytes) -> None:
        """Take a frame that came out of the device."""
        ...

    def wanted(self) -> Wanted:
        """Say what it waits for."""
        ...

    def ready(self, found: Sequence[tuple[int, int]]) -> None:
        """Take note of descriptors with the events that came, or of time gone by."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class Loopback:
    """Gives each frame back.

    Args:
        to_device: takes the frames for the device.
    """

    def __init__(self, to_device: Callable[[bytes], None]) -> None:
        self._to_device = to_device

    def give(self, frame: bytes) -> None:
        """See `Wire`."""
        self._to_device(frame)

    def wanted(self) -> Wanted:
        """See `Wire`."""
        return Wanted()

    def ready(self, found: Sequence[tuple[int, int]]) -> None:
        """See `Wire`."""

    def close(self) -> None:
        """See `Wire`."""
