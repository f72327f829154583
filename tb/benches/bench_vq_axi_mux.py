# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_axi_mux: masters that ask at random before it, a slave that answers in any order."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from tb.benches.channels import now, start_clock

LINES = ("addr", "len", "size", "burst", "cache", "prot")
WIDTHS = {"addr": 64, "len": 8, "size": 3, "burst": 2, "cache": 4, "prot": 3}


class Shape:
    """What was built."""

    def __init__(self, dut: Any) -> None:
        self.ports, self.ids = int(dut.PORTS.value), 1 << int(dut.ID_W.value)
        self.id_w, self.data_w = int(dut.ID_W.value), int(dut.DATA_W.value)


class Lane:
    """A field of one port in a vector of all ports, kept as a whole number per vector."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.vectors: dict[str, int] = {}

    def put(self, name: str, port: int, width: int, value: int) -> None:
        """Set one port's bits of a vector; `drive` writes them."""
        mask = (1 << width) - 1
        self.vectors[name] = self.vectors.get(name, 0) & ~(mask << port * width)
        self.vectors[name] |= (value & mask) << port * width

    def drive(self) -> None:
        """Write the vectors that were set."""
        for name, value in self.vectors.items():
            getattr(self.dut, name).value = value

    def get(self, name: str, port: int, width: int) -> int:
        """Return one port's bits of an output."""
        return int(getattr(self.dut, name).value) >> port * width & ((1 << width) - 1)


def request(shape: Shape, beats: int) -> dict[str, int]:
    """A random address channel's fields."""
    fields = {name: random.getrandbits(width) for name, width in WIDTHS.items()}
    return fields | {"id": random.randrange(shape.ids), "len": beats - 1}


class Masters:
    """Every port's requests and write data, and what came back."""

    def __init__(self, dut: Any, percent: int) -> None:
        self.dut, self.percent = dut, percent
        self.shape = shape = Shape(dut)
        self.lane = Lane(dut)
        each = range(shape.ports)
        self.reads: list[deque[dict[str, int]]] = [deque() for _ in each]
        self.writes: list[deque[dict[str, int]]] = [deque() for _ in each]
        self.beats: list[deque[tuple[int, int, int]]] = [deque() for _ in each]
        self.offered: dict[str, list[bool]] = {name: [False] * shape.ports for name in "rwd"}
        self.taken: dict[str, list[int]] = {
            "r": [],
            "w": [],
        }  # ports in the order of the handshakes
        self.answers: list[list[tuple[int, int, int, int]]] = [[] for _ in each]
        self.responses: list[list[tuple[int, int]]] = [[] for _ in each]
        cocotb.start_soon(self._run())

    def _offer(self, kind: str, port: int, waiting: Any) -> bool:
        held = self.offered[kind]
        held[port] = held[port] or (bool(waiting) and random.randrange(100) < self.percent)
        return held[port]

    async def _run(self) -> None:
        dut, shape, lane = self.dut, self.shape, self.lane
        while True:
            for port in range(shape.ports):
                for kind, prefix, queue in (
                    ("r", "s_axi_ar", self.reads[port]),
                    ("w", "s_axi_aw", self.writes[port]),
                ):
                    valid = self._offer(kind, port, queue)
                    lane.put(f"{prefix}valid", port, 1, valid)
                    if valid:
                        lane.put(f"{prefix}id", port, shape.id_w, queue[0]["id"])
                        for name in LINES:
                            lane.put(f"{prefix}{name}", port, WIDTHS[name], queue[0][name])
                valid = self._offer("d", port, self.beats[port])
                lane.put("s_axi_wvalid", port, 1, valid)
                if valid:
                    data, strobes, last = self.beats[port][0]
                    lane.put("s_axi_wdata", port, shape.data_w, data)
                    lane.put("s_axi_wstrb", port, shape.data_w // 8, strobes)
                    lane.put("s_axi_wlast", port, 1, last)
                lane.put("s_axi_rready", port, 1, random.randrange(100) < self.percent)
                lane.put("s_axi_bready", port, 1, random.randrange(100) < self.percent)
            lane.drive()
            await ReadOnly()
            ready = {
                kind: int(getattr(dut, f"s_axi_{prefix}ready").value)
                for kind, prefix in (("r", "ar"), ("w", "aw"), ("d", "w"))
            }
            came = int(dut.s_axi_rvalid.value), int(dut.s_axi_bvalid.value)
            for port in range(shape.ports):
                self._take(port, ready, came)
            await RisingEdge(dut.clk)

    def _take(self, port: int, ready: dict[str, int], came: tuple[int, int]) -> None:
        queues: dict[str, deque[Any]] = {
            "r": self.reads[port],
            "w": self.writes[port],
            "d": self.beats[port],
        }
        for kind, queue in queues.items():
            if self.offered[kind][port] and ready[kind] >> port & 1:
                self.offered[kind][port] = False
                queue.popleft()
                if kind != "d":
                    self.taken[kind].append(port)
        lane, shape = self.lane, self.shape
        if came[0] >> port & 1 and lane.vectors["s_axi_rready"] >> port & 1:
            self.answers[port].append(
                (
                    lane.get("s_axi_rid", port, shape.id_w),
                    lane.get("s_axi_rdata", port, shape.data_w),
                    lane.get("s_axi_rresp", port, 2),
                    lane.get("s_axi_rlast", port, 1),
                )
            )
        if came[1] >> port & 1 and lane.vectors["s_axi_bready"] >> port & 1:
            self.responses[port].append(
                (lane.get("s_axi_bid", port, shape.id_w), lane.get("s_axi_bresp", port, 2))
            )


class Slave:
    """Takes everything; answers in any order that the ids allow.

    Attributes:
        reads: requests taken, as (clock, fields).
        writes: likewise.
        data: beats taken: (data, strobes, last).
    """

    def __init__(self, dut: Any, percent: int) -> None:
        self.dut, self.percent = dut, percent
        self.reads: list[tuple[int, dict[str, int]]] = []
        self.writes: list[tuple[int, dict[str, int]]] = []
        self.data: list[tuple[int, int, int]] = []
        self.said: list[tuple[int, int, int, int]] = []  # id, data, response, last
        self.acked: list[tuple[int, int]] = []
        self._read: dict[int, deque[int]] = {}  # id: beats of each burst still to come
        self._ack: list[int] = []
        self._open: deque[int] = deque()  # ids of writes whose data are to come
        self._ended = 0  # bursts of data that came whole, not yet of a known write
        cocotb.start_soon(self._run())

    def _coin(self) -> bool:
        return random.randrange(100) < self.percent

    def _request(self, prefix: str) -> dict[str, int]:
        return {name: int(getattr(self.dut, f"{prefix}{name}").value) for name in ("id", *LINES)}

    async def _run(self) -> None:
        dut, width = self.dut, int(self.dut.DATA_W.value)
        answer: tuple[int, int, int, int] | None = None
        ack: tuple[int, int] | None = None
        while True:
            ar, aw, w = (int(self._coin()) for _ in range(3))
            dut.m_axi_arready.value, dut.m_axi_awready.value = ar, aw
            dut.m_axi_wready.value = w
            if answer is None and self._read and self._coin():
                number = random.choice(list(self._read))
                ends = int(self._read[number][0] == 1)
                answer = (number, random.getrandbits(width), random.randrange(4), ends)
            if ack is None and self._ack and self._coin():
                ack = (self._ack.pop(0), random.randrange(4))
            dut.m_axi_rvalid.value, dut.m_axi_bvalid.value = answer is not None, ack is not None
            if answer is not None:
                dut.m_axi_rid.value, dut.m_axi_rdata.value = answer[0], answer[1]
                dut.m_axi_rresp.value, dut.m_axi_rlast.value = answer[2], answer[3]
            if ack is not None:
                dut.m_axi_bid.value, dut.m_axi_bresp.value = ack
            await ReadOnly()
            if ar and dut.m_axi_arvalid.value == 1:
                fields = self._request("m_axi_ar")
                self.reads.append((now(), fields))
                self._read.setdefault(fields["id"], deque()).append(fields["len"] + 1)
            if aw and dut.m_axi_awvalid.value == 1:
                self.writes.append((now(), self._request("m_axi_aw")))
                self._open.append(self.writes[-1][1]["id"])
            if w and dut.m_axi_wvalid.value == 1:
                last = int(dut.m_axi_wlast.value)
                beat = (int(dut.m_axi_wdata.value), int(dut.m_axi_wstrb.value), last)
                self.data.append(beat)
                self._ended += last
            while self._ended and self._open:
                self._ended -= 1
                self._ack.append(self._open.popleft())
            if answer is not None and dut.m_axi_rready.value == 1:
                self.said.append(answer)
                left = self._read[answer[0]]
                left[0] -= 1
                if left[0] == 0:
                    left.popleft()
                if not left:
                    del self._read[answer[0]]
                answer = None
            if ack is not None and dut.m_axi_bready.value == 1:
                self.acked.append(ack)
                ack = None
            await RisingEdge(dut.clk)


async def power_up(dut: Any, percent: int) -> tuple[Masters, Slave]:
    """Start the clock with every input quiet, put both sides to it."""
    outputs = ("ready", "rid", "rdata", "rresp", "rlast", "rvalid", "bid", "bresp", "bvalid")
    inputs = {f"s_axi_{kind}{name}": 0 for kind in ("ar", "aw") for name in ("id", *LINES, "valid")}
    inputs |= {f"s_axi_{name}": 0 for name in ("wdata", "wstrb", "wlast", "wvalid")}
    inputs |= {"s_axi_rready": 0, "s_axi_bready": 0}
    inputs |= {f"m_axi_{name}": 0 for name in outputs[1:]}
    inputs |= {f"m_axi_{kind}ready": 0 for kind in ("ar", "aw", "w")}
    await start_clock(dut, inputs)
    return Masters(dut, percent), Slave(dut, percent)


def fill(masters: Masters, count: int, longest: int) -> dict[str, list[list[dict[str, int]]]]:
    """Give every port requests and data; return the requests by kind and port."""
    sent: dict[str, list[list[dict[str, int]]]] = {"r": [], "w": []}
    shape = masters.shape
    for port in range(shape.ports):
        reads = [request(shape, random.randint(1, longest)) for _ in range(count)]
        writes = [request(shape, random.randint(1, longest)) for _ in range(count)]
        masters.reads[port].extend(reads)
        masters.writes[port].extend(writes)
        for write in writes:
            for beat in range(write["len"] + 1):
                data = random.getrandbits(shape.data_w), random.getrandbits(shape.data_w // 8)
                masters.beats[port].append((*data, int(beat == write["len"])))
        sent["r"].append(reads)
        sent["w"].append(writes)
    return sent


@cocotb.test(timeout_time=60, timeout_unit="us")
@cocotb.parametrize(percent=[100, 35])
async def every_burst_goes_out_whole_and_its_answer_comes_back(dut: Any, percent: int) -> None:
    """Of all ports at once: requests unchanged but for the id, data in their order, answers."""
    masters, slave = await power_up(dut, percent)
    shape = masters.shape
    count = max(12, 160 // shape.ports)
    sent = fill(masters, count, 5)
    data = [list(beats) for beats in masters.beats]
    total = count * shape.ports
    while len(slave.acked) < total or sum(map(len, masters.answers)) < sum(
        read["len"] + 1 for reads in sent["r"] for read in reads
    ):
        await RisingEdge(dut.clk)
    for kind, taken in (("r", slave.reads), ("w", slave.writes)):
        for port in range(shape.ports):
            mine = [fields for _, fields in taken if fields["id"] >> shape.id_w == port]
            wanted = [
                fields | {"id": port << shape.id_w | fields["id"]} for fields in sent[kind][port]
            ]
            assert mine == wanted, f"{kind} of port {port}"
    expected = []
    for _, fields in slave.writes:
        port = fields["id"] >> shape.id_w
        expected += [data[port].pop(0) for _ in range(fields["len"] + 1)]
    assert slave.data == expected
    mask = shape.ids - 1
    for port in range(shape.ports):
        said = [
            (number & mask, *rest) for number, *rest in slave.said if number >> shape.id_w == port
        ]
        assert masters.answers[port] == said
        acked = [
            (number & mask, code) for number, code in slave.acked if number >> shape.id_w == port
        ]
        assert masters.responses[port] == acked


@cocotb.test(timeout_time=60, timeout_unit="us")
async def a_request_a_cycle_and_each_port_in_its_turn(dut: Any) -> None:
    """With all ports full, requests leave without a gap, and none waits for more than one turn."""
    masters, slave = await power_up(dut, 100)
    ports, count = masters.shape.ports, 40
    fill(masters, count, 1)
    while len(slave.acked) < ports * count or len(slave.said) < ports * count:
        await RisingEdge(dut.clk)
    for kind, taken in (("r", slave.reads), ("w", slave.writes)):
        clocks = [clock for clock, _ in taken]
        assert clocks[-1] - clocks[0] == ports * count - 1, kind
        order = masters.taken[kind]
        for at in range(0, len(order) - ports, ports):
            assert sorted(order[at : at + ports]) == list(range(ports)), f"{kind} at {at}"
