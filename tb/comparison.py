# SPDX-License-Identifier: Apache-2.0
"""Run every operation in both worlds and hold the one against the other.

`Comparison` waits after each operation until the RTL is idle, lets the model device catch up, and
compares: what the operation returned or raised, the whole memory byte for byte (rings, event
fields, indirect tables and buffers), the indices that the device holds, the interrupts that were
served and the callbacks that ran. A difference ends the test with a `Mismatch` that names the
operation, the first differing field and the time, and shows both rings side by side.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from pymodel import DeviceIndices, RingState, SplitVirtqueue, UsedBuffer, compare, draw_side_by_side
from pymodel.registers import Reg
from tb.bench import Bench
from tb.worlds import ModelWorld, RtlWorld, Setup, World

MAX_SHOWN = 12  # differences listed


class Mismatch(AssertionError):
    """The RTL did what the model does not."""


@dataclass
class Outcome:
    """What one operation returned, or the error that it raised."""

    value: Any = None
    error: Optional[OSError] = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{type(self.error).__name__}: {self.error}"
        return repr(self.value)

    def same(self, other: Outcome) -> bool:
        """Whether both returned the same, or raised the same kind of error."""
        return self.value == other.value and type(self.error) is type(other.error)

    def take(self) -> Any:
        """Return the value or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


@dataclass
class Tally:
    """What was compared so far."""

    operations: int = 0
    chains: int = 0  # returned by get
    bytes_out: int = 0  # readable bytes of those
    bytes_in: int = 0  # bytes written by the device into those
    cycles: int = 0  # clock cycles from each operation's start until the engine was idle
    mismatches: int = 0
    by_operation: dict[str, int] = field(default_factory=dict)


class Comparison:
    """Two worlds in step.

    Args:
        bench: the started bench.
        setup: what both start from.
        device: parameters of the model device: queues, queue_size_max, max_chain, data_w.
    """

    def __init__(self, bench: Bench, setup: Setup, **device: Any) -> None:
        self.bench = bench
        self.setup = setup
        self.rtl = RtlWorld(setup, bench)
        self.model = ModelWorld(setup, **device)
        self.tally = Tally()
        self.calls: dict[str, list[Any]] = {"rtl": [], "model": []}  # callbacks that ran
        self._readable: dict[tuple[int, Hashable], int] = {}
        self._tokens = 0

    async def start(self) -> None:
        """Bring both devices up and compare."""
        self.bench.track("init")
        await self.rtl.start()
        self.model.start()
        await self._check("init", 0)

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
        self._readable[queue, token] = sum(length for _, length in segments[:out_num])

    async def sync(self, queue: int) -> None:
        """`sync` in both worlds."""
        (await self._both("sync", queue, lambda vq: vq.sync())).take()

    async def get(self, queue: int) -> Optional[UsedBuffer]:
        """`get_buf` in both worlds."""
        outcome = await self._both("get", queue, lambda vq: vq.get_buf())
        used: Optional[UsedBuffer] = outcome.take()
        if used is not None:
            self.tally.chains += 1
            self.tally.bytes_in += used.length
            self.tally.bytes_out += self._readable.pop((queue, used.data), 0)
        return used

    async def detach(self, queue: int, token: Hashable) -> None:
        """`detach_buf` in both worlds."""
        (await self._both("detach", queue, lambda vq: vq.detach_buf(token), token)).take()

    async def restart(self, queue: int) -> bool:
        """`restart` in both worlds."""
        result: bool = (await self._both("restart", queue, lambda vq: vq.restart())).take()
        return result

    def write(self, addr: int, data: bytes) -> None:
        """Write the driver's data into both memories."""
        self.rtl.memory.write(addr, data)
        self.model.memory.write(addr, data)

    def allocate(self, length: int, align: int = 1) -> int:
        """Return the address of a buffer, the same in both worlds."""
        addr = self.rtl.allocator.allocate(length, align)
        if self.model.allocator.allocate(length, align) != addr:
            raise AssertionError("the worlds' allocators have parted")
        return addr

    def free(self, addr: int) -> None:
        """Give a buffer back."""
        self.rtl.allocator.free(addr)
        self.model.allocator.free(addr)

    # ---- one step

    async def _both(
        self,
        name: str,
        queue: int,
        operation: Callable[[SplitVirtqueue], Any],
        token: Hashable = None,
    ) -> Outcome:
        number = token if isinstance(token, int) else 0
        self.bench.track(name, queue, number)
        begin = self.bench.cycle
        rtl = self._call(self.rtl, queue, operation)
        await self.rtl.settle()
        self.tally.cycles += self.bench.cycle - begin
        model = self._call(self.model, queue, operation)
        self.model.settle()
        what = f"{name}(queue {queue}{'' if token is None else f', token {token!r}'})"
        if not rtl.same(model):
            self._fail(what, queue, [f"result: rtl {rtl}, model {model}"])
        self.tally.operations += 1
        self.tally.by_operation[name] = self.tally.by_operation.get(name, 0) + 1
        await self._check(what, queue)
        return rtl

    @staticmethod
    def _call(world: World, queue: int, operation: Callable[[SplitVirtqueue], Any]) -> Outcome:
        try:
            return Outcome(value=operation(world.queue(queue)))
        except OSError as error:
            return Outcome(error=error)

    async def _check(self, what: str, queue: int) -> None:
        """Compare memory, indices, interrupts and callbacks."""
        base, length = self.setup.base, self.setup.memory
        found = []
        if self.rtl.memory.read(base, length) != self.model.memory.read(base, length):
            found += self._memory_differences()
        found += await self._register_differences(queue)
        if self.rtl.interrupts != self.model.interrupts:
            found.append(
                f"interrupts served: rtl {len(self.rtl.interrupts)} {self.rtl.interrupts[-3:]}, "
                f"model {len(self.model.interrupts)} {self.model.interrupts[-3:]}"
            )
        if self.calls["rtl"] != self.calls["model"]:
            found.append(
                f"callbacks: rtl {self.calls['rtl'][-3:]}, model {self.calls['model'][-3:]}"
            )
        if found:
            self._fail(what, queue, found)

    async def _register_differences(self, queue: int) -> list[str]:
        found = []
        await self.bench.write32(Reg.QUEUE_SEL, queue)
        self.model.model.write32(Reg.QUEUE_SEL, queue)
        for reg in (Reg.QUEUE_AVAIL_INDEX, Reg.QUEUE_USED_INDEX, Reg.STATUS):
            rtl, model = await self.bench.read32(reg), self.model.model.read32(reg)
            if rtl != model:
                found.append(f"register {reg.name}: rtl {rtl:#x}, model {model:#x}")
        return found

    def _memory_differences(self) -> list[str]:
        """Name what differs: ring fields first, else the byte and what lies there."""
        found: list[str] = []
        for index, vq in enumerate(self.rtl.queues):
            if vq is None:
                continue
            rtl = RingState.capture(self.rtl.memory, vq.layout, tables=True)
            model = RingState.capture(self.model.memory, vq.layout, tables=True)
            found += [f"queue {index}, {difference}" for difference in compare(rtl, model)]
        if found:
            return found
        base, length = self.setup.base, self.setup.memory
        rtl_bytes = self.rtl.memory.read(base, length)
        model_bytes = self.model.memory.read(base, length)
        at = next(i for i in range(length) if rtl_bytes[i] != model_bytes[i])
        return [
            f"memory at {base + at:#x}: rtl {rtl_bytes[at : at + 16].hex()}, "
            f"model {model_bytes[at : at + 16].hex()}"
        ]

    def _fail(self, what: str, queue: int, found: list[str]) -> None:
        self.tally.mismatches += 1
        lines = [f"after {what} at cycle {self.bench.cycle}:", *found[:MAX_SHOWN]]
        if len(found) > MAX_SHOWN:
            lines.append(f"and {len(found) - MAX_SHOWN} more")
        vq = self.rtl.queues[queue] if queue < len(self.rtl.queues) else None
        if vq is not None:
            rtl = RingState.capture(self.rtl.memory, vq.layout)
            model = RingState.capture(self.model.memory, vq.layout)
            lines.append(draw_side_by_side(rtl, model))
        raise Mismatch("\n".join(lines))


def device_indices(model: ModelWorld, queue: int) -> DeviceIndices:
    """Return the model device's places in a queue's rings."""
    ring = model.model.ring(queue)
    return DeviceIndices(ring.next_avail, ring.used_index) if ring else DeviceIndices(0, 0)
