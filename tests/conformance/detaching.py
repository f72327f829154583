# SPDX-License-Identifier: Apache-2.0
"""The rules of `detach_buf`."""

from __future__ import annotations

import errno
from typing import Any

from tests.conformance.beds import SIZE, TOKENS, Bed
from tests.conformance.checks import changes, refused
from tests.conformance.rules import rule


async def busy_past(bed: Bed) -> None:
    """Leave something of earlier buffers in every entry, and two that are used and wait."""
    for token in range(2 * SIZE):
        addr = bed.allocate(9)
        await bed.add([(addr, 9)], 1, 0, token)
        if token % 4 == 3:
            await bed.sync()
            await bed.serve()
            assert len(await bed.drain()) == 4
    await bed.send("x", "y")
    await bed.serve()


@rule("OP-DET-01")
async def a_buffer_taken_back_leaves_no_trace(bed: Bed) -> None:
    for gone in TOKENS:
        states = []
        for detached in (True, False):
            await bed.open()
            await busy_past(bed)
            addr = bed.allocate(64)
            for place, token in enumerate(TOKENS):
                if detached or token != gone:
                    await bed.add([(addr + 8 * place, 3), (addr + 32, 1)], 1, 1, token)
                if token != "c":
                    await bed.get()  # makes room between the adds
            if detached:
                await bed.detach(gone)
            states.append(bed.state(stale=False))
            await bed.add([(addr, 5)], 0, 1, "next")
            states.append(bed.state())
            await bed.sync()
            await bed.serve()
            found = [*(token for token in TOKENS if token != gone), "next"]
            assert [token for token, _ in await bed.drain()] == found
        assert not changes(states[0], states[2])
        assert not changes(states[1], states[3])


@rule("OP-DET-02")
async def the_others_are_delivered(bed: Bed) -> None:
    await bed.open()
    addr = bed.allocate(64)
    for token in range(SIZE):
        await bed.add([(addr, 1)], 1, 0, token)
    await refused(errno.ENOSPC, bed.add([(addr, 1)], 1, 0, "more"))
    await bed.detach(3)
    await refused(errno.ENOENT, bed.detach(3))
    await bed.add([(addr, 1)], 1, 0, "more")
    await bed.detach(0)
    await bed.detach("more")
    await bed.add([(addr, 1)], 1, 0, 3)
    await bed.sync()
    await bed.serve()
    assert await bed.drain() == [(token, 0) for token in (1, 2, 4, 5, 6, 7, 3)]


@rule("OP-DET-03", "SPLIT-DRV-11", "PACKED-DRV-03", needs="no ring reset")
async def a_published_buffer_stays(bed: Bed) -> None:
    await bed.open()
    await bed.send("a", "b")
    before = bed.state()
    await refused(errno.EBUSY, bed.detach("a"))
    await refused(errno.EBUSY, bed.detach("b"))
    assert not changes(before, bed.state())
    await bed.serve()
    assert await bed.drain() == [("a", 4), ("b", 4)]


@rule("OP-DET-04", needs="ring reset")
async def a_published_buffer_is_taken_out(bed: Bed) -> None:
    for callback in (None, drain):
        for gone in TOKENS:
            taken.clear()
            await bed.open(callback=callback)
            await bed.send(*TOKENS)
            await bed.detach(gone)
            await refused(errno.ENOENT, bed.detach(gone))
            await bed.serve()
            found = taken if callback else await bed.drain()
            assert found == [(token, 4) for token in TOKENS if token != gone]
            await bed.send(gone)
            await bed.serve()
            found = taken[2:] if callback else await bed.drain()
            assert found == [(gone, 4)]


taken: list[Any] = []


def drain(queue: Any) -> bool:
    """Be a callback that collects all there is."""
    while (used := queue.get_buf()) is not None:
        taken.append((used.data, used.length))
    return True


@rule("OP-DET-05", needs="ring reset")
async def what_was_used_and_what_was_added_stays(bed: Bed) -> None:
    await bed.open()
    await bed.send(1, 2)
    await bed.serve()
    assert await bed.get() == (1, 4)
    await bed.send("a", "b")
    addr = bed.allocate(8)
    await bed.add([(addr, 4), (addr + 4, 4)], 1, 1, "added")
    await bed.detach("a")
    await refused(errno.ENOENT, bed.detach(2))
    await bed.serve()
    assert await bed.drain() == [(2, 4), ("b", 4)]
    await bed.sync()
    await bed.serve()
    assert await bed.drain() == [("added", 4)]


@rule("OP-DET-06")
async def a_used_buffer_is_collected(bed: Bed) -> None:
    await bed.open()
    await bed.send("a", "b")
    await bed.serve()
    for token in "ba":
        await refused(errno.ENOENT, bed.detach(token))
    assert await bed.drain() == [("a", 4), ("b", 4)]


@rule("OP-DET-07")
async def a_token_that_is_not_outstanding_is_unknown(bed: Bed) -> None:
    await bed.open()
    before = bed.state()
    for token in ("never", None, []):
        await refused(errno.ENOENT, bed.detach(token))  # type: ignore[arg-type]
    assert not changes(before, bed.state())
    await bed.send("t")
    await bed.serve()
    assert await bed.drain() == [("t", 4)]
    await refused(errno.ENOENT, bed.detach("t"))
    addr = bed.allocate(4)
    await bed.add([(addr, 4)], 1, 0, "t")
    await bed.detach("t")
    await refused(errno.ENOENT, bed.detach("t"))


@rule("OP-DET-08", "QRST-DEV-01", "QRST-DEV-02", "QRST-DRV-03", needs="ring reset")
async def a_buffer_is_taken_out_at_any_moment(bed: Bed) -> None:
    for instant in bed.instants:
        await bed.open()
        await bed.send(*TOKENS)
        await bed.begin(instant)
        gone, left = TOKENS[instant % 3], list(TOKENS)
        try:
            await bed.detach(gone)
        except OSError as error:
            assert error.errno == errno.ENOENT, error
        else:
            left.remove(gone)
        await bed.serve()
        assert await bed.drain() == [(token, 4) for token in left], f"moment {instant}"
        await bed.send(gone)
        await bed.serve()
        assert await bed.drain() == [(gone, 4)]
