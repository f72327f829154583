# SPDX-License-Identifier: Apache-2.0
"""Bench for device functions: the engine's side of their boundary, and its rules.

The stand-in for the engine starts chains as credits and free tags allow, gives their packets and
takes the answers; `finish` holds all that came against the golden model's function.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import ClockCycles, RisingEdge

from pymodel.functions import DeviceFunction
from tb.benches.channels import Sink, Source, Word, start_clock


@dataclass
class Chain:
    """One chain as the function sees it.

    Attributes:
        queue: its queue.
        readable: bytes given to the function.
        writable: bytes that it may answer with.
        damaged: the packet ends with `tuser`.
        damaged_from: the beat from which on it has `tuser`, -1 for the last.
        tag: while it is in the function.
    """

    queue: int
    readable: bytes
    writable: int
    damaged: bool = False
    damaged_from: int = -1
    tag: int = 0


@dataclass(frozen=True)
class Pace:
    """Chance per clock of each channel to move, in percent."""

    req: int = 100
    data: int = 100
    rsp: int = 100
    out: int = 100


SLOW = (Pace(), Pace(rsp=20), Pace(out=40), Pace(data=40), Pace(50, 70, 50, 70))


class FunctionBench:
    """A device function with the engine's side around it.

    Args:
        dut: the function.
        model: the golden model's function.
    """

    def __init__(self, dut: Any, model: DeviceFunction) -> None:
        self.dut, self.model = dut, model
        self.queues, self.chains = int(dut.QUEUES.value), int(dut.CHAINS.value)
        self.beat = int(dut.DATA_W.value) // 8
        self.granted = self.chains
        self.levels: dict[str, int] = {}  # further inputs, and what they are from the start
        self.live = 0
        self.credits: Counter[int] = Counter()  # per queue, as the engine counts them
        self.started: list[Chain] = []
        self._waiting: deque[Chain] = deque()
        self._inside: Counter[int] = Counter()  # chains in the function, per queue
        self._answers = self._packets = 0  # responses taken, packets still to come for them
        self._judged = self._judged_beats = 0
        self._free_tags: deque[int] = deque()
        self._packet_ends: list[int] = []  # number of the last beat of each packet given

    async def start(self, pace: Pace = Pace(), live: int | None = None) -> None:
        """Reset, then make queues live: those in the mask `live`, by default all."""
        dut = self.dut
        names = ["req_queue", "req_tag", "req_readable", "req_writable", "req_valid"]
        names += ["axis_tdata", "axis_tkeep", "axis_tlast", "axis_tuser", "axis_tvalid", "live"]
        inputs = {f"s_{name}": 0 for name in names}
        inputs |= {"m_rsp_ready": 0, "m_axis_tready": 0}
        extra = ("s_other_queue", "s_other_valid", "s_cfg_addr", "s_cfg_wdata", "s_cfg_wstrb")
        inputs |= {name: 0 for name in (*extra, "s_cfg_write") if hasattr(dut, name)}
        inputs |= self.levels
        await start_clock(dut, inputs)
        clk = dut.clk
        fields = ("queue", "tag", "readable", "writable")
        self.req = Source(
            clk,
            dut.s_req_valid,
            dut.s_req_ready,
            {name: getattr(dut, f"s_req_{name}") for name in fields},
            percent=pace.req,
        )
        self.data = Source(
            clk,
            dut.s_axis_tvalid,
            dut.s_axis_tready,
            {
                "data": dut.s_axis_tdata,
                "keep": dut.s_axis_tkeep,
                "last": dut.s_axis_tlast,
                "user": dut.s_axis_tuser,
            },
            percent=pace.data,
        )
        self.rsp = Sink(
            clk,
            dut.m_rsp_valid,
            dut.m_rsp_ready,
            self.response_fields(),
            percent=pace.rsp,
        )
        self.out = Sink(
            clk,
            dut.m_axis_tvalid,
            dut.m_axis_tready,
            {"data": dut.m_axis_tdata, "keep": dut.m_axis_tkeep, "last": dut.m_axis_tlast},
            percent=pace.out,
            lanes=("data", "keep"),
        )
        self.credit = Sink(
            clk,
            dut.m_credit_valid,
            None,
            {"queue": dut.m_credit_queue, "count": dut.m_credit_count},
        )
        self._free_tags.extend(random.sample(range(self.chains), self.chains))
        self.set_live((1 << self.queues) - 1 if live is None else live)
        cocotb.start_soon(self._engine())

    def response_fields(self) -> dict[str, Any]:
        """Return the handles of a response's fields."""
        return {"tag": self.dut.m_rsp_tag, "len": self.dut.m_rsp_len}

    async def clocks(self, count: int) -> None:
        """Wait."""
        await ClockCycles(self.dut.clk, count)

    def set_live(self, live: int) -> None:
        """Drive `s_live`; a queue that stops loses its credits."""
        for queue in range(self.queues):
            if not live >> queue & 1:
                self.credits[queue] = 0
        self.live = live
        self.dut.s_live.value = live

    def send(self, chain: Chain) -> None:
        """Start a chain after those that wait, when there is credit and a tag."""
        self._waiting.append(chain)

    def drop(self, queue: int) -> None:
        """Forget the chains of a queue that wait."""
        self._waiting = deque(chain for chain in self._waiting if chain.queue != queue)

    async def _engine(self) -> None:
        credits_seen = beats_seen = 0
        lately: deque[int] = deque(maxlen=2)  # queues live in the last clocks
        tags: dict[int, int] = {}  # tag to queue
        while True:
            await RisingEdge(self.dut.clk)
            for word in self.credit.words[credits_seen:]:
                credits_seen += 1
                queue = word.value["queue"]
                live = any(each >> queue & 1 for each in (self.live, *lately))
                assert live, f"credit for queue {queue}, which had stopped"
                if self.live >> queue & 1:
                    self.credits[queue] += word.value["count"]
            lately.append(self.live)
            for word in self.rsp.words[self._answers :]:
                self._answers += 1
                self._packets += word.value["len"] > 0
                queue = tags.pop(word.value["tag"])
                self._inside[queue] -= 1
                self._free_tags.append(word.value["tag"])
            for word in self.out.words[beats_seen:]:
                beats_seen += 1
                self._packets -= word.value["last"]
            for queue in range(self.queues):  # answered ones may be credited 3 clocks early
                total = self.credits[queue] + self._inside[queue]
                assert total <= self.granted + 3, f"queue {queue} has {total} chains granted"
            if self._waiting and self._free_tags and self.req.waiting < 2:
                chain = self._waiting[0]
                if self.credits[chain.queue] > 0 and self.live >> chain.queue & 1:
                    self._waiting.popleft()
                    self.credits[chain.queue] -= 1
                    self._inside[chain.queue] += 1
                    chain.tag = self._free_tags.popleft()
                    tags[chain.tag] = chain.queue
                    self._give(chain)

    def _give(self, chain: Chain) -> None:
        self.started.append(chain)
        self.req.send(
            {
                "queue": chain.queue,
                "tag": chain.tag,
                "readable": len(chain.readable),
                "writable": chain.writable,
            }
        )
        beats = -(-len(chain.readable) // self.beat)
        for at in range(0, len(chain.readable), self.beat):
            part = chain.readable[at : at + self.beat]
            last = at + self.beat >= len(chain.readable)
            junk = random.randbytes(self.beat - len(part))  # beyond tkeep
            self.data.send(
                {
                    "data": int.from_bytes(part + junk, "little"),
                    "keep": (1 << len(part)) - 1,
                    "last": last,
                    "user": chain.damaged and at // self.beat >= chain.damaged_from % beats,
                }
            )
        before = self._packet_ends[-1] if self._packet_ends else -1
        self._packet_ends.append(before + beats)

    async def finish(self, limit: int = 20000) -> None:
        """Wait until every chain is answered, then judge all since the last time.

        Args:
            limit: clocks to wait at most.
        """
        for _ in range(limit):
            if self._finished():
                break
            await RisingEdge(self.dut.clk)
        else:
            waiting = f"{len(self._waiting)} chains wait, {self._packets} packets are missing"
            raise AssertionError(f"{waiting}, {len(self.started) - self._answers} answers")
        await self.clocks(self.queues + 8)
        assert self._finished(), "more answers than chains"
        self._judge()
        for queue in range(self.queues):
            expected = self.granted if self.live >> queue & 1 else 0
            assert self.credits[queue] == expected, f"queue {queue}: credits {self.credits[queue]}"

    def process(self, chain: Chain) -> bytes:
        """Return what the model answers."""
        return self.model.process(chain.queue, chain.readable, chain.writable)

    def _finished(self) -> bool:
        return (
            not self._waiting
            and self._answers == len(self.started)
            and self._packets == 0
            and not self.data.waiting
        )

    def _judge(self) -> None:
        for number in range(self._judged, len(self.started)):
            chain, response = self.started[number], self.rsp.words[number]
            name = f"chain {number} ({len(chain.readable)} readable, {chain.writable} writable)"
            answer = self.process(chain)
            assert response.value == {"tag": chain.tag, "len": len(answer)}, name
            end: Word = response
            got = b""
            while len(got) < len(answer):
                end = self.out.words[self._judged_beats]
                self._judged_beats += 1
                size = min(self.beat, len(answer) - len(got))
                got += (end.value["data"] & (1 << 8 * size) - 1).to_bytes(size, "little")
                assert end.value["keep"] == (1 << size) - 1, name
                assert end.value["last"] == (len(got) == len(answer)), name
            assert got == answer, name
            if chain.readable:  # the end of the answer comes only after the whole packet
                assert end.shown > self.data.taken[self._packet_ends[number]], name
        self._judged = len(self.started)


def lengths(beat: int) -> list[int]:
    """Sizes in bytes around the boundaries of beats."""
    return [0, 1, beat - 1, beat, beat + 1, 2 * beat - 1, 2 * beat, 2 * beat + 1, 5 * beat + 3]


def all_sizes(bench: FunctionBench, readable: Any) -> list[Chain]:
    """Chains of every pair of sizes; `readable(queue, size)` makes the bytes."""
    chains = []
    for size in lengths(bench.beat):
        for writable in lengths(bench.beat):
            queue = random.randrange(bench.queues)
            chains.append(Chain(queue, readable(queue, size), writable))
    return chains


async def clocks_per_chain(bench: FunctionBench, chains: Sequence[Chain]) -> float:
    """Run chains through as fast as they go; return the clocks from answer to answer."""
    first = len(bench.rsp.words)
    for chain in chains:
        bench.send(chain)
    await bench.finish()
    words = bench.rsp.words[first:]
    return (words[-1].taken - words[0].taken) / (len(words) - 1)


async def clocks_per_beat(bench: FunctionBench, chains: Sequence[Chain]) -> tuple[float, float]:
    """Run chains through as fast as they go; return the clocks per beat in and out."""
    beats_in, beats_out = len(bench.data.taken), len(bench.out.words)
    for chain in chains:
        bench.send(chain)
    await bench.finish()
    taken = bench.data.taken[beats_in:]
    given = [word.taken for word in bench.out.words[beats_out:]]
    return tuple((each[-1] - each[0] + 1) / len(each) if each else 0.0 for each in (taken, given))  # type: ignore[return-value]
