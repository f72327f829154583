# SPDX-License-Identifier: Apache-2.0
"""Run every operation on a socket queue in both worlds and hold the one against the other.

After each operation, once the port is idle and the model has caught up, the two must agree on what
it returned or raised, every register access that the driver made and what it read, the buffers'
bytes, the interrupts served, the callbacks that ran, and every register of the port.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Callable, Optional

from pymodel import PORT_REGISTERS, SocketVirtqueue, UsedBuffer, Window
from pymodel.registers import Config
from pymodel.socket_registers import Access as Kind
from tb.sides import Mismatch, Outcome, Tally
from tb.socket.bench import SocketBench
from tb.socket.worlds import (
    BASE,
    MEMORY,
    ModelSocketWorld,
    RtlSocketWorld,
    Segments,
    SocketWorld,
)

MAX_SHOWN = 12
COMPARED = (Window.CONTROL, Window.STATUS, Window.QUEUE_FAULT, Window.TX_EXPECTED)
PORT = {r.offset: r.name for r in PORT_REGISTERS if r.access is Kind.R}


class SocketComparison:
    """Two worlds in step.

    Args:
        bench: the started bench.
        callback: see `SocketWorld`.
        tally: of a comparison before, to go on with.

    Attributes:
        rtl: the world of the Verilog.
        model: the world of the model.
        tally: what was compared.
    """

    def __init__(
        self,
        bench: SocketBench,
        callback: Optional[Callable[[Any, int], bool]] = None,
        tally: Optional[Tally] = None,
    ) -> None:
        self.bench = bench
        self.rtl = RtlSocketWorld(bench, callback)
        self.model = ModelSocketWorld(bench.built, callback)
        self.tally = tally or Tally()
        self._readable: dict[Hashable, int] = {}  # bytes of each buffer, by its token
        self._returned = 0  # of what callbacks collected

    async def start(self, *sizes: int, pattern: bool = False) -> None:
        """Begin the life of a queue of each size."""
        await self.rtl.start(sizes)
        self.model.start(sizes)
        await self.write32(Config.MODE, int(pattern))
        await self._check("start")

    async def write32(self, offset: int, value: int) -> None:
        """Write a register of both ports."""
        await self.bench.write32(offset, value)
        self.model.device.write32(offset, value)

    def write(self, addr: int, data: bytes) -> None:
        """Write the driver's data into both memories."""
        self.rtl.memory.write(addr, data)
        self.model.memory.write(addr, data)

    # ---- the operations

    async def add(
        self, queue: int, sg: Segments, out_num: int, in_num: int, token: Hashable
    ) -> None:
        """`add_buf` in both worlds; tokens are used once, in all queues."""
        await self._both("add", queue, lambda vq: vq.add_buf(sg, out_num, in_num, token))
        self._readable[token] = sum(length for _, length in sg[:out_num])

    async def sync(self, queue: int) -> None:
        """`sync` in both worlds."""
        await self._both("sync", queue, lambda vq: vq.sync())

    async def get(self, queue: int) -> Optional[UsedBuffer]:
        """`get_buf` in both worlds."""
        used: Optional[UsedBuffer] = await self._both("get", queue, lambda vq: vq.get_buf())
        if used is not None:
            self._collected(used)
        return used

    async def detach(self, queue: int, token: Hashable) -> None:
        """`detach_buf` in both worlds."""
        await self._both(f"detach {token!r}", queue, lambda vq: vq.detach_buf(token))

    async def restart(self, queue: int) -> bool:
        """`restart` in both worlds."""
        result: bool = await self._both("restart", queue, lambda vq: vq.restart())
        return result

    # ---- one step

    async def _both(
        self, name: str, queue: int, operation: Callable[[SocketVirtqueue], Any]
    ) -> Any:
        begin = self.bench.cycle
        rtl = await self.rtl.call(self._outcome, self.rtl, queue, operation)
        await self.rtl.settle()
        self.tally.cycles += self.bench.cycle - begin
        model = self._outcome(self.model, queue, operation)
        self.model.settle()
        self.tally.operations += 1
        what = f"{name} (queue {queue})"
        if not rtl.same(model):
            self._fail(what, [f"result: rtl {rtl}, model {model}"])
        await self._check(what)
        for _, used in self.rtl.taken[self._returned :]:
            self._collected(used)
        self._returned = len(self.rtl.taken)
        return rtl.take()

    def _collected(self, used: UsedBuffer) -> None:
        self.tally.chains += 1
        self.tally.bytes_in += used.length
        self.tally.bytes_out += self._readable.pop(used.data)

    @staticmethod
    def _outcome(
        world: SocketWorld, queue: int, operation: Callable[[SocketVirtqueue], Any]
    ) -> Outcome:
        try:
            return Outcome(value=operation(world.queues[queue]))
        except OSError as error:
            return Outcome(error=error)

    async def _check(self, what: str) -> None:
        await self.bench.wait_idle()
        found = []
        for name in ("log", "interrupts", "taken", "calls"):
            rtl, model = getattr(self.rtl, name), getattr(self.model, name)
            if rtl != model:
                at = next((i for i, pair in enumerate(zip(rtl, model)) if pair[0] != pair[1]), -1)
                found.append(f"{name}, from {at} on: rtl {rtl[at:][:4]}, model {model[at:][:4]}")
        if self.rtl.memory.read(BASE, MEMORY) != self.model.memory.read(BASE, MEMORY):
            found.append("the buffers' bytes")
        offsets = {**PORT, int(Config.SINK_ERRORS): "SinkErrors"}
        for queue in range(len(self.rtl.queues)):
            offsets |= {reg.of(queue): f"{reg.name} of queue {queue}" for reg in COMPARED}
        for offset, name in offsets.items():
            got, expected = await self.bench.read32(offset), self.model.device.read32(offset)
            if got != expected:
                found.append(f"register {name}: rtl {got:#x}, model {expected:#x}")
        if found:
            self._fail(what, found)

    def _fail(self, what: str, found: list[str]) -> None:
        self.tally.mismatches += 1
        raise Mismatch("\n".join([f"after {what} at {self.bench.cycle}:", *found[:MAX_SHOWN]]))
