# SPDX-License-Identifier: Apache-2.0
"""Model devices on one bus, without a simulator."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from .bus import SLOT_BYTES
from .device import ModelDevice
from .queue_request import DeviceError
from .registers import MAGIC, VERSION, Reg
from .steps import Steps, T, run_sync

PLACEHOLDER: dict[int, int] = {
    Reg.MAGIC_VALUE: MAGIC,
    Reg.VERSION: VERSION,
}  # all other registers are 0


class Machine:
    """Runs sequences of register accesses on model devices, which work while a sequence waits.

    Args:
        devices: one for each slot, the first at address 0; None is a placeholder, whose DeviceID
            is 0.
    """

    def __init__(self, devices: Iterable[ModelDevice | None]) -> None:
        self.devices = list(devices)

    @property
    def slots(self) -> list[int]:
        """The byte address of each slot."""
        return [SLOT_BYTES * number for number in range(len(self.devices))]

    def read32(self, address: int) -> int:
        """Return a register; behind the last slot everything is 0."""
        device, offset = self._find(address)
        if device is None:
            inside = 0 <= address < SLOT_BYTES * len(self.devices)
            return PLACEHOLDER.get(offset, 0) if inside else 0
        return device.read32(offset)

    def write32(self, address: int, value: int, strobe: int = 0xF) -> None:
        """Write a register; where there is no device nothing happens."""
        device, offset = self._find(address)
        if device is not None:
            device.write32(offset, value, strobe)

    def work(self) -> None:
        """Let every device do all it has to do."""
        for device in self.devices:
            if device is not None:
                device.run()

    def wait(self, address: int) -> None:
        """Let the devices work; the one at `address` must interrupt.

        Raises:
            DeviceError: ETIMEDOUT, it does not.
        """
        device, _ = self._find(address)
        self.work()
        if device is None or not device.interrupt_line:
            raise DeviceError(
                errno.ETIMEDOUT, f"the device at {address:#x} is idle and does not interrupt"
            )

    def run(self, sequence: Steps[T]) -> T:
        """Run a sequence of register accesses."""
        return run_sync(sequence, self.read32, self.write32, self.wait)

    def _find(self, address: int) -> tuple[ModelDevice | None, int]:
        number, offset = divmod(address, SLOT_BYTES)
        if not 0 <= number < len(self.devices):
            return None, offset
        return self.devices[number], offset
