# SPDX-License-Identifier: Apache-2.0
"""The comparison that never waits: the driver works while the engine does.

Operations take no simulated time, so between two of them the rings are as the RTL left them.
Before an operation the model device is brought to exactly the used index that the RTL has
published: each used element must be the one that the model gives next, and every byte that the
model wrote for it must be in the RTL's memory by then. What the RTL may choose freely, when to ask
for notifications, is checked to be legal and copied. Then the operation runs in both worlds and
must do the same in both. `settle` ends it: all must be equal byte for byte, and no interrupt that
the driver asked for may be missing.

Notifications and interrupts are handed over by coroutines of their own, as they come.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional, Union

import cocotb
from cocotb.triggers import Event, RisingEdge

from pymodel import (
    PackedLayout,
    PackedVirtqueue,
    Position,
    RingVirtqueue,
    SplitLayout,
    UsedBuffer,
    take_interrupt,
)
from pymodel.device_ring import DeviceRing
from pymodel.layout import INDEX_MODULUS, U16
from pymodel.packed_layout import EVENT_BYTES, EVENT_FLAGS_AT
from pymodel.steps import Steps
from pymodel.transport import notify
from tb.bench import Bench
from tb.comparison import Pair
from tb.sides import Outcome
from tb.wish import Wish
from tb.worlds import Setup, first_index


@dataclass(frozen=True)
class Delays:
    """How long the driver takes, cycles; (lowest, highest) of each draw.

    Attributes:
        interrupt: from the interrupt line's rise until its causes are read.
        notify: from a `sync` until the notification is written.
    """

    interrupt: tuple[int, int] = (0, 40)
    notify: tuple[int, int] = (0, 10)


def _next(steps: Generator[str, None, None]) -> Union[str, Outcome]:
    """Return the next step of an operation, or how it ended."""
    try:
        return next(steps)
    except StopIteration:
        return Outcome()
    except OSError as error:
        return Outcome(error=error)


class FreeRunning(Pair):
    """Two worlds, the model following the RTL.

    Args:
        bench: the started bench.
        setup: what both start from. A callback must collect all there is or return False, else
            `settle` takes what it left for a lost interrupt.
        delays: of the driver.
        device: parameters of the model device.
    """

    def __init__(
        self, bench: Bench, setup: Setup, delays: Optional[Delays] = None, **device: Any
    ) -> None:
        super().__init__(bench, setup, **device)
        self.delays = delays or Delays()
        self._bell = Event()
        self._ringing = False
        self._serving = False
        self._accessing = 0  # sequences of register accesses under way
        self._stopping = False
        self._tasks: list[Any] = []
        self._wish: dict[int, Wish] = {}

    async def start(self, again: bool = False) -> None:
        """Bring both devices up; serve notifications and interrupts from now on."""
        await super().start(again)
        self.begin()

    def begin(self) -> None:
        """Serve notifications and interrupts."""
        self._tasks = [cocotb.start_soon(self._ring()), cocotb.start_soon(self._serve())]

    async def stop(self) -> None:
        """Serve no more notifications and interrupts; return when no register access is left."""
        self._stopping = True
        while self._accessing:
            await self.bench.wait_cycles(2)
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        self._stopping = self._ringing = self._serving = False

    # ---- the five operations, which take no time

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
        self._both(
            "add",
            queue,
            lambda vq: vq.add_buf(segments, out_num, in_num, token, indirect=indirect),
            token,
        ).take()
        self._hold(queue, token, segments, out_num)

    async def sync(self, queue: int) -> None:
        """`sync` in both worlds; the notification goes its own way."""
        self._both("sync", queue, lambda vq: vq.sync()).take()

    async def get(self, queue: int) -> Optional[UsedBuffer]:
        """`get_buf` in both worlds."""
        used: Optional[UsedBuffer] = self._both("get", queue, lambda vq: vq.get_buf()).take()
        if used is not None:
            self._collected(queue, used)
        return used

    async def detach(self, queue: int, token: Hashable) -> None:
        """`detach_buf` in both worlds; where that resets the queue, it takes time."""
        what = f"detach(queue {queue}, token {token!r})"
        self.bench.track("detach", queue, token if isinstance(token, int) else 0)
        self._catch_up(what, queue)
        both = [world.queue(queue).detach_steps(token) for world in (self.rtl, self.model)]
        while True:
            rtl, model = (_next(steps) for steps in both)
            if isinstance(rtl, Outcome) or rtl != model:
                break
            await self._detach_step(what, queue, rtl)
        if not isinstance(rtl, Outcome) or not isinstance(model, Outcome) or not rtl.same(model):
            self._fail(what, queue, [f"result: rtl {rtl}, model {model}"])
            return
        self._count("detach")
        self.check_driver(what, queue)
        rtl.take()
        self._release(queue, token)

    async def _detach_step(self, what: str, queue: int, step: str) -> None:
        while step == "reset" and (self.rtl.notified or self._ringing):
            await self.bench.wait_cycles(2)  # a notification must not come after the queue's life
        await self._access(self.rtl.step_of_detach(step, queue))
        if step == "reset":
            self._catch_up(what, queue)
            for _, places in self.held(queue):  # chains in flight may have been written in part
                for addr, length in places:
                    self.model.memory.write(addr, self.rtl.memory.read(addr, length))
            self._wish.pop(queue, None)
        self.model.run(self.model.step_of_detach(step, queue))

    async def restart(self, queue: int) -> bool:
        """`restart` in both worlds."""
        result: bool = self._both("restart", queue, lambda vq: vq.restart()).take()
        return result

    def _both(
        self,
        name: str,
        queue: int,
        operation: Callable[[RingVirtqueue], Any],
        token: Hashable = None,
    ) -> Outcome:
        what = f"{name}(queue {queue}{'' if token is None else f', token {token!r}'})"
        self.bench.track(name, queue, token if isinstance(token, int) else 0)
        self._catch_up(what, queue)
        rtl = self._call(self.rtl, queue, operation)
        model = self._call(self.model, queue, operation)
        if not rtl.same(model):
            self._fail(what, queue, [f"result: rtl {rtl}, model {model}"])
        self._count(name)
        self.check_driver(what, queue)
        return rtl

    def check_driver(self, what: str, queue: int) -> None:
        """Compare what the driver's code did in both worlds; send its notifications."""
        found = self._callback_differences() + self.writes_refused()
        if self.rtl.notified[len(self.rtl.notified) - len(self.model.notified) :] != (
            self.model.notified
        ):
            found.append(f"notified: rtl {self.rtl.notified}, model {self.model.notified}")
        if found:
            self._fail(what, queue, found)
        self._collected_by_callbacks()
        if self.model.notified:
            self.model.notified.clear()
            self._bell.set()

    # ---- the model follows the RTL

    def follow(self, what: str, queue: int) -> None:
        """Bring the model to where the RTL is, at a moment that `what` names."""
        self._catch_up(what, queue)

    def held(self, queue: int) -> list[tuple[Hashable, list[tuple[int, int]]]]:
        """Return each outstanding buffer of a queue with its writable segments."""
        return [(token, held[1]) for (index, token), held in self._held.items() if index == queue]

    def renew(self, queue: int) -> None:
        """Shut a stopped queue's driver down and make a new one for the same ring, in both."""
        for token, _ in self.held(queue):
            self._release(queue, token)
        for world in (self.rtl, self.model):
            world.renew(queue)
        self._wish.pop(queue, None)

    def _catch_up(self, what: str, queue: int) -> None:
        """Let the model return the chains that the RTL has returned, and no other."""
        vq, ring = self.rtl.queue(queue), self.model.model.ring(queue)
        rtl, flat, layout = self.rtl.memory, self.model.flat, self.rtl.queue(queue).layout
        if ring is None:
            return
        self.bench.memory.catch_up(self.bench.cycle)
        free: tuple[int, ...] = (layout.areas[2], layout.areas[2] + EVENT_FLAGS_AT)
        if isinstance(layout, SplitLayout):
            free = (layout.used_flags, layout.used_idx, layout.avail_event)
        for index in self._published(what, queue, vq, ring):
            flat.written = []
            if not self.model.model.step(queue):
                self._fail(what, queue, [f"{index}: no chain for {ring.used_index}"])
            for addr, length in flat.written:
                if addr in free and length <= EVENT_BYTES:
                    continue
                one, other = rtl.read(addr, length), flat.read(addr, length)
                if one != other:
                    self._fail(
                        what,
                        queue,
                        [
                            f"{index} is published; of the element before {ring.used_index} "
                            f"{length} bytes at {addr:#x}: rtl {one[:64].hex()}, "
                            f"model {other[:64].hex()}"
                        ],
                    )
        flat.written = None
        self._copy_wish(what, queue, vq)

    def _published(
        self, what: str, queue: int, vq: RingVirtqueue, ring: DeviceRing
    ) -> Iterator[str]:
        """Go through the used elements that the RTL has published and the model has not."""
        rtl, layout = self.rtl.memory, vq.layout
        if isinstance(layout, SplitLayout):
            index: int = U16.unpack(rtl.read(layout.used_idx, 2))[0]
            new = (index - ring.used_index) % INDEX_MODULUS
            held = (vq.avail_index - ring.used_index) % INDEX_MODULUS
            if new > held:
                self._fail(what, queue, [f"used index {index}: {new} new of {held} published"])
            while (index - ring.used_index) % INDEX_MODULUS <= new and ring.used_index != index:
                yield f"used index {index}"
        elif isinstance(layout, PackedLayout):
            while ring.used_index != vq.avail_index:
                place = Position.of(ring.used_index)
                if not place.is_used(U16.unpack(rtl.read(layout.flags(place.offset), 2))[0]):
                    break
                yield f"used descriptor {place.text()}"

    def _copy_wish(self, what: str, queue: int, vq: RingVirtqueue) -> None:
        """Check how the RTL asks for notifications, which it writes in its own time; copy it."""
        wish = self._wish.get(queue)
        if wish is None:
            first = first_index(self.setup, vq.layout)
            first = PackedVirtqueue.first_index if first is None else first
            wish = self._wish[queue] = Wish(vq.layout, vq.event_idx, first)
        found = wish.differences(self.rtl.memory, self.model.flat, vq.avail_index)
        if found:
            self._fail(what, queue, found)
        for addr, length in wish.places:
            self.model.flat.write(addr, self.rtl.memory.read(addr, length))

    # ---- what comes of itself

    async def _access(self, steps: Steps[Any]) -> Any:
        """Run register accesses that `stop` waits for."""
        self._accessing += 1
        try:
            return await self.rtl.run(steps)
        finally:
            self._accessing -= 1

    async def _ring(self) -> None:
        """Write notifications as they come."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            while self.rtl.notified:
                self._ringing = True
                await self.bench.wait_cycles(random.randint(*self.delays.notify))
                if self._stopping:
                    return
                queue = self.rtl.notified.pop(0)
                self.rtl.notifications += 1
                await self._access(notify(queue))
            self._ringing = False

    async def _serve(self) -> None:
        """Serve interrupts as they come."""
        irq = self.bench.irq
        while True:
            if not int(irq.value):
                await RisingEdge(irq)
            self._serving = True
            await self.bench.wait_cycles(random.randint(*self.delays.interrupt))
            if self._stopping:
                return
            causes = await self._access(take_interrupt())
            for queue, vq in enumerate(self.rtl.queues):
                if vq is not None:
                    self._catch_up("an interrupt", queue)
            self.rtl.interrupt(causes)
            self.model.interrupt(causes)
            for queue, vq in enumerate(self.rtl.queues):
                if vq is not None:
                    self.check_driver(f"an interrupt, {causes!r}", queue)
            self._serving = False

    # ---- the end

    async def settle(self) -> None:
        """Wait until all is done, then compare everything.

        Every interrupt must have come: a queue whose callbacks are on has nothing to collect.
        """
        self.bench.track("settle")
        await self.wait_quiet()
        live = [(queue, vq) for queue, vq in enumerate(self.rtl.queues) if vq is not None]
        for queue, _ in live:
            self._catch_up("settling", queue)
            self.model.model.settle(queue)
        for queue, vq in live:
            found = [] if self._same_memory() else self._memory_differences()
            ring = self.model.model.ring(queue)
            if ring is not None and ring.used_index != vq.avail_index:
                found.append(f"not all returned: {ring.used_index} of {vq.avail_index}")
            if vq.callbacks_on and vq.used_index != vq.avail_index:
                found.append("callbacks are on, a buffer is used, and no interrupt came")
            found += self.writes_refused()
            # the interrupts of the model were not looked at
            self.model.run(take_interrupt())
            found += await self._register_differences(queue, faults=True)
            if found:
                self._fail("settling", queue, found)

    async def wait_quiet(self) -> None:
        """Return when the engine is idle and the driver has nothing to send or to serve."""
        while True:
            await self.rtl.wait_quiet()
            busy = self.rtl.notified or self._ringing or self._serving
            if not busy and not int(self.bench.irq.value):
                return
            await self.bench.wait_cycles(8)
