# SPDX-License-Identifier: Apache-2.0
"""The network device with its transport and its engine, against the model, frame by frame."""

from __future__ import annotations

import os
import random
from typing import Any

import cocotb

from pymodel import Feature, Interrupt, SlotState
from pymodel.config_space import find
from pymodel.net_function import ACK_ERR, ACK_OK, NET_FIELDS, Control, NetFeature
from tb.bench import Bench
from tb.benches.net_bench import any_frame, ipv4, tagged
from tb.driver_worlds import DriverSetup
from tb.mac import AT_ONCE, MacSettings
from tb.net.comparison import NET, NetComparison
from tb.net.raw_driver import ALL, RawNet

RINGS = (
    Feature.INDIRECT_DESC
    | Feature.EVENT_IDX
    | Feature.RING_RESET
    | (Feature.RING_PACKED if os.environ.get("RING") == "packed" else 0)
)


async def started(dut: Any) -> Bench:
    """Return the bench after a reset."""
    bench = Bench(dut)
    await bench.start()
    return bench


async def network(
    dut: Any, features: int = ALL, mac: MacSettings = AT_ONCE, rings: Feature = RINGS
) -> NetComparison:
    """Scan a bus with the network device on it; return the comparison."""
    bench = await started(dut)
    pairs = int(os.environ.get("NET_PAIRS", "1"))
    pair = NetComparison(
        bench,
        DriverSetup(features=rings, memory=1 << 20),
        lambda: RawNet(features),
        mac,
        {"pairs": pairs, "credits": int(os.environ.get("NET_RX_CREDITS", "64"))},
    )
    await pair.start()
    return pair


def packet(frame: bytes) -> bytes:
    """Return a frame behind a header of noise, which must not matter."""
    return random.randbytes(12) + frame


def test(**options: Any) -> Any:
    """A cocotb test with a deadline."""
    return cocotb.test(timeout_time=40, timeout_unit="ms", **options)


async def send(pair: NetComparison, number: int, *frames: bytes, cut: int = 0) -> None:
    """Send frames in one batch in both worlds."""
    packets = [packet(frame) for frame in frames]
    await pair.net("send", lambda d: d.send(number, *packets, cut=cut))


async def give(pair: NetComparison, number: int, *sizes: int) -> None:
    """Give receive buffers in both worlds."""
    await pair.net("give", lambda d: d.give(number, *sizes))


async def command(pair: NetComparison, kind: int, data: bytes, room: int = 1) -> bytes:
    """Do a control command in both worlds; return the acknowledgement."""
    words = kind.to_bytes(2, "big") + data
    answer: bytes = await pair.net("command", lambda d: d.command(words, room))
    return answer


@test()
async def frames_pass_both_ways(dut):
    """Frames of all sizes out and in, one operation at a time, then many."""
    pair = await network(dut)
    for size in (14, 15, 60, 64, 65, 200, 1514, 1518):
        await send(pair, 0, any_frame(size), cut=random.choice([0, 5, 12, 20]))
        await give(pair, 0, 1600)
        await pair.receive(any_frame(size))
    assert pair.driver.sent == 8 and len(pair.driver.received) == 8
    frames = [any_frame(random.randint(14, 400)) for _ in range(20)]
    await give(pair, 0, *[512] * 20)
    await send(pair, 0, *frames)
    await pair.receive(*frames)
    assert [got.frame for got in pair.driver.received[8:]] == frames
    assert all(got.data[:12] == bytes(10) + b"\1\0" for got in pair.driver.received)
    await pair.remove(NET)


@test()
@cocotb.parametrize(merge=[True, False])
async def a_frame_takes_the_buffers_that_it_needs(dut, merge):
    """Split over many buffers, each byte in its place; or in exactly one, or not at all."""
    pair = await network(dut, ALL if merge else ALL & ~NetFeature.MRG_RXBUF)
    for sizes in ([64] * 30, [12, 13, 100, 1500], [1530, 90], [700, 700, 700], [40, 1530]):
        before = len(pair.driver.received)
        await give(pair, 0, *sizes)
        frame = any_frame(1518)
        await pair.receive(frame)
        got = pair.driver.received[before:]
        total, parts = 0, []
        while merge and total < 1530 and sum(sizes) >= 1530:
            parts.append(min(sizes[len(parts)], 1530 - total))
            total += parts[-1]
        if merge and pair.driver.buffers(0) == len(sizes) - len(parts) and parts:
            assert got[0].parts == tuple(parts) and got[0].frame == frame
        while pair.driver.buffers(0):  # use what is left
            await pair.receive(any_frame(14))
    assert pair.driver.together
    counters = pair.function.counters
    assert counters["rx_frames"] > 4 and (merge or counters["rx_small_buffer"] > 0)


@test()
async def a_frame_without_buffers_is_dropped(dut):
    """It waits, is dropped and counted; one that finds its buffer meanwhile is not."""
    pair = await network(dut)
    await pair.receive(any_frame(100))
    await pair.receive(*[any_frame(60) for _ in range(3)])
    assert pair.function.counters["rx_no_buffer"] == 4
    await give(pair, 0, 5, 100, 11)
    await pair.receive(any_frame(60), any_frame(60))
    counters = pair.function.counters
    assert (counters["rx_frames"], counters["rx_no_buffer"], counters["rx_returned"]) == (1, 5, 2)
    assert pair.driver.empty == 2
    pair.mac.queue(frame := any_frame(300))
    pair.function.receive(frame)
    await pair.rtl.run(pair.rtl.driver(NET).give(0, 400))
    pair.model.run(pair.model.driver(NET).give(0, 400))
    await pair.settle("late")
    assert pair.driver.received[-1].frame == frame


@test()
async def runts_and_oversized_frames_are_counted(dut):
    """Both ways, and frames that the MAC marks; chains come back, others pass."""
    pair = await network(dut)
    await give(pair, 0, *[2048] * 8)
    for size in (1, 13, 1519, 1600, 5000):
        await send(pair, 0, random.randbytes(size), any_frame(60))
        await pair.receive(random.randbytes(size), any_frame(60))
    for size in (1, 11, 12):  # a header cut short, or alone
        packets = [random.randbytes(size)]
        await pair.net("send", lambda d, p=packets: d.send(0, *p))
    await give(pair, 0, *[2048] * 4)
    await pair.receive(*[any_frame(60)] * 3, bad=[True, False, True])
    counters = pair.function.counters
    assert (counters["tx_runt"], counters["tx_oversized"]) == (5, 3)
    assert (counters["rx_runt"], counters["rx_oversized"], counters["rx_bad"]) == (2, 3, 2)
    assert pair.driver.sent == 13


@test()
async def commands_are_answered(dut):
    """Good ones are done; wrong class, command, length, range and room: refused, no change."""
    pair = await network(dut)
    mac = random.randbytes(6)
    assert await command(pair, Control.MAC_ADDR_SET, mac) == bytes([ACK_OK])
    assert pair.function.mac == mac
    assert await command(pair, Control.MAC_ADDR_SET, mac, room=5) == bytes([ACK_OK])
    usable = pair.function.pairs
    for pairs in (usable, 1, 0, usable + 1, 0x8000):
        good = usable > 1 and 1 <= pairs <= usable
        answer = await command(pair, Control.VQ_PAIRS_SET, pairs.to_bytes(2, "little"))
        assert answer == bytes([ACK_OK if good else ACK_ERR])
    for kind in (0x0000, 0x0100, 0x0401, 0x0200, 0xFFFF):
        assert await command(pair, kind, bytes(6)) == bytes([ACK_ERR])
    for data in (b"", bytes(5), bytes(7), bytes(300)):
        assert await command(pair, Control.MAC_ADDR_SET, data) == bytes([ACK_ERR])
        assert await command(pair, Control.VQ_PAIRS_SET, data) == bytes([ACK_ERR])
    for words in (b"", b"\1"):
        assert await pair.net("command", lambda d, w=words: d.command(w)) == bytes([ACK_ERR])
    assert await command(pair, Control.MAC_ADDR_SET, bytes(6), room=0) == b""
    assert pair.function.mac == mac
    await pair.net("command", lambda d: d.command(b"\1\1" + bytes(6)))


@test()
async def flows_come_back_where_they_went(dut):
    """Several pairs: steering by what was sent last, only pair 0 until it is asked for."""
    pair = await network(dut)
    usable = pair.function.pairs
    assert usable > 1
    flows = [(random.getrandbits(32), random.getrandbits(32), (n, 80)) for n in range(6)]
    last: dict[int, int] = {}
    for enabled in (None, usable, 2, 1, usable):
        if enabled is not None:
            data = enabled.to_bytes(2, "little")
            assert await command(pair, Control.VQ_PAIRS_SET, data) == bytes([ACK_OK])
        for number in range(usable):
            missing = 8 - pair.driver.buffers(number)
            await give(pair, number, *[400] * missing)
        for number, (source, target, ports) in enumerate(flows):
            if random.random() < 0.7:
                last[number] = random.randrange(usable)
                await send(pair, last[number], ipv4(source, target, ports))
        for number, (source, target, ports) in enumerate(flows):
            await pair.receive(ipv4(target, source, ports[::-1]))
            got = pair.driver.received[-1].pair
            assert got < (enabled or 1)
            if last.get(number, usable) < (enabled or 1):
                assert got == last[number]


@test()
async def a_change_of_the_link_is_told(dut):
    """The interrupt comes, the status reads 0; frames sent meanwhile are dropped and counted."""
    pair = await network(dut)
    device = pair.rtl.slot(NET).device
    for up in (False, True, False, True):
        before = len(device.interrupts)
        await pair.set_link(up)
        assert device.interrupts[before:] == [Interrupt.CONFIG_CHANGE]
        await send(pair, 0, any_frame(60))
    assert pair.function.counters["tx_link_down"] == 2
    assert len(pair.function.sent) == 2


@test()
async def the_loop_brings_frames_back(dut):
    """With a MAC that gives every frame back, at any pace."""
    mac = MacSettings(in_percent=70, out_percent=60, loopback=True, seed=random.getrandbits(32))
    pair = await network(dut, mac=mac)
    await give(pair, 0, *[256] * 30)
    frames = [any_frame(random.randint(14, 500)) for _ in range(10)]
    await send(pair, 0, *frames)
    assert sorted(got.frame for got in pair.driver.received) == sorted(frames)


@test()
async def a_queue_in_reset_is_passed_by(dut):
    """Frames of a receive queue in reset go to another one; with none left they are dropped."""
    pair = await network(dut)
    usable = pair.function.pairs
    if usable > 1:
        data = usable.to_bytes(2, "little")
        assert await command(pair, Control.VQ_PAIRS_SET, data) == bytes([ACK_OK])
    for number in range(usable):
        await give(pair, number, *[400] * 8)
    for stopped in range(usable):
        await pair.net("reset", lambda d, n=stopped: d.reset(n))
        before = len(pair.driver.received)
        await pair.receive(*[any_frame(100) for _ in range(3)])
        got = {packet.pair for packet in pair.driver.received[before:]}
        assert all(number > stopped for number in got)
        assert bool(got) == (stopped < usable - 1)
    assert pair.function.counters["rx_stopped"] == 3


@test()
@cocotb.parametrize(turn=range(3), reset=[True, False])
async def queues_stop_with_frames_under_way(dut, turn, reset):
    """The driver leaves while frames pass, by queue resets or a device reset; all comes back."""
    looped = MacSettings(in_percent=50, out_percent=50, loopback=True)
    rings = RINGS if reset else RINGS & ~Feature.RING_RESET
    pair = await network(dut, mac=looped, rings=rings)
    bench, world = pair.bench, pair.rtl
    world.in_step = False
    driver = world.driver(NET)
    await world.run(driver.give(0, *[200] * 30))
    await world.run(driver.send(0, *[packet(any_frame(300)) for _ in range(20)]))
    await bench.wait_cycles(20 + 150 * turn)
    left = await world.run(world.remove(NET))
    assert len(left) > 0
    await bench.wait_idle(20000)
    again = await network(dut)
    await give(again, 0, 512, 512)
    await send(again, 0, any_frame(99))
    await again.receive(any_frame(99), any_frame(1))
    assert len(again.driver.received) == 1


@test()
async def choices_that_do_not_go_together_are_refused(dut):
    """MQ or CTRL_MAC_ADDR without CTRL_VQ: FEATURES_OK stays 0."""
    for wrong in (NetFeature.MQ, NetFeature.CTRL_MAC_ADDR):
        features = ALL & ~NetFeature.CTRL_VQ
        pair = NetComparison(
            await started(dut),
            DriverSetup(features=RINGS, memory=1 << 20),
            lambda f=features: RawNet(f),
            function={"pairs": int(os.environ.get("NET_PAIRS", "1"))},
        )
        slots = await pair.start()
        assert slots[NET].state is SlotState.FAILED, wrong


@test()
async def the_configuration_is_read(dut):
    """All fields, in one comparison with the model; also what the features leave out."""
    for features in (0, int(NetFeature.CTRL_VQ), int(NetFeature.MRG_RXBUF), ALL):
        pair = await network(dut, features)
        await give(pair, 0, 1600)
        await send(pair, 0, any_frame(60))
        await pair.receive(tagged(any_frame(60)))
        assert len(pair.driver.received) == 1
        device = pair.rtl.slot(NET).device
        read = device.read_config(find(NET_FIELDS, "mtu")) if features == ALL else None
        if read is not None:
            assert await pair.rtl.run(read) == pair.function.mtu
