# SPDX-License-Identifier: Apache-2.0
"""A test, a network, a block and an entropy device on one bus, found by one scan."""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import (
    DRIVERS,
    BlkFunction,
    BlkLimits,
    BlkRequest,
    Disk,
    Feature,
    NetFunction,
    RngFunction,
    SlotState,
    TestFunction,
)
from pymodel.registers import TEST_DEVICE_ID
from tb.bench import SLOTS, Bench
from tb.benches.net_bench import any_frame
from tb.blk.worlds import SERIAL
from tb.disk import NativeDisk, StoreSettings
from tb.driver_comparison import DriverComparison
from tb.driver_worlds import DriverSetup, in_slots
from tb.mac import Mac, MacSettings
from tb.native_memory import latency
from tests.system.drivers import VirtioLoop

TEST, NET, BLK, RNG = (SLOTS[name] for name in ("test", "net", "blk", "rng"))
SECTORS = 256
SHARE = int(os.environ.get("TB_SHARE", "1"))  # only one of so many operations
RINGS = Feature.INDIRECT_DESC | Feature.EVENT_IDX | Feature.RING_RESET


class Bus:
    """Four devices in both worlds, with a MAC and a disk beside each of them."""

    def __init__(self, dut, mac: MacSettings) -> None:
        self.bench = Bench(dut, latency(10))
        self.mac = Mac(mac)
        content = random.randbytes(512 * SECTORS)
        self.native, self.disk = NativeDisk(SECTORS), Disk(content)
        self.native.write(0, content)
        self.native.commit()
        self.native.configure(StoreSettings(latency=(5, 60)))
        limits = BlkLimits(seg_max=126)
        setup = DriverSetup(
            features=RINGS,
            drivers={**DRIVERS, TEST_DEVICE_ID: VirtioLoop},
            functions=in_slots(
                test=TestFunction,
                net=NetFunction,
                blk=lambda: BlkFunction(self.disk, queues=4, serial=SERIAL, limits=limits),
                rng=RngFunction,
            ),
            memory=1 << 21,
        )
        self.pair = DriverComparison(self.bench, setup)
        self.pair.outside = self.differences
        self._compared = 0

    async def start(self) -> None:
        """One scan binds all four."""
        await self.bench.start()
        slots = await self.pair.start()
        assert [slot.state for slot in slots] == [SlotState.BOUND] * 4, [*map(str, slots)]
        assert [slot.device.device_id for slot in slots] == [TEST_DEVICE_ID, 1, 2, 4]

    def differences(self):
        """Hold disks and sent frames against each other."""
        if self.native.bytes != self.disk.now:
            yield "the disks differ"
        function = self.pair.model.function(NET)
        ours, theirs = [frame.data for frame in self.mac.new()], function.sent[self._compared :]
        self._compared += len(theirs)
        if ours != theirs:
            yield f"frames sent: rtl {ours}, model {theirs}"


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def each_device_does_what_its_model_does(dut):
    """Operations of all four in random order; a device is taken away, and found again."""
    bus = Bus(dut, MacSettings())
    await bus.start()
    pair = bus.pair
    serial = await pair.do("get_id", BLK, lambda disk: disk.get_id())
    assert serial == SERIAL.decode()
    for turn in range(24 // SHARE):
        data, sector = random.randbytes(1024), random.randrange(SECTORS - 1)
        frame = any_frame(random.randint(14, 600))
        count = random.randrange(1, 200)
        for kind in random.sample(range(4), 4):
            if kind == TEST:
                back = await pair.do("ask", TEST, lambda loop, d=data: loop.ask(len(d) % 2, d))
                assert back == data
            elif kind == NET:
                await pair.do("send", NET, lambda net, f=frame: net.send(f))
                bus.mac.queue(frame)
                pair.model.function(NET).receive(frame)
                await pair.settle("a frame")
                assert await pair.do("receive", NET, lambda net: net.receive()) == frame
            elif kind == BLK:
                await pair.do("write", BLK, lambda disk, s=sector, d=data: disk.write(s, d))
                assert await pair.do("read", BLK, lambda disk, s=sector: disk.read(s, 2)) == data
            else:
                assert await pair.do("read", RNG, lambda rng, n=count: rng.read(n))
        if turn % 6 == 5 // SHARE:
            gone = random.randrange(4)
            await pair.remove(gone)
            assert sum(slot.bound for slot in pair.rtl.bus.slots) == 3
            if turn % 12 == 5 // SHARE:  # the others go on without it
                other = (gone + 1) % 4
                await pair.remove(other)
            await pair.scan()
            assert all(slot.bound for slot in pair.rtl.bus.slots)


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def all_work_at_once_while_one_is_removed(dut):
    """Each driver in a task of its own; the entropy device is removed and found many times."""
    bus = Bus(dut, MacSettings(loopback=True, delay=20))
    await bus.start()
    world, bench = bus.pair.rtl, bus.bench
    world.in_step = False
    busy = dict.fromkeys((TEST, NET, BLK), 0)
    expected = bytearray(bus.disk.now)

    async def loop() -> None:
        for number in range(60 // SHARE):
            data = random.randbytes(random.randint(1, 900))
            back = await world.run(world.driver(TEST).ask(number % 2, data))
            assert back == data
            busy[TEST] = bench.cycle

    async def network() -> None:
        net = world.driver(NET)
        for _ in range(40 // SHARE):
            frame = any_frame(random.randint(14, 1514))
            await world.run(net.send(frame))
            await world.run(net.device.wait_until(lambda: net.waiting > 0))
            assert await world.run(net.receive()) == frame
            busy[NET] = bench.cycle

    async def block() -> None:
        disk = world.driver(BLK)
        for _ in range(15 // SHARE):
            sectors = random.sample(range(SECTORS), 6)
            requests = [BlkRequest.write(each, random.randbytes(512)) for each in sectors]
            for request in requests:
                expected[512 * request.sector : 512 * (request.sector + 1)] = request.data
            await world.run(disk.submit(*requests))
            await world.run(disk.finish(*requests))
            reads = [BlkRequest.read(each, 1) for each in sectors]
            await world.run(disk.submit(*reads))
            await world.run(disk.finish(*reads))
            for request, read in zip(requests, reads):
                request.take()
                assert read.take() == request.data
            busy[BLK] = bench.cycle

    tasks = [cocotb.start_soon(work()) for work in (loop, network, block)]
    removals = 0
    while not all(task.done() for task in tasks):
        assert len(await world.run(world.driver(RNG).read(300))) == 300
        await world.run(world.remove(RNG))
        removals += 1
        await world.run(world.scan())
    for task in tasks:
        await task
    assert removals > 5 // SHARE and all(busy.values()), (removals, busy)
    assert bytes(bus.native.bytes) == bytes(expected)
    for slot in range(4):
        assert await world.run(world.remove(slot)) == []
    assert world.allocator.free_bytes == bus.pair.setup.memory
    assert not bus.pair.writes_refused()
