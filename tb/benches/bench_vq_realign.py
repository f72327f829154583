# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_realign."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from typing import Any

import cocotb

from tb.benches.beats import lanes_of, part
from tb.benches.unit import Unit, check_rate, test


@dataclass
class Packet:
    """One packet: the lane of its first byte, and each beat's offset, bytes and error."""

    start: int
    beats: list[tuple[int, bytes, bool]] = field(default_factory=list)

    def add(self, offset: int, count: int, error: bool = False) -> Packet:
        self.beats.append((offset, random.randbytes(count), error))
        return self

    def words(self, beat: int) -> list[dict[str, int]]:
        """Return the beats to send."""
        return [
            {
                "data": part(data, offset, beat),
                "offset": offset,
                "count": len(data),
                "start": self.start if index == 0 else random.randrange(beat),
                "error": int(error),
                "last": int(index == len(self.beats) - 1),
            }
            for index, (offset, data, error) in enumerate(self.beats)
        ]

    def expected(self, beat: int) -> list[tuple[bytes, int, int]]:
        """Return each output beat's valid bytes, number of lanes used, and last."""
        data = b"".join(data for _, data, _ in self.beats)
        pieces, first = [], self.start
        while data:
            piece, data = data[: beat - first], data[beat - first :]
            pieces.append((piece, first + len(piece), int(not data)))
            first = 0
        return pieces

    @property
    def error(self) -> bool:
        return any(error for *_, error in self.beats)


async def check(dut: Any, packets: list[Packet], pace: tuple[int, int]) -> list[Any]:
    """Send packets and hold what comes out against them; return source and sink."""
    unit = await Unit(dut).start()
    beat = unit.parameter("DATA_W") // 8
    source, sink = unit.source("s", pace[0]), unit.sink("m", pace[1], loose=["data"])
    for packet in packets:
        for beat_in in packet.words(beat):
            source.send(beat_in)
    expected = [(piece, packet) for packet in packets for piece in packet.expected(beat)]
    await unit.until(lambda: len(sink.words) == len(expected), "beats", 15000)
    await unit.clocks(6)
    assert len(sink.words) == len(expected)
    for number, (word, ((data, count, last), packet)) in enumerate(zip(sink.words, expected)):
        value = word.value
        assert value["count"] == count and value["last"] == last, f"beat {number}: {value}"
        assert lanes_of(value["data"], beat, count - len(data), len(data)) == data, f"beat {number}"
        if last:
            assert value["error"] == packet.error, f"beat {number}: error"
    return [source, sink]


def random_packet(beat: int, longest: int, full: bool = False) -> Packet:
    packet = Packet(random.randrange(beat))
    for _ in range(random.randint(1, longest)):
        offset = 0 if full else random.randrange(beat)
        count = beat if full else random.randint(1, beat - offset)
        packet.add(offset, count, random.random() < 0.05)
    return packet


@test(us=3000)
@cocotb.parametrize(pace=[(100, 100), (70, 50)])
async def every_offset_count_and_start(dut: Any, pace: tuple[int, int]) -> None:
    """All first beats, each alone, and each before a second one (64 bit: all; wider: some)."""
    beat = int(dut.DATA_W.value) // 8
    shapes = [
        (start, offset, count)
        for start, offset in itertools.product(range(beat), repeat=2)
        for count in range(1, beat - offset + 1)
    ]
    if len(shapes) > 300:
        shapes = random.sample(shapes, 300)
    packets = []
    for start, offset, count in shapes:
        packets.append(Packet(start).add(offset, count, random.random() < 0.1))
        second = random.randrange(beat)
        pair = Packet(start).add(offset, count, random.random() < 0.1)
        packets.append(pair.add(second, random.randint(1, beat - second), random.random() < 0.1))
    await check(dut, packets, pace)


@test(us=3000)
@cocotb.parametrize(pace=[(100, 100), (100, 40), (40, 100), (70, 70)])
async def packets_of_any_beats(dut: Any, pace: tuple[int, int]) -> None:
    """Random packets of random beats, with errors on some."""
    beat = int(dut.DATA_W.value) // 8
    packets = [random_packet(beat, 9, full=random.random() < 0.2) for _ in range(80)]
    await check(dut, packets, pace)


@test()
async def the_error_is_the_packets_own(dut: Any) -> None:
    """An error on any one beat shows on that packet's last beat, and not on the next packet's."""
    beat = int(dut.DATA_W.value) // 8
    packets = []
    for beats, bad in itertools.product(range(1, 5), repeat=2):
        for spill in (0, 1):
            packet = Packet(spill and beat - 1)
            for number in range(beats):
                packet.add(0, beat, number + 1 == bad)
            packets += [packet, Packet(0).add(0, beat), Packet(1).add(0, 1)]
    await check(dut, packets, (100, 80))


@test()
async def one_beat_per_clock(dut: Any) -> None:
    """Long packets move at one beat per clock; a spill costs one clock more."""
    beat = int(dut.DATA_W.value) // 8
    packets = []
    for start in (0, 3):
        for _ in range(4):
            packet = Packet(start)
            for _ in range(20):
                packet.add(0, beat)
            packets.append(packet)
    source, sink = await check(dut, packets, (100, 100))
    check_rate([word.taken for word in sink.words], "beats")
    check_rate(source.taken, "input", spare=4)
    assert sink.words[0].taken - source.taken[0] == 2


@test()
async def packets_follow_each_other(dut: Any) -> None:
    """Packets of two beats at every offset and start, back to back: the spill costs no clock."""
    beat = int(dut.DATA_W.value) // 8
    packets = [
        Packet(start).add(offset, beat - offset).add(0, beat)
        for start in range(1, beat)
        for offset in range(start + 1, beat)
    ][:200]
    source, _ = await check(dut, packets, (100, 100))
    assert any(len(packet.expected(beat)) == 2 for packet in packets)
    check_rate(source.taken, "input")
