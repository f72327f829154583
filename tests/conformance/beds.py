# SPDX-License-Identifier: Apache-2.0
"""What a rule holds: a virtqueue, the other end of it, and the memory between them.

A rule is written once. It calls the operations through its bed and lets time pass only where it
says so, so that the other end may be the model or the Verilog.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Coroutine, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pymodel import Feature, Reg, RingState, UsedBuffer
from tests.model.formats import PackedFormat, SplitFormat
from tests.model.world import BUFFER_BYTES, BUFFERS, World

NOTHING = Feature(0)
SIZE = 8  # of a queue, unless a rule says otherwise
ROUNDS = 1000  # interrupts served before the two ends are said to keep each other busy
Callback = Callable[[Any], bool]
Segments = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Kind:
    """One way to negotiate a queue.

    Attributes:
        name: in messages.
        features: negotiated besides VERSION_1 and the ring's format.
        indirect: the driver's policy; see `RingVirtqueue`.
    """

    name: str
    features: Feature = NOTHING
    indirect: str = "never"

    @property
    def abilities(self) -> frozenset[str]:
        """What a rule may ask for in its `needs`."""
        found = {"event index" if self.features & Feature.EVENT_IDX else "flags"}
        found.add("ring reset" if self.features & Feature.RING_RESET else "no ring reset")
        if self.indirect != "never":
            found.add("indirect")
        return frozenset(found)


class Bed(abc.ABC):
    """A queue that was set up, with its other end.

    Attributes:
        kind: how it is negotiated.
        queue: the driver's side; rules call the operations of the bed, callbacks those of the
            queue.
        calls: how often the callback was called.
    """

    kind: Kind
    queue: Any

    # ---- set-up and memory

    async def open(self, callback: Callback | None = None, size: int = SIZE) -> None:
        """Bring the device up from reset, with one new queue."""
        self.calls = 0

        def counted(queue: Any) -> bool:
            self.calls += 1
            assert callback is not None
            return callback(queue)

        await self._open(counted if callback else None, size)

    @abc.abstractmethod
    async def _open(self, callback: Callback | None, size: int) -> None: ...

    @abc.abstractmethod
    def allocate(self, length: int) -> int:
        """Return the address of memory for buffers."""

    @abc.abstractmethod
    def read(self, addr: int, length: int) -> bytes: ...

    @abc.abstractmethod
    def write(self, addr: int, data: bytes) -> None: ...

    # ---- the operations

    async def add(self, sg: Segments, out_num: int, in_num: int, token: Hashable) -> None:
        self.queue.add_buf(sg, out_num, in_num, token)

    async def sync(self) -> None:
        self.queue.sync()

    async def get(self) -> UsedBuffer | None:
        found: UsedBuffer | None = self.queue.get_buf()
        return found

    async def detach(self, token: Hashable) -> None:
        self.queue.detach_buf(token)

    async def restart(self) -> bool:
        found: bool = self.queue.restart()
        return found

    async def shutdown(self) -> list[Hashable]:
        found: list[Hashable] = self.queue.shutdown()
        return found

    async def interrupt(self) -> None:
        """Tell the queue of an interrupt that may have no cause."""
        self.queue.interrupt()

    # ---- the other end

    @property
    @abc.abstractmethod
    def notified(self) -> int:
        """Notifications that the driver sent so far."""

    @property
    @abc.abstractmethod
    def interrupts(self) -> int:
        """Used-buffer interrupts that were served so far."""

    @abc.abstractmethod
    async def run(self) -> None:
        """Let the other end work until it is idle; its interrupt is left raised."""

    @abc.abstractmethod
    async def begin(self, instant: int) -> None:
        """Let the other end hear of what was published, and work for a while."""

    @property
    @abc.abstractmethod
    def instants(self) -> Iterable[int]:
        """What `begin` takes, so that every stage of its work on one buffer is met."""

    @abc.abstractmethod
    async def deliver(self) -> bool:
        """Serve the interrupt if it is raised; whether it was."""

    @abc.abstractmethod
    async def kick(self) -> None:
        """Send a notification that nobody asked for, and let the other end work."""

    async def serve(self) -> int:
        """Let both ends work until nothing is left to do; return the interrupts served."""
        before = self.interrupts
        for _ in range(ROUNDS):
            await self.run()
            if not await self.deliver() and not self.waits():
                return self.interrupts - before
        raise AssertionError("the two ends keep each other busy without end")

    @abc.abstractmethod
    def waits(self) -> bool:
        """Whether a notification waits to be heard."""

    # ---- what only a test may do

    @abc.abstractmethod
    def hook(self, step: Callable[[], None] | None) -> None:
        """Call `step` in the midst of every operation, at each of its steps; None: no more."""

    @abc.abstractmethod
    def seen(self) -> int:
        """Buffers that the other end can see, of the first ones of a queue's life."""

    @abc.abstractmethod
    def state(self, stale: bool = True) -> Any:
        """Everything that the two ends share, and what the driver knows of it.

        `stale`: with what lies in memory but belongs to no buffer any more.
        """

    @abc.abstractmethod
    def ask(self, wanted: bool) -> None:
        """Say in the other end's name whether it wants notifications."""

    @abc.abstractmethod
    def ask_at(self, ahead: int) -> None:
        """Say in its name that it wants to hear of the buffer `ahead` of the next one."""

    @abc.abstractmethod
    def asks(self) -> bool:
        """Whether the driver asks for an interrupt at the next used buffer."""

    @abc.abstractmethod
    def forge(self, token: Hashable, length: int) -> None:
        """Return a buffer in its name: of a token, or of nobody if that is None."""

    # ---- what rules have in common

    async def send(self, *tokens: Hashable, room: int = 4) -> None:
        """Publish small buffers that are read and written."""
        for token in tokens:
            addr = self.allocate(4 + room)
            await self.add([(addr, 4), (addr + 4, room)], 1, 1, token)
        await self.sync()

    async def drain(self) -> list[tuple[Hashable, int]]:
        """Collect all that was used: tokens and lengths."""
        found: list[tuple[Hashable, int]] = []
        while (used := await self.get()) is not None:
            found.append((used.data, used.length))
        return found


class RingBed(Bed):
    """A queue with descriptors in shared memory.

    Args:
        form: how tests write into a ring of its format, of `tests.model.formats`.
        kind: how the queue is negotiated.
    """

    memory: Any

    def __init__(self, form: SplitFormat | PackedFormat, kind: Kind) -> None:
        self.form, self.kind = form, kind

    @property
    def layout(self) -> Any:
        """The ring's addresses; `form` asks for it."""
        return self.queue.layout

    def read(self, addr: int, length: int) -> bytes:
        return bytes(self.memory.read(addr, length))

    def write(self, addr: int, data: bytes) -> None:
        self.memory.write(addr, data)

    def hook(self, step: Callable[[], None] | None) -> None:
        self.queue._ring.on_step = None if step is None else lambda name: step()

    def seen(self) -> int:
        return self.form.seen(self)

    def state(self, stale: bool = True) -> Any:
        queue = self.queue
        tables = None if queue.tables is None else queue.tables.free_bytes
        books = (queue.num_free, queue.outstanding, queue.unpublished, queue.used_index, tables)
        return RingState.capture(self.memory, self.layout, tables=stale), books

    def ask(self, wanted: bool) -> None:
        self.form.suppress(self, not wanted)

    def ask_at(self, ahead: int) -> None:
        self.form.ask_at(self, ahead)

    def asks(self) -> bool:
        return self.form.wish(self) in ("on", "in 0")

    def forge(self, token: Hashable, length: int) -> None:
        number = 99 if token is None else self.form.number(self, token)
        self.form.forge(self, number, length)


class ModelBed(RingBed):
    """The other end is the model."""

    @property
    def memory(self) -> Any:
        return self.world.memory

    async def _open(self, callback: Callback | None, size: int) -> None:
        self.world = World(
            size,
            event_idx=bool(self.kind.features & Feature.EVENT_IDX),
            indirect=self.kind.indirect,
            callback=callback,
            packed=self.form.packed,
            features=self.kind.features,
            **({"batch": 3} if self.kind.features & Feature.IN_ORDER else {}),
        )
        self.queue = self.world.queue
        self._place = 0

    def allocate(self, length: int) -> int:
        place = self._place
        assert place + length <= BUFFER_BYTES
        self._place += length
        return BUFFERS + place

    @property
    def notified(self) -> int:
        return self.world.notified

    @property
    def interrupts(self) -> int:
        return self.world.interrupts

    async def run(self) -> None:
        self.world.device.run()

    async def begin(self, instant: int) -> None:
        for _ in range(instant):
            self.world.device.step(0)

    @property
    def instants(self) -> Iterable[int]:
        return range(2)

    async def deliver(self) -> bool:
        return bool(self.world.interrupt())

    async def kick(self) -> None:
        self.world.device.write32(Reg.QUEUE_NOTIFY, 0)
        await self.run()

    def waits(self) -> bool:
        return not self.world.device.idle


def at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a rule whose bed never waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("a rule waits for something in the model")
