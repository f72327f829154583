# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_dev_net against the golden model."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from pymodel.net_function import ACK_ERR, ACK_OK, FLOWS, Control, NetFeature, flow_hash
from tb.benches.function_bench import Chain, Pace
from tb.benches.net_bench import ALL, MacPace, NetBench, any_frame, ipv4, ipv6, tagged

PACES = [
    (Pace(), MacPace()),
    (Pace(rsp=20), MacPace(out=40)),
    (Pace(out=40, data=60), MacPace(into=50)),
    (Pace(50, 70, 50, 70), MacPace(70, 60)),
]
NO_MERGE = ALL & ~NetFeature.MRG_RXBUF


def test(**options: Any) -> Any:
    """A cocotb test with a deadline."""
    return cocotb.test(timeout_time=4, timeout_unit="ms", **options)


def sizes(bench: NetBench, longest: int) -> list[int]:
    """Sizes of frames around the boundaries of beats and of what is taken."""
    some = {14, 15, 60, 64, longest - 1, longest}
    some |= {at * bench.beat + by for at in (1, 2, 3) for by in (-13, -12, -11, -1, 0, 1, 4)}
    return sorted(size for size in some if 14 <= size <= longest)


def longest(bench: NetBench) -> int:
    """Bytes of the longest frame."""
    return bench.net.mtu + 18


@test()
@cocotb.parametrize(paces=PACES)
async def frames_are_sent(dut: Any, paces: tuple[Pace, MacPace]) -> None:
    """Frames of every size leave as they are; runts and oversized ones are counted."""
    bench = NetBench(dut)
    await bench.begin(*paces)
    most = longest(bench)
    work = [any_frame(size) for size in sizes(bench, most) * 2]
    work += [random.randbytes(size) for size in (0, 1, 13, most + 1, most + 60)]
    random.shuffle(work)
    for frame in work:
        bench.transmit(random.randrange(bench.pairs), frame)
    for size in (0, 1, 11, 12):
        bench.send(Chain(1, random.randbytes(size), random.choice([0, 9])))
    await bench.settle()
    assert await bench.counter("tx_frames") == len(bench.net.sent) > 20
    assert await bench.counter("tx_oversized") == 2
    assert await bench.counter("tx_runt") == 7


@test()
async def damaged_frames_are_marked(dut: Any) -> None:
    """A frame whose bytes could not be read leaves with an error, the ones beside it without."""
    bench = NetBench(dut)
    await bench.begin(Pace(data=70))
    for number in range(20):
        bench.transmit(0, random.randbytes(random.randint(14, 200)), damaged=number % 3 == 1)
    await bench.quiet()
    frames = [bench.started[number].readable[12:] for number in range(20)]
    assert bench.frames_out() == [(frame, n % 3 == 1) for n, frame in enumerate(frames)]
    assert await bench.counter("tx_damaged") == 7


@test()
@cocotb.parametrize(paces=PACES, features=[ALL, NO_MERGE])
async def frames_are_received(dut: Any, paces: tuple[Pace, MacPace], features: int) -> None:
    """Frames of every size, in buffers of any sizes, spread over as many as they need."""
    bench = NetBench(dut, features)
    await bench.begin(*paces)
    most = longest(bench)
    work = sizes(bench, most)
    random.shuffle(work)
    small = features & NetFeature.MRG_RXBUF
    for size in work:
        if small:
            several = min(bench.rx_credits, 32)
            parts = [random.choice([12, 13, 64, 100, 128, 700]) for _ in range(several)]
            if sum(parts) < 12 + size:
                parts[-1] = 2000
        else:
            parts = [12 + size + random.choice([0, 0, 1, 500])]
        bench.buffers(0, *parts)
        await bench.quiet()
        bench.receive(any_frame(size))
        await bench.settle()
    assert await bench.counter("rx_frames") > 0


@test()
@cocotb.parametrize(paces=PACES)
async def both_ways_at_once(dut: Any, paces: tuple[Pace, MacPace]) -> None:
    """Frames in, frames out and commands mixed, with buffers enough."""
    bench = NetBench(dut)
    await bench.begin(*paces)
    for _ in range(6):
        for _ in range(min(bench.rx_credits, 8)):
            frame = any_frame(random.randint(14, 400))
            bench.receive(frame)
            bench.buffers(0, 12 + len(frame))
            for _ in range(2):
                bench.transmit(0, any_frame(random.randint(14, 300)))
            if random.random() < 0.3 and bench.net.control_queue is not None:
                bench.send(Chain(bench.net.control_queue, random.randbytes(5), 1))
        await bench.settle()
    assert bench.net.counters["rx_no_buffer"] == 0


@test()
@cocotb.parametrize(paces=PACES[:2])
async def nothing_comes_between_the_buffers_of_a_frame(
    dut: Any, paces: tuple[Pace, MacPace]
) -> None:
    """Commands and frames to send are answered beside frames of many buffers, not within them."""
    bench = NetBench(dut)
    await bench.begin(*paces)
    for _ in range(6):
        frames = min(bench.rx_credits // 6, 5) or 1
        bench.buffers(0, *[20] * 6 * frames)
        await bench.quiet()
        for _ in range(frames):
            bench.receive(any_frame(100 if bench.rx_credits > 5 else 20))
            for _ in range(8):
                bench.send(Chain(2 * bench.pairs, random.randbytes(5), 1))
                bench.transmit(0, any_frame(20))
        await bench.settle()


@test()
async def bad_frames_are_dropped(dut: Any) -> None:
    """Runts, oversized ones and those that the MAC marks are counted; the others pass."""
    bench = NetBench(dut)
    await bench.begin()
    most = longest(bench)
    for _ in range(12):
        bench.buffers(0, 12 + most)
        await bench.quiet()
        for size in random.sample([1, 7, 13, most + 1, most + 200, 3 * most], 3):
            bench.receive(random.randbytes(size), bad=random.random() < 0.3)
        bench.receive(random.randbytes(100), bad=True)
        bench.receive(any_frame(random.choice([14, 60, most])))
        await bench.settle()
    counters = bench.net.counters
    assert counters["rx_frames"] == 12 and counters["rx_bad"] > 11
    assert counters["rx_runt"] > 3 and counters["rx_oversized"] > 3


@test()
@cocotb.parametrize(features=[ALL, NO_MERGE])
async def frames_without_buffers_are_dropped(dut: Any, features: int) -> None:
    """No buffer, none that fits, one that none fits: each is counted, nothing is lost."""
    bench = NetBench(dut, features)
    await bench.begin()
    for _ in range(3):
        bench.receive(any_frame(60))
    await bench.settle()
    assert bench.net.counters["rx_no_buffer"] == 3
    bench.buffers(0, 0, 5, 11, 12, 25, 26, 30)
    await bench.settle()
    for _ in range(3):
        bench.receive(any_frame(200))
    await bench.settle()
    bench.receive(any_frame(14))
    await bench.settle()
    bench.buffers(0, 400, 400, 400)
    await bench.settle()
    for _ in range(4):
        bench.receive(any_frame(300))
    await bench.settle()
    returned = bench.net.counters["rx_returned"]
    assert returned == (3 if features & NetFeature.MRG_RXBUF else 5), returned


@test()
async def a_frame_takes_32_buffers_at_most(dut: Any) -> None:
    """One that needs 32 gets them; for one that needs more none is used."""
    bench = NetBench(dut)
    if bench.rx_credits < 34:
        return
    await bench.begin()
    bench.buffers(0, *[16] * 34)
    await bench.settle()
    bench.receive(any_frame(32 * 16 - 12 + 1))
    await bench.settle()
    assert bench.net.counters["rx_small_buffer"] == 1
    bench.receive(any_frame(32 * 16 - 12))
    answers = await bench.settle()
    assert len(answers) == 32 and answers[0].data[10:12] == b"\x20\0"


@test()
async def a_frame_waits_for_its_buffers(dut: Any) -> None:
    """Buffers that come within the time, one after another, still serve the frame."""
    bench = NetBench(dut)
    await bench.begin()
    frame = any_frame(300)
    bench.receive(frame)
    for _ in range(4):
        await bench.clocks(40)
        assert dut.m_busy.value == 1
        bench.buffers(0, 78)
    await bench.settle()
    assert bench.net.counters["rx_frames"] == 1
    began = len(bench.rsp.words)
    bench.receive(frame)
    bench.buffers(0, 78)
    for _ in range(int(dut.RX_WAIT.value) + 100):
        await RisingEdge(dut.clk)
    assert dut.m_busy.value == 0 and len(bench.rsp.words) == began
    await bench.settle()
    assert bench.net.counters["rx_no_buffer"] == 1


@test()
async def bytes_to_read_in_a_buffer_are_swallowed(dut: Any) -> None:
    """Receive chains with readable bytes are buffers too, in their order."""
    bench = NetBench(dut)
    await bench.begin(Pace(data=30))
    for _ in range(4):
        for number in range(min(8, bench.rx_credits)):
            readable = random.randbytes(random.choice([0, 0, 1, 100]))
            bench.send(Chain(0, readable, 200 + number))
            bench.transmit(0, random.randbytes(50))
        await bench.settle()
        for _ in range(min(8, bench.rx_credits)):
            bench.receive(any_frame(150))
        await bench.settle()


@test()
async def commands_set_what_they_may(dut: Any) -> None:
    """Good commands change the state; all others are refused and change nothing."""
    bench = NetBench(dut)
    await bench.begin()
    changes = 0

    async def watch() -> None:
        nonlocal changes
        while True:
            await RisingEdge(dut.clk)
            changes += int(dut.m_cfg_change.value)

    cocotb.start_soon(watch())
    mac = random.randbytes(6)
    assert await bench.command(Control.MAC_ADDR_SET, mac) == ACK_OK
    assert bench.net.mac == mac and changes == 1
    assert await bench.command(Control.MAC_ADDR_SET, mac, room=9) == ACK_OK
    assert changes == 1
    for length in (0, 1, 5, 7, 8, 60):
        assert await bench.command(Control.MAC_ADDR_SET, bytes(length)) == ACK_ERR
    assert await bench.command(Control.MAC_ADDR_SET, bytes(6), room=0) is None
    for kind in (0, 0x0100, 0x0102, 0x0001, 0x0401, 0x0500, 0xFFFF):
        for data in (b"\1\0", bytes(6)):
            assert await bench.command(kind, data) == ACK_ERR
    good = ACK_OK if bench.pairs > 1 else ACK_ERR
    for pairs in range(1, bench.pairs + 1):
        data = pairs.to_bytes(2, "little")
        assert await bench.command(Control.VQ_PAIRS_SET, data) == good
        assert await bench.counter("pairs") == (pairs if good == ACK_OK else 1)
    for pairs in (0, bench.pairs + 1, 0x101, 0x100 * bench.pairs, 0xFFFF):
        assert await bench.command(Control.VQ_PAIRS_SET, pairs.to_bytes(2, "little")) == ACK_ERR
    for length in (0, 1, 3, 6, 40):
        assert await bench.command(Control.VQ_PAIRS_SET, b"\1\0\0\0"[:length]) == ACK_ERR
    queue = 2 * bench.pairs
    for length in (0, 1):  # not even a class and a command
        bench.send(Chain(queue, bytes(length), 1))
    bench.send(Chain(queue, Control.VQ_PAIRS_SET.to_bytes(2, "big") + b"\1\0", 1, damaged=True))
    await bench.quiet()
    got = bench._answers_since()
    assert [answer.data for answer in got] == [bytes([ACK_ERR])] * 3
    assert bench.net.mac == mac


@test()
@cocotb.parametrize(
    features=[
        0,
        int(NetFeature.CTRL_VQ),
        int(NetFeature.CTRL_VQ | NetFeature.MQ),
        int(NetFeature.CTRL_VQ | NetFeature.CTRL_MAC_ADDR),
        int(NetFeature.MRG_RXBUF),
    ]
)
async def features_decide(dut: Any, features: int) -> None:
    """Index of the control queue, commands and queues that exist follow the features."""
    bench = NetBench(dut, features)
    await bench.begin()
    assert dut.m_features_ok.value == 1
    for queue in range(bench.queues):
        bench.send(Chain(queue, b"\1\1" + bytes(6), 1))
        bench.send(Chain(queue, b"\4\0\1\0", 1))
        bench.send(Chain(queue, b"", 3))
    await bench.settle()
    for _ in range(40):
        choice = random.getrandbits(64) & random.getrandbits(64)
        dut.s_features.value = choice
        await RisingEdge(dut.clk)
        await RisingEdge(dut.clk)
        assert dut.m_features_ok.value == int(bench.net.accepts(choice))


@test()
async def flows_come_back_where_they_went(dut: Any) -> None:
    """Steering by what was sent, by the hash else, among the enabled pairs only."""
    bench = NetBench(dut)
    if bench.pairs == 1:
        return
    await bench.begin()
    makers = [ipv4, ipv6, lambda *a: tagged(ipv4(*a)), lambda *a: tagged(ipv6(*a))]
    flows: list[tuple[int, int]] = []
    ports: list[tuple[int, int]] = []
    kinds: list[Any] = []
    rows: set[int] = set()
    while len(flows) < 12:  # each with a row of the table of its own
        flow = (random.getrandbits(32), random.getrandbits(32))
        port = (random.getrandbits(16), random.getrandbits(16))
        kind = random.choice(makers)
        row = flow_hash(kind(*flow, port)) % FLOWS
        if row not in rows:
            rows.add(row)
            flows.append(flow)
            ports.append(port)
            kinds.append(kind)
    places: set[int] = set()
    last: dict[int, int] = {}
    for enabled in (1, bench.pairs, 2, bench.pairs):
        data = enabled.to_bytes(2, "little")
        assert await bench.command(Control.VQ_PAIRS_SET, data) == ACK_OK
        await fill(bench, [400] * 4)
        for number, (flow, port, kind) in enumerate(zip(flows, ports, kinds)):
            if random.random() < 0.7:
                last[number] = random.randrange(bench.pairs)
                bench.transmit(last[number], kind(*flow, port))
        await bench.settle()
        for number, (flow, port, kind) in enumerate(zip(flows, ports, kinds)):
            back = kind(flow[1], flow[0], port[::-1])
            bench.receive(back)
            answers = await bench.settle()
            (pair,) = {answer.chain.queue // 2 for answer in answers}
            assert pair < enabled
            if last.get(number, enabled) < enabled:
                assert pair == last[number]
            places.add(pair)
            bench.buffers(pair, 400)
            await bench.settle()
    assert len(places) > 1


async def fill(bench: NetBench, sizes: list[int]) -> None:
    """Give every pair at least these buffers."""
    for pair in range(bench.pairs):
        have = len(bench._held[2 * pair])
        bench.buffers(pair, *sizes[: max(0, len(sizes) - have)])
    await bench.settle()


@test()
async def a_pair_that_is_stopped_is_passed_by(dut: Any) -> None:
    """Frames of a stopped receive queue go to another; with none left they are dropped."""
    bench = NetBench(dut)
    await bench.begin()
    everything = (1 << bench.queues) - 1
    if bench.pairs > 1:
        data = bench.pairs.to_bytes(2, "little")
        assert await bench.command(Control.VQ_PAIRS_SET, data) == ACK_OK
    for stopped in range(bench.pairs):
        bench.set_live(everything & ~(1 << 2 * stopped))
        await bench.quiet()
        bench._answers_since()
        bench._held[2 * stopped].clear()
        others = [pair for pair in range(bench.pairs) if pair != stopped]
        for pair in others:
            bench.buffers(pair, *[400] * (4 - len(bench._held[2 * pair])))
        await bench.quiet()
        for _ in range(4):
            bench.receive(any_frame(100))
            answers = await bench.settle()
            assert len(answers) == (1 if others else 0)
            for answer in answers:
                bench.buffers(answer.chain.queue // 2, 400)
            await bench.settle()
        bench.set_live(everything)
        await bench.clocks(2 * bench.queues + 4)
    bench.set_live(everything & ~sum(1 << 2 * pair for pair in range(bench.pairs)))
    await bench.quiet()
    bench._answers_since()
    for pair in range(bench.pairs):
        bench._held[2 * pair].clear()
    for _ in range(3):
        bench.receive(any_frame(100))
    await bench.settle()
    assert bench.net.counters["rx_stopped"] >= 3


@test()
async def a_pair_that_is_not_enabled_gets_nothing(dut: Any) -> None:
    """With pair 0 stopped and no other one enabled, frames are dropped, whatever else works."""
    bench = NetBench(dut)
    await bench.begin()
    for pair in range(bench.pairs):
        bench.buffers(pair, 400)
    await bench.settle()
    bench.set_live(((1 << bench.queues) - 1) & ~1)
    await bench.quiet()
    bench._answers_since()
    bench._held[0].clear()
    bench.receive(any_frame(100))
    assert await bench.settle() == []
    assert bench.net.counters["rx_stopped"] == 1


@test()
@cocotb.parametrize(paces=PACES[::3])
async def queues_that_stop_are_drained(dut: Any, paces: tuple[Pace, MacPace]) -> None:
    """Whatever is under way, a stopped queue's chains all come back, and its next life is whole."""
    bench = NetBench(dut)
    await bench.begin(*paces)
    everything = (1 << bench.queues) - 1
    for _ in range(12):
        for _ in range(20):
            pair = random.randrange(bench.pairs)
            bench.buffers(pair, random.choice([20, 100, 400]))
            bench.transmit(pair, any_frame(random.randint(14, 200)))
            if random.random() < 0.5:
                bench.receive(any_frame(random.randint(14, 200)))
        await bench.clocks(random.randrange(10, 200))
        stopped = random.getrandbits(bench.queues)
        for queue in range(bench.queues):
            if stopped >> queue & 1:
                bench.drop(queue)
        bench.set_live(everything & ~stopped)
        for queue in range(bench.queues):
            bench.drop(queue)
        await bench.quiet()
        for queue in range(bench.queues):
            if stopped >> queue & 1:
                assert bench._inside[queue] == 0, f"queue {queue} is not drained"
        bench.set_live(everything)
        await bench.clocks(2 * bench.queues + 4)
        for queue in range(bench.queues):
            credits = bench.tx_credits if queue % 2 else bench.rx_credits
            assert bench.credits[queue] + bench._inside[queue] == credits, f"queue {queue}"
    bench._answers_since()
    bench.frames_out()


@test()
async def a_link_that_is_down_takes_no_frames(dut: Any) -> None:
    """Frames to send are dropped and counted; each change is told once."""
    bench = NetBench(dut)
    await bench.begin()
    changes = 0

    async def watch() -> None:
        nonlocal changes
        while True:
            await RisingEdge(dut.clk)
            changes += int(dut.m_cfg_change.value)

    cocotb.start_soon(watch())
    for turn in range(4):
        bench.set_link(turn % 2 == 1)
        await bench.clocks(4)
        assert changes == turn + 1
        for size in (100, 5, longest(bench) + 1):
            bench.transmit(0, random.randbytes(size))
        await bench.settle()
    assert changes == 4
    assert await bench.counter("tx_link_down") == 2


@test()
async def a_full_memory_drops_frames_whole(dut: Any) -> None:
    """While nothing is taken, what does not fit is counted, and the rest comes out right."""
    bench = NetBench(dut)
    await bench.begin(Pace(out=0))
    count = min(bench.rx_credits, 16)
    bench.buffers(0, *[12 + longest(bench)] * count)
    await bench.quiet()
    frames = [any_frame(random.choice([60, longest(bench)])) for _ in range(60)]
    for frame in frames:
        bench.receive(frame)
    while bench.mac_in.waiting:
        await RisingEdge(dut.clk)
    bench.out.percent = 100
    await bench.quiet()
    answers = bench._answers_since()
    got = [answer.data[12:] for answer in answers if answer.data]
    rest = iter(frames)
    assert all(frame in rest for frame in got), "not in order, or changed"
    lost = sum([await bench.counter(name) for name in ("rx_overflow", "rx_no_buffer")])
    assert await bench.counter("rx_overflow") > 0
    assert len(got) + lost == len(frames)


@test()
async def one_beat_per_clock(dut: Any) -> None:
    """Each way alone leaves no gap, 64-byte frames take 2 clocks at 512 bit; both together stop
    once, until answers are some ahead of their bytes."""
    bench = NetBench(dut)
    await bench.begin()
    for size in (64, 1514):
        size = min(size, longest(bench))
        count = min(bench.rx_credits, 48) if size == 64 else min(bench.rx_credits, 10)
        per_frame = -(-(size + 12) // bench.beat)
        room = int(dut.FRAME_BYTES.value) // bench.beat // (per_frame + 1)
        count = min(count, room)
        for into, out in ((True, False), (False, True), (True, True)):
            bench.buffers(0, *[size + 12] * (count - int(dut.m_waiting.value)))
            await bench.quiet()
            beats, outs = len(bench.out.words), len(bench.mac_out.words)
            for _ in range(count):
                if into:
                    bench.receive(any_frame(size))
                if out:
                    bench.transmit(0, any_frame(size))
            await bench.settle()
            limit = count * max(per_frame, 2) + 2
            given = [word.taken for word in bench.out.words[beats:]] or [0]
            clocks = given[-1] - given[0] + 1
            assert clocks <= limit + 64 * out, f"{size} bytes in: {clocks} clocks, not {limit}"
            sent = [word.taken for word in bench.mac_out.words[outs:]] or [0]
            clocks = sent[-1] - sent[0] + 1
            assert clocks <= limit, f"{size} bytes out: {clocks} clocks, not {limit}"
