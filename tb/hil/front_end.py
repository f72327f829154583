# SPDX-License-Identifier: Apache-2.0
"""A front end of vhost-user: guest memory, and one message after the other.

`FrontEnd` says what a client may say, in the order that its user chooses, right or wrong;
`tb.hil.client` has clients that drive a device as real ones do.
"""

from __future__ import annotations

import array
import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Union

from tb.hil.mapped_memory import MappedMemory
from tb.hil.messages import (
    CONFIG_HEAD,
    F_PROTOCOL_FEATURES,
    HEADER,
    INDEX_MASK,
    NEED_REPLY,
    NO_FD,
    REGION,
    REPLY,
    TABLE_HEAD,
    U64,
    VERSION,
    VRING_ADDR,
    VRING_STATE,
    BackendRequest,
    ProtocolFeature,
    Region,
    Request,
)

TIMEOUT_S = 20.0  # of an answer
SINGLE_REGION = struct.Struct("<QQQQQ")  # padding, then a region
INFLIGHT = struct.Struct("<QQHHxxxx")  # mmap size, mmap offset, queues, queue size; as in C
NO_LOG = (1 << 64) - 1
ANSWERED = frozenset(  # requests that have an answer of their own
    (
        Request.GET_FEATURES,
        Request.GET_PROTOCOL_FEATURES,
        Request.GET_VRING_BASE,
        Request.GET_QUEUE_NUM,
        Request.GET_CONFIG,
        Request.GET_INFLIGHT_FD,
        Request.GET_MAX_MEM_SLOTS,
        Request.GET_STATUS,
    )
)


class FrontEndError(Exception):
    """The back end did what it must not, or nothing; the text says what."""


class Gone(FrontEndError):
    """The back end closed the connection."""


class Refusal(FrontEndError):
    """The back end answered that a request failed (REPLY_ACK)."""


class Answer(NamedTuple):
    """A reply: its payload, and the descriptors that came with it."""

    payload: bytes
    fds: list[int]


class Ram:
    """A client's guest memory: regions in files of their own, which a back end can map.

    Attributes:
        regions: as the client tells them.
        memory: the bytes, by guest-physical address.
    """

    def __init__(self) -> None:
        self.regions: list[Region] = []
        self.memory = MappedMemory()
        self._fds: dict[int, int] = {}  # by guest address

    def add(self, guest: int, size: int, *, user: Optional[int] = None, offset: int = 0) -> Region:
        """Add a zeroed region.

        Args:
            guest: guest-physical address.
            size: bytes.
            user: the client's own address, by default far from the guest's.
            offset: of the region in its file.
        """
        fd = os.memfd_create(f"guest {guest:#x}")
        os.ftruncate(fd, offset + size)
        self.memory.add(guest, size, fd, offset)
        region = Region(guest, size, guest + 0x7F00_0000_0000 if user is None else user, offset)
        self.regions.append(region)
        self._fds[guest] = fd
        return region

    def fd(self, region: Region) -> int:
        """Return the descriptor of a region's file."""
        return self._fds[region.guest]

    def user(self, guest: int) -> int:
        """Return the client's own address of a guest-physical one.

        Raises:
            ValueError: it is in no region.
        """
        for region in self.regions:
            if region.guest <= guest < region.guest + region.size:
                return guest - region.guest + region.user
        raise ValueError(f"{guest:#x} is in no region")

    def remove(self, region: Region) -> None:
        """Take a region out."""
        self.regions.remove(region)
        self.memory.remove(region.guest)
        os.close(self._fds.pop(region.guest))

    def close(self) -> None:
        """Take every region out."""
        for region in list(self.regions):
            self.remove(region)


class FrontEnd:
    """One connection to a back end.

    Args:
        where: the path of its socket, or a socket that is connected to it.
        timeout_s: how long to wait for an answer.

    Attributes:
        acked: protocol features in force.
        need_replies: ask for an answer to every request (REPLY_ACK) once that may be asked.
        on_send: called with each request before it is sent.
        channel: this end of the back end's own channel (BACKEND_REQ), if there is one.
        told: what the back end said there, and was answered.
    """

    def __init__(self, where: Union[Path, socket.socket], timeout_s: float = TIMEOUT_S) -> None:
        self.timeout_s = timeout_s
        self.acked = ProtocolFeature(0)
        self.need_replies = True
        self.on_send: Optional[Callable[[int], None]] = None
        self.channel: Optional[socket.socket] = None
        self.told: list[tuple[int, bytes]] = []
        if isinstance(where, socket.socket):
            self.socket = where
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.connect(str(where))
        self.socket.settimeout(timeout_s)

    def __enter__(self) -> FrontEnd:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, without a word."""
        self.socket.close()
        if self.channel is not None:
            self.channel.close()
            self.channel = None

    # ---- bytes and messages

    def raw(self, data: bytes, fds: Sequence[int] = ()) -> None:
        """Send bytes, and descriptors beside the first one.

        Raises:
            Gone: the back end closed the connection.
        """
        try:
            sent = socket.send_fds(self.socket, [data], list(fds)) if fds else 0
            while sent < len(data):
                sent += self.socket.send(data[sent:])
        except (BrokenPipeError, ConnectionResetError):
            raise Gone("the back end closed the connection") from None

    def send(
        self, request: int, payload: bytes = b"", fds: Sequence[int] = (), flags: int = 0
    ) -> None:
        """Send a message; `flags` come to the version."""
        if self.on_send is not None:
            self.on_send(request)
        self.raw(HEADER.pack(request, VERSION | flags, len(payload)) + payload, fds)

    def receive(self, request: int) -> Answer:
        """Return the answer to a request.

        Raises:
            Gone: the back end closed the connection.
            FrontEndError: it is none, or none came in time.
        """
        head, fds = self._take(HEADER.size)
        found, flags, size = HEADER.unpack(head)
        if found != request or flags != VERSION | REPLY:
            raise FrontEndError(f"answer {found} with flags {flags:#x} to request {request}")
        payload, more = self._take(size) if size else (b"", [])
        return Answer(payload, fds + more)

    def _take(self, length: int) -> tuple[bytes, list[int]]:
        data, fds = b"", array.array("i")
        while len(data) < length:
            try:
                part, ancillary, _, _ = self.socket.recvmsg(
                    length - len(data), socket.CMSG_SPACE(8 * fds.itemsize)
                )
            except socket.timeout:
                raise FrontEndError(f"no answer within {self.timeout_s:g} s") from None
            except ConnectionResetError:
                part, ancillary = b"", []
            if not part:
                raise Gone("the back end closed the connection")
            data += part
            for _, _, raw in ancillary:
                fds.frombytes(raw[: len(raw) // fds.itemsize * fds.itemsize])
        return data, list(fds)

    def ask(self, request: int, payload: bytes = b"", fds: Sequence[int] = ()) -> Answer:
        """Send a request that has an answer of its own, and return that."""
        self.send(request, payload, fds)
        return self.receive(request)

    def tell(self, request: int, payload: bytes = b"", fds: Sequence[int] = ()) -> None:
        """Send a request without one; with REPLY_ACK, learn how it ended.

        Raises:
            Refusal: badly.
        """
        wants = self.need_replies and bool(self.acked & ProtocolFeature.REPLY_ACK)
        self.send(request, payload, fds, NEED_REPLY if wants else 0)
        if wants:
            (status,) = self._u64(self.receive(request))
            if status:
                raise Refusal(f"request {request} was refused: {status}")

    @staticmethod
    def _u64(answer: Answer) -> tuple[int]:
        if len(answer.payload) != U64.size or answer.fds:
            raise FrontEndError(
                f"an answer of {len(answer.payload)} bytes, {len(answer.fds)} descriptors"
            )
        (value,) = U64.unpack(answer.payload)
        return (int(value),)

    def number(self, request: int) -> int:
        """Ask for a number."""
        return self._u64(self.ask(request))[0]

    def gone(self, timeout_s: Optional[float] = None) -> bool:
        """Whether the back end closes the connection within some time."""
        end = time.monotonic() + (self.timeout_s if timeout_s is None else timeout_s)
        while (left := end - time.monotonic()) > 0:
            if select.select([self.socket], [], [], left)[0]:
                try:
                    if not self.socket.recv(1 << 16):
                        return True
                except OSError:
                    return True
        return False

    # ---- what the protocol has

    def get_features(self) -> int:
        """Return the virtio features that are offered, and whether there are protocol ones."""
        return self.number(Request.GET_FEATURES)

    def set_features(self, features: int) -> None:
        """Take features."""
        self.tell(Request.SET_FEATURES, U64.pack(features))

    def agree(self, wanted: ProtocolFeature) -> None:
        """Take the protocol features that are wanted and offered."""
        offered = self.number(Request.GET_PROTOCOL_FEATURES)
        taken = ProtocolFeature(offered & int(wanted))
        self.tell(Request.SET_PROTOCOL_FEATURES, U64.pack(taken))
        self.acked = taken

    def has(self, feature: ProtocolFeature) -> bool:
        """Whether a protocol feature is in force."""
        return bool(self.acked & feature)

    def set_table(self, ram: Ram, least: int = 0) -> None:
        """Tell all of the memory; the payload has room for at least so many regions."""
        table = TABLE_HEAD.pack(len(ram.regions), 0)
        table += b"".join(REGION.pack(*region) for region in ram.regions)
        table = table.ljust(TABLE_HEAD.size + least * REGION.size, b"\0")
        self.tell(Request.SET_MEM_TABLE, table, [ram.fd(region) for region in ram.regions])

    def add_region(self, ram: Ram, region: Region) -> None:
        """Tell one region (CONFIGURE_MEM_SLOTS)."""
        self.tell(Request.ADD_MEM_REG, SINGLE_REGION.pack(0, *region), [ram.fd(region)])

    def remove_region(self, region: Region, fds: Sequence[int] = ()) -> None:
        """Take one region back; some clients send a descriptor, which means nothing."""
        self.tell(Request.REM_MEM_REG, SINGLE_REGION.pack(0, *region), fds)

    def set_num(self, queue: int, size: int) -> None:
        """Tell a ring's size."""
        self.tell(Request.SET_VRING_NUM, VRING_STATE.pack(queue, size))

    def set_base(self, queue: int, base: int) -> None:
        """Tell where a ring begins."""
        self.tell(Request.SET_VRING_BASE, VRING_STATE.pack(queue, base))

    def set_addr(
        self, queue: int, desc: int, driver: int, device: int, *, log: int = 0, flags: int = 0
    ) -> None:
        """Tell a ring's addresses, which are the client's own."""
        payload = VRING_ADDR.pack(queue, flags, desc, device, driver, log)
        self.tell(Request.SET_VRING_ADDR, payload)

    def get_base(self, queue: int) -> int:
        """Stop a ring, and return where it is to go on."""
        answer = self.ask(Request.GET_VRING_BASE, VRING_STATE.pack(queue, 0))
        if len(answer.payload) != VRING_STATE.size:
            raise FrontEndError(f"a ring's state of {len(answer.payload)} bytes")
        found, base = VRING_STATE.unpack(answer.payload)
        if found != queue:
            raise FrontEndError(f"the state of ring {found}, not {queue}")
        return int(base)

    def set_fd(self, request: int, queue: int, fd: Optional[int]) -> None:
        """Tell a ring's descriptor, or that it has none."""
        word = queue & INDEX_MASK | (NO_FD if fd is None else 0)
        self.tell(request, U64.pack(word), [] if fd is None else [fd])

    def enable(self, queue: int, on: bool = True) -> None:
        """Enable or disable a ring."""
        self.tell(Request.SET_VRING_ENABLE, VRING_STATE.pack(queue, int(on)))

    def get_config(self, offset: int, size: int) -> bytes:
        """Return a part of the configuration space."""
        head = CONFIG_HEAD.pack(offset, size, 0)
        answer = self.ask(Request.GET_CONFIG, head + bytes(size))
        if len(answer.payload) != CONFIG_HEAD.size + size or answer.payload[:8] != head[:8]:
            raise FrontEndError(f"a configuration of {len(answer.payload)} bytes")
        return answer.payload[CONFIG_HEAD.size :]

    def set_config(self, offset: int, data: bytes, flags: int = 0) -> None:
        """Write a part of the configuration space."""
        self.tell(Request.SET_CONFIG, CONFIG_HEAD.pack(offset, len(data), flags) + data)

    def open_channel(self) -> None:
        """Give the back end a channel of its own (BACKEND_REQ)."""
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self.tell(Request.SET_BACKEND_REQ_FD, b"", [theirs.fileno()])

    def listen(self) -> bool:
        """Take one message from the back end's channel, and answer it; False if there is none."""
        if self.channel is None or not select.select([self.channel], [], [], 0)[0]:
            return False
        head = self.channel.recv(HEADER.size, socket.MSG_WAITALL)
        if len(head) < HEADER.size:
            raise Gone("the back end closed its channel")
        request, flags, size = HEADER.unpack(head)
        payload = self.channel.recv(size, socket.MSG_WAITALL) if size else b""
        self.told.append((BackendRequest(request), payload))
        if flags & NEED_REPLY:
            reply = HEADER.pack(request, VERSION | REPLY, U64.size) + U64.pack(0)
            self.channel.sendall(reply)
        return True

    def get_inflight(self, queues: int, size: int) -> tuple[bytes, int]:
        """Ask for the record of requests in flight; its description, and its file's descriptor."""
        answer = self.ask(Request.GET_INFLIGHT_FD, INFLIGHT.pack(0, 0, queues, size))
        if len(answer.payload) != INFLIGHT.size or len(answer.fds) != 1:
            raise FrontEndError(
                f"a record of {len(answer.payload)} bytes, {len(answer.fds)} descriptors"
            )
        return answer.payload, answer.fds[0]

    def set_inflight(self, description: bytes, fd: int) -> None:
        """Hand the record of requests in flight back."""
        self.tell(Request.SET_INFLIGHT_FD, description, [fd])

    def greet(self, wanted: ProtocolFeature) -> int:
        """Become the owner and agree on protocol features; the virtio features offered."""
        self.tell(Request.SET_OWNER)
        offered = self.get_features()
        if offered & F_PROTOCOL_FEATURES:
            self.agree(wanted)
        return offered


def signal_fd(fd: int) -> None:
    """Signal an eventfd, or another descriptor that stands for one."""
    with contextlib.suppress(BlockingIOError):
        os.write(fd, (1).to_bytes(8, "little"))
