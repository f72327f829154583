# SPDX-License-Identifier: Apache-2.0
"""The rules of `restart`, of the callback, and of locking."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import Any

from pymodel import ConcurrentUseError
from tests.conformance.beds import Bed
from tests.conformance.checks import changes, refused
from tests.conformance.rules import rule

STEPS = 4  # of `restart`, at least


class Recorder:
    """A callback that collects, and answers as told."""

    def __init__(self, answer: bool = True, collect: bool = True) -> None:
        self.answer, self.collect = answer, collect
        self.seen: list[Any] = []

    def __call__(self, queue: Any) -> bool:
        while self.collect and (used := queue.get_buf()) is not None:
            self.seen.append(used.data)
        return self.answer


# ---- restart


@rule("OP-RST-01", "SPLIT-DEV-11", "SPLIT-DEV-13")
async def restart_turns_callbacks_on(bed: Bed) -> None:
    callback = Recorder(answer=False)
    await bed.open(callback)
    for token in range(4):
        await bed.send(token)
        assert await bed.serve() == 1
        assert callback.seen == list(range(token + 1))
        assert await bed.restart() is True
    assert bed.calls == 4


@rule("OP-RST-02")
async def restart_sees_what_is_pending(bed: Bed) -> None:
    callback = Recorder(answer=False, collect=False)
    await bed.open(callback)
    await bed.send("a", "b")
    await bed.serve()
    for token in "ab":
        assert await bed.restart() is False
        await bed.interrupt()
        assert bed.calls == 1, "callbacks are still off"
        assert await bed.get() == (token, 4)
    assert await bed.restart() is True
    await bed.send("c")
    assert await bed.serve() == 1
    assert bed.calls == 2


@rule("OP-RST-03")
async def restart_of_a_queue_that_is_on_is_a_mistake(bed: Bed) -> None:
    callback = Recorder()
    await bed.open(callback)
    await refused(errno.EINVAL, bed.restart())
    await bed.send("a")
    await bed.serve()
    await refused(errno.EINVAL, bed.restart())
    callback.answer = False
    await bed.send("b")
    await bed.serve()
    assert await bed.restart() is True
    await refused(errno.EINVAL, bed.restart())
    await bed.open()
    await refused(errno.EINVAL, bed.restart())


@rule("OP-RST-04", "SPLIT-DRV-31", "PACKED-DRV-19")
async def restart_misses_nothing(bed: Bed) -> None:
    for instant in bed.instants:
        callback = Recorder(answer=False)
        await bed.open(callback)
        await bed.send("first")
        await bed.serve()
        await bed.send("second")
        await bed.begin(instant)
        if await bed.restart():
            await bed.serve()
            assert callback.seen == ["first", "second"], f"instant {instant}"
        else:
            assert await bed.drain() == [("second", 4)], f"instant {instant}"
            assert callback.seen == ["first"]
        await bed.serve()
        assert await bed.drain() == []
    for place in range(STEPS):
        await between_its_steps(bed, place)


async def between_its_steps(bed: Bed, place: int) -> None:
    """Let the other end use a buffer after the given step of `restart`, in its name."""
    callback = Recorder(answer=False)
    await bed.open(callback)
    await bed.send("first")
    await bed.serve()
    await bed.send("second")
    steps = 0
    asked = False

    def step() -> None:
        nonlocal steps, asked
        if steps == place:
            asked = bed.asks()
            bed.forge("second", 4)
        steps += 1

    bed.hook(step)
    on = await bed.restart()
    bed.hook(None)
    if steps <= place:
        return  # it has not so many
    if on:
        assert asked, f"no interrupt was asked for when it came, after step {place}"
        await bed.interrupt()
        assert callback.seen == ["first", "second"]
    else:
        assert await bed.drain() == [("second", 4)]


# ---- the callback


@rule("OP-CB-01", "SPLIT-DEV-11", "SPLIT-DEV-13")
async def a_used_buffer_runs_the_callback(bed: Bed) -> None:
    callback = Recorder()
    await bed.open(callback)
    for token in range(5):
        await bed.send(token)
        assert bed.calls == token, "nothing was used yet"
        await bed.run()
        assert bed.calls == token, "it runs from the interrupt"
        assert await bed.deliver()
        assert (bed.calls, callback.seen) == (token + 1, list(range(token + 1)))


@rule("OP-CB-02", "SPLIT-DRV-16")
async def a_spurious_interrupt_is_not_passed_on(bed: Bed) -> None:
    callback = Recorder()
    await bed.open(callback)
    await bed.interrupt()
    await bed.send("t")
    await bed.interrupt()
    assert bed.calls == 0
    await bed.serve()
    assert callback.seen == ["t"]
    await bed.interrupt()
    assert bed.calls == 1


@rule("OP-CB-03")
async def a_callback_calls_the_operations(bed: Bed) -> None:
    found: list[Any] = []

    def callback(queue: Any) -> bool:
        used = queue.get_buf()
        found.append(used)
        if len(found) < 5:
            queue.add_buf(segments, 1, 1, "detached")
            queue.add_buf(segments, 1, 1, len(found))
            queue.detach_buf("detached")
            queue.sync()
        try:
            queue.restart()
        except OSError as error:
            assert error.errno == errno.EINVAL
        else:
            raise AssertionError("callbacks were on")
        return True

    await bed.open(callback)
    addr = bed.allocate(16)
    segments = [(addr, 4), (addr + 8, 8)]
    await bed.add(segments, 1, 1, 0)
    await bed.sync()
    await bed.serve()
    assert found == [(token, 4) for token in range(5)]


@rule("OP-CB-04", "SPLIT-DRV-13", "SPLIT-DRV-15", "SPLIT-DEV-10", "SPLIT-DEV-14", "PACKED-XDEV-11")
async def after_false_nothing_comes_until_restart(bed: Bed) -> None:
    callback = Recorder(answer=False)
    await bed.open(callback)
    await bed.send(1)
    assert await bed.serve() == 1
    for token in range(2, 20):
        await bed.send(token)
        assert await bed.serve() == 0, "the other end was asked not to interrupt"
        await bed.interrupt()  # a late one, with a buffer pending
        assert await bed.drain() == [(token, 4)]
        await bed.interrupt()  # and with none
    assert bed.calls == 1
    assert await bed.restart() is True
    await bed.send(20)
    assert await bed.serve() == 1
    assert callback.seen == [1, 20]


@rule("OP-CB-05")
async def after_true_it_runs_again(bed: Bed) -> None:
    callback = Recorder()
    await bed.open(callback)
    for token in range(12):
        await bed.send(2 * token, 2 * token + 1)
        assert await bed.serve() >= 1
        assert callback.seen == list(range(2 * token + 2))


@rule("OP-CB-06", "SPLIT-DEV-10", "SPLIT-DEV-14")
async def without_a_callback_there_are_no_interrupts(bed: Bed) -> None:
    await bed.open()
    for token in range(20):
        await bed.send(token)
        assert await bed.serve() == 0
        assert await bed.drain() == [(token, 4)]


@rule("OP-CB-07")
async def a_callback_is_not_entered_again(bed: Bed) -> None:
    depth = 0
    found: list[Any] = []

    def callback(queue: Any) -> bool:
        nonlocal depth
        assert depth == 0
        depth += 1
        found.append(queue.get_buf().data)
        queue.interrupt()  # a late one, with the second buffer pending
        depth -= 1
        return True

    await bed.open(callback)
    await bed.send("a", "b")
    await bed.run()
    assert await bed.deliver()
    assert found == ["a", "b"]


@rule("OP-CB-08")
async def an_interrupt_waits_for_the_end_of_an_operation(bed: Bed) -> None:
    callback = Recorder()
    await bed.open(callback)
    await bed.send("used")
    await bed.run()  # its interrupt is not served yet
    addr = bed.allocate(8)
    await bed.add([(addr, 4), (addr + 4, 4)], 1, 1, "more")
    inside: list[int] = []

    def step() -> None:
        bed.hook(None)  # once: a look for used buffers is a step too
        bed.queue.interrupt()
        inside.append(bed.calls)

    bed.hook(step)
    await bed.sync()
    assert inside == [0]
    assert (bed.calls, callback.seen) == (1, ["used"])
    await bed.serve()
    assert callback.seen == ["used", "more"]


@rule("OP-CB-09")
async def an_error_in_the_callback_reaches_the_caller(bed: Bed) -> None:
    def callback(queue: Any) -> bool:
        raise RuntimeError("driver bug")

    await bed.open(callback)
    await bed.send(1)
    await bed.run()
    try:
        await bed.deliver()
    except RuntimeError as error:
        assert "driver bug" in str(error)
    else:
        raise AssertionError("the callback's error was lost")
    assert await bed.drain() == [(1, 4)]
    bed.queue.callback = None
    await bed.send(2)
    await bed.serve()
    assert await bed.drain() == [(2, 4)]


# ---- locking


def intrude(queue: Any) -> list[BaseException]:
    """Call every operation; return what each raised."""
    found: list[BaseException] = []
    for operation in (
        queue.get_buf,
        queue.sync,
        queue.restart,
        queue.shutdown,
        lambda: queue.detach_buf("t"),
        lambda: queue.add_buf([(0x100, 1)], 1, 0, "x"),
    ):
        try:
            operation()
        except ConcurrentUseError as error:
            found.append(error)
    assert len(found) == 6
    assert all(isinstance(error, OSError) and error.errno == errno.EBUSY for error in found)
    return found


async def intruded(bed: Bed, enter: Callable[[], None]) -> None:
    """Let `enter` be called in the midst of each operation; nothing of it is disturbed."""
    await bed.open(lambda queue: False)
    addr = bed.allocate(8)
    bed.hook(enter)
    await bed.add([(addr, 4), (addr + 4, 4)], 1, 1, "t")
    await bed.sync()
    bed.hook(None)
    await bed.serve()
    bed.hook(enter)
    assert await bed.restart() is False
    assert await bed.get() == ("t", 4)
    assert await bed.get() is None
    assert await bed.restart() is True
    bed.hook(None)
    await bed.send("more")
    assert await bed.serve() == 1
    assert await bed.drain() == [("more", 4)]


@rule("OP-LOCK-01")
async def a_second_operation_is_an_error(bed: Bed) -> None:
    found: list[BaseException] = []
    await intruded(bed, lambda: found.extend(intrude(bed.queue)))
    texts = {str(error).partition(" entered while ")[2].split(" ")[0] for error in found}
    assert texts == {"add_buf", "sync", "get_buf", "restart"}


@rule("OP-LOCK-02")
async def so_it_is_from_another_thread(bed: Bed) -> None:
    found: list[BaseException] = []

    def enter() -> None:
        thread = threading.Thread(target=lambda: found.extend(intrude(bed.queue)))
        thread.start()
        thread.join()

    await intruded(bed, enter)
    assert len(found) >= 6 * 4


@rule("OP-LOCK-03")
async def the_operation_that_runs_is_not_disturbed(bed: Bed) -> None:
    states = []
    for enter in (False, True):
        await bed.open()
        if enter:
            bed.hook(lambda: intrude(bed.queue) and None)
        for token in range(3):
            addr = bed.allocate(8)
            await bed.add([(addr, 4), (addr + 4, 4)], 1, 1, token)
        await bed.detach(1)
        await bed.sync()
        states.append((bed.state(), bed.notified))
        bed.hook(None)
        await bed.serve()
        if enter:
            bed.hook(lambda: intrude(bed.queue) and None)
        assert await bed.drain() == [(0, 4), (2, 4)]
        states.append((bed.state(), bed.notified))
        bed.hook(None)
    for plain, intruded_ in ((states[0], states[2]), (states[1], states[3])):
        assert not changes(plain[0], intruded_[0])
        assert plain[1] == intruded_[1]
