# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from pathlib import Path

import pytest

from pymodel import CONFIG_REGISTERS, REGISTERS, Access, Fault, Feature, Reg

CONTRACT = Path(__file__).parents[2] / "docs" / "architecture.md"


def rows(pattern: str) -> list[tuple[str, ...]]:
    return [match.groups() for match in re.finditer(pattern, CONTRACT.read_text(), re.MULTILINE)]


def test_the_fault_codes_are_those_of_the_contract() -> None:
    table = {name: int(code) for code, name in rows(r"^\| (\d+) \| ([A-Z_]+) \|")}
    assert table == {fault.name: int(fault) for fault in Fault}
    assert sorted(Fault) == list(range(1, 32))


def test_the_engine_registers_are_those_of_the_contract() -> None:
    table = {(int(o, 16), n, a) for o, n, a in rows(r"^\| (0x8\w\w) \| (\w+) \| (\w+) \|")}
    ours = {(r.offset, r.name, r.access.value) for r in REGISTERS if r.offset >= 0x800}
    assert table == ours


def test_offsets_are_distinct_words_in_order_with_the_names_of_reg() -> None:
    for table in (REGISTERS, CONFIG_REGISTERS):
        offsets = [register.offset for register in table]
        assert offsets == sorted(set(offsets))
        assert all(offset % 4 == 0 for offset in offsets)
    assert {register.offset for register in REGISTERS} == {int(reg) for reg in Reg}
    for register in REGISTERS:
        spelled = register.name.replace("ID", "Id").replace("ACK", "Ack").replace("SHM", "Shm")
        words = re.findall("[A-Z][a-z]*", spelled)
        assert Reg(register.offset).name == "_".join(words).upper()


def test_fields_do_not_overlap_and_a_readable_register_says_its_reset() -> None:
    for register in REGISTERS:
        bits = [bit for f in register.fields for bit in range(f.low, f.high + 1)]
        assert len(bits) == len(set(bits)) and all(bit < 32 for bit in bits)
        if register.access is Access.W:
            assert register.reset == 0


@pytest.mark.clause("STAT-XDEV-01", "MMIO-XDEV-06")
def test_the_status_and_interrupt_fields_name_their_bits() -> None:
    fields = {r.name: {f.name: f.low for f in r.fields} for r in REGISTERS}
    assert fields["Status"] == {
        "ACKNOWLEDGE": 0,
        "DRIVER": 1,
        "DRIVER_OK": 2,
        "FEATURES_OK": 3,
        "SUSPEND": 4,
        "NEEDS_RESET": 6,
        "FAILED": 7,
    }
    assert fields["InterruptStatus"] == {"USED_BUFFER": 0, "CONFIG_CHANGE": 1}


@pytest.mark.clause("RSVF-XDEV-01")
def test_the_features_have_the_bits_of_the_specification() -> None:
    assert {feature.name: feature.bit_length() - 1 for feature in Feature} == {
        "INDIRECT_DESC": 28,
        "EVENT_IDX": 29,
        "VERSION_1": 32,
        "ACCESS_PLATFORM": 33,
        "RING_PACKED": 34,
        "IN_ORDER": 35,
        "ORDER_PLATFORM": 36,
        "SR_IOV": 37,
        "NOTIFICATION_DATA": 38,
        "NOTIF_CONFIG_DATA": 39,
        "RING_RESET": 40,
        "ADMIN_VQ": 41,
        "SUSPEND": 43,
    }
