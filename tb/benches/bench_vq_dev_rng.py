# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_dev_rng: every answer is what the model takes from the same source."""

from __future__ import annotations

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from pymodel.rng_function import RngFunction
from tb.benches.channels import Source, Word
from tb.benches.function_bench import (
    SLOW,
    Chain,
    FunctionBench,
    Pace,
    all_sizes,
    clocks_per_chain,
)

FAST = Pace()


class RngBench(FunctionBench):
    """The function with a source of random beats.

    Attributes:
        source: gives a beat in some percent of the clocks.
        given: beats that the model has not taken yet.
    """

    def __init__(self, dut: Any) -> None:
        super().__init__(dut, RngFunction(self.take, max_bytes=int(dut.MAX_BYTES.value)))
        self.model = RngFunction(
            self.take, max_bytes=int(dut.MAX_BYTES.value), data_w=8 * self.beat
        )
        self.levels = {"s_ent_tvalid": 0, "s_ent_tdata": 0}
        self.most = int(dut.MAX_BYTES.value)
        self.given: list[bytes] = []

    async def start(
        self, pace: Pace = FAST, live: int | None = None, source: int = 100, beats: int = 6000
    ) -> None:
        """Begin, with so many beats in the source."""
        await super().start(pace, live)
        self.source = Source(
            self.dut.clk,
            self.dut.s_ent_tvalid,
            self.dut.s_ent_tready,
            {"data": self.dut.s_ent_tdata},
            percent=source,
        )
        self.add(beats)

    def add(self, beats: int) -> None:
        """Put beats into the source; no byte of them is 0, to tell them from made-up zeros."""
        for _ in range(beats):
            self.given.append(bytes(random.randrange(1, 256) for _ in range(self.beat)))
            self.source.send({"data": int.from_bytes(self.given[-1], "little")})

    def kept(self, word: Word) -> bytes:
        """Return the bytes of a beat that was given."""
        data: int = word.value["data"]
        return data.to_bytes(self.beat, "little")[: word.value["keep"].bit_length()]

    def take(self, length: int) -> bytes:
        """Be the model's source."""
        assert length == self.beat
        return self.given.pop(0)


def test(**options: Any) -> Any:
    """A cocotb test with a deadline."""
    return cocotb.test(timeout_time=4, timeout_unit="ms", **options)


def noise(queue: int, size: int) -> bytes:
    """Readable bytes of a chain."""
    return random.randbytes(size)


@test()
@cocotb.parametrize(pace=SLOW, source=[100, 30])
async def every_size_is_filled(dut: Any, pace: Pace, source: int) -> None:
    """All pairs of sizes around beats, and around the most that is given at once."""
    bench = RngBench(dut)
    await bench.start(pace, source=source)
    chains = all_sizes(bench, noise)
    for around in (bench.most - 1, bench.most, bench.most + 1, 1 << 16, (1 << 32) - 1):
        chains.append(Chain(random.randrange(bench.queues), noise(0, 3), around))
    random.shuffle(chains)
    for chain in chains:
        bench.send(chain)
    await bench.finish(limit=60000)
    taken = len(bench.source.taken)
    assert 6000 - taken == len(bench.given), "beats were thrown away"


@test()
async def an_answer_waits_for_its_bytes(dut: Any) -> None:
    """Without entropy nothing is given but the response, and nothing is made up."""
    bench = RngBench(dut)
    await bench.start(beats=0)
    bench.send(Chain(0, b"", bench.most))
    bench.send(Chain(0, b"", 1))
    await bench.clocks(200)
    assert not bench.out.words and len(bench.rsp.words) == 1
    bench.add(1)
    await bench.clocks(50)
    assert len(bench.out.words) == 1
    bench.add(-(-bench.most // bench.beat))
    await bench.finish()


@test()
@cocotb.parametrize(trial=[1, 2, 3])
async def a_queue_that_stops_gets_its_chains_back(dut: Any, trial: int) -> None:
    """With a dry source all the same: what is missing is zeros, which nobody sees."""
    bench = RngBench(dut)
    everything = (1 << bench.queues) - 1
    await bench.start(Pace(70, 60, 50, 50), beats=3, source=50)
    for _ in range(6):
        bench.send(Chain(0, noise(0, random.randrange(20)), random.randint(0, 2 * bench.most)))
    await bench.clocks(random.randrange(20, 120))
    bench.drop(0)
    bench.set_live(everything & ~1)
    for _ in range(40 * (bench.most // bench.beat + 50)):
        if bench._finished():
            break
        await RisingEdge(dut.clk)
    assert bench._finished(), "a chain was not returned"
    for chain, word in zip(bench.started, bench.rsp.words):
        assert word.value == {"tag": chain.tag, "len": min(chain.writable, bench.most)}
    assert sum(word.value["last"] for word in bench.out.words) == sum(
        word.value["len"] > 0 for word in bench.rsp.words
    )
    fresh = [kept for kept in (bench.kept(word) for word in bench.out.words) if any(kept)]
    assert fresh == [beat[: len(kept)] for beat, kept in zip(bench.given, fresh)]
    assert len(bench.source.taken) == len(fresh)


@test()
async def chains_follow_each_other(dut: Any) -> None:
    """Three clocks beside the beats of an answer, and those of a packet."""
    bench = RngBench(dut)
    await bench.start()
    await bench.clocks(bench.queues + 8)
    beats = -(-bench.most // bench.beat)
    chains = [Chain(0, b"", bench.most) for _ in range(100 if beats < 100 else 5)]
    assert await clocks_per_chain(bench, chains) == beats + 3
    chains = [Chain(0, b"", 0) for _ in range(100)]
    assert await clocks_per_chain(bench, chains) == 3
    chains = [Chain(0, noise(0, 2 * bench.beat), 1) for _ in range(100)]
    assert await clocks_per_chain(bench, chains) <= 6


@test()
async def many_queues_share_the_source(dut: Any) -> None:
    """Queues stop and start while others are served."""
    bench = RngBench(dut)
    everything = (1 << bench.queues) - 1
    await bench.start(Pace(80, 60, 60, 60))
    for _ in range(5):
        for _ in range(30):
            bench.send(Chain(random.randrange(bench.queues), noise(0, 20), 20))
        await bench.clocks(random.randrange(10, 40))
        stopped = random.getrandbits(bench.queues)
        for queue in range(bench.queues):
            if stopped >> queue & 1:
                bench.drop(queue)
        bench.set_live(everything & ~stopped)
        await bench.finish()
        bench.set_live(everything)
        await bench.clocks(2 * bench.queues + 4)
