# SPDX-License-Identifier: Apache-2.0
"""The model device's status field and interrupt causes."""

from __future__ import annotations

from .features import Interrupt, Status

_DRIVER_BITS = Status.ACKNOWLEDGE | Status.DRIVER | Status.DRIVER_OK | Status.FAILED


class DeviceStatus:
    """Status, and what the interrupt line tells.

    Attributes:
        bits: the status field.
        interrupt: InterruptStatus.
    """

    def __init__(self) -> None:
        self.bits = Status(0)
        self.interrupt = 0
        self._late = Interrupt(0)  # to be told on resume

    def has(self, bit: Status) -> bool:
        """Whether a bit is set."""
        return bool(self.bits & bit)

    def write(self, value: int, acceptable: bool, suspendable: bool) -> None:
        """Do what a write of `value`, which is not 0, asks for.

        Nothing is in progress between two calls of `ModelDevice.run`, so a suspension is at once
        (SUSP-DEV-06 to 08).

        Args:
            value: what is written.
            acceptable: the driver's features may be taken (FEAT-DEV-03).
            suspendable: SUSPEND was negotiated.
        """
        gained = Status(value) & _DRIVER_BITS
        if self.has(Status.SUSPEND):
            self.bits |= gained & ~Status.DRIVER_OK
            if gained & Status.DRIVER_OK:
                self.bits = self.bits & ~Status.SUSPEND | Status.DRIVER_OK
                self.interrupt |= self._late  # SUSP-DEV-05
                self._late = Interrupt(0)
        elif value & Status.SUSPEND and suspendable and self.has(Status.DRIVER_OK):  # SUSP-DEV-01
            self.bits = (self.bits | gained) & ~Status.DRIVER_OK | Status.SUSPEND
        else:
            self.bits |= gained | (Status(value) & Status.FEATURES_OK if acceptable else Status(0))

    def used_buffer(self) -> None:
        """Raise a used-buffer notification."""
        self.interrupt |= Interrupt.USED_BUFFER

    def needs_reset(self) -> None:
        """Show that a fault was met (STAT-DEV-02, STAT-DEV-03)."""
        self.bits |= Status.NEEDS_RESET
        self.config_changed()

    def config_changed(self) -> None:
        """Raise a configuration-change notification, after DRIVER_OK; on resume if suspended."""
        if self.has(Status.DRIVER_OK):
            self.interrupt |= Interrupt.CONFIG_CHANGE
        elif self.has(Status.SUSPEND):  # SUSP-DEV-04
            self._late |= Interrupt.CONFIG_CHANGE
