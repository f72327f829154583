# SPDX-License-Identifier: Apache-2.0
"""The five operations on a ring of four, shown step by step as pictures of the ring.

The driver's part and the Verilog's part of each operation are drawn apart; what changed since the
picture before is marked with `*`. Everything is compared with the model as in any other run.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Callable, Optional

import cocotb

from pymodel import DeviceIndices, Feature, RingState, UsedBuffer, draw_ring
from pymodel.registers import Reg
from tb.bench import Bench
from tb.comparison import Comparison
from tb.player import parameters
from tb.screen import say, tallied
from tb.worlds import RtlWorld, Setup, World

SIZE = 4
WIDTH = 98
HEAP_BYTES = 1 << 16
LEGEND = """\
A driver (Python) and a device (Verilog) share a ring in memory; each picture shows that memory.
  *  changed since the picture before        owner   who may use a descriptor now
  ◄  where an index stands: idx, the published one; driver and device, how far each has come
  N  a next descriptor follows    W  the device writes    I  names an indirect table\
"""


@dataclass(frozen=True)
class Words:
    """What is said of a format's ring."""

    hidden: str
    published: str
    answered: str
    silenced: str
    quiet: str
    armed: str
    again: str
    due: str


SPLIT = Words(
    hidden="The index is still 0: not visible yet.",
    published="One write of the index publishes both. avail_event is 0, so the driver notifies.",
    answered="Two chains read, looped back and returned; avail_event asks for the next buffer.",
    silenced="used_event moves out of reach.",
    quiet="Used, and no interrupt: used_event does not ask for one.",
    armed="used_event is next.",
    again="Buffers 5 and 6; slot 0 of the available ring is used again.",
    due="Both used in order; the used index passed used_event, so an interrupt is due.",
)
PACKED = Words(
    hidden="The flags still say used: not visible yet.",
    published="The flags of the first descriptor come last. The device enables notifications.",
    answered="Two chains read, looped back and returned; the device event is at the next buffer.",
    silenced="the driver event disables.",
    quiet="Used, and no interrupt: the driver event disables them.",
    armed="the driver event is at the next one.",
    again="Buffers 5 and 6, in the ring's second lap.",
    due="Both used in order; the driver event was passed, so an interrupt is due.",
)


class PausedWorld(RtlWorld):
    """The RTL's world, with a pause before and after the Verilog's part of an operation.

    Attributes:
        before_device: called when the driver is done and the device is to be notified.
        after_device: called when the engine has become idle, before an interrupt is served.
        cycles: of the last such work, from the notification until the engine was idle.
    """

    before_device: Optional[Callable[[], None]] = None
    after_device: Optional[Callable[[], Awaitable[None]]] = None
    cycles = 0
    _working = False

    async def hand_over(self) -> None:
        """Write the notifications that wait to the register."""
        if self.notified and self.before_device is not None:
            self.before_device()
        self._working = bool(self.notified)
        await super().hand_over()

    async def wait_quiet(self) -> None:
        """Return when the engine is idle and was for a while."""
        begin = self.bench.cycle
        await super().wait_quiet()
        if self._working:
            self._working = False
            self.cycles = self.bench.cycle - begin
            if self.after_device is not None:
                await self.after_device()


class PausedComparison(Comparison):
    """A comparison whose RTL world pauses."""

    def __init__(self, bench: Bench, setup: Setup, **device: Any) -> None:
        super().__init__(bench, setup, **device)
        self.rtl: PausedWorld = PausedWorld(setup, bench)


class Demonstration:
    """The steps, with what is drawn and said at each."""

    def __init__(self, bench: Bench, comparison: PausedComparison) -> None:
        self.bench, self.comparison = bench, comparison
        self.world = comparison.rtl
        self.words = PACKED if comparison.setup.features & Feature.RING_PACKED else SPLIT
        self.shown: Optional[RingState] = None  # in the last picture
        self.device = DeviceIndices(0, 0)
        self.number = 0
        self.texts: dict[int, tuple[bytes, list[tuple[int, int]]]] = {}  # by token

    # ---- pictures

    def title(self, operation: str, text: str) -> None:
        """Begin a step: the operation, and one line on what it does."""
        self.number += 1
        head = f"── {self.number}. {operation} "
        say("\n" + head + "─" * (WIDTH - len(head)))
        say(text)

    def draw(self) -> None:
        """Draw the ring in the RTL's memory, with what changed since the last picture."""
        vq = self.world.queue(0)
        state = RingState.capture(self.world.memory, vq.layout, tables=True)
        say(draw_ring(state, driver=vq, device=self.device, before=self.shown).rstrip())
        self.shown = state

    async def read_indices(self) -> None:
        """Read the device's indices from its registers."""
        await self.bench.write32(Reg.QUEUE_SEL, 0)
        self.device = DeviceIndices(
            await self.bench.read32(Reg.QUEUE_AVAIL_INDEX),
            await self.bench.read32(Reg.QUEUE_USED_INDEX),
        )

    # ---- operations

    async def add(self, token: int, out: list[str], in_bytes: list[int], indirect: bool) -> None:
        """Add a buffer: readable texts, and room for so many bytes."""
        pieces = [text.encode("ascii") for text in out]
        lengths = [*map(len, pieces), *in_bytes]
        segments = [(self.comparison.allocate(length, 16), length) for length in lengths]
        for piece, (addr, _) in zip(pieces, segments):
            self.comparison.write(addr, piece)
        await self.comparison.add(0, segments, len(pieces), len(in_bytes), token, indirect)
        self.texts[token] = (b"".join(pieces), segments[len(pieces) :])

    def told(self, used: Optional[UsedBuffer]) -> str:
        """Check what came back in a buffer and say it."""
        if used is None:
            return "Nothing is pending: None."
        sent, segments = self.texts[used.data]
        found = b"".join(self.world.memory.read(addr, length) for addr, length in segments)
        found = found[: used.length]
        expected = sent[: sum(length for _, length in segments)]
        if found != expected:
            raise AssertionError(f"buffer {used.data}: {found!r} came back, not {expected!r}")
        text = f' "{found.decode("ascii")}"' if found else ""
        return f"Buffer {used.data} is back with {used.length} bytes written:{text or ' none'}"

    async def get(self) -> None:
        """Collect a buffer, check what came back, and draw."""
        used = await self.comparison.get(0)
        self.title("get_buf", self.told(used))
        if used is not None:
            self.draw()

    async def sync(self, driver: str, device: str) -> None:
        """Publish; draw the driver's part and then the Verilog's."""

        def before_device() -> None:
            self.title("sync, the driver's part", driver)
            self.draw()

        async def after_device() -> None:
            begin = self.bench.cycle
            await self.read_indices()
            self.comparison.tally.cycles -= self.bench.cycle - begin
            work = f"{device} {self.world.cycles} cycles."
            self.title("sync, the Verilog's part", work)
            self.draw()

        self.world.before_device, self.world.after_device = before_device, after_device
        await self.comparison.sync(0)
        self.world.before_device = self.world.after_device = None

    async def refused(self, what: str, operation: Awaitable[Any]) -> None:
        """Run an operation that both worlds must refuse, and say how."""
        try:
            await operation
        except OSError as error:
            say(f"  {what}: {type(error).__name__}, {error.strerror}")
        else:
            raise AssertionError(f"{what}: not refused")

    # ---- the story

    async def play(self) -> None:
        """Run and show all steps."""
        say(LEGEND)
        await self.comparison.start()
        await self.read_indices()
        self.title("init", "The driver has written the ring's addresses and size to the registers.")
        self.draw()
        await self.first_round()
        await self.suppression()
        await self.event_index()
        self.title("refusals", "The same errors in both worlds, and nothing changes:")
        await self.refused(
            "add_buf of 5 segments to a ring of 4", self.add(9, ["a"] * 4, [1], False)
        )
        await self.refused("detach_buf of a buffer long gone", self.comparison.detach(0, 1))
        await self.comparison.finish()

    async def first_round(self) -> None:
        """Two buffers out and back, a third one taken back."""
        await self.add(1, ["Hello from the driver"], [32], False)
        self.title(
            "add_buf",
            f"Buffer 1: one segment to read, one to write. {self.words.hidden}",
        )
        self.draw()
        await self.add(2, ["one descriptor, ", "three segments"], [40], True)
        self.title(
            "add_buf", "Buffer 2 takes one descriptor: its segments are in an indirect table."
        )
        self.draw()
        await self.add(3, ["never sent"], [], False)
        self.title("add_buf", "Buffer 3 takes the last descriptor; the ring is full.")
        self.draw()
        await self.comparison.detach(0, 3)
        self.title(
            "detach_buf", "Buffer 3 is not published yet, so it comes back as if never added."
        )
        self.draw()
        await self.sync(self.words.published, self.words.answered)
        ran = len(self.world.calls)
        self.title(
            "interrupt",
            f"The callback ran {ran} time and returned False: {self.words.silenced}",
        )
        self.draw()
        await self.get()
        await self.get()

    async def suppression(self) -> None:
        """A buffer used while callbacks are off, and restart."""
        await self.add(4, ["quiet"], [16], False)
        await self.sync(
            "Buffer 4 is added and published while callbacks are off.",
            self.words.quiet,
        )
        result = await self.comparison.restart(0)
        self.title(
            "restart",
            f"{result}: buffer 4 is pending, which an interrupt would have missed. Still off.",
        )
        self.draw()
        await self.get()
        result = await self.comparison.restart(0)
        self.title("restart", f"{result}: nothing pending, callbacks are on: {self.words.armed}")
        self.draw()

    async def event_index(self) -> None:
        """Two buffers, one notification, one interrupt; the rings' slots wrap."""
        served, notified = len(self.world.interrupts), self.world.notifications
        await self.add(5, ["first of two"], [16], True)
        await self.add(6, ["second of two"], [16], True)
        await self.sync(self.words.again, self.words.due)
        served = len(self.world.interrupts) - served
        notified = self.world.notifications - notified
        self.title(
            "event index",
            f"{notified} notification and {served} interrupt for two buffers; the callback turned "
            "itself off again.",
        )
        self.draw()
        await self.get()
        await self.get()
        await self.get()


def no_more(world: World, queue: int) -> bool:
    """A callback that leaves the work to the driver and asks for no more calls."""
    return False


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def demonstration(dut: Any) -> None:
    """The five operations, each equal to the model."""
    bench = Bench(dut)
    bench.dump(True)
    await bench.start()
    setup = Setup(sizes=(SIZE,), memory=HEAP_BYTES, tables=1 << 10, callback=no_more)
    comparison = PausedComparison(bench, setup, **await parameters(bench))
    with tallied(comparison.tally):
        await Demonstration(bench, comparison).play()
