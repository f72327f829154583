# SPDX-License-Identifier: Apache-2.0
"""How a device's configuration space is described: one table for each type of device.

The table stands beside the device's golden function (`pymodel/<type>_function.py`);
`ci/generate.py` makes `rtl/device/<type>/vq_<type>_config.vh` and a part of `docs/registers.md`
from it, drivers read and write their fields by its rows.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .registers import CONFIG_BASE, CONFIG_END, Access

CONFIG_BYTES = CONFIG_END - CONFIG_BASE
OWN_BASE = 0x700  # from here on a function's own 32-bit registers; drivers see them at 0xf00
OWN_BYTES = 0x100
OWN_SHIFT = 0xF00 - (CONFIG_BASE + OWN_BASE)  # from the usual place to where drivers see them


class ConfigField(NamedTuple):
    """One field of a configuration space, little-endian (CFG-XDEV-01).

    Attributes:
        offset: first byte, from the start of the configuration space; from `OWN_BASE` on it is
            a register of the function's own, which no driver needs.
        name: as the specification spells it, or of the function's own.
        size: bytes: 1, 2, 4 or 8; any other number is that many fields of one byte.
        access: what drivers may do.
        meaning: with its unit.
        clause: clause id or section; "engine" for what the specification does not have.
        feature: the field exists when one of these device-type feature bits (a mask) is
            negotiated or, before that, offered (CFG-DRV-03); 0 for always.
    """

    offset: int
    name: str
    size: int
    access: Access
    meaning: str
    clause: str
    feature: int = 0

    @property
    def width(self) -> int:
        """Bytes of each access to it: its size, words for 64 bits (MMIO-DRV-05)."""
        if self.size in (1, 2, 4):
            return self.size
        return 4 if self.size == 8 else 1

    @property
    def end(self) -> int:
        """The byte behind it."""
        return self.offset + self.size

    @property
    def own(self) -> bool:
        """Whether it is one of the function's own registers."""
        return self.offset >= OWN_BASE

    def exists(self, features: int) -> bool:
        """Whether it exists with these feature bits."""
        return self.feature == 0 or bool(self.feature & features)

    def read(self, space: bytes) -> int:
        """Its value in a configuration space; bytes behind the end of `space` read as 0."""
        return int.from_bytes(space[self.offset : self.end], "little")

    def write(self, space: bytearray, value: int) -> None:
        """Put a value in a configuration space.

        Raises:
            ValueError: it does not fit the field, or the field lies behind the end of `space`.
        """
        if not 0 <= value < 1 << 8 * self.size:
            raise ValueError(f"{value:#x} does not fit {self.name}, {self.size} bytes")
        if self.end > len(space):
            raise ValueError(f"{self.name} ends at {self.end:#x}, the space at {len(space):#x}")
        space[self.offset : self.end] = value.to_bytes(self.size, "little")


@dataclass(frozen=True)
class ConfigSpace:
    """The configuration space and the feature bits of a type of device.

    Attributes:
        name: short, as in the names of files: "net".
        title: for people: "Network device".
        fields: in order of their offsets.
        features: the device-type feature bits, None where there are none.
    """

    name: str
    title: str
    fields: tuple[ConfigField, ...]
    features: type[enum.IntFlag] | None = None

    def __post_init__(self) -> None:
        check(self.fields)


def check(fields: Sequence[ConfigField]) -> None:
    """Check a table.

    Raises:
        ValueError: fields overlap, are out of order, not aligned, or have the same name.
    """
    end = 0
    for field in fields:
        if field.offset < end:
            raise ValueError(f"{field.name} at {field.offset:#x} is not behind what comes before")
        if field.offset % field.width:
            raise ValueError(f"{field.name} at {field.offset:#x} is not aligned to {field.width}")
        if field.own and (field.size != 4 or field.end > OWN_BASE + OWN_BYTES):
            raise ValueError(f"{field.name}: a function's own registers are words below 0x800")
        if not field.own and field.end > OWN_BASE:
            raise ValueError(f"{field.name} reaches into the function's own registers")
        end = field.end
    if len({field.name for field in fields}) != len(fields):
        raise ValueError("two fields have the same name")


def find(fields: Iterable[ConfigField], name: str) -> ConfigField:
    """Return the field of that name.

    Raises:
        KeyError: there is none.
    """
    for field in fields:
        if field.name == name:
            return field
    raise KeyError(name)


def pack(fields: Sequence[ConfigField], values: Mapping[str, int]) -> bytes:
    """Return the configuration space (not the own registers) with some fields' values, else 0.

    Raises:
        KeyError: there is no field of a name.
        ValueError: a value does not fit.
    """
    space = bytearray(max((field.end for field in fields if not field.own), default=0))
    for name, value in values.items():
        find(fields, name).write(space, value)
    return bytes(space)
