# SPDX-License-Identifier: Apache-2.0
"""The rules of `get_buf`."""

from __future__ import annotations

import errno

from tests.conformance.beds import SIZE, Bed
from tests.conformance.checks import refused
from tests.conformance.rules import rule


@rule("OP-GET-01")
async def each_used_buffer_is_returned_once(bed: Bed) -> None:
    await bed.open()
    assert await bed.get() is None
    await bed.send("a", "b")
    assert await bed.get() is None, "the other end has not worked yet"
    await bed.serve()
    for token in "ab":
        used = await bed.get()
        assert used is not None and used.data == token
    assert await bed.get() is None
    assert await bed.get() is None


@rule("OP-GET-02", "VQ-XDEV-01")
async def the_length_is_what_was_written(bed: Bed) -> None:
    await bed.open()
    addr = bed.allocate(256)
    source, target = addr, addr + 64
    for out_bytes, in_bytes in ((0, 9), (9, 0), (5, 20), (20, 5), (33, 33), (1, 1)):
        data = bytes(range(100, 100 + out_bytes))
        bed.write(source, data)
        bed.write(target, b"\xee" * 64)
        sg = [(source, out_bytes)] * bool(out_bytes) + [(target, in_bytes)] * bool(in_bytes)
        await bed.add(sg, int(out_bytes > 0), int(in_bytes > 0), "t")
        await bed.sync()
        await bed.serve()
        length = min(out_bytes, in_bytes)
        assert await bed.drain() == [("t", length)]
        assert bed.read(target, 64) == data[:length] + b"\xee" * (64 - length)


@rule("OP-GET-03", "SPLIT-XDEV-02", "PACKED-XDEV-01")
async def the_queue_goes_round(bed: Bed) -> None:
    await bed.open()
    addr = bed.allocate(64)
    token = 0
    for lap in range(12):
        count = 1 + lap % SIZE
        first = token
        for _ in range(count):
            parts = 1 + (token % 2 and count <= SIZE // 2)
            await bed.add([(addr + 4 * n, 4) for n in range(parts)], parts, 0, token)
            token += 1
        await bed.sync()
        await bed.serve()
        assert await bed.drain() == [(number, 0) for number in range(first, token)]
    assert token > 4 * SIZE


async def broken_by(bed: Bed, token: object, length: int) -> None:
    """Let the other end return what it must not; see what the operations answer."""
    await bed.open(callback=lambda queue: True)
    await bed.send("published", room=5)
    addr = bed.allocate(16)
    await bed.add([(addr, 5)], 0, 1, "waiting")
    bed.forge(token, length)
    await refused(errno.EIO, bed.get())
    await refused(errno.EIO, bed.get())
    await refused(errno.EIO, bed.sync())
    await refused(errno.EIO, bed.restart())
    await refused(errno.EIO, bed.detach("waiting"))
    await refused(errno.EIO, bed.add([(addr, 1)], 1, 0, "x"))


@rule("OP-GET-04")
async def an_element_of_nobody_breaks_the_queue(bed: Bed) -> None:
    await broken_by(bed, None, 0)


@rule("OP-GET-05")
async def an_element_that_cannot_be_breaks_the_queue(bed: Bed) -> None:
    await broken_by(bed, "waiting", 0)
    await broken_by(bed, "published", 6)


@rule("OP-GET-06")
async def a_broken_queue_gives_its_tokens_back(bed: Bed) -> None:
    await broken_by(bed, None, 0)
    assert await bed.shutdown() == ["published", "waiting"]
    assert await bed.shutdown() == []
    await refused(errno.EIO, bed.get())


@rule("OP-GET-07")
async def a_broken_queue_runs_no_callback(bed: Bed) -> None:
    await broken_by(bed, None, 0)
    await bed.interrupt()
    assert bed.calls == 0
