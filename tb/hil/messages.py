# SPDX-License-Identifier: Apache-2.0
"""The messages of vhost-user (QEMU's "Vhost-user Protocol"): their layouts, and a stream of them.

A message is a header of three little-endian words, request, flags and payload size, then the
payload. File descriptors come beside its first byte. Nothing here knows what a message means.
"""

from __future__ import annotations

import array
import enum
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Optional

HEADER = struct.Struct("<III")
VERSION = 1
VERSION_MASK = 0x3
REPLY = 1 << 2  # flag: this is a reply
NEED_REPLY = 1 << 3  # flag: a reply is wanted (REPLY_ACK)
MAX_PAYLOAD = 4096  # bytes; the largest that is defined is far below
MAX_FDS = 8  # of one message: a memory table's
U64 = struct.Struct("<Q")
VRING_STATE = struct.Struct("<II")  # index, number
VRING_ADDR = struct.Struct("<IIQQQQ")  # index, flags, descriptor, used, available, log
REGION = struct.Struct("<QQQQ")  # guest address, size, user address, offset in the file
TABLE_HEAD = struct.Struct("<II")  # regions, padding
CONFIG_HEAD = struct.Struct("<III")  # offset, size, flags
CONFIG_BYTES = 256  # of a configuration space, at most
CONFIG_MIGRATION = 1 << 0  # flag: written by a live migration, read-only fields too
INFLIGHT = struct.Struct("<QQHH4x")  # mmap size, mmap offset, queues, queue size
NO_FD = 1 << 8  # of a vring file descriptor's word: none comes with it
INDEX_MASK = 0xFF


class Request(enum.IntEnum):
    """What a front end asks."""

    GET_FEATURES = 1
    SET_FEATURES = 2
    SET_OWNER = 3
    RESET_OWNER = 4
    SET_MEM_TABLE = 5
    SET_LOG_BASE = 6
    SET_LOG_FD = 7
    SET_VRING_NUM = 8
    SET_VRING_ADDR = 9
    SET_VRING_BASE = 10
    GET_VRING_BASE = 11
    SET_VRING_KICK = 12
    SET_VRING_CALL = 13
    SET_VRING_ERR = 14
    GET_PROTOCOL_FEATURES = 15
    SET_PROTOCOL_FEATURES = 16
    GET_QUEUE_NUM = 17
    SET_VRING_ENABLE = 18
    SEND_RARP = 19
    NET_SET_MTU = 20
    SET_BACKEND_REQ_FD = 21
    IOTLB_MSG = 22
    SET_VRING_ENDIAN = 23
    GET_CONFIG = 24
    SET_CONFIG = 25
    CREATE_CRYPTO_SESSION = 26
    CLOSE_CRYPTO_SESSION = 27
    POSTCOPY_ADVISE = 28
    POSTCOPY_LISTEN = 29
    POSTCOPY_END = 30
    GET_INFLIGHT_FD = 31
    SET_INFLIGHT_FD = 32
    GPU_SET_SOCKET = 33
    RESET_DEVICE = 34
    VRING_KICK = 35
    GET_MAX_MEM_SLOTS = 36
    ADD_MEM_REG = 37
    REM_MEM_REG = 38
    SET_STATUS = 39
    GET_STATUS = 40


class BackendRequest(enum.IntEnum):
    """What a back end asks over its own channel."""

    IOTLB_MSG = 1
    CONFIG_CHANGE_MSG = 2
    VRING_HOST_NOTIFIER_MSG = 3
    VRING_CALL = 4
    VRING_ERR = 5


class ProtocolFeature(enum.IntFlag):
    """Features of the protocol itself."""

    MQ = 1 << 0
    LOG_SHMFD = 1 << 1
    RARP = 1 << 2
    REPLY_ACK = 1 << 3
    NET_MTU = 1 << 4
    BACKEND_REQ = 1 << 5
    CROSS_ENDIAN = 1 << 6
    CRYPTO_SESSION = 1 << 7
    PAGEFAULT = 1 << 8
    CONFIG = 1 << 9
    BACKEND_SEND_FD = 1 << 10
    HOST_NOTIFIER = 1 << 11
    INFLIGHT_SHMFD = 1 << 12
    RESET_DEVICE = 1 << 13
    INBAND_NOTIFICATIONS = 1 << 14
    CONFIGURE_MEM_SLOTS = 1 << 15
    STATUS = 1 << 16


F_PROTOCOL_FEATURES = 1 << 30  # among the virtio features: there are protocol features


class ProtocolError(Exception):
    """The other side broke the protocol; the text says how, in one line."""


@dataclass
class Message:
    """One message.

    Attributes:
        request: a `Request` or `BackendRequest`; a number that is neither stays one.
        payload: its bytes.
        fds: file descriptors that came with it, which belong to the message until taken.
        need_reply: the sender wants to know how it ended.
    """

    request: int
    payload: bytes = b""
    fds: list[int] = field(default_factory=list)
    need_reply: bool = False

    def close(self) -> None:
        """Close the descriptors that nobody has taken."""
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def take_fd(self) -> int:
        """Return the first descriptor, which is the caller's from now on."""
        return self.fds.pop(0)


class Region(NamedTuple):
    """A range of guest memory in a client's file.

    Attributes:
        guest: guest-physical address, bytes.
        size: bytes.
        user: the client's own address of it.
        offset: of its first byte in the file.
    """

    guest: int
    size: int
    user: int
    offset: int


class Disconnected(Exception):
    """The other side is gone."""


class Stream:
    """Messages over a stream socket.

    `receive` takes what has come and never waits, so a client which stops in the middle of a
    message holds nobody up.

    Args:
        connection: a connected UNIX stream socket, which belongs to the stream.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        connection.setblocking(False)
        self._bytes = bytearray()
        self._fds: list[int] = []

    def fileno(self) -> int:
        """Return the socket's descriptor, for poll."""
        return self.socket.fileno()

    def receive(self) -> Optional[Message]:
        """Return the next message, None where it has not come whole.

        Raises:
            Disconnected: there is none to come.
            ProtocolError: the header is not one, or too many descriptors came with it.
        """
        while (missing := self._missing()) > 0:
            if not self._take(missing):
                return None
        request, flags, _ = HEADER.unpack_from(self._bytes)
        payload = bytes(self._bytes[HEADER.size :])
        message = Message(request, payload, self._fds, bool(flags & NEED_REPLY))
        self._bytes.clear()
        self._fds = []
        return message

    def _missing(self) -> int:
        """Return how many bytes the message lacks, as far as that is known."""
        if len(self._bytes) < HEADER.size:
            return HEADER.size - len(self._bytes)
        request, flags, size = HEADER.unpack_from(self._bytes)
        if flags & VERSION_MASK != VERSION:
            raise ProtocolError(f"request {request} has version {flags & VERSION_MASK}, not 1")
        if flags & REPLY:
            raise ProtocolError(f"request {request} is marked as a reply")
        if size > MAX_PAYLOAD:
            raise ProtocolError(f"request {request} says {size} bytes, more than {MAX_PAYLOAD}")
        return int(HEADER.size + size - len(self._bytes))

    def _take(self, most: int) -> bool:
        """Take up to `most` bytes, never of the next message: its descriptors come with them."""
        room = MAX_FDS + 1  # one more, to see that there were too many
        size = array.array("i").itemsize
        try:
            data, ancillary, flags, _ = self.socket.recvmsg(
                most, socket.CMSG_SPACE(room * size), socket.MSG_CMSG_CLOEXEC
            )
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            raise Disconnected from None
        for level, kind, raw in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                self._fds += array.array("i", raw[: len(raw) // size * size])
        if flags & socket.MSG_CTRUNC or len(self._fds) > MAX_FDS:
            raise ProtocolError(f"more than {MAX_FDS} file descriptors came with one message")
        if not data:
            raise Disconnected
        self._bytes += data
        return True

    def send(
        self, request: int, payload: bytes = b"", fds: Sequence[int] = (), flags: int = 0
    ) -> None:
        """Send a message.

        Raises:
            ProtocolError: the other side is gone, or takes nothing.
        """
        data = HEADER.pack(request, VERSION | flags, len(payload)) + payload
        try:
            sent = socket.send_fds(self.socket, [data], list(fds)) if fds else 0
            while sent < len(data):
                sent += self.socket.send(data[sent:])
        except BlockingIOError:
            raise ProtocolError(f"request {request}: the client reads no answers") from None
        except OSError as error:
            why = error.strerror or str(error)
            raise ProtocolError(f"request {request} could not be answered: {why}") from None

    def close(self) -> None:
        """Close the socket, and what came over it and nobody took."""
        for fd in self._fds:
            os.close(fd)
        self._fds = []
        self.socket.close()
