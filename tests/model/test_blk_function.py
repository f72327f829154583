# SPDX-License-Identifier: Apache-2.0
"""The block device's golden function, held against section 5.2."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pymodel.blk_function import (
    BLK_CONFIG,
    HEADER,
    RANGE,
    BlkFeature,
    BlkFunction,
    BlkLimits,
    RequestStatus,
    RequestType,
    offered,
)
from pymodel.config_space import find
from pymodel.disk import SECTOR, Disk

SECTORS = 40
IN, OUT, FLUSH, GET_ID = (RequestType[name] for name in ("IN", "OUT", "FLUSH", "GET_ID"))
DISCARD, ZEROES = RequestType.DISCARD, RequestType.WRITE_ZEROES
OK, IOERR, UNSUPP = RequestStatus
ZONE_TYPES = (15, 16, 18, 20, 22, 24, 26)


def device(features: int | None = None, **options: object) -> BlkFunction:
    """A device with random sectors that has negotiated what it offers, or these features."""
    disk = Disk(random.Random(1).randbytes(SECTORS * SECTOR))
    function = BlkFunction(disk, **options)  # type: ignore[arg-type]
    function.configure(function.features if features is None else features)
    return function


def ask(
    function: BlkFunction, kind: int, sector: int = 0, body: bytes = b"", room: int = 0
) -> tuple[RequestStatus, bytes]:
    """Send a request; return its status and what is before it."""
    answer = function.process(0, HEADER.pack(kind, 0, sector) + body, room + 1)
    assert len(answer) == room + 1
    return RequestStatus(answer[-1]), answer[:-1]


def ranges(*rows: tuple[int, int, int]) -> bytes:
    """The body of a discard or write-zeroes."""
    return b"".join(RANGE.pack(*row) for row in rows)


@pytest.mark.clause("BLK-XDEV-01", "BLK-XDEV-02")
def test_sectors_are_written_and_read() -> None:
    function = device()
    data = bytes(range(256)) * 4
    assert ask(function, OUT, 7, data) == (OK, b"")
    assert ask(function, IN, 7, room=1024) == (OK, data)
    assert ask(function, IN, 8, room=512) == (OK, data[512:])


@pytest.mark.clause("BLK-XDEV-04")
def test_the_serial_number_has_20_bytes() -> None:
    assert ask(device(serial=b"abc"), GET_ID, room=20) == (OK, b"abc".ljust(20, b"\0"))
    assert ask(device(serial=b"x" * 20), GET_ID, room=20) == (OK, b"x" * 20)
    with pytest.raises(ValueError, match="at most 20 bytes"):
        device(serial=b"x" * 21)


@pytest.mark.clause("BLK-DEV-36")
@pytest.mark.parametrize("kind", [*ZONE_TYPES, 2, 3, 10, 14, 0xFFFFFFFF])
def test_types_that_are_unknown_or_of_zones_are_unsupported(kind: int) -> None:
    function = device()
    assert ask(function, kind, 0, bytes(512), 3) == (UNSUPP, bytes(3))


@pytest.mark.clause("BLK-XDEV-01")
@pytest.mark.parametrize("length", range(HEADER.size))
def test_a_short_header_is_an_io_error(length: int) -> None:
    assert device().process(0, HEADER.pack(OUT, 0, 0)[:length], 4) == b"\0\0\0\1"


def test_without_room_for_a_status_nothing_is_done() -> None:
    function = device()
    before = bytes(function.disk.now)
    assert function.process(0, HEADER.pack(OUT, 0, 0) + bytes(512), 0) == b""
    assert function.disk.now == before and not any(function.own_registers())


BAD = [
    (IN, 0, b"", 0),
    (IN, 0, b"", 256),
    (IN, 0, b"", 511),
    (IN, 0, b"", 513),
    (IN, 0, b"x", 512),
    (IN, 0, bytes(512), 0),
    (IN, SECTORS, b"", 512),
    (IN, SECTORS - 1, b"", 1024),
    (IN, (1 << 64) - 1, b"", 1024),
    (OUT, 0, b"", 0),
    (OUT, 0, bytes(256), 0),
    (OUT, 0, bytes(511), 0),
    (OUT, 0, bytes(512), 1),
    (OUT, 0, b"", 512),
    (OUT, SECTORS, bytes(512), 0),
    (OUT, (1 << 64) - 1, bytes(1024), 0),
    (GET_ID, 0, b"", 19),
    (GET_ID, 0, b"", 21),
    (GET_ID, 0, b"x", 20),
]
for _kind in (DISCARD, ZEROES):
    _good = (3, 1, 0)
    BAD += [
        (_kind, 0, b"", 0),
        (_kind, 0, ranges(_good)[:15], 0),
        (_kind, 0, ranges(_good) + b"x", 0),
        (_kind, 0, ranges(_good), 1),
        (_kind, 0, ranges(*[_good] * 17), 0),
        (_kind, 0, ranges(_good, (0, 0, 0)), 0),
        (_kind, 0, ranges(_good, (0, 31, 0)), 0),
        (_kind, 0, ranges(_good, (SECTORS, 1, 0)), 0),
        (_kind, 0, ranges(_good, ((1 << 64) - 1, 1, 0)), 0),
    ]


@pytest.mark.clause("BLK-XDEV-01")
@pytest.mark.parametrize(("kind", "sector", "body", "room"), BAD)
def test_what_is_malformed_is_an_io_error_and_changes_nothing(
    kind: int, sector: int, body: bytes, room: int
) -> None:
    function = device(limits=BlkLimits(max_sectors=30))
    before = bytes(function.disk.now)
    assert ask(function, kind, sector, body, room) == (IOERR, bytes(room))
    assert function.disk.now == before
    assert function.counters["failed"] == 1


@pytest.mark.clause("BLK-DEV-21", "BLK-DEV-22")
@pytest.mark.parametrize("features", [None, int(offered()), 0])
def test_a_read_only_device_fails_writes_and_changes_nothing(features: int | None) -> None:
    function = device(features, read_only=True)
    assert function.features & BlkFeature.RO
    before = bytes(function.disk.now)
    assert ask(function, OUT, 0, bytes(512)) == (IOERR, b"")
    for kind in (DISCARD, ZEROES):
        assert ask(function, kind, 0, ranges((0, 1, 0))) == (IOERR, b"")
    assert function.disk.now == before
    assert ask(function, IN, 0, room=512) == (OK, before[:512])


@pytest.mark.clause("BLK-DEV-23", "BLK-DEV-24")
@pytest.mark.parametrize("kind", [DISCARD, ZEROES])
@pytest.mark.parametrize("flags", [1, 2, 3, 1 << 31])
def test_unknown_flags_and_unmap_in_a_discard_are_unsupported(kind: int, flags: int) -> None:
    good, bad = (1, 2, 0), (5, 2, flags)
    want = OK if kind == ZEROES and flags == 1 else UNSUPP
    for rows in ([bad], [good, bad], [bad, good], [good] * 20 + [bad]):
        function = device()
        before = bytes(function.disk.now)
        status = ask(function, kind, 0, ranges(*rows))[0]
        assert status is (IOERR if want is OK and len(rows) > 16 else want)
        assert status is OK or function.disk.now == before
    assert ask(device(), kind, 0, ranges(bad, (SECTORS, 1, 0)))[0] is (
        IOERR if want is OK else UNSUPP
    )


@pytest.mark.clause("BLK-DEV-26", "BLK-DEV-27", "BLK-DEV-28")
@pytest.mark.parametrize("unmap", [0, 1])
def test_zeroes_read_as_zero_whatever_unmap_was(unmap: int) -> None:
    function = device()
    before = bytes(function.disk.now)
    rows = ((1, 2, unmap), (10, 1, 0), (SECTORS - 1, 1, unmap))
    assert ask(function, ZEROES, 99, ranges(*rows)) == (OK, b"")
    for sector in range(SECTORS):
        zero = any(first <= sector < first + count for first, count, _ in rows)
        want = bytes(512) if zero else before[sector * 512 : sector * 512 + 512]
        assert ask(function, IN, sector, room=512) == (OK, want)
    assert field(function, "write_zeroes_may_unmap") == 0  # these bytes are never given back


@pytest.mark.clause("BLK-DEV-25")
def test_a_discard_of_ranges_ends_well_and_touches_no_other_sector() -> None:
    function = device()
    before = bytes(function.disk.now)
    assert ask(function, DISCARD, 0, ranges((1, 2, 0), (4, 4, 0))) == (OK, b"")
    for sector in (0, 3, 8, SECTORS - 1):
        assert function.disk.read(sector, 1) == before[sector * 512 : sector * 512 + 512]


@pytest.mark.parametrize("kind", [FLUSH, DISCARD, ZEROES])
def test_types_that_were_not_negotiated_are_unsupported(kind: int) -> None:
    function = device(0)
    assert ask(function, kind, 0, ranges((0, 1, 0)))[0] is UNSUPP


def field(function: BlkFunction, name: str) -> int:
    """A field of the configuration space."""
    return find(BLK_CONFIG.fields, name).read(function.config())


@pytest.mark.clause("BLK-DEV-01", "BLK-DEV-02", "BLK-DEV-05", "BLK-DEV-07", "BLK-DEV-34")
@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("queues", [1, 2, 64])
def test_what_is_offered(read_only: bool, queues: int) -> None:
    features = device(read_only=read_only, queues=queues).features
    assert features & BlkFeature.FLUSH and features & BlkFeature.CONFIG_WCE
    assert bool(features & BlkFeature.MQ) == (queues > 1)
    assert bool(features & BlkFeature.RO) == read_only
    for name in ("ZONED", "LIFETIME", "SECURE_ERASE", "GEOMETRY", "TOPOLOGY"):
        assert not features & BlkFeature[name]


@pytest.mark.clause("BLK-XDEV-05", "BLK-DEV-04", "BLK-DEV-07")
def test_the_configuration_space_has_every_field() -> None:
    limits = BlkLimits(size_max=1 << 16, seg_max=9, max_ranges=4, max_sectors=77, may_unmap=True)
    function = device(queues=3, limits=limits)
    got = {row.name: row.read(function.config()) for row in BLK_CONFIG.fields if not row.own}
    assert got == {
        "capacity": SECTORS,
        "size_max": 1 << 16,
        "seg_max": 9,
        "blk_size": 512,
        "writeback": 1,
        "unused0": 0,
        "num_queues": 3,
        "max_discard_sectors": 77,
        "max_discard_seg": 4,
        "discard_sector_alignment": 1,
        "max_write_zeroes_sectors": 77,
        "max_write_zeroes_seg": 4,
        "write_zeroes_may_unmap": 1,
        "unused1": 0,
    }
    assert function.config()[0x3C:] == b""  # zoned fields: beyond the space, so 0


@pytest.mark.clause("BLK-DEV-03", "BLK-XDEV-03")
def test_the_cache_mode_follows_negotiation_and_the_driver() -> None:
    flush, wce = BlkFeature.FLUSH, BlkFeature.CONFIG_WCE
    for features, start, changes in ((flush | wce, 1, True), (wce, 0, True), (flush, 1, False)):
        function = device(int(features))
        assert field(function, "writeback") == start
        for mode in (0, 1, 0):
            function.write_config(0x20, bytes([mode]))
            assert field(function, "writeback") == (mode if changes else start)
    function = device(0)
    assert not function.writeback


@pytest.mark.clause("BLK-XDEV-03", "BLK-DEV-31")
def test_what_outlives_a_loss_of_power() -> None:
    function = device()
    first, second, third = (bytes([n]) * 512 for n in (1, 2, 3))
    ask(function, OUT, 1, first)
    assert ask(function, FLUSH)[0] is OK
    ask(function, OUT, 1, second)
    ask(function, OUT, 2, second)
    assert function.disk.dirty == {1, 2}
    function.disk.lose_power()
    assert ask(function, IN, 1, room=512) == (OK, first)
    function.write_config(0x20, b"\0")  # written through
    ask(function, OUT, 3, third)
    ask(function, ZEROES, 0, ranges((1, 1, 0)))
    function.disk.lose_power()
    assert ask(function, IN, 3, room=512) == (OK, third)
    assert ask(function, IN, 1, room=512) == (OK, bytes(512))
    plain = device(0)  # neither FLUSH nor CONFIG_WCE
    ask(plain, OUT, 5, third)
    plain.disk.lose_power()
    assert ask(plain, IN, 5, room=512) == (OK, third)


@pytest.mark.clause("BLK-DEV-19", "BLK-DEV-20")
def test_a_change_of_capacity_is_told_and_obeyed() -> None:
    function = device()
    told: list[int] = []
    function.on_change = lambda: told.append(field(function, "capacity"))
    function.resize(SECTORS)
    assert told == []
    function.resize(10)
    assert ask(function, IN, 10, room=512)[0] is IOERR
    function.resize(50)
    assert ask(function, IN, 49, room=512) == (OK, bytes(512))
    assert told == [10, 50]


def test_sectors_that_the_store_refuses_fail() -> None:
    function = device()
    function.disk.refused = {5}
    before = bytes(function.disk.now)
    assert ask(function, IN, 4, room=1024) == (IOERR, bytes(1024))
    assert ask(function, OUT, 5, bytes(512))[0] is IOERR
    assert ask(function, DISCARD, 0, ranges((5, 1, 0)))[0] is IOERR
    assert function.disk.now == before
    assert ask(function, ZEROES, 0, ranges((4, 4, 0), (9, 1, 0)))[0] is IOERR
    assert ask(function, IN, 4, room=512) == (OK, before[4 * 512 : 5 * 512])


def test_counters_and_mode_start_again_with_a_reset() -> None:
    function = device()
    ask(function, OUT, 0, bytes(512))
    ask(function, 77)
    function.write_config(0x20, b"\0")
    assert sum(function.own_registers()) == 2
    function.reset()
    assert not any(function.own_registers())
    function.configure(function.features)
    assert function.writeback
    assert function.disk.read(0, 1) == bytes(512)


def test_a_disk_is_whole_sectors() -> None:
    with pytest.raises(ValueError, match="no whole number of sectors"):
        Disk(bytes(513))


@given(
    kind=st.sampled_from([*RequestType, 2, 15]),
    sector=st.one_of(st.integers(0, SECTORS + 1), st.integers(0, (1 << 64) - 1)),
    body=st.one_of(
        st.binary(max_size=80),
        st.builds(
            lambda count, byte: bytes([byte]) * 512 * count, st.integers(0, 3), st.integers(0, 255)
        ),
        st.lists(
            st.tuples(st.integers(0, SECTORS), st.integers(0, 5), st.integers(0, 3)), max_size=4
        ).map(lambda rows: ranges(*rows)),
    ),
    room=st.one_of(st.integers(0, 40), st.sampled_from([512, 1024, 1536])),
    read_only=st.booleans(),
)
def test_any_request_has_one_status_and_changes_only_what_it_may(
    kind: int, sector: int, body: bytes, room: int, read_only: bool
) -> None:
    function = device(read_only=read_only)
    before = bytes(function.disk.now)
    status, data = ask(function, kind, sector, body, room)
    after = bytes(function.disk.now)
    assert sum(function.own_registers()) == 1
    if status is not OK or kind not in (OUT, ZEROES):
        assert after == before
    if status is not OK:
        assert data == bytes(room)
    elif kind == OUT:
        at = sector * SECTOR
        assert after == before[:at] + body + before[at + len(body) :] and not read_only
    elif kind == IN:
        assert data == before[sector * SECTOR : sector * SECTOR + room]
    elif kind == ZEROES:
        zeroed = {n for at, count, _ in RANGE.iter_unpack(body) for n in range(at, at + count)}
        for number in range(SECTORS):
            part = slice(number * SECTOR, (number + 1) * SECTOR)
            assert after[part] == (bytes(SECTOR) if number in zeroed else before[part])
