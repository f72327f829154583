# SPDX-License-Identifier: Apache-2.0
"""Throughput: cycles a buffer while load is offered at the pace of the bus limit.

The driver is the project's own, in the comparison that never waits (`tb.free_running`): each
operation is also run on the model, which follows the engine; whatever the two do differently, in
data, rings or registers, ends the run. So each figure is of a run whose every byte was compared.

Every `batch` x limit cycles a batch of buffers is added and published with one index update and,
if the engine asked for it, one notification; the queues take turns. What the engine has returned
is taken back first, and its descriptors are used again. So the engine can never be faster than
the limit (but for what the batches before it have left over), and a ratio of 1 says that it kept
up. Simulated time passes only while Python waits for the next batch's cycle: how fast Python is
does not matter.

All stamps are the simulator's: the memory logs the cycle of each write to a used index, a *mark*,
at which the used indices together reach some number of buffers. Cycles a buffer is the mean over
pairs of marks of the cycles between them over the buffers between them. The first is from the
middle of the run on, the second at least a third of the run later and a whole number of batches
away, so at the same place of its batch; neither is in the last batch. What it takes to start is
over by then, the first round trips and those by which reads of the rings take longer once payload
is on its way before them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Callable, NamedTuple, Optional

from pymodel import (
    Feature,
    PackedLayout,
    Position,
    RingVirtqueue,
    SplitLayout,
    pattern_bytes,
)
from pymodel.layout import INDEX_MODULUS, U16, QueueLayout
from pymodel.packed_layout import LENGTH_AT
from pymodel.registers import Config
from tb.bench import Bench
from tb.free_running import Delays, FreeRunning
from tb.measure.limits import LINE, segments
from tb.measure.points import Point
from tb.native_memory import Kind, latency
from tb.worlds import Setup, areas

BASE, MEMORY = 0x8000_0000, 1 << 24
TABLE_BYTES = 1 << 22  # of indirect tables, for all queues together
LEAD_CYCLES = 20  # from the end of the set-up to the first batch
PATIENCE = 200  # longest run, in limits of the whole load
# Classes of guest memory, by which the native memory counts beats; 0 is payload
PAYLOAD, DESCRIPTORS, RINGS, MARKS = range(4)

Disturb = Callable[[FreeRunning, Sequence["Buffer"]], None]


class Buffer(NamedTuple):
    """One buffer of the load."""

    queue: int
    number: int  # of its queue
    segments: list[tuple[int, int]]

    @property
    def length(self) -> int:
        """Bytes of all segments."""
        return sum(length for _, length in self.segments)


class Traffic(NamedTuple):
    """Beats, by what they were for; each beat counts once."""

    r_payload: int
    r_descriptors: int
    r_rings: int
    w_payload: int
    w_rings: int


class Mark(NamedTuple):
    """A write to a used index: the buffers used by then, on all queues, and its cycle."""

    used: int
    cycle: int


def free_order(point: Point) -> Callable[[int], Sequence[int]]:
    """Return the order in which a ring's descriptors are taken."""

    def order(size: int) -> Sequence[int]:
        indices = list(range(size))
        if point.order == "random":
            random.Random(size).shuffle(indices)
        return indices

    return order


def setup(point: Point, largest: int) -> Setup:
    """Return what both worlds start from; `largest` is the ring that the device takes."""
    return Setup(
        sizes=(min(point.ring_size, largest),) * point.queues,
        features=Feature.INDIRECT_DESC
        | Feature.EVENT_IDX
        | (Feature.RING_PACKED if point.ring == "packed" else Feature(0))
        | (Feature.IN_ORDER if point.in_order else Feature(0)),
        indirect="never",  # but where the point asks for it, chain by chain
        base=BASE,
        memory=MEMORY,
        tables=TABLE_BYTES // point.queues,
        pattern=True,
        order=free_order(point),
        table_lines=True,
    )


def plan(point: Point, pair: FreeRunning) -> list[Buffer]:
    """Return the load's buffers in the order of their adding; each has memory of its own."""
    lengths = segments(point.payload, point.descriptors)
    room = sum(-(-length // LINE) * LINE for length in lengths)
    room += 0 if point.aligned else LINE * len(lengths)
    count = point.batches * point.batch
    addr = pair.allocate(room * count, LINE)
    buffers = []
    for at in range(count):
        queue = at // point.batch % point.queues
        number = at // (point.batch * point.queues) * point.batch + at % point.batch
        parts, start = [], addr + room * at
        for length in lengths:
            parts.append((start + (0 if point.aligned else 1 + at % (LINE - 1)), length))
            start += -(-length // LINE) * LINE + (0 if point.aligned else LINE)
        buffers.append(Buffer(queue, number, parts))
    return buffers


def fill(pair: FreeRunning, buffer: Buffer) -> None:
    """Write what the device's function expects of a readable buffer."""
    data, done = pattern_bytes(buffer.queue, buffer.number, buffer.length), 0
    for addr, length in buffer.segments:
        pair.write(addr, data[done : done + length])
        done += length


def mark_places(layout: QueueLayout) -> list[tuple[int, int]]:
    """Return where the words lie that tell what a queue's device has returned, and their bytes."""
    if isinstance(layout, PackedLayout):
        return [(layout.flags(at) - 2, 4) for at in range(layout.size)]
    assert isinstance(layout, SplitLayout)
    return [(layout.used_idx, 2)]


class UsedPlace:
    """How far a queue's device has returned buffers.

    Args:
        vq: the queue.
        point: what is measured.
        ids: of all of the queue's buffers so far, in the order of their adding; packed in order.
        done: how many of them were returned before.
        index: the ring index after those; None is where the driver has collected up to.
    """

    def __init__(
        self,
        vq: RingVirtqueue,
        point: Point,
        ids: Sequence[int],
        done: int = 0,
        index: Optional[int] = None,
    ) -> None:
        self._layout, self._point = vq.layout, point
        self._slots = 1 if point.indirect else point.descriptors
        self._ids, self._done = ids, done
        self._index = vq.used_index if index is None else index

    def advance(self, read: Callable[[int, int], bytes]) -> int:
        """Return how many buffers more, by the words of `mark_places`; none where nothing is."""
        layout, before = self._layout, self._done
        if isinstance(layout, SplitLayout):
            index = U16.unpack(read(layout.used_idx, 2))[0]
            self._done += (index - self._index) % INDEX_MODULUS
            self._index = index
            return self._done - before
        assert isinstance(layout, PackedLayout)
        while self._done - before <= layout.size:
            place = Position.of(self._index)
            word = read(layout.flags(place.offset) - 2, 4)
            if not word or not place.is_used(U16.unpack(word[2:])[0]):
                return self._done - before
            count = 1
            if self._point.in_order:  # all up to the one with that id
                last = self._ids.index(U16.unpack(word[:2])[0], self._done)
                count = last + 1 - self._done
            self._done += count
            self._index = place.ahead(self._slots * count, layout.size).word
        raise AssertionError("more was returned than the ring holds")


class Load:
    """One point's load, from its first batch to its last comparison."""

    def __init__(self, bench: Bench, point: Point, pair: FreeRunning) -> None:
        self.bench, self.point, self.pair = bench, point, pair
        self.buffers = plan(point, pair)
        self.returned: set[int] = set()  # places in `buffers`
        self.ids: list[list[int]] = [[] for _ in range(point.queues)]  # see `UsedPlace`

    def watch(self) -> None:
        """Tell the memory what is what."""
        memory = self.bench.memory
        memory.watch(BASE, MEMORY, PAYLOAD)
        for vq in self.pair.rtl.queues:
            assert vq is not None and vq.tables is not None
            table, driver, device = areas(vq.layout)
            memory.watch(*table, DESCRIPTORS)
            memory.watch(vq.tables.region.base, vq.tables.region.length, DESCRIPTORS)
            memory.watch(*driver, RINGS)
            memory.watch(*device, RINGS)
            for addr, length in mark_places(vq.layout):
                memory.watch(addr, length, MARKS)
        memory.clear_accesses()
        memory.clear_counters()

    def count_used(self) -> int:
        """Return how many buffers were returned, collected or not."""
        count = len(self.returned)
        for queue in range(self.point.queues):
            done = sum(self.buffers[place].queue == queue for place in self.returned)
            place = UsedPlace(self.pair.rtl.queue(queue), self.point, self.ids[queue], done)
            count += place.advance(self.bench.memory.read)
        return count

    def traffic(self) -> Traffic:
        """Return what the bus has carried."""
        classes = [self.bench.memory.class_counters(watch) for watch in range(MARKS + 1)]
        return Traffic(
            classes[PAYLOAD].read_starts,
            classes[DESCRIPTORS].read_starts,
            classes[RINGS].read_starts + classes[MARKS].read_starts,
            classes[PAYLOAD].write_starts,
            sum(part.write_starts for part in classes[DESCRIPTORS:]),
        )

    async def collect(self, queue: int) -> None:
        """Take back what a queue has returned."""
        expected = self.point.payload if self.point.direction == "rx" else 0
        while True:
            used = await self.pair.get(queue)
            if used is None:
                return
            place = used.data
            if self.buffers[place].queue != queue or place in self.returned:
                raise AssertionError(
                    f"queue {queue} returned buffer {place}, not outstanding there"
                )
            if used.length != expected:
                raise AssertionError(f"buffer {place}: {used.length} bytes written, not {expected}")
            self.returned.add(place)

    async def publish(self, first: int) -> None:
        """Add a batch, beginning with a place in `buffers`, and publish it."""
        point = self.point
        out_num = point.descriptors if point.direction == "tx" else 0
        queue = self.buffers[first].queue
        for place in range(first, first + point.batch):
            await self.pair.add(
                queue,
                self.buffers[place].segments,
                out_num,
                point.descriptors - out_num,
                place,
                indirect=point.indirect,
            )
            if point.in_order and point.ring == "packed":
                vq = self.pair.rtl.queue(queue)
                at = vq.layout.descriptor(vq.outstanding[place][-1]) + LENGTH_AT + 4
                self.ids[queue].append(U16.unpack(self.bench.memory.read(at, 2))[0])
        await self.pair.sync(queue)

    async def run(self) -> None:
        """Offer all of the load and take all of it back."""
        point, bench = self.point, self.bench
        pace = point.batch * point.limit_cycles
        needed = point.batch * (1 if point.indirect else point.descriptors)
        start = bench.cycle + LEAD_CYCLES
        end = start + round(PATIENCE * pace * point.batches) + PATIENCE * point.latency
        for batch in range(point.batches):
            queue = batch % point.queues
            await bench.wait_cycles(start + round(batch * pace) - bench.cycle)
            await self.collect(queue)
            while self.pair.rtl.queue(queue).num_free < needed:
                await self._wait(pace, end)
                await self.collect(queue)
            await self.publish(batch * point.batch)
        while self.count_used() < len(self.buffers):
            await self._wait(pace, end)
        for queue in range(point.queues):
            await self.collect(queue)

    async def _wait(self, pace: float, end: int) -> None:
        if self.bench.cycle > end:
            raise AssertionError(
                f"{self.count_used()} of {len(self.buffers)} buffers returned by cycle {end}"
            )
        await self.bench.wait_cycles(max(32, round(pace)))

    async def compare(self) -> None:
        """Hold all of the memory and the registers against the model's; raise if they differ."""
        await self.pair.settle()
        if len(self.returned) != len(self.buffers):
            raise AssertionError(f"{len(self.returned)} of {len(self.buffers)} buffers came back")
        errors = await self.bench.read32(Config.SINK_ERRORS)
        if errors:
            raise AssertionError(f"{errors} readable bytes were not those of the buffers")

    def marks(self) -> list[Mark]:
        """Return the writes to used indices, in order."""
        places: dict[int, UsedPlace] = {}
        for queue in range(self.point.queues):
            vq = self.pair.rtl.queue(queue)
            place = UsedPlace(vq, self.point, self.ids[queue], index=vq.first_index)
            places |= dict.fromkeys((addr for addr, _ in mark_places(vq.layout)), place)
        words: dict[int, bytes] = {}  # written and not yet seen by their queue's place
        used, marks = 0, []
        for access in self.bench.memory.accesses(watch=MARKS):
            if access.kind == Kind.WRITE:
                words[access.addr] = access.data
                new = places[access.addr].advance(lambda addr, length: words.pop(addr, b""))
                used += new
                if new:
                    marks.append(Mark(used, access.cycle))
        return marks


def cycles_per_buffer(marks: Sequence[Mark], batch: int) -> float:
    """Return the mean cycles a buffer in the steady state; see this module's text.

    Args:
        marks: used indices as they were written, in order.
        batch: buffers published at once.
    """
    total = marks[-1].used
    end, span = total - batch, max(1, total // 3 // batch) * batch
    at = {mark.used: mark.cycle for mark in marks}
    firsts = [mark for mark in marks if 2 * mark.used >= total and mark.used + span <= end]
    rates = []
    for used, cycle in firsts:
        laters = (n for n in range(used + span, end + 1, batch) if n in at)
        rates += [(at[later] - cycle) / (later - used) for later in laters]
    if not rates:  # no two marks are whole batches apart
        for used, cycle in firsts:
            last = next(mark for mark in marks if mark.used >= used + span)
            rates.append((last.cycle - cycle) / (last.used - used))
    return sum(rates) / len(rates)


def bus_use(traffic: Traffic, buffers: int, cycles: float) -> dict[str, float]:
    """Return the beats of a buffer, and the cycles in which each data channel had none.

    Args:
        traffic: all beats of the run.
        buffers: of the run.
        cycles: a buffer takes in the steady state.
    """
    use = {name: beats / buffers for name, beats in traffic._asdict().items()}
    for channel in "rw":
        taken = sum(beats for name, beats in use.items() if name.startswith(channel))
        use[f"{channel}_idle"] = max(0.0, cycles - taken)  # the start and the end have beats too
    return use


async def measure(
    bench: Bench,
    point: Point,
    device: dict[str, int],
    again: bool,
    disturb: Optional[Disturb] = None,
) -> dict[str, Any]:
    """Measure one point; raise if anything differs from the model.

    Args:
        bench: the started bench.
        point: what to measure.
        device: parameters of the model device.
        again: the memory's region is there from an earlier point.
        disturb: called before the first batch, to break something.
    """
    if (point.data_w, True) != (device["data_w"], point.queues <= device["queues"]):
        raise ValueError(f"not for a device of {device['data_w']} bits, {device['queues']} queues")
    bench.memory.configure(latency(point.latency))
    pair = FreeRunning(
        bench, setup(point, device["queue_size_max"]), Delays(notify=(0, 0)), **device
    )
    await pair.start(again)
    load = Load(bench, point, pair)
    if point.direction == "tx":
        for buffer in load.buffers:
            fill(pair, buffer)
    load.watch()
    if disturb is not None:
        disturb(pair, load.buffers)
    await load.run()
    await load.compare()
    await pair.stop()
    pair.give_up()
    measured = cycles_per_buffer(load.marks(), point.batch)
    found: dict[str, Any] = asdict(point)
    found["cycles_per_buffer"] = round(measured, 4)
    found["limit_cycles"] = round(point.limit_cycles, 4)
    found["ratio"] = round(point.limit_cycles / measured, 4)
    found["buffers"] = len(load.buffers)
    found["notifications"] = pair.rtl.notifications
    use = bus_use(load.traffic(), len(load.buffers), measured)
    found |= {name: round(value, 4) for name, value in use.items()}
    return found
