# SPDX-License-Identifier: Apache-2.0
"""Valid/ready channels for benches: a source that drives one, a sink that takes and records.

Both act once per clock, vary their pace by the seeded `random`, and take X for neither valid nor
ready. The sink also holds the channel to the handshake rule: once valid, a word stays until taken.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge
from cocotb.utils import get_sim_time

CLOCK_NS = 4

Fields = Mapping[str, Any]


class Word(NamedTuple):
    """A word that a sink took.

    Attributes:
        shown: clock number in which it was first valid.
        taken: clock number of its handshake.
        value: its fields.
    """

    shown: int
    taken: int
    value: dict[str, int]


def now() -> int:
    """Return the number of the running clock period."""
    return int(get_sim_time("ns")) // CLOCK_NS


async def start_clock(dut: Any, inputs: Mapping[str, int]) -> None:
    """Start the clock, hold reset for 4 clocks with every input at a safe value."""
    for name, value in inputs.items():
        getattr(dut, name).value = value
    dut.rst.value = 1
    Clock(dut.clk, CLOCK_NS, unit="ns").start()
    for _ in range(4):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)


class Source:
    """Drive one channel.

    Args:
        clk: the clock.
        valid: driven.
        ready: watched; None for a channel that is always taken.
        fields: driven with each word's values.
        percent: chance per clock that a waiting word is offered.
    """

    def __init__(
        self, clk: Any, valid: Any, ready: Any, fields: Fields, *, percent: int = 100
    ) -> None:
        self.percent = percent
        self.taken: list[int] = []  # clock number of each handshake
        self._clk, self._valid, self._ready, self._fields = clk, valid, ready, fields
        self._words: deque[Mapping[str, int]] = deque()
        valid.value = 0
        cocotb.start_soon(self._run())

    def send(self, word: Mapping[str, int]) -> None:
        """Offer a word after those that wait."""
        self._words.append(word)

    @property
    def waiting(self) -> int:
        """Words not yet taken."""
        return len(self._words)

    async def _run(self) -> None:
        while True:
            if self._words and random.randrange(100) < self.percent:
                for name, value in self._words[0].items():
                    self._fields[name].value = value
                self._valid.value = 1
                taken = False
                while not taken:
                    await ReadOnly()
                    taken = self._ready is None or self._ready.value == 1
                    at = now()
                    await RisingEdge(self._clk)
                self.taken.append(at)
                self._words.popleft()
                self._valid.value = 0
            else:
                await RisingEdge(self._clk)


class Sink:
    """Take and record one channel.

    Args:
        clk: the clock.
        valid: watched.
        ready: driven; None for a channel that is always taken.
        fields: recorded.
        percent: chance per clock of being ready.
        grows: a field that may grow while its word is not taken, and for which the word may be
            withdrawn for a while; its other fields stay.
        lanes: the names of a field of bytes and of the field that says which of them there are;
            what is in the others, X too, counts as 0.
    """

    def __init__(
        self,
        clk: Any,
        valid: Any,
        ready: Any,
        fields: Fields,
        *,
        percent: int = 100,
        grows: str | None = None,
        lanes: tuple[str, str] | None = None,
    ) -> None:
        self.percent = percent
        self._grows = grows
        self._lanes = lanes
        self.words: list[Word] = []
        self._clk, self._valid, self._ready, self._fields = clk, valid, ready, fields
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        shown: int | None = None
        held: dict[str, int] = {}
        while True:
            ready = random.randrange(100) < self.percent
            if self._ready is not None:
                self._ready.value = ready
            await ReadOnly()
            if self._valid.value == 1:
                value = self._value()
                if shown is None:
                    shown, held = now(), value
                if self._grows is not None and value[self._grows] > held[self._grows]:
                    held[self._grows] = value[self._grows]
                assert value == held, f"{self._valid._path}: the word changed before it was taken"
                if ready or self._ready is None:
                    self.words.append(Word(shown, now(), value))
                    shown = None
            elif self._grows is None:
                assert shown is None, f"{self._valid._path}: fell before its word was taken"
            await RisingEdge(self._clk)

    def _value(self) -> dict[str, int]:
        if self._lanes is None:
            return {name: int(handle.value) for name, handle in self._fields.items()}
        data, keep = self._lanes
        value = {name: int(handle.value) for name, handle in self._fields.items() if name != data}
        bits = str(self._fields[data].value)
        value[data] = 0
        for lane in range(len(bits) // 8):
            if value[keep] >> lane & 1:
                end = len(bits) - 8 * lane
                value[data] |= int(bits[end - 8 : end], 2) << 8 * lane
        return value
