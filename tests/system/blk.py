# SPDX-License-Identifier: Apache-2.0
"""The block device with its driver in both worlds: requests good and bad, images, kills."""

from __future__ import annotations

import errno
import os
import random
from pathlib import Path
from typing import Any

import cocotb

from pymodel import Feature
from pymodel.blk_function import HEADER, RANGE, SECTOR, BlkFeature, RequestType
from pymodel.blk_request import BlkRequest
from tb.blk.worlds import RINGS, SERIAL, SLOT, BlkPair, blk_pair
from tb.disk import StoreSettings
from tb.native_memory import latency

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
SECTORS = 96
IN, OUT, FLUSH, GET_ID = (RequestType[name] for name in ("IN", "OUT", "FLUSH", "GET_ID"))
DISCARD, ZEROES = RequestType.DISCARD, RequestType.WRITE_ZEROES
SLOW = StoreSettings(latency=(3, 60), cmd_stall=20, wr_stall=20, rd_stall=20, done_stall=20, seed=7)


def content(sectors: int = SECTORS) -> bytes:
    """Random sectors."""
    return random.randbytes(sectors * SECTOR)


async def usual(dut: Any, **options: Any) -> BlkPair:
    """Both worlds, a disk in memory, all queues."""
    return await blk_pair(dut, content(), latency(8), **({"queues": 64} | options))


@cocotb.test(timeout_time=40, timeout_unit="ms")
@cocotb.parametrize(
    rings=[
        RINGS,
        RINGS | Feature.RING_PACKED,
        Feature.RING_RESET,
        RINGS | Feature.IN_ORDER,
    ],
    store=[None, SLOW],
)
async def every_operation_agrees(dut: Any, rings: Feature, store: StoreSettings | None) -> None:
    """Reads, writes, flushes and the others, one by one, on all queues."""
    world = await usual(dut, rings=rings, store=store)
    queues = len(world.pair.rtl.driver(SLOT).queues)
    assert await world.do("id", lambda disk: disk.get_id()) == SERIAL.decode()
    assert world.function.writeback
    for number in range(40 if FAST else 10):
        count = random.choice([1, 1, 2, 8, random.randint(1, 20)])
        sector = random.randint(0, SECTORS - count)
        queue = random.randrange(queues)
        kind = number % 5
        if kind in (0, 3):
            data = random.randbytes(count * SECTOR)
            await world.do("write", lambda d, s=sector, b=data, q=queue: d.write(s, b, q))
        elif kind == 1:
            got = await world.do("read", lambda d, s=sector, c=count, q=queue: d.read(s, c, q))
            assert got == world.disk.read(sector, count)
        elif kind == 2:
            await world.do("flush", lambda d, q=queue: d.flush(q))
            assert not world.disk.dirty and not world.native.dirty
        else:
            unmap = bool(number & 1)
            await world.do("zeroes", lambda d, s=sector, c=count, u=unmap: d.write_zeroes(s, c, u))
            await world.do("discard", lambda d, s=sector, c=count: d.discard(s, c))
    await world.do("mode", lambda d: d.set_writeback(False))
    await world.do("stable", lambda d: d.write(1, b"s" * SECTOR))
    assert world.native.stable()[SECTOR : 2 * SECTOR] == b"s" * SECTOR
    await world.pair.remove(SLOT)


def bad_requests() -> list[tuple[list[bytes], list[int]]]:
    """Readable and writable segments of requests that are wrong, in every way."""
    unit = bytes(SECTOR)
    good = RANGE.pack(2, 1, 0)
    found: list[tuple[bytes, int]] = []
    for sector in (SECTORS, SECTORS - 1, 1 << 40, (1 << 64) - 1):
        found.append((HEADER.pack(IN, 0, sector), 2 * SECTOR + 1))
        found.append((HEADER.pack(OUT, 0, sector) + 2 * unit, 1))
        found.append((HEADER.pack(ZEROES, 0, 0) + RANGE.pack(sector, 2, 0), 1))
    for length in (0, 1, 511, 513):
        found.append((HEADER.pack(IN, 0, 1), length + 1))
        found.append((HEADER.pack(OUT, 0, 1) + bytes(length), 1))
    found += [(HEADER.pack(IN, 0, 1) + unit, SECTOR + 1), (HEADER.pack(IN, 0, 1) + unit, 1)]
    found += [(HEADER.pack(OUT, 0, 1) + unit, SECTOR + 1), (HEADER.pack(OUT, 0, 1), SECTOR + 1)]
    found += [(HEADER.pack(OUT, 0, 1) + unit, 0), (HEADER.pack(IN, 0, 1), 0)]
    found += [(HEADER.pack(GET_ID, 0, 0), room) for room in (1, 20, 22)]
    for kind in (2, 10, 14, 15, 16, 18, 20, 22, 24, 26, 99, 0xFFFFFFFF):
        found.append((HEADER.pack(kind, 0, 0) + unit, 1))
    for kind in (DISCARD, ZEROES):
        head = HEADER.pack(kind, 0, 0)
        found += [(head, 1), (head + good[:15], 1), (head + good, 2), (head + good * 17, 1)]
        for flags in (2, 1 << 31, *([1] if kind == DISCARD else [])):
            found.append((head + good + RANGE.pack(1, 1, flags), 1))
        for count in (0, SECTORS + 1, 1 << 22, 0xFFFFFFFF):
            found.append((head + RANGE.pack(0, count, 0), 1))
    for length in (1, 8, 15):
        found.append((HEADER.pack(OUT, 0, 1)[:length], 1))
    found.append((b"", 1))
    found.append((b"", 513))
    cut = []
    for readable, room in found:
        at = random.choice([0, 0, random.randint(0, len(readable))])
        out = [part for part in (readable[:at], readable[at:]) if part]
        back = [room] if random.random() < 0.5 or room < 2 else [room - 1, 1]
        cut.append((out, [each for each in back if each]))
    return [(out, back) for out, back in cut if out or back]


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def malformed_requests_end_as_the_model_says(dut: Any) -> None:
    """Everything that is wrong, cut into segments anyhow; good requests go on between them."""
    world = await usual(dut)
    before = bytes(world.disk.now)
    requests = bad_requests()
    random.shuffle(requests)
    statuses = set()
    for number, (out, back) in enumerate(requests):
        queue = number % world.queues
        length, data = await world.do("bad", lambda d, q=queue, o=out, b=back: d.ask(q, o, b))
        assert length == sum(back) == len(data)
        statuses.add(data[-1] if data else None)
        assert not any(data[:-1])
        if number % 8 == 0:
            got = await world.do("read", lambda d, q=queue: d.read(3, 2, q))
            assert got == before[3 * SECTOR : 5 * SECTOR]
    assert statuses == {None, 1, 2}
    assert world.disk.now == before


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def a_read_only_disk_takes_no_write(dut: Any) -> None:
    """RO: the driver refuses, and the device too."""
    world = await usual(dut, read_only=True)
    assert await world.do("read", lambda d: d.read(0, 4)) == world.disk.read(0, 4)
    for operation in (
        lambda d: d.write(0, bytes(SECTOR)),
        lambda d: d.write_zeroes(0, 1),
        lambda d: d.discard(0, 1),
    ):
        try:
            await world.do("refused", operation)
        except OSError as error:
            assert error.errno == errno.EROFS
        else:
            raise AssertionError("the driver sent it")
    for kind, body in ((OUT, bytes(SECTOR)), (ZEROES, RANGE.pack(0, 1, 0)), (DISCARD, b"x" * 16)):
        raw = [HEADER.pack(kind, 0, 0) + body]
        assert await world.do("raw", lambda d, r=raw: d.ask(0, r, [1])) == (1, b"\1")


@cocotb.test(timeout_time=40, timeout_unit="ms")
@cocotb.parametrize(features=[BlkFeature(0), BlkFeature.CONFIG_WCE, BlkFeature.FLUSH])
async def without_features_writes_are_as_stable_as_they_must_be(
    dut: Any, features: BlkFeature
) -> None:
    """Without FLUSH every write is stable at once; what was not negotiated is UNSUPP."""
    world = await usual(dut, features=features, queues=1)
    await world.do("write", lambda d: d.write(4, b"w" * SECTOR))
    stable = world.native.stable()[4 * SECTOR : 5 * SECTOR] == b"w" * SECTOR
    assert stable == (not features & BlkFeature.FLUSH)
    for kind, body in ((DISCARD, RANGE.pack(0, 1, 0)), (ZEROES, RANGE.pack(0, 1, 0))):
        raw = [HEADER.pack(kind, 0, 0) + body]
        assert await world.do("raw", lambda d, r=raw: d.ask(0, r, [1])) == (1, b"\2")
    flushed = await world.do("raw", lambda d: d.ask(0, [HEADER.pack(FLUSH, 0, 0)], [1]))
    assert flushed == (1, b"\0" if features & BlkFeature.FLUSH else b"\2")


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def a_ram_is_a_disk_too(dut: Any) -> None:
    """The whole device with its store in Verilog, which begins with any content."""
    world = await blk_pair(dut, bytes(SECTORS * SECTOR), latency(8), queues=64)
    world.pair.outside = None  # the native disk has no part in this
    await world.call("write_zeroes", 0, SECTORS)
    for number in range(40):
        count = random.randint(1, 12)
        sector = random.randint(0, SECTORS - count)
        if number % 3:
            await world.call("write", sector, random.randbytes(count * SECTOR))
        else:
            await world.call("write_zeroes", sector, count)
        await world.call("flush")
        count = random.randint(1, 12)
        sector = random.randint(0, SECTORS - count)
        assert await world.call("read", sector, count) == world.disk.read(sector, count)
    assert await world.call("read", 0, SECTORS) == world.disk.now


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def sectors_that_fail_are_told_and_the_others_go_on(dut: Any) -> None:
    """The store refuses some sectors: EIO for what touches them, nothing changes."""
    world = await usual(dut, store=SLOW)
    world.refuse(10, 2)
    failed = 0
    for number in range(30):
        sector, count = random.randint(4, 16), random.randint(1, 4)
        data = random.randbytes(count * SECTOR)
        operations = (
            lambda d, s=sector, c=count: d.read(s, c),
            lambda d, s=sector, b=data: d.write(s, b),
            lambda d, s=sector, c=count: d.write_zeroes(s, c),
        )
        try:
            await world.do("some", operations[number % 3])
        except OSError as error:
            assert error.errno == errno.EIO
            failed += 1
    assert 3 < failed < 27


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def a_new_capacity_reaches_the_driver(dut: Any) -> None:
    """The device tells a change of its size by an interrupt; the driver reads it again."""
    world = await usual(dut, queues=1)
    half = SECTORS // 2
    # the native disk keeps its bytes; the model's loses them, so the test writes no more there
    world.native.tell_capacity(half)
    await world.bench.wait_cycles(200)
    world.pair.outside = None
    world.function.resize(half)
    await world.pair.settle("a new capacity")
    for side in (world.pair.rtl, world.pair.model):
        assert side.driver(SLOT).capacity == half
    raw = [HEADER.pack(IN, 0, half)]
    assert (await world.do("raw", lambda d: d.ask(0, raw, [512, 1])))[1][-1] == 1
    assert await world.do("read", lambda d: d.read(half - 1, 1)) == world.disk.read(half - 1, 1)


@cocotb.test(timeout_time=80, timeout_unit="ms")
async def many_requests_are_in_flight_at_once(dut: Any) -> None:
    """Batches on all queues, the driver not waiting for one before the next."""
    world = await usual(dut, store=SLOW)
    queues = world.queues
    for _ in range(6):
        plans = []
        for number in range(24):
            count = random.randint(1, 6)
            sector = 4 * number  # each has sectors of its own: the queues have no order
            count = min(count, 4)
            data = random.randbytes(count * SECTOR) if number % 2 else b""
            plans.append((sector, count, data, number % queues))

        def batch(disk: Any, plans: Any = plans) -> Any:
            requests = [
                BlkRequest.write(sector, data, queue)
                if data
                else BlkRequest.read(sector, count, queue)
                for sector, count, data, queue in plans
            ]
            yield from disk.submit(*requests)
            yield from disk.finish(*requests)
            return [request.take() for request in requests]

        got = await world.do("batch", batch)
        for (sector, count, data, _), result in zip(plans, got):
            assert world.disk.read(sector, count) == (data or result)
        await world.do("flush", lambda d: d.flush())


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def a_device_leaves_in_the_midst_of_requests(dut: Any) -> None:
    """Removed at any moment and found again: no buffer is lost, whole sectors are old or new."""
    world = await usual(dut, store=StoreSettings(latency=(40, 90)))
    rtl = world.pair.rtl
    rtl.in_step = False
    free = None
    for cycles in (1, 60, 150, 320, 700, 1500):
        before = bytes(world.native.bytes)
        disk: Any = rtl.driver(SLOT)
        writes = [BlkRequest.write(4 * n, random.randbytes(4 * SECTOR), n % 2) for n in range(16)]
        await rtl.run(disk.submit(*writes))
        await world.bench.wait_cycles(cycles)
        cancelled = await rtl.run(rtl.remove(SLOT))
        assert all(request.done for request in writes)
        free = free or rtl.allocator.free_bytes
        assert rtl.allocator.free_bytes == free
        for write in writes:
            at = write.sector * SECTOR
            now = bytes(world.native.bytes[at : at + 4 * SECTOR])
            if write not in cancelled:
                assert now == write.data
            same = sum(a == b for a, b in zip(now, write.data))
            for sector in range(4):
                part = slice(sector * SECTOR, (sector + 1) * SECTOR)
                old = before[at : at + 4 * SECTOR][part]
                new = write.data[part]
                mixed = [a in (b, c) for a, b, c in zip(now[part], old, new)]
                assert all(mixed), (write.sector, same)
        await rtl.run(rtl.scan())
        await rtl.settle()
        disk: Any = rtl.driver(SLOT)
        whole = await rtl.run(disk.read(0, SECTORS))
        assert whole == bytes(world.native.bytes)


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def damaged_bytes_never_reach_the_disk(dut: Any) -> None:
    """Memory that refuses a read of a header or of data: a fault, and nothing wrong is stored."""
    for where in ("header", "data"):
        world = await usual(dut, queues=1)
        rtl = world.pair.rtl
        rtl.in_step = False
        memory, before = world.bench.memory, bytes(world.native.bytes)
        data = random.randbytes(4 * SECTOR)
        write = BlkRequest.write(8, data)
        disk: Any = rtl.driver(SLOT)
        disk._add(write)
        (flight,) = disk._flights
        memory.refuse(flight.head if where == "header" else flight.data + 3 * SECTOR, 16)
        disk.queues[0].sync()
        await rtl.run(disk.device.kick())
        await world.bench.wait_cycles(3000)
        memory.accept_all()
        now = bytes(world.native.bytes)
        assert now[: 8 * SECTOR] == before[: 8 * SECTOR]
        assert now[12 * SECTOR :] == before[12 * SECTOR :]
        kept = now[8 * SECTOR : 12 * SECTOR]
        old = before[8 * SECTOR : 12 * SECTOR]
        if where == "header":
            assert kept == old
        else:
            good = next((i for i in range(len(kept)) if kept[i] != data[i]), len(kept))
            assert kept[good:] == old[good:] and good <= 3 * SECTOR + 64
        assert not write.done
        await rtl.run(rtl.remove(SLOT))
        world.native.close()


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def an_image_goes_through_the_device_sector_by_sector(dut: Any) -> None:
    """Copy TB_IMAGE to a second, empty half of the disk; the file has it after the flush only."""
    image = Path(os.environ["TB_IMAGE"])
    world = await blk_pair(dut, image, latency(8), memory=1 << 22)
    half = world.native.sectors // 2
    rtl = world.pair.rtl
    rtl.in_step = False
    disk: Any = rtl.driver(SLOT)
    before = image.read_bytes()
    most = 128
    for at in range(0, half, most):
        count = min(most, half - at)
        data = await rtl.run(disk.read(at, count))
        assert data == before[at * SECTOR : (at + count) * SECTOR]
        for sector in range(0, count, 16):
            part = data[sector * SECTOR : (sector + 16) * SECTOR]
            await rtl.run(disk.write(half + at + sector, part))
    assert image.read_bytes() == before
    await rtl.run(disk.flush())
    after = image.read_bytes()
    assert after == before[: half * SECTOR] * 2


@cocotb.test(timeout_time=200, timeout_unit="ms")
async def a_simulation_is_killed_in_a_flush(dut: Any) -> None:
    """Writes, a flush, more writes; the process dies in step TB_KILL of the second flush."""
    world = await blk_pair(dut, Path(os.environ["TB_IMAGE"]), latency(8))
    rtl = world.pair.rtl
    disk: Any = rtl.driver(SLOT)
    for round_, fill in enumerate((b"\x11", b"\x22")):
        for sector in (1, 5, 6, 7, 30):
            data = fill * SECTOR
            await rtl.run(disk.write(sector, data))
        if round_:
            world.native.kill_in_step(int(os.environ["TB_KILL"]))
        await rtl.run(disk.flush())
