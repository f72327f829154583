# SPDX-License-Identifier: Apache-2.0
"""The block device as `make sim TEST=blk` shows it, compared with the model after each operation.

On a disk in memory: requests of every kind at random, then the recorded Linux trace with real
data: each write has bytes of its own, and each read must return what was written last. On an
image file (TB_IMAGE): its sectors are read, some are overwritten, flushed, checked in the file,
and put back, so that the image ends as it was.

From the environment: TB_OPERATIONS, how many at random; TB_CHAINS, how many of the trace;
TB_REQUEST_BYTES, most data of one of its requests; TB_SECTORS, how many of an image to read.
"""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path
from typing import Any

import cocotb

from pymodel import TraceChain, read_trace
from pymodel.blk_function import HEADER, SECTOR, RequestType
from tb.blk.worlds import SERIAL, SLOT, BlkPair, blk_pair
from tb.native_memory import latency
from tb.replay import FOLDER
from tb.screen import progress, say, tallied

TRACE = "linux-6.1-virtio-blk-ext4.jsonl"
TRACE_SECTORS = 64 << 11  # 64 MiB
MEMORY = 8 << 20
DEADLINE = 4_000_000  # cycles; the trace has requests of more than a megabyte
READ_SECTORS = 64  # of an image, at a time
REPORT_EVERY = 10


def number_of(name: str, default: int) -> int:
    """Return a number from the environment."""
    return int(os.environ.get(name, str(default)))


async def random_operations(world: BlkPair, count: int, sectors: int) -> None:
    """Do things at random on the first sectors."""
    queues = len(world.pair.rtl.driver(SLOT).queues)  # type: ignore[attr-defined]
    for done in range(count):
        if done % REPORT_EVERY == 0:
            progress(done, count, "operations, equal so far")
        length = random.choice([1, 2, 8, random.randint(1, 40)])
        sector = random.randint(0, sectors - length)
        queue = random.randrange(queues)
        kind = random.choice(["read", "read", "write", "write", "flush", "zeroes", "discard"])
        if kind == "read":
            data = await world.call("read", sector, length, queue)
            assert data == world.disk.read(sector, length)
        elif kind == "write":
            data = random.randbytes(length * SECTOR)
            await world.call("write", sector, data, queue)
        elif kind == "flush":
            await world.call("flush", queue)
        elif kind == "zeroes":
            await world.call("write_zeroes", sector, length)
        else:
            await world.call("discard", sector, length)


def cut(chain: TraceChain, most: int) -> tuple[list[int], list[int], list[int]]:
    """Return the lengths of a chain's data segments with at most `most` bytes, and all offsets."""
    lengths: tuple[list[int], list[int]] = ([], [])
    offsets: list[int] = []
    parts = (chain.out[1:], chain.in_[:-1])
    for number, segments in enumerate(parts):
        offsets += [chain.out[0].offset] if number == 0 else []
        for segment in segments:
            length = min(segment.length, most - sum(lengths[number]))
            if length > 0:
                lengths[number].append(length)
                offsets.append(segment.offset)
    offsets.append(chain.in_[-1].offset)
    return (*lengths, offsets)


async def replay(world: BlkPair, chains: int, most: int) -> None:
    """Replay the recorded requests as they lay in memory, with data."""
    trace = read_trace(FOLDER / TRACE)
    for done, chain in enumerate(trace.chains[:chains]):
        if done % REPORT_EVERY == 0:
            progress(done, min(chains, len(trace.chains)), "recorded requests, equal so far")
        kind, _, sector = HEADER.unpack(chain.head)
        out, back, offsets = cut(chain, most)
        data = [random.randbytes(length) for length in out]
        readable, writable = [chain.head, *data], [*back, 1]
        expected = world.disk.read(sector, sum(back) // SECTOR) if kind == RequestType.IN else b""
        used, got = await world.call("ask", chain.queue, readable, writable, offsets)
        assert used == sum(writable) and got[-1] == 0, f"request {done}: {used}, {got[-1]}"
        if kind == RequestType.IN:
            assert got[:-1] == expected, f"request {done} read something else"
        elif kind == RequestType.OUT:
            assert world.disk.read(sector, sum(out) // SECTOR) == b"".join(data)
        assert most < chain.used or used == chain.used


@cocotb.test(timeout_time=1, timeout_unit="sec")
async def requests_agree_with_the_model(dut: Any) -> None:
    """Random requests, then the recorded ones; or an image."""
    if os.environ.get("TB_IMAGE"):
        await on_image(dut, Path(os.environ["TB_IMAGE"]))
        return
    content = random.randbytes(1 << 20) + bytes(TRACE_SECTORS * SECTOR - (1 << 20))
    world = await blk_pair(dut, content, latency(20), memory=MEMORY, queues=64)
    world.pair.rtl.deadline = DEADLINE
    with tallied(world.pair.tally):
        name = await world.call("get_id")
        assert name == SERIAL.decode()
        say(f"  disk {name!r} of {world.native.sectors} sectors in memory, {world.queues} queues")
        await random_operations(world, number_of("TB_OPERATIONS", 100), 1 << 11)
        before = world.disk.dirty
        await replay(world, number_of("TB_CHAINS", 1 << 30), number_of("TB_REQUEST_BYTES", 1 << 30))
        world.bench.dump(True)
        await world.call("flush")
        assert not world.native.dirty, before
        counts = world.native.counters()
        say(
            f"  {counts.reads} reads, {counts.writes} writes, {counts.flushes} flushes; "
            "the disks are equal, and so is what is stable of them"
        )


async def on_image(dut: Any, image: Path) -> None:
    """Read an image, change it, look at the file, and put the old sectors back."""
    world = await blk_pair(dut, image, latency(20), memory=MEMORY)
    tally = world.pair.tally
    before = hashlib.sha256(image.read_bytes()).hexdigest()
    sectors = world.native.sectors
    wanted = min(sectors, number_of("TB_SECTORS", 1 << 13))
    with tallied(tally):
        say(f"  {image}: {sectors} sectors; reading {wanted}")
        for at in range(0, wanted, READ_SECTORS):
            progress(at, wanted, "sectors read, equal so far")
            count = min(READ_SECTORS, wanted - at)
            data = await world.call("read", at, count)
            assert data == world.disk.read(at, count)
        places = sorted(random.sample(range(sectors), min(sectors, number_of("TB_WRITES", 20))))
        old = {sector: world.disk.read(sector, 1) for sector in places}
        new = {sector: random.randbytes(SECTOR) for sector in places}
        for what, bytes_of in (("overwritten", new), ("put back", old)):
            for sector in places:
                await world.call("write", sector, bytes_of[sector])
            unchanged = image.read_bytes()
            await world.call("flush")
            changed = image.read_bytes()
            assert changed == world.disk.now != unchanged
            say(f"  {len(places)} sectors {what}; the file has them after the flush only")
        assert hashlib.sha256(image.read_bytes()).hexdigest() == before
        say(f"  the image is as it was: sha256 {before[:16]}...")
