# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import threading
from typing import Any

import pytest

from pymodel import ConcurrentUseError, Interrupt, VirtqueueError
from tests.model.formats import EACH_FORMAT, EVENT_IDX
from tests.model.world import BUFFERS, World


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


def send(world: World, *tokens: Any) -> None:
    for token in tokens:
        world.queue.add_buf([(BUFFERS, 4)], 1, 0, token)
    world.queue.sync()


@EACH_FORMAT
@EVENT_IDX
def test_the_callback_runs_on_an_interrupt_and_may_use_the_operations(
    ring: Any, event_idx: bool
) -> None:
    callback = Recorder()
    world = World(packed=ring.packed, event_idx=event_idx, callback=callback)
    for token in range(5):
        send(world, token)
        assert world.serve() == Interrupt.USED_BUFFER
    assert callback.seen == list(range(5))


@EACH_FORMAT
@EVENT_IDX
@pytest.mark.clause("SPLIT-DRV-16")
def test_a_spurious_interrupt_is_not_passed_on(ring: Any, event_idx: bool) -> None:
    callback = Recorder()
    world = World(packed=ring.packed, event_idx=event_idx, callback=callback)
    world.queue.interrupt()
    assert callback.calls == 0


@EACH_FORMAT
@EVENT_IDX
@pytest.mark.clause("SPLIT-DRV-13", "SPLIT-DRV-15", "SPLIT-DEV-10", "SPLIT-DEV-14", "SPLIT-DRV-31")
@pytest.mark.clause("PACKED-XDEV-11", "PACKED-DRV-19")
def test_after_false_no_interrupt_comes_until_restart(ring: Any, event_idx: bool) -> None:
    callback = Recorder(answer=False)
    world = World(packed=ring.packed, event_idx=event_idx, callback=callback)
    send(world, 1)
    world.serve()
    for token in range(2, 30):
        send(world, token)
        assert world.serve() == Interrupt(0)
        assert len(world.drain()) == 1
    world.queue.interrupt()  # a late one
    send(world, 30)
    world.serve()
    world.queue.interrupt()  # a late one with a buffer pending
    assert callback.calls == 1
    assert world.queue.restart() is False
    assert world.drain() == [(30, 0)]
    assert world.queue.restart() is True
    send(world, 31)
    assert world.serve() == Interrupt.USED_BUFFER
    assert callback.seen == [1, 31]


@EACH_FORMAT
@EVENT_IDX
def test_restart_while_callbacks_are_on_is_a_driver_bug(ring: Any, event_idx: bool) -> None:
    world = World(packed=ring.packed, event_idx=event_idx, callback=Recorder())
    with pytest.raises(VirtqueueError, match="callbacks are on") as caught:
        world.queue.restart()
    assert caught.value.errno == errno.EINVAL
    silent = World(packed=ring.packed, event_idx=event_idx)
    with pytest.raises(VirtqueueError, match="without a callback"):
        silent.queue.restart()


@EACH_FORMAT
@EVENT_IDX
def test_without_a_callback_interrupts_are_suppressed_from_the_start(
    ring: Any, event_idx: bool
) -> None:
    world = World(packed=ring.packed, event_idx=event_idx)
    for token in range(20):
        send(world, token)
        assert world.serve() == Interrupt(0)
        assert world.drain() == [(token, 0)]


@EACH_FORMAT
@EVENT_IDX
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

    world = World(packed=ring.packed, event_idx=event_idx, callback=callback, on_step=on_step)
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


@EACH_FORMAT
@pytest.mark.clause("SPLIT-DRV-31", "PACKED-DRV-19")
def test_restart_asks_in_full_before_its_last_look(ring: Any) -> None:
    steps: list[str] = []
    world = World(
        packed=ring.packed, event_idx=True, callback=Recorder(answer=False), on_step=steps.append
    )
    send(world, 1)
    world.serve()
    steps.clear()
    assert world.queue.restart() is True
    assert steps == list(ring.restart_steps)


@EACH_FORMAT
def test_an_interrupt_during_an_operation_waits_for_its_end(ring: Any) -> None:
    callback = Recorder()
    order: list[str] = []

    def on_step(step: str) -> None:
        order.append(step)
        if step == ring.published:
            world.device.write32(0x50, 0)
            world.serve()
            assert callback.calls == 0

    world = World(packed=ring.packed, callback=callback, on_step=on_step)
    send(world, "t")
    assert callback.seen == ["t"]


@EACH_FORMAT
def test_a_callback_is_not_entered_again_but_runs_again_for_what_came_meanwhile(ring: Any) -> None:
    depth = 0
    seen: list[Any] = []

    def callback(queue: Any) -> bool:
        nonlocal depth
        assert depth == 0
        depth += 1
        seen.append(queue.get_buf().data)
        if len(seen) < 4:
            send(world, len(seen))
            world.serve()
        depth -= 1
        return True

    world = World(packed=ring.packed, callback=callback)
    send(world, 0)
    world.serve()
    assert seen == [0, 1, 2, 3]


@EACH_FORMAT
def test_a_second_operation_from_a_hook_or_a_thread_is_detected_and_harmless(ring: Any) -> None:
    caught: list[BaseException] = []

    def intrude() -> None:
        for operation in (
            world.queue.get_buf,
            world.queue.sync,
            world.queue.restart,
            world.queue.shutdown,
            lambda: world.queue.detach_buf("t"),
            lambda: world.queue.add_buf([(BUFFERS, 1)], 1, 0, "x"),
        ):
            try:
                operation()
            except ConcurrentUseError as error:
                caught.append(error)

    def on_step(step: str) -> None:
        if step == ring.published:
            intrude()
            thread = threading.Thread(target=intrude)
            thread.start()
            thread.join()

    world = World(packed=ring.packed, on_step=on_step)
    send(world, "t")
    assert len(caught) == 12
    assert all(isinstance(e, OSError) and e.errno == errno.EBUSY for e in caught)
    assert "entered while sync was running" in str(caught[0])
    world.serve()
    assert world.drain() == [("t", 0)]


@EACH_FORMAT
def test_an_error_in_the_callback_reaches_the_caller_and_the_queue_goes_on(ring: Any) -> None:
    def callback(queue: Any) -> bool:
        raise RuntimeError("driver bug")

    world = World(packed=ring.packed, callback=callback)
    send(world, 1)
    with pytest.raises(RuntimeError, match="driver bug"):
        world.serve()
    assert world.drain() == [(1, 0)]
    world.queue.callback = None
    send(world, 2)
    world.serve()
    assert world.drain() == [(2, 0)]
