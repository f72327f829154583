# SPDX-License-Identifier: Apache-2.0
"""The part of a driver's view of a device that needs no queue: features and configuration."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from .config_space import ConfigField
from .features import Feature, Status
from .queue_request import DeviceError
from .registers import CONFIG_BASE, Access, Reg
from .steps import RegisterOp, Steps, T, at
from .transport import POLL_LIMIT, accept, give_up, read_offer, reset


class NegotiatedDevice:
    """What a device offers, and what was agreed with it.

    Attributes:
        device_id: virtio device type.
        vendor_id: vendor.
        base: byte address of its registers.
        offer: feature bits that the device offers.
        features: what was negotiated.
    """

    def __init__(self, device_id: int, vendor_id: int, base: int = 0) -> None:
        self.device_id, self.vendor_id, self.base = device_id, vendor_id, base
        self.offer = 0
        self.features = Feature(0)

    @property
    def event_idx(self) -> bool:
        """Whether EVENT_IDX was negotiated."""
        return self.has(Feature.EVENT_IDX)

    @property
    def indirect(self) -> bool:
        """Whether INDIRECT_DESC was negotiated."""
        return self.has(Feature.INDIRECT_DESC)

    @property
    def packed(self) -> bool:
        """Whether RING_PACKED was negotiated."""
        return self.has(Feature.RING_PACKED)

    @property
    def in_order(self) -> bool:
        """Whether IN_ORDER was negotiated."""
        return self.has(Feature.IN_ORDER)

    @property
    def notification_data(self) -> bool:
        """Whether NOTIFICATION_DATA was negotiated."""
        return self.has(Feature.NOTIFICATION_DATA)

    def has(self, feature: int) -> bool:
        """Whether feature bits (a mask) were all negotiated."""
        return int(self.features) & feature == feature

    # ---- negotiation

    def begin(self) -> Steps[None]:
        """Reset the device, say that it was noticed and can be driven (INIT-DRV-01).

        Raises:
            InitError: its reset does not end.
        """
        yield from self._at(reset())
        yield from self._write(Reg.STATUS, Status.ACKNOWLEDGE)
        yield from self._write(Reg.STATUS, Status.ACKNOWLEDGE | Status.DRIVER)
        self.offer = yield from self._at(read_offer())

    def negotiate(self, wanted: int) -> Steps[None]:
        """Accept what is wanted and offered, and VERSION_1 (RSVF-DRV-01).

        Raises:
            InitError: VERSION_1 is not offered, or the device refused; FAILED is set.
        """
        if not self.offer & Feature.VERSION_1:  # RSVF-DRV-02, FEAT-DRV-07
            yield from self._at(give_up("the device does not offer VERSION_1"))
        # FEAT-DRV-01, FEAT-DRV-04, FEAT-DRV-05
        accepted = self.offer & (wanted | Feature.VERSION_1)
        yield from self._at(accept(accepted))
        self.features = Feature(accepted)

    def read_status(self) -> Steps[Status]:
        """Return the device status field."""
        return Status((yield from self._read(Reg.STATUS)))

    # ---- configuration

    def read_config(self, field: ConfigField) -> Steps[int]:
        """Return a field of the configuration space; see `read_configs`."""
        return (yield from self.read_configs([field]))[0]

    def read_configs(self, fields: Sequence[ConfigField]) -> Steps[list[int]]:
        """Return fields that belong together: all from one generation (CFG-DRV-01, CFG-DRV-02).

        Raises:
            ValueError: a field does not exist: its feature is not offered (CFG-DRV-03).
            DeviceError: the generation changes without end.
        """
        for field in fields:
            self._check_field(field)
        for _ in range(POLL_LIMIT):
            before = yield from self._read(Reg.CONFIG_GENERATION)
            values = []
            for field in fields:
                values.append((yield from self._read_field(field)))
            if (yield from self._read(Reg.CONFIG_GENERATION)) == before:
                return values
        raise DeviceError(errno.EIO, "the configuration changes without end")

    def write_config(self, field: ConfigField, value: int) -> Steps[None]:
        """Write a field of the configuration space.

        Raises:
            ValueError: the field does not exist, or cannot be written (MMIO-DRV-02); the value
                does not fit; or features are not negotiated yet (INIT-DRV-03).
        """
        self._check_field(field)
        if field.access is Access.R or not 0 <= value < 1 << 8 * field.size:
            raise ValueError(f"{field.name} cannot be {value:#x}")
        if not self.features:
            raise ValueError(f"{field.name} cannot be written during negotiation")
        for offset in range(0, field.size, field.width):
            part = value >> 8 * offset & ((1 << 8 * field.width) - 1)
            place = CONFIG_BASE + field.offset + offset
            yield from self._write(place, part, field.width)

    def _check_field(self, field: ConfigField) -> None:
        if field.own or not field.exists(self.offer):
            raise ValueError(f"this device has no {field.name}")

    def _read_field(self, field: ConfigField) -> Steps[int]:
        value = 0
        for offset in range(0, field.size, field.width):  # MMIO-DRV-05
            place = CONFIG_BASE + field.offset + offset
            value |= (yield from self._read(place, field.width)) << 8 * offset
        return value

    # ---- small helpers

    def _at(self, sequence: Steps[T]) -> Steps[T]:
        return at(self.base, sequence)

    def _read(self, offset: int, size: int = 4) -> Steps[int]:
        op: RegisterOp = ("r", self.base + offset, size)
        return (yield op)

    def _write(self, offset: int, value: int, size: int = 4) -> Steps[None]:
        yield ("w", self.base + offset, int(value), size)
