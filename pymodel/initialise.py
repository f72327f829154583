# SPDX-License-Identifier: Apache-2.0
"""Bring a device up without a driver."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable

from .allocator import Allocator
from .features import Feature
from .layout import QueueLayout
from .steps import Steps
from .transport import identify, start_queue
from .virtio_device import VirtioDevice


def initialise(
    allocator: Allocator,
    queue_sizes: Iterable[int | None],
    *,
    wanted: Feature = Feature.INDIRECT_DESC | Feature.EVENT_IDX,
    prepare: Callable[[VirtioDevice], None] | None = None,
    start: Callable[[QueueLayout], tuple[int, int] | None] = lambda layout: None,
) -> Steps[VirtioDevice]:
    """Bring a device up to DRIVER_OK without a driver (INIT-DRV-01, MMIO-DRV-24, -29).

    For tests and examples that hold the queues themselves; drivers are found by a `Bus`.

    Args:
        allocator: where the rings go.
        queue_sizes: size of each queue, from queue 0 on; 0 is as large as the device allows,
            None leaves the queue alone.
        wanted: features to accept where offered; VERSION_1 is always among them (RSVF-DRV-01).
            With RING_PACKED among them, queues are packed where the device offers that
            (RSVF-DRV-06).
        prepare: called before any queue is made ready, to clear the rings.
        start: where a queue goes on, as `start_queue` takes it, given its rings.

    Raises:
        InitError: this is no such device, or it refused the features or a queue.
    """
    device = VirtioDevice(*(yield from identify()))
    yield from device.begin()
    yield from device.negotiate(wanted)
    for index, size in enumerate(queue_sizes):
        if size is None:
            device.layouts += (None,)
        else:
            yield from device.plan_queue(index, size, allocator)
    if prepare is not None:
        prepare(device)
    for index, layout in enumerate(device.layouts):
        if layout is not None:
            yield from start_queue(index, layout, start(layout))
    yield from device.ready()
    return device
