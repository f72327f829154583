# SPDX-License-Identifier: Apache-2.0
"""A driver of block devices (section 5.2).

`read`, `write` and the others do one thing and return when it is done; `submit` and `finish` keep
several requests in flight. All are sequences of register accesses.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Any, Callable

from .allocator import OutOfMemory
from .blk_function import BLK_CONFIG, BLK_DEVICE_ID, UNMAP, BlkFeature, RequestType
from .blk_request import BlkError, BlkRequest, BlkShape, outcome
from .buffers import Buffers
from .config_space import find
from .disk import SECTOR
from .driver import Driver
from .queue_request import QueueRequest, Returned
from .ring_driver import RingVirtqueue
from .steps import Steps
from .virtio_device import VirtioDevice
from .virtqueue import NoSpaceError, Virtqueue

FEATURES = (
    BlkFeature.SIZE_MAX
    | BlkFeature.SEG_MAX
    | BlkFeature.RO  # BLK-DRV-13
    | BlkFeature.BLK_SIZE
    | BlkFeature.FLUSH
    | BlkFeature.CONFIG_WCE
    | BlkFeature.MQ
    | BlkFeature.DISCARD
    | BlkFeature.WRITE_ZEROES
)
HEADER_BYTES = 16
NO_STATUS = 0xFF  # what the driver puts where the device is to write a status
_RANGES = {RequestType.DISCARD: "discard", RequestType.WRITE_ZEROES: "write_zeroes"}


@dataclass(eq=False)
class _Flight:
    """A request that the device has, and its buffers: header with status, and data."""

    request: BlkRequest
    head: int
    data: int | None


class VirtioBlk(Driver):
    """Reads and writes a disk.

    Args:
        queues: request queues to use at most.
        features: feature bits to accept where they are offered.

    Attributes:
        capacity: sectors of 512 bytes.
        block_size: what the disk likes reads and writes to be multiples of, bytes.
        read_only: writes raise EROFS.
        writeback: writes are stable only after `flush` (BLK-DRV-03).
        on_capacity: called with the driver when the capacity has changed.
    """

    device_id = BLK_DEVICE_ID

    def __init__(self, queues: int = 1, features: BlkFeature = FEATURES) -> None:
        if queues < 1:
            raise BlkError(errno.EINVAL, f"{queues} queues")
        self.queues: list[RingVirtqueue[Any]] = []
        self.block_size = SECTOR
        self.writeback = False
        self.on_capacity: Callable[[VirtioBlk], None] | None = None
        self.shape = BlkShape()
        self._wanted, self._features = queues, features
        self._flights: set[_Flight] = set()

    @property
    def capacity(self) -> int:
        """Sectors of 512 bytes."""
        return self.shape.capacity

    @property
    def read_only(self) -> bool:
        """Whether the disk takes no writes."""
        return self.device.has(BlkFeature.RO)

    @property
    def in_flight(self) -> int:
        """Requests that the device has."""
        return len(self._flights)

    # ---- set-up

    def choose(self, offer: int) -> int:
        """See `Driver`: what it can use (FEAT-DRV-06); FLUSH too, it can send that (BLK-DRV-01)."""
        return int(self._features)

    def probe(self, device: VirtioDevice) -> Steps[None]:
        """Read the disk's shape and find its queues."""
        self._buffers = Buffers(device.memory, device.allocator)
        shape = self.shape = BlkShape(int(device.features))
        shape.capacity = yield from self._field("capacity")
        shape.size_max = yield from self._optional("size_max", BlkFeature.SIZE_MAX, shape.size_max)
        shape.seg_max = yield from self._optional("seg_max", BlkFeature.SEG_MAX, 1)
        self.block_size = yield from self._optional("blk_size", BlkFeature.BLK_SIZE, SECTOR)
        for kind, name in _RANGES.items():
            if device.has(BlkFeature[kind.name]):
                shape.max_ranges[kind] = max(1, (yield from self._field(f"max_{name}_seg")))
                shape.max_sectors[kind] = max(1, (yield from self._field(f"max_{name}_sectors")))
        count = yield from self._optional("num_queues", BlkFeature.MQ, 1)
        yield from self._read_mode()
        requests = [QueueRequest(each, self._used) for each in range(min(count, self._wanted))]
        self.queues = yield from device.find_queues(requests)
        room = min(queue.size for queue in self.queues) - 2  # for header and status
        shape.seg_max = min(shape.seg_max or 1, room)
        if shape.seg_max < 1 or shape.size_max < 1:
            raise BlkError(errno.EINVAL, "requests of this disk have no room for data")

    def _field(self, name: str) -> Steps[int]:
        return self.device.read_config(find(BLK_CONFIG.fields, name))

    def _optional(self, name: str, feature: BlkFeature, default: int) -> Steps[int]:
        """Read a field that exists with a feature, where that was negotiated (CFG-DRV-03)."""
        return (yield from self._field(name)) if self.device.has(feature) else default

    def _read_mode(self) -> Steps[None]:
        """Learn the cache mode; without CONFIG_WCE it goes by FLUSH (BLK-DRV-02 to 04)."""
        flush = int(self.device.has(BlkFeature.FLUSH))
        mode = yield from self._optional("writeback", BlkFeature.CONFIG_WCE, flush)
        self.writeback = bool(mode)

    def config_changed(self) -> Steps[None]:
        """Learn the capacity again (BLK-DRV-11)."""
        before = self.capacity
        self.shape.capacity = yield from self._field("capacity")
        if self.capacity != before and self.on_capacity is not None:
            self.on_capacity(self)

    # ---- requests in flight

    def submit(self, *requests: BlkRequest) -> Steps[None]:
        """Give requests to the device, those of one queue with one update of its ring.

        Raises:
            BlkError: EINVAL, EROFS or ENOTSUP: one may not be submitted; none was.
            NoSpaceError: there is no room for one; those before it were submitted.
            DeviceError: the device is of no use.
        """
        self.device.check()
        for request in requests:
            if not 0 <= request.queue < len(self.queues):
                raise BlkError(errno.EINVAL, f"the disk has no queue {request.queue}")
            if request.done or any(flight.request is request for flight in self._flights):
                raise BlkError(errno.EINVAL, "the request was submitted before")
            self.shape.check(request)
        full: NoSpaceError | None = None
        try:
            for request in requests:
                self._add(request)
        except NoSpaceError as error:
            full = error
        for number in sorted({request.queue for request in requests}):
            self.queues[number].sync()
        yield from self.device.kick()
        if full is not None:
            raise full

    def finish(self, *requests: BlkRequest) -> Steps[None]:
        """Return when requests are done; how they ended is for `BlkRequest.take` to say.

        Raises:
            DeviceError: the device is of no use.
        """
        yield from self.device.wait_until(lambda: all(request.done for request in requests))

    def _add(self, request: BlkRequest) -> None:
        taken: list[int] = []
        try:
            head = self._buffers.put(request.header + bytes([NO_STATUS]))
            taken.append(head)
            data = None
            size = len(request.data) + request.length
            if size:
                data = self._buffers.take(size)
                taken.append(data)
                self._buffers.write(data, request.data)
            pieces = [] if data is None else self.shape.pieces(data, size)
            readable = len(pieces) if request.data else 0
            segments = [(head, HEADER_BYTES), *pieces, (head + HEADER_BYTES, 1)]
            flight = _Flight(request, head, data)
            self.queues[request.queue].add_buf(
                segments, 1 + readable, len(segments) - 1 - readable, flight
            )
        except OutOfMemory as error:
            self._free(taken)
            raise NoSpaceError(str(error)) from None
        except OSError:
            self._free(taken)
            raise
        self._flights.add(flight)

    def _free(self, addresses: list[int]) -> None:
        for addr in addresses:
            self._buffers.free(addr)

    def _used(self, queue: Virtqueue) -> bool:
        while (used := queue.get_buf()) is not None:
            self._end(used.data)
        return True

    def _end(self, flight: _Flight, error: OSError | None = None) -> None:
        """Strike a request off; without an error, its status says how it ended."""
        request = flight.request
        if error is None:
            (status,) = self._buffers.read(flight.head + HEADER_BYTES, 1)
            error = outcome(status)
        result = b""
        if error is None and request.length and flight.data is not None:
            result = self._buffers.read(flight.data, request.length)
        self._flights.discard(flight)
        self._free([flight.head] if flight.data is None else [flight.head, flight.data])
        request.finish(error, result)

    # ---- one thing at a time

    def read(self, sector: int, count: int, queue: int = 0) -> Steps[bytes]:
        """Return `count` sectors from `sector` on.

        Raises:
            OSError: see `BlkError`, `DeviceError`.
        """
        most = self.shape.most_sectors
        return (
            yield from self._all(
                BlkRequest.read(sector + at, min(most, count - at), queue)
                for at in range(0, max(1, count), most)
            )
        )

    def write(self, sector: int, data: bytes, queue: int = 0) -> Steps[None]:
        """Write whole sectors from `sector` on.

        Raises:
            OSError: see `BlkError`, `DeviceError`; some of it may have been written.
        """
        most = self.shape.most_sectors * SECTOR
        yield from self._all(
            BlkRequest.write(sector + at // SECTOR, data[at : at + most], queue)
            for at in range(0, max(1, len(data)), most)
        )

    def flush(self, queue: int = 0) -> Steps[None]:
        """Return when all writes that were done before are stable (BLK-XDEV-03).

        Nothing is sent to a disk without FLUSH: its writes are taken to be stable (BLK-DRV-02).
        """
        if self.device.has(BlkFeature.FLUSH):
            yield from self._all([BlkRequest.flush(queue)])

    def get_id(self) -> Steps[str]:
        """Return the serial number."""
        data = yield from self._all([BlkRequest.get_id()])
        return data.split(b"\0")[0].decode("ascii", "replace")

    def discard(self, sector: int, count: int) -> Steps[None]:
        """Say that sectors are not needed; nothing may be assumed of them then (BLK-DRV-25)."""
        yield from self._ranges(RequestType.DISCARD, sector, count, 0)

    def write_zeroes(self, sector: int, count: int, unmap: bool = False) -> Steps[None]:
        """Fill sectors with zeros; `unmap` lets the device give up their room.

        After an error nothing may be assumed of any of them (BLK-DRV-26).
        """
        yield from self._ranges(RequestType.WRITE_ZEROES, sector, count, UNMAP if unmap else 0)

    def set_writeback(self, on: bool) -> Steps[None]:
        """Choose the cache mode (BLK-DRV-22).

        What was written before the switch to writing through is stable only after another
        `flush` (BLK-DRV-23).

        Raises:
            BlkError: ENOTSUP, the disk does not let one choose.
        """
        if not self.device.has(BlkFeature.CONFIG_WCE):
            raise BlkError(errno.ENOTSUP, "the cache mode of this disk cannot be chosen")
        yield from self.device.write_config(find(BLK_CONFIG.fields, "writeback"), int(on))
        yield from self._read_mode()

    def _ranges(self, kind: RequestType, sector: int, count: int, flags: int) -> Steps[None]:
        if kind not in self.shape.max_ranges:
            self.shape.check(BlkRequest.ranges(kind, [(sector, count, flags)]))
        yield from self._all(
            BlkRequest.ranges(kind, ranges)
            for ranges in self.shape.split_ranges(kind, sector, count, flags)
        )

    def _all(self, requests: Any) -> Steps[bytes]:
        """Submit requests as there is room, return the data of all when they are done."""
        wanted: list[BlkRequest] = list(requests)
        for request in wanted:
            self.shape.check(request)
        sent: list[BlkRequest] = []
        for request in wanted:
            while True:
                try:
                    yield from self.submit(request)
                    break
                except NoSpaceError:
                    if not self._flights:
                        raise
                    yield from self._one_done()
            sent.append(request)
        yield from self.finish(*sent)
        return b"".join(request.take() for request in sent)

    def _one_done(self) -> Steps[None]:
        before = self.in_flight
        yield from self.device.wait_until(lambda: self.in_flight < before)

    # ---- the end

    def removed(self, returned: list[Returned]) -> list[Any]:
        """End every request: with its status, or with ECANCELED if the device did not do it.

        Returns:
            The requests that were cancelled.
        """
        cancelled: list[BlkRequest] = []
        for back in returned:
            flight = back.token
            assert isinstance(flight, _Flight)
            if back.length is None:
                cancelled.append(flight.request)
                self._end(flight, BlkError(errno.ECANCELED, "the device was removed"))
            else:
                self._end(flight)
        return cancelled
