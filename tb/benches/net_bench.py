# SPDX-License-Identifier: Apache-2.0
"""Bench for the network device's function: the engine's side, the MAC's side, and the model."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

from cocotb.triggers import RisingEdge

from pymodel.config_space import find
from pymodel.net_function import NET_FIELDS, NetFeature, NetFunction
from tb.benches.channels import Sink, Source
from tb.benches.function_bench import Chain, FunctionBench, Pace

ALL = int(sum(NetFeature))
INPUTS = (
    *("s_features", "s_link_up", "s_mac_tdata", "s_mac_tkeep", "s_mac_tlast", "s_mac_tuser"),
    *("s_mac_tvalid", "m_mac_tready"),
)


@dataclass(frozen=True)
class MacPace:
    """Chance per clock of the MAC's channels to move, in percent."""

    into: int = 100
    out: int = 100


FAST = Pace()


class Answer:
    """What came back of a chain."""

    def __init__(self, chain: Chain, data: bytes, more: bool, shown: int) -> None:
        self.chain, self.data, self.more, self.shown = chain, data, more, shown


class NetBench(FunctionBench):
    """The function with its surroundings, and the golden model beside it.

    Args:
        dut: vq_dev_net.
        features: feature bits that the driver chooses, a mask.
    """

    def __init__(self, dut: Any, features: int = ALL) -> None:
        self.pairs = int(dut.PAIRS.value)
        self.rx_credits = int(dut.RX_CREDITS.value)
        self.tx_credits = int(dut.TX_CREDITS.value)
        self.net = NetFunction(pairs=self.pairs, credits=self.rx_credits, mtu=int(dut.MTU.value))
        super().__init__(dut, self.net)
        self.granted = max(self.rx_credits, self.tx_credits)
        self.features = features & self.net.features
        self.net.configure(self.features)
        self.received: list[tuple[bytes, bool]] = []  # given to the MAC, not yet to the model
        self._held: dict[int, list[Chain]] = defaultdict(list)
        self._by_tag: dict[int, deque[Chain]] = defaultdict(deque)
        self._answered = self._out_beats = self._out_frames = 0
        self._taken = 0

    async def begin(
        self, pace: Pace = FAST, mac: MacPace | None = None, live: int | None = None
    ) -> None:
        """Reset, negotiate, make queues live."""
        dut, mac = self.dut, mac or MacPace()
        self.levels |= {**dict.fromkeys(INPUTS, 0), "s_mac_rst": 1}
        await self.start(pace, live)
        dut.s_mac_rst.value = 0
        dut.s_link_up.value = 1
        dut.s_features.value = self.features
        self.mac_in = Source(
            dut.clk,
            dut.s_mac_tvalid,
            dut.s_mac_tready,
            {
                "data": dut.s_mac_tdata,
                "keep": dut.s_mac_tkeep,
                "last": dut.s_mac_tlast,
                "user": dut.s_mac_tuser,
            },
            percent=mac.into,
        )
        self.mac_out = Sink(
            dut.clk,
            dut.m_mac_tvalid,
            dut.m_mac_tready,
            {
                "data": dut.m_mac_tdata,
                "keep": dut.m_mac_tkeep,
                "last": dut.m_mac_tlast,
                "user": dut.m_mac_tuser,
            },
            percent=mac.out,
        )
        await self.clocks(270 + self.queues)  # the table of flows is empty, credits are there

    def set_live(self, live: int) -> None:
        """See `FunctionBench`; the model hears of it too."""
        super().set_live(live)
        for queue in range(self.queues):
            (self.net.started if live >> queue & 1 else self.net.stopped)(queue)

    def response_fields(self) -> dict[str, Any]:
        """See `FunctionBench`."""
        return {**super().response_fields(), "more": self.dut.m_rsp_more}

    # ---- what a test does

    def buffers(self, pair: int, *sizes: int) -> None:
        """Give receive buffers of these sizes."""
        for size in sizes:
            self.send(Chain(2 * pair, b"", size))

    def transmit(self, pair: int, frame: bytes, damaged: bool = False) -> None:
        """Give a frame to send, behind a header of noise."""
        self.send(Chain(2 * pair + 1, random.randbytes(12) + frame, 0, damaged))

    def receive(self, frame: bytes, bad: bool = False) -> None:
        """Let the MAC give a frame."""
        self.received.append((frame, bad))
        for at in range(0, len(frame), self.beat):
            part = frame[at : at + self.beat]
            last = at + self.beat >= len(frame)
            junk = random.randbytes(self.beat - len(part))
            word = {"data": int.from_bytes(part + junk, "little"), "keep": (1 << len(part)) - 1}
            self.mac_in.send({**word, "last": last, "user": bad and last})

    def set_link(self, up: bool) -> None:
        """Drive the link's level."""
        self.dut.s_link_up.value = int(up)
        self.net.link = up

    async def command(self, kind: int, data: bytes, room: int = 1) -> int | None:
        """Do a control command, settle, and return the acknowledgement."""
        assert self.net.control_queue is not None
        chain = Chain(self.net.control_queue, kind.to_bytes(2, "big") + data, room)
        self.send(chain)
        answers = await self.settle()
        mine = [answer.data for answer in answers if answer.chain is chain]
        assert len(mine) == 1
        return mine[0][0] if mine[0] else None

    async def read(self, addr: int) -> int:
        """Read a word of the configuration space."""
        self.dut.s_cfg_addr.value = addr
        await RisingEdge(self.dut.clk)
        return int(self.dut.m_cfg_rdata.value)

    async def counter(self, name: str) -> int:
        """Read one of the function's own registers."""
        return await self.read(find(NET_FIELDS, name).offset)

    # ---- judging

    async def quiet(self, limit: int = 60000) -> None:
        """Wait until nothing is under way but buffers that wait."""
        still = 0
        for _ in range(limit):
            waiting = int(self.dut.m_waiting.value)
            inside = sum(self._inside.values())
            assert waiting <= inside, f"{waiting} chains wait, {inside} are there"
            work = self._waiting and self._can_start()
            sources = self.req.waiting or self.data.waiting or self.mac_in.waiting
            busy = self.dut.m_busy.value == 1 or inside != waiting or self._packets
            still = 0 if work or sources or busy else still + 1
            if still > 12:
                return
            await RisingEdge(self.dut.clk)
        raise AssertionError(f"still busy: {inside} chains, {waiting} of them wait")

    def _can_start(self) -> bool:
        chain = self._waiting[0]
        return self.credits[chain.queue] > 0 and bool(self.live >> chain.queue & 1)

    async def settle(self, limit: int = 60000) -> list[Answer]:
        """Wait until all is quiet and hold what came since the last time against the model."""
        await self.quiet(limit)
        answers = self._answers_since()
        by_queue: dict[int, list[Answer]] = defaultdict(list)
        for answer in answers:
            by_queue[answer.chain.queue].append(answer)
        expected = self._model()
        await self.compare_registers()
        for queue in range(self.queues):
            got = [(answer.chain, answer.data, answer.more) for answer in by_queue[queue]]
            for number, (one, other) in enumerate(zip(got, expected[queue])):
                name = f"queue {queue}, answer {number}"
                assert one[1] == other[1], f"{name}: {one[1].hex()} not {other[1].hex()}"
                assert one[0] is other[0], f"{name}: another chain"
                assert one[2] == other[2], f"{name}: more {one[2]}"
            assert len(got) == len(expected[queue]), f"queue {queue}"
            if self.live >> queue & 1:
                credits = self.tx_credits if queue % 2 else self.rx_credits
                assert self.credits[queue] + self._inside[queue] == credits, f"queue {queue}"
        frames = self.frames_out()
        sent = [(frame, False) for frame in self.net.sent[self._out_frames :]]
        assert [frame for frame in frames if not frame[1]] == sent
        self._out_frames = len(self.net.sent)
        assert int(self.dut.m_waiting.value) == sum(map(len, self._held.values()))
        await self.compare_registers()
        return answers

    async def compare_registers(self) -> None:
        """Compare configuration space and own registers."""
        space = self.net.config()
        got = b"".join([(await self.read(at)).to_bytes(4, "little") for at in range(0, 12, 4)])
        assert got == space
        own = [await self.read(0x700 + 4 * at) for at in range(17)]
        damaged = own[4]  # which the model is never given
        expected = list(self.net.own_registers())
        expected[4] = damaged
        assert own == expected, f"{own} not {expected}"

    def frames_out(self) -> list[tuple[bytes, bool]]:
        """Return the frames that came out since the last time, and whether they are bad."""
        frames, data = [], b""
        words = self.mac_out.words[self._out_beats :]
        for word in words:
            keep = word.value["keep"]
            size = keep.bit_length()
            assert keep == (1 << size) - 1 and keep
            data += (word.value["data"] & (1 << 8 * size) - 1).to_bytes(size, "little")
            if word.value["last"]:
                frames.append((data, bool(word.value["user"])))
                data = b""
            else:
                assert size == self.beat and not word.value["user"]
        assert not data, "a frame did not end"
        self._out_beats += len(words)
        return frames

    def _answers_since(self) -> list[Answer]:
        ends = {}
        for number in range(self._taken, len(self.started)):
            chain = self.started[number]
            self._by_tag[chain.tag].append(chain)
            if chain.readable:
                ends[id(chain)] = self.data.taken[self._packet_ends[number]]
        self._fresh = self.started[self._taken :]
        self._taken = len(self.started)
        answers = []
        group = None  # the queue of which more is to come
        for word in self.rsp.words[self._answered :]:
            chain = self._by_tag[word.value["tag"]].popleft()
            assert group in (None, chain.queue), "another queue's answer within a frame's"
            group = chain.queue if word.value["more"] else None
            length = word.value["len"]
            assert length <= chain.writable
            shown, data = word.shown, b""
            while len(data) < length:
                beat = self.out.words[self._judged_beats]
                self._judged_beats += 1
                size = min(self.beat, length - len(data))
                data += (beat.value["data"] & (1 << 8 * size) - 1).to_bytes(size, "little")
                assert beat.value["keep"] == (1 << size) - 1
                assert beat.value["last"] == (len(data) == length)
                shown = beat.shown
            if id(chain) in ends:
                assert shown > ends[id(chain)], "answered before its packet was taken"
            answers.append(Answer(chain, data, bool(word.value["more"]), shown))
        self._answered = len(self.rsp.words)
        return answers

    def _model(self) -> dict[int, list[tuple[Chain, bytes, bool]]]:
        expected: dict[int, list[tuple[Chain, bytes, bool]]] = defaultdict(list)
        for chain in self._fresh:
            if self.net.holds(chain.queue):
                self._held[chain.queue].append(chain)
            elif not chain.damaged:
                answer = self.net.process(chain.queue, chain.readable, chain.writable)
                expected[chain.queue].append((chain, answer, False))
            else:
                expected[chain.queue].append((chain, b"", False))
        for frame, bad in self.received:
            self.net.receive(frame, bad)
        self.received.clear()
        while True:
            while self._serve(expected):
                pass
            if not self.net.waiting:
                return expected
            self.net.give_up()

    def _serve(self, expected: dict[int, list[tuple[Chain, bytes, bool]]]) -> bool:
        for queue in range(0, 2 * self.pairs, 2):
            held = self._held[queue]
            if self.live >> queue & 1:
                given = self.net.ready(queue, [chain.writable for chain in held])
                if given is not None:
                    for at, data in enumerate(given):
                        expected[queue].append((held.pop(0), data, at < len(given) - 1))
                    return True
        return False


# ---- frames


def ipv4(
    source: int, target: int, ports: tuple[int, int], size: int = 20, *, protocol: int = 17
) -> bytes:
    """Return an Ethernet frame with an IPv4 packet, addresses and ports as told."""
    payload = b"".join(port.to_bytes(2, "big") for port in ports) + random.randbytes(size)
    head = bytes([0x45, 0]) + (20 + len(payload)).to_bytes(2, "big") + bytes(4)
    head += bytes([64, protocol, 0, 0])
    head += source.to_bytes(4, "big") + target.to_bytes(4, "big")
    return random.randbytes(12) + b"\x08\x00" + head + payload


def ipv6(source: int, target: int, ports: tuple[int, int], size: int = 20) -> bytes:
    """Return an Ethernet frame with an IPv6 packet, addresses and ports as told."""
    payload = b"".join(port.to_bytes(2, "big") for port in ports) + random.randbytes(size)
    head = bytes([0x60, 0, 0, 0]) + len(payload).to_bytes(2, "big") + bytes([6, 64])
    head += source.to_bytes(16, "big") + target.to_bytes(16, "big")
    return random.randbytes(12) + b"\x86\xdd" + head + payload


def tagged(frame: bytes) -> bytes:
    """Return a frame with a VLAN tag."""
    return frame[:12] + b"\x81\x00" + random.randbytes(2) + frame[12:]


def any_frame(size: int) -> bytes:
    """Return a frame of some bytes, of a kind that the flow's hash may know."""
    makers = [
        lambda: random.randbytes(size),
        lambda: ipv4(random.getrandbits(32), 7, (random.getrandbits(16), 80), size),
        lambda: ipv6(random.getrandbits(128), 7, (random.getrandbits(16), 80), size),
        lambda: tagged(ipv4(9, random.getrandbits(32), (1, random.getrandbits(16)), size)),
        lambda: tagged(ipv6(9, random.getrandbits(128), (1, random.getrandbits(16)), size)),
        lambda: ipv4(random.getrandbits(32), 7, (random.getrandbits(16), 80), size, protocol=1),
    ]
    return random.choice(makers)()[:size]
