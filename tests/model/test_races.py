# SPDX-License-Identifier: Apache-2.0
"""Driver and device at the same time: each may act between any two memory accesses of the other.

Nothing is polled: a buffer moves on only because a notification or an interrupt came.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from pymodel import Feature
from tests.model.formats import IMPLEMENTATIONS
from tests.model.world import BUFFERS

SLOT = 64
WAYS = [
    pytest.param(ring, events, indirect, id=f"{ring.name}-{events}-{indirect}")
    for ring in IMPLEMENTATIONS
    for events in ring.events
    for indirect in (["never"] if ring.name == "socket" else ["never", "multi"])
]


class Race:
    """One run: `seed` decides who acts when."""

    def __init__(
        self, ring: Any, event_idx: bool, indirect: str, seed: int, size: int, **more: Any
    ) -> None:
        self.random = random.Random(seed)
        self.acting: set[str] = set()
        self.still = False  # both sides come to rest
        self.added: list[int] = []
        self.taken: list[int] = []
        self.expected: dict[int, bytes] = {}
        self.world = ring.world(
            size,
            event_idx=event_idx,
            indirect=indirect,
            callback=self.callback,
            on_step=lambda step: self.maybe("device"),
            **more,
        )
        ring.hook_device(self.world, lambda: self.maybe("driver"))

    def maybe(self, who: str) -> None:
        if not self.still and self.random.random() < 0.3:
            self.act(who)

    def act(self, who: str) -> None:
        choice = self.random.random()
        if who == "device":
            self.alone(who, self.world.device.run)
        elif choice < 0.5:
            self.alone(who, self.add)
        elif choice < 0.8:
            self.alone(who, self.world.queue.sync)
        else:
            self.alone(who, self.world.interrupt)

    def alone(self, who: str, action: Callable[[], object]) -> None:
        """Each side does one thing at a time."""
        if who not in self.acting:
            self.acting.add(who)
            action()
            self.acting.discard(who)

    def add(self) -> None:
        token, queue = len(self.added), self.world.queue
        out, in_ = self.random.randint(0, 2), self.random.randint(0, 2)
        if out + in_ == 0 or out + in_ > min(queue.num_free, queue.size):
            return
        base = BUFFERS + token * 8 * SLOT
        data = self.random.randbytes(out * 9)
        segments = [(base + SLOT * at, 9) for at in range(out + in_)]
        for at in range(out):
            self.world.memory.write(segments[at][0], data[9 * at : 9 * at + 9])
        self.added.append(token)
        self.expected[token] = data[: 9 * in_]
        queue.add_buf(segments, out, in_, (token, tuple(segments[out:])))

    def callback(self, queue: Any) -> bool:
        while (used := queue.get_buf()) is not None:
            token, segments = used.data
            data = b"".join(self.world.memory.read(addr, length) for addr, length in segments)
            assert data[: used.length] == self.expected[token]
            assert used.length == len(self.expected[token])
            self.taken.append(token)
        return True


@pytest.mark.parametrize(("ring", "event_idx", "indirect"), WAYS)
@pytest.mark.clause(
    "PACKED-DRV-11",
    "PACKED-DRV-17",
    "PACKED-DRV-18",
    "PACKED-DEV-06",
    "PACKED-DEV-07",
    "SPLIT-DRV-29",
    "SPLIT-DRV-30",
    "SPLIT-DEV-15",
    "SPLIT-DEV-23",
)
def test_no_buffer_is_lost_or_seen_half_written_however_the_two_sides_race(
    ring: Any, event_idx: bool, indirect: str
) -> None:
    for seed in range(120):
        size = random.Random(seed).choice([1, 4, 8])
        more: dict[str, Any] = {}
        if ring.name == "socket":
            more = {"tx_words": 16, "rx_words": 16}
        elif seed % 3 == 0:  # several buffers returned by one used element
            more = {"features": Feature.IN_ORDER, "batch": 3}
        race = Race(ring, event_idx, indirect, seed, size, **more)
        for _ in range(40):
            race.act(race.random.choice(["driver", "device"]))
        race.still = True
        race.alone("driver", race.world.queue.sync)
        for _ in range(8):  # where what was added exceeds the port's room
            race.alone("device", race.world.device.run)
            race.alone("driver", race.world.interrupt)
        assert race.world.device.idle
        assert race.taken == race.added, f"seed {seed}"
        assert race.world.queue.num_free == race.world.queue.size
