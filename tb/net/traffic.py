# SPDX-License-Identifier: Apache-2.0
"""The network device as a part of `make sim`: a capture through driver, ring, engine and MAC.

TB_PCAP in the environment names a capture: its frames are sent, the MAC gives each one back, and
what came back must be the capture. Without it the driver's host asks a peer: ARP, ping, UDP.
TB_PCAP_OUT says where the capture of the MAC's side goes: what came out of the device, and what a
peer answered; times are those of the simulation. After each operation both worlds must be equal.
"""

from __future__ import annotations

import os
import random
from functools import partial
from pathlib import Path
from typing import Any, Optional

import cocotb

from ci.toolchain import ROOT
from pymodel import Feature, VirtioNet
from pymodel.steps import Steps
from tb.bench import PERIOD_NS, Bench
from tb.driver_worlds import DriverSetup
from tb.mac import MacSettings
from tb.net import capture
from tb.net.capture import Captured
from tb.net.comparison import NET, NetComparison
from tb.net.peer import Peer, conversation
from tb.screen import progress, say, tallied

BATCH = 16  # frames that are sent at once
SHOWN = 12  # frames told in words
RINGS = Feature.INDIRECT_DESC | Feature.EVENT_IDX | Feature.RING_RESET


def _send(frames: list[bytes], net: VirtioNet) -> Steps[None]:
    return net.send(*frames)


def _receive(net: VirtioNet) -> Steps[Optional[bytes]]:
    return net.receive()


async def _received(pair: NetComparison) -> list[bytes]:
    """Take all frames from the driver that it has received."""
    frames = []
    while (frame := await pair.net("receive", _receive)) is not None:
        frames.append(frame)
    return frames


async def _loop(pair: NetComparison, frames: list[bytes]) -> None:
    """Send frames, some at a time; each must come back."""
    for first in range(0, len(frames), BATCH):
        batch = frames[first : first + BATCH]
        await pair.net("send", partial(_send, batch))
        back = await _received(pair)
        if back != batch:
            raise AssertionError(f"frames {first + 1} to {first + len(batch)} came back changed")
        for frame in batch[: max(0, SHOWN - first)]:
            say(f"  {capture.summary(frame)}")
        progress(first + len(batch), len(frames), "frames out and back, equal so far")


async def _talk(pair: NetComparison, mac: bytes) -> None:
    """Ask the peer, and check its answers."""
    peer = Peer()
    frames = conversation(mac)
    for number, frame in enumerate(frames, 1):
        await pair.net("send", partial(_send, [frame]))
        say(f"  > {capture.summary(frame)}")
        answers = peer.answer(pair.mac.sent[-1].data)
        if answers:
            await pair.receive(*answers)
        back = await _received(pair)
        if back != answers:
            raise AssertionError(f"the answer to frame {number} came back changed")
        for answer in back:
            say(f"  < {capture.summary(answer)}")
        progress(number, len(frames), "frames sent, equal so far")


def _captured(pair: NetComparison, answers: bool) -> list[Captured]:
    """Return what passed the MAC: out of the device, and with a peer also into it."""
    frames = [*pair.mac.sent, *(pair.mac.given if answers else [])]
    frames.sort(key=lambda frame: frame.cycle)
    return [Captured(frame.cycle * PERIOD_NS, frame.data) for frame in frames]


@cocotb.test(timeout_time=10, timeout_unit="sec")
async def a_capture_passes(dut: Any) -> None:
    """Probe the device, send, receive, and leave."""
    bench = Bench(dut)
    await bench.start()
    source = os.environ.get("TB_PCAP")
    packed = os.environ.get("RING") == "packed"
    setup = DriverSetup(features=RINGS | (Feature.RING_PACKED if packed else 0), memory=1 << 20)
    mac = MacSettings(loopback=bool(source), seed=random.getrandbits(32))
    pair = NetComparison(bench, setup, VirtioNet, mac)
    with tallied(pair.tally):
        for slot in await pair.start():
            say(f"  slot {slot}")
        driver = pair.driver
        say(f"  address {driver.mac.hex(':')}, MTU {driver.mtu}, link up: {driver.link}")
        bench.dump(True)
        if source:
            frames = [frame.data for frame in capture.read(Path(source), driver.mtu)]
            await _loop(pair, frames)
        else:
            await _talk(pair, driver.mac)
        await pair.remove(NET)
    out = os.environ.get("TB_PCAP_OUT")
    if out:
        captured = _captured(pair, answers=not source)
        capture.write(Path(out), captured)
        say(f"  {len(captured)} frames of the MAC's side: {os.path.relpath(out, ROOT)}")
