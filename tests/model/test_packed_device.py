# SPDX-License-Identifier: Apache-2.0
"""The device side of a packed ring, its ring written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from pymodel import (
    ChainError,
    Fault,
    Feature,
    Interrupt,
    Loopback,
    PackedDescriptor,
    PackedDevice,
    Pattern,
    QueueFault,
    Reg,
    Status,
    compare,
)
from tests.model.world import BUFFERS, PACKED, TABLES, RawPacked, World

N, W, I = 1, 2, 4  # noqa: E741
A, B = BUFFERS, BUFFERS + 0x1000
IN_TABLE = 1 << 31
TOP = 1 << 64
BIG = (1 << 32) - 1
NO_EVENT_IDX = PACKED & ~Feature.EVENT_IDX

Entry = tuple[int, ...]

# (what, descriptors, entries of the indirect table, fault, its descriptor); the queue has 6
WALKS: list[tuple[str, list[Entry], list[Entry], Fault, int]] = [
    ("list that does not end", [(A, 0, N)] * 6, [], Fault.CHAIN_TOO_LONG, 0),
    ("too long before what else", [(A, 0, N)] * 5 + [(A, 1, N)], [], Fault.CHAIN_TOO_LONG, 0),
    ("read after write", [(A, 1, W | N), (A, 1, 0)], [], Fault.READ_AFTER_WRITE, 1),
    ("zero-length write counts", [(A, 0, W | N), (A, 0, 0)], [], Fault.READ_AFTER_WRITE, 1),
    ("indirect with next", [(TABLES, 16, I | N)], [(A, 1, 0)], Fault.INDIRECT_WITH_NEXT, 0),
    ("with next before size", [(TABLES, 0, I | N)], [], Fault.INDIRECT_WITH_NEXT, 0),
    (
        "indirect at the end of a list",
        [(A, 1, N), (TABLES, 16, I)],
        [(A, 1, 0)],
        Fault.INDIRECT_WITH_NEXT,
        1,
    ),
    ("empty table", [(TABLES, 0, I)], [], Fault.INDIRECT_SIZE, 0),
    ("odd table", [(TOP - 8, 24, I)], [], Fault.INDIRECT_SIZE, 0),
    ("table wraps", [(TOP - 16, 32, I)], [], Fault.ADDR_WRAP, 0),
    ("segment wraps", [(TOP - 4, 5, 0)], [], Fault.ADDR_WRAP, 0),
    ("wrap before bytes", [(A, BIG, N), (TOP - 1, 2, 0)], [], Fault.ADDR_WRAP, 1),
    ("readable bytes", [(A, BIG, N), (A, 1, N)], [], Fault.CHAIN_BYTES, 1),
    ("writable bytes", [(A, BIG, W | N), (A, 1, W)], [], Fault.CHAIN_BYTES, 1),
    ("next leads to nothing", [(A, 1, N)], [], Fault.NEXT_RANGE, 1),
    ("kinds are summed apart", [(A, BIG, N), (A, BIG, W | N)], [], Fault.NEXT_RANGE, 2),
    ("table refused", [(1 << 50, 16, I)], [], Fault.MEM_INDIRECT, IN_TABLE),
    (
        "read after write in a table",
        [(TABLES, 32, I)],
        [(A, 1, W), (A, 1, 0)],
        Fault.READ_AFTER_WRITE,
        IN_TABLE | 1,
    ),
    ("table too long", [(TABLES, 112, I)], [(A, 1, 0)] * 7, Fault.CHAIN_TOO_LONG, IN_TABLE | 6),
    (
        "long before read after write",
        [(TABLES, 112, I)],
        [(A, 0, W)] * 6 + [(A, 0, 0)],
        Fault.CHAIN_TOO_LONG,
        IN_TABLE | 6,
    ),
    ("read buffer refused", [(1 << 50, 4, 0)], [], Fault.MEM_READ, 0),
    ("write buffer refused", [(A, 4, N), (1 << 50, 4, W)], [], Fault.MEM_WRITE, 0),
]


@pytest.mark.clause(
    "PACKED-DRV-06",
    "PACKED-DRV-07",
    "PACKED-DRV-08",
    "PACKED-DRV-10",
    "PACKED-DRV-11",
    "PACKED-DRV-14",
    "PACKED-DRV-15",
    "STAT-DEV-02",
    "STAT-DEV-03",
)
@pytest.mark.parametrize("at", [0, 4, 10])
@pytest.mark.parametrize(
    ("entries", "table", "fault", "where"), [w[1:] for w in WALKS], ids=[w[0] for w in WALKS]
)
def test_a_bad_chain_is_that_fault_and_nothing_of_it_is_returned(
    entries: list[Entry], table: list[Entry], fault: Fault, where: int, at: int
) -> None:
    raw = RawPacked(size=6, at=at)
    raw.offer(*entries)
    raw.table(TABLES, *table)
    if not where & IN_TABLE and fault < Fault.MEM_READ:
        where = (where + at) % 6
    before = raw.state()
    assert raw.serve() == (fault, where)
    assert raw.state().descriptors_raw == before.descriptors_raw
    assert raw.device.read32(Reg.FAULT_CODE) == fault
    assert raw.device.read32(Reg.FAULT_COUNT) == 1
    assert raw.device.read32(Reg.QUEUE_USED_INDEX) == raw.word(at)
    assert raw.device.status & Status.NEEDS_RESET
    assert raw.device.read32(Reg.INTERRUPT_STATUS) == Interrupt.CONFIG_CHANGE
    assert raw.device.idle
    if fault.precise:
        assert raw.state().device_words == (raw.word(at), 2)  # of the chain that was refused


@pytest.mark.clause("PACKED-DRV-12")
def test_indirect_without_the_feature_is_a_fault_before_its_other_checks() -> None:
    raw = RawPacked(features=PACKED & ~Feature.INDIRECT_DESC)
    raw.offer((TABLES, 5, I | N))
    assert raw.serve() == (Fault.INDIRECT_NOT_NEGOTIATED, 0)


@pytest.mark.clause("PACKED-DEV-09", "PACKED-DRV-06", "PACKED-DRV-14")
@pytest.mark.parametrize("indirect", [False, True])
def test_a_chain_over_the_cap_is_refused_and_one_of_its_length_is_not(indirect: bool) -> None:
    raw = RawPacked(size=8, max_chain=3)
    if indirect:
        raw.table(TABLES, *[(A, 1, 0)] * 4)
        raw.offer((TABLES, 48, I))
        assert raw.serve() == (0, 0)
        raw.offer((TABLES, 64, I))
        assert raw.serve() == (Fault.CHAIN_OVER_CAP, IN_TABLE | 3)
    else:
        raw.offer((A, 1, N), (A, 1, N), (A, 1, 0))
        assert raw.serve() == (0, 0)
        raw.offer((A, 1, N), (A, 1, N), (A, 1, N), (A, 1, 0))
        assert raw.serve() == (Fault.CHAIN_OVER_CAP, 6)


def test_the_queue_size_is_checked_before_the_cap() -> None:
    raw = RawPacked(size=4, max_chain=4)
    raw.offer(*[(A, 0, N)] * 4)
    assert raw.serve() == (Fault.CHAIN_TOO_LONG, 0)
    raw = RawPacked(size=4, max_chain=4)
    raw.table(TABLES, *[(A, 0, 0)] * 5)
    raw.offer((TABLES, 80, I))
    assert raw.serve() == (Fault.CHAIN_TOO_LONG, IN_TABLE | 4)


@pytest.mark.clause("PACKED-XDEV-07", "PACKED-XDEV-08")
def test_in_an_indirect_table_only_write_means_anything() -> None:
    raw = RawPacked()
    raw.memory.write(A, b"abcdef")
    raw.table(
        TABLES,
        (A, 2, 0xFFFF & ~W, 0xFFFF),  # NEXT, INDIRECT, AVAIL, USED and all the others
        (A + 2, 2, 0, 0x8888),
        (B, 9, 0xFFFF, 0x7777),
    )
    raw.offer((TABLES, 48, I | W, 0x4321))
    assert raw.serve() == (0, 0)
    assert raw.get(0) == PackedDescriptor(TABLES, 4, 0x4321, 0x8082)
    assert raw.memory.read(B, 5) == b"abcd\0"


@pytest.mark.clause("PACKED-XDRV-03", "PACKED-XDEV-02", "PACKED-XDEV-05", "PACKED-XDEV-06")
@pytest.mark.clause("PACKED-DEV-08")
@pytest.mark.parametrize("number", [0, 1, 8, 0xFFFF])
@pytest.mark.parametrize("at", [0, 3, 5, 8, 11])
def test_a_used_descriptor_byte_by_byte(number: int, at: int) -> None:
    raw = RawPacked(size=6, at=at, features=NO_EVENT_IDX)
    raw.memory.write(A, b"abcdef")
    raw.offer((A, 2, N, 1111), (A + 2, 3, N, 2222), (B, 9, W, number))
    ring = [bytearray(raw.get(at + place).pack()) for place in range(3)]
    assert raw.serve() == (0, 0)
    ring[0][8:16] = (
        b"\5\0\0\0" + number.to_bytes(2, "little") + (b"\x82\x80" if raw.wrap(at) else b"\2\0")
    )
    assert [raw.get(at + place).pack() for place in range(3)] == ring
    assert raw.memory.read(B, 6) == b"abcde\0"
    assert raw.device.read32(Reg.QUEUE_USED_INDEX) == raw.word(at + 3)
    assert raw.device.read32(Reg.QUEUE_AVAIL_INDEX) == raw.word(at + 3)
    slot = raw.layout.descriptor(at % 6)
    device = raw.layout.device
    writes = [(device + 2, 2), (B, 5), (slot + 8, 6), (slot + 14, 2), (device + 2, 2)]
    assert raw.watched.writes == writes


@pytest.mark.clause("PACKED-XDEV-04", "PACKED-XDEV-05")
def test_a_chain_without_a_byte_written_is_used_without_write_and_with_length_0() -> None:
    raw = RawPacked()
    raw.offer((A, 5, 0, 3))
    raw.offer((A, 0, N, 9), (A, 5, W, 4))
    assert raw.serve() == (0, 0)
    assert raw.get(0) == PackedDescriptor(A, 0, 3, 0x8080)
    assert raw.get(1) == PackedDescriptor(A, 0, 4, 0x8080)


def test_zero_length_descriptors_and_a_list_of_the_whole_ring_are_legal() -> None:
    raw = RawPacked(size=5, at=3)
    raw.memory.write(A, b"xyz")
    raw.offer((A, 1, N), (0, 0, N), (A + 1, 2, N), (B, 0, W | N), (B + 1, 8, W, 77))
    assert raw.serve() == (0, 0)
    assert raw.get(3)[1:] == (3, 77, 0x8082)
    assert raw.memory.read(B, 4) == b"\0xyz"
    assert raw.device.read32(Reg.QUEUE_USED_INDEX) == 0x0003


@pytest.mark.clause("PACKED-DEV-06", "PACKED-XDEV-03")
@pytest.mark.parametrize("flags", [0x0000, 0x8000, 0x8080])
def test_a_descriptor_that_is_not_available_in_its_lap_is_not_used(flags: int) -> None:
    raw = RawPacked(size=3)
    raw.put(0, A, 4, 1, flags | W)
    raw.put(1, A, 4, 1, 0x0080 | W)  # available, but not the next one
    before = raw.state()
    assert raw.serve() == (0, 0)
    assert not compare(before, raw.state())
    assert raw.watched.writes == []


@pytest.mark.clause("PACKED-DEV-06", "PACKED-DRV-11")
@pytest.mark.parametrize("flags", [0x0000, 0x8000, 0x8080])
def test_a_list_goes_on_only_in_available_descriptors(flags: int) -> None:
    raw = RawPacked(size=3)
    raw.put(1, A, 4, 1, flags)
    raw.offer((A, 1, N))
    assert raw.serve() == (Fault.NEXT_RANGE, 1)


@pytest.mark.clause("PACKED-DEV-06", "PACKED-DEV-10")
def test_nothing_of_a_descriptor_is_read_before_its_flags_said_available() -> None:
    """The driver changes all but the flags until the moment in which it stores them."""
    raw = RawPacked(size=3)
    steps: list[str] = []

    def on_step(step: str) -> None:
        steps.append(step)
        if steps.count("descriptor flags read") == 2 and step == "descriptor flags read":
            raw.offer((A, 2, N, 1), (B, 2, W, 2))

    raw.memory.write(A, b"ok")
    raw.offer((A, 1, 0))
    ring = raw.device.ring(0)
    assert ring is not None
    ring.on_step = on_step
    raw.put(1, 1 << 50, 99, 5, 0)  # what must not be taken
    assert raw.serve() == (0, 0)
    assert raw.get(1)[1:] == (2, 2, 0x8082)
    assert raw.memory.read(B, 2) == b"ok"
    reads = [step for step in steps if step in ("descriptor flags read", "descriptor read")]
    flags, whole = "descriptor flags read", "descriptor read"
    assert reads == [flags, whole, flags, flags, whole, whole, flags, flags]


@pytest.mark.clause("PACKED-DEV-11", "PACKED-XDEV-11")
@pytest.mark.parametrize("event_idx", [False, True])
def test_the_device_steps_come_in_the_order_that_keeps_every_promise(event_idx: bool) -> None:
    steps: list[str] = []
    world = World(event_idx=event_idx, packed=True)
    world.ring.on_step = steps.append
    world.queue.add_buf([(BUFFERS, 4), (BUFFERS + 8, 4)], 1, 1, "t")
    world.queue.sync()
    world.device.write32(Reg.QUEUE_NOTIFY, 0)
    world.device.run()
    look, wish = "descriptor flags read", ["device event written"]
    middle = [
        "descriptor read",
        "descriptor read",
        "chain read",
        "payload read",
        "payload written",
        "used element written",
        "used flags written",
        "driver event read",
    ]
    start = [] if event_idx else wish
    assert steps == [look, *start, *middle, look, *wish, look]


@pytest.mark.clause("PACKED-DEV-01", "PACKED-DEV-02", "PACKED-XDEV-06", "PACKED-DEV-07")
def test_chains_that_complete_out_of_order_are_used_in_that_order() -> None:
    raw = RawPacked(size=7, at=5)
    device = PackedDevice(raw.memory, raw.layout, start_index=raw.word(5))
    raw.offer((A, 1, N), (B, 9, W, 100))
    raw.offer((B, 9, W, 200))
    raw.offer((B, 9, N | W), (B, 9, N | W), (B, 9, W, 300))
    chains = []
    while device.look():
        chains.append(device.fetch())
    assert [(chain.head, chain.id, chain.slots) for chain in chains] == [
        (5, 100, 2),
        (0, 200, 1),
        (1, 300, 3),
    ]
    assert (device.held, device.next_avail) == (6, raw.word(11))
    for place in (2, 0, 1):
        device.complete(chains[place], b"x" * place)
        assert raw.get(5)[1:] == (2, 300, 0x8082)  # never changed again
    assert raw.get(8)[1:] == (0, 100, 0x0000)  # three further, in the next lap
    assert raw.get(10)[1:] == (1, 200, 0x0002)
    assert (device.held, device.used_index) == (0, raw.word(11))


def test_more_than_the_ring_holds_is_a_jump() -> None:
    raw = RawPacked(size=4)
    device = PackedDevice(raw.memory, raw.layout)
    raw.offer((A, 1, N), (A, 1, 0), (A, 1, 0))
    for _ in range(2):
        device.look()
        device.fetch()
    raw.offer((A, 1, N), (A, 1, 0))  # the second one is in the device's hands
    assert device.look() == 1
    with pytest.raises(ChainError) as caught:
        device.fetch()
    assert (caught.value.fault, caught.value.descriptor) == (Fault.AVAIL_JUMP, 0)


def test_a_ring_that_is_all_in_the_devices_hands_has_no_more() -> None:
    raw = RawPacked(size=2)
    device = PackedDevice(raw.memory, raw.layout)
    raw.offer((A, 1, 0), (A, 1, 0))
    for _ in range(2):
        device.look()
        device.fetch()
    assert (device.look(), device.held) == (0, 2)
    with pytest.raises(ValueError, match="no available descriptor"):
        device.fetch()
    raw.offer((A, 1, 0))
    device.look()
    with pytest.raises(QueueFault) as caught:
        device.fetch()
    assert caught.value.fault is Fault.AVAIL_JUMP


@pytest.mark.clause("PACKED-XDEV-11", "PACKED-XDEV-12", "PACKED-XDEV-13")
@pytest.mark.parametrize(
    ("structure", "event_idx", "expected"),
    [
        ("00000000", False, True),
        ("00000100", False, False),
        ("00000100", True, False),
        ("00000200", False, True),
        ("00000300", True, True),
        ("0000fdff", False, False),
        ("03800200", True, True),  # the used descriptor
        ("00000200", True, True),  # the one that the device skips
        ("01000200", True, False),
        ("02800200", True, False),
        ("03000200", True, False),
        ("00800200", True, False),
    ],
)
def test_the_driver_event_decides_over_a_chain_that_goes_over_the_end(
    structure: str, event_idx: bool, expected: bool
) -> None:
    raw = RawPacked(size=4, at=3, features=PACKED if event_idx else NO_EVENT_IDX)
    raw.memory.write(raw.layout.driver, bytes.fromhex(structure))
    raw.offer((A, 1, N), (A, 1, 0))
    assert raw.serve() == (0, 0)
    assert raw.device.interrupt_line == expected


@pytest.mark.clause("PACKED-DEV-11", "PACKED-XDEV-13")
def test_an_idle_ring_shows_what_the_comparison_relies_on() -> None:
    for event_idx in (False, True):
        raw = RawPacked(size=3, features=PACKED if event_idx else NO_EVENT_IDX)
        raw.memory.write(raw.layout.device, bytes.fromhex("55aa0000"))
        assert raw.serve() == (0, 0)
        assert raw.state().device_words == (0xAA55, 0)  # nothing fetched: untouched
        raw.offer((A, 1, N), (A, 1, 0))
        raw.offer((A, 1, 0))
        raw.serve()
        assert raw.state().device_words == ((0x0000, 2) if event_idx else (0xAA55, 0))
        assert raw.device.idle


@pytest.mark.parametrize("event_idx", [False, True])
@pytest.mark.parametrize(
    ("what", "fault", "returned"),
    [
        ("flags", Fault.MEM_DESC, False),
        ("descriptor", Fault.MEM_DESC, False),
        ("second", Fault.MEM_DESC, False),
        ("driver", Fault.MEM_AVAIL, True),
        ("used", Fault.MEM_USED, False),
        ("device", Fault.MEM_USED, None),
    ],
)
def test_a_refused_access_to_the_ring_stops_the_queue(
    event_idx: bool, what: str, fault: Fault, returned: bool | None
) -> None:
    raw = RawPacked(size=4, features=PACKED if event_idx else NO_EVENT_IDX)
    raw.offer((A, 1, N), (A, 1, 0, 9))
    addr, write = {
        "flags": (raw.layout.flags(0), False),
        "descriptor": (raw.layout.descriptor(0), False),
        "second": (raw.layout.descriptor(1), False),
        "driver": (raw.layout.driver, False),
        "used": (raw.layout.descriptor(0) + 8, True),
        "device": (raw.layout.device, True),
    }[what]
    raw.memory.refuse(addr, 4, read=not write, write=write)
    assert raw.serve() == (fault, int(what == "second"))
    raw.memory.accept_all()
    if returned is None:  # the flags are written before the chain, the position after it
        returned = event_idx
    assert (raw.get(0).flags == 0x8080) == returned
    interrupted = raw.device.read32(Reg.INTERRUPT_STATUS) & Interrupt.USED_BUFFER
    assert bool(interrupted) == (returned and what == "device")


def test_chains_before_a_precise_fault_are_returned_and_later_ones_are_not() -> None:
    raw = RawPacked(size=5)
    raw.memory.write(A, b"ok")
    raw.offer((A, 2, N), (B, 2, W, 10))
    raw.offer((A, 1, W | N), (A, 1, 0, 11))
    raw.offer((B + 16, 2, W, 12))
    assert raw.serve() == (Fault.READ_AFTER_WRITE, 3)
    assert raw.get(0)[1:] == (2, 10, 0x8082)
    assert (raw.get(2).flags, raw.get(4).flags) == (0x0083, 0x0082)
    assert raw.memory.read(B, 2) == b"ok"
    before = raw.state()
    assert raw.serve() == (Fault.READ_AFTER_WRITE, 3)  # a stopped queue ignores notifications
    assert not compare(before, raw.state())
    raw.write(Reg.QUEUE_READY, 0)
    raw.write(Reg.QUEUE_READY, 1)
    raw.memory.write(raw.layout.ring, bytes(raw.layout.lengths[0]))
    raw.at = 0
    raw.offer((B, 2, W, 13))
    assert raw.serve()[0] == 0
    assert raw.get(0)[2:] == (13, 0x8080)


def test_a_partly_refused_write_leaves_the_chain_unreturned() -> None:
    raw = RawPacked(function=Pattern())
    raw.offer((A, 8, N | W), (1 << 50, 8, W))
    assert raw.serve() == (Fault.MEM_WRITE, 0)
    assert raw.get(0).flags == 0x0083


@pytest.mark.clause("PACKED-DEV-04", "PACKED-DEV-05")
def test_the_device_touches_readable_buffers_to_read_and_writable_ones_to_write() -> None:
    reads: list[tuple[int, int]] = []
    raw = RawPacked(function=Loopback())
    read = raw.watched.read

    def watch(addr: int, length: int) -> bytes:
        reads.append((addr, length))
        return read(addr, length)

    raw.watched.read = watch  # type: ignore[method-assign]
    raw.offer((A, 6, N), (B, 9, W))
    assert raw.serve() == (0, 0)
    assert [r for r in reads if r[0] >= BUFFERS] == [(A, 6)]
    assert [w for w in raw.watched.writes if w[0] >= BUFFERS] == [(B, 6)]


@pytest.mark.clause("PACKED-XDRV-05", "PACKED-DRV-01", "FEAT-DEV-02")
@pytest.mark.parametrize(
    ("size", "areas", "fault"),
    [
        (1, (0, 0, 0), None),
        (12, (16, 4, 8), None),
        (100, (0, 0, 0), None),
        (0, (1, 0, 0), Fault.QUEUE_SIZE),
        (101, (0, 0, 0), Fault.QUEUE_SIZE),
        (12, (8, 0, 0), Fault.QUEUE_ALIGN),
        (12, (0, 2, 0), Fault.QUEUE_ALIGN),
        (12, (0, 0, 2), Fault.QUEUE_ALIGN),
    ],
)
def test_queue_ready_checks_the_set_up_of_a_packed_queue(
    size: int, areas: tuple[int, int, int], fault: Fault | None
) -> None:
    raw = RawPacked(queues=2)
    raw.device.queue_size_max = 100
    for reg, value in (
        (Reg.QUEUE_SEL, 1),
        (Reg.QUEUE_SIZE, size),
        (Reg.QUEUE_DESC_LOW, areas[0]),
        (Reg.QUEUE_DRIVER_LOW, areas[1]),
        (Reg.QUEUE_DEVICE_LOW, areas[2]),
        (Reg.QUEUE_READY, 1),
    ):
        raw.write(reg, value)
    assert raw.device.read32(Reg.QUEUE_READY) == int(fault is None)
    assert raw.device.read32(Reg.QUEUE_FAULT) == (fault or 0)


def test_the_devices_registers_show_offset_and_wrap_counter() -> None:
    world: Any = World(size=3, packed=True)
    assert world.device.read32(Reg.QUEUE_AVAIL_INDEX) == 0x8000
    for token in range(4):
        world.queue.add_buf([(A, 1)], 1, 0, token)
        world.queue.sync()
        world.device.run()
        world.drain()
    assert world.device.read32(Reg.QUEUE_AVAIL_INDEX) == 0x0001
    assert world.device.read32(Reg.QUEUE_USED_INDEX) == 0x0001
    world.device.write32(Reg.QUEUE_READY, 0)
    assert world.device.read32(Reg.QUEUE_AVAIL_INDEX) == 0
