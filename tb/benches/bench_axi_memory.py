# SPDX-License-Identifier: Apache-2.0
"""Bench of the memory slave and the protocol checks: a master on the pins of `axi_pins`."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import cocotb
import pytest
from cocotb.clock import Clock
from cocotb.triggers import ReadOnly, RisingEdge
from cocotb.types import Logic

from tb.native_memory import (
    Kind,
    NativeMemory,
    Place,
    Reorder,
    Response,
    Settings,
    Violation,
    latency,
)

BASE = 0x4_0000
SIZE = 0x8000
TOP_BASE = (1 << 64) - 0x1000


@dataclass
class Burst:
    """One burst as asked for; `size` is bytes per beat."""

    addr: int
    beats: int
    id: int = 0
    size: int = 0
    data: Sequence[tuple[int, int]] = ()  # of a write: (word, strobes) for each beat


@dataclass
class Seen:
    """One handshake."""

    cycle: int
    id: int = 0
    data: int = 0
    response: Response = Response.OKAY
    last: bool = False


@dataclass
class Master:
    """Drives bursts as fast as they are taken; records every handshake."""

    dut: Any
    r_ready: Callable[[], int | Logic] = lambda: 1
    b_ready: Callable[[], int | Logic] = lambda: 1
    cycle: int = 0
    ar: list[Seen] = field(default_factory=list)
    r: list[Seen] = field(default_factory=list)
    aw: list[Seen] = field(default_factory=list)
    w: list[Seen] = field(default_factory=list)
    b: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.memory = NativeMemory()
        self.memory.add_region(BASE, SIZE)
        self.bus_bytes = len(self.dut.m_axi_rdata) // 8
        self.reads: list[Burst] = []
        self.writes: list[Burst] = []
        self.beats: list[tuple[int, int, bool]] = []

    def pin(self, name: str) -> Any:
        return getattr(self.dut, f"m_axi_{name}")

    async def start(self, settings: Settings) -> None:
        """Reset, then drive and record until the test ends."""
        self.memory.configure(settings)
        for name in ("arvalid", "awvalid", "wvalid", "rready", "bready"):
            self.pin(name).value = 0
        for channel in ("ar", "aw"):
            for name in ("id", "addr", "len", "size", "burst"):
                self.pin(channel + name).value = 0
        for name in ("wdata", "wstrb", "wlast"):
            self.pin(name).value = 0
        self.dut.rst.value = 1
        clock = Clock(self.dut.clk, 4, unit="ns")
        clock.start()
        await clock.cycles(4)
        self.dut.rst.value = 0
        await RisingEdge(self.dut.clk)
        self.cycle = int(self.dut.cycle.value) + 1  # the edge at which what is driven now counts
        cocotb.start_soon(self._run())

    def read(self, burst: Burst) -> None:
        self.reads.append(burst)

    def write(self, burst: Burst) -> None:
        self.writes.append(burst)
        last = len(burst.data) - 1
        self.beats += [(word, strb, i == last) for i, (word, strb) in enumerate(burst.data)]

    def _address(self, channel: str, burst: Burst) -> None:
        size = burst.size or self.bus_bytes
        for name, value in (
            ("addr", burst.addr),
            ("id", burst.id),
            ("len", burst.beats - 1),
            ("size", size.bit_length() - 1),
            ("burst", 1),
        ):
            self.pin(channel + name).value = value

    def _offer(self) -> dict[str, bool]:
        """Drive every channel for one cycle."""
        offered = {"ar": bool(self.reads), "aw": bool(self.writes), "w": bool(self.beats)}
        for channel, waiting in (("ar", self.reads), ("aw", self.writes)):
            if waiting:
                self._address(channel, waiting[0])
        if self.beats:
            word, strobes, last = self.beats[0]
            self.pin("wdata").value, self.pin("wstrb").value = word, strobes
            self.pin("wlast").value = int(last)
        for channel, on in offered.items():
            self.pin(channel + "valid").value = int(on)
        self.pin("rready").value = self.r_ready()
        self.pin("bready").value = self.b_ready()
        return offered

    async def _run(self) -> None:
        while True:
            self._offer()
            await ReadOnly()
            taken = [
                channel
                for channel in ("ar", "aw", "w", "r", "b")
                if self.pin(channel + "valid").value == 1 and self.pin(channel + "ready").value == 1
            ]
            seen = Seen(self.cycle)
            if "r" in taken:
                self.r.append(
                    Seen(
                        self.cycle,
                        int(self.pin("rid").value),
                        int(self.pin("rdata").value),
                        Response(int(self.pin("rresp").value)),
                        self.pin("rlast").value == 1,
                    )
                )
            if "b" in taken:
                response = Response(int(self.pin("bresp").value))
                self.b.append(Seen(self.cycle, int(self.pin("bid").value), response=response))
            await RisingEdge(self.dut.clk)
            self.cycle += 1
            if "ar" in taken:
                self.reads.pop(0)
                self.ar.append(seen)
            if "aw" in taken:
                self.writes.pop(0)
                self.aw.append(seen)
            if "w" in taken:
                self.beats.pop(0)
                self.w.append(seen)

    async def until(self, done: Callable[[], bool], cycles: int = 20_000) -> None:
        """Wait until something holds; fail after so many cycles."""
        for _ in range(cycles):
            if done():
                return
            await RisingEdge(self.dut.clk)
        raise AssertionError(
            f"after {cycles} cycles: {len(self.r)} R beats, {len(self.b)} B, waiting "
            f"{len(self.reads)} reads, {len(self.writes)} writes, {len(self.beats)} W beats"
        )

    async def read_all(self, bursts: Sequence[Burst]) -> list[Seen]:
        """Read bursts; return their beats."""
        start = len(self.r)
        for burst in bursts:
            self.read(burst)
        count = start + sum(burst.beats for burst in bursts)
        await self.until(lambda: len(self.r) >= count)
        return self.r[start:]

    async def write_all(self, bursts: Sequence[Burst]) -> list[Seen]:
        """Write bursts; return their responses."""
        start = len(self.b)
        for burst in bursts:
            self.write(burst)
        await self.until(lambda: len(self.b) >= start + len(bursts))
        return self.b[start:]

    def word(self, data: bytes) -> int:
        return int.from_bytes(data, "little")

    def full(self, addr: int, data: bytes, id: int = 0) -> Burst:
        """Return an aligned write of whole words."""
        step = self.bus_bytes
        words = [data[i : i + step] for i in range(0, len(data), step)]
        strobes = (1 << step) - 1
        return Burst(addr, len(words), id, data=[(self.word(word), strobes) for word in words])


def wide(cycles: int, **changes: Any) -> Settings:
    return Settings(read_latency=(cycles, cycles), write_latency=(cycles, cycles), **changes)


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(cycles=[1, 2, 16, 128])
async def latency_is_exact(dut: Any, cycles: int) -> None:
    master = Master(dut)
    await master.start(latency(cycles))
    await master.read_all([Burst(BASE, 4)])
    assert master.r[0].cycle - master.ar[0].cycle == cycles
    await master.write_all([master.full(BASE, bytes(4 * master.bus_bytes))])
    assert master.b[0].cycle - master.w[-1].cycle == cycles


@cocotb.test(timeout_time=4, timeout_unit="ms")
@cocotb.parametrize(cycles=[1, 16, 1024])
async def full_rate_at_any_latency(dut: Any, cycles: int) -> None:
    """One beat per cycle each way, both ways at once."""
    master = Master(dut)
    await master.start(latency(cycles))
    step = master.bus_bytes
    for number in range(64):
        addr = BASE + number % 4 * 16 * step
        master.read(Burst(addr, 16, number % 16))
        master.write(master.full(addr, bytes(16 * step), number % 16))
    await master.until(lambda: len(master.r) == 1024 and len(master.b) == 64)
    assert master.r[-1].cycle - master.r[0].cycle == 1023
    assert master.w[-1].cycle - master.w[0].cycle == 1023
    assert master.r[0].cycle - master.ar[0].cycle == cycles
    assert master.b[-1].cycle - master.w[-1].cycle == cycles


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(percent=[10, 50, 90])
async def bandwidth_is_what_was_asked(dut: Any, percent: int) -> None:
    master = Master(dut)
    await master.start(Settings(read_percent=percent, write_percent=percent))
    step = master.bus_bytes
    for number in range(16):
        master.read(Burst(BASE, 16))
        master.write(master.full(BASE + number * 16 * step % SIZE, bytes(16 * step)))
    await master.until(lambda: len(master.r) == 256 and len(master.b) == 16)
    for beats in (master.r, master.w):
        cycles = beats[-1].cycle - beats[0].cycle
        assert abs(cycles - 255 * 100 / percent) <= 100 / percent  # one beat may be saved up


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(reorder=[0, 1, 2])
async def responses_keep_their_order_within_an_id(dut: Any, reorder: int) -> None:
    master = Master(dut)
    await master.start(
        Settings(read_latency=(1, 60), write_latency=(1, 60), reorder=Reorder(reorder), seed=7)
    )
    step = master.bus_bytes
    for at in range(0, SIZE, 8):
        master.memory.write(BASE + at, at.to_bytes(8, "little"))
    bursts = [
        Burst(BASE + random.randrange(0, SIZE // step - 4) * step & ~(4 * step - 1), 4, id)
        for id in random.choices(range(6), k=80)
    ]
    seen = await master.read_all(bursts)
    for id in range(6):
        expected = [
            burst.addr - BASE + beat * step
            for burst in bursts
            if burst.id == id
            for beat in range(4)
        ]
        mine = [beat for beat in seen if beat.id == id]
        assert [beat.data & 0xFFFF for beat in mine] == expected
        assert [beat.last for beat in mine] == [False, False, False, True] * (len(mine) // 4)
    changes = sum(a.id != b.id and not a.last for a, b in zip(seen, seen[1:]))
    overtaken = [beat.id for beat in seen[::4]] != [burst.id for burst in bursts]
    assert (changes > 0, overtaken) == (reorder == 2, reorder > 0)
    responses = await master.write_all([master.full(BASE, bytes(step), b.id) for b in bursts])
    assert ([r.id for r in responses] != [b.id for b in bursts]) == (reorder > 0)
    assert sorted(r.id for r in responses) == sorted(b.id for b in bursts)


@cocotb.test(timeout_time=400, timeout_unit="us")
async def late_writes_take_effect_with_their_response(dut: Any) -> None:
    """The log tells when the address was taken, when the bytes changed, when it was answered."""
    master = Master(dut)
    await master.start(Settings(write_latency=(20, 20), late_writes=True))
    step, memory = master.bus_bytes, master.memory
    memory.watch(BASE, 2 * step)
    master.write(master.full(BASE, b"\x5a" * 2 * step))
    await master.until(lambda: len(master.w) == 2)
    await master.until(lambda: master.cycle == master.w[-1].cycle + 18)
    assert memory.read(BASE, 2 * step) == bytes(2 * step)
    assert memory.answered(0) is None
    await master.until(lambda: len(master.b) == 1)
    assert memory.read(BASE, 2 * step) == b"\x5a" * 2 * step
    await master.until(lambda: memory.answered(0) == master.b[0].cycle)
    log = memory.accesses()
    assert [(a.asked, a.burst) for a in log] == [(master.aw[0].cycle, 0)] * 2
    assert {a.cycle for a in log} == {master.b[0].cycle - 1}  # valid from the edge before


@cocotb.test(timeout_time=400, timeout_unit="us")
async def refused_and_absent_memory_answers_errors(dut: Any) -> None:
    master = Master(dut)
    await master.start(latency(3))
    step, memory = master.bus_bytes, master.memory
    memory.write(BASE, bytes(range(256)))
    memory.refuse(BASE + step, step, Response.SLVERR, Kind.READ)
    memory.refuse(BASE + 2 * step, 1, Response.DECERR, Kind.WRITE)
    ok, slave, decode = Response.OKAY, Response.SLVERR, Response.DECERR
    seen = await master.read_all([Burst(BASE, 4)])
    assert [beat.response for beat in seen] == [ok, slave, ok, ok]
    assert seen[1].data != int.from_bytes(memory.read(BASE + step, step), "little")
    before = memory.read(BASE + 2 * step, step)
    responses = await master.write_all(
        [master.full(BASE, b"\xaa" * 4 * step), master.full(BASE + 4 * step, b"\xbb" * step)]
    )
    assert [r.response for r in responses] == [decode, ok]
    assert memory.read(BASE, 4 * step) == b"\xaa" * 2 * step + before + b"\xaa" * step
    absent = await master.read_all([Burst(0, 1), Burst(BASE - step, 1), Burst(BASE + SIZE, 1)])
    assert {beat.response for beat in absent} == {decode}
    memory.accept_all()
    memory.refuse(BASE, SIZE, nth=3)
    seen = await master.read_all([Burst(BASE, 4)])
    assert [beat.response for beat in seen] == [ok, ok, slave, ok]


@cocotb.test(timeout_time=400, timeout_unit="us")
async def memory_may_end_at_the_last_address(dut: Any) -> None:
    master = Master(dut)
    master.memory.add_region(TOP_BASE, 0x1000)
    await master.start(latency(2))
    step = master.bus_bytes
    last = TOP_BASE + 0x1000 - step
    await master.write_all([master.full(last, b"\x5a" * step)])
    assert master.memory.read(last, step) == b"\x5a" * step
    seen = await master.read_all([Burst(last, 1)])
    assert (seen[0].response, seen[0].data & 0xFF) == (Response.OKAY, 0x5A)


@cocotb.test(timeout_time=400, timeout_unit="us")
async def a_region_may_be_a_part_of_a_file(dut: Any) -> None:
    """Both sides of a shared mapping see each other's bytes, and none outside of the part."""
    master = Master(dut)
    memory, step, skip = master.memory, master.bus_bytes, 0x1240  # no multiple of a page
    fd = os.memfd_create("guest")
    os.truncate(fd, skip + 0x2000)
    memory.attach(TOP_BASE, 0x1000, fd, skip)
    await master.start(latency(2))
    for offset in (0, 0x1000 - step):
        os.pwrite(fd, b"\xa5" * step, skip + offset)
        seen = await master.read_all([Burst(TOP_BASE + offset, 1)])
        assert seen[0].data.to_bytes(step, "little") == b"\xa5" * step
        await master.write_all([master.full(TOP_BASE + offset, b"\x5a" * step)])
        assert os.pread(fd, step, skip + offset) == b"\x5a" * step
    assert os.pread(fd, skip, 0) == bytes(skip)
    assert os.pread(fd, 0x1000, skip + 0x1000) == bytes(0x1000)
    for wrong in ((TOP_BASE, 0x1000, 0), (TOP_BASE + 0x2000, 0x4000, 0), (TOP_BASE - 1, 64, 0)):
        with pytest.raises(ValueError, match="region"):
            memory.attach(*wrong[:2], fd, wrong[2])
    memory.detach(TOP_BASE)
    with pytest.raises(ValueError, match="no region"):
        memory.detach(TOP_BASE)
    seen = await master.read_all([Burst(TOP_BASE, 1), Burst(BASE, 1)])
    assert [beat.response for beat in seen] == [Response.DECERR, Response.OKAY]
    os.close(fd)


@cocotb.test(timeout_time=400, timeout_unit="us")
async def a_model_that_follows_knows_what_the_device_looked_at(dut: Any) -> None:
    """Of a beat with the driver's wish that is the wish: the index beside it came unasked for."""
    master = Master(dut)
    memory, wish, other = master.memory, BASE + 0x100, BASE + 0x200
    views = memory.follow()
    views.place(wish, 2, Place.WISH, 3)
    await master.start(latency(2))
    fresh = random.randbytes(master.bus_bytes)
    for addr, known in ((wish, 2), (other, len(fresh))):
        memory.write(addr, fresh)
        await master.read_all([Burst(addr, 1)])
        assert views.seen.read(addr, len(fresh)) == fresh
        assert views.model.read(addr, len(fresh)) == fresh[:known] + bytes(len(fresh) - known)
    notices = views.notices()
    assert [(each.kind, each.queue) for each in notices] == [(Place.WISH, 3)]
    assert notices[0].data == fresh[:8]


@cocotb.test(timeout_time=400, timeout_unit="us")
async def narrow_and_unaligned_bursts_use_their_lanes(dut: Any) -> None:
    master = Master(dut)
    await master.start(latency(2))
    step, memory = master.bus_bytes, master.memory
    content = random.randbytes(256)
    memory.write(BASE, content)
    size = 1
    while size <= step:
        for offset in (0, 1, size - 1, size, step - 1):
            seen = await master.read_all([Burst(BASE + offset, 3, size=size)])
            at = offset
            for beat in seen:
                end = (at // size + 1) * size
                lane = at % step
                word = beat.data.to_bytes(step, "little")
                assert word[lane : lane + end - at] == content[at:end]
                at = end
        size *= 2
    # a write changes the bytes of its strobes and no other
    expected = bytearray(memory.read(BASE, 2 * step))
    data, strobes = random.randbytes(2 * step), [random.getrandbits(step) for _ in range(2)]
    strobes[0] &= ~0b111  # the first beat begins at byte 3
    beats = [(master.word(data[i * step : (i + 1) * step]), strobes[i]) for i in range(2)]
    await master.write_all([Burst(BASE + 3, 2, data=beats)])
    for i in range(2 * step):
        if strobes[i // step] >> i % step & 1:
            expected[i] = data[i]
    assert memory.read(BASE, 2 * step) == expected


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(nth=[1, 2, 3, 4], before=[False, True])
async def a_race_lands_between_two_beats(dut: Any, nth: int, before: bool) -> None:
    """The driver changes all words at the n-th beat: beats before show the old, after the new."""
    master = Master(dut)
    await master.start(latency(5))
    step, memory = master.bus_bytes, master.memory
    memory.write(BASE, b"\x11" * 4 * step)
    race = memory.race_beat(
        Kind.READ, (BASE, 4 * step), BASE, b"\x22" * 4 * step, nth=nth, before=before
    )
    follow = memory.race_after(race, 0, BASE + 8 * step, b"\x33")
    seen = await master.read_all([Burst(BASE, 4)])
    old = nth - 1 if before else nth
    assert [beat.data & 0xFF for beat in seen] == [0x11] * old + [0x22] * (4 - old)
    # a beat is sampled at the edge that shows it, one before its handshake
    assert memory.race_cycle(race) == seen[nth - 1].cycle - 1 == memory.race_cycle(follow)
    assert memory.read(BASE + 8 * step, 1) == b"\x33"


@cocotb.test(timeout_time=400, timeout_unit="us")
@cocotb.parametrize(delay=[1, 2, 3])
async def a_race_may_be_late(dut: Any, delay: int) -> None:
    master = Master(dut)
    await master.start(latency(5))
    step, memory = master.bus_bytes, master.memory
    race = memory.race_beat(Kind.READ, (BASE, step), BASE, b"\x22" * 4 * step, delay=delay)
    after = memory.race_after(race, 1, BASE, b"\x44" * 4 * step)
    seen = await master.read_all([Burst(BASE, 4)])
    expected = [0] * delay + [0x22, 0x44, 0x44, 0x44]
    assert [beat.data & 0xFF for beat in seen] == expected[:4]
    memory.catch_up()
    assert memory.race_cycle(race) == seen[0].cycle - 1 + delay
    assert memory.race_cycle(after) == seen[0].cycle + delay
    at = memory.race_at(seen[-1].cycle + 20, BASE, b"\x55")
    assert memory.race_cycle(at) is None
    await master.until(lambda: master.cycle > seen[-1].cycle + 19)
    late = await master.read_all([Burst(BASE, 1)])
    assert late[0].data & 0xFF == 0x55
    assert memory.race_cycle(at) == seen[-1].cycle + 20
    on_write = memory.race_beat(Kind.WRITE, (BASE + step, step), BASE + step, b"\x66" * step)
    await master.write_all([master.full(BASE, b"\x77" * 3 * step)])
    assert memory.read(BASE, 3 * step) == b"\x77" * step + b"\x66" * step + b"\x77" * step
    assert memory.race_cycle(on_write) == master.w[-2].cycle


@cocotb.test(timeout_time=400, timeout_unit="us")
async def writes_outside_what_is_allowed_are_recorded(dut: Any) -> None:
    master = Master(dut)
    await master.start(latency(1))
    step, memory = master.bus_bytes, master.memory
    memory.check_writes()
    memory.allow(BASE, step)
    memory.allow(BASE + step - 2, 6)
    await master.write_all([master.full(BASE, bytes(step))])
    assert memory.violations() == []
    memory.disallow(BASE + step - 2, 6)
    await master.write_all([master.full(BASE, bytes(step))])
    assert memory.violations() == []
    await master.write_all([Burst(BASE + step, 1, data=[(0, 0b1110)])])
    cycle = master.w[-1].cycle
    assert memory.violations() == [Violation(cycle, BASE + step + 1, 3)]
    memory.clear_violations()
    await master.write_all([Burst(BASE - step, 1, data=[(0, 1)])])
    assert memory.violations() == [Violation(master.w[-1].cycle, BASE - step, 1)]


@cocotb.test(timeout_time=400, timeout_unit="us")
async def watched_accesses_are_logged_and_counted(dut: Any) -> None:
    master = Master(dut)
    await master.start(latency(1))
    step, memory = master.bus_bytes, master.memory
    memory.write(BASE, bytes(range(2 * step)))
    memory.watch(BASE + 2, 2, 1)
    memory.watch(BASE + 4, step, 9)
    seen = await master.read_all([Burst(BASE, 2, id=5)])
    log = memory.accesses(clear=True)
    content = bytes(range(2 * step))
    assert [(a.kind, a.addr - BASE, a.data, a.watch, a.id) for a in log] == [
        (Kind.READ, 2, content[2:4], 1, 5),
        (Kind.READ, 4, content[4:step], 9, 5),
        (Kind.READ, step, content[step : step + 4], 9, 5),
    ]
    assert [a.cycle for a in log] == [seen[0].cycle - 1, seen[0].cycle - 1, seen[1].cycle - 1]
    await master.write_all([Burst(BASE, 1, id=3, data=[(0xDDCCBBAA99887766, 0b01011000)])])
    assert [(a.kind, a.addr - BASE, a.data) for a in memory.accesses()] == [
        (Kind.WRITE, 3, b"\x99"),
        (Kind.WRITE, 4, b"\xaa"),
        (Kind.WRITE, 6, b"\xcc"),
    ]
    # its first read beat and its one write beat begin with bytes of other classes
    assert memory.class_counters(9) == (2, 2, step, 2, 1, 0)
    starts = [memory.class_counters(watch) for watch in (0, 1, 9)]
    assert sum(counts.read_starts for counts in starts) == 2
    assert sum(counts.write_starts for counts in starts) == 1
    assert [log.watch for log in memory.accesses(watch=1)] == [1]
    counters = memory.counters()
    assert (counters.bursts_read, counters.beats_read, counters.beats_written) == (1, 2, 1)


@cocotb.test(timeout_time=2, timeout_unit="ms")
@cocotb.parametrize(stall=[0, 30, 80], reorder=[0, 2])
async def random_traffic_agrees_with_a_plain_memory(dut: Any, stall: int, reorder: int) -> None:
    """Reads and writes at random, in separate halves of the memory, under back-pressure."""

    def ready() -> int:
        return int(random.randrange(100) >= stall)

    master = Master(dut, r_ready=ready, b_ready=ready)
    await master.start(
        Settings(
            read_latency=(1, 40),
            write_latency=(1, 40),
            stall_ar=stall,
            stall_r=stall,
            stall_aw=stall,
            stall_w=stall,
            stall_b=stall,
            reorder=Reorder(reorder),
            seed=random.getrandbits(32),
        )
    )
    step, memory = master.bus_bytes, master.memory
    half = SIZE // 2
    content = random.randbytes(half)
    memory.write(BASE, content)
    expected = bytearray(half)
    reads: list[Burst] = []
    writes = 0
    for _ in range(40):
        beats = random.randint(1, 16)
        place = random.randrange(half // 4096) * 4096
        at = place + random.randrange((4096 - beats * step) // step + 1) * step
        if random.random() < 0.5:
            reads.append(Burst(BASE + at, beats, random.randrange(16)))
            master.read(reads[-1])
            continue
        writes += 1
        data = random.randbytes(beats * step)
        strobes = [random.getrandbits(step) for _ in range(beats)]
        words = [master.word(data[i * step : (i + 1) * step]) for i in range(beats)]
        master.write(
            Burst(BASE + half + at, beats, random.randrange(16), data=list(zip(words, strobes)))
        )
        for i in range(beats * step):
            if strobes[i // step] >> i % step & 1:
                expected[at + i] = data[i]
    count = sum(burst.beats for burst in reads)
    await master.until(lambda: len(master.r) == count and len(master.b) == writes)
    await RisingEdge(dut.clk)
    assert memory.read(BASE + half, half) == expected
    for id in range(16):
        wanted = [
            content[burst.addr - BASE + i * step : burst.addr - BASE + (i + 1) * step]
            for burst in reads
            if burst.id == id
            for i in range(burst.beats)
        ]
        mine = [beat.data.to_bytes(step, "little") for beat in master.r if beat.id == id]
        assert mine == wanted
    counters = memory.counters()
    assert counters.beats_read == len(master.r) and counters.beats_written == len(master.w)


# ---- Faults planted on the pins, chosen by PLANT: each must stop the run (see the pytest)


@cocotb.test(timeout_time=400, timeout_unit="us")
async def planted_fault(dut: Any) -> None:
    master = Master(dut, r_ready=lambda: 0, b_ready=lambda: 0)
    stalled = Settings(read_latency=(999, 999), max_reads=1, stall_aw=99, stall_w=99)
    plant = os.environ["PLANT"]
    waits = plant in ("ar_drops", "ar_changes", "aw_changes", "w_changes")
    await master.start(stalled if waits else Settings())
    step = master.bus_bytes
    full = (1 << step) - 1
    reads = {
        "read_crosses": Burst(BASE + 4096 - step, 2),
        "too_wide": Burst(BASE, 1, size=2 * step),
    }
    writes = {
        "write_crosses": Burst(BASE + 4096 - step, 2, data=[(0, full)] * 2),
        "short_write": Burst(BASE, 2, data=[(0, full)]),
        "long_write": Burst(BASE, 1, data=[(0, full)] * 2),
        "strobes_before_start": Burst(BASE + 1, 1, data=[(0, full)]),
        "strobes_of_narrow": Burst(BASE, 1, size=1, data=[(0, 2)]),
    }
    if plant in reads:
        master.read(reads[plant])
    elif plant in writes:
        master.write(writes[plant])
    elif plant == "fixed_burst":
        master._address = lambda channel, burst: None  # type: ignore[method-assign]
        master.read(Burst(BASE, 1))
    elif plant == "unknown":
        master.r_ready = lambda: Logic("X")
    elif waits:
        # the slave takes the first of each and lets the others wait
        for _ in range(3):
            master.read(Burst(BASE, 1))
            master.write(Burst(BASE, 1, data=[(1, full)]))
        for _ in range(6):
            await RisingEdge(dut.clk)
        if plant == "ar_drops":
            master.reads.clear()
        elif plant == "ar_changes":
            master.reads[0].addr += 64
        elif plant == "aw_changes":
            master.writes[0].addr += 64
        else:
            master.beats[0] = (2, full, True)
    for _ in range(200):
        await RisingEdge(dut.clk)
