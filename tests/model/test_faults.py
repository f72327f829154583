# SPDX-License-Identifier: Apache-2.0
"""Each fault, the order of the checks, and what a fault stops."""

from __future__ import annotations

import pytest

from pymodel import Fault, Feature, Interrupt, Pattern, Reg, Status, UsedElement, compare
from tests.model.world import BUFFERS, RINGS, SPLIT, TABLES, RawQueue

N, W, I = 1, 2, 4  # noqa: E741
A, B = BUFFERS, BUFFERS + 0x1000
IN_TABLE = 1 << 31
TOP = 1 << 64
BIG = (1 << 32) - 1

Entry = tuple[int, int, int, int]

# (what, descriptors, entries of the indirect table, fault, its descriptor)
WALKS: list[tuple[str, list[Entry], list[Entry], Fault, int]] = [
    ("next out of range", [(A, 1, N, 8)], [], Fault.NEXT_RANGE, 0),
    ("next out of range later", [(A, 1, N, 1), (A, 1, N, 65535)], [], Fault.NEXT_RANGE, 1),
    ("loop of one", [(A, 0, N, 0)], [], Fault.CHAIN_TOO_LONG, 0),
    ("loop of two", [(A, 0, N, 1), (A, 0, N, 0)], [], Fault.CHAIN_TOO_LONG, 0),
    ("read after write", [(A, 1, W | N, 1), (A, 1, 0, 0)], [], Fault.READ_AFTER_WRITE, 1),
    ("zero-length write counts", [(A, 0, W | N, 1), (A, 0, 0, 0)], [], Fault.READ_AFTER_WRITE, 1),
    ("nested", [(TABLES, 16, I, 0)], [(A, 16, I, 0)], Fault.INDIRECT_NESTED, IN_TABLE),
    (
        "nested before size",
        [(TABLES, 16, I, 0)],
        [(A, 5, I | N, 0)],
        Fault.INDIRECT_NESTED,
        IN_TABLE,
    ),
    ("indirect with next", [(TABLES, 16, I | N, 1)], [], Fault.INDIRECT_WITH_NEXT, 0),
    ("with next before size", [(TABLES, 0, I | N, 9)], [], Fault.INDIRECT_WITH_NEXT, 0),
    ("empty table", [(TABLES, 0, I, 0)], [], Fault.INDIRECT_SIZE, 0),
    ("odd table", [(A, 0, N, 1), (TOP - 8, 24, I, 0)], [], Fault.INDIRECT_SIZE, 1),
    ("table wraps", [(TOP - 16, 32, I, 0)], [], Fault.ADDR_WRAP, 0),
    ("segment wraps", [(TOP - 4, 5, 0, 0)], [], Fault.ADDR_WRAP, 0),
    ("wrap before bytes", [(A, BIG, N, 1), (TOP - 1, 2, 0, 0)], [], Fault.ADDR_WRAP, 1),
    ("readable bytes", [(A, BIG, N, 1), (A, 1, N, 9)], [], Fault.CHAIN_BYTES, 1),
    ("writable bytes", [(A, BIG, W | N, 1), (A, 1, W, 0)], [], Fault.CHAIN_BYTES, 1),
    (
        "kinds are summed apart",
        [(A, BIG, N, 1), (A, BIG, W | N, 9)],
        [],
        Fault.NEXT_RANGE,
        1,
    ),
    (
        "next within the queue but not the table",
        [(TABLES, 32, I, 0)],
        [(A, 1, N, 1), (A, 1, N, 2)],
        Fault.NEXT_RANGE,
        IN_TABLE | 1,
    ),
    ("table refused", [(A, 0, N, 1), (1 << 50, 16, I, 0)], [], Fault.MEM_INDIRECT, IN_TABLE),
    ("loop in a table", [(TABLES, 16, I, 0)], [(A, 0, N, 0)], Fault.CHAIN_TOO_LONG, IN_TABLE),
    (
        "long before read after write",
        [(A, 0, W | N, at + 1) for at in range(7)] + [(TABLES, 32, I, 0)],
        [(A, 0, W | N, 1), (A, 0, 0, 0)],
        Fault.CHAIN_TOO_LONG,
        IN_TABLE | 1,
    ),
    ("read buffer refused", [(1 << 50, 4, 0, 0)], [], Fault.MEM_READ, 0),
    ("write buffer refused", [(A, 4, N, 1), (1 << 50, 4, W, 0)], [], Fault.MEM_WRITE, 0),
]


@pytest.mark.clause(
    "SPLIT-DRV-02",
    "SPLIT-DRV-04",
    "SPLIT-DRV-07",
    "SPLIT-DRV-08",
    "SPLIT-DRV-09",
    "STAT-DEV-02",
    "STAT-DEV-03",
    "SPLIT-DEV-06",
)
@pytest.mark.parametrize(
    ("entries", "table", "fault", "where"), [w[1:] for w in WALKS], ids=[w[0] for w in WALKS]
)
def test_a_bad_chain_is_that_fault_and_nothing_of_it_is_returned(
    entries: list[Entry], table: list[Entry], fault: Fault, where: int
) -> None:
    raw = RawQueue(size=8)
    for index, entry in enumerate(entries):
        raw.descriptor(index, *entry)
    raw.table(TABLES, *table)
    raw.offer(0)
    before = raw.state()
    assert raw.serve() == (fault, where)
    after = raw.state()
    assert after.descriptors_raw == before.descriptors_raw
    assert (after.used_idx, after.used_ring[0]) == (0, (0, 0))
    assert raw.device.read32(Reg.FAULT_CODE) == fault
    assert raw.device.read32(Reg.FAULT_COUNT) == 1
    assert raw.device.status & Status.NEEDS_RESET
    assert raw.device.read32(Reg.INTERRUPT_STATUS) == Interrupt.CONFIG_CHANGE
    assert raw.device.idle


@pytest.mark.clause("SPLIT-DRV-06")
def test_indirect_without_the_feature_is_a_fault_before_its_other_checks() -> None:
    raw = RawQueue(features=SPLIT & ~Feature.INDIRECT_DESC)
    raw.descriptor(0, TABLES, 5, I | N, 77)
    raw.offer(0)
    assert raw.serve() == (Fault.INDIRECT_NOT_NEGOTIATED, 0)


@pytest.mark.clause("SPLIT-DEV-02")
def test_a_chain_over_the_cap_is_refused_and_one_of_its_length_is_not() -> None:
    raw = RawQueue(size=8, max_chain=3)
    for index in range(4):
        raw.descriptor(index, A, 1, N if index < 3 else 0, index + 1)
    raw.offer(1)
    assert raw.serve() == (0, 0)
    raw.offer(0)
    assert raw.serve() == (Fault.CHAIN_OVER_CAP, 3)


def test_the_queue_size_is_checked_before_the_cap() -> None:
    raw = RawQueue(size=4, max_chain=4)
    raw.descriptor(0, A, 0, N, 0)
    raw.offer(0)
    assert raw.serve() == (Fault.CHAIN_TOO_LONG, 0)


@pytest.mark.clause("SPLIT-DEV-07", "SPLIT-DEV-08", "SPLIT-XDEV-04")
def test_data_may_precede_an_indirect_descriptor_whose_write_flag_means_nothing() -> None:
    raw = RawQueue()
    raw.memory.write(A, b"abcdef")
    raw.descriptor(0, A, 2, N, 5)
    raw.descriptor(5, TABLES, 48, I | W, 0)
    raw.table(TABLES, (A + 2, 2, N, 2), (0, 0, 0, 0), (B, 9, W, 0))
    raw.offer(0)
    assert raw.serve() == (0, 0)
    assert raw.state().used_ring[0] == (0, 4)
    assert raw.memory.read(B, 5) == b"abcd\0"


@pytest.mark.clause("SPLIT-DEV-01")
def test_zero_length_descriptors_and_a_full_length_chain_are_legal() -> None:
    raw = RawQueue(size=8)
    raw.memory.write(A, b"xyz")
    for index in range(4):
        raw.descriptor(index, A + index if index < 3 else 0, int(index < 3), N, index + 1)
    for index in range(4, 8):
        flags = W | N if index < 7 else W
        raw.descriptor(index, B + index, index % 2, flags, (index + 1) % 8)
    raw.offer(0)
    assert raw.serve() == (0, 0)
    assert raw.state().used_ring[0] == (0, 2)
    assert raw.memory.read(B + 4, 4) == b"\0x\0y"


def test_a_segment_may_end_at_the_last_byte_of_memory() -> None:
    raw = RawQueue()
    raw.memory.add_region(TOP - 16, 16)
    raw.descriptor(0, TOP - 16, 16, W, 0)
    raw.offer(0)
    assert raw.serve() == (0, 0)


def test_a_head_out_of_range_is_named() -> None:
    raw = RawQueue(size=8)
    raw.offer(8)
    assert raw.serve() == (Fault.HEAD_RANGE, 8)


@pytest.mark.parametrize("jump", [9, 65535])
def test_an_index_that_jumps_is_a_fault_and_reads_no_entry(jump: int) -> None:
    raw = RawQueue(size=8)
    raw.memory.write(raw.layout.avail_idx, jump.to_bytes(2, "little"))
    raw.memory.refuse(raw.layout.avail_entry(0), 16)
    assert raw.serve() == (Fault.AVAIL_JUMP, 0)


def test_chains_before_a_precise_fault_are_returned_and_later_ones_are_not() -> None:
    raw = RawQueue(size=8)
    raw.memory.write(A, b"ok")
    for index in (0, 2):
        raw.descriptor(index, A, 2, N, index + 1)
        raw.descriptor(index + 1, B + 16 * index, 2, W, 0)
    raw.descriptor(4, A, 1, N, 100)
    raw.offer(0, 4, 2)
    assert raw.serve() == (Fault.NEXT_RANGE, 4)
    state = raw.state()
    assert (state.used_idx, state.used_ring[:2]) == (1, [(0, 2), (0, 0)])
    assert raw.memory.read(B, 2) == b"ok"
    assert raw.memory.read(B + 32, 2) == b"\0\0"
    before = raw.state()
    assert raw.serve() == (Fault.NEXT_RANGE, 4)  # a stopped queue ignores notifications
    assert not compare(before, raw.state())
    assert raw.device.read32(Reg.FAULT_COUNT) == 1


@pytest.mark.parametrize("event_idx", [False, True])
@pytest.mark.parametrize(
    ("what", "fault", "returned"),
    [
        ("avail_idx", Fault.MEM_AVAIL, 0),
        ("avail_entry", Fault.MEM_AVAIL, 0),
        ("table", Fault.MEM_DESC, 0),
        ("suppression", Fault.MEM_AVAIL, 1),
        ("used_elem", Fault.MEM_USED, 0),
        ("used_idx", Fault.MEM_USED, 0),
        ("wish", Fault.MEM_USED, None),
    ],
)
def test_a_refused_access_to_the_ring_stops_the_queue(
    event_idx: bool, what: str, fault: Fault, returned: int | None
) -> None:
    raw = RawQueue(features=SPLIT if event_idx else SPLIT & ~Feature.EVENT_IDX)
    layout = raw.layout
    suppression = layout.used_event if event_idx else layout.avail_flags
    wish = layout.avail_event if event_idx else layout.used_flags
    addr = {
        "avail_idx": layout.avail_idx,
        "avail_entry": layout.avail_entry(0),
        "table": layout.table,
        "suppression": suppression,
        "used_elem": layout.used_elem(0),
        "used_idx": layout.used_idx,
        "wish": wish,
    }[what]
    raw.descriptor(0, A, 1)
    raw.offer(0)
    raw.memory.refuse(addr, 1)
    assert raw.serve() == (fault, 0)
    raw.memory.accept_all()
    if returned is None:  # the flags are written before the chain, avail_event after it
        returned = int(event_idx)
    assert raw.state().used_idx == returned
    assert not raw.device.read32(Reg.INTERRUPT_STATUS) & Interrupt.USED_BUFFER or what == "wish"


def test_a_fault_of_one_queue_leaves_the_others_working() -> None:
    raw = RawQueue(queues=2)
    raw.offer(77)
    raw.serve()
    size = raw.layout.size
    other = type(raw.layout).contiguous(size, RINGS + 0x1000)
    for reg, value in (
        (Reg.QUEUE_SEL, 1),
        (Reg.QUEUE_SIZE, size),
        (Reg.QUEUE_DESC_LOW, other.table),
        (Reg.QUEUE_DRIVER_LOW, other.avail),
        (Reg.QUEUE_DEVICE_LOW, other.used),
        (Reg.QUEUE_READY, 1),
    ):
        raw.write(reg, value)
    raw.memory.write(other.avail_idx, b"\1\0")
    raw.write(Reg.QUEUE_NOTIFY, 1)
    raw.device.run()
    assert raw.device.read32(Reg.QUEUE_USED_INDEX) == 1
    assert raw.device.read32(Reg.QUEUE_FAULT) == 0
    assert raw.device.read32(Reg.FAULT_QUEUE) == 0
    raw.memory.write(other.avail_idx, b"\xff\xff")
    raw.write(Reg.QUEUE_NOTIFY, 1)
    raw.device.run()
    assert raw.device.read32(Reg.QUEUE_FAULT) == Fault.AVAIL_JUMP
    first = [raw.device.read32(reg) for reg in (Reg.FAULT_CODE, Reg.FAULT_QUEUE)]
    assert first == [Fault.HEAD_RANGE, 0]
    assert raw.device.read32(Reg.FAULT_DESCRIPTOR) == 77
    assert raw.device.read32(Reg.FAULT_COUNT) == 2


def test_after_queue_ready_0_a_stopped_queue_can_be_used_again() -> None:
    raw = RawQueue()
    raw.offer(77)
    assert raw.serve()[0] == Fault.HEAD_RANGE
    raw.write(Reg.QUEUE_READY, 0)
    assert raw.device.read32(Reg.QUEUE_READY) == 0
    assert raw.device.read32(Reg.QUEUE_FAULT) == 0
    raw.write(Reg.QUEUE_READY, 1)
    raw.avail = 0
    raw.offer(0)
    assert raw.serve()[0] == 0
    assert raw.state().used_ring[0] == UsedElement(0, 0)
    assert raw.device.read32(Reg.FAULT_CODE) == Fault.HEAD_RANGE  # the first since reset


def test_a_partly_refused_write_leaves_the_chain_unreturned() -> None:
    raw = RawQueue(function=Pattern())
    raw.descriptor(0, A, 8, N | W, 1)
    raw.descriptor(1, 1 << 50, 8, W, 0)
    raw.offer(0)
    assert raw.serve() == (Fault.MEM_WRITE, 0)
    assert raw.state().used_idx == 0
