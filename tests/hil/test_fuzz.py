# SPDX-License-Identifier: Apache-2.0
"""Random clients, the same ones each time: sessions with faults in them, and rings of nonsense.

Whatever they do, the next client is served, nothing of theirs is held, and no byte of their files
outside the regions that they shared is written.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator

import pytest

from pymodel import Feature
from tb.hil.front_end import Gone, Ram, signal_fd
from tb.hil.messages import HEADER, VERSION, Request
from tests.hil.servers import SERVERS, Serving, serve
from tests.hil.test_malformed import (
    BASE,
    FEATURES,
    PACKED,
    RING,
    SIZE,
    VALID,
    Bad,
    bad_client,
)

GUARD = 0x2000  # bytes of a region's file before and behind it
PATTERN = b"\xa5"
Step = tuple[bytes, int]  # a message, and how many descriptors come with it


@pytest.fixture(scope="module", params=SERVERS)
def blk_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    """Without the model beside it: it cannot follow a driver whose buffers are its rings."""
    folder = tmp_path_factory.mktemp("blk")
    with serve(request.param, "blk", folder, "fuzz", follow=False) as server:
        server.check()
        yield server


@contextlib.contextmanager
def guarded(bad: Bad) -> Iterator[None]:
    """Let the region lie between bytes that nobody may write."""
    region = bad.ram.regions[0]
    fd = bad.ram.fd(region)
    os.ftruncate(fd, region.offset + region.size + GUARD)
    for at in (0, region.offset + region.size):
        os.pwrite(fd, PATTERN * GUARD, at)
    yield
    for at in (0, region.offset + region.size):
        assert os.pread(fd, GUARD, at) == PATTERN * GUARD


def session(bad: Bad) -> list[tuple[Request, bytes, list[int]]]:
    """What a good client says, from the greeting to the end of its ring."""
    order = [
        Request.GET_FEATURES,
        Request.GET_PROTOCOL_FEATURES,
        Request.SET_PROTOCOL_FEATURES,
        Request.SET_OWNER,
        Request.SET_BACKEND_REQ_FD,
        Request.GET_QUEUE_NUM,
        Request.GET_CONFIG,
        Request.SET_FEATURES,
        Request.GET_INFLIGHT_FD,
        Request.SET_MEM_TABLE,
        Request.ADD_MEM_REG,
        Request.SET_VRING_NUM,
        Request.SET_VRING_BASE,
        Request.SET_VRING_ADDR,
        Request.SET_VRING_CALL,
        Request.SET_VRING_ERR,
        Request.SET_VRING_KICK,
        Request.SET_VRING_ENABLE,
        Request.SET_STATUS,
        Request.GET_STATUS,
        Request.SET_CONFIG,
        Request.GET_VRING_BASE,
        Request.REM_MEM_REG,
        Request.RESET_DEVICE,
    ]
    said = []
    for request in order:
        payload, fds = VALID[request](bad)
        if request is Request.SET_VRING_ENABLE:
            payload = payload[:4] + b"\1\0\0\0"
        said.append((request, payload, fds))
    return said


def spoil(chance: random.Random, data: bytes) -> bytes:
    """Change a message."""
    what = chance.randrange(5)
    if what == 0 and data:
        at = chance.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if what == 1 and data:
        return data[: chance.randrange(len(data))]
    if what == 2:
        return data + chance.randbytes(chance.randrange(1, 40))
    if what == 3 and data:
        at = chance.randrange(0, len(data), 4)
        return data[:at] + chance.choice([b"\0" * 4, b"\xff" * 4, b"\0\0\0\x80"]) + data[at + 4 :]
    return chance.randbytes(len(data))


def run_session(bad: Bad, chance: random.Random) -> None:
    """Say a spoiled session, reading what comes back now and then."""
    said = session(bad)
    for _ in range(chance.randrange(3)):
        at = chance.randrange(len(said))
        kind = chance.randrange(3)
        if kind == 0:
            said.insert(chance.randrange(len(said)), said.pop(at))
        elif kind == 1:
            del said[at]
        else:
            said.insert(at, said[chance.randrange(len(said))])
    spoiled = {chance.randrange(len(said)) for _ in range(chance.randrange(1, 4))}
    bad.front.socket.settimeout(0.2)
    with contextlib.suppress(Gone, OSError):
        for at, (request, payload, fds) in enumerate(said):
            flags = VERSION | chance.choice([0, 8])
            head = HEADER.pack(request, flags, len(payload))
            if at in spoiled and chance.randrange(4) == 0:
                head = spoil(chance, head)[:12].ljust(12, b"\0")
            elif at in spoiled and chance.randrange(4) == 0:
                fds = chance.choice([[], fds * 2, [bad.eventfd()] * chance.randrange(1, 5)])
            elif at in spoiled:
                payload = spoil(chance, payload)
                if chance.randrange(2):
                    head = HEADER.pack(request, flags, len(payload))
            bad.front.raw(head + payload, fds)
            if chance.randrange(8) == 0:
                with contextlib.suppress(BlockingIOError):
                    bad.front.socket.recv(1 << 12, 0x40)  # without waiting
    bad.front.close()


@pytest.mark.parametrize("seed", range(4))
def test_spoiled_sessions_do_no_harm(blk: Serving, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(40):
        with bad_client(blk) as bad, guarded(bad):
            run_session(bad, chance)
            blk.rest()
        assert not blk.mapped()


# ---- rings


def nonsense(chance: random.Random, ram: Ram) -> None:
    """Write descriptors and rings that are mostly nonsense, near to what could be."""
    desc, driver, _ = (addr - RING[0] + BASE for addr in RING)
    places = [BASE, BASE + 0x8000, BASE + SIZE - 8, BASE + SIZE, 0, (1 << 64) - 16, BASE - 4]
    for at in range(16):
        addr = chance.choice(places) + chance.choice([0, 1, 16])
        length = chance.choice([0, 1, 16, 512, 513, 4096, SIZE + 1])
        flags = chance.choice([0, 1, 2, 3, 4, 0x80, 0x81, 0x82, 0x8002, 0xFFFF])
        following = chance.choice([at, (at + 1) % 16, 15, 16, 0xFFFF])
        entry = (addr % (1 << 64)).to_bytes(8, "little") + length.to_bytes(4, "little")
        entry += flags.to_bytes(2, "little") + following.to_bytes(2, "little")
        ram.memory.write(desc + 16 * at, entry)
    index = chance.choice([1, 2, 16, 17, 0x8000, 0xFFFF])
    heads = b"".join(chance.choice([0, 3, 15, 16, 0xFFFF]).to_bytes(2, "little") for _ in range(16))
    ram.memory.write(driver, b"\0\0" + index.to_bytes(2, "little") + heads)
    ram.memory.write(BASE + 0x8000, chance.randbytes(0x1000))


@pytest.mark.parametrize("features", (FEATURES, PACKED), ids=("split", "packed"))
@pytest.mark.parametrize("seed", range(3))
def test_rings_of_nonsense_do_no_harm(blk: Serving, features: int, seed: int) -> None:
    chance = random.Random(seed)
    offered = features | Feature.INDIRECT_DESC
    for _ in range(15):
        with bad_client(blk) as bad, guarded(bad):
            bad.greet()
            bad.front.set_features(offered)
            bad.front.set_table(bad.ram)
            kick = bad.eventfd()
            bad.front.set_num(0, 16)
            bad.front.set_base(0, 0x8000_8000 if features == PACKED else 0)
            bad.front.set_addr(0, *RING)
            bad.front.set_fd(Request.SET_VRING_CALL, 0, bad.eventfd())
            bad.front.set_fd(Request.SET_VRING_ERR, 0, bad.eventfd())
            bad.front.set_fd(Request.SET_VRING_KICK, 0, kick)
            nonsense(chance, bad.ram)
            bad.front.enable(0)
            for _ in range(3):
                assert bad.front.get_features()
                nonsense(chance, bad.ram)
                signal_fd(kick)
            bad.front.close()
            blk.rest()
        assert not blk.mapped()
