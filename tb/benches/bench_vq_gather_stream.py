# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_gather_stream."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from tb.benches.beats import cut, lanes_of, part
from tb.benches.unit import Unit, test


@test(us=800)
@cocotb.parametrize(pace=[(100, 100, 100), (100, 40, 30), (50, 80, 100)])
async def packets_are_packed_and_damage_is_told(dut: Any, pace: tuple[int, int, int]) -> None:
    """Beats of several reads become one packet; an error is reported before its beat moves on."""
    unit = await Unit(dut, s_alive=15).start()
    beat = unit.parameter("DATA_W") // 8
    source = unit.source("s_beat", pace[0])
    sink = unit.sink("m_axis", pace[1], loose=["tdata"])
    faults = unit.sink("m_fault", pace[2])
    packets: list[tuple[bytes, int | None]] = []
    bad: list[int] = []  # queue of each beat with an error
    for _ in range(60):
        data, queue = b"", random.randrange(4)
        damage = None  # place of the first damaged byte
        reads = random.randint(1, 4)
        for number in range(reads):
            piece = random.randbytes(random.choice([1, beat, random.randint(1, 3 * beat)]))
            parts = cut(len(piece), random.randrange(beat), beat)
            done = 0
            for index, (offset, count) in enumerate(parts):
                error = random.random() < 0.06
                if error and damage is None:
                    damage = len(data) + done
                bad += [queue] * error
                last = number == reads - 1 and index == len(parts) - 1
                word = {"data": part(piece[done : done + count], offset, beat), "offset": offset}
                word |= {"count": count, "queue": queue, "error": int(error), "last": int(last)}
                source.send(word)
                done += count
            data += piece
        packets.append((data, damage))
    beats = sum(-(-len(data) // beat) for data, _ in packets)
    await unit.until(lambda: len(sink.words) == beats, "packets")
    await unit.clocks(4)
    assert [word.value["queue"] for word in faults.words] == bad
    words = iter(sink.words)
    for data, damage in packets:
        at = 0
        while data:
            value = next(words).value
            count = min(len(data), beat)
            assert value["tkeep"] == (1 << count) - 1
            assert lanes_of(value["tdata"], beat, 0, count) == data[:count]
            data, at = data[count:], at + count
            assert value["tlast"] == (not data)
            assert value["tuser"] == (damage is not None and damage < at)
    assert next(words, None) is None


@test()
async def an_error_waits_for_its_fault(dut: Any) -> None:
    """While the fault is not taken, the beat is not."""
    unit = await Unit(dut, s_alive=8).start()
    source, sink = unit.source("s_beat"), unit.sink("m_axis", loose=["tdata"])
    faults = unit.sink("m_fault", 0)
    source.send({"data": 1, "offset": 0, "count": 1, "queue": 3, "error": 1, "last": 1})
    await unit.clocks(20)
    assert source.waiting == 1 and not sink.words and dut.m_fault_valid.value == 1
    faults.percent = 100
    await unit.until(lambda: bool(sink.words), "packet", 50)
    assert faults.words[0].value == {"queue": 3} and sink.words[0].value["tuser"] == 1


@test()
async def errors_of_a_queue_that_is_not_alive_are_nobodys_fault(dut: Any) -> None:
    """Its beats go on at a beat a clock; a fault that was offered before it died stays offered."""
    unit = await Unit(dut, s_alive=0b0111).start()
    source, sink = unit.source("s_beat"), unit.sink("m_axis", loose=["tdata"])
    faults = unit.sink("m_fault", 0)
    beat = unit.parameter("DATA_W") // 8
    word = {"data": 1, "offset": 0, "count": beat, "error": 1, "last": 0}
    for number in range(20):
        source.send(word | {"queue": 3, "last": int(number == 19)})
    await unit.clocks(26)
    assert not source.waiting and not faults.words and len(sink.words) == 20
    assert sink.words[-1].value["tuser"] == 1
    assert sink.words[-1].shown - sink.words[0].shown == 19
    source.send(word | {"queue": 1, "last": 1})
    source.send(word | {"queue": 0, "last": 1, "error": 0})
    await unit.until(lambda: dut.m_fault_valid.value == 1, "fault", 20)
    unit.set(s_alive=0b0101)
    for _ in range(10):
        await unit.clocks()
        assert dut.m_fault_valid.value == 1 and int(dut.m_fault_queue.value) == 1
    faults.percent = 100
    await unit.until(lambda: len(sink.words) == 22, "packets", 50)
    assert [word.value for word in faults.words] == [{"queue": 1}]
