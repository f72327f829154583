# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pymodel import run_async, run_sync
from pymodel.steps import RegisterOp, Steps, at


class Words:
    """Sixteen bytes behind word accesses; `waits` are the addresses waited for."""

    def __init__(self) -> None:
        self.data = bytearray(range(16))
        self.waits: list[int] = []
        self.writes: list[tuple[int, ...]] = []

    def read32(self, address: int) -> int:
        assert address % 4 == 0
        return int.from_bytes(self.data[address : address + 4], "little")

    def write32(self, address: int, value: int, strobe: int = 0xF) -> None:
        assert address % 4 == 0
        self.writes.append((address, value, strobe))
        for lane, byte in enumerate(value.to_bytes(4, "little")):
            if strobe >> lane & 1:
                self.data[address + lane] = byte

    def run(self, sequence: Steps[Any]) -> Any:
        return run_sync(sequence, self.read32, self.write32, self.waits.append)


def ops(*given: RegisterOp) -> Steps[list[int]]:
    answers = []
    for op in given:
        answers.append((yield op))
    return answers


@pytest.mark.clause("MMIO-DRV-05", "MMIO-DRV-04")
def test_smaller_accesses_take_their_lanes() -> None:
    words = Words()
    read = ops(("r", 0), ("r", 4, 4), ("r", 5, 1), ("r", 6, 2), ("r", 15, 1))
    assert words.run(read) == [0x03020100, 0x07060504, 0x05, 0x0706, 0x0F]
    words.run(ops(("w", 0, 0xDDCCBBAA), ("w", 5, 0x11, 1), ("w", 10, 0x3322, 2), ("w", 12, 9, 4)))
    assert words.data.hex() == "aabbccdd04110607080922330900" + "0000"
    assert words.writes[1:3] == [(4, 0x1100, 0b0010), (8, 0x3322_0000, 0b1100)]


@pytest.mark.parametrize(
    "op",
    [("r", 1, 2), ("r", 2), ("r", 0, 3), ("w", 2, 0, 4), ("w", 3, 0, 2), ("w", 0, 256, 1)],
)
def test_what_no_bus_can_do_is_refused(op: Any) -> None:
    with pytest.raises(ValueError):
        Words().run(ops(op))


def test_a_sequence_is_moved_to_its_place_with_its_result() -> None:
    words = Words()
    moved = at(8, ops(("r", 0), ("w", 4, 7), ("r", 5, 1), ("w", 6, 0x99, 1), ("wait", 0)))
    assert words.run(moved) == [0x0B0A0908, 0, 0, 0, 0]
    assert words.data[12:].hex() == "07009900"
    assert words.waits == [8]


def test_a_wait_needs_someone_who_tells() -> None:
    with pytest.raises(RuntimeError, match="interrupt"):
        run_sync(ops(("wait", 0)), lambda address: 0, lambda address, value: None)


def test_accesses_that_take_time_are_the_same() -> None:
    words = Words()

    async def read32(address: int) -> int:
        await asyncio.sleep(0)
        return words.read32(address)

    async def write32(*arguments: int) -> None:
        await asyncio.sleep(0)
        words.write32(*arguments)

    async def wait(address: int) -> None:
        words.waits.append(address)

    given = (("r", 6, 2), ("w", 8, 5), ("w", 13, 0xAB, 1), ("wait", 3))
    assert asyncio.run(run_async(ops(*given), read32, write32, wait)) == [0x0706, 0, 0, 0]
    assert words.data[8:].hex() == "050000000cab0e0f" and words.waits == [3]
