# SPDX-License-Identifier: Apache-2.0
"""Every driver that there is, by the type of device that it is for."""

from __future__ import annotations

from typing import Callable

from .blk_driver import VirtioBlk
from .driver import Driver
from .net_driver import VirtioNet
from .rng_driver import VirtioRng

DRIVERS: dict[int, Callable[[], Driver]] = {
    driver.device_id: driver for driver in (VirtioNet, VirtioBlk, VirtioRng)
}
