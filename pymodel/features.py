# SPDX-License-Identifier: Apache-2.0
"""Feature bits that are independent of the device type (section 6, RSVF-XDEV-01)."""

from __future__ import annotations

import enum


class Feature(enum.IntFlag):
    """Masks of the 64 feature bits, not bit numbers."""

    INDIRECT_DESC = 1 << 28
    EVENT_IDX = 1 << 29
    VERSION_1 = 1 << 32
    ACCESS_PLATFORM = 1 << 33
    RING_PACKED = 1 << 34
    IN_ORDER = 1 << 35
    ORDER_PLATFORM = 1 << 36
    SR_IOV = 1 << 37
    NOTIFICATION_DATA = 1 << 38
    NOTIF_CONFIG_DATA = 1 << 39
    RING_RESET = 1 << 40
    ADMIN_VQ = 1 << 41
    SUSPEND = 1 << 43


OFFER = (  # of this engine
    Feature.INDIRECT_DESC
    | Feature.EVENT_IDX
    | Feature.VERSION_1
    | Feature.RING_PACKED
    | Feature.IN_ORDER
    | Feature.NOTIFICATION_DATA
    | Feature.RING_RESET
    | Feature.SUSPEND
)
MODEL_OFFER = OFFER  # all that the model device can offer


class Status(enum.IntFlag):
    """Bits of the device status field (section 2.1, STAT-XDEV-01)."""

    ACKNOWLEDGE = 1
    DRIVER = 2
    DRIVER_OK = 4
    FEATURES_OK = 8
    SUSPEND = 16
    NEEDS_RESET = 64
    FAILED = 128


class Interrupt(enum.IntFlag):
    """Bits of InterruptStatus and InterruptACK (MMIO-XDEV-06)."""

    USED_BUFFER = 1
    CONFIG_CHANGE = 2


def feature_word(features: int, word: int) -> int:
    """Return 32 of the feature bits; there are two such words."""
    return features >> (32 * word) & 0xFFFFFFFF if word < 2 else 0
