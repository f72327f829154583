# SPDX-License-Identifier: Apache-2.0
"""Recorded traffic of real drivers, replayed through the engine and checked byte by byte.

Every chain of a recording is added as it was: the segments' lengths and their offsets in a page,
direct or as an indirect table, in batches of one `sync` for what was taken on one notification.
The test device answers. As a loopback it returns what it read, as far as the writable segments
go; in pattern mode it checks all readable bytes and fills all writable ones.

From the environment: TB_TRACE, the recording (a file of tests/traces); TB_MODE, "loopback" or
"pattern"; TB_SEGMENT_BYTES, cut segments to so many bytes (for slow simulators); TB_CHAINS,
replay so many from the start. The latter two may be missing: whole.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import cocotb

from pymodel import Feature, Trace, TraceChain, pattern_bytes, read_trace
from pymodel.registers import Config
from pymodel.traces import PAGE_BYTES
from tb.bench import Bench
from tb.comparison import Comparison
from tb.player import parameters
from tb.screen import progress, tallied
from tb.worlds import Setup

FOLDER = Path(__file__).resolve().parent.parent / "tests" / "traces"
MODES = ("loopback", "pattern")
SPARE_BYTES = 1 << 18  # for rings and tables, on top of the largest batch of buffers
TABLE_BYTES = 1 << 16
DEADLINE_PER_BYTE = 4  # cycles for the engine to become idle, beyond what is usual
WAVES_BYTES = 1 << 15  # waves are written of the last chains, up to so much data
Segments = list[tuple[int, int]]


class DataError(AssertionError):
    """Bytes or lengths are not what the recording and the device's mode say."""


def cut(chain: TraceChain, limit: int) -> TraceChain:
    """Return a chain with segments of at most `limit` bytes; 0 means as they are."""
    if not limit:
        return chain
    parts = [
        tuple(segment._replace(length=min(segment.length, limit)) for segment in segments)
        for segments in (chain.out, chain.in_)
    ]
    return chain._replace(out=parts[0], in_=parts[1])


def room(chain: TraceChain) -> int:
    """Return the bytes of whole pages that a chain's segments take."""
    return sum(
        -(-(segment.offset + segment.length) // PAGE_BYTES) * PAGE_BYTES
        for segment in chain.out + chain.in_
    )


def batches(chains: list[TraceChain]) -> list[list[TraceChain]]:
    """Return the chains by notification."""
    return [list(group) for _, group in itertools.groupby(chains, lambda chain: chain.kick)]


class Replay:
    """One recording on its way through both worlds.

    Args:
        bench: the started bench.
        trace: the recording.
        pattern: pattern mode rather than loopback.
        limit: cut segments to so many bytes, 0 for not.
        chains: how many chains, None for all.
        device: parameters of the model device.
    """

    def __init__(
        self,
        bench: Bench,
        trace: Trace,
        pattern: bool,
        limit: int,
        chains: Optional[int],
        **device: Any,
    ) -> None:
        self.pattern = pattern
        self.trace = trace
        self.batches = batches([cut(chain, limit) for chain in trace.chains[:chains]])
        self.bytes_left = sum(
            segment.length
            for batch in self.batches
            for chain in batch
            for segment in chain.out + chain.in_
        )
        largest = max(sum(map(room, batch)) for batch in self.batches)
        known = (Feature.INDIRECT_DESC, Feature.EVENT_IDX)
        bits = [feature for feature in known if feature.bit_length() - 1 in trace.features]
        setup = Setup(
            sizes=trace.queue_sizes,
            features=Feature(sum(bits)),
            indirect="never",  # each chain says for itself
            memory=-(-(largest + SPARE_BYTES + len(trace.queue_sizes) * TABLE_BYTES) // 64) * 64,
            tables=TABLE_BYTES,
            pattern=pattern,
            callback=lambda world, queue: True,
        )
        self.bench = bench
        self.comparison = Comparison(bench, setup, **device)
        self.comparison.rtl.deadline += DEADLINE_PER_BYTE * largest
        self.numbers = [0] * len(trace.queue_sizes)  # chains so far, by queue
        self.tokens = 0

    async def play(self) -> None:
        """Replay everything, then compare the registers."""
        tally = self.comparison.tally
        total = sum(map(len, self.batches))
        done = 0
        await self.comparison.start()
        for batch in self.batches:
            await self.play_batch(batch)
            done += len(batch)
            moved = (tally.bytes_in + tally.bytes_out) / 1e6
            progress(done, total, f"chains, {moved:.1f} MB, {tally.cycles} cycles, equal so far")
        await self.comparison.finish()
        errors = await self.bench.read32(Config.SINK_ERRORS)
        if self.pattern and errors:
            raise DataError(f"{errors} readable bytes reached the device with other values")

    async def play_batch(self, batch: list[TraceChain]) -> None:
        """Add the chains of one notification, publish, collect and check them."""
        if self.bytes_left <= WAVES_BYTES:
            self.bench.dump(True)
        added = [await self.add(chain) for chain in batch]
        for queue in sorted({chain.queue for chain in batch}):
            await self.comparison.sync(queue)
        for chain, (token, segments, expected, length) in zip(batch, added):
            used = await self.comparison.get(chain.queue)
            where = f"chain {token} of queue {chain.queue}"
            if used is None or used.data != token:
                raise DataError(f"{where} is due, and {used} was returned")
            if used.length != length:
                raise DataError(f"{where}: {used.length} bytes written, {length} expected")
            writable = segments[len(chain.out) :]
            self.check(where, writable, expected)
            for addr, _ in self.pages(segments):
                self.comparison.free(addr)
            self.bytes_left -= sum(size for _, size in segments)

    async def add(self, chain: TraceChain) -> tuple[int, Segments, bytes, int]:
        """Add a chain; return token, segments, the writable bytes to come, and their number."""
        self.tokens += 1
        segments = [
            (self.comparison.allocate(offset + length, PAGE_BYTES) + offset, length)
            for offset, length in chain.out + chain.in_
        ]
        outs, ins = segments[: len(chain.out)], segments[len(chain.out) :]
        readable, writable = (sum(length for _, length in part) for part in (outs, ins))
        number = self.numbers[chain.queue]
        self.numbers[chain.queue] += 1
        data = self.payload(chain, number, readable)
        for addr, piece in pieces(outs, data):
            self.comparison.write(addr, piece)
        if self.pattern:
            length, answer = writable, pattern_bytes(chain.queue, number, writable)
        else:
            length = min(readable, writable)
            before = b"".join(self.bench.memory.read(addr, size) for addr, size in ins)
            answer = data[:length] + before[length:]
        await self.comparison.add(
            chain.queue, segments, len(outs), len(ins), self.tokens, bool(chain.indirect)
        )
        return self.tokens, segments, answer, length

    def payload(self, chain: TraceChain, number: int, length: int) -> bytes:
        """Return a chain's readable bytes: as recorded as far as they were, then random ones."""
        if self.pattern:
            return pattern_bytes(chain.queue, number, length)
        head = chain.head[:length]
        return head + random.randbytes(length - len(head))

    def check(self, where: str, segments: Segments, expected: bytes) -> None:
        """Compare writable bytes in the RTL's memory with what must be in them."""
        for addr, wanted in pieces(segments, expected):
            found = self.bench.memory.read(addr, len(wanted))
            if found != wanted:
                at = next(i for i, (x, y) in enumerate(zip(found, wanted)) if x != y)
                raise DataError(
                    f"{where}: bytes from {addr + at:#x} on are {found[at : at + 16].hex()}, "
                    f"{wanted[at : at + 16].hex()} expected"
                )

    @staticmethod
    def pages(segments: Segments) -> Segments:
        """Return what was allocated for segments."""
        return [(addr - addr % PAGE_BYTES, length) for addr, length in segments]


def pieces(segments: Segments, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the part of the data that belongs into each segment, with its address."""
    at = 0
    for addr, length in segments:
        yield addr, data[at : at + length]
        at += length


@cocotb.test(timeout_time=1, timeout_unit="sec")
async def recorded_traffic_passes_with_every_byte_right(dut: Any) -> None:
    """The recording that the environment names: equal to the model after every operation."""
    bench = Bench(dut)
    await bench.start()
    mode = os.environ.get("TB_MODE", MODES[0])
    if mode not in MODES:
        raise ValueError(f"TB_MODE={mode}: it is one of {', '.join(MODES)}")
    replay = Replay(
        bench,
        read_trace(FOLDER / os.environ["TB_TRACE"]),
        pattern=mode == "pattern",
        limit=int(os.environ.get("TB_SEGMENT_BYTES", "0")),
        chains=int(os.environ["TB_CHAINS"]) if "TB_CHAINS" in os.environ else None,
        **await parameters(bench),
    )
    with tallied(replay.comparison.tally):
        await replay.play()
