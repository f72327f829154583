# SPDX-License-Identifier: Apache-2.0
"""What the benches of small modules share: inputs, channels by name, and waiting.

A module's ports are read from its source, so `unit.source("s_req")` drives all of `s_req_*`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from ci.pages import header
from tb.benches.channels import Sink, Source, now, start_clock


def test(us: int = 400, **options: Any) -> Any:
    """A cocotb test with a deadline, in simulated microseconds (250 clocks each)."""
    return cocotb.test(timeout_time=us, timeout_unit="us", **options)


class Lane:
    """One requester's part of a vector port, to be used as a port.

    Args:
        vector: the port.
        index: which lane.
        width: of a lane, bits.
        drive: the value that all lanes of the port were last given, shared by them.
    """

    def __init__(self, vector: Any, index: int, width: int, drive: list[int]) -> None:
        self._vector, self._shift = vector, index * width
        self._mask = (1 << width) - 1
        self._drive = drive
        self._path = f"{vector._path} lane {index}"

    @property
    def value(self) -> int | None:
        """The lane's value; None while any bit of the port is X."""
        value = self._vector.value
        return int(value) >> self._shift & self._mask if value.is_resolvable else None

    @value.setter
    def value(self, value: int) -> None:
        self._drive[0] &= ~(self._mask << self._shift)
        self._drive[0] |= (int(value) & self._mask) << self._shift
        self._vector.value = self._drive[0]


class Loose:
    """A port of which some lanes mean nothing: bits that are X read as 0."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    @property
    def value(self) -> int:
        """The value, as a number."""
        value = self._handle.value
        text = str(value)
        return int(value) if value.is_resolvable else int(re.sub("[^01]", "0", text), 2)


class Unit:
    """A module under test with its clock."""

    def __init__(self, dut: Any, **levels: int) -> None:
        """Args: the module; values of inputs that are not to start at 0."""
        self.dut = dut
        self.ports = header(os.environ["COCOTB_TOPLEVEL"])[1]
        self._levels = levels
        self._drives: dict[str, list[int]] = {}

    async def start(self) -> Unit:
        """Set every input, and hold reset for 4 clocks."""
        inputs = [p.name for p in self.ports if p.direction == "input"]
        values = {name: 0 for name in inputs if name not in ("clk", "rst")} | self._levels
        await start_clock(self.dut, values)
        return self

    async def start_at(self, words: Sequence[int]) -> None:
        """Set up where each queue starts: used and available index, as field 7 of its set-up."""
        for queue, word in enumerate(words):
            self.set(s_setup_queue=queue, s_setup_field=7, s_setup_data=word, s_setup_valid=1)
            await self.clocks()
        self.set(s_setup_valid=0)

    def parameter(self, name: str) -> int:
        """Return the value of a parameter."""
        return int(getattr(self.dut, name).value)

    def set(self, **levels: int) -> None:
        """Drive inputs from now on."""
        for name, value in levels.items():
            getattr(self.dut, name).value = value

    def _channel(
        self, prefix: str, lane: int, lanes: int, alone: Sequence[str] = ()
    ) -> tuple[Any, Any, dict[str, Any]]:
        ports = {
            p.name[len(prefix) + 1 :]: getattr(self.dut, p.name)
            for p in self.ports
            if p.name.startswith(prefix + "_") and p.name not in alone
        }
        if lanes:
            for name, handle in ports.items():
                drive = self._drives.setdefault(f"{prefix}_{name}", [0])
                ports[name] = Lane(handle, lane, len(handle) // lanes, drive)
        valid = [name for name in ports if name.endswith("valid")]
        assert len(valid) == 1, f"{prefix}: {valid}"
        stem = valid[0][: -len("valid")]
        ready = ports.pop(f"{stem}ready", None)
        return ports.pop(valid[0]), ready, ports

    def source(
        self,
        prefix: str,
        percent: int = 100,
        lane: int = 0,
        lanes: int = 0,
        without: Sequence[str] = (),
    ) -> Source:
        """Drive the input channel `<prefix>_*`, or one lane of it."""
        valid, ready, fields = self._channel(prefix, lane, lanes, without)
        return Source(self.dut.clk, valid, ready, fields, percent=percent)

    def sink(
        self,
        prefix: str,
        percent: int = 100,
        lane: int = 0,
        lanes: int = 0,
        loose: Sequence[str] = (),
        without: Sequence[str] = (),
        grows: str | None = None,
    ) -> Sink:
        """Take from the output channel `<prefix>_*`, or one lane of it.

        Bits of the fields in `loose` may be X; ports `without` are no fields of the channel. What
        `grows` says is in `Sink`.
        """
        valid, ready, fields = self._channel(prefix, lane, lanes, without)
        fields |= {name: Loose(fields[name]) for name in loose}
        return Sink(self.dut.clk, valid, ready, fields, percent=percent, grows=grows)

    def answer(self, question: str, reply: Callable[[int], dict[str, int]]) -> None:
        """Drive inputs as a function of an output, at once and whenever it changes."""
        handle = getattr(self.dut, question)

        async def follow() -> None:
            while True:
                value = handle.value
                if value.is_resolvable:
                    self.set(**reply(int(value)))
                await handle.value_change

        cocotb.start_soon(follow())

    def each_clock(self, look: Callable[[], None]) -> None:
        """Call `look` in every clock, when its signals have their values."""

        async def follow() -> None:
            while True:
                await ReadOnly()
                look()
                await RisingEdge(self.dut.clk)

        cocotb.start_soon(follow())

    async def clocks(self, count: int = 1) -> None:
        """Wait."""
        for _ in range(count):
            await RisingEdge(self.dut.clk)

    async def until(self, condition: Callable[[], bool], what: str, clocks: int = 20000) -> None:
        """Wait for a condition, looked at once per clock; fail after so many clocks."""
        end = now() + clocks
        while not condition():
            assert now() < end, f"{what}: not after {clocks} clocks"
            await RisingEdge(self.dut.clk)

    async def settled(self) -> None:
        """Wait until this clock's signals have their values."""
        await ReadOnly()


def check_rate(taken: Sequence[int], what: str, spare: int = 0) -> None:
    """Hold that words were taken in consecutive clocks, but for `spare`."""
    assert taken[-1] - taken[0] + 1 <= len(taken) + spare, (
        f"{what}: {len(taken)} words in {taken[-1] - taken[0] + 1} clocks"
    )
