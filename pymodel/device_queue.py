# SPDX-License-Identifier: Apache-2.0
"""One queue's registers in the model device."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

from .device_ring import DeviceRing
from .faults import Fault
from .features import Feature
from .layout import QueueLayout, SplitLayout
from .memory import Memory
from .packed_device import PackedDevice
from .packed_layout import PackedLayout, Position
from .registers import Reg
from .split_device import SplitDevice
from .walker import Chain

WORD = 0xFFFFFFFF
_AREAS = {  # area of a queue and the address bit that each register begins at
    Reg.QUEUE_DESC_LOW: (0, 0),
    Reg.QUEUE_DESC_HIGH: (0, 32),
    Reg.QUEUE_DRIVER_LOW: (1, 0),
    Reg.QUEUE_DRIVER_HIGH: (1, 32),
    Reg.QUEUE_DEVICE_LOW: (2, 0),
    Reg.QUEUE_DEVICE_HIGH: (2, 32),
}


def layout_type(features: Feature) -> type[QueueLayout]:
    """The format that the features say."""
    return PackedLayout if features & Feature.RING_PACKED else SplitLayout


@dataclass
class DeviceQueue:
    """One queue's registers; `ring` exists while it is ready."""

    size: int = 0
    areas: list[int] = field(default_factory=lambda: [0, 0, 0])  # descriptor, driver, device
    start_at: int | None = None  # QueueStart as written for the next life
    ring: DeviceRing | None = None
    untouched: bool = False  # taken over, and not looked at yet
    notified: bool = False
    stopped: bool = False
    serving: bool = False  # the device is at work on it
    starved: bool = False  # chains are available that the function does not take yet
    held: list[Chain] = field(default_factory=list)  # wait in the function, the oldest first
    fault: int = 0

    @property
    def working(self) -> bool:
        """Whether the device has something to do for it."""
        if self.ring is None or self.stopped or self.untouched:
            return False
        return self.ring.working

    def stop(self) -> None:
        """No longer ready; its state is as at first (MMIO-DEV-07, QRST-DEV-01, QRST-DEV-02)."""
        self.ring, self.notified, self.stopped, self.fault = None, False, False, 0
        self.starved = self.untouched = False
        self.start_at = None
        self.held.clear()

    def write(self, reg: Reg, value: int) -> None:
        """Write its size, half of an address or where it starts; ignored while it is ready."""
        if self.ring is not None:
            return
        if reg is Reg.QUEUE_SIZE:
            self.size = value
        elif reg is Reg.QUEUE_START:
            self.start_at = value
        elif reg in _AREAS:
            area, shift = _AREAS[reg]
            self.areas[area] = self.areas[area] & ~(WORD << shift) | value << shift

    def set_up_fault(self, features: Feature, size_max: int) -> Fault | None:
        """Why it cannot be made ready as it was set up, or None."""
        layout = layout_type(features)
        if not layout.valid_size(self.size) or self.size > size_max:
            return Fault.QUEUE_SIZE
        if layout.misaligned(self.areas):
            return Fault.QUEUE_ALIGN
        if features & Feature.RING_PACKED and self.start_at is not None:
            words = (self.start_at & 0xFFFF, self.start_at >> 16)
            if any(Position.of(word).offset >= self.size for word in words):
                return Fault.QUEUE_START
        return None

    def start(
        self,
        memory: Memory,
        features: Feature,
        max_chain: int,
        start_index: int | None,
        on_step: Callable[[str], None] | None,
    ) -> None:
        """Make it ready, in the format that the features say.

        `start_index`: test hook, first index of both rings where QueueStart was not written.
        """
        start_used = start_index
        if self.start_at is not None:
            start_index, start_used = self.start_at & 0xFFFF, self.start_at >> 16
        if features & Feature.RING_PACKED:
            self.ring = PackedDevice(
                memory,
                PackedLayout(self.size, *self.areas),
                max_chain=max_chain,
                start_index=start_index,
                start_used=start_used,
                on_step=on_step,
            )
        else:
            self.ring = SplitDevice(
                memory,
                SplitLayout(self.size, *self.areas),
                max_chain=max_chain,
                start_index=start_index,
                start_used=start_used,
                on_step=on_step,
            )
        if self.start_at is not None:
            self.ring.take_over()
            self.untouched, self.start_at = True, None
