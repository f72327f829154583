# SPDX-License-Identifier: Apache-2.0
"""How a device asks its driver for notifications: what of it a comparison can demand.

A device asks when it likes to, so two right ones may differ at any moment. What it asks for must
make sense all the same: a place that it has not passed, among the buffers that it may know of.
"""

from __future__ import annotations

from typing import Optional

from pymodel import EventSuppression, Memory, PackedLayout, Position, SplitLayout
from pymodel.layout import INDEX_MODULUS, U16, QueueLayout
from pymodel.packed_layout import EVENT_BYTES, EVENT_DESC, EVENT_DISABLE, EVENT_ENABLE


class Wish:
    """The wish of one queue's device.

    Args:
        layout: of the queue.
        event_idx: EVENT_IDX was negotiated.
        first: ring index at which the queue began.

    Attributes:
        places: (address, bytes) of what holds it.
    """

    def __init__(self, layout: QueueLayout, event_idx: bool, first: int) -> None:
        self.layout, self.event_idx = layout, event_idx
        self._last, self._asked = first, False
        self.places: tuple[tuple[int, int], ...]
        if isinstance(layout, SplitLayout):
            self.places = ((layout.used_flags, 2), (layout.avail_event, 2))
        else:
            self.places = ((layout.areas[2], EVENT_BYTES),)

    def differences(self, device: Memory, model: Memory, published: Optional[int]) -> list[str]:
        """Say what is wrong with the wish that a device's memory holds.

        Args:
            device: its memory.
            model: that of a model which holds the wish seen before.
            published: ring index up to which buffers are available, None where that is unknown.
        """
        if isinstance(self.layout, SplitLayout):
            return self._split(self.layout, device, model, published)
        assert isinstance(self.layout, PackedLayout)
        return self._packed(self.layout, device, model, published)

    def _split(
        self, layout: SplitLayout, device: Memory, model: Memory, published: Optional[int]
    ) -> list[str]:
        flags: int = U16.unpack(device.read(layout.used_flags, 2))[0]
        event: int = U16.unpack(device.read(layout.avail_event, 2))[0]
        was: int = U16.unpack(model.read(layout.avail_event, 2))[0]
        found = []
        if self.event_idx:
            if flags:
                found.append(f"used.flags {flags:#x} with EVENT_IDX")
            if event != was:
                ahead = (event - self._last) % INDEX_MODULUS
                if published is not None and ahead > (published - self._last) % INDEX_MODULUS:
                    found.append(f"avail_event {event} after {self._last}, published {published}")
                self._last = event
        else:
            if flags > 1:
                found.append(f"used.flags {flags:#x}")
            if event != was:
                found.append(f"avail_event {event} without EVENT_IDX, was {was}")
        return found

    def _packed(
        self, layout: PackedLayout, device: Memory, model: Memory, published: Optional[int]
    ) -> list[str]:
        raw, was = device.read(layout.device, EVENT_BYTES), model.read(layout.device, EVENT_BYTES)
        event = EventSuppression.unpack(raw)
        fresh = raw == bytes(EVENT_BYTES)
        right = event.desc == EventSuppression.unpack(was).desc and event.flags in (
            EVENT_ENABLE,
            EVENT_DISABLE,
        )
        if self.event_idx and not (fresh and not self._asked):
            place, seen = Position.of(event.desc), Position.of(self._last)
            right = event.flags == EVENT_DESC and place.offset < layout.size
            if published is not None:
                end = Position.of(published)
                right &= place.distance(seen, layout.size) <= end.distance(seen, layout.size)
            self._last, self._asked = event.desc, True
        if right and raw == event.pack():
            return []
        return [f"device event {raw.hex()}, was {was.hex()}"]
