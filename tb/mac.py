# SPDX-License-Identifier: Apache-2.0
"""The MAC beside a network device, which lives in the simulator's process, as Python sees it.

`tb/mac.v` hands its pins to `tb/native/guest_mac.cpp` at each clock edge; this module reaches that
by ctypes. A process has one MAC.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

from tb.native_memory import native_library


class _Settings(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("in_percent", "out_percent", "loopback", "link_up")),
        *((name, ctypes.c_uint64) for name in ("delay", "seed")),
    ]


class Frame(NamedTuple):
    """A frame that passed the MAC.

    Attributes:
        cycle: of its last beat.
        data: its bytes, without a check sequence.
        bad: it was marked as damaged.
    """

    cycle: int
    data: bytes
    bad: bool


@dataclass(frozen=True)
class MacSettings:
    """How the MAC behaves.

    Attributes:
        in_percent: share of cycles that may carry a beat into the device, at random.
        out_percent: the same, out of it: below 100 the MAC holds the device back.
        loopback: each frame that comes out goes in again.
        delay: with loopback, cycles from a frame's end to its way back.
        seed: of the MAC's random numbers.
    """

    in_percent: int = 100
    out_percent: int = 100
    loopback: bool = False
    delay: int = 1
    seed: int = 1


AT_ONCE = MacSettings()


class Mac:
    """The MAC of the simulation, emptied.

    Args:
        settings: how it behaves, by default as fast as it can.
    """

    def __init__(self, settings: MacSettings = AT_ONCE) -> None:
        self._native = _library()
        self._native.gm_mac_clear()
        self._settings, self._link = settings, True
        self._configure()
        self._seen = 0

    def configure(self, settings: MacSettings) -> None:
        """Behave in another way from now on."""
        self._settings = settings
        self._configure()

    @property
    def link(self) -> bool:
        """Whether the link is up."""
        return self._link

    @link.setter
    def link(self, up: bool) -> None:
        self._link = up
        self._configure()

    def _configure(self) -> None:
        own = self._settings
        native = _Settings(
            own.in_percent, own.out_percent, own.loopback, self._link, own.delay, own.seed
        )
        if not self._native.gm_mac_configure(ctypes.byref(native)):
            raise ValueError(f"the MAC cannot behave as {own} says")

    def queue(self, frame: bytes, *, bad: bool = False, cycle: int = 0) -> None:
        """Let a frame go into the device after those that wait, in `cycle` at the earliest.

        Raises:
            ValueError: it has no bytes.
        """
        if not frame:
            raise ValueError("a frame has at least one byte")
        self._native.gm_mac_queue(frame, len(frame), int(bad), cycle)

    @property
    def waiting(self) -> int:
        """Frames that are not yet in the device as a whole."""
        return int(self._native.gm_mac_waiting())

    @property
    def sent(self) -> list[Frame]:
        """All frames that came out of the device."""
        return self._frames(0, 0)

    @property
    def given(self) -> list[Frame]:
        """All frames that went into the device."""
        return self._frames(1, 0)

    def new(self) -> list[Frame]:
        """Return the frames that came out since the last time."""
        frames = self._frames(0, self._seen)
        self._seen += len(frames)
        return frames

    def frames(self, given: bool, first: int) -> list[Frame]:
        """Return the frames from number `first` on that went into the device, or came out."""
        return self._frames(int(given), first)

    def _frames(self, given: int, first: int) -> list[Frame]:
        count = int(self._native.gm_mac_count(given))
        return [self._frame(given, number) for number in range(first, count)]

    def _frame(self, given: int, number: int) -> Frame:
        data = ctypes.POINTER(ctypes.c_uint8)()
        cycle, bad = ctypes.c_uint64(), ctypes.c_int()
        length = self._native.gm_mac_frame(
            given, number, ctypes.byref(data), ctypes.byref(cycle), ctypes.byref(bad)
        )
        return Frame(cycle.value, ctypes.string_at(data, length), bool(bad.value))


_loaded: Optional[Any] = None


def _library() -> Any:
    """Return the native functions of this process."""
    global _loaded
    if _loaded is None:
        library = native_library()
        for name in ("layout", "waiting", "count", "frame"):
            getattr(library, f"gm_mac_{name}").restype = ctypes.c_uint64
        library.gm_mac_queue.argtypes = [
            *(ctypes.c_char_p, ctypes.c_uint64, ctypes.c_int, ctypes.c_uint64)
        ]
        library.gm_mac_frame.argtypes = [
            *(ctypes.c_int, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        ]
        if library.gm_mac_layout() != ctypes.sizeof(_Settings):
            raise RuntimeError(
                "tb/mac.py and tb/native/guest_mac.h lay out MacSettings differently"
            )
        _loaded = library
    return _loaded
