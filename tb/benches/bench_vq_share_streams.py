# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_share_streams: an engine before it, a device function in each lane behind it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from tb.benches.unit import Unit, check_rate, test


@dataclass
class Chain:
    """A chain under way: whose it is, beats in, bytes out."""

    device: int
    queue: int
    tag: int
    readable: int
    length: int
    number: int  # of its packet, if it has one
    beats: list[int] = field(default_factory=list)


class Streams:
    """The engine's side and all functions, which answer in the order of their chains.

    A function of `streaming` takes a beat only when the one before has left, as a loopback does;
    another one answers when it has the whole packet.
    """

    def __init__(self, dut: Any, streaming: list[bool]) -> None:
        self.dut, self.unit = dut, Unit(dut)
        self.devices, self.queues = int(dut.DEVICES.value), int(dut.QUEUES.value)
        self.beat = int(dut.DATA_W.value) // 8
        self.streaming = (streaming * self.devices)[: self.devices]
        self.free = list(range(int(dut.CHAINS.value)))
        self.chains: dict[int, Chain] = {}
        self.waiting: list[list[Chain]] = [[] for _ in range(self.devices)]  # given, not answered
        self.given: list[list[Chain]] = [[] for _ in range(self.devices)]  # headers to be seen
        self.packets = self.done = 0  # with a header; ended
        self.answers: list[Chain] = []  # responses with bytes whose packet has not come
        self.finished: list[int] = []  # clock of each response
        self.devices_then: list[tuple[int, int]] = []  # device and more of each response
        self.held = 0  # chains that each function may hold before it answers

    async def start(self, percent: int = 100) -> None:
        """Reset, and start every channel."""
        unit, lanes = await self.unit.start(), self.devices
        unit.set(s_live=(1 << self.devices * self.queues) - 1)
        self.req = unit.source("s_req", percent)
        self.packet = unit.source("s_axis", percent)
        self.rsp, self.out = unit.sink("m_rsp", percent), unit.sink("m_axis", percent)
        self.credit = unit.sink("m_credit")
        self.fn_req = [self._sink("fn_req", d, percent, {"queue"}) for d in range(lanes)]
        self.fn_in = [self._sink("fn_axis", d, percent, set()) for d in range(lanes)]
        self.fn_rsp = [unit.source("s_fn_rsp", percent, d, lanes) for d in range(lanes)]
        self.fn_out = [unit.source("s_fn_axis", percent, d, lanes) for d in range(lanes)]
        self.fn_credit = [unit.source("s_fn_credit", 100, d, lanes) for d in range(lanes)]
        for device in range(lanes):
            cocotb.start_soon(self._function(device))
        cocotb.start_soon(self._engine())

    def _sink(self, channel: str, device: int, percent: int, fields: set[str]) -> Any:
        """What goes to all functions with a valid for each: a sink of one lane."""
        from tb.benches.channels import Sink
        from tb.benches.unit import Lane

        dut, drive = self.dut, self.unit._drives.setdefault(f"{channel}_ready", [0])
        stem = {"fn_req": "", "fn_axis": "t"}[channel]
        valid = Lane(getattr(dut, f"m_{channel}_{stem}valid"), device, 1, [0])
        ready = Lane(getattr(dut, f"m_{channel}_{stem}ready"), device, 1, drive)
        values = {name: getattr(dut, f"m_{channel}_{name}") for name in fields}
        values |= {"last": dut.s_axis_tlast} if channel == "fn_axis" else {}
        return Sink(dut.clk, valid, ready, values, percent=percent)

    def give(self, device: int, readable: int, length: int) -> Chain:
        """Send a chain's header and, some time, its packet of so many beats."""
        tag = self.free.pop(random.randrange(len(self.free)))
        chain = Chain(device, random.randrange(self.queues), tag, readable, length, self.packets)
        self.chains[tag] = chain
        self.given[device].append(chain)
        self.waiting[device].append(chain)
        number = device * self.queues + chain.queue
        self.req.send({"queue": number, "tag": tag, "readable": readable * self.beat})
        for beat in range(readable):
            self.packet.send({"tlast": int(beat == readable - 1)})
        self.packets += readable > 0
        return chain

    async def _function(self, device: int) -> None:
        """Answer each chain in turn; bytes are the chain's tag."""
        taken = headers = 0
        sink, percent = self.fn_in[device], self.fn_in[device].percent
        group = False
        while True:
            while len(self.fn_req[device].words) <= headers + self.held * (not group):
                if len(self.fn_req[device].words) > headers and not self.req.waiting:
                    break
                await RisingEdge(self.dut.clk)
            chain = self.waiting[device][headers]
            headers += 1
            more = False
            if chain.readable == 0 and headers < len(self.waiting[device]):
                after = self.waiting[device][headers]
                seen = len(self.fn_req[device].words) > headers
                more = seen and after.readable == 0 and random.random() < 0.4
            group = more
            beats = -(-chain.length // self.beat)
            early = self.streaming[device] and chain.length > 0
            if early:
                self._respond(device, chain, more)
            for beat in range(chain.readable):
                taken += 1
                while len(sink.words) < taken:
                    await RisingEdge(self.dut.clk)
                if early and beat < beats - 1:
                    sink.percent = 0  # until this one has left
                    self._beat(device, chain, beat)
                    while self.fn_out[device].waiting:
                        await RisingEdge(self.dut.clk)
                    sink.percent = percent
            if not early:
                self._respond(device, chain, more)
            sent = min(chain.readable, beats - 1) if early and chain.readable else 0
            for beat in range(max(0, sent), beats):
                self._beat(device, chain, beat)

    def _respond(self, device: int, chain: Chain, more: bool) -> None:
        word = {"tag": chain.tag, "len": chain.length, "more": int(more)}
        self.fn_rsp[device].send(word)

    def _beat(self, device: int, chain: Chain, beat: int) -> None:
        left = chain.length - beat * self.beat
        keep = (1 << min(left, self.beat)) - 1
        word = {"tdata": chain.tag << 8 | beat, "tkeep": keep, "tlast": int(left <= self.beat)}
        self.fn_out[device].send(word)

    async def _engine(self) -> None:
        """Take responses and their packets; check their order."""
        responses = beats = at = 0
        while True:
            await RisingEdge(self.dut.clk)
            self.done = sum(word["tlast"] for word in self._packets_taken())
            while len(self.rsp.words) > responses:
                word = self.rsp.words[responses]
                responses += 1
                chain = self.chains.pop(word.value["tag"])
                assert word.value["len"] == chain.length
                due = chain.number if chain.readable else 0
                assert self.done >= due, "answered before its packet was the next one"
                self.finished.append(word.taken)
                self.devices_then.append((chain.device, word.value["more"]))
                if chain.length:
                    self.answers.append(chain)
                else:
                    self.free.append(chain.tag)
            while len(self.out.words) > beats and self.answers:
                value, chain = self.out.words[beats].value, self.answers[0]
                beats += 1
                assert value["tdata"] == chain.tag << 8 | at, "not its bytes"
                left = chain.length - at * self.beat
                assert value["tkeep"] == (1 << min(left, self.beat)) - 1
                at += 1
                assert value["tlast"] == (left <= self.beat)
                if value["tlast"]:
                    at = 0
                    self.free.append(self.answers.pop(0).tag)

    def _packets_taken(self) -> list[dict[str, int]]:
        return [{"tlast": word.value["last"]} for sink in self.fn_in for word in sink.words]

    async def finish(self) -> None:
        """Wait until all chains were answered, then judge."""
        total = sum(map(len, self.given))
        await self.unit.until(lambda: len(self.finished) == total, "responses", 20000)
        await self.unit.until(lambda: not self.chains and not self.answers, "packets", 2000)
        for device, sink in enumerate(self.fn_req):
            seen = [word.value["queue"] for word in sink.words]
            assert seen == [chain.queue for chain in self.given[device]]
            ends = [word.value["last"] for word in self.fn_in[device].words]
            wanted = [
                int(beat == chain.readable - 1)
                for chain in self.given[device]
                for beat in range(chain.readable)
            ]
            assert ends == wanted, "packets of another device"
        for (device, more), (after, _) in zip(self.devices_then, self.devices_then[1:]):
            assert not more or device == after, "a group was interrupted"


KINDS = [[True], [False], [True, False], [False, True]]


@test(us=4000)
@cocotb.parametrize(streaming=KINDS, percent=[100, 40], held=[0, 2])
async def functions_do_not_wait_for_each_other(
    dut: Any, streaming: list[bool], percent: int, held: int
) -> None:
    """Chains of all devices, with packets in and out of any length, streaming or not."""
    bench = Streams(dut, streaming)
    bench.held = held
    await bench.start(percent)
    for _ in range(150):
        await bench.unit.until(lambda: bool(bench.free), "a free tag", 4000)
        length = random.choice([0, 1, bench.beat, random.randint(1, 6 * bench.beat)])
        bench.give(random.randrange(bench.devices), random.choice([0, 0, 1, 2, 7]), length)
        if random.random() < 0.3:
            await bench.unit.clocks(random.randint(0, 9))
    await bench.finish()
    assert len({device for device, _ in bench.devices_then}) == bench.devices


@test()
async def a_response_a_clock(dut: Any) -> None:
    """Responses without packets of all devices together."""
    bench = Streams(dut, [True])
    await bench.start()
    for number in range(min(len(bench.free), 60)):
        bench.give(number % bench.devices, 0, 0)
    await bench.finish()
    check_rate(bench.finished, "responses", spare=14)


@test()
async def credits_reach_the_engine_while_their_queue_is_live(dut: Any) -> None:
    """All that is granted at once comes, together or not; what was not told is void with it."""
    bench = Streams(dut, [True])
    await bench.start()
    every = range(bench.devices * bench.queues)
    wanted = dict.fromkeys(every, 0)
    for _ in range(200):
        device, queue = random.randrange(bench.devices), random.randrange(bench.queues)
        count = random.randint(1, 90)
        bench.fn_credit[device].send({"queue": queue, "count": count})
        wanted[device * bench.queues + queue] += count
    await bench.unit.until(lambda: not any(s.waiting for s in bench.fn_credit), "credits", 2000)
    await bench.unit.clocks(len(every) + 4)
    found = dict.fromkeys(every, 0)
    for word in bench.credit.words:
        found[word.value["queue"]] += word.value["count"]
    assert found == wanted
    assert dut.m_busy.value == 0
    bench.unit.set(s_live=0)
    before = len(bench.credit.words)
    bench.fn_credit[0].send({"queue": 0, "count": 5})
    await bench.unit.clocks(5)
    bench.unit.set(s_live=(1 << len(every)) - 1)
    await bench.unit.clocks(len(every) + 4)
    assert len(bench.credit.words) == before


@test()
async def chains_that_wait_are_added(dut: Any) -> None:
    """The engine hears of those of all functions."""
    bench = Streams(dut, [True])
    await bench.start()
    for _ in range(20):
        counts = [random.randrange(300) for _ in range(bench.devices)]
        bench.unit.set(s_fn_waiting=sum(c << 16 * d for d, c in enumerate(counts)))
        await bench.unit.clocks()
        await bench.unit.settled()
        assert int(dut.m_waiting.value) == sum(counts)
        await bench.unit.clocks()
