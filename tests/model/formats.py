# SPDX-License-Identifier: Apache-2.0
"""What shares the tests of the operations: two ring formats and the socket port.

A new implementation joins by being listed. Each says how a test makes a queue with a device behind
it, and how it writes what the other side would have written, with bytes of its own. The ring
formats assume rings of buffers of one descriptor each unless they say otherwise.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.model.world import SocketWorld, World


class RingFormat:
    """What both ring formats share."""

    packed: bool
    events = (False, True)  # what event_idx may be

    def world(self, *args: Any, **more: Any) -> Any:
        """Make a queue with a device behind it."""
        return World(*args, packed=self.packed, **more)

    def hook_device(self, world: Any, step: Callable[[], None]) -> None:
        """Call `step` between the device's steps."""
        world.ring.on_step = lambda name: step()


class SplitFormat(RingFormat):
    name = "split"
    packed = False
    published = "avail index"  # the step after which the device sees a batch
    wishes = ("avail flags written", "used_event written", "used index read")
    driver_steps = (
        "indirect table",
        "descriptors",
        "avail entry",
        "avail index",
        "avail_event read",
        "used index read",
        "used element read",
    )
    restart_steps = ("used_event written", "used index read")
    device_waits = ("available index read", "used flags written", "avail_event written")
    size = 8

    def suppress(self, world: World, off: bool) -> None:
        """Write the device's wish without EVENT_IDX."""
        world.memory.write(world.layout.used_flags, struct.pack("<H", off))
        world.memory.write(world.layout.avail_event, b"\x39\x30")  # means nothing then

    def ask_at(self, world: World, ahead: int) -> None:
        """Write the device's wish to hear of the buffer `ahead` of the next one; EVENT_IDX."""
        event = (world.queue.avail_index + ahead) % 65536
        world.memory.write(world.layout.used_flags, b"\1\0")  # means nothing then
        world.memory.write(world.layout.avail_event, struct.pack("<H", event))

    def forge(self, world: World, number: int, length: int, elements: int = 1) -> None:
        """Write a used element as the next one, and say that there are `elements`."""
        layout, index = world.layout, world.queue.used_index
        world.memory.write(layout.used_elem(index), struct.pack("<II", number, length))
        world.memory.write(layout.used_idx, struct.pack("<H", (index + elements) % 65536))

    def number(self, world: World, token: object) -> int:
        """What a used element of an outstanding buffer carries."""
        return int(world.queue.outstanding[token][0])  # type: ignore[index]

    def seen(self, world: World) -> int:
        """Buffers published since the ring was new."""
        return int(struct.unpack("<H", world.memory.read(world.layout.avail_idx, 2))[0])

    def wish(self, world: World) -> str:
        """The driver's wish: "off", "on", or the buffers to collect before its event."""
        avail = world.memory.read(world.layout.avail, 6 + 2 * world.queue.size)
        if not world.queue.event_idx:
            return "off" if avail[0] & 1 else "on"
        ahead = (struct.unpack("<H", avail[-2:])[0] - world.queue.used_index) % 65536
        assert avail[:2] == b"\0\0"
        return "off" if ahead == 65535 else f"in {ahead}"

    def table(self, raw: bytes) -> list[tuple[int, int, int]]:
        """Address, length and WRITE of each entry of an indirect table that is read in order."""
        found = []
        for at in range(0, len(raw), 16):
            addr, length, flags, link = struct.unpack("<QIHH", raw[at : at + 16])
            last = at + 16 == len(raw)
            assert (flags & ~2, link) == ((0, 0) if last else (1, at // 16 + 1))
            found.append((addr, length, flags & 2))
        return found


class PackedFormat(RingFormat):
    name = "packed"
    packed = True
    published = "first flags"
    wishes = (
        "driver event position written",
        "driver event flags written",
        "used flags read",
    )
    driver_steps = (
        "indirect table",
        "descriptors",
        "first flags",
        "device event read",
        "used flags read",
        "used element read",
    )
    restart_steps = (
        "driver event position written",
        "driver event flags written",
        "used flags read",
    )
    device_waits = ("descriptor flags read", "device event written")
    size = 7

    def suppress(self, world: World, off: bool) -> None:
        world.memory.write(world.layout.device, struct.pack("<HH", 0x1234, off))

    def ask_at(self, world: World, ahead: int) -> None:
        size, word = world.queue.size, world.queue.avail_index
        linear = ((word & 0x7FFF) + ahead + (0 if word >> 15 else size)) % (2 * size)
        event = linear % size | (1 - linear // size) << 15
        world.memory.write(world.layout.device, struct.pack("<HH", event, 2))

    def forge(self, world: World, number: int, length: int, elements: int = 1) -> None:
        word = world.queue.used_index
        flags = (0x8080 if word >> 15 else 0) | 2
        at = world.layout.ring + 16 * (word & 0x7FFF)
        world.memory.write(at + 8, struct.pack("<IHH", length, number, flags))

    def number(self, world: World, token: object) -> int:
        last = world.queue.outstanding[token][-1]  # type: ignore[index]
        at = world.layout.ring + 16 * last + 12
        return int(struct.unpack("<H", world.memory.read(at, 2))[0])

    def seen(self, world: World) -> int:
        """See `SplitFormat.seen`; at most a lap's worth, each of one descriptor."""
        found = 0
        ring = world.memory.read(world.layout.ring, 16 * world.queue.size)
        while found < world.queue.size:
            flags = struct.unpack("<H", ring[16 * found + 14 : 16 * found + 16])[0]
            if flags & 0x8080 != 0x80:
                break
            found += 1
        return found

    def wish(self, world: World) -> str:
        desc, flags = struct.unpack("<HH", world.memory.read(world.layout.driver, 4))
        if flags != 2:
            return {0: "on", 1: "off"}[flags]
        assert world.queue.event_idx
        size, word = world.queue.size, world.queue.used_index
        ahead = (desc & 0x7FFF) - (word & 0x7FFF) + size * ((desc ^ word) >> 15)
        return f"in {ahead % (2 * size)}"

    def table(self, raw: bytes) -> list[tuple[int, int, int]]:
        found = []
        for at in range(0, len(raw), 16):
            addr, length, number, flags = struct.unpack("<QIHH", raw[at : at + 16])
            assert (number, flags & ~2) == (0, 0)
            found.append((addr, length, flags & 2))
        return found


class SocketFormat:
    name = "socket"
    events = (False,)
    published = "frame written"
    wishes = ("control written", "status read", "frame written")
    restart_steps = ("control written", "status read")

    def world(
        self, *args: Any, event_idx: bool = False, indirect: str = "never", **more: Any
    ) -> Any:
        assert not event_idx and indirect == "never"
        return SocketWorld(*args, **more)

    def hook_device(self, world: Any, step: Callable[[], None]) -> None:
        world.device.on_step = lambda queue, name: step()

    def forge(self, world: Any, number: int, length: int) -> None:
        """Put an answer where the driver reads its next one."""
        words = [number << 24 | length, *[0] * -(-length // 4)]
        world.device.queues[world.queue.index].answers.append(words)

    def number(self, world: Any, token: object) -> int:
        """What an answer to an outstanding buffer carries; one that is not sent has no tag yet."""
        tag = world.queue.outstanding[token]
        return world.info.slots - 1 if tag is None else int(tag)

    def wish(self, world: Any) -> str:
        return "on" if world.device.queues[world.queue.index].control & 2 else "off"


FORMATS: list[Any] = [SplitFormat(), PackedFormat()]
EACH_FORMAT = pytest.mark.parametrize("ring", FORMATS, ids=[ring.name for ring in FORMATS])
IMPLEMENTATIONS: list[Any] = [*FORMATS, SocketFormat()]
EACH_IMPLEMENTATION = pytest.mark.parametrize(
    "ring", IMPLEMENTATIONS, ids=[ring.name for ring in IMPLEMENTATIONS]
)
EACH_SUPPRESSION = pytest.mark.parametrize(  # each implementation in each way of suppression
    ("ring", "event_idx"),
    [(ring, events) for ring in IMPLEMENTATIONS for events in ring.events],
    ids=[f"{ring.name}-{events}" for ring in IMPLEMENTATIONS for events in ring.events],
)
EVENT_IDX = pytest.mark.parametrize("event_idx", [False, True])
