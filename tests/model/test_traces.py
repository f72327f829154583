# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from pymodel import TraceError, parse_trace, read_trace

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
