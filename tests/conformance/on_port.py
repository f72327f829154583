# SPDX-License-Identifier: Apache-2.0
"""The rules with the Verilog's register port as the other end of a socket-style queue.

The driver's operations take simulated time here, since they access registers; each runs in a
thread of its own that waits for the simulator.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from cocotb.task import bridge, resume

from pymodel import (
    GuestMemory,
    Interrupt,
    SocketVirtqueue,
    UsedBuffer,
    open_port,
    run_async,
    take_interrupt,
)
from pymodel.socket_registers import FRAME_WORDS, Control, Window, words_of
from tb.socket.bench import SocketBench
from tests.conformance.beds import Callback, Hooked, Kind, PortBed, Segments
from tests.conformance.simulated import cocotb_tests

BASE, MEMORY = 0x8000_0000, 1 << 16
WINDOW = 60  # clocks, from the last word of a small frame until its answer can be read
STRIDE = 7
NOBODY = 99  # a tag that no frame has
CONTROL, STATUS, RX_DATA = (reg.of(0) for reg in (Window.CONTROL, Window.STATUS, Window.RX_DATA))
TX = (Window.TX_HEADER.of(0), Window.TX_DATA.of(0))


class Posted:
    """The port as the driver reaches it, its frames being held until they are handed over.

    So a frame that was published is not used before a rule says so, as on a bus that is slow. The
    end of a queue's life drops what was held, as the port does with frames that it has not served.

    Attributes:
        held: words of frames that were written and not handed over.
        handed: words that were.
        control: last written.
        forged: words of an answer in the port's name, which the driver reads first.
    """

    def __init__(self, bench: SocketBench) -> None:
        self.held: deque[tuple[int, int]] = deque()
        self.handed: list[tuple[int, int]] = []
        self.forged: deque[int] = deque()
        self.control = 0
        self._read, self._write = resume(bench.read32), resume(bench.write32)
        self._bench = bench

    def read32(self, offset: int) -> int:
        if offset == RX_DATA and self.forged:
            return self.forged.popleft()
        value: int = self._read(offset)
        if offset == STATUS:
            value -= len(self.held)
            if self.forged:
                value = value & 0xFFFF | len(self.forged) << 16
        return value

    def write32(self, offset: int, value: int) -> None:
        if offset in TX:
            self.held.append((offset, value))
            return
        if offset == CONTROL:
            self.control = value
            if not value & Control.ENABLE:
                self.held.clear()
        self._write(offset, value)

    async def hand_over(self, frames: int | None = None) -> None:
        """Write so many held frames to the port, by default all."""
        while self.held and frames != 0:
            length = self.held[0][1] & 0xFFFFFF
            for _ in range(FRAME_WORDS + words_of(length)):
                self.handed.append(self.held.popleft())
                await self._bench.write32(*self.handed[-1])
            frames = None if frames is None else frames - 1


class RtlPortBed(PortBed):
    """A socket-style queue of the Verilog's."""

    def __init__(self, kind: Kind, bench: SocketBench) -> None:
        super().__init__(kind)
        self.bench = bench

    async def _open(self, callback: Callback | None, size: int) -> None:
        info = await run_async(open_port(), self.bench.read32, self.bench.write32)
        assert info == self.bench.built
        self.memory = Hooked(GuestMemory((BASE, MEMORY)))
        self.port = Posted(self.bench)
        self.queue = await bridge(SocketVirtqueue)(
            self.memory, self.port, info, size=size, callback=callback
        )
        self._served = self._place = 0

    def allocate(self, length: int) -> int:
        self._place += length
        return BASE + self._place - length

    # ---- the operations

    async def add(self, sg: Segments, out_num: int, in_num: int, token: Hashable) -> None:
        await bridge(self.queue.add_buf)(sg, out_num, in_num, token)

    async def sync(self) -> None:
        await bridge(self.queue.sync)()

    async def get(self) -> UsedBuffer | None:
        found: UsedBuffer | None = await bridge(self.queue.get_buf)()
        return found

    async def detach(self, token: Hashable) -> None:
        await bridge(self.queue.detach_buf)(token)

    async def restart(self) -> bool:
        found: bool = await bridge(self.queue.restart)()
        return found

    async def shutdown(self) -> list[Hashable]:
        found: list[Hashable] = await bridge(self.queue.shutdown)()
        return found

    async def interrupt(self) -> None:
        await bridge(self.queue.interrupt)()

    # ---- the other end

    @property
    def interrupts(self) -> int:
        return self._served

    async def run(self) -> None:
        await self.port.hand_over()
        await self.bench.wait_idle()

    async def begin(self, instant: int) -> None:
        """Hand none, some or all frames over, and wait."""
        await self.port.hand_over(instant % 4)
        await self.bench.clocks(instant)

    @property
    def instants(self) -> Iterable[int]:
        return range(0, WINDOW, STRIDE)

    async def deliver(self) -> bool:
        if not self.bench.irq():
            return False
        causes = await run_async(take_interrupt(), self.bench.read32, self.bench.write32)
        assert causes == Interrupt.USED_BUFFER
        self._served += 1
        await self.interrupt()
        return True

    def waits(self) -> bool:
        return bool(self.port.held)

    # ---- what only a test may do

    def seen(self) -> int:
        return len(self.port.handed)

    def state(self, stale: bool = True) -> Any:
        port = self.port
        shared = (list(port.handed), list(port.held), list(port.forged), port.control)
        return shared, self.books()

    def asks(self) -> bool:
        return bool(self.port.control & Control.INTERRUPT)

    def forge(self, token: Hashable, length: int) -> None:
        tag = NOBODY if token is None else self.queue.outstanding[token]
        if tag is None:  # it was not published
            tag = self.bench.built.slots - 1
        self.port.forged += [tag << 24 | length, *[0] * words_of(length)]


async def start(dut: Any) -> Callable[[Kind], RtlPortBed]:
    """Start the bench; return how a bed is made on it."""
    bench = SocketBench(dut)
    await bench.start()
    return lambda kind: RtlPortBed(kind, bench)


globals().update(cocotb_tests("socket", start))
