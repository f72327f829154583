# SPDX-License-Identifier: Apache-2.0
"""Device suspend, on every ring format."""

from __future__ import annotations

from typing import Any

import pytest

from pymodel import (
    Feature,
    InitError,
    Interrupt,
    Reg,
    Status,
    compare,
    resume,
    run_sync,
    suspend,
)
from pymodel.registers import Config
from tests.model.formats import EACH_FORMAT
from tests.model.world import BUFFERS, World

A, B = BUFFERS, BUFFERS + 0x100
RUNNING = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK
SUSPENDED = RUNNING & ~Status.DRIVER_OK | Status.SUSPEND


def suspendable(ring: Any, **arguments: Any) -> World:
    features = Feature.SUSPEND | Feature.RING_RESET
    return World(packed=ring.packed, features=features, **arguments)


def turn(world: World, steps: Any) -> None:
    run_sync(steps, world.device.read32, world.device.write32)


@EACH_FORMAT
@pytest.mark.clause("SUSP-DEV-03", "SUSP-DEV-06", "SUSP-DEV-07", "SUSP-DEV-08")
@pytest.mark.clause("SUSP-DRV-02", "SUSP-DRV-06", "STAT-XDEV-01")
def test_a_suspended_device_stands_still_and_goes_on(ring: Any) -> None:
    world = suspendable(ring, callback=lambda queue: True)
    for token in "ab":
        world.queue.add_buf([(A, 4), (B, 4)], 1, 1, token)
    world.queue.sync()
    turn(world, suspend())
    assert world.device.status == SUSPENDED
    before = world.state()
    world.device.run()
    assert not world.device.step(0)
    world.device.settle(0)
    assert not compare(before, world.state()) and not world.device.interrupt_line
    world.device.write32(Reg.QUEUE_NOTIFY, 0)  # remembered, as the one before
    turn(world, resume())
    assert world.device.status == RUNNING
    assert world.serve() == Interrupt.USED_BUFFER
    assert world.drain() == [("a", 4), ("b", 4)]


@EACH_FORMAT
@pytest.mark.clause("SUSP-DEV-02", "SUSP-DEV-03")
def test_a_suspended_device_keeps_its_set_up(ring: Any) -> None:
    world = suspendable(ring)
    turn(world, suspend())
    for reg in (
        *(Reg.QUEUE_SIZE, Reg.QUEUE_READY, Reg.QUEUE_RESET, Reg.QUEUE_DESC_LOW),
        *(Reg.QUEUE_DEVICE_HIGH, Config.MODE),
    ):
        for value in (0, 1):
            world.device.write32(reg, value)
    assert world.device.read32(Reg.QUEUE_READY) == 1
    assert world.device.read32(Config.MODE) == 0
    turn(world, resume())
    world.queue.add_buf([(A, 4), (B, 4)], 1, 1, "t")
    world.queue.sync()
    world.device.run()
    assert world.drain() == [("t", 4)]


@pytest.mark.clause("SUSP-DEV-01")
def test_suspend_is_taken_only_when_negotiated_and_running() -> None:
    plain = World()
    with pytest.raises(InitError, match="does not suspend: status 0xf"):
        turn(plain, suspend(3))
    world = World(features=Feature.SUSPEND)
    world.device.write32(Reg.STATUS, 0)
    world.device.write32(Reg.DRIVER_FEATURES_SEL, 1)
    world.device.write32(Reg.DRIVER_FEATURES, 1 | 1 << 11)
    for value in (1, 3, 11, 11 | 16, 15 | 16):
        world.device.write32(Reg.STATUS, value)
        assert world.device.status == value & 15
    world.device.write32(Reg.STATUS, 16)
    assert world.device.status == SUSPENDED
    world.device.write32(Reg.STATUS, 1 | 16 | 128)
    assert world.device.status == SUSPENDED | Status.FAILED
    world.device.write32(Reg.STATUS, 4 | 16)
    assert world.device.status == RUNNING | Status.FAILED


@pytest.mark.clause("SUSP-DEV-04", "SUSP-DEV-05", "STAT-DEV-02", "STAT-DEV-03")
def test_a_change_of_configuration_is_told_on_resume() -> None:
    world = World(features=Feature.SUSPEND)
    turn(world, suspend())
    world.device.write32(Reg.QUEUE_NOTIFY, 9)
    assert world.device.status == SUSPENDED | Status.NEEDS_RESET
    assert not world.device.interrupt_line
    turn(world, resume())
    assert world.device.read32(Reg.INTERRUPT_STATUS) == Interrupt.CONFIG_CHANGE
    world.device.write32(Reg.INTERRUPT_ACK, 2)
    turn(world, suspend())
    turn(world, resume())
    assert not world.device.interrupt_line
    turn(world, suspend())
    world.device.write32(Reg.QUEUE_NOTIFY, 9)
    world.device.write32(Reg.STATUS, 0)
    assert world.device.status == 0 and not world.device.interrupt_line


@pytest.mark.clause("SUSP-DRV-01", "SUSP-DRV-02", "SUSP-DRV-06")
def test_the_driver_waits_and_notices_a_device_that_needs_a_reset() -> None:
    answers = [RUNNING, RUNNING, RUNNING, SUSPENDED]
    written: list[int] = []
    run_sync(suspend(), lambda _: answers.pop(0), lambda _, value: written.append(value))
    assert written == [SUSPENDED] and not answers
    answers = [SUSPENDED, SUSPENDED, RUNNING]
    run_sync(resume(), lambda _: answers.pop(0), lambda _, value: written.append(value))
    assert written[1:] == [RUNNING] and not answers
    answers = [SUSPENDED, SUSPENDED | Status.NEEDS_RESET]
    with pytest.raises(InitError, match="does not go on: status 0x5b"):
        run_sync(resume(), lambda _: answers.pop(0), lambda *_: None)
    for steps, status in ((suspend(), RUNNING & ~Status.DRIVER_OK), (resume(), RUNNING)):
        with pytest.raises(InitError, match="the device cannot"):
            run_sync(steps, lambda _: int(status), lambda *_: written.append(0))  # noqa: B023
    assert len(written) == 2
