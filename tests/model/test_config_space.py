# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import enum

import pytest

from ci.generate import config_header, config_section
from pymodel import Access
from pymodel.config_space import ConfigField, ConfigSpace, check, find, pack


class Bit(enum.IntFlag):
    SIZE = 1 << 1
    WIDE = 1 << 35


FIELDS = (
    ConfigField(0x00, "name", 6, Access.R, "name, ASCII", "2.5"),
    ConfigField(0x06, "state", 2, Access.RW, "state", "2.5", Bit.SIZE),
    ConfigField(0x08, "capacity", 8, Access.R, "bytes", "2.5", Bit.SIZE | Bit.WIDE),
    ConfigField(0x10, "mode", 1, Access.RW, "mode", "2.5"),
    ConfigField(0x700, "frames", 4, Access.R, "frames since reset", "engine"),
)
SPACE = ConfigSpace("toy", "Toy device", FIELDS, Bit)


@pytest.mark.clause("CFG-XDEV-01")
def test_fields_are_little_endian() -> None:
    space = bytearray(0x11)
    find(FIELDS, "capacity").write(space, 0x0102030405060708)
    find(FIELDS, "state").write(space, 0x1122)
    assert space == bytes(6) + b"\x22\x11" + bytes((8, 7, 6, 5, 4, 3, 2, 1)) + b"\0"
    assert find(FIELDS, "capacity").read(space) == 0x0102030405060708
    assert pack(FIELDS, {"capacity": 0x0102030405060708, "state": 0x1122}) == space


@pytest.mark.clause("MMIO-DRV-05")
def test_the_width_of_an_access_is_that_of_the_field() -> None:
    assert [field.width for field in FIELDS] == [1, 2, 4, 1, 4]


def test_a_field_exists_with_one_of_its_features() -> None:
    state, capacity = find(FIELDS, "state"), find(FIELDS, "capacity")
    assert FIELDS[0].exists(0) and not state.exists(Bit.WIDE) and state.exists(Bit.SIZE)
    assert capacity.exists(Bit.WIDE) and capacity.exists(Bit.SIZE) and not capacity.exists(1)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="fit"):
        pack(FIELDS, {"mode": 256})
    with pytest.raises(ValueError, match="ends at"):
        find(FIELDS, "mode").write(bytearray(4), 1)
    with pytest.raises(KeyError):
        pack(FIELDS, {"speed": 1})
    assert find(FIELDS, "capacity").read(b"") == 0


@pytest.mark.parametrize(
    ("field", "why"),
    [
        (FIELDS[1]._replace(offset=4), "behind"),
        (FIELDS[3]._replace(offset=0x11, size=4), "aligned"),
        (FIELDS[3]._replace(offset=0x6FE, size=4, name="x"), "aligned"),
        (FIELDS[3]._replace(offset=0x6FC, size=8, name="x"), "own registers"),
        (FIELDS[3]._replace(offset=0x704), "words"),
        (FIELDS[3]._replace(name="name"), "same name"),
    ],
)
def test_a_wrong_table_is_refused(field: ConfigField, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check((FIELDS[0], field))


def test_the_header_and_the_page_say_what_the_table_does() -> None:
    header = config_header(SPACE)
    assert "localparam [10:0] TOY_CFG_CAPACITY = 11'h008;" in header
    assert "localparam [5:0] TOY_F_WIDE       = 6'd35;" in header
    page = "\n".join(config_section(SPACE))
    assert "## Configuration space: toy device" in page
    assert "| 0x108 | capacity | 8 | R | SIZE or WIDE | bytes | 2.5 |" in page
    assert "| 0xf00 | frames | 4 | R |  | frames since reset | engine |" in page
