# SPDX-License-Identifier: Apache-2.0
"""Golden model of the block device's function (section 5.2).

A chain is one request: type, reserved, sector, data, and a status in its last writable byte,
however it is cut into segments. `rtl/device/blk/vq_blk_config.vh`, `vq_blk_types.vh` and a part of
`docs/registers.md` are generated from the tables here.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from .config_space import OWN_BASE, ConfigField, ConfigSpace, pack
from .disk import SECTOR, Disk
from .functions import DeviceFunction
from .registers import Access

BLK_DEVICE_ID = 2
HEADER = struct.Struct("<IIQ")  # type, reserved, sector (BLK-XDEV-01)
RANGE = struct.Struct("<QII")  # sector, sectors, flags of a discard or write-zeroes
ID_BYTES = 20  # BLK-XDEV-04
UNMAP = 1  # the one flag of a range
COUNTER_MASK = 0xFFFFFFFF


class RequestType(enum.IntEnum):
    """What a request asks for (BLK-XDEV-02); the zone types end as unknown ones (BLK-DEV-36)."""

    IN = 0
    OUT = 1
    FLUSH = 4
    GET_ID = 8
    DISCARD = 11
    WRITE_ZEROES = 13


class RequestStatus(enum.IntEnum):
    """The last byte of a request (BLK-XDEV-01)."""

    OK = 0
    IOERR = 1
    UNSUPP = 2


class StoreOp(enum.IntEnum):
    """Commands at the Verilog's store port."""

    READ = 0
    WRITE = 1
    FLUSH = 2
    DISCARD = 3
    WRITE_ZEROES = 4


class BlkFeature(enum.IntFlag):
    """Feature bits of a block device (section 5.2.3), those that are never offered too."""

    SIZE_MAX = 1 << 1
    SEG_MAX = 1 << 2
    GEOMETRY = 1 << 4
    RO = 1 << 5
    BLK_SIZE = 1 << 6
    FLUSH = 1 << 9
    TOPOLOGY = 1 << 10
    CONFIG_WCE = 1 << 11
    MQ = 1 << 12
    DISCARD = 1 << 13
    WRITE_ZEROES = 1 << 14
    LIFETIME = 1 << 15
    SECURE_ERASE = 1 << 16
    ZONED = 1 << 17


_F = BlkFeature
_R, _RW = Access.R, Access.RW
BLK_CONFIG = ConfigSpace(
    name="blk",
    title="Block device",
    features=BlkFeature,
    fields=(
        ConfigField(0x00, "capacity", 8, _R, "Sectors of 512 bytes", "BLK-XDEV-05"),
        ConfigField(0x08, "size_max", 4, _R, "Most bytes of a segment", "5.2.4", _F.SIZE_MAX),
        ConfigField(0x0C, "seg_max", 4, _R, "Most segments of a request", "5.2.4", _F.SEG_MAX),
        ConfigField(0x14, "blk_size", 4, _R, "Preferred block, bytes", "5.2.4", _F.BLK_SIZE),
        ConfigField(
            *(0x20, "writeback", 1, _RW),
            *("Cache mode: 1 written back, 0 written through", "BLK-DRV-22", _F.CONFIG_WCE),
        ),
        ConfigField(0x21, "unused0", 1, _R, "0", "BLK-DEV-04"),
        ConfigField(0x22, "num_queues", 2, _R, "Request queues", "5.2.4", _F.MQ),
        ConfigField(
            *(0x24, "max_discard_sectors", 4, _R),
            *("Most sectors of a range to discard", "5.2.4", _F.DISCARD),
        ),
        ConfigField(
            *(0x28, "max_discard_seg", 4, _R),
            *("Most ranges of a discard", "BLK-DRV-19", _F.DISCARD),
        ),
        ConfigField(
            *(0x2C, "discard_sector_alignment", 4, _R),
            *("Sectors to which ranges are best aligned", "5.2.4", _F.DISCARD),
        ),
        ConfigField(
            *(0x30, "max_write_zeroes_sectors", 4, _R),
            *("Most sectors of a range of zeros", "5.2.4", _F.WRITE_ZEROES),
        ),
        ConfigField(
            *(0x34, "max_write_zeroes_seg", 4, _R),
            *("Most ranges of a write-zeroes", "BLK-DRV-21", _F.WRITE_ZEROES),
        ),
        ConfigField(
            *(0x38, "write_zeroes_may_unmap", 1, _R),
            *("1: write-zeroes may deallocate", "BLK-DEV-28", _F.WRITE_ZEROES),
        ),
        ConfigField(0x39, "unused1", 3, _R, "0", "BLK-DEV-04"),
        ConfigField(OWN_BASE + 0x00, "reads", 4, _R, "Reads that ended well", "engine"),
        ConfigField(OWN_BASE + 0x04, "writes", 4, _R, "Writes that ended well", "engine"),
        ConfigField(OWN_BASE + 0x08, "flushes", 4, _R, "Flushes that ended well", "engine"),
        ConfigField(
            OWN_BASE + 0x0C, "ranges", 4, _R, "Discards and write-zeroes, likewise", "engine"
        ),
        ConfigField(OWN_BASE + 0x10, "ids", 4, _R, "Serial numbers told", "engine"),
        ConfigField(OWN_BASE + 0x14, "failed", 4, _R, "Requests that ended with IOERR", "engine"),
        ConfigField(
            OWN_BASE + 0x18, "unsupported", 4, _R, "Requests that ended with UNSUPP", "engine"
        ),
    ),
)


@dataclass(frozen=True)
class BlkLimits:
    """What a block device tells in its configuration space.

    Attributes:
        size_max: most bytes of a segment.
        seg_max: most segments of a request.
        blk_size: preferred block, bytes.
        max_ranges: most ranges of a discard or write-zeroes.
        max_sectors: most sectors of such a range.
        may_unmap: write-zeroes may deallocate.
    """

    size_max: int = 0x10000
    seg_max: int = 126
    blk_size: int = SECTOR
    max_ranges: int = 16
    max_sectors: int = 0x3FFFFF
    may_unmap: bool = False


class _Failed(Exception):
    """A request ends with this status."""

    def __init__(self, status: RequestStatus) -> None:
        super().__init__(status)
        self.status = status


def _need(holds: bool, status: RequestStatus = RequestStatus.IOERR) -> None:
    if not holds:
        raise _Failed(status)


class BlkFunction(DeviceFunction):
    """A block device: every queue takes requests, each of which is answered at once.

    A request without a writable byte has no room for a status: nothing is done for it. The others
    are answered with all their writable bytes, of which the last is the status and those before
    it are data, or zeros.

    Attributes:
        disk: what is read and written.
        read_only: RO is offered, and nothing changes the disk (BLK-DEV-21, BLK-DEV-22).
        counters: by the name of their own register.
    """

    device_id = BLK_DEVICE_ID

    def __init__(
        self,
        disk: Disk,
        *,
        queues: int = 1,
        read_only: bool = False,
        serial: bytes = b"",
        limits: BlkLimits = BlkLimits(),
    ) -> None:
        """Args: the disk; the number of queues; RO; GET_ID's answer; limits.

        Raises:
            ValueError: the serial number has more than 20 bytes.
        """
        super().__init__()
        if len(serial) > ID_BYTES:
            raise ValueError(f"a serial number has at most {ID_BYTES} bytes, not {len(serial)}")
        self.disk, self.queues = disk, queues
        self.read_only, self.serial, self.limits = read_only, serial, limits
        self.features = offered(read_only=read_only, queues=queues)
        self._negotiated = 0
        self._mode: int | None = None  # what the driver wrote to writeback
        self.counters = {field.name: 0 for field in BLK_CONFIG.fields if field.own}

    # ---- features and configuration

    def configure(self, features: int) -> None:
        """See `DeviceFunction`."""
        self._negotiated = features

    @property
    def writeback(self) -> bool:
        """Whether writes are stable only after a flush (BLK-XDEV-03, BLK-DEV-03)."""
        if self._negotiated & BlkFeature.CONFIG_WCE and self._mode is not None:
            return bool(self._mode)
        return bool(self._negotiated & BlkFeature.FLUSH)

    def config(self) -> bytes:
        """See `DeviceFunction`."""
        limits = self.limits
        return pack(
            BLK_CONFIG.fields,
            {
                "capacity": self.disk.sectors,
                "size_max": limits.size_max,
                "seg_max": limits.seg_max,
                "blk_size": limits.blk_size,
                "writeback": int(self.writeback),
                "num_queues": self.queues,
                "max_discard_sectors": limits.max_sectors,
                "max_discard_seg": limits.max_ranges,
                "discard_sector_alignment": 1,
                "max_write_zeroes_sectors": limits.max_sectors,
                "max_write_zeroes_seg": limits.max_ranges,
                "write_zeroes_may_unmap": int(limits.may_unmap),
            },
        )

    def write_config(self, offset: int, data: bytes) -> None:
        """See `DeviceFunction`: bit 0 of writeback, with CONFIG_WCE; nothing else."""
        at = 0x20 - offset
        if self._negotiated & BlkFeature.CONFIG_WCE and 0 <= at < len(data):
            self._mode = data[at] & 1

    def own_registers(self) -> Sequence[int]:
        """See `DeviceFunction`."""
        return tuple(self.counters.values())

    def resize(self, sectors: int) -> None:
        """Change the capacity, and tell (BLK-DEV-19, BLK-DEV-20)."""
        if sectors != self.disk.sectors:
            self.disk.resize(sectors)
            self.on_change()

    def reset(self) -> None:
        """See `DeviceFunction`; the disk stays as it is."""
        self._negotiated, self._mode = 0, None
        self.counters = dict.fromkeys(self.counters, 0)

    # ---- requests

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        """See `DeviceFunction`."""
        if writable_len == 0:
            return b""
        room = writable_len - 1
        data = b""
        try:
            kind, data = self._request(readable, room)
            status = RequestStatus.OK
        except _Failed as failed:
            kind, status = "failed", failed.status
            if status is RequestStatus.UNSUPP:
                kind = "unsupported"
        self.counters[kind] = self.counters[kind] + 1 & COUNTER_MASK
        return data.ljust(room, b"\0") + bytes([status])

    def _request(self, readable: bytes, room: int) -> tuple[str, bytes]:
        """Carry out a request; return its counter and the data to give back."""
        _need(len(readable) >= HEADER.size)
        number, _, sector = HEADER.unpack_from(readable)
        body = readable[HEADER.size :]
        if self.read_only:  # BLK-DEV-21
            changes = (RequestType.OUT, RequestType.DISCARD, RequestType.WRITE_ZEROES)
            _need(number not in changes)
        if number == RequestType.IN:
            return "reads", self._read(sector, body, room)
        if number == RequestType.OUT:
            return "writes", self._write(sector, body, room)
        if number == RequestType.FLUSH and self._negotiated & BlkFeature.FLUSH:
            self.disk.flush()
            return "flushes", b""
        if number == RequestType.GET_ID:
            _need(not body and room == ID_BYTES)
            return "ids", self.serial.ljust(ID_BYTES, b"\0")
        if number == RequestType.DISCARD and self._negotiated & BlkFeature.DISCARD:
            return "ranges", self._ranges(body, room, discard=True)
        if number == RequestType.WRITE_ZEROES and self._negotiated & BlkFeature.WRITE_ZEROES:
            return "ranges", self._ranges(body, room, discard=False)
        raise _Failed(RequestStatus.UNSUPP)

    def _within(self, sector: int, sectors: int) -> bool:
        return sector + sectors <= self.disk.sectors

    def _read(self, sector: int, body: bytes, room: int) -> bytes:
        _need(not body and room > 0 and room % SECTOR == 0)
        _need(self._within(sector, room // SECTOR))
        _need(not self.disk.refuses(sector, room // SECTOR))
        return self.disk.read(sector, room // SECTOR)

    def _write(self, sector: int, body: bytes, room: int) -> bytes:
        _need(room == 0 and len(body) > 0 and len(body) % SECTOR == 0)
        _need(self._within(sector, len(body) // SECTOR))
        _need(not self.disk.refuses(sector, len(body) // SECTOR))
        self.disk.write(sector, body, stable=not self.writeback)
        return b""

    def _ranges(self, body: bytes, room: int, discard: bool) -> bytes:
        _need(room == 0 and len(body) > 0 and len(body) % RANGE.size == 0)
        ranges = list(RANGE.iter_unpack(body))
        known = 0 if discard else UNMAP  # BLK-DEV-23, BLK-DEV-24
        _need(all(flags & ~known == 0 for _, _, flags in ranges), RequestStatus.UNSUPP)
        _need(len(ranges) <= self.limits.max_ranges)
        _need(all(0 < count <= self.limits.max_sectors for _, count, _ in ranges))
        _need(all(self._within(sector, count) for sector, count, _ in ranges))
        failed = False
        for sector, count, _ in ranges:
            if self.disk.refuses(sector, count):
                failed = True
            elif not discard:  # what is discarded keeps its content here (BLK-DEV-25)
                self.disk.write(sector, bytes(count * SECTOR), stable=not self.writeback)
        _need(not failed)
        return b""


def offered(*, read_only: bool = False, queues: int = 1) -> int:
    """Return the feature bits that a block device offers, a mask (BLK-DEV-01, BLK-DEV-02)."""
    features = _F.SIZE_MAX | _F.SEG_MAX | _F.BLK_SIZE | _F.FLUSH | _F.CONFIG_WCE
    features |= _F.RO if read_only else _F.DISCARD | _F.WRITE_ZEROES
    return int(features | (_F.MQ if queues > 1 else 0))
