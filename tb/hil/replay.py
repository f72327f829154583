# SPDX-License-Identifier: Apache-2.0
"""Replay a recorded session (`tb.hil.record`) without its driver: `make sim TRACE=file`.

*To the cycle*, on the design that was recorded: register accesses begin in their cycles, and what
the driver had written comes into memory just before it is read. Each publication, each interrupt
and each byte that the Verilog writes must be as recorded, in its cycle.

*By operations*, on another design, whose time is another: each used element that was recorded is
an operation. Its chains are made available alone, with all that the device had read by then, and
the next one waits until they have come back. The same driver, the same data, the same order, in
a time of their own.

The golden model follows in both. From the environment: TB_TRACE, the file; TB_REPLAY, `cycle` or
`operations`, by default what the design allows.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional, Union

import cocotb
from cocotb.triggers import First, Timer

from pymodel import Position, SplitLayout
from pymodel.disk import SECTOR
from pymodel.layout import U16, QueueLayout
from pymodel.packed_layout import DESC_BYTES
from pymodel.registers import Reg
from tb.bench import PERIOD_NS, Bench
from tb.disk import NativeDisk
from tb.hil.follow import Follower, Observer
from tb.hil.followed import BlkOutside, NetOutside, Outside
from tb.hil.record import now
from tb.hil.session_file import (
    Block,
    Event,
    Header,
    TraceError,
    read_blocks,
    read_header,
    sources_digest,
)
from tb.mac import Mac
from tb.native_memory import Settings
from tb.screen import say

SETTLE = 8  # cycles from an access until the device shows that it works
DEADLINE = 4_000_000  # cycles that an operation may take
LOOK_CYCLES, IDLE_LOOKS = 500, 40  # a device that is idle for so long will not go on
POLLED = (Reg.STATUS, Reg.QUEUE_READY, Reg.QUEUE_RESET)
POLLS = 1000  # of one of these, at most
REPORT_EVERY = 500  # blocks, or operations
DIFFERENCE = struct.Struct("<QQB")  # cycle, address, length: see `Views.take_record`


class Divergence(AssertionError):
    """The Verilog does not do what was recorded."""


class Expected(Observer):
    """Holds what the Verilog does against what was recorded.

    Attributes:
        follower: whose observer it is.
        met: publications and interrupts that were as recorded.
    """

    follower: Follower

    def __init__(self) -> None:
        self._publications: deque[Event] = deque()
        self._interrupts: deque[Event] = deque()
        self.met = 0

    def expect(self, block: Block) -> None:
        """Take what comes next."""
        self._publications.extend(event for event in block.events if event[0] == "p")
        self._interrupts.extend(event for event in block.events if event[0] == "i")

    def published(self, cycle: int, queue: int, index: int, frames: Sequence[int]) -> None:
        """See `Observer`."""
        digest = self.follower.views.digest
        self._meet(self._publications, ["p", cycle, queue, index, digest, list(frames)])

    def called(self, queue: int) -> None:
        """See `Observer`."""
        self._meet(self._interrupts, ["i", now() // PERIOD_NS, queue])

    def _meet(self, expected: deque[Event], found: Event) -> None:
        what = _text(found)
        if not expected:
            raise Divergence(f"cycle {found[1]}: {what}, where no more was recorded")
        event = expected.popleft()
        if event != found:
            if event[:4] == found[:4]:
                what += " is as recorded, and bytes written before it or their cycles are not"
                raise Divergence(f"cycle {found[1]}: {what}")
            was = f"cycle {event[1]}, {_text(event)}"
            raise Divergence(f"cycle {found[1]}: {what}; recorded: {was}")
        self.met += 1

    def end(self) -> None:
        """Say that nothing more comes."""
        for left in (*self._publications, *self._interrupts):
            raise Divergence(f"cycle {left[1]}: {_text(left)} was recorded, and does not happen")


def _text(event: Event) -> str:
    if event[0] == "i":
        return f"an interrupt of queue {event[2]}"
    return f"queue {event[2]} publishes up to {event[3]}"


class Replay:
    """What both modes need: bench, model, disk, wire.

    Args:
        dut: the top.
        path: of the session.
        header: its own.
    """

    def __init__(self, dut: Any, path: Path, header: Header) -> None:
        settings = dict(header.settings)
        for name in ("read_latency", "write_latency"):
            settings[name] = tuple(settings[name])
        self.path, self.header = path, header
        self.bench = Bench(dut, Settings(**settings), slot=header.device)
        self.mac = Mac() if header.device == "net" else None
        self.disk: Optional[NativeDisk] = None
        if header.sectors:
            self.disk = NativeDisk(header.sectors, read_only=header.read_only)
            self._fill(self.disk)
        self.follower: Optional[Follower] = None
        self._config: dict[int, int] = {}  # read before the model device was made

    def _fill(self, disk: NativeDisk) -> None:
        """Give a disk all sectors that the session read."""
        step = 8 + SECTOR
        for block in read_blocks(self.path):
            for at in range(0, len(block.sectors), step):
                number = int.from_bytes(block.sectors[at : at + 8], "little")
                disk.write(number, block.sectors[at + 8 : at + step])
        disk.commit()

    def outside(self, parameters: dict[str, int]) -> Outside:
        """Return what surrounds the golden model."""
        if self.mac is not None:
            word = self._config.get(8, 0)
            return NetOutside(self.mac, pairs=word & 0xFFFF or 1, mtu=word >> 16 or 1500)
        assert self.disk is not None
        return BlkOutside(
            self.disk,
            queues=self._config.get(0x20, 0) >> 16 or 1,
            max_chain=parameters["max_chain"],
            read_only=self.header.read_only,
        )

    def make_follower(self, offer: int, parameters: dict[str, int]) -> Follower:
        """Make the model device that follows."""
        outside = self.outside(parameters)
        self.follower = Follower(self.bench, outside, offer, **parameters)
        cocotb.start_soon(self.follower.run())
        cocotb.start_soon(self._listen(self.follower))
        return self.follower

    async def _listen(self, follower: Follower) -> None:
        while True:
            await self.bench.calls.value_change
            for queue in self.bench.take_calls():
                follower.called(queue)

    async def access(self, event: Event) -> None:
        """Do a register access; one that was recorded as a read must read the same."""
        port = self.bench if self.follower is None else self.follower
        if event[0] == "w":
            await port.write32(event[2], event[3], event[4])
            return
        value = await port.read32(event[2])
        if self.follower is None and 0x100 <= event[2] < 0x800:
            self._config[event[2] - 0x100] = value
        if value != event[3]:
            raise Divergence(
                f"cycle {self.bench.cycle}: the register at {event[2]:#x} reads {value:#x}; "
                f"recorded: {event[3]:#x}"
            )

    async def quiet(self) -> None:
        """Return when the device is idle and was for a while."""
        while True:
            await self.bench.wait_idle(DEADLINE)
            await self.bench.wait_cycles(SETTLE)
            if int(self.bench.idle.value):
                return

    async def end(self) -> str:
        """Compare all there is at the end; return what was compared, in words."""
        if self.follower is None:
            return "nothing: the session ended before its device was known"
        await self.quiet()
        await self.follower.finish()
        tally = self.follower.tally
        return (
            f"{tally.elements:,} ring operations, {tally.bytes:,} bytes and "
            f"{tally.interrupts:,} interrupts are the model's"
        )


class ToTheCycle(Replay):
    """Everything in the cycle in which it was."""

    async def run(self) -> None:
        """Replay the session."""
        expected = Expected()
        await self.bench.start()
        blocks = read_blocks(self.path)
        held = next(blocks, None)
        ahead = b""
        if held is not None:
            expected.expect(held)
            ahead = held.memory
        done = 0
        while held is not None:
            block, held = held, next(blocks, None)
            if held is not None:
                expected.expect(held)
                ahead += held.memory
            for event in block.events:
                if event[0] == "d":
                    await self._until(event[1])
                    follower = self.make_follower(event[2], event[3])
                    expected.follower, follower.observer = follower, expected
                else:
                    await self._do(event)
                if self.follower is not None and ahead:
                    self.follower.views.feed(ahead)
                    ahead = b""
            done += 1
            if done % REPORT_EVERY == 0:
                say(f"  {expected.met:,} publications and interrupts in their cycles so far")
        text = await self.end()
        expected.end()
        if self.follower is not None and self.follower.views.missed:
            raise Divergence("what was recorded of memory was not read in its cycles")
        say(f"  {expected.met:,} publications and interrupts in their cycles, with every byte")
        say(f"  {text}")

    async def _until(self, time: int) -> None:
        wait = time - now()
        if wait < 0:
            raise Divergence(
                f"cycle {self.bench.cycle}: a register access takes longer than recorded"
            )
        if wait:
            await Timer(wait, "ns")

    async def _do(self, event: Event) -> None:
        kind = event[0]
        if kind in "pi":
            return
        await self._until(event[1])
        if kind in "rw":
            await self.access(event)
        elif kind == "+":
            self.bench.memory.add_region(event[2], event[3])
        elif kind == "-":
            self.bench.memory.detach(event[2])
        elif kind == "f" and self.mac is not None:
            self.mac.queue(bytes.fromhex(event[3]), cycle=event[2])
        elif kind == "q" and self.follower is not None:
            self.follower.idle()


class ByOperations(Replay):
    """One used element after the other, in a time of their own."""

    async def run(self) -> None:
        """Replay the session."""
        self._differences: deque[tuple[int, int, bytes]] = deque()  # cycle, address, bytes
        self._kept: list[tuple[int, bytes]] = []  # of packed rings: address, bytes
        self._frames: list[bytes] = []
        self._operations = 0
        await self.bench.start()
        events: deque[Event] = deque()
        for block in read_blocks(self.path):
            self._differences.extend(_differences(block.memory))
            events.extend(block.events)
            while events:
                await self._do(events.popleft(), events)
        text = await self.end()
        say(f"  {self._operations:,} publications were handed to the device one by one")
        say(f"  {text}")

    async def _do(self, event: Event, later: Sequence[Event]) -> None:
        kind = event[0]
        if kind == "d":
            self.make_follower(event[2], event[3])
        elif kind == "p":
            await self._operation(event)
        elif kind == "f":
            self._frames.append(bytes.fromhex(event[3]))
        elif kind in "+-":
            self._write_until(event[1] // PERIOD_NS)
            if kind == "+":
                self.bench.memory.add_region(event[2], event[3])
            else:
                self.bench.memory.detach(event[2])
        elif kind == "w" and event[2] != Reg.QUEUE_NOTIFY:
            await self.access(event)
        elif kind == "r":
            again = bool(later) and later[0][0] == "r" and later[0][2] == event[2]
            if event[2] not in POLLED or not again:
                await self._read(event)

    async def _read(self, event: Event) -> None:
        """Read a register as the session did; what ends a queue's life is waited for."""
        if self.follower is None:
            await self.access(event)
            return
        for _ in range(POLLS):
            value = await self.follower.read32(event[2])
            if event[2] not in POLLED or value == event[3]:
                return

    async def _operation(self, event: Event) -> None:
        """Let the device do what came back in one publication."""
        _, cycle, queue, index, _, frames = event
        follower = self.follower
        live = None if follower is None else follower.live(queue)
        if follower is None or live is None:
            raise TraceError(f"{self.path}: queue {queue} publishes before it is live")
        layout, before = live
        if before == index:
            return
        await self.quiet()
        follower.idle()
        self._write_until(cycle)
        if isinstance(layout, SplitLayout):
            self.bench.memory.write(layout.avail_idx, U16.pack(index))
        else:
            begin, end = Position.of(before), Position.of(index)
            self._hand_over(layout, begin.offset, end.distance(begin, layout.size))
        await follower.write32(Reg.QUEUE_NOTIFY, queue)
        if frames and self.mac is not None:
            await self.bench.wait_cycles(SETTLE)
            await self.quiet()
            for number in frames:
                self.mac.queue(self._frames[number])
        await self._returned(follower, queue, index)
        self._operations += 1
        if self._operations % REPORT_EVERY == 0:
            say(f"  {self._operations:,} publications so far")

    async def _returned(self, follower: Follower, queue: int, index: int) -> None:
        """Wait until the device has returned what it has in hand."""
        end = self.bench.cycle + DEADLINE
        rest = 0  # looks in a row at which the device was idle
        while True:
            follower.catch_up()
            live = follower.live(queue)
            if live is None or live[1] == index:
                return
            rest = rest + 1 if int(self.bench.idle.value) else 0
            if rest > IDLE_LOOKS or self.bench.cycle > end:
                raise Divergence(
                    f"cycle {self.bench.cycle}: queue {queue} has returned up to {live[1]}; "
                    f"recorded: up to {index}; {await self.bench.state()}"
                )
            published = self.bench.dut.published
            await First(published.value_change, Timer(LOOK_CYCLES * PERIOD_NS, "ns"))

    def _write_until(self, cycle: int) -> None:
        """Write all that the device had read before a cycle, but for what hands chains over."""
        held = [] if self.follower is None else [_held(each) for each in self.follower.layouts]
        while self._differences and self._differences[0][0] < cycle:
            _, addr, data = self._differences.popleft()
            for first, last, packed in held:
                if packed:
                    self._kept += _inside(addr, data, first, last)
            for piece in _outside(addr, data, held):
                self.bench.memory.write(*piece)

    def _hand_over(self, layout: QueueLayout, offset: int, count: int) -> None:
        """Let descriptors of a packed ring be as the driver had written them."""
        spans = [(offset, min(offset + count, layout.size))]
        spans.append((0, max(0, offset + count - layout.size)))
        for begin, end in spans:
            first = layout.areas[0] + DESC_BYTES * begin
            last = layout.areas[0] + DESC_BYTES * end - 1
            kept: list[tuple[int, bytes]] = []
            for addr, data in self._kept:
                for piece in _inside(addr, data, first, last):
                    self.bench.memory.write(*piece)
                kept += _outside(addr, data, [(first, last, True)])
            self._kept = kept


def _held(layout: QueueLayout) -> tuple[int, int, bool]:
    """Return first and last address of what hands chains to the device, and if it is packed."""
    if isinstance(layout, SplitLayout):
        return layout.avail_idx, layout.avail_idx + 1, False
    return layout.areas[0], layout.areas[0] + layout.lengths[0] - 1, True


def _inside(addr: int, data: bytes, first: int, last: int) -> list[tuple[int, bytes]]:
    """Return the part of a piece that lies in a range, if there is any."""
    begin, end = max(addr, first), min(addr + len(data), last + 1)
    return [(begin, data[begin - addr : end - addr])] if begin < end else []


def _outside(
    addr: int, data: bytes, ranges: Sequence[tuple[int, int, bool]]
) -> list[tuple[int, bytes]]:
    """Return the parts of a piece that lie in none of the ranges."""
    pieces = [(addr, data)]
    for first, last, _ in ranges:
        left: list[tuple[int, bytes]] = []
        for begin, part in pieces:
            left += _inside(begin, part, 0, first - 1)
            left += _inside(begin, part, last + 1, 1 << 64)
        pieces = left
    return pieces


def _differences(memory: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Go through what the device read: cycle, address, bytes."""
    at = 0
    while at < len(memory):
        cycle, addr, length = DIFFERENCE.unpack_from(memory, at)
        at += DIFFERENCE.size
        yield cycle, addr, memory[at : at + length]
        at += length


@cocotb.test()
async def replay(dut: Any) -> None:
    """Replay the session that the environment names."""
    path = Path(os.environ["TB_TRACE"])
    header, _ = read_header(path)
    kind: type[Union[ToTheCycle, ByOperations]] = ByOperations
    how = "by operations: the design is not the one that was recorded"
    same = header.sources == sources_digest()
    wanted = os.environ.get("TB_REPLAY", "")
    if wanted == "cycle" or (same and not wanted):
        kind, how = ToTheCycle, "to the cycle"
    elif same:
        how = "by operations"
    say(f"  {path.name}: a session of a {header.device} device, replayed {how}")
    await kind(dut, path, header).run()
