# SPDX-License-Identifier: Apache-2.0
"""Clients that break the protocol: each is answered or closed, with one line that says why.

After each test the server must serve a good client, and hold nothing of the bad one (`conftest`).
"""

from __future__ import annotations

import os
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pymodel import Feature
from tb.hil.front_end import INFLIGHT, SINGLE_REGION, FrontEnd, Gone, Ram
from tb.hil.messages import (
    CONFIG_HEAD,
    F_PROTOCOL_FEATURES,
    HEADER,
    MAX_FDS,
    MAX_PAYLOAD,
    NEED_REPLY,
    NO_FD,
    REGION,
    TABLE_HEAD,
    U64,
    VERSION,
    VRING_ADDR,
    VRING_STATE,
    ProtocolFeature,
    Region,
    Request,
)
from tests.hil.servers import Serving

BASE, SIZE, USER = 0x4000_0000, 0x10_0000, 0x7F00_4000_0000
RING = (USER, USER + 0x1000, USER + 0x2000)  # descriptors, driver's, device's area
FEATURES = int(Feature.VERSION_1) | F_PROTOCOL_FEATURES
PACKED = FEATURES | int(Feature.RING_PACKED)
PROTOCOL = ~ProtocolFeature(0)
GETS = frozenset(
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


@dataclass
class Bad:
    """A bad client: a connection, and what it lends.

    Attributes:
        server: whose client it is.
        front: the connection.
        ram: one region.
        fds: further descriptors, closed at the end.
    """

    server: Serving
    front: FrontEnd
    ram: Ram
    fds: list[int] = field(default_factory=list)

    def own(self, fd: int) -> int:
        """Take a descriptor that is closed at the end."""
        self.fds.append(fd)
        return fd

    def eventfd(self) -> int:
        return self.own(os.eventfd(0, os.EFD_NONBLOCK))

    def greet(self) -> None:
        """Agree on the protocol, with answers to every request."""
        self.front.greet(PROTOCOL)

    def feature(self, features: int = FEATURES) -> None:
        self.greet()
        self.front.set_features(features)

    def map(self, features: int = FEATURES) -> None:
        self.feature(features)
        self.front.set_table(self.ram)

    def almost(self, features: int = FEATURES) -> None:
        """Say all of ring 0 but that it is enabled."""
        self.map(features)
        self.front.set_num(0, 16)
        self.front.set_base(0, 0)
        self.front.set_addr(0, *RING)
        self.front.set_fd(Request.SET_VRING_KICK, 0, self.eventfd())
        self.front.set_fd(Request.SET_VRING_CALL, 0, self.eventfd())

    def run(self) -> None:
        self.almost()
        self.front.enable(0)
        self.server.expect("queue 0 runs")

    def refused(
        self, request: int, payload: bytes, fds: Sequence[int] = (), words: Sequence[str] = ()
    ) -> str:
        """Say something that is answered by a refusal, and one line; the session goes on."""
        name = Request(request).name if request in set(Request) else f"request {request}"
        self.server.news()
        self.front.send(request, payload, fds, NEED_REPLY)
        if request == Request.GET_CONFIG:
            assert self.front.receive(request).payload == b""
        elif request in GETS:
            assert self.front.gone(), f"{name} with {len(payload)} bytes was answered"
            line = self.server.expect("closed: ", name, *words)
            self.server.rest()
            assert self.server.news() == []
            return line
        else:
            assert U64.unpack(self.front.receive(request).payload) != (0,), f"{name} was taken"
        lines = self.server.news()
        assert len(lines) == 1, lines
        assert name in lines[0]
        for word in words:
            assert word in lines[0], lines[0]
        assert self.front.get_features() & F_PROTOCOL_FEATURES
        return lines[0]

    def closed(self, *words: str) -> str:
        """Show that the server closed the connection, with one line."""
        assert self.front.gone(), "the server did not close the connection"
        line = self.server.expect("closed: ", *words)
        self.server.rest()
        assert self.server.news() == []
        return line


@pytest.fixture
def bad(blk: Serving) -> Iterator[Bad]:
    with bad_client(blk) as client:
        yield client


@contextmanager
def bad_client(server: Serving) -> Iterator[Bad]:
    server.rest()
    server.news()
    with ExitStack() as stack:
        ram = Ram()
        stack.callback(ram.close)
        ram.add(BASE, SIZE, user=USER, offset=0x2000)
        found = Bad(server, stack.enter_context(FrontEnd(server.path)), ram)
        stack.callback(lambda: [os.close(fd) for fd in found.fds])
        server.expect(" is here")
        yield found


# ---- the wire


VALID: dict[Request, Callable[[Bad], tuple[bytes, list[int]]]] = {
    Request.GET_FEATURES: lambda bad: (b"", []),
    Request.SET_FEATURES: lambda bad: (U64.pack(FEATURES), []),
    Request.SET_OWNER: lambda bad: (b"", []),
    Request.RESET_OWNER: lambda bad: (b"", []),
    Request.SET_MEM_TABLE: lambda bad: (table(bad.ram.regions), [bad.ram.fd(bad.ram.regions[0])]),
    Request.SET_VRING_NUM: lambda bad: (VRING_STATE.pack(1, 16), []),
    Request.SET_VRING_ADDR: lambda bad: (VRING_ADDR.pack(1, 0, *RING, 0), []),
    Request.SET_VRING_BASE: lambda bad: (VRING_STATE.pack(1, 0), []),
    Request.GET_VRING_BASE: lambda bad: (VRING_STATE.pack(1, 0), []),
    Request.SET_VRING_KICK: lambda bad: (U64.pack(1), [bad.eventfd()]),
    Request.SET_VRING_CALL: lambda bad: (U64.pack(1), [bad.eventfd()]),
    Request.SET_VRING_ERR: lambda bad: (U64.pack(1), [bad.eventfd()]),
    Request.GET_PROTOCOL_FEATURES: lambda bad: (b"", []),
    Request.SET_PROTOCOL_FEATURES: lambda bad: (U64.pack(ProtocolFeature.REPLY_ACK), []),
    Request.GET_QUEUE_NUM: lambda bad: (b"", []),
    Request.SET_VRING_ENABLE: lambda bad: (VRING_STATE.pack(1, 0), []),
    Request.SET_BACKEND_REQ_FD: lambda bad: (b"", [bad.own(socket.socketpair()[0].detach())]),
    Request.GET_CONFIG: lambda bad: (CONFIG_HEAD.pack(0, 8, 0) + bytes(8), []),
    Request.SET_CONFIG: lambda bad: (CONFIG_HEAD.pack(32, 1, 0) + b"\1", []),
    Request.GET_INFLIGHT_FD: lambda bad: (INFLIGHT.pack(0, 0, 4, 256), []),
    Request.SET_INFLIGHT_FD: lambda bad: (INFLIGHT.pack(4096, 0, 4, 256), [memfd(bad, 4096)]),
    Request.RESET_DEVICE: lambda bad: (b"", []),
    Request.GET_MAX_MEM_SLOTS: lambda bad: (b"", []),
    Request.ADD_MEM_REG: lambda bad: (single(other(bad)), [memfd(bad, SIZE)]),
    Request.REM_MEM_REG: lambda bad: (single(bad.ram.regions[0]), []),
    Request.SET_STATUS: lambda bad: (U64.pack(1), []),
    Request.GET_STATUS: lambda bad: (b"", []),
}
LENGTHS_ALLOWED = {  # other lengths of payload that clients do send, from the valid one on
    Request.SET_MEM_TABLE: set(range(TABLE_HEAD.size + REGION.size, TABLE_HEAD.size + 257)),
    Request.SET_BACKEND_REQ_FD: {8},
    Request.GET_INFLIGHT_FD: {20},
    Request.SET_INFLIGHT_FD: {20},
}
MESSAGES = pytest.mark.parametrize("request_", VALID, ids=[each.name for each in VALID])


def table(regions: Sequence[Region]) -> bytes:
    return TABLE_HEAD.pack(len(regions), 0) + b"".join(REGION.pack(*each) for each in regions)


def single(region: Region) -> bytes:
    return SINGLE_REGION.pack(0, *region)


def other(bad: Bad) -> Region:
    return Region(BASE + 4 * SIZE, SIZE, USER + 4 * SIZE, 0)


def memfd(bad: Bad, size: int) -> int:
    fd = bad.own(os.memfd_create("guest other"))
    os.ftruncate(fd, size)
    return fd


@MESSAGES
def test_each_message_is_taken_as_it_should_be(bad: Bad, request_: Request) -> None:
    bad.map()
    payload, fds = VALID[request_](bad)
    bad.front.send(request_, payload, fds, NEED_REPLY)
    answer = bad.front.receive(request_)
    for fd in answer.fds:
        os.close(fd)
    if request_ not in GETS:
        assert answer.payload == U64.pack(0)
    assert bad.front.get_features()


@MESSAGES
def test_a_payload_of_another_length_is_refused(blk: Serving, request_: Request) -> None:
    with bad_client(blk) as probe:
        whole = len(VALID[request_](probe)[0])
        probe.front.close()
    allowed = {whole} | LENGTHS_ALLOWED.get(request_, set())
    lengths = (set(range(whole + 9)) | {4 * whole, 300, 1000, MAX_PAYLOAD}) - allowed
    waiting = sorted(lengths)
    while waiting:
        with bad_client(blk) as bad:
            bad.map()
            while waiting:
                payload, fds = VALID[request_](bad)
                length = waiting.pop()
                bad.refused(request_, payload[:length].ljust(length, b"\0"), fds)
                if request_ in GETS and request_ is not Request.GET_CONFIG:
                    break
        blk.rest()


@pytest.mark.parametrize(
    "request_",
    [each for each in VALID if each is not Request.GET_CONFIG],  # which answers what it refuses
    ids=lambda each: each.name,
)
def test_without_a_wish_for_an_answer_the_session_is_closed(bad: Bad, request_: Request) -> None:
    bad.map()
    payload, fds = VALID[request_](bad)
    bad.front.send(request_, payload + bytes(400), fds)
    bad.closed(request_.name)


@MESSAGES
def test_descriptors_too_many_or_too_few_are_refused(blk: Serving, request_: Request) -> None:
    with bad_client(blk) as probe:
        wanted = len(VALID[request_](probe)[1])
        probe.front.close()
    allowed = {wanted} | ({0, 1} if request_ is Request.REM_MEM_REG else set())
    for count in sorted(set(range(MAX_FDS + 1)) - allowed):
        with bad_client(blk) as bad:
            bad.map()
            payload, fds = VALID[request_](bad)
            lent = [*fds, *(bad.eventfd() for _ in range(count))][:count]
            if request_ is Request.GET_CONFIG:
                assert bad.front.ask(request_, payload, lent).payload == b""
                blk.expect("GET_CONFIG refused", f"{count} file descriptors")
                assert blk.news() == []
                continue
            line = bad.refused(request_, payload, lent)
            assert f"{count} file descriptors" in line
        blk.rest()


@pytest.mark.parametrize("count", (MAX_FDS + 1, 20, 253))
def test_far_too_many_descriptors_close_the_session(bad: Bad, count: int) -> None:
    bad.map()
    fd = bad.eventfd()
    bad.front.send(Request.SET_OWNER, b"", [fd] * count, NEED_REPLY)
    bad.closed(f"more than {MAX_FDS} file descriptors")


def test_descriptors_on_later_bytes_of_a_message_are_counted(bad: Bad) -> None:
    bad.map()
    fd = bad.eventfd()
    bad.front.raw(HEADER.pack(Request.SET_VRING_NUM, VERSION | NEED_REPLY, 8), [fd] * 5)
    bad.front.raw(VRING_STATE.pack(1, 16), [fd] * 5)
    bad.closed("file descriptors")


@MESSAGES
def test_a_message_cut_short_does_no_harm(blk: Serving, request_: Request) -> None:
    with bad_client(blk) as probe:
        whole = HEADER.size + len(VALID[request_](probe)[0])
        probe.front.close()
    for length in {*range(0, whole, 3), 1, HEADER.size, whole - 1} - {0}:
        with bad_client(blk) as bad:
            bad.map()
            payload, fds = VALID[request_](bad)
            data = HEADER.pack(request_, VERSION, len(payload)) + payload
            blk.news()
            bad.front.raw(data[:length], fds)
            bad.front.close()
            blk.rest()
            assert any(line.endswith("it is gone") for line in blk.news()) or length == whole


def test_a_message_that_comes_byte_by_byte_is_taken(bad: Bad) -> None:
    bad.map()
    for data in (
        HEADER.pack(Request.SET_VRING_NUM, VERSION | NEED_REPLY, 8),
        b"\1\0\0\0\x10\0\0\0",
    ):
        for byte in data:
            bad.front.raw(bytes([byte]))
    assert bad.front.receive(Request.SET_VRING_NUM).payload == U64.pack(0)


@pytest.mark.parametrize("version", (0, 2, 3))
def test_another_version_is_refused(bad: Bad, version: int) -> None:
    bad.front.raw(HEADER.pack(Request.GET_FEATURES, version, 0))
    bad.closed(f"version {version}")


@pytest.mark.parametrize("size", (MAX_PAYLOAD + 1, 1 << 16, 1 << 31, (1 << 32) - 1))
def test_a_payload_that_is_said_to_be_huge_closes_the_session(bad: Bad, size: int) -> None:
    bad.front.raw(HEADER.pack(Request.SET_MEM_TABLE, VERSION, size))
    bad.closed(f"{size} bytes")


SERVED = {int(each) for each in VALID}
UNKNOWN = [each for each in range(44) if each not in SERVED] + [255, 1 << 31, (1 << 32) - 1]


@pytest.mark.parametrize("number", UNKNOWN)
def test_a_request_that_is_not_known_is_refused(bad: Bad, number: int) -> None:
    bad.map()
    bad.refused(number, b"", words=["does not know it"])
    bad.refused(number, bytes(8), [bad.eventfd()])
    bad.front.send(number)
    bad.closed("does not know it")


def test_a_reply_is_not_a_request(bad: Bad) -> None:
    bad.map()
    bad.front.send(Request.SET_OWNER, flags=1 << 2)
    bad.closed("request 3", "reply")


# ---- features


def test_features_that_were_not_offered_are_refused(bad: Bad) -> None:
    bad.greet()
    for bit in (0, 24, 26, 33, 36, 37, 40, 41, 63):
        line = bad.refused(Request.SET_FEATURES, U64.pack(FEATURES | 1 << bit))
        assert f"{1 << bit:#x}" in line
    for bit in (1, 2, 14, 17, 63):
        line = bad.refused(Request.SET_PROTOCOL_FEATURES, U64.pack(1 << bit))
        assert f"{1 << bit:#x}" in line


def test_a_driver_that_does_not_take_version_1_is_refused(bad: Bad) -> None:
    bad.almost(F_PROTOCOL_FEATURES)
    bad.refused(
        Request.SET_VRING_ENABLE, VRING_STATE.pack(0, 1), words=["VERSION_1", "legacy drivers"]
    )


def test_features_do_not_change_under_running_queues(bad: Bad) -> None:
    bad.run()
    bad.refused(Request.SET_FEATURES, U64.pack(PACKED), words=["while queues run"])


# ---- memory


def regions(bad: Bad) -> dict[str, tuple[list[Region], str]]:
    """Tables that cannot be, and what is said of them; all files have SIZE bytes."""
    good = Region(BASE, SIZE, USER, 0)
    end = (1 << 64) - SIZE
    return {
        "empty": ([good._replace(size=0)], "empty"),
        "misaligned address": ([good._replace(guest=BASE + 32)], "multiples of 64"),
        "misaligned size": ([good._replace(size=SIZE - 1)], "multiples of 64"),
        "past its file": ([good._replace(size=SIZE + 64)], "its file has"),
        "offset past its file": ([good._replace(offset=64)], "its file has"),
        "offset far outside": ([good._replace(offset=1 << 62)], "its file has"),
        "offset that wraps": ([good._replace(offset=(1 << 64) - 64)], "its file has"),
        "size of 2^63": ([good._replace(size=1 << 63)], "its file has"),
        "size that wraps": ([good._replace(size=(1 << 64) - 64)], "past 2^64"),
        "wraps": ([good._replace(guest=end + 64)], "past 2^64"),
        "user address wraps": ([good._replace(user=end + 64)], "past 2^64"),
        "overlap": ([good, good._replace(guest=BASE + SIZE - 64, user=0)], "overlaps"),
        "twice the same": ([good, good], "overlaps"),
        "user overlap": ([good, good._replace(guest=0)], "user addresses overlap"),
        "inside": ([good, Region(BASE + 4096, 4096, 0, 0)], "overlaps"),
    }


@pytest.mark.parametrize("which", sorted(regions(None)))  # type: ignore[arg-type]
def test_a_region_that_cannot_be_is_refused(bad: Bad, which: str) -> None:
    bad.feature()
    wrong, words = regions(bad)[which]
    fds = [memfd(bad, SIZE) for _ in wrong]
    bad.refused(Request.SET_MEM_TABLE, table(wrong), fds, [words])
    for region, fd in zip(wrong[:-1], fds):
        bad.front.tell(Request.ADD_MEM_REG, single(region), [fd])
    bad.refused(Request.ADD_MEM_REG, single(wrong[-1]), [fds[-1]], [words])
    bad.front.send(Request.ADD_MEM_REG, single(wrong[-1]), [fds[-1]])
    bad.closed(words)


def test_a_region_up_to_the_last_byte_of_all_is_taken(bad: Bad) -> None:
    bad.feature()
    last = Region((1 << 64) - SIZE, SIZE, (1 << 64) - SIZE, 0)
    bad.front.tell(Request.SET_MEM_TABLE, table([last]), [memfd(bad, SIZE)])
    bad.front.tell(Request.ADD_MEM_REG, single(Region(0, SIZE, 0, 0)), [memfd(bad, SIZE)])


@pytest.mark.parametrize("count", (9, 16, 1 << 16, (1 << 32) - 1))
def test_more_regions_than_a_table_has_room_for_are_refused(bad: Bad, count: int) -> None:
    bad.feature()
    payload = TABLE_HEAD.pack(count, 0) + REGION.pack(BASE, SIZE, USER, 0) * min(count, 100)
    bad.refused(Request.SET_MEM_TABLE, payload, [memfd(bad, SIZE)] * 8, [f"{count} regions"])


def test_more_slots_than_there_are_are_refused(bad: Bad) -> None:
    bad.feature()
    most = bad.front.number(Request.GET_MAX_MEM_SLOTS)
    fd = memfd(bad, SIZE)
    for at in range(most):
        bad.front.tell(Request.ADD_MEM_REG, single(Region(at * SIZE, SIZE, at * SIZE, 0)), [fd])
    over = Region(most * SIZE, SIZE, most * SIZE, 0)
    bad.refused(Request.ADD_MEM_REG, single(over), [fd], [str(most)])
    bad.front.remove_region(Region(0, SIZE, 0, 0))
    bad.front.tell(Request.ADD_MEM_REG, single(over), [fd])


def test_a_region_that_is_not_there_cannot_be_removed(bad: Bad) -> None:
    bad.map()
    there = bad.ram.regions[0]
    for wrong in (
        there._replace(guest=there.guest + 64),
        there._replace(size=there.size - 64),
        there._replace(user=there.user + 64),
        other(bad),
    ):
        bad.refused(Request.REM_MEM_REG, single(wrong), words=["no region"])
    bad.front.remove_region(there._replace(offset=77))
    bad.refused(Request.REM_MEM_REG, single(there), words=["no region"])


def test_a_ring_stops_when_its_memory_goes(bad: Bad) -> None:
    bad.run()
    bad.front.remove_region(bad.ram.regions[0])
    assert bad.front.get_base(0) == 0
    assert not bad.server.mapped()


@contextmanager
def odd_descriptors(size: int) -> Iterator[dict[str, int]]:
    """Descriptors that are neither memory nor an eventfd."""
    with ExitStack() as stack:
        reader, writer = os.pipe()
        one, two = socket.socketpair()
        lone, gone = socket.socketpair()
        gone.close()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        listening.bind(f"{folder}/listening")
        listening.listen(1)
        datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for each in (one, two, lone, listening, datagram):
            stack.callback(each.close)
        file = Path(folder) / "file"
        file.write_bytes(bytes(size))
        opened = {
            "directory": os.open(folder, os.O_RDONLY),
            "read-only file": os.open(file, os.O_RDONLY),
            "write-only file": os.open(file, os.O_WRONLY),
            "null": os.open("/dev/null", os.O_RDWR),
            "zero": os.open("/dev/zero", os.O_RDWR),
            "path": os.open(folder, os.O_PATH),
            "pipe to read": reader,
            "pipe to write": writer,
            "eventfd": os.eventfd(0, os.EFD_NONBLOCK),
            "epoll": os.open("/proc/self/stat", os.O_RDONLY),
        }
        for fd in opened.values():
            stack.callback(os.close, fd)
        yield {
            **opened,
            "socket": one.fileno(),
            "closed socket": lone.fileno(),
            "listening socket": listening.fileno(),
            "datagram socket": datagram.fileno(),
        }


def test_memory_that_cannot_be_mapped_is_refused(blk: Serving) -> None:
    with odd_descriptors(SIZE) as odd:
        for name, fd in odd.items():
            with bad_client(blk) as bad:
                bad.feature()
                region = Region(BASE, SIZE, USER, 0)
                for request, payload in (
                    (Request.ADD_MEM_REG, single(region)),
                    (Request.SET_MEM_TABLE, table([region])),
                ):
                    line = bad.refused(request, payload, [fd])
                    assert "its file" in line, f"{name}: {line}"
            blk.rest()


SIGNALS = ("eventfd", "pipe to read", "pipe to write", "socket", "closed socket")


@pytest.mark.parametrize(
    "which", (Request.SET_VRING_KICK, Request.SET_VRING_CALL, Request.SET_VRING_ERR)
)
def test_descriptors_that_cannot_signal_are_refused(blk: Serving, which: Request) -> None:
    with odd_descriptors(8) as odd:
        for name, fd in odd.items():
            if name in SIGNALS or "socket" in name:
                continue
            with bad_client(blk) as bad:
                bad.map()
                line = bad.refused(which, U64.pack(0), [fd])
                assert "cannot signal" in line, f"{name}: {line}"
            blk.rest()


def test_a_ring_with_odd_descriptors_runs_without_them(blk: Serving) -> None:
    """A call to a pipe's reading end, a kick from a closed socket and so on: said once, then on."""
    with odd_descriptors(8) as odd:
        for kick in SIGNALS:
            for call in SIGNALS:
                with bad_client(blk) as bad:
                    bad.almost()
                    bad.front.set_fd(Request.SET_VRING_KICK, 0, odd[kick])
                    bad.front.set_fd(Request.SET_VRING_CALL, 0, odd[call])
                    bad.front.set_fd(Request.SET_VRING_ERR, 0, odd[call])
                    bad.front.enable(0)
                    bad.front.set_fd(Request.SET_VRING_CALL, 0, odd[call])
                    for _ in range(3):
                        assert bad.front.get_features()
                    about = [line for line in blk.news() if "descriptor cannot" in line]
                    assert len(about) <= 3, about
                blk.rest()


def test_a_channel_that_is_no_socket_is_refused(blk: Serving) -> None:
    with odd_descriptors(8) as odd:
        for name, fd in odd.items():
            with bad_client(blk) as bad:
                bad.map()
                if "socket" not in name:
                    bad.refused(Request.SET_BACKEND_REQ_FD, b"", [fd], ["not a socket"])
            blk.rest()


# ---- rings


@pytest.mark.parametrize(
    "request_",
    (
        Request.SET_VRING_NUM,
        Request.SET_VRING_BASE,
        Request.GET_VRING_BASE,
        Request.SET_VRING_ENABLE,
        Request.SET_VRING_ADDR,
        Request.SET_VRING_KICK,
        Request.SET_VRING_CALL,
        Request.SET_VRING_ERR,
    ),
)
def test_a_queue_that_there_is_not_is_refused(blk: Serving, request_: Request) -> None:
    numbers = [4, 5, 255]
    by_word = request_ in (Request.SET_VRING_KICK, Request.SET_VRING_CALL, Request.SET_VRING_ERR)
    for number in numbers if by_word else [*numbers, 256, 1 << 31, (1 << 32) - 1]:
        with bad_client(blk) as bad:
            bad.map()
            payload = VRING_STATE.pack(number, 1)
            if request_ is Request.SET_VRING_ADDR:
                payload = VRING_ADDR.pack(number, 0, *RING, 0)
            elif by_word:
                payload = U64.pack(number | NO_FD)
            bad.refused(request_, payload, words=[f"no queue {number}"])
        blk.rest()


def test_reserved_bits_of_a_descriptor_word_are_refused(bad: Bad) -> None:
    bad.map()
    for word in (1 << 9, 1 << 32, 1 << 63):
        bad.refused(Request.SET_VRING_CALL, U64.pack(word), [bad.eventfd()], [f"{word:#x}"])


@pytest.mark.parametrize("size", (0, 257, 32768, 65535, 65536, 1 << 31, (1 << 32) - 1))
def test_a_ring_of_a_size_that_cannot_be_is_refused(bad: Bad, size: int) -> None:
    bad.map()
    bad.refused(Request.SET_VRING_NUM, VRING_STATE.pack(0, size), words=[f"{size} descriptors"])


@pytest.mark.parametrize("size", (3, 5, 100, 255))
def test_a_split_ring_has_a_power_of_two_of_descriptors(bad: Bad, size: int) -> None:
    bad.almost()
    bad.front.set_num(0, size)
    words = ["queue 0", f"{size} descriptors"]
    bad.refused(Request.SET_VRING_ENABLE, VRING_STATE.pack(0, 1), words=words)
    bad.front.set_num(0, 16)
    bad.front.enable(0)


def test_a_packed_ring_has_any_size(bad: Bad) -> None:
    bad.almost(PACKED)
    bad.front.set_num(0, 5)
    bad.front.set_base(0, 0x8000_8000)
    bad.front.enable(0)
    bad.server.expect("queue 0 runs", "5 descriptors")


def places() -> dict[str, tuple[tuple[int, int, int], str]]:
    desc, driver, device = RING
    end = USER + SIZE
    return {
        "descriptors at 0": ((0, driver, device), "descriptor table"),
        "descriptors before": ((USER - 16, driver, device), "descriptor table"),
        "descriptors behind": ((end, driver, device), "descriptor table"),
        "descriptors over the end": ((end - 16 * 15, driver, device), "descriptor table"),
        "descriptors misaligned": ((desc + 8, driver, device), "16-aligned"),
        "a guest address": ((BASE, driver, device), "descriptor table"),
        "available ring over the end": ((desc, end - 32, device), "available ring"),
        "available ring misaligned": ((desc, driver + 1, device), "2-aligned"),
        "used ring over the end": ((desc, driver, end - 128), "used ring"),
        "used ring misaligned": ((desc, driver, device + 2), "4-aligned"),
        "wraps": (((1 << 64) - 16, driver, device), "descriptor table"),
        "the last": ((desc, (1 << 64) - 2, device), "available ring"),
    }


@pytest.mark.parametrize("which", sorted(places()))
def test_a_ring_outside_memory_is_refused(bad: Bad, which: str) -> None:
    bad.almost()
    wrong, words = places()[which]
    bad.front.set_addr(0, *wrong)
    bad.refused(Request.SET_VRING_ENABLE, VRING_STATE.pack(0, 1), words=["queue 0", words])
    bad.front.set_addr(0, *RING)
    bad.front.enable(0)
    bad.server.expect("queue 0 runs")


def test_a_ring_that_ends_with_its_region_runs(bad: Bad) -> None:
    bad.almost()
    end = USER + SIZE
    bad.front.set_addr(0, end - 16 * 16 - 256, end - 40 - 136, end - 6 - 8 * 16 - 2)
    bad.front.enable(0)
    bad.server.expect("queue 0 runs")


@pytest.mark.parametrize(
    "base", (17, 256, 0x8000, 0xFFEE, 0xFFEF, 0x1_0000, 0x8000_8000, 0xFFFF_FFFF)
)
def test_a_split_ring_does_not_begin_just_anywhere(bad: Bad, base: int) -> None:
    bad.almost()
    bad.front.set_base(0, base)
    words = ["queue 0", f"{base:#x}"]
    bad.refused(Request.SET_VRING_ENABLE, VRING_STATE.pack(0, 1), words=words)


@pytest.mark.parametrize("base", (16, 0x8010, 0x8010_8010, 0xFFFF, 0x7FFF_0000, 0xFFFF_FFFF))
def test_a_packed_ring_begins_inside_itself(bad: Bad, base: int) -> None:
    bad.almost(PACKED)
    bad.front.set_base(0, base)
    words = ["queue 0", f"{base:#x}"]
    bad.refused(Request.SET_VRING_ENABLE, VRING_STATE.pack(0, 1), words=words)


def test_a_running_ring_is_not_changed(bad: Bad) -> None:
    bad.run()
    words = ["while it runs"]
    bad.refused(Request.SET_VRING_NUM, VRING_STATE.pack(0, 8), words=words)
    bad.refused(Request.SET_VRING_BASE, VRING_STATE.pack(0, 0), words=words)
    moved = VRING_ADDR.pack(0, 0, RING[0] + 0x1000, RING[2], RING[1], 0)
    bad.refused(Request.SET_VRING_ADDR, moved, words=words)


# ---- out of order


def test_a_ring_before_the_features_is_refused(bad: Bad) -> None:
    bad.greet()
    bad.front.set_table(bad.ram)
    bad.front.set_num(0, 16)
    bad.front.set_addr(0, *RING)
    bad.front.enable(0)
    words = ["before SET_FEATURES"]
    bad.refused(Request.SET_VRING_KICK, U64.pack(0), [bad.eventfd()], words)


def test_a_ring_before_the_memory_is_refused(bad: Bad) -> None:
    bad.feature()
    bad.front.set_num(0, 16)
    bad.front.set_addr(0, *RING)
    bad.front.set_fd(Request.SET_VRING_KICK, 0, bad.eventfd())
    words = ["queue 0", "not in a region"]
    bad.refused(Request.SET_VRING_ENABLE, VRING_STATE.pack(0, 1), words=words)


def test_the_rest_of_the_set_up_may_come_in_any_order(blk: Serving) -> None:
    def parts(bad: Bad) -> list[Callable[[], None]]:
        front = bad.front
        return [
            lambda: front.set_table(bad.ram),
            lambda: front.set_num(0, 16),
            lambda: front.set_addr(0, *RING),
            lambda: front.set_base(0, 0),
            lambda: front.set_fd(Request.SET_VRING_CALL, 0, bad.eventfd()),
            lambda: front.set_fd(Request.SET_VRING_KICK, 0, bad.eventfd()),
        ]

    for turn in range(6):
        with bad_client(blk) as bad:
            bad.feature()
            steps = parts(bad)
            for step in steps[turn:] + steps[:turn]:
                step()
            bad.front.enable(0)
            blk.expect("queue 0 runs")
        blk.rest()


def test_everything_may_be_said_twice(bad: Bad) -> None:
    bad.run()
    for _ in range(2):
        bad.front.set_features(FEATURES)
        bad.front.set_table(bad.ram)
        bad.front.set_addr(0, *RING)
        bad.front.set_fd(Request.SET_VRING_KICK, 0, bad.eventfd())
        bad.front.set_fd(Request.SET_VRING_CALL, 0, bad.eventfd())
        bad.front.enable(0)
        bad.front.tell(Request.SET_OWNER)
    for _ in range(2):
        assert bad.front.get_base(0) == 0
        bad.front.tell(Request.RESET_DEVICE)
        bad.front.tell(Request.RESET_OWNER)


# ---- configuration


@pytest.mark.parametrize(
    ("offset", "size"), ((256, 1), (255, 2), (0, 257), (1 << 31, 8), ((1 << 32) - 1, 1))
)
def test_the_configuration_has_an_end(bad: Bad, offset: int, size: int) -> None:
    bad.map()
    payload = CONFIG_HEAD.pack(offset, size, 0) + bytes(size)
    bad.refused(Request.GET_CONFIG, payload, words=["of 256"])
    bad.refused(Request.SET_CONFIG, payload, words=["of 256"])


def test_a_size_that_is_not_that_of_its_bytes_is_refused(bad: Bad) -> None:
    bad.map()
    for said in (0, 7, 9, 1 << 31):
        payload = CONFIG_HEAD.pack(0, said, 0) + bytes(8)
        bad.refused(Request.SET_CONFIG, payload)
        bad.refused(Request.GET_CONFIG, payload)


def test_fields_that_are_read_only_are_not_written(bad: Bad) -> None:
    bad.map()
    before = bad.front.get_config(0, 60)
    for offset in (0, 8, 20, 34):
        bad.refused(
            Request.SET_CONFIG, CONFIG_HEAD.pack(offset, 1, 0) + b"\x55", words=["read-only"]
        )
    assert bad.front.get_config(0, 60) == before


# ---- requests in flight


def test_a_record_of_too_much_is_refused(blk: Serving) -> None:
    for queues, size in ((0, 256), (5, 256), (65535, 256), (4, 0), (4, 257), (4, 65535)):
        with bad_client(blk) as bad:
            bad.map()
            bad.refused(
                Request.GET_INFLIGHT_FD,
                INFLIGHT.pack(0, 0, queues, size),
                words=[f"{queues} queues"],
            )
        blk.rest()


# ---- odd behaviour


def test_a_client_that_reads_no_answers_is_closed(bad: Bad) -> None:
    bad.map()
    data = HEADER.pack(Request.GET_FEATURES, VERSION, 0) * 1000
    with pytest.raises(Gone):
        for _ in range(10000):
            bad.front.raw(data)
    bad.server.expect("closed: ", "reads no answers")


def test_garbage_is_refused(blk: Serving) -> None:
    for data in (b"GET / HTTP/1.1\r\n\r\n", bytes(100), b"\xff" * 5000, os.urandom(4096)):
        with bad_client(blk) as bad:
            try:
                bad.front.raw(data)
                bad.closed()
            except Gone:
                bad.closed()
        blk.rest()


def test_a_client_that_says_nothing_is_only_waited_for(blk: Serving) -> None:
    for _ in range(3):
        with FrontEnd(blk.path):
            blk.expect(" is here")
        blk.rest()


def test_a_full_eventfd_is_signalled_enough(bad: Bad) -> None:
    bad.run()
    full = os.eventfd(0, os.EFD_NONBLOCK)
    os.write(full, struct.pack("<Q", (1 << 64) - 2))
    bad.own(full)
    bad.front.set_fd(Request.SET_VRING_CALL, 0, full)
    bad.front.set_fd(Request.SET_VRING_ERR, 0, full)
    assert bad.front.get_features()
    assert bad.server.news() == []
