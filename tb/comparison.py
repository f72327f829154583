# SPDX-License-Identifier: Apache-2.0
"""Run every operation in both worlds and hold the one against the other.

`Comparison` waits after each operation until the RTL is idle, lets the model device catch up, and
compares: what the operation returned or raised, the whole memory byte for byte (rings, event
fields, indirect tables and buffers), the indices that the device holds, its status and faults, the
notifications sent, the interrupts that were served, the queues that they were due for, the
callbacks that ran and what they collected. A difference ends the test with a `Mismatch` that names
the operation, the first differing field and the time, and shows both rings side by side.

`tb.free_running` is the mode that never waits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Hashable, Sequence
from typing import Any, Callable, Optional

from pymodel import DeviceIndices, Feature, UsedBuffer
from pymodel.device_ring import DeviceRing
from pymodel.layout import MAX_QUEUE_SIZE
from pymodel.registers import Config, Reg
from pymodel.ring_driver import RingVirtqueue
from tb.bench import Bench
from tb.sides import Outcome, Sides, batch_end
from tb.worlds import ModelWorld, RtlWorld, Setup, World, given_to_device

COMPARED_REGISTERS = (
    Reg.STATUS,
    Reg.QUEUE_AVAIL_INDEX,
    Reg.QUEUE_USED_INDEX,
)
FAULT_REGISTERS = (
    Reg.FAULT_CODE,
    Reg.FAULT_QUEUE,
    Reg.FAULT_DESCRIPTOR,
    Reg.FAULT_COUNT,
    Reg.QUEUE_FAULT,
    Reg.INTERRUPT_STATUS,
)
NEEDS_RESET = 64  # bit of Status


class Pair(Sides):
    """Two worlds, and what is common to both ways of comparing them.

    Args:
        bench: the started bench.
        setup: what both start from.
        device: parameters of the model device: queues, queue_size_max, max_chain, data_w.

    Attributes:
        rtl: the world of the Verilog.
        model: the world of the model.
    """

    rtl: RtlWorld
    model: ModelWorld

    def __init__(self, bench: Bench, setup: Setup, **device: Any) -> None:
        super().__init__(bench, setup)
        self.rtl = RtlWorld(setup, bench)
        if setup.features & Feature.IN_ORDER:
            device = {"batch": MAX_QUEUE_SIZE, "batch_end": self._batch_end} | device
        self.model = ModelWorld(setup, **device)
        self.batches = 0  # with IN_ORDER, looked up in the RTL's ring
        # segments of every outstanding buffer: (readable bytes, writable segments)
        self._held: dict[tuple[int, Hashable], tuple[int, list[tuple[int, int]]]] = {}
        self._returned = 0  # entries of rtl.taken that were accounted for

    async def start(self, again: bool = False) -> None:
        """Bring both devices up, with their rings the only bytes that the device may write.

        `again`: over the memory of an earlier pair, which has given it up.
        """
        self.bench.track("init")
        await self.rtl.start(again)
        self.model.start()
        for vq in self.rtl.queues:
            if vq is not None:
                for addr, length in given_to_device(vq.layout):
                    self.bench.memory.allow(addr, length)
        self.bench.memory.check_writes()
        self.bench.take_calls()
        self.model.model.called.clear()

    def give_up(self) -> None:
        """Let the device write nothing any more; another pair may start over this memory."""
        for queue, token in list(self._held):
            self._release(queue, token)
        for vq in self.rtl.queues:
            if vq is not None:
                for addr, length in given_to_device(vq.layout):
                    self.bench.memory.disallow(addr, length)

    def _batch_end(self, queue: int, ring: DeviceRing, index: int) -> int:
        """With IN_ORDER, the chain that ends the batch which the RTL returned here."""
        self.batches += 1
        return batch_end(self.rtl.memory, self.rtl.queue(queue).layout, index)

    # ---- the books

    @staticmethod
    def _call(world: World, queue: int, operation: Callable[[RingVirtqueue], Any]) -> Outcome:
        try:
            return Outcome(value=operation(world.queue(queue)))
        except OSError as error:
            return Outcome(error=error)

    def _hold(
        self, queue: int, token: Hashable, segments: Sequence[tuple[int, int]], out_num: int
    ) -> None:
        """Note a buffer that was added: from now on the device may write it."""
        writable = list(segments[out_num:])
        self._held[queue, token] = (sum(length for _, length in segments[:out_num]), writable)
        for addr, length in writable:
            self.bench.memory.allow(addr, length)

    def _release(self, queue: int, token: Hashable) -> int:
        """Strike a buffer off; return its readable bytes."""
        readable, writable = self._held.pop((queue, token), (0, []))
        for addr, length in writable:
            self.bench.memory.disallow(addr, length)
        return readable

    def _collected(self, queue: int, used: UsedBuffer) -> None:
        self.tally.chains += 1
        self.tally.bytes_in += used.length
        self.tally.bytes_out += self._release(queue, used.data)

    def _collected_by_callbacks(self) -> None:
        for queue, used in self.rtl.taken[self._returned :]:
            self._collected(queue, used)
        self._returned = len(self.rtl.taken)

    # ---- what is compared

    def _call_differences(self) -> list[str]:
        """Compare the queues whose interrupts were due, while the engine is idle."""
        rtl, model = self.bench.take_calls(), self.model.model.called.copy()
        self.model.model.called.clear()
        return [] if rtl == model else [f"queues that interrupted: rtl {rtl}, model {model}"]

    def _callback_differences(self) -> list[str]:
        found = []
        for what, rtl, model in (
            ("callbacks", self.rtl.calls, self.model.calls),
            ("collected", self.rtl.taken, self.model.taken),
        ):
            if rtl != model:
                found.append(f"{what}: rtl {rtl[-3:]}, model {model[-3:]}")
        return found

    async def _register_differences(self, queue: int, faults: bool) -> list[str]:
        found = []
        await self.bench.write32(Reg.QUEUE_SEL, queue)
        self.model.model.write32(Reg.QUEUE_SEL, queue)
        registers: list[int] = list(COMPARED_REGISTERS)
        if faults:
            registers += [*FAULT_REGISTERS, Config.SINK_ERRORS]
        for reg in registers:
            rtl, model = await self.bench.read32(reg), self.model.model.read32(reg)
            if rtl != model:
                name = reg.name if isinstance(reg, (Reg, Config)) else hex(reg)
                found.append(f"register {name}: rtl {rtl:#x}, model {model:#x}")
        return found


class Comparison(Pair):
    """Two worlds in step: all is compared after every operation."""

    async def start(self, again: bool = False) -> None:
        """Bring both devices up and compare."""
        await super().start(again)
        for queue in range(len(self.rtl.queues)):
            await self._check("init", queue, registers=True)

    # ---- the five operations

    async def add(
        self,
        queue: int,
        segments: Sequence[tuple[int, int]],
        out_num: int,
        in_num: int,
        token: Hashable,
        indirect: Optional[bool] = None,
    ) -> None:
        """`add_buf` in both worlds."""
        outcome = await self._both(
            "add",
            queue,
            lambda vq: vq.add_buf(segments, out_num, in_num, token, indirect=indirect),
            token,
        )
        outcome.take()
        self._hold(queue, token, segments, out_num)

    async def sync(self, queue: int) -> None:
        """`sync` in both worlds."""
        (await self._both("sync", queue, lambda vq: vq.sync())).take()

    async def get(self, queue: int) -> Optional[UsedBuffer]:
        """`get_buf` in both worlds."""
        outcome = await self._both("get", queue, lambda vq: vq.get_buf())
        used: Optional[UsedBuffer] = outcome.take()
        if used is not None:
            self._collected(queue, used)
        return used

    async def detach(self, queue: int, token: Hashable) -> None:
        """`detach_buf` in both worlds."""
        outcome = await self._both(
            "detach", queue, lambda vq: vq.detach_buf(token), token, self._detach_rtl(queue, token)
        )
        outcome.take()
        self._release(queue, token)

    async def restart(self, queue: int) -> bool:
        """`restart` in both worlds."""
        result: bool = (await self._both("restart", queue, lambda vq: vq.restart())).take()
        return result

    # ---- one step

    async def _both(
        self,
        name: str,
        queue: int,
        operation: Callable[[RingVirtqueue], Any],
        token: Hashable = None,
        slow: Optional[Awaitable[Outcome]] = None,
    ) -> Outcome:
        """Do an operation in both worlds; `slow` does it in the RTL's where it takes time."""
        number = token if isinstance(token, int) else 0
        self.bench.track(name, queue, number)
        begin = self.bench.cycle
        before = self.rtl.notifications
        rtl = self._call(self.rtl, queue, operation) if slow is None else await slow
        await self.rtl.settle()
        self.tally.cycles += self.bench.cycle - begin
        model = self._call(self.model, queue, operation)
        self.model.settle()
        what = f"{name}(queue {queue}{'' if token is None else f', token {token!r}'})"
        if not rtl.same(model):
            self._fail(what, queue, [f"result: rtl {rtl}, model {model}"])
        self._count(name)
        self._collected_by_callbacks()
        # without a notification the device had no reason to move: then the memory tells enough
        await self._check(what, queue, registers=self.rtl.notifications != before)
        return rtl

    async def _detach_rtl(self, queue: int, token: Hashable) -> Outcome:
        try:
            await self.rtl.detach(queue, token)
        except OSError as error:
            return Outcome(error=error)
        return Outcome()

    async def _check(self, what: str, queue: int, registers: bool) -> None:
        """Compare memory, indices, notifications, interrupts and callbacks."""
        found = []
        if not self._same_memory():
            found += self._memory_differences()
        if self.rtl.notifications != self.model.notifications:
            found.append(
                f"notifications: rtl {self.rtl.notifications}, model {self.model.notifications}"
            )
        if self.rtl.interrupts != self.model.interrupts:
            found.append(
                f"interrupts served: rtl {len(self.rtl.interrupts)} {self.rtl.interrupts[-3:]}, "
                f"model {len(self.model.interrupts)} {self.model.interrupts[-3:]}"
            )
        found += self._call_differences() + self._callback_differences() + self.writes_refused()
        if registers:
            found += await self._register_differences(queue, faults=bool(found))
        if found:
            self._fail(what, queue, found)

    async def finish(self) -> None:
        """Compare every register of every queue, faults and error counts among them."""
        await self.rtl.settle()
        self.model.settle()
        for queue in range(len(self.rtl.queues)):
            found = await self._register_differences(queue, faults=True)
            if found:
                self._fail("the end", queue, found)
        await self._check("the end", 0, registers=False)


def device_indices(model: ModelWorld, queue: int) -> DeviceIndices:
    """Return the model device's places in a queue's rings."""
    ring = model.model.ring(queue)
    return DeviceIndices(ring.next_avail, ring.used_index) if ring else DeviceIndices(0, 0)
