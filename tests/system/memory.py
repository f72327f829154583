# SPDX-License-Identifier: Apache-2.0
"""The memory's behaviour: latency, bandwidth, back-pressure, order of the responses."""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import Feature
from tb.bench import Bench
from tb.free_running import Delays, FreeRunning
from tb.native_memory import Access, Kind, Reorder, Settings, latency
from tb.player import Habits, Player, collect_one, drain, parameters
from tb.worlds import Setup

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower and more
EVENT, INDIRECT = Feature.EVENT_IDX, Feature.INDIRECT_DESC
STALLS = {
    "ar": Settings(stall_ar=85),
    "r": Settings(stall_r=85),
    "aw": Settings(stall_aw=85),
    "w": Settings(stall_w=85),
    "b": Settings(stall_b=85),
    "all": Settings(stall_ar=50, stall_r=50, stall_aw=50, stall_w=50, stall_b=50),
    "slow": Settings(read_percent=10, write_percent=10),
    "narrow": Settings(max_reads=1, max_writes=1, read_latency=(4, 9), write_latency=(4, 9)),
    "bursts": Settings(read_latency=(1, 90), write_latency=(1, 90), reorder=Reorder.BURSTS),
    "beats": Settings(read_latency=(1, 90), write_latency=(1, 90), reorder=Reorder.BEATS),
    "late writes": Settings(read_latency=(1, 3), write_latency=(150, 200)),
    "late reads": Settings(read_latency=(150, 200), write_latency=(1, 3)),
}


async def play(dut, settings: Settings, operations: int, **habits) -> None:
    """Let a busy driver run over a memory; everything must be equal to the model."""
    bench = Bench(dut, settings)
    await bench.start()
    device = await parameters(bench)
    features = random.choice([Feature(0), EVENT, INDIRECT, EVENT | INDIRECT])
    setup = Setup(
        sizes=(32,) * min(4, device["queues"]),
        features=features,
        indirect="multi" if features & INDIRECT else "never",
        memory=1 << 18,
        tables=1 << 12,
        pattern=random.random() < 0.5,
        callback=random.choice([drain, collect_one]),
    )
    pair = FreeRunning(bench, setup, Delays(interrupt=(0, 90)), **device)
    await pair.start()
    await Player(pair, Habits(long=2, long_bytes=6000, **habits)).play(operations)
    await pair.stop()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(cycles=[1, 2, 3, 8, 31, 128, 512] if FAST else [1, 128])
async def any_latency(dut, cycles):
    await play(dut, latency(cycles), 250 if FAST else 50, pause=(0, 6))


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(kind=list(STALLS) if FAST else ["all", "narrow", "beats", "late writes"])
async def any_back_pressure(dut, kind):
    settings = STALLS[kind]
    await play(dut, settings, 200 if FAST else 40, pause=random.choice([(0, 3), (0, 40)]))


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def large_buffers_over_a_changing_memory(dut):
    """Bursts of all kinds at full rate, and the memory's behaviour changes on the way."""
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    queues = min(2, device["queues"])
    setup = Setup(
        sizes=(64,) * queues, features=EVENT, indirect="never", memory=1 << 21, pattern=True
    )
    pair = FreeRunning(bench, setup, **device)
    await pair.start()
    habits = Habits(
        shapes=[(1, 1), (2, 2), (0, 1), (1, 0)],
        lengths=[1500, 4096, 60, 9000, 1, 513],
        long=20,
        long_bytes=40_000,
        pause=(0, 400),
    )
    player = Player(pair, habits)
    for _ in range(12 if FAST else 2):
        bench.memory.configure(random.choice(list(STALLS.values())), seed=random.getrandbits(32))
        for _ in range(20 if FAST else 8):
            await player.step()
    bench.memory.configure(latency(1))
    await player.finish()
    await pair.stop()


# ---- orders that must hold, read off the bus

INDEX, ENTRIES, WISH, USED_INDEX, ELEMENTS, ASK, DATA = range(1, 8)
LINE = 64  # bytes; the widest bus word
LATE = 23  # cycles, of every access


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True])
async def orders_hold_on_the_bus(dut, event_idx):
    """With fixed latencies the log of the beats tells when each was asked for and acknowledged.

    A read beat of cycle c was asked for by c - LATE; a write beat of cycle c is acknowledged at
    c + LATE, neither earlier.
    """
    bench = Bench(dut, latency(LATE))
    await bench.start()
    device = await parameters(bench)
    setup = Setup(
        sizes=(64,),
        features=EVENT if event_idx else Feature(0),
        indirect="never",
        memory=1 << 19,
        callback=drain,
    )
    pair = FreeRunning(bench, setup, Delays(interrupt=(0, 60)), **device)
    await pair.start()
    layout, memory = pair.rtl.queue(0).layout, bench.memory
    memory.watch(layout.avail_idx, 2, INDEX)
    # words that hold the index too are read by looks
    first = (layout.avail + 4 + LINE - 1) & -LINE
    memory.watch(first, layout.avail + 4 + 2 * layout.size - first, ENTRIES)
    memory.watch(layout.used_event if event_idx else layout.avail_flags, 2, WISH)
    memory.watch(layout.used_idx, 2, USED_INDEX)
    memory.watch(layout.used + 4, 8 * layout.size, ELEMENTS)
    memory.watch(layout.avail_event if event_idx else layout.used_flags, 2, ASK)
    data = (layout.avail_event + LINE) & -LINE
    memory.watch(data, setup.base + setup.memory - data, DATA)
    player = Player(
        pair,
        Habits(
            shapes=[(1, 1), (2, 2), (0, 1)],
            lengths=[1, 9, 64, 300],
            long=0,
            deep=0,
            pause=(0, 50),
            detach=False,
        ),
    )
    pair.free = lambda addr: None  # each chain has bytes of its own
    chains: list[list[tuple[int, int]]] = []
    add = pair.add

    async def noting_add(queue, segments, out_num, in_num, token, indirect=None):
        await add(queue, segments, out_num, in_num, token, indirect)
        chains.append(segments[out_num:])

    pair.add = noting_add
    for _ in range(300):
        await player.step()
    await player.finish()
    await pair.stop()
    log = Log(memory.accesses())
    log.check_used(chains)
    log.check_wishes()
    log.check_entries(layout.avail + 4, layout.size)
    log.check_asking(event_idx)


class Log:
    """What one queue's traffic did to each watched class, in order."""

    def __init__(self, beats: list[Access]) -> None:
        self.of: dict[int, list[Access]] = {watch: [] for watch in range(1, 8)}
        looker = beats[0].id  # the first access of all is a look at the index
        for beat in beats:
            read = beat.kind == Kind.READ
            if beat.watch in (USED_INDEX, ELEMENTS, ASK) and read:
                raise AssertionError(f"the device reads what is its own: {beat}")
            if beat.watch == INDEX and beat.id != looker:
                continue  # beside avail.flags
            if beat.watch == WISH and beat.id == looker:
                continue  # avail.flags beside the index
            if beat.watch == DATA and read:
                continue
            self.of[beat.watch].append(beat)

    def check_used(self, chains: list[list[tuple[int, int]]]) -> None:
        """Order 3: bytes and elements are acknowledged before the index is written."""
        publish: list[int] = []  # cycle in which each chain's index was written
        for beat in self.of[USED_INDEX]:
            publish += [beat.cycle] * (int.from_bytes(beat.data, "little") - len(publish))
        assert len(publish) == len(chains)
        written = 0
        for beat in self.of[ELEMENTS]:
            for index in range(written // 8, (written + len(beat.data)) // 8):
                assert beat.cycle + LATE <= publish[index], f"element {index}: {beat}"
            written += len(beat.data)
        assert written == 8 * len(chains)
        owner = {
            byte: index
            for index, places in enumerate(chains)
            for addr, length in places
            for byte in range(addr, addr + length)
        }
        for beat in self.of[DATA]:
            for byte in (beat.addr, beat.addr + len(beat.data) - 1):
                assert beat.cycle + LATE <= publish[owner[byte]], f"chain {owner[byte]}: {beat}"

    def check_wishes(self) -> None:
        """Order 4: the driver's wish is asked for after the index was acknowledged."""
        indices, wishes = self.of[USED_INDEX], self.of[WISH]
        assert len(indices) == len(wishes), f"{len(indices)} indices, {len(wishes)} looks at wishes"
        for index, wish in zip(indices, wishes):
            assert wish.cycle - LATE >= index.cycle + LATE, (index, wish)

    def check_entries(self, start: int, size: int) -> None:
        """Order 1: an entry is asked for after the index that covers it was seen."""
        looks = self.of[INDEX]
        seen, at, due = 0, 0, 0
        for beat in self.of[ENTRIES]:
            while at < len(looks) and looks[at].cycle <= beat.cycle - LATE:
                seen = max(seen, int.from_bytes(looks[at].data, "little"))
                at += 1
            low = (beat.addr - start) // 2
            high = low + len(beat.data) // 2 - 1
            if not low <= due % size <= high:
                due += (low - due) % size
            assert due < seen, f"entry {due} with {seen} seen: {beat}"
            due += 1
        assert due > size, "no entry was seen to be read"

    def check_asking(self, event_idx: bool) -> None:
        """Order 5: a look at the index follows the acknowledgement of asking for notifications."""
        asks = [b for b in self.of[ASK] if event_idx or int.from_bytes(b.data, "little") == 0]
        assert asks
        ends = [ask.cycle for ask in asks[1:]] + [1 << 62]
        for ask, end in zip(asks, ends):
            assert any(
                look.cycle - LATE >= ask.cycle + LATE and look.cycle <= end
                for look in self.of[INDEX]
            ), f"no look after {ask}"
