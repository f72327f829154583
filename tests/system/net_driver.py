# SPDX-License-Identifier: Apache-2.0
"""VirtioNet on the Verilog network device and its model, compared after each operation."""

from __future__ import annotations

import errno
import os
import random

import cocotb

from pymodel import Feature, NetFeature, SlotState, VirtioNet
from pymodel.net_function import Control
from tb.bench import Bench
from tb.benches.net_bench import any_frame
from tb.driver_worlds import DriverSetup
from tb.mac import AT_ONCE, MacSettings
from tb.net.comparison import NET, NetComparison

RINGS = Feature.INDIRECT_DESC | Feature.EVENT_IDX | Feature.RING_RESET
PAIRS = int(os.environ.get("NET_PAIRS", "1"))
NO_MERGE = int(sum(NetFeature)) & ~int(NetFeature.MRG_RXBUF)


async def network(dut, mac: MacSettings = AT_ONCE, **driver) -> NetComparison:
    """Scan a bus with the network device on it."""
    bench = Bench(dut)
    await bench.start()
    setup = DriverSetup(features=RINGS, memory=1 << 20)
    pair = NetComparison(
        bench, setup, lambda: VirtioNet(**driver), mac, {"pairs": PAIRS, "credits": 64}
    )
    await pair.start()
    assert pair.rtl.slot(NET).state is SlotState.BOUND, str(pair.rtl.slot(NET))
    return pair


async def received(pair: NetComparison) -> list[bytes]:
    """Ask the driver for every frame that has come."""
    frames = []
    while (frame := await pair.net("receive", lambda net: net.receive())) is not None:
        frames.append(frame)
    return frames


@cocotb.test(timeout_time=40, timeout_unit="ms")
@cocotb.parametrize(
    driver=[
        {"buffers": 16},
        {"buffers": 40, "buffer_bytes": 100},
        {"buffers": 4, "features": NO_MERGE},
    ]
)
async def frames_are_sent_and_received(dut, driver):
    """One at a time and many at once, of any length, spread over buffers of any size."""
    pair = await network(dut, **driver)
    driver_of_rtl = pair.driver
    for length in (14, 60, 1514, 88, 1518):
        frame = any_frame(length)
        frame = frame[:12] + b"\x81\x00" + frame[14:] if length > 1514 else frame
        await pair.net("send", lambda net, f=frame: net.send(f))
        assert pair.mac.sent[-1].data == frame
        await pair.receive(frame)
        assert await received(pair) == [frame]
    frames = [any_frame(random.randint(14, 300)) for _ in range(12)]
    await pair.net("send", lambda net: net.send(*frames))
    assert [frame.data for frame in pair.mac.sent[-12:]] == frames
    for at in range(0, 12, 4):
        await pair.receive(*frames[at : at + 4])
        assert await received(pair) == frames[at : at + 4]
    assert driver_of_rtl.sent == 17 and driver_of_rtl.in_flight == driver_of_rtl.dropped == 0


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def the_driver_reacts_to_the_link_and_to_commands(dut):
    pair = await network(dut, pairs=PAIRS, buffers=8)
    net = pair.driver
    assert net.mtu == 1500 and net.pairs == PAIRS and net.link
    await pair.set_link(False)
    assert not net.link
    try:
        await pair.net("send", lambda net: net.send(any_frame(60)))
    except OSError as error:
        assert error.errno == errno.ENETDOWN
    else:
        raise AssertionError("a frame was sent without a link")
    await pair.set_link(True)
    mac = bytes.fromhex("02a0b0c0d0e0")
    await pair.net("command", lambda net: net.command(Control.MAC_ADDR_SET, mac))
    assert pair.function.mac == mac
    for kind, data in ((0x0700, b""), (Control.MAC_ADDR_SET, b"short")):
        try:
            await pair.net("command", lambda net, k=kind, d=data: net.command(k, d))
        except OSError as error:
            assert error.errno == errno.EIO
        else:
            raise AssertionError("a wrong command was acknowledged")
    if PAIRS > 1:
        await pair.net("pairs", lambda net: net.set_queue_pairs(1))
        await pair.net("pairs", lambda net: net.set_queue_pairs(2))
        frame = any_frame(60)
        await pair.net("send", lambda net: net.send(frame, pair=1))
    for _ in range(10):
        await pair.receive(any_frame(100))
    assert len(await received(pair)) == 10


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def the_driver_loses_no_frame_when_it_is_removed(dut):
    pair = await network(dut, buffers=16, buffer_bytes=64)
    frames = [any_frame(length) for length in (60, 500, 14)]
    await pair.receive(*frames)
    driver = pair.driver
    assert await pair.remove(NET) == []
    got = []
    while (frame := await pair.rtl.run(driver.receive())) is not None:
        got.append(frame)
    assert got == frames
    assert pair.rtl.allocator.free_bytes == pair.setup.memory
    await pair.scan()
    await pair.receive(frames[0])
    assert await received(pair) == frames[:1]


@cocotb.test(timeout_time=40, timeout_unit="ms")
async def driver_and_device_work_at_the_same_time(dut):
    """A MAC that gives every frame back; nothing waits but for what it needs."""
    pair = await network(dut, mac=MacSettings(loopback=True, delay=50), pairs=PAIRS, buffers=64)
    world, net = pair.rtl, pair.driver
    world.in_step = False
    frames = [any_frame(random.randint(14, 1514)) for _ in range(40)]
    for at in range(0, 40, 8):
        await world.run(net.send(*frames[at : at + 8]))
        await world.run(net.device.wait_until(lambda n=at: net.waiting >= n + 8))
    got = [await world.run(net.receive()) for _ in frames]
    assert sorted(got) == sorted(frames)
    await world.run(net.drain())
    assert net.sent == 40
    assert await world.run(world.remove(NET)) == []
    assert not pair.writes_refused()
