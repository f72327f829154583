# SPDX-License-Identifier: Apache-2.0
"""What every driver is: a device type, the features that it can use, and its probe."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

from .queue_request import Returned
from .steps import Steps
from .virtio_device import VirtioDevice


class Driver(abc.ABC):
    """A driver of one device. A `Bus` makes one for each device that it can drive.

    Attributes:
        device_id: the virtio device type that it drives.
        device: the device, from the probe on.
    """

    device_id: ClassVar[int]
    device: VirtioDevice

    def choose(self, offer: int) -> int:
        """Return the device-type feature bits to accept, out of an offer (FEAT-DRV-02, -03).

        What is chosen and not offered is left out; rings' features are the bus's to choose.
        """
        return 0

    @abc.abstractmethod
    def probe(self, device: VirtioDevice) -> Steps[None]:
        """Take a device over: read its configuration, find its queues, begin to work.

        Features are negotiated. The bus sets DRIVER_OK afterwards, unless the driver has called
        `device.ready()` because it needs its queues here. Any exception fails the probe.
        """

    def config_changed(self) -> Steps[None]:
        """React to a change of the configuration."""
        yield from ()

    def removed(self, returned: list[Returned]) -> list[Any]:
        """Take back what its queues held, after the device has let go of it.

        Returns:
            What the driver's user is to get back: requests and frames that were not served, in
            the order in which they were handed in.
        """
        return []
