# SPDX-License-Identifier: Apache-2.0
"""The comparison while a foreign driver drives: here pymodel's, which works straight on the
Verilog's memory. The follower sees the bus and the register accesses, as with a real one.

From the environment: TB_OPERATIONS, how many.
"""

from __future__ import annotations

import copy
import os
import random
import time
from dataclasses import replace
from typing import Any, Optional

import cocotb

from pymodel import BlkRequest, Feature, NoSpaceError, VirtioBlk, take_interrupt
from pymodel.blk_function import BLK_DEVICE_ID
from pymodel.bus import SLOT_BYTES
from pymodel.disk import SECTOR
from pymodel.functions import TestFunction
from pymodel.net_function import NET_DEVICE_ID, NetFeature
from pymodel.transport import notify
from tb.bench import SLOTS, Bench
from tb.benches.net_bench import any_frame
from tb.disk import NativeDisk
from tb.driver_worlds import DriverSetup, RtlDriverWorld
from tb.hil.follow import Follower
from tb.hil.followed import BlkOutside, NetOutside, Outside
from tb.mac import Mac, MacSettings
from tb.native_memory import Settings
from tb.net.raw_driver import ALL, RawNet
from tb.player import drain, postpone
from tb.random_traffic import drawn_memory
from tb.registers import device_parameters
from tb.worlds import RtlWorld, Setup

OPERATIONS = int(os.environ.get("TB_OPERATIONS", "300"))
RINGS = (
    Feature.INDIRECT_DESC
    | (Feature.EVENT_IDX if os.environ.get("EVENT_IDX", "1") == "1" else 0)
    | (Feature.RING_PACKED if os.environ.get("RING") == "packed" else 0)
    | (Feature.IN_ORDER if os.environ.get("IN_ORDER") == "1" else 0)
)


def some_memory() -> Settings:
    """Return some behaviour of the memory; bytes may be in it as late as AXI allows."""
    return replace(drawn_memory(), late_writes=random.random() < 0.5)


def test(**options: Any) -> Any:
    """A cocotb test with a deadline."""
    return cocotb.test(timeout_time=200, timeout_unit="ms", **options)


async def listen(follower: Follower, calls: Any) -> None:
    """Tell a follower of each interrupt."""
    while True:
        await calls.value_change
        bits = int(calls.value)
        if bits:
            calls.value = 0
            for queue in range(bits.bit_length()):
                if bits >> queue & 1:
                    follower.called(queue)


async def followed(bench: Bench, outside: Outside, slot: Optional[str] = None) -> Follower:
    """Return the follower of a device of a started bench; it runs."""
    own = bench.at(slot) if slot else bench
    offer = 0
    for word in (0, 1):
        await own.write32(0x14, word)
        offer |= await own.read32(0x10) << 32 * word
    follower = await Follower.of(own, outside, offer)
    cocotb.start_soon(follower.run())
    calls = getattr(bench.dut, f"calls_{slot}" if slot else "calls")
    cocotb.start_soon(listen(follower, calls))
    return follower


def through(follower: Follower, bench: Bench, slot: Optional[str] = None) -> Bench:
    """Return a bench whose register accesses the follower sees."""
    base = SLOT_BYTES * SLOTS[slot] if slot else 0

    async def read32(address: int) -> int:
        if 0 <= address - base < SLOT_BYTES:
            return await follower.read32(address - base)
        return await bench.read32(address)

    async def write32(address: int, value: int, strobes: int = 0xF) -> None:
        if 0 <= address - base < SLOT_BYTES:
            await follower.write32(address - base, value, strobes)
        else:
            await bench.write32(address, value, strobes)

    other: Any = copy.copy(bench)
    other.read32, other.write32 = read32, write32
    found: Bench = other
    return found


def report(follower: Follower, bench: Bench, seconds: float) -> None:
    """Print what was compared."""
    bench.dut._log.info(f"{follower.tally}, {bench.cycle} cycles, {seconds:.2f} s")


# ---- the test device


class Driver:
    """Adds chains at random and never waits for the device."""

    def __init__(self, world: RtlWorld) -> None:
        self.world = world
        self.held: dict[tuple[int, int], list[int]] = {}
        self.token = 0
        self.collected = 0

    def add(self, queue: int) -> None:
        """Add a chain of some segments."""
        pieces, count = [], random.choice([1, 1, 2, 3, 5])
        out = random.randint(0, count)
        for _ in range(count):
            length = random.choice([1, 7, 64, 512, random.randint(1, 3000)])
            addr = self.world.allocator.allocate(length, 1)
            self.world.memory.write(addr, random.randbytes(length))
            pieces.append((addr, length))
        self.token += 1
        try:
            self.world.queue(queue).add_buf(pieces, out, count - out, self.token)
        except NoSpaceError:
            for addr, _ in pieces:
                self.world.allocator.free(addr)
            return
        self.held[queue, self.token] = [addr for addr, _ in pieces]

    def took(self, queue: int, token: Any) -> None:
        """A chain came back: its memory is used for other things at once."""
        self.collected += 1
        for addr in self.held.pop((queue, token)):
            self.world.memory.write(addr, b"\xa5")
            self.world.allocator.free(addr)

    def took_by_callbacks(self) -> None:
        """What callbacks have collected."""
        for queue, used in self.world.taken:
            self.took(queue, used.data)
        self.world.taken.clear()

    def step(self) -> None:
        """Do one thing."""
        queue = random.randrange(len(self.world.queues))
        vq = self.world.queue(queue)
        kind = random.choice(["add", "add", "sync", "get", "restart"])
        if kind == "add":
            self.add(queue)
        elif kind == "sync":
            vq.sync()
        elif kind == "restart":
            if not vq.callbacks_on:
                vq.restart()
        else:
            used = vq.get_buf()
            if used is not None:
                self.took(queue, used.data)


async def ring(world: RtlWorld) -> None:
    """Send the notifications that wait, in the driver's own time."""
    while world.notified:
        queue = world.notified.pop(0)
        await world.bench.wait_cycles(random.choice([0, 0, 5, 30]))
        await world.run(notify(queue))


async def traffic(dut: Any, operations: int, pattern: bool) -> tuple[Follower, RtlWorld]:
    """Let a driver and the test device work, followed."""
    bench = Bench(dut, some_memory())
    await bench.start()
    follower = await followed(bench, Outside(TestFunction()))
    queues = follower.model.queue_count
    own_bench = through(follower, bench)
    setup = Setup(
        sizes=tuple(random.choice([4, 16, 64, 256]) for _ in range(queues)),
        features=RINGS,
        indirect=random.choice(["never", "multi", "always"]),
        memory=(1 << 20) * queues,
        tables=1 << 14,
        callback=random.choice([drain, postpone]),
        pattern=pattern,
    )
    world = RtlWorld(setup, own_bench)
    await world.start()
    driver = Driver(world)
    begin = time.monotonic()
    for _ in range(operations):
        for _ in range(random.choice([1, 1, 4, 20])):
            driver.step()
        await ring(world)
        await bench.wait_cycles(random.choice([0, 10, 100, 400]))
        if int(bench.irq.value):
            world.interrupt(await world.run(take_interrupt()))
        driver.took_by_callbacks()
    while driver.held:
        for queue, vq in enumerate(world.queues):
            assert vq is not None
            vq.sync()
            while (used := vq.get_buf()) is not None:
                driver.took(queue, used.data)
            if not vq.callbacks_on:
                vq.restart()
        await ring(world)
        await bench.wait_cycles(200)
        if int(bench.irq.value):
            world.interrupt(await world.run(take_interrupt()))
        driver.took_by_callbacks()
    await world.wait_quiet()
    await follower.finish()
    report(follower, bench, time.monotonic() - begin)
    assert follower.tally.elements <= driver.collected > operations // 4
    return follower, world


@test()
@cocotb.parametrize(pattern=[False, True])
async def the_test_device_is_followed(dut: Any, pattern: bool) -> None:
    """Random chains on all queues; the driver overwrites what it has got back at once."""
    await traffic(dut, OPERATIONS, pattern)


# ---- the block device


async def block_device(dut: Any) -> tuple[Follower, RtlDriverWorld, NativeDisk]:
    """Return a block device with random content that is followed, and the world of its driver."""
    bench = Bench(dut, some_memory())
    content = random.randbytes(1 << 19)
    native = NativeDisk(len(content) // SECTOR)
    native.write(0, content)
    native.commit()
    await bench.start()
    own = bench.at("blk")
    found = await device_parameters(own.read32)
    queues = int(os.environ.get("BLK_QUEUES", "4"))
    outside = BlkOutside(native, queues=queues, max_chain=found["max_chain"])
    follower = await followed(bench, outside, "blk")
    world = RtlDriverWorld(
        DriverSetup(
            features=RINGS,
            drivers={BLK_DEVICE_ID: lambda: VirtioBlk(queues)},
            functions=[None] * len(SLOTS),
            memory=1 << 21,
        ),
        through(follower, bench, "blk"),
        in_step=False,
    )
    return follower, world, native


@test()
async def the_block_device_is_followed(dut: Any) -> None:
    """Many requests in flight on all queues, on sectors of their own; then a reset, and more."""
    follower, world, native = await block_device(dut)
    begin = time.monotonic()
    for life in range(2):
        await world.start(again=life > 0) if life == 0 else await world.run(world.scan())
        driver: Any = world.driver(SLOTS["blk"])
        for _ in range(OPERATIONS // 20):
            requests = []
            places = random.sample(range(0, native.sectors, 16), 8)
            for place in places:
                length = random.randint(1, 16)
                queue = random.randrange(len(driver.queues))
                if random.random() < 0.5:
                    data = random.randbytes(length * SECTOR)
                    requests.append(BlkRequest.write(place, data, queue))
                else:
                    requests.append(BlkRequest.read(place, length, queue))
            await world.run(driver.submit(*requests))
            await world.run(driver.finish(*requests))
            if random.random() < 0.2:
                await world.run(driver.flush())
        await world.wait_quiet()
        await follower.finish()
        await world.run(world.remove(SLOTS["blk"]))
    report(follower, follower.bench, time.monotonic() - begin)


@test()
async def a_block_device_that_is_reset_at_work_is_followed(dut: Any) -> None:
    """What it had written and not told by then is on the disk: old bytes or new ones."""
    follower, world, native = await block_device(dut)
    await world.start()
    for life in range(OPERATIONS // 10):
        if life:
            await world.run(world.scan())
        driver: Any = world.driver(SLOTS["blk"])
        requests = []
        for place in random.sample(range(0, native.sectors, 8), 20):
            queue, length = random.randrange(len(driver.queues)), random.randint(1, 8)
            requests.append(BlkRequest.write(place, random.randbytes(length * SECTOR), queue))
        await world.run(driver.submit(*requests))
        if life % 4:
            await world.bench.wait_cycles(random.choice([0, 100, 1000, 3000]))
        else:
            await world.run(driver.finish(*requests))
            await world.wait_quiet()
            await follower.finish()
        await world.run(world.remove(SLOTS["blk"]))


# ---- the network device


async def network_device(dut: Any) -> tuple[Follower, RtlDriverWorld, Mac]:
    """Return a network device that is followed, the world of its driver, and its MAC."""
    bench = Bench(dut, some_memory())
    await bench.start()
    mac = Mac(
        MacSettings(in_percent=random.choice([30, 100]), out_percent=random.choice([30, 100]))
    )
    pairs = int(os.environ.get("NET_PAIRS", "1"))
    credits = int(os.environ.get("NET_RX_CREDITS", "64"))
    follower = await followed(bench, NetOutside(mac, pairs=pairs, credits=credits), "net")
    features = ALL & ~(0 if random.random() < 0.7 else NetFeature.MRG_RXBUF)
    world = RtlDriverWorld(
        DriverSetup(
            features=RINGS,
            drivers={NET_DEVICE_ID: lambda: RawNet(features)},
            functions=[None] * len(SLOTS),
            memory=1 << 22,
        ),
        through(follower, bench, "net"),
        in_step=False,
        deadline=4_000_000,  # each frame waits for buffers by itself
    )
    return follower, world, mac


@test()
async def the_network_device_is_followed(dut: Any) -> None:
    """Frames both ways at once, buffers that are merged, frames that find no buffers."""
    follower, world, mac = await network_device(dut)
    bench = follower.bench
    begin = time.monotonic()
    await world.start()
    driver: Any = world.driver(SLOTS["net"])
    if driver.pairs > 1:
        await world.run(driver.command(b"\4\0" + driver.pairs.to_bytes(2, "little")))
    frames = 0
    for _ in range(OPERATIONS // 4):
        pair = random.randrange(driver.pairs)
        kind = random.choice(["send", "receive", "receive", "give"])
        if kind == "send":
            count = min(random.randint(1, 6), 20)
            queue = driver.queues[2 * pair + 1]
            if len(queue.outstanding) < 40:
                packets = [
                    bytes(12) + any_frame(random.choice([14, 60, 200, random.randint(60, 1514)]))
                    for _ in range(count)
                ]
                await world.run(driver.send(pair, *packets, cut=random.choice([0, 5, 30])))
        elif kind == "receive":
            for _ in range(random.randint(1, 5)):
                frames += 1
                mac.queue(
                    any_frame(random.choice([14, 60, 200, random.randint(60, 1514)])),
                    bad=random.random() < 0.05,
                )
        elif driver.buffers(pair) < 40:
            sizes = random.choice([[1526] * 6, [80] * 12, [300] * 8])
            await world.run(driver.give(pair, *sizes))
        await bench.wait_cycles(random.choice([0, 50, 500, 3000]))
        device = world.slot(SLOTS["net"]).device
        if int(bench.irq.value) >> SLOTS["net"] & 1 and device is not None:
            await world.run(device.serve())
    await world.settle()
    await follower.finish()
    report(follower, bench, time.monotonic() - begin)
    assert driver.received and driver.sent


@test()
async def a_network_device_that_is_reset_at_work_is_followed(dut: Any) -> None:
    """Frames that it had sent and not told by then were to be sent."""
    follower, world, mac = await network_device(dut)
    await world.start()
    sent = 0
    for life in range(OPERATIONS // 10):
        if life:
            await world.run(world.scan())
        driver: Any = world.driver(SLOTS["net"])
        if driver.pairs > 1:
            await world.run(driver.command(b"\4\0" + driver.pairs.to_bytes(2, "little")))
        for _ in range(random.randint(1, 4)):
            frames = [any_frame(random.randint(60, 400)) for _ in range(random.randint(1, 8))]
            await world.run(
                driver.send(random.randrange(driver.pairs), *(bytes(12) + each for each in frames))
            )
            sent += len(frames)
        if life % 4:
            await follower.bench.wait_cycles(random.choice([0, 100, 300, 1000]))
        else:
            await world.settle()
            await follower.finish()
        await world.run(world.remove(SLOTS["net"]))
    assert 0 < len(mac.frames(False, 0)) < sent, "no reset came in the midst of frames"
