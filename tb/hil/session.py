# SPDX-License-Identifier: Apache-2.0
"""One vhost-user client of a device, from its connection to its end.

The session knows the protocol and nothing of simulators: messages come in by `handle`, kicks by
`kicked`, and the device's interrupts go out by `called`. What a client may not ask is refused: the
reason is one line in the log, and the client is told by a reply if it wanted one, else the session
ends. Whatever happens, `end` leaves the device reset and every descriptor closed.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Awaitable, Collection
from typing import Callable, Optional, Union

from pymodel import BLK_CONFIG, NET_CONFIG, Access, Feature, PackedLayout, SplitLayout
from pymodel.blk_function import BLK_DEVICE_ID
from pymodel.layout import INDEX_MODULUS, U16, QueueLayout
from pymodel.net_function import NET_DEVICE_ID
from pymodel.packed_layout import Position
from tb.hil import messages as wire
from tb.hil.backend import Backend, BackendError, Ring
from tb.hil.messages import BackendRequest, Message, ProtocolFeature, Region, Request
from tb.hil.rings import RECORD, SLOTS, Held, MemoryTable, Record, Refused, RingState

PROTOCOL = (
    ProtocolFeature.MQ
    | ProtocolFeature.REPLY_ACK
    | ProtocolFeature.BACKEND_REQ
    | ProtocolFeature.CONFIG
    | ProtocolFeature.INFLIGHT_SHMFD
    | ProtocolFeature.RESET_DEVICE
    | ProtocolFeature.CONFIGURE_MEM_SLOTS
    | ProtocolFeature.STATUS
)
ANSWERED = frozenset(each for each in Request if each.name.startswith("GET_"))  # by themselves
CONFIGS = {BLK_DEVICE_ID: BLK_CONFIG, NET_DEVICE_ID: NET_CONFIG}
SIGNALS = (0, stat.S_IFIFO, stat.S_IFSOCK)  # types of file: an eventfd has none
STATUS_FEATURES_OK = 8
PAGE = 4096


class Session:
    """One client.

    Args:
        connection: its socket, which belongs to the session.
        backend: the device, which is reset.
        log: takes lines for people.

    Attributes:
        features: virtio features that the client accepted.
        rings: what it said of each ring.
    """

    def __init__(
        self, connection: socket.socket, backend: Backend, log: Callable[[str], None]
    ) -> None:
        self.stream = wire.Stream(connection)
        self.backend = backend
        self.log = log
        self.features: Optional[int] = None
        self.protocol = ProtocolFeature(0)
        self.rings = [RingState() for _ in range(backend.queues)]
        self.memory = MemoryTable()
        self._started: Optional[int] = None  # features with which the device runs
        self._status = 0
        self._requests: Optional[wire.Stream] = None  # the channel to the client
        self._record: Optional[Record] = None  # which outlives the server
        self._handlers: dict[int, Callable[[Message], Awaitable[Optional[bytes]]]] = {
            request: getattr(self, f"_{request.name.lower()}")
            for request in Request
            if hasattr(self, f"_{request.name.lower()}")
        }

    # ---- what comes in

    async def handle(self, message: Message) -> None:
        """Do what a message asks, and answer.

        Raises:
            ProtocolError: the session cannot go on; the reason is the text.
        """
        name = _name(message.request)
        try:
            handler = self._handlers.get(message.request)
            if handler is None:
                raise Refused("this back end does not know it")
            reply = await handler(message)
        except (Refused, BackendError) as error:
            answer = self._refusal(message)
            if answer is None:
                raise wire.ProtocolError(f"{name}: {error}") from None
            self.log(f"{name} refused: {error}")
            self._reply(message.request, answer)
            return
        finally:
            message.close()
        if reply is not None:
            self._reply(message.request, reply)
        elif self._acknowledges(message) and message.request not in ANSWERED:
            self._reply(message.request, wire.U64.pack(0))

    async def kicked(self, queue: int) -> None:
        """Hand over a notification that came by a queue's descriptor."""
        ring = self.rings[queue]
        if ring.kick is None:
            return
        try:
            data = os.read(ring.kick, 8)
        except BlockingIOError:
            return
        except OSError as error:
            self.log(f"queue {queue}: its kick descriptor cannot be read: {error.strerror}")
            data = b""
        if not data:
            ring.replace("kick", None)
        elif ring.running:
            await self.backend.kick(queue)

    @property
    def polled(self) -> list[int]:
        """The queues that run and are to be looked at without a kick."""
        return [index for index, ring in enumerate(self.rings) if ring.running and ring.polled]

    async def look(self) -> None:
        """Look at these queues."""
        for queue in self.polled:
            await self.backend.kick(queue)

    def called(self, queue: int) -> None:
        """Signal a queue's interrupt."""
        self._signal(queue, "call")

    def failed(self, queue: int) -> None:
        """Signal that a queue met a fault."""
        self._signal(queue, "err")

    def config_changed(self) -> None:
        """Tell the client that the configuration changed."""
        if self._requests is None:
            return
        try:
            self._requests.send(BackendRequest.CONFIG_CHANGE_MSG)
        except wire.ProtocolError as error:
            self.log(f"the change of the configuration was not told: {error}")

    async def end(self) -> None:
        """Reset the device and give everything back.

        Where packed rings are left is written down first: nothing else would tell another server.
        """
        if self._record is not None and self._kind is PackedLayout:
            for index, ring in enumerate(self.rings):
                if ring.running:
                    self._record.put(index, await self.backend.stop_queue(index))
        await self.backend.stop()
        for held in self.memory:
            await self.backend.remove_memory(held.region)
            self.memory.remove(held)
        for ring in self.rings:
            ring.close()
        if self._requests is not None:
            self._requests.close()
            self._requests = None
        if self._record is not None:
            self._record.close()
            self._record = None
        self.stream.close()

    # ---- small parts

    def _acknowledges(self, message: Message) -> bool:
        return message.need_reply and bool(self.protocol & ProtocolFeature.REPLY_ACK)

    def _refusal(self, message: Message) -> Optional[bytes]:
        """Return what tells the client that a request failed, None where nothing can."""
        if message.request == Request.GET_CONFIG:
            return b""
        if message.request in ANSWERED or not self._acknowledges(message):
            return None  # the answer of its own would be taken for a good one
        return wire.U64.pack(1)

    def _reply(self, request: int, payload: bytes, fds: tuple[int, ...] = ()) -> None:
        self.stream.send(request, payload, fds, wire.REPLY)

    def _signal(self, queue: int, name: str) -> None:
        fd = getattr(self.rings[queue], name)
        if fd is None:
            return
        try:
            os.write(fd, wire.U64.pack(1))
        except BlockingIOError:
            pass  # it is signalled already
        except OSError as error:
            self.log(f"queue {queue}: its {name} descriptor cannot be written: {error.strerror}")
            self.rings[queue].replace(name, None)

    @staticmethod
    def _exactly(message: Message, size: int, fds: int = 0) -> bytes:
        """Return the payload, which must be of this size, with so many descriptors."""
        if len(message.payload) != size:
            raise Refused(f"it has {len(message.payload)} bytes, not {size}")
        if len(message.fds) != fds:
            raise Refused(f"it came with {len(message.fds)} file descriptors, not {fds}")
        return message.payload

    def _u64(self, message: Message) -> int:
        return int(wire.U64.unpack(self._exactly(message, wire.U64.size))[0])

    def _ring(self, index: int) -> RingState:
        if index >= len(self.rings):
            raise Refused(f"there is no queue {index}, but 0 to {len(self.rings) - 1}")
        return self.rings[index]

    def _vring_state(self, message: Message) -> tuple[int, int]:
        index, number = wire.VRING_STATE.unpack(self._exactly(message, wire.VRING_STATE.size))
        self._ring(index)
        return index, number

    # ---- features

    async def _get_features(self, message: Message) -> bytes:
        self._exactly(message, 0)
        return wire.U64.pack(await self.backend.offered() | wire.F_PROTOCOL_FEATURES)

    async def _set_features(self, message: Message) -> None:
        features = self._u64(message)
        unknown = features & ~(await self.backend.offered() | wire.F_PROTOCOL_FEATURES)
        if unknown:
            raise Refused(f"the features {unknown:#x} were not offered")
        if self._started is not None and features != self.features:
            if any(ring.running for ring in self.rings):
                raise Refused("features change while queues run")
            await self._stop_device()
        self.features = features
        if not features & wire.F_PROTOCOL_FEATURES:
            for ring in self.rings:
                ring.enabled = True

    async def _get_protocol_features(self, message: Message) -> bytes:
        self._exactly(message, 0)
        return wire.U64.pack(PROTOCOL)

    async def _set_protocol_features(self, message: Message) -> None:
        features = self._u64(message)
        unknown = features & ~int(PROTOCOL)  # of the flags, the inverse has only known bits
        if unknown:
            raise Refused(f"the protocol features {unknown:#x} were not offered")
        self.protocol = ProtocolFeature(features)

    async def _set_owner(self, message: Message) -> None:
        self._exactly(message, 0)

    async def _reset_owner(self, message: Message) -> None:
        self._exactly(message, 0)
        await self._stop_rings()

    async def _reset_device(self, message: Message) -> None:
        self._exactly(message, 0)
        await self._stop_rings()
        await self._stop_device()

    async def _get_queue_num(self, message: Message) -> bytes:
        self._exactly(message, 0)
        return wire.U64.pack(self.backend.queues)

    async def _set_status(self, message: Message) -> None:
        status = self._u64(message)
        if status == 0:
            await self._stop_rings()
            await self._stop_device()
        self._status = status & 0xFF
        if status & STATUS_FEATURES_OK and self._started is None:
            try:
                await self._start_device()
            except BackendError as error:  # the client sees it in the status
                self._status &= ~STATUS_FEATURES_OK
                self.log(f"SET_STATUS: {error}")

    async def _get_status(self, message: Message) -> bytes:
        self._exactly(message, 0)
        return wire.U64.pack(self._status)

    async def _set_backend_req_fd(self, message: Message) -> None:
        self._exactly(message, len(message.payload) and wire.U64.size, 1)
        try:
            channel = socket.socket(fileno=message.fds[0])
        except OSError:
            raise Refused("its file descriptor is not a socket") from None
        message.take_fd()
        if self._requests is not None:
            self._requests.close()
        self._requests = wire.Stream(channel)

    # ---- configuration space

    def _config_range(self, message: Message) -> tuple[int, int, bytes]:
        if len(message.payload) < wire.CONFIG_HEAD.size:
            raise Refused(f"it has {len(message.payload)} bytes, too few for its head")
        offset, size, _ = wire.CONFIG_HEAD.unpack_from(message.payload)
        data = self._exactly(message, wire.CONFIG_HEAD.size + size)[wire.CONFIG_HEAD.size :]
        if offset + size > wire.CONFIG_BYTES:
            raise Refused(f"bytes {offset} to {offset + size} of {wire.CONFIG_BYTES}")
        return offset, size, data

    async def _get_config(self, message: Message) -> bytes:
        offset, size, _ = self._config_range(message)
        data = await self.backend.read_config(offset, size)
        return message.payload[: wire.CONFIG_HEAD.size] + data

    async def _set_config(self, message: Message) -> None:
        offset, size, data = self._config_range(message)
        *_, flags = wire.CONFIG_HEAD.unpack_from(message.payload)
        writable = self._writable
        for at in range(offset, offset + size):
            if at in writable:
                await self.backend.write_config(at, data[at - offset : at - offset + 1])
            elif not flags & wire.CONFIG_MIGRATION:
                raise Refused(f"byte {at} of the configuration is read-only")

    @property
    def _writable(self) -> set[int]:
        """The bytes of the configuration that a driver may write."""
        space = CONFIGS.get(self.backend.device_id)
        fields = space.fields if space is not None else ()
        return {
            at
            for field in fields
            if field.access is not Access.R and not field.own
            for at in range(field.offset, field.end)
        }

    # ---- memory

    async def _set_mem_table(self, message: Message) -> None:
        if len(message.payload) < wire.TABLE_HEAD.size:
            raise Refused(f"it has {len(message.payload)} bytes, too few for its head")
        count, _ = wire.TABLE_HEAD.unpack_from(message.payload)
        if count > wire.MAX_FDS:
            raise Refused(f"{count} regions, more than {wire.MAX_FDS}")
        size = wire.TABLE_HEAD.size + count * wire.REGION.size
        if not size <= len(message.payload) <= wire.TABLE_HEAD.size + 8 * wire.REGION.size:
            raise Refused(f"it has {len(message.payload)} bytes, not {size}")
        if len(message.fds) != count:
            raise Refused(f"it came with {len(message.fds)} file descriptors for {count} regions")
        regions = [
            Region(*wire.REGION.unpack_from(message.payload, wire.TABLE_HEAD.size + at))
            for at in range(0, count * wire.REGION.size, wire.REGION.size)
        ]
        await self._replace_memory(regions, message.fds)

    async def _replace_memory(self, regions: list[Region], fds: list[int]) -> None:
        """Have these regions and no others; those that were there already stay mapped."""
        table = MemoryTable()
        for region, fd in zip(regions, fds):
            table.add(table.check(region, fd))
        wanted = list(table)
        await self._remove([held for held in self.memory if held not in wanted])
        for held, fd in zip(wanted, fds):
            if held not in self.memory:
                await self.backend.add_memory(held.region, fd)
                self.memory.add(held)

    async def _remove(self, gone: Collection[Held]) -> None:
        """Take regions out, when the device needs them no more; rings in them stop."""
        if not gone:
            return
        for held in gone:
            self.memory.remove(held)
        try:
            await self._leave_memory()
        finally:
            for held in gone:
                await self.backend.remove_memory(held.region)

    async def _leave_memory(self) -> None:
        """Stop the rings that are in no region any more; let the others do what is in hand."""
        for index, ring in enumerate(self.rings):
            if ring.running:
                try:
                    self._layout(index, ring)
                except Refused:
                    await self._stop_ring(index)
        if any(ring.running for ring in self.rings):
            await self.backend.rest()

    async def _get_max_mem_slots(self, message: Message) -> bytes:
        self._exactly(message, 0)
        return wire.U64.pack(SLOTS)

    @staticmethod
    def _slot(message: Message) -> Region:
        """Return the region of a message that adds or removes one."""
        if len(message.payload) != 8 + wire.REGION.size:
            raise Refused(f"it has {len(message.payload)} bytes, not {8 + wire.REGION.size}")
        if len(message.fds) > 1:
            raise Refused(f"it came with {len(message.fds)} file descriptors for one region")
        return Region(*wire.REGION.unpack_from(message.payload, 8))

    async def _add_mem_reg(self, message: Message) -> None:
        region = self._slot(message)
        if len(message.fds) != 1:
            raise Refused(f"it came with {len(message.fds)} file descriptors, not 1")
        held = self.memory.check(region, message.fds[0])
        await self.backend.add_memory(region, message.fds[0])
        self.memory.add(held)

    async def _rem_mem_reg(self, message: Message) -> None:
        await self._remove([self.memory.find(self._slot(message))])

    # ---- rings

    async def _set_vring_num(self, message: Message) -> None:
        index, size = self._vring_state(message)
        most = self.backend.queue_size_max
        if not 1 <= size <= most:
            raise Refused(f"queue {index} of {size} descriptors, not 1 to {most}")
        self._settle(index).size = size

    async def _set_vring_addr(self, message: Message) -> None:
        payload = self._exactly(message, wire.VRING_ADDR.size)
        index, _, descriptors, used, available, _ = wire.VRING_ADDR.unpack(payload)
        ring = self._ring(index)
        addresses = (descriptors, available, used)
        if ring.running and addresses != ring.addresses:
            raise Refused(f"queue {index} moves while it runs")
        ring.addresses = addresses
        await self._start_ring(index)

    async def _set_vring_base(self, message: Message) -> None:
        index, base = self._vring_state(message)
        self._settle(index).base = base

    async def _get_vring_base(self, message: Message) -> bytes:
        index, _ = self._vring_state(message)
        ring = self.rings[index]
        await self._stop_ring(index)
        ring.replace("kick", None)
        ring.replace("call", None)
        ring.kick_known = ring.polled = False
        return wire.VRING_STATE.pack(index, ring.base)

    async def _set_vring_kick(self, message: Message) -> None:
        index, fd = self._vring_fd(message)
        ring = self.rings[index]
        ring.replace("kick", fd)
        ring.kick_known, ring.polled = True, fd is None
        await self._start_ring(index)

    async def _set_vring_call(self, message: Message) -> None:
        index, fd = self._vring_fd(message)
        self.rings[index].replace("call", fd)
        if self.rings[index].running:
            self.called(index)  # an interrupt may have come before there was a descriptor

    async def _set_vring_err(self, message: Message) -> None:
        index, fd = self._vring_fd(message)
        self.rings[index].replace("err", fd)

    def _vring_fd(self, message: Message) -> tuple[int, Optional[int]]:
        if len(message.payload) != wire.U64.size:
            raise Refused(f"it has {len(message.payload)} bytes, not {wire.U64.size}")
        (word,) = wire.U64.unpack(message.payload)
        if word & ~(wire.INDEX_MASK | wire.NO_FD):
            raise Refused(f"its word {word:#x} has reserved bits")
        self._ring(word & wire.INDEX_MASK)
        wanted = 0 if word & wire.NO_FD else 1
        if len(message.fds) != wanted:
            raise Refused(f"it came with {len(message.fds)} file descriptors, not {wanted}")
        if wanted and stat.S_IFMT(os.fstat(message.fds[0]).st_mode) not in SIGNALS:
            raise Refused("its file descriptor cannot signal: it is no eventfd, pipe or socket")
        return word & wire.INDEX_MASK, message.take_fd() if wanted else None

    async def _set_vring_enable(self, message: Message) -> None:
        index, on = self._vring_state(message)
        self.rings[index].enabled = bool(on)
        if on:
            await self._start_ring(index)
        else:
            await self._stop_ring(index)

    def _settle(self, index: int) -> RingState:
        """Return a ring that may be changed."""
        if self.rings[index].running:
            raise Refused(f"queue {index} is changed while it runs")
        return self.rings[index]

    # ---- the device

    async def _start_device(self) -> None:
        if self.features is None:
            raise Refused("a queue is started before SET_FEATURES")
        features = self.features & ~wire.F_PROTOCOL_FEATURES
        if not features & Feature.VERSION_1:
            raise BackendError("the client did not accept VERSION_1: legacy drivers are not served")
        await self.backend.start(features)
        self._started = features
        self.log(f"the device runs with the features {features:#x}")

    async def _stop_device(self) -> None:
        if self._started is not None:
            await self.backend.stop()
            self._started = None

    async def _start_ring(self, index: int) -> None:
        """Start a ring once all is known of it; look at it at once, a kick may have come before."""
        ring = self.rings[index]
        if ring.running or not ring.complete:
            return
        if self._started is None:
            await self._start_device()
        layout = self._layout(index, ring)
        begun = Ring(layout, self._first(index, ring, layout))
        await self.backend.start_queue(index, begun)
        ring.running = True
        self.log(f"queue {index} runs: {layout.size} descriptors, from {begun.start:#x} on")
        await self.backend.kick(index)
        if not begun.fresh:
            self.called(index)  # a server may have ended between a used buffer and its interrupt

    def _layout(self, index: int, ring: RingState) -> QueueLayout:
        assert ring.addresses is not None
        kind = self._kind
        if not kind.valid_size(ring.size):
            raise Refused(f"queue {index} cannot have {ring.size} descriptors")
        areas = [
            self.memory.guest_address(user, length, f"queue {index}: its {name}")
            for user, length, name in zip(
                ring.addresses, kind.contiguous(ring.size, 0).lengths, kind.names
            )
        ]
        wrong = kind.misaligned(areas)
        if wrong is not None:
            raise Refused(f"queue {index}: its {wrong}")
        return kind(ring.size, *areas)

    @property
    def _kind(self) -> Union[type[SplitLayout], type[PackedLayout]]:
        packed = (self._started or 0) & Feature.RING_PACKED
        return PackedLayout if packed else SplitLayout

    def _first(self, index: int, ring: RingState, layout: QueueLayout) -> int:
        """Return where the device begins: after the last chain that was used.

        What was taken and not used is taken again, which is right as the devices return the
        chains of a queue in order. A split ring itself says where that is. Its client may have
        looked before the last were used, or noted what was taken: it is told from a wrong one by
        being that near.
        """
        if isinstance(layout, SplitLayout):
            used = int(U16.unpack(self.backend.read_memory(layout.used_idx, 2))[0])
            right = (ring.base - used + layout.size) % INDEX_MODULUS <= 2 * layout.size
            right &= ring.base < INDEX_MODULUS
        else:
            used = ring.base >> 16 or ring.base  # some clients tell no used index
            if self._record is not None:
                used = self._record.take(index, used)
            right = Position.of(used).offset < layout.size
        if not right:
            raise Refused(
                f"queue {index} of {layout.size} descriptors cannot go on at {ring.base:#x}, "
                f"with {used:#x} used"
            )
        return used

    async def _stop_ring(self, index: int) -> None:
        ring = self.rings[index]
        if not ring.running:
            return
        ring.running = False
        place = await self.backend.stop_queue(index)
        ring.base = place << 16 | place if self._kind is PackedLayout else place

    async def _stop_rings(self) -> None:
        for index in range(len(self.rings)):
            await self._stop_ring(index)

    # ---- requests kept over a restart

    async def _get_inflight_fd(self, message: Message) -> None:
        """Give out a file in which the client keeps, for another server, what `Record` says."""
        payload = self._exactly(message, wire.INFLIGHT.size)
        _, _, queues, size = wire.INFLIGHT.unpack(payload)
        if not 1 <= queues <= len(self.rings) or not 1 <= size <= self.backend.queue_size_max:
            raise Refused(f"{queues} queues of {size} descriptors")
        bytes_ = -(-queues * RECORD.size // PAGE) * PAGE
        fd = os.memfd_create("inflight")
        try:
            os.truncate(fd, bytes_)
            self._reply(message.request, wire.INFLIGHT.pack(bytes_, 0, queues, size), (fd,))
        finally:
            os.close(fd)

    async def _set_inflight_fd(self, message: Message) -> None:
        payload = self._exactly(message, wire.INFLIGHT.size, 1)
        _, offset, queues, _ = wire.INFLIGHT.unpack(payload)
        record = Record(message.take_fd(), offset, min(queues, len(self.rings)))
        if self._record is not None:
            self._record.close()
        self._record = record


def _name(request: int) -> str:
    """Return a request's name, or its number in words."""
    try:
        return Request(request).name
    except ValueError:
        return f"request {request}"
