# SPDX-License-Identifier: Apache-2.0
"""The rules of `add_buf` and `sync`."""

from __future__ import annotations

import errno
from typing import Any

from tests.conformance.beds import SIZE, Bed
from tests.conformance.checks import changes, refused
from tests.conformance.rules import rule


@rule("OP-ADD-01", "SPLIT-DRV-02", "PACKED-DRV-08", "PACKED-DEV-08", "SPLIT-XDEV-05")
async def segments_are_read_and_written_in_their_order(bed: Bed) -> None:
    await bed.open()
    data = bytes(range(1, 61))
    for out, back in (((60,), (60,)), ((7, 52, 1), (1, 30, 29)), ((30, 30), (60,))):
        addr = bed.allocate(256)
        sources = [(addr + sum(out[:n]) + n, length) for n, length in enumerate(out)]
        targets = [(addr + 128 + sum(back[:n]) + 2 * n, length) for n, length in enumerate(back)]
        at = 0
        for place, length in sources:
            bed.write(place, data[at : at + length])
            at += length
        await bed.add([*sources, *targets], len(sources), len(targets), "t")
        await bed.sync()
        await bed.serve()
        assert await bed.drain() == [("t", 60)]
        assert b"".join(bed.read(place, length) for place, length in targets) == data


@rule("OP-ADD-02", "SPLIT-DRV-26", "SPLIT-DRV-28")
async def nothing_shows_before_sync(bed: Bed) -> None:
    await bed.open()
    for token in range(3):
        addr = bed.allocate(8)
        await bed.add([(addr, 4), (addr + 4, 4)], 1, 1, token)
        before = bed.state()
        await bed.kick()
        assert bed.seen() == 0
        assert bed.state()[1] == before[1]
        assert await bed.get() is None
    assert bed.notified == 0
    await bed.sync()
    await bed.serve()
    assert await bed.drain() == [(token, 4) for token in range(3)]


async def fill(bed: Bed, first: int = 0) -> int:
    """Add buffers of one byte until one is refused for want of space; return how many."""
    addr, count = bed.allocate(1), 0
    while True:
        before = bed.state()
        try:
            await bed.add([(addr, 1)], 1, 0, first + count)
        except OSError as error:
            assert error.errno == errno.ENOSPC, error
            assert not changes(before, bed.state())
            return count
        count += 1


@rule("OP-ADD-03", "PACKED-DRV-09", "PACKED-DRV-10")
async def a_full_queue_takes_one_more_once_another_was_collected(bed: Bed) -> None:
    await bed.open()
    count = await fill(bed)
    assert count
    await bed.sync()
    assert await fill(bed, count) == 0, "published ones take their place until they are collected"
    await bed.serve()
    assert await fill(bed, count) == 0, "so do used ones"
    assert await bed.get() == (0, 0)
    if bed.cost(2) > 1:
        addr, before = bed.allocate(2), bed.state()
        await refused(errno.ENOSPC, bed.add([(addr, 1), (addr + 1, 1)], 1, 1, "two"))
        assert not changes(before, bed.state())
    assert await fill(bed, count) == 1
    await bed.sync()
    await bed.serve()
    assert await bed.drain() == [(token, 0) for token in range(1, count + 1)]


@rule("OP-ADD-04", "SPLIT-DRV-08", "PACKED-DRV-07")
async def a_buffer_longer_than_the_queue_is_refused(bed: Bed) -> None:
    await bed.open(size=4)
    addr, before = bed.allocate(8), bed.state()
    await refused(errno.ENOSPC, bed.add([(addr + n, 1) for n in range(5)], 5, 0, "long"))
    await refused(errno.ENOSPC, bed.add([(addr + n, 1) for n in range(5)], 2, 3, "long"))
    assert not changes(before, bed.state())
    await bed.add([(addr + n, 1) for n in range(4)], 2, 2, "fits")
    await bed.sync()
    await bed.serve()
    assert await bed.drain() == [("fits", 2)]


@rule("OP-ADD-05", needs="indirect")
async def an_indirect_buffer_costs_one_descriptor(bed: Bed) -> None:
    await bed.open()
    addr = bed.allocate(64)
    segments = [(addr + 8 * n, 3) for n in range(6)]
    for token in range(SIZE):
        await bed.add(segments, 3, 3, token)
    before = bed.state()
    await refused(errno.ENOSPC, bed.add(segments, 3, 3, "more"))
    assert not changes(before, bed.state())
    await bed.sync()
    await bed.serve()
    assert await bed.drain() == [(token, 9) for token in range(SIZE)]


async def bad(bed: Bed, *arguments: tuple[Any, ...]) -> None:
    """Hand in what must be EINVAL; nothing changes, and the queue goes on."""
    await bed.open()
    addr = bed.allocate(8)
    await bed.add([(addr, 1)], 1, 0, "there")
    before = bed.state()
    for segments, out_num, in_num, token in arguments:
        await refused(errno.EINVAL, bed.add(segments, out_num, in_num, token))
        assert not changes(before, bed.state())
    await bed.sync()
    await bed.serve()
    assert await bed.drain() == [("there", 0)]


@rule("OP-ADD-06")
async def segments_match_their_counts(bed: Bed) -> None:
    one = (0x100, 1)
    await bad(
        bed,
        ([], 0, 0, "t"),
        ([one], 1, 1, "t"),
        ([one], 0, 0, "t"),
        ([one, one], 1, 0, "t"),
        ([one], 2, -1, "t"),
        ([one], -1, 2, "t"),
    )


@rule("OP-ADD-07", "SPLIT-DRV-04")
async def segments_have_bytes_that_exist(bed: Bed) -> None:
    most = (1 << 32) - 1
    await bad(
        bed,
        ([(0x100, 0)], 1, 0, "t"),
        ([(0x100, 1), (0x200, 0)], 1, 1, "t"),
        ([(0x100, -1)], 0, 1, "t"),
        ([(0x100, most + 1)], 1, 0, "t"),
        ([((1 << 64) - 1, 2)], 1, 0, "t"),
        ([(-1, 2)], 1, 0, "t"),
        ([(0, most), (0x100, 1)], 2, 0, "t"),
        ([(0, most), (0x100, 2)], 1, 1, "t"),
    )


@rule("OP-ADD-08")
async def tokens_name_one_buffer(bed: Bed) -> None:
    one = [(0x100, 1)]
    await bad(bed, (one, 1, 0, None), (one, 1, 0, []), (one, 1, 0, "there"))
    await bed.open()
    await bed.send("t")
    for _ in range(2):  # published, then used
        await refused(errno.EINVAL, bed.add(one, 1, 0, "t"))
        await bed.serve()
    assert await bed.drain() == [("t", 4)]


@rule("OP-ADD-09")
async def a_refused_buffer_changes_nothing(bed: Bed) -> None:
    """Beside the checks of each refusal: what is added after it is as if it had not been."""
    states = []
    for refusals in (False, True):
        await bed.open()
        count = 0
        addr = bed.allocate(64)
        while True:
            if refusals:
                await refused(errno.EINVAL, bed.add([(addr, 0)], 1, 0, "bad"))
                await refused(errno.EINVAL, bed.add([(addr, 1)], 1, 0, None))
                if not bed.kind.port:
                    await refused(errno.ENOSPC, bed.add([(addr, 1)] * (SIZE + 1), 1, SIZE, "long"))
            try:
                await bed.add([(addr, 3), (addr + 8, 3)], 1, 1, count)
            except OSError as error:
                assert error.errno == errno.ENOSPC, error
                break
            count += 1
            await bed.sync()
        states.append(bed.state())
        await bed.serve()
        assert await bed.drain() == [(token, 3) for token in range(count)]
        states.append(bed.state())
    assert not changes(states[0], states[2])
    assert not changes(states[1], states[3])


@rule("OP-ADD-10")
async def a_token_serves_again(bed: Bed) -> None:
    await bed.open()
    for _ in range(3 * SIZE):
        await bed.send("t")
        await bed.serve()
        assert await bed.drain() == [("t", 4)]


@rule("OP-SYNC-01", "SPLIT-DRV-28", "PACKED-DEV-01")
async def what_was_added_is_published_in_order(bed: Bed) -> None:
    await bed.open()
    token = 0
    for count in (1, 3, 4, 2):
        addr = bed.allocate(16)
        first = token
        for _ in range(count):
            await bed.add([(addr, 1)], 1, 0, token)
            token += 1
        await bed.sync()
        await bed.serve()
        assert await bed.drain() == [(number, 0) for number in range(first, token)]


@rule("OP-SYNC-02", "SPLIT-DRV-28", "PACKED-DRV-11", "PACKED-DRV-16")
async def a_batch_shows_at_once(bed: Bed) -> None:
    seen: list[int] = []
    await bed.open()
    addr = bed.allocate(16)
    for token in range(3):
        await bed.add([(addr, 1)], 1, 0, token)
    bed.hook(lambda: seen.append(bed.seen()))
    await bed.sync()
    bed.hook(None)
    assert set(seen) <= {0, 3} and seen == sorted(seen), seen
    assert bed.seen() == 3


@rule("OP-SYNC-03", "SPLIT-DRV-28")
async def a_batch_is_told_once(bed: Bed) -> None:
    await bed.open()
    for count in (1, 3):
        before = bed.notified
        await bed.send(*range(count))
        assert bed.notified == before + 1
        await bed.serve()
        assert len(await bed.drain()) == count


@rule("OP-SYNC-04", "SPLIT-DRV-20", "SPLIT-DRV-21", "SPLIT-DRV-22", "PACKED-XDEV-11", needs="flags")
async def no_notification_where_none_is_wanted(bed: Bed) -> None:
    for wanted in (False, True):
        await bed.open()
        bed.ask(wanted)
        await bed.send("t")
        assert bed.notified == wanted
        await bed.kick()
        await bed.serve()
        assert await bed.drain() == [("t", 4)]


@rule(
    "OP-SYNC-05",
    "SPLIT-DRV-23",
    "SPLIT-DRV-24",
    "SPLIT-DRV-25",
    "PACKED-XDEV-11",
    needs="event index",
)
async def the_event_decides_over_the_whole_batch(bed: Bed) -> None:
    for ahead, expected in ((0, 1), (1, 1), (2, 1), (3, 0), (-1, 0)):
        await bed.open()
        bed.ask_at(ahead)
        addr = bed.allocate(16)
        for token in range(3):
            await bed.add([(addr, 1)], 1, 0, token)
        await bed.sync()
        assert bed.notified == expected, ahead


@rule("OP-SYNC-06")
async def an_empty_sync_does_nothing(bed: Bed) -> None:
    await bed.open()
    steps: list[int] = []
    bed.hook(lambda: steps.append(1))
    for round_ in range(3):
        before, notified = bed.state(), bed.notified
        steps.clear()
        await bed.sync()
        assert not changes(before, bed.state())
        assert (bed.notified, steps) == (notified, [])
        bed.hook(None)
        await bed.send(round_)
        await bed.serve()
        assert await bed.drain() == [(round_, 4)]
        bed.hook(lambda: steps.append(1))
