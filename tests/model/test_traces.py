# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pymodel import DeviceFunction, Reg, TraceError, parse_trace, read_trace
from tests.model.formats import EACH_FORMAT
from tests.model.world import BUFFERS, World

TRACES = Path(__file__).parents[1] / "traces"
HEAD = {"device": "net", "features": [32], "queue_size": [4]}
CHAIN = {"queue": 0, "out": [[0, 5]], "in": [], "indirect": 0, "head": "00", "used": 0, "kick": 1}


def text(*objects: object) -> str:
    return "\n".join(json.dumps(item) for item in objects)


@pytest.mark.parametrize(
    ("name", "chains", "longest"),
    [
        ("linux-6.1-virtio-blk-ext4.jsonl", 259, 72),
        ("linux-6.1-virtio-blk-ext4-direct.jsonl", 253, 91),
        ("linux-6.1-virtio-net-ping.jsonl", 102, 1),
    ],
)
def test_the_recordings_are_read_whole(name: str, chains: int, longest: int) -> None:
    trace = read_trace(TRACES / name)
    assert len(trace.chains) == chains
    assert max(len(chain.out) + len(chain.in_) for chain in trace.chains) == longest
    assert 32 in trace.features


class Recorded(DeviceFunction):
    """Answers each chain with as many bytes as the recorded device wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = b""
        self.seen: list[bytes] = []

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        self.seen.append(readable)
        return self.answer


@EACH_FORMAT
@pytest.mark.parametrize("name", sorted(path.name for path in TRACES.glob("*.jsonl")))
def test_recorded_chains_are_served_whatever_the_format(ring: Any, name: str) -> None:
    """Each with its segments at their offsets, in the place in pages that they had."""
    trace = read_trace(TRACES / name)
    for number, size in enumerate(trace.queue_sizes):
        function = Recorded()
        world = World(
            size - (3 if ring.packed else 0),
            event_idx=29 in trace.features,
            indirect="multi" if 28 in trace.features else "never",
            callback=lambda queue: True,
            packed=ring.packed,
            function=function,
        )
        for token, chain in enumerate(c for c in trace.chains if c.queue == number):
            page, segments = BUFFERS, []
            for offset, length in [*chain.out, *chain.in_]:
                segments.append((page + offset, min(length, 2048)))
                page += 0x2000
            out = segments[: len(chain.out)]
            data = bytes((token + at) % 251 for at in range(sum(length for _, length in out)))
            done = 0
            for addr, length in out:
                world.memory.write(addr, data[done : done + length])
                done += length
            room = sum(length for _, length in segments[len(out) :])
            function.answer = bytes(at % 253 for at in range(min(chain.used, room)))
            indirect = chain.indirect if world.found.indirect else None
            world.queue.add_buf(segments, len(out), len(chain.in_), token, indirect=indirect)
            world.queue.sync()
            world.serve()
            assert function.seen.pop() == data
            assert world.drain() == [(token, len(function.answer))]
            written = b"".join(
                world.memory.read(addr, length) for addr, length in segments[len(out) :]
            )
            assert written[: len(function.answer)] == function.answer
        assert world.queue.num_free == world.queue.size
        assert not world.device.read32(Reg.FAULT_CODE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"queue": 1}, "line 2: queue: 1 of 1"),
        ({"queue": True}, "queue: True"),
        ({"out": [[0]]}, r"out: \[0\]"),
        ({"out": [[4096, 1]]}, "offset 4096"),
        ({"out": [[0, 0]]}, "0 bytes"),
        ({"out": []}, "no segment"),
        ({"out": "x"}, "not a list"),
        ({"indirect": 2}, "indirect: 2"),
        ({"used": 1}, "used: 1 of 0"),
        ({"head": "0x"}, "not hex"),
        ({"head": 5}, "not a string"),
        ({"extra": 1}, "unknown keys: extra"),
    ],
)
def test_a_malformed_chain_names_its_line_and_key(change: dict[str, object], message: str) -> None:
    with pytest.raises(TraceError, match=message):
        parse_trace(text(HEAD, {**CHAIN, **change}))


@pytest.mark.parametrize("bad", ["", "{", "[]", '{"device": "x"}'])
def test_a_malformed_head_is_refused(bad: str) -> None:
    with pytest.raises(TraceError, match="trace"):
        parse_trace(bad)
