# SPDX-License-Identifier: Apache-2.0
"""What a rule holds: a virtqueue, the other end of it, and the memory between them.

A rule is written once. It calls the operations through its bed and lets time pass only where it
says so, so that the other end may be the model or the Verilog.
"""

from __future__ import annotations

import abc
import copy
from collections.abc import Callable, Coroutine, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pymodel import Feature, Reg, RingState, UsedBuffer
from tests.model.formats import PackedFormat, SocketFormat, SplitFormat
from tests.model.world import BUFFER_BYTES, BUFFERS, SocketWorld, World

NOTHING = Feature(0)
TOKENS = "abc"  # of the buffers that a rule publishes together
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
        port: it is a socket-style queue, which negotiates nothing.
    """

    name: str
    features: Feature = NOTHING
    indirect: str = "never"
    port: bool = False

    @property
    def abilities(self) -> frozenset[str]:
        """What a rule may ask for in its `needs`."""
        if self.port:
            return frozenset({"ring reset"})  # it can always end a queue's life
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

    def cost(self, segments: int) -> int:
        """What a buffer of so many segments takes of the queue's size."""
        return 1

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

    def cost(self, segments: int) -> int:
        return segments if self.kind.indirect == "never" else 1

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


class OnModel(Bed):
    """What beds share whose other end is the model."""

    world: Any

    def allocate(self, length: int) -> int:
        place = self._place
        assert place + length <= BUFFER_BYTES
        self._place += length
        return BUFFERS + place

    @property
    def interrupts(self) -> int:
        found: int = self.world.interrupts
        return found

    async def run(self) -> None:
        self.world.device.run()

    async def begin(self, instant: int) -> None:
        for _ in range(instant):
            self.world.device.step(0)

    @property
    def instants(self) -> Iterable[int]:
        return range(len(TOKENS) + 1)

    async def deliver(self) -> bool:
        return bool(self.world.interrupt())

    def waits(self) -> bool:
        return not self.world.device.idle


class ModelBed(OnModel, RingBed):
    """A ring with the model as the other end."""

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

    @property
    def notified(self) -> int:
        return self.world.notified

    async def kick(self) -> None:
        self.world.device.write32(Reg.QUEUE_NOTIFY, self.queue.notification)
        await self.run()


class Hooked:
    """Memory whose accesses are steps of the operations, as those of registers are."""

    def __init__(self, memory: Any) -> None:
        self.memory = memory
        self.step: Callable[[], None] | None = None

    def read(self, addr: int, length: int) -> bytes:
        found: bytes = self.memory.read(addr, length)
        if self.step:
            self.step()
        return found

    def write(self, addr: int, data: bytes) -> None:
        self.memory.write(addr, data)
        if self.step:
            self.step()


class PortBed(Bed):
    """A socket-style queue: no memory is shared, and nothing is notified but by the frames."""

    memory: Hooked

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    def read(self, addr: int, length: int) -> bytes:
        found: bytes = self.memory.memory.read(addr, length)
        return found

    def write(self, addr: int, data: bytes) -> None:
        self.memory.memory.write(addr, data)

    @property
    def notified(self) -> int:
        return 0

    async def kick(self) -> None:
        await self.run()

    def hook(self, step: Callable[[], None] | None) -> None:
        self.memory.step = step
        self.queue.on_step = None if step is None else lambda name: step()

    def ask(self, wanted: bool) -> None:
        raise AssertionError("a rule about notifications ran on a port, which has none")

    def ask_at(self, ahead: int) -> None:
        raise AssertionError("a rule about notifications ran on a port, which has none")

    def books(self) -> tuple[Any, ...]:
        """What the driver knows."""
        queue = self.queue
        return queue.num_free, queue.outstanding, queue.unpublished, queue.unsent


class ModelPortBed(OnModel, PortBed):
    """A socket-style queue with the model of the port."""

    async def _open(self, callback: Callback | None, size: int) -> None:
        self.form = SocketFormat()
        self.world = SocketWorld(size, callback=callback)
        self.queue = self.world.queue
        self.memory = self.queue._memory = Hooked(self.world.memory)
        self._place = 0

    def seen(self) -> int:
        queue = self.world.device.queues[0]
        return len(queue.frames) + bool(queue.partial) + len(queue.answers)

    def state(self, stale: bool = True) -> Any:
        device = [(q.control, q.fault, q.frames, q.answers) for q in self.world.device.queues]
        return copy.deepcopy(device), self.books()

    def asks(self) -> bool:
        return self.form.wish(self.world) == "on"

    def forge(self, token: Hashable, length: int) -> None:
        number = 99 if token is None else self.form.number(self.world, token)
        self.form.forge(self.world, number, length)


def at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a rule whose bed never waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("a rule waits for something in the model")
