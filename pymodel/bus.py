# SPDX-License-Identifier: Apache-2.0
"""The transport: finds devices in their slots, matches drivers, hands devices to their probes.

A device whose type no driver is for is left alone: that it was noticed (ACKNOWLEDGE) is said by
the sequence of 3.1.1, which begins with a reset, is a driver's, and must be gone through whole
(INIT-DRV-01). Nothing is written before there is one, so that a device which other software
works with is not disturbed; a later scan with more drivers finds it as it was.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Callable

from .allocator import Allocator
from .driver import Driver
from .features import Feature
from .memory import Memory
from .queue_request import MakeQueue, make_queue
from .steps import Steps, at
from .transport import NoDevice, WrongBlock, identify, set_failed
from .virtio_device import VirtioDevice

SLOT_BYTES = 0x1000
RING_FEATURES = Feature.INDIRECT_DESC | Feature.EVENT_IDX | Feature.RING_RESET


class SlotState(enum.Enum):
    """What became of a slot."""

    SKIPPED = "skipped"  # no register block that is known; `why` says more
    EMPTY = "empty"  # a register block without a device
    UNKNOWN = "no driver"  # a device for which there is no driver: left alone
    BOUND = "bound"
    FAILED = "failed"  # its probe failed: FAILED is set, its queues are stopped
    REMOVED = "removed"  # reset, and free for another scan


@dataclass
class Slot:
    """A place on the bus.

    Attributes:
        base: byte address of its registers.
        state: what became of it.
        why: in words, why it is not bound, "" where there is nothing to say.
        error: what failed its probe or removal.
        device: the device, where a driver was tried.
        driver: its driver, where it is bound.
    """

    base: int
    state: SlotState = SlotState.EMPTY
    why: str = ""
    error: Exception | None = None
    device: VirtioDevice | None = None
    driver: Driver | None = None

    @property
    def bound(self) -> bool:
        """Whether a driver has its device."""
        return self.state is SlotState.BOUND

    def __str__(self) -> str:
        device = "" if self.device is None else f" device {self.device.device_id}"
        why = f": {self.why}" if self.why else ""
        return f"{self.base:#x}{device} {self.state.value}{why}"


class Bus:
    """Devices behind registers, and the guest memory that they master.

    Args:
        memory: guest memory.
        allocator: where rings, tables and drivers' buffers come from.
        slots: byte addresses of register blocks.
        features: features of rings to accept where they are offered.
        make_queue: builds the driver's side of each queue.
    """

    def __init__(
        self,
        memory: Memory,
        allocator: Allocator,
        slots: Iterable[int] = (0,),
        *,
        features: Feature = RING_FEATURES,
        make_queue: MakeQueue = make_queue,
    ) -> None:
        self.memory = memory
        self.allocator = allocator
        self.slots = [Slot(base) for base in slots]
        self.features = features
        self.make_queue = make_queue

    def scan(self, drivers: Mapping[int, Callable[[], Driver]]) -> Steps[list[Slot]]:
        """Look at every slot that is not bound, and probe what can be driven.

        Args:
            drivers: by device type, what makes a driver; `DRIVERS` has all there are.

        Returns:
            The slots that a driver was bound to.
        """
        bound: list[Slot] = []
        for slot in self.slots:
            if not slot.bound:
                yield from self._look(slot, drivers)
                if slot.bound:
                    bound.append(slot)
        return bound

    def _look(self, slot: Slot, drivers: Mapping[int, Callable[[], Driver]]) -> Steps[None]:
        slot.why, slot.error, slot.device, slot.driver = "", None, None, None
        try:
            identity = yield from at(slot.base, identify())
        except WrongBlock as error:  # MMIO-DRV-06 to 09
            slot.state, slot.why = SlotState.SKIPPED, str(error)
            return
        except NoDevice:  # MMIO-DRV-11
            slot.state = SlotState.EMPTY
            return
        slot.device = VirtioDevice(*identity, slot.base)
        make = drivers.get(identity.device_id)
        if make is None:
            slot.state, slot.why = SlotState.UNKNOWN, f"no driver for type {identity.device_id}"
            return
        yield from self._probe(slot, slot.device, make())

    def _probe(self, slot: Slot, device: VirtioDevice, driver: Driver) -> Steps[None]:
        device.memory, device.allocator = self.memory, self.allocator
        device.make_queue, device.on_config = self.make_queue, driver.config_changed
        driver.device = device
        begun = False
        try:
            yield from device.begin()
            yield from device.negotiate(driver.choose(device.offer) | self.features)
            begun = True
            yield from driver.probe(device)
            yield from device.ready()
        except Exception as error:  # whatever it is: the other slots go on
            slot.state, slot.error, slot.why = SlotState.FAILED, error, f"the probe failed: {error}"
            try:
                returned = yield from device.fail()
                if begun:
                    driver.removed(returned)
            except Exception as second:  # its memory stays the device's
                slot.why += f"; and {second}"
                yield from at(slot.base, set_failed())
            return
        slot.state, slot.driver = SlotState.BOUND, driver

    def remove(self, slot: Slot) -> Steps[list[Any]]:
        """Take a device from its driver, and every buffer from the device.

        Returns:
            What the driver's user gets back, see `Driver.removed`.

        Raises:
            ValueError: no driver is bound to the slot.
            InitError: the device does not let go: nothing was taken back. It can be tried again.
        """
        if slot.driver is None or slot.device is None:
            raise ValueError(f"slot {slot} has no driver")
        returned = yield from slot.device.release()
        left = slot.driver.removed(returned)
        slot.state, slot.why, slot.driver = SlotState.REMOVED, "", None
        return left

    def serve(self) -> Steps[None]:
        """Serve the interrupts of every bound device, as one that they share asks for."""
        for slot in self.slots:
            if slot.bound and slot.device is not None:
                yield from slot.device.serve()
