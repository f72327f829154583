# SPDX-License-Identifier: Apache-2.0
"""vq_dev_blk against the golden model's block function, with a store of any pace behind it.

After each group of requests the answers, the counters and the whole disk, stable bytes included,
must agree.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from pymodel.blk_function import (
    BLK_CONFIG,
    HEADER,
    RANGE,
    BlkFeature,
    BlkFunction,
    BlkLimits,
    RequestType,
    StoreOp,
)
from pymodel.disk import SECTOR, Disk
from tb.benches.blk_store import Store, StorePace, random_pace
from tb.benches.function_bench import SLOW, Chain, FunctionBench, Pace

PROMPT, STEADY = StorePace(), Pace()
SECTORS = 200
SERIAL = b"VQ-0123456789-abcdef"
HUGE = [SECTORS, SECTORS - 1, 1 << 32, 1 << 55, (1 << 63) - 1, (1 << 64) - 1]
UNKNOWN = [2, 3, 5, 7, 9, 10, 12, 14, 15, 16, 18, 20, 22, 24, 26, 1 << 31, 0x100, 0xFFFFFFFF]
ALL = BlkFeature(0)
for _bit in BlkFeature:
    ALL |= _bit
IN, OUT, FLUSH, GET_ID = (RequestType[name] for name in ("IN", "OUT", "FLUSH", "GET_ID"))
DISCARD, ZEROES = RequestType.DISCARD, RequestType.WRITE_ZEROES


class BlkBench(FunctionBench):
    """The function between the engine's side and a store, and the model beside both."""

    model: BlkFunction

    def __init__(self, dut: Any, pace: StorePace = PROMPT) -> None:
        content = random.randbytes(SECTORS * SECTOR)
        limits = BlkLimits(
            size_max=int(dut.SIZE_MAX.value),
            seg_max=int(dut.SEG_MAX.value),
            blk_size=int(dut.BLK_SIZE.value),
            max_ranges=int(dut.MAX_RANGES.value),
            max_sectors=int(dut.MAX_SECTORS.value),
            may_unmap=bool(dut.UNMAP_EN.value),
        )
        model = BlkFunction(
            Disk(content),
            queues=int(dut.QUEUES.value),
            read_only=bool(dut.READ_ONLY.value),
            serial=int(dut.SERIAL.value).to_bytes(20, "little").rstrip(b"\0"),
            limits=limits,
        )
        super().__init__(dut, model)
        self.store_disk = Disk(content)
        self.levels = Store.idle_inputs(self.store_disk) | {"s_features": 0}
        self._pace = pace
        self.changes = 0

    async def begin(self, pace: Pace = STEADY, features: int | None = None) -> BlkBench:
        """Reset, negotiate features (by default all that are offered), attach the store."""
        await self.start(pace)
        self.store = Store(self.dut, self.store_disk, self._pace)
        self.negotiate(self.model.features if features is None else features)
        cocotb.start_soon(self._count_changes())
        await self.clocks(2)
        return self

    async def _count_changes(self) -> None:
        while True:
            await ReadOnly()
            self.changes += self.dut.m_cfg_change.value == 1
            await RisingEdge(self.dut.clk)

    def negotiate(self, features: int) -> None:
        """Let the driver choose."""
        self.model.configure(features)
        self.dut.s_features.value = features

    def request(
        self,
        kind: int,
        sector: int,
        body: bytes,
        writable: int,
        queue: int | None = None,
        damaged_from: int | None = None,
    ) -> None:
        """Send one; `writable` bytes with the status; maybe damaged from a beat on."""
        number = random.randrange(self.queues) if queue is None else queue
        header = HEADER.pack(kind, random.getrandbits(32), sector)
        damaged, first = damaged_from is not None, damaged_from or 0
        self.send(Chain(number, header + body, writable, damaged, first))

    def ranges(self, kind: int, rows: Sequence[tuple[int, int, int]], writable: int = 1) -> None:
        """Send a discard or write-zeroes."""
        body = b"".join(RANGE.pack(*row) for row in rows)
        self.request(kind, random.getrandbits(64), body, writable)

    def any_good(self) -> None:
        """Send a request that is as it should be."""
        kind = random.choice([IN, IN, OUT, OUT, FLUSH, GET_ID, DISCARD, ZEROES])
        count = random.choice([1, 1, 2, random.randint(1, 9)])
        sector = random.randint(0, SECTORS - count)
        if kind == IN:
            self.request(kind, sector, b"", count * SECTOR + 1)
        elif kind == OUT:
            self.request(kind, sector, random.randbytes(count * SECTOR), 1)
        elif kind == FLUSH:
            self.request(kind, 0, b"", 1)
        elif kind == GET_ID:
            self.request(kind, random.getrandbits(64), b"", 21)
        else:
            rows = [
                (random.randint(0, SECTORS - 9), random.randint(1, 9), kind == ZEROES and choice)
                for choice in random.choices(
                    [0, 1], k=random.randint(1, self.model.limits.max_ranges)
                )
            ]
            self.ranges(kind, rows)

    async def agree(self, limit: int = 40000) -> None:
        """Wait until every request is answered, and compare all there is."""
        await self.finish(limit)
        assert self.store_disk.now == self.model.disk.now, "the disks differ"
        assert self.store_disk.stable == self.model.disk.stable, "the stable bytes differ"
        space = self.model.config()
        for field in BLK_CONFIG.fields:
            want = self.model.counters[field.name] if field.own else field.read(space)
            at, lane = field.offset & ~3, field.offset & 3
            got = 0
            for word in range((lane + field.size + 3) // 4):
                got |= await self.read_config(at + 4 * word) << 32 * word
            got = got >> 8 * lane & (1 << 8 * field.size) - 1
            assert got == want, f"{field.name}: {got:#x}, not {want:#x}"

    async def read_config(self, offset: int) -> int:
        """Read a word of the configuration space."""
        self.dut.s_cfg_addr.value = offset
        await ReadOnly()
        value = int(self.dut.m_cfg_rdata.value)
        await RisingEdge(self.dut.clk)
        return value

    async def write_config(self, offset: int, data: bytes) -> None:
        """Write bytes of one word."""
        lane = offset & 3
        self.dut.s_cfg_addr.value = offset & ~3
        self.dut.s_cfg_wdata.value = int.from_bytes(data, "little") << 8 * lane
        self.dut.s_cfg_wstrb.value = (1 << len(data)) - 1 << lane
        self.dut.s_cfg_write.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.s_cfg_write.value = 0
        self.model.write_config(offset, data)
        await self.clocks(1)

    def process(self, chain: Chain) -> bytes:
        """What the model answers; that of a damaged packet is thrown away by the engine."""
        if chain.damaged and chain.writable:
            self.model.counters["failed"] += 1
            return bytes(chain.writable - 1) + b"\1"
        return b"" if chain.damaged else super().process(chain)


def test(**options: Any) -> Any:
    """A cocotb test with a deadline."""
    return cocotb.test(timeout_time=4, timeout_unit="ms", **options)


@test()
@cocotb.parametrize(pace=SLOW)
async def requests_are_carried_out_at_any_pace(dut: Any, pace: Pace) -> None:
    """Requests of every type on all queues, the engine's side and the store at any pace."""
    bench = await BlkBench(dut, random_pace()).begin(pace)
    for _ in range(3):
        for _ in range(25):
            bench.any_good()
        await bench.agree()


def malformed(bench: BlkBench) -> None:
    """Send every request that is not as it should be, in any order, good ones between."""
    unit, most = SECTOR, bench.model.limits.max_ranges
    far = bench.model.limits.max_sectors
    requests: list[tuple[int, int, bytes, int]] = []
    for sector in HUGE:
        requests += [(IN, sector, b"", 2 * unit + 1), (OUT, sector, bytes(2 * unit), 1)]
        for kind in (DISCARD, ZEROES):
            requests += [(kind, 0, RANGE.pack(sector, 2, 0), 1)]
    for length in (0, 1, 20, 256, 511, 513, 768, 1023, unit + 16):
        requests += [(IN, 1, b"", length + 1), (OUT, 1, bytes(length), 1)]
    requests += [(IN, 1, bytes(unit), 1), (IN, 1, b"x", unit + 1), (IN, 1, bytes(unit), unit + 1)]
    requests += [(OUT, 1, b"", unit + 1), (OUT, 1, bytes(unit), 2), (OUT, 1, bytes(unit), unit + 1)]
    requests += [(IN, 1, b"", 0), (OUT, 1, b"y" * unit, 0), (FLUSH, 0, b"", 0), (GET_ID, 0, b"", 0)]
    requests += [(GET_ID, 0, b"", 1), (GET_ID, 0, b"", 20), (GET_ID, 0, b"", 22)]
    requests += [(GET_ID, 0, bytes(20), 1), (GET_ID, 0, b"z", 21)]
    requests += [(FLUSH, 7, b"", 1), (FLUSH, 0, bytes(3 * unit), 1), (FLUSH, 0, b"", 70)]
    for unknown in UNKNOWN:
        body = random.randbytes(random.choice([0, 16, 600]))
        requests += [(unknown, 0, body, random.choice([1, 70]))]
    for kind in (DISCARD, ZEROES):
        good = RANGE.pack(3, 1, 0)
        for length in (0, 1, 15, 17, 31, 40):
            requests += [(kind, 0, (good * 4)[:length], 1)]
        requests += [(kind, 0, good, 2), (kind, 0, good * (most + 1), 1), (kind, 0, good * 40, 1)]
        requests += [(kind, 0, good * (most + 3) + RANGE.pack(1, 1, 4), 1), (kind, 0, good, 0)]
        for count in (0, far, far + 1, 0xFFFFFFFF, SECTORS, SECTORS + 1):
            requests += [(kind, 0, RANGE.pack(0, count, 0), 1)]
        for flags in (1, 2, 3, 1 << 31, 0xFFFFFFFE):
            for at in range(min(3, most)):
                rows = [good] * min(3, most)
                rows[at] = RANGE.pack(5, 1, flags)
                requests += [(kind, 0, b"".join(rows), 1)]
        requests += [(kind, 0, good + RANGE.pack(SECTORS, 1, 0), 1)]
        requests += [(kind, 0, RANGE.pack(SECTORS, 1, 0) + RANGE.pack(1, 1, 6), 1)]
    random.shuffle(requests)
    for request in requests:
        bench.request(*request)
        if random.random() < 0.2:
            bench.any_good()
    for length in range(17):  # headers that are cut
        bench.send(Chain(0, HEADER.pack(OUT, 0, 2)[:length], random.choice([0, 1, 2, 513])))


@test()
@cocotb.parametrize(pace=[Pace(), Pace(50, 70, 50, 70)])
async def malformed_requests_get_their_status(dut: Any, pace: Pace) -> None:
    """Every kind of fault: the status of the specification, no command, others go on."""
    bench = await BlkBench(dut, random_pace()).begin(pace)
    malformed(bench)
    await bench.agree()


@test()
@cocotb.parametrize(features=[0, int(BlkFeature.FLUSH), int(BlkFeature.CONFIG_WCE), int(ALL)])
async def what_was_not_negotiated_is_not_done(dut: Any, features: int) -> None:
    """FLUSH, DISCARD and WRITE_ZEROES are unknown types; writes are stable without FLUSH."""
    bench = await BlkBench(dut).begin(features=features)
    for _ in range(40):
        bench.any_good()
    malformed(bench)
    await bench.agree()


@test()
async def any_bytes_are_a_request(dut: Any) -> None:
    """Chains of random bytes and lengths, most of them nonsense."""
    bench = await BlkBench(dut, random_pace()).begin()
    for number in range(200):
        kind = random.choice([*RequestType, 0, 1, 6])
        body = random.choice([0, 1, 16, 32, 48, 512, 1024, random.randint(0, 700)])
        room = random.choice([0, 1, 1, 21, 513, 1025, random.randint(0, 700)])
        raw = HEADER.pack(kind, 0, random.randint(0, SECTORS + 2))
        data = random.choice([bytes(body), random.randbytes(body)])
        cut = random.randint(0, 16) if number % 9 == 0 else None
        bench.send(Chain(random.randrange(bench.queues), (raw + data)[:cut], room))
    await bench.agree()


@test()
async def a_store_that_fails_is_told_as_io_error(dut: Any) -> None:
    """Sectors that cannot be read or written: IOERR, zeros, and the other requests go on."""
    bench = await BlkBench(dut, random_pace()).begin()
    for disk in (bench.store_disk, bench.model.disk):
        disk.refused = {5, 6, 40, 41, 42, 100, 150}
    for _ in range(80):
        bench.any_good()
    await bench.agree()
    assert bench.model.counters["failed"] > 0


@test()
@cocotb.parametrize(pace=[Pace(), Pace(50, 70, 50, 70)])
async def damaged_packets_change_nothing_but_their_sectors(dut: Any, pace: Pace) -> None:
    """Damaged data are not stored, what comes before them may be; the write is told to fail."""
    bench = await BlkBench(dut, random_pace()).begin(pace)
    beats = SECTOR // bench.beat
    header = -(-HEADER.size // bench.beat)
    started = 0
    for _ in range(40):
        sectors = random.randint(1, 4)
        sector = random.randrange(SECTORS - sectors)
        data = random.randbytes(sectors * SECTOR)
        whole = -(-(HEADER.size + len(data)) // bench.beat)
        damage = random.randrange(header, whole)
        started += 1
        bench.request(OUT, sector, data, 1, damaged_from=damage)
        await bench.finish(40000)
        # bytes before the damage, in whole sectors as this store keeps them, and no others
        good = (damage * bench.beat - HEADER.size) // bench.beat * bench.beat // SECTOR
        bench.model.disk.write(sector, data[: good * SECTOR])
        for _ in range(3):
            bench.any_good()
        await bench.agree()
    assert bench.store.damaged == started and beats


@test()
@cocotb.parametrize(pace=[Pace(), Pace(50, 70, 50, 70)])
async def what_is_damaged_is_no_request(dut: Any, pace: Pace) -> None:
    """A damaged header, or damaged ranges: an answer, and nothing of it reaches the store."""
    bench = await BlkBench(dut, random_pace()).begin(pace)
    for number in range(80):
        kind = random.choice([IN, OUT, FLUSH, GET_ID, DISCARD, ZEROES, 99])
        body, writable = b"", random.choice([0, 1, 30])
        first = 0
        if kind == IN:
            writable = SECTOR + 1
        elif kind == OUT:
            body, writable = random.randbytes(SECTOR * random.randint(1, 4)), number & 1
        elif kind in (DISCARD, ZEROES):
            body, writable = RANGE.pack(number, 3, 0) * random.randint(1, 3), 1
            first = random.choice([0, -1])
        bench.request(kind, random.randrange(100), body, writable, damaged_from=first)
        bench.any_good()
    await bench.agree()
    counters = bench.model.counters
    assert bench.store.damaged == 0
    assert bench.store.ops[StoreOp.READ] == counters["reads"]
    assert bench.store.ops[StoreOp.WRITE] == counters["writes"]
    assert bench.store.ops[StoreOp.FLUSH] == counters["flushes"]


@test()
async def requests_of_a_stopped_queue_are_answered(dut: Any) -> None:
    """Queues stop with requests inside, and work again later; nothing hangs or is granted."""
    bench = await BlkBench(dut, StorePace(latency=40)).begin(Pace(data=60))
    everything = (1 << bench.queues) - 1
    for _ in range(4):
        for _ in range(30):
            bench.any_good()
        await bench.clocks(random.randint(20, 400))
        live = random.getrandbits(bench.queues) & everything
        bench.set_live(live)
        for queue in range(bench.queues):
            if not live >> queue & 1:
                bench.drop(queue)
        await bench.agree()
        bench.set_live(everything)
        await bench.clocks(2 * bench.queues + 4)


@test()
async def the_cache_mode_decides_what_is_stable(dut: Any) -> None:
    """writeback: where it starts, what may be written to it, what its values mean."""
    bench = await BlkBench(dut).begin()
    offered = bench.model.features
    for features in (offered, offered & ~BlkFeature.FLUSH, offered & ~BlkFeature.CONFIG_WCE, 0):
        bench.model.reset()
        bench.set_live(0)
        dut.rst.value = 1
        await bench.clocks(2)
        bench.negotiate(features)
        dut.rst.value = 0
        await bench.clocks(2)
        bench.set_live((1 << bench.queues) - 1)
        for data in (b"", b"\0", b"\1", b"\2", b"\xff", b"\1\0\0\0", b"\0\1\1\1"):
            if data:
                await bench.write_config(0x20, data)
            for wrong in (0x00, 0x08, 0x21, 0x24, 0x1C):
                await bench.write_config(wrong, random.randbytes(1))
            for number in range(3):
                bench.request(OUT, number, random.randbytes(SECTOR), 1)
                bench.ranges(ZEROES, [(number + 5, 2, 0)])
            bench.request(OUT, 20, random.randbytes(SECTOR), 1)
            bench.ranges(ZEROES, [(20, 1, 0)])  # the last one: nothing else makes it stable
            await bench.agree()


@test()
async def a_new_capacity_is_told_and_obeyed(dut: Any) -> None:
    """It pulses m_cfg_change once, and requests past the new end fail."""
    bench = await BlkBench(dut).begin()
    for sectors in (SECTORS // 2, SECTORS // 2, 0, SECTORS, 7):
        before, expected = bench.changes, sectors != bench.model.disk.sectors
        bench.model.disk.resize(sectors)
        bench.store_disk.resize(sectors)
        dut.s_capacity.value = sectors
        await bench.clocks(5)
        assert bench.changes - before == expected
        for sector in (0, 6, 7, sectors - 1, sectors, SECTORS - 1):
            bench.request(IN, sector % (1 << 64), b"", SECTOR + 1)
            bench.request(OUT, sector % (1 << 64), random.randbytes(SECTOR), 1)
        await bench.agree()


@test()
async def a_reset_ends_all_that_is_under_way(dut: Any) -> None:
    """In the midst of requests; afterwards all is as at the start."""
    bench = await BlkBench(dut, StorePace(latency=30)).begin()
    for _ in range(5):
        bench.any_good()
    await bench.agree()
    assert sum(bench.model.counters.values()) > 0
    bench.set_live(0)
    dut.rst.value = 1
    await bench.clocks(2)
    dut.rst.value = 0
    await bench.clocks(2)
    bench.model.reset()
    bench.model.configure(bench.model.features)
    bench.set_live((1 << bench.queues) - 1)
    await bench.agree()


@test()
async def a_command_follows_its_header(dut: Any) -> None:
    """3 clocks from the end of a header to the command, and 1 from the data to the answer."""
    bench = await BlkBench(dut).begin()
    await bench.clocks(bench.queues + 8)
    for number in range(5):
        bench.request(IN, number, b"", SECTOR + 1)
        await bench.agree()
        assert bench.store.commands[-1] - bench.data.taken[-1] == 3
    beats = SECTOR // bench.beat
    first = len(bench.out.words) - beats - 1
    assert bench.out.words[first].shown - bench.store.data_taken[-beats] == 1


async def clocks_of(bench: BlkBench, count: int, send: Any) -> float:
    """Run requests as fast as they go; clocks from one's last beat to the next one's."""
    first = len(bench.out.words)
    for _ in range(count):
        send()
    await bench.finish(60000)
    ends = [word.taken for word in bench.out.words[first:] if word.value["last"]]
    half = count // 2  # from when the store is full of requests
    return (ends[-1] - ends[half]) / (count - 1 - half)


@test()
@cocotb.parametrize(latency=[1, 150])
async def one_beat_per_clock(dut: Any, latency: int) -> None:
    """4 KiB requests take no clock more than their beats, whatever the store's latency."""
    bench = await BlkBench(dut, StorePace(latency=latency)).begin()
    await bench.clocks(bench.queues + 8)
    size = 4096
    beats = size // bench.beat
    needed = (latency + 80) // beats + 3  # under way at once
    if int(dut.OUTSTANDING.value) < needed:
        size, beats = 16384, 16384 // bench.beat
    count = max(12, 2 * needed)

    def read() -> None:
        bench.request(IN, random.randrange(100), b"", size + 1)

    def write() -> None:
        bench.request(OUT, random.randrange(100), random.randbytes(size), 1)

    assert await clocks_of(bench, count, read) <= beats + 1
    assert await clocks_of(bench, count, write) <= beats + max(1, 16 // bench.beat)
    assert bench.store.most <= int(dut.OUTSTANDING.value) + 4
