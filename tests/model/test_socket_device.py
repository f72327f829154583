# SPDX-License-Identifier: Apache-2.0
"""The model's socket port: what its registers promise, and every bad frame."""

from __future__ import annotations

from typing import Any

import pytest

from pymodel import Loopback, SocketDevice
from tests.model.port_scripts import ATTACKS, SCRIPTS, Script

BUILDS = {
    "small": {"queues": 1, "slots": 4, "tx_words": 8, "rx_words": 4},
    "usual": {"queues": 4, "slots": 16, "tx_words": 64, "rx_words": 64},
    "large": {"queues": 64, "slots": 256, "tx_words": 1024, "rx_words": 256},
}
EACH_BUILD = pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)


def play(device: SocketDevice, script: Script) -> None:
    answer = None
    try:
        while True:
            kind, *rest = script.send(answer)  # type: ignore[arg-type]
            answer = 0
            if kind == "idle":
                device.run()
            elif kind == "r":
                answer = device.read32(*rest)
            else:
                device.write32(*rest)
    except StopIteration:
        return


@EACH_BUILD
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.__name__)
def test_registers_and_frames(build: dict[str, int], script: Any) -> None:
    device = SocketDevice(**build)
    play(device, script(device.info))


@EACH_BUILD
@pytest.mark.parametrize("name", ATTACKS)
def test_bad_frames_end_in_a_fault_of_their_queue(build: dict[str, int], name: str) -> None:
    device = SocketDevice(**build)
    play(device, ATTACKS[name](device.info))


@pytest.mark.parametrize(
    "arguments",
    [{"queues": 0}, {"queues": 65}, {"slots": 3}, {"slots": 512}, {"tx_words": 2}, {"rx_words": 7}],
)
def test_bad_arguments_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        SocketDevice(**arguments)


def test_accesses_that_no_bus_can_make_are_refused() -> None:
    device = SocketDevice()
    for offset, value, strobe in ((0x2000, 0, 15), (-4, 0, 15), (0, 1 << 32, 15), (0, 0, 16)):
        with pytest.raises(ValueError):
            device.write32(offset, value, strobe)
    with pytest.raises(ValueError):
        device.read32(0x2000)


def test_a_function_that_answers_too_much_is_an_error() -> None:
    class Wrong(Loopback):
        def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
            return bytes(writable_len + 1)

    device = SocketDevice(function=Wrong())
    device.write32(0x1000, 1)
    device.write32(0x1008, 0)
    device.write32(0x1008, 0)
    with pytest.raises(ValueError, match="answers 0 bytes with 1"):
        device.run()
