# SPDX-License-Identifier: Apache-2.0
"""The five operations one by one, and every kind of chain, compared after each operation."""

from __future__ import annotations

import errno
import os
import random

import cocotb

from pymodel import Fault, Feature, Segment, UsedBuffer, pattern_bytes
from pymodel.layout import DESC_F_INDIRECT, DESC_F_NEXT, DESC_F_WRITE, U16, Descriptor
from pymodel.registers import Config, Reg
from tb.bench import Bench
from tb.comparison import Comparison
from tb.native_memory import Kind, latency
from tb.player import Habits, Player, drain, parameters, postpone
from tb.worlds import Setup

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower and more
NOTHING = Feature(0)
EVENT, INDIRECT = Feature.EVENT_IDX, Feature.INDIRECT_DESC
PAGE = 4096


async def begin(dut, settings=None, **fields) -> Comparison:
    """Return a comparison that has started."""
    bench = Bench(dut, settings)
    await bench.start()
    device = await parameters(bench)
    fields = {"memory": 1 << 17, "tables": 1 << 13, "indirect": "never"} | fields
    comparison = Comparison(bench, Setup(**fields), **device)
    await comparison.start()
    return comparison


async def fails_with(code: int, coroutine) -> None:
    try:
        await coroutine
    except OSError as error:
        assert error.errno == code, error
    else:
        raise AssertionError(f"no error, {errno.errorcode[code]} was due")


async def pass_one(c: Comparison, queue: int, segments, out_num: int, in_num: int, **how):
    """Add, publish and collect one chain; return the bytes written."""
    await c.add(queue, segments, out_num, in_num, "one", **how)
    await c.sync(queue)
    used = await c.get(queue)
    assert used is not None and used.data == "one"
    return used.length


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(features=[NOTHING, EVENT | INDIRECT], size=[1, 2, 4, 256])
async def each_operation_alone(dut, features, size):
    """Also where there is nothing to do, and where it is an error."""
    c = await begin(dut, sizes=(size,), features=features, callback=postpone)
    addr = c.allocate(256)
    await fails_with(errno.EINVAL, c.restart(0))  # callbacks are on
    assert await c.get(0) is None
    await c.sync(0)
    await fails_with(errno.ENOENT, c.detach(0, "none"))
    await fails_with(errno.EINVAL, c.add(0, [], 0, 0, "empty"))
    await fails_with(errno.EINVAL, c.add(0, [(addr, 0)], 1, 0, "no byte"))
    await fails_with(errno.EINVAL, c.add(0, [(addr, 4)], 1, 0, None))
    await c.add(0, [(addr, 4)], 1, 0, "a")
    await fails_with(errno.EINVAL, c.add(0, [(addr, 4)], 1, 0, "a"))
    assert await c.get(0) is None, "it was not published"
    assert not c.rtl.calls
    await c.sync(0)
    assert [call.queue for call in c.rtl.calls] == [0], "one interrupt, one callback"
    await fails_with(errno.ENOENT, c.detach(0, "a"))  # used, not collected
    assert not await c.restart(0), "a buffer waits"
    assert await c.get(0) == UsedBuffer("a", 0)
    assert await c.get(0) is None
    assert await c.restart(0)
    await c.add(0, [(addr, 100)], 0, 1, "b")
    await c.sync(0)
    assert len(c.rtl.calls) == 2
    assert await c.get(0) == UsedBuffer("b", 0), "loopback of nothing"
    await c.finish()


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(features=[NOTHING, EVENT], size=[1, 2, 4, 256])
async def full_ring(dut, features, size):
    """Fill the ring, be refused one more, drain it; the slots wrap, by another offset each time."""
    c = await begin(dut, sizes=(size,), features=features, callback=drain)
    player = Player(c, Habits(shapes=[(1, 0), (0, 1)], lengths=[1, 3, 8], long=0, deep=0))
    for start in range(2):
        for _ in range(size):
            assert await player.add(0)
        assert not await player.add(0) and player.full == start + 1
        await player.sync(0)
        player.free_collected()
        assert not player.sent[0], "the callback collected all"
        if size > 1:  # next time from another slot
            await player.add(0)
            await player.sync(0)
    await player.finish()


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(indirect=[False, True], size=[1, 2, 4, 256])
async def one_chain_fills_the_ring(dut, indirect, size):
    c = await begin(dut, sizes=(size,), features=EVENT | INDIRECT, indirect="never")
    longest = min(size, c.model.model.max_chain)
    player = Player(c, Habits(lengths=[1, 5, 8, 16], long=0, indirect=indirect))
    for out_num in {0, 1, longest // 2, longest - 1, longest}:
        assert await player.add(0, (out_num, longest - out_num))
        await player.finish()
    if size < c.model.model.max_chain:
        assert not await player.add(0, (1, size)), "longer than the ring"
        await player.finish()


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(indirect=[False, True])
async def chain_over_the_cap_is_a_fault(dut, indirect):
    """As many descriptors as the device takes pass; one more is refused, and nothing written."""
    c = await begin(dut, sizes=(256,), features=EVENT | INDIRECT)
    cap = c.model.model.max_chain
    player = Player(c, Habits(lengths=[1, 5, 8], long=0, indirect=indirect))
    assert await player.add(0, (cap // 2, cap - cap // 2))
    await player.finish()
    if cap < 256:
        assert await player.add(0, (1, cap))
        await player.sync(0)
        assert await c.bench.read32(Reg.FAULT_CODE) == Fault.CHAIN_OVER_CAP
        await c.finish()


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def any_alignment_and_length(dut):
    """Every pair of places in a bus word, lengths around one, two and three words."""
    c = await begin(dut, sizes=(256,), features=NOTHING, memory=1 << 18)
    width = c.model.model.read32(Reg.ENGINE_INFO) >> 8 & 0xFF
    word = 1 << width
    near = [n for k in (1, 2, 3) for n in range(k * word - 2, k * word + 3) if n > 0]
    lengths = sorted({*range(1, min(word, 12)), *near})
    cases = [(a, b, n) for a in range(word) for b in range(word) for n in lengths]
    count = 1500 if FAST else 120
    if len(cases) > count:
        cases = random.sample(cases, count)
    places = [c.allocate(512, 64) for _ in range(200)]
    for at in range(0, len(cases), 100):
        for token, (a, b, n) in enumerate(cases[at : at + 100]):
            source, target = places[2 * token] + a, places[2 * token + 1] + b
            c.write(source, random.randbytes(n))
            # not by c.add: one comparison a batch is enough
            for world in (c.rtl, c.model):
                world.queue(0).add_buf([(source, n), (target, n)], 1, 1, token)
            c.bench.memory.allow(target, n)
        await c.sync(0)
        for token, (_, b, n) in enumerate(cases[at : at + 100]):
            for world in (c.rtl, c.model):
                assert world.queue(0).get_buf() == UsedBuffer(token, n)
            c.bench.memory.disallow(places[2 * token + 1] + b, n)
    await c.finish()


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def segments_of_any_number_in_any_word(dut):
    """Chains of many short segments: every realignment, on the way out and in."""
    c = await begin(dut, sizes=(64,), features=INDIRECT, memory=1 << 18, tables=1 << 14)
    player = Player(c, Habits(long=0, lengths=[1, 1, 2, 3, 5, 7, 8, 9, 13, 64, 65], indirect="any"))
    most = min(16, player.longest)
    for _ in range(60 if FAST else 12):
        for _ in range(6):
            out_num = random.randint(0, most)
            in_num = random.randint(0 if out_num else 1, most - out_num or (not out_num))
            await player.add(0, (out_num, in_num))
        await player.sync(0)
        while await player.get(0):
            pass
    await player.finish()


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def pages_are_crossed(dut):
    """Segments that end before, at and after a 4 KiB boundary; others that span several pages."""
    c = await begin(dut, sizes=(8,), features=NOTHING, memory=1 << 19)
    base = c.allocate(40 * PAGE, PAGE)
    page, target = base + PAGE, base + 16 * PAGE
    word = 1 << (c.model.model.read32(Reg.ENGINE_INFO) >> 8 & 0xFF)
    around = [*range(1, 5), word - 1, word, word + 1, 2 * word + 3, 64, 65, 255, 256, 257]
    for before in around if FAST else random.sample(around, 5):
        for after in random.sample([0, *around], 4 if FAST else 2):
            length = before + after
            c.write(page - before, random.randbytes(length))
            segments = [(page - before, length), (target + PAGE - after - 1, length)]
            assert await pass_one(c, 0, segments, 1, 1) == length
    for length in (PAGE, 2 * PAGE, 20_000, 40_001) if FAST else (9001,):
        source, sink = base + random.randrange(word), target + random.randrange(200)
        c.write(source, random.randbytes(length))
        assert await pass_one(c, 0, [(source, length), (sink, length)], 1, 1) == length
    await c.finish()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def framing_does_not_matter(dut):
    """The same bytes come back however both sides are divided over descriptors (2.7.4)."""
    c = await begin(dut, sizes=(32,), features=INDIRECT, tables=1 << 13)
    data = random.randbytes(150)
    source, sink = c.allocate(400), c.allocate(400)

    def cut(addr: int, count: int) -> list[Segment]:
        marks = sorted(random.sample(range(1, len(data)), count - 1))
        edges = [0, *marks, len(data)]
        return [Segment(addr + a, b - a) for a, b in zip(edges, edges[1:])]

    for out_num, in_num in [(1, 1), (1, 9), (9, 1), (7, 5), (2, 2), (4, 12)]:
        c.write(source, data)
        c.write(sink, bytes(len(data)))
        segments = cut(source, out_num) + cut(sink, in_num)
        indirect = random.random() < 0.5
        assert await pass_one(c, 0, segments, out_num, in_num, indirect=indirect) == len(data)
        assert c.rtl.memory.read(sink, len(data)) == data
    await c.finish()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def unequal_sides(dut):
    """The shorter side gives the length; what lies behind it is not written."""
    c = await begin(dut, sizes=(8,), features=NOTHING)
    source, sink = c.allocate(300), c.allocate(300)
    for out_bytes, in_bytes in [(1, 200), (200, 1), (64, 65), (65, 64), (17, 200), (128, 3)]:
        c.write(source, random.randbytes(out_bytes))
        segments = [(source, out_bytes), (sink + 3, in_bytes // 2 + 1), (sink + 160, in_bytes)]
        expected = min(out_bytes, in_bytes // 2 + 1 + in_bytes)
        assert await pass_one(c, 0, segments, 1, 2) == expected
    await c.finish()


@cocotb.test(timeout_time=50, timeout_unit="ms")
@cocotb.parametrize(features=[NOTHING, EVENT | INDIRECT])
async def detached_buffers(dut, features):
    """Taken back before they are published, in any order; the ring is as if they had never been."""
    c = await begin(dut, sizes=(8,), features=features, indirect="multi" if features else "never")
    player = Player(c, Habits(shapes=[(1, 0), (1, 1), (0, 2)], lengths=[4, 20], long=0, deep=0))
    for count in (1, 2, 3):
        for place in range(count):
            for _ in range(count):
                assert await player.add(0)
            token = player.waiting[0][place]
            ring = c.rtl.queue(0).next_avail_index
            await c.detach(0, token)
            assert c.rtl.queue(0).next_avail_index == ring - 1
            player.waiting[0].remove(token)
            for addr in player.buffers.pop(token):
                c.free(addr)
            await fails_with(errno.ENOENT, c.detach(0, token))
            await player.sync(0)
            for sent in player.sent[0]:
                await fails_with(errno.ENOENT, c.detach(0, sent))  # used by now
            while await player.get(0):
                pass
    await player.finish()


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def pattern_mode_counts_wrong_bytes(dut):
    """No error for the right bytes in any number of pieces; each wrong byte counts once."""
    c = await begin(dut, sizes=(16,), features=INDIRECT, pattern=True)
    player = Player(c, Habits(detach=False, long_bytes=3000))
    await player.play(120 if FAST else 25)
    assert await c.bench.read32(Config.SINK_ERRORS) == 0
    wrong = 0
    source = c.allocate(100)
    for flips in ([0], [99], [98, 99], [0, 7, 8, 63, 64, 65]):
        data = bytearray(pattern_bytes(0, player.numbers[0], 100))
        for at in flips:
            data[at] ^= 0x40
        player.numbers[0] += 1
        wrong += len(flips)
        c.write(source, bytes(data))
        await pass_one(c, 0, [(source, 37), (source + 37, 63)], 2, 0)
        assert await c.bench.read32(Config.SINK_ERRORS) == wrong
    await c.finish()


# ---- chains that the driver does not make, written by hand into both worlds


class ByHand:
    """Raw chains in queue 0 of a comparison."""

    def __init__(self, c: Comparison) -> None:
        self.c, self.layout, self.count = c, c.rtl.queue(0).layout, 0

    async def publish(self, *descriptors: Descriptor, notifications: int = 1) -> bytes:
        """Publish one chain from descriptor 0 on; return its used element."""
        for index, descriptor in enumerate(descriptors):
            self.c.write(self.layout.descriptor(index), descriptor.pack())
        self.c.write(self.layout.avail_entry(self.count), U16.pack(0))
        self.count += 1
        self.c.write(self.layout.avail_idx, U16.pack(self.count))
        await self.notify(notifications)
        return self.c.rtl.memory.read(self.layout.used_elem(self.count - 1), 8)

    async def notify(self, times: int = 1) -> None:
        """Notify, then compare."""
        for world in (self.c.rtl, self.c.model):
            world.notified += [0] * times
        await self.c.finish()


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(write_flag=[0, DESC_F_WRITE], direct=[0, 1, 3])
async def direct_descriptors_before_an_indirect_one(dut, write_flag, direct):
    """WRITE of the descriptor that names the table is disregarded."""
    c = await begin(dut, sizes=(8,), features=INDIRECT)
    data, sink, table = random.randbytes(96), c.allocate(200), c.allocate(64, 16)
    source = c.allocate(96)
    c.write(source, data)
    entries = [Descriptor(source + 16 * i, 16, DESC_F_NEXT, i + 1) for i in range(direct)]
    inside = [
        Descriptor(source + 16 * direct, 20, DESC_F_NEXT, 2),
        Descriptor(0, 0, 0, 0),
        Descriptor(sink + 5, 150, DESC_F_WRITE, 0),
    ]
    c.write(table, b"".join(entry.pack() for entry in inside))
    pointer = Descriptor(table, 48, DESC_F_INDIRECT | write_flag, 5)
    c.bench.memory.allow(sink + 5, 150)
    by_hand = ByHand(c)
    for times in (1, 2):
        element = await by_hand.publish(*entries, pointer)
        assert element == U16.pack(0) + bytes(2) + (16 * direct + 20).to_bytes(4, "little")
        assert c.rtl.memory.read(sink + 5, 16 * direct + 20) == data[: 16 * direct + 20]
        assert by_hand.count == times


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def empty_descriptors_carry_no_bytes(dut):
    c = await begin(dut, sizes=(8,), features=NOTHING)
    data, source, sink = random.randbytes(40), c.allocate(40), c.allocate(40)
    c.write(source, data)
    c.bench.memory.allow(sink, 40)
    by_hand, more = ByHand(c), DESC_F_NEXT
    chains = [
        [(0, 0, 0)],
        [(0, 0, DESC_F_WRITE)],
        [(source, 0, 0), (sink, 0, DESC_F_WRITE)],
        [(0, 0, 0), (source, 9, 0), (0, 0, 0), (0, 0, DESC_F_WRITE), (sink, 30, DESC_F_WRITE)],
        [(source, 33, 0), (0, 0, 0), (sink, 20, DESC_F_WRITE), (1, 0, DESC_F_WRITE)],
        [
            (source, 33, 0),
            (sink, 7, DESC_F_WRITE),
            (0, 0, DESC_F_WRITE),
            (sink + 7, 9, DESC_F_WRITE),
        ],
        [(2**64 - 1, 0, 0), (source, 1, 0), (sink, 1, DESC_F_WRITE)],
    ]
    for chain in chains:
        last = len(chain) - 1
        await by_hand.publish(
            *(
                Descriptor(addr, length, flags | (more if i < last else 0), i + 1)
                for i, (addr, length, flags) in enumerate(chain)
            )
        )
        assert c.model.model.read32(Reg.FAULT_COUNT) == 0


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(features=[NOTHING, EVENT])
async def spurious_notifications(dut, features):
    """Several notifications for one chain, or for none, do no harm."""
    c = await begin(dut, sizes=(4,), features=features)
    by_hand = ByHand(c)
    await by_hand.notify(3)
    sink = c.allocate(64)
    for notifications in (1, 2, 5):
        await by_hand.publish(Descriptor(sink, 64, 0, 0), notifications=notifications)
        await by_hand.notify(2)


# ---- what the device reads and writes


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def only_what_may_be_touched_is(dut):
    """Writable buffers are not read; of the rest of memory only the used ring is written."""
    c = await begin(dut, latency(3), sizes=(8,), features=EVENT | INDIRECT, indirect="multi")
    source, sink = c.allocate(300, 64), c.allocate(300, 64)
    layout = c.rtl.queue(0).layout
    c.bench.memory.watch(sink, 300, 1)
    c.bench.memory.watch(source, 300, 2)
    c.bench.memory.watch(layout.table, layout.used - layout.table, 3)
    for out_bytes, in_bytes in [(100, 100), (3, 299), (290, 70)]:
        c.write(source + 1, random.randbytes(out_bytes))
        segments = [(source + 1, out_bytes), (sink + 1, 5), (sink + 8, in_bytes - 7)]
        assert await pass_one(c, 0, segments, 1, 2) == min(out_bytes, in_bytes - 2)
    log = c.bench.memory.accesses()
    assert {access.watch for access in log} == {1, 2, 3}
    for access in log:
        wanted = Kind.WRITE if access.watch == 1 else Kind.READ
        assert access.kind == wanted, access
    await c.finish()
