# SPDX-License-Identifier: Apache-2.0
"""Queues that the device has let go of, on every ring format."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from pymodel import BrokenQueueError, Feature, NotOutstandingError, Reg, UsedBuffer
from tests.model.formats import EACH_FORMAT
from tests.model.test_ring_features import send
from tests.model.world import BUFFERS, World


def stopped(ring: Any, features: int = 0, callback: Any = None, **more: Any) -> World:
    """A world whose device has used 1 and 2 of four buffers, and was then reset."""
    world = World(8, packed=ring.packed, features=features, callback=callback, **more)
    send(world, 1, 2)
    world.device.run()
    send(world, 3)
    world.queue.add_buf([(BUFFERS, 4), (BUFFERS + 64, 4)], 2, 0, 4)
    world.device.write32(Reg.STATUS, 0)
    return world


@EACH_FORMAT
@pytest.mark.parametrize("features", [0, Feature.IN_ORDER, Feature.RING_RESET])
@pytest.mark.parametrize("indirect", ["never", "always"])
@pytest.mark.clause("CLEAN-DRV-01", "CLEAN-DRV-02")
def test_every_buffer_of_a_halted_queue_comes_back(ring: Any, features: int, indirect: str) -> None:
    world = stopped(ring, features, indirect=indirect)
    queue = world.queue
    queue.halt()
    queue.halt()
    assert queue.get_buf() == UsedBuffer(1, 4)
    with pytest.raises(NotOutstandingError):
        queue.detach_buf(2)  # used, not collected
    queue.detach_buf(4)
    assert queue.get_buf() == UsedBuffer(2, 4) and queue.get_buf() is None
    queue.detach_buf(3)
    with pytest.raises(NotOutstandingError):
        queue.detach_buf(3)
    assert queue.outstanding == {} and queue.shutdown() == []
    assert world.tables.free_bytes == world.tables.region.length


@EACH_FORMAT
def test_nothing_more_is_given_to_a_halted_queue(ring: Any) -> None:
    calls: list[Any] = []
    world = stopped(ring, callback=calls.append)
    ring_before = world.memory.read(world.queue.layout.areas[0], 64)
    calls.clear()
    world.queue.halt()
    for operation in (
        world.queue.sync,
        world.queue.restart,
        lambda: world.queue.add_buf([(BUFFERS, 1)], 1, 0, 9),
    ):
        with pytest.raises(OSError) as caught:
            operation()
        assert caught.value.errno in (errno.EIO, errno.EINVAL)
    world.queue.interrupt()
    assert calls == []
    assert world.memory.read(world.queue.layout.areas[0], 64) == ring_before
    assert world.queue.shutdown() == [1, 2, 3, 4]


@EACH_FORMAT
def test_a_queue_that_the_device_broke_cannot_be_halted(ring: Any) -> None:
    world = stopped(ring)
    world.queue._break("for the test")
    with pytest.raises(BrokenQueueError):
        world.queue.halt()
    assert world.queue.shutdown() == [1, 2, 3, 4]
