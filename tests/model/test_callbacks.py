# SPDX-License-Identifier: Apache-2.0
"""`restart` between its steps; what it and callbacks promise is in tests/conformance/."""

from __future__ import annotations

from typing import Any

import pytest

from tests.model.formats import EACH_IMPLEMENTATION, EACH_SUPPRESSION
from tests.model.world import BUFFERS


class Recorder:
    """A callback that drains, and answers as told."""

    def __init__(self, answer: bool = True, drain: bool = True) -> None:
        self.answer, self.drain = answer, drain
        self.seen: list[Any] = []
        self.calls = 0

    def __call__(self, queue: Any) -> bool:
        self.calls += 1
        while self.drain and (used := queue.get_buf()) is not None:
            self.seen.append(used.data)
        return self.answer


def send(world: Any, *tokens: Any) -> None:
    for token in tokens:
        world.queue.add_buf([(BUFFERS, 4)], 1, 0, token)
    world.queue.sync()


@EACH_SUPPRESSION
@pytest.mark.parametrize("when", range(3))
def test_restart_never_misses_a_buffer_used_at_any_of_its_steps(
    ring: Any, event_idx: bool, when: int
) -> None:
    callback = Recorder(answer=False)
    armed = False

    def on_step(step: str) -> None:
        nonlocal armed
        if armed and step == ring.wishes[when]:
            armed = False
            world.serve()

    world = ring.world(event_idx=event_idx, callback=callback, on_step=on_step)
    send(world, 1)
    world.serve()
    send(world, 2)
    armed = True
    if world.queue.restart() is False:
        assert world.drain() == [(2, 0)]
        assert callback.seen == [1]
    else:
        armed = False
        world.serve()  # it had not been used yet, or the interrupt was held back
        assert callback.seen == [1, 2]


@EACH_IMPLEMENTATION
@pytest.mark.clause("SPLIT-DRV-31", "PACKED-DRV-19")
def test_restart_asks_in_full_before_its_last_look(ring: Any) -> None:
    steps: list[str] = []
    world = ring.world(
        event_idx=True in ring.events, callback=Recorder(answer=False), on_step=steps.append
    )
    send(world, 1)
    world.serve()
    steps.clear()
    assert world.queue.restart() is True
    assert steps == list(ring.restart_steps)
