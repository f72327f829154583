# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_sock_port: the driver's side on one end, a slow device function on the other.

The function takes and answers at any pace and in any order of tags, grants few credits, and gives
up the chains of a queue that is not alive. Its answer is the readable bytes, each one inverted.
"""

from __future__ import annotations

import errno
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import ReadOnly, RisingEdge

from pymodel import Window
from tb.benches.channels import Sink, Source
from tb.socket.bench import SocketBench
from tb.socket.worlds import BASE, RtlSocketWorld

SLOT = 4096


def inverted(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


@dataclass
class Chain:
    """One chain in the function."""

    queue: int
    tag: int
    readable: int
    writable: int
    data: bytes | None = None  # once its packet was taken


class Function:
    """A device function on the port's boundary.

    Args:
        dut: the port.
        credits: chains granted to each queue at a time.
        percent: pace of all channels.
        wait: most clocks from a packet to its answer.

    Attributes:
        held: chains that were not answered yet; while `hold` is set, none is.
        took: chains taken so far.
    """

    FIELDS = ("queue", "tag", "readable", "writable")

    def __init__(self, dut: Any, credits: int = 3, percent: int = 100, wait: int = 30) -> None:
        self.dut, self.credits, self.wait = dut, credits, wait
        self.beat = int(dut.DATA_W.value) // 8
        self.queues = int(dut.QUEUES.value)
        self.held: list[Chain] = []
        self.took = 0
        self.hold = False
        self.req = Sink(
            dut.clk,
            dut.m_req_valid,
            dut.m_req_ready,
            {name: getattr(dut, f"m_req_{name}") for name in self.FIELDS},
            percent=percent,
        )
        names = ("tdata", "tkeep", "tlast", "tuser")
        self.out = Sink(
            dut.clk,
            dut.m_axis_tvalid,
            dut.m_axis_tready,
            {name: getattr(dut, f"m_axis_{name}") for name in names},
            percent=percent,
        )
        self.rsp = Source(
            dut.clk,
            dut.s_rsp_valid,
            dut.s_rsp_ready,
            {"tag": dut.s_rsp_tag, "len": dut.s_rsp_len},
            percent=percent,
        )
        self.back = Source(
            dut.clk,
            dut.s_axis_tvalid,
            dut.s_axis_tready,
            {name: getattr(dut, f"s_axis_{name}") for name in names[:3]},
            percent=percent,
        )
        self.grant = Source(
            dut.clk,
            dut.s_credit_valid,
            None,
            {"queue": dut.s_credit_queue, "count": dut.s_credit_count},
        )
        cocotb.start_soon(self._run())

    async def _run(self) -> None:
        live = requests = beats = 0
        packet = b""
        inside: Counter[int] = Counter()
        while True:
            await ReadOnly()
            now_live = int(self.dut.m_live.value)
            await RisingEdge(self.dut.clk)
            for queue in range(self.queues):
                if now_live >> queue & 1 and not live >> queue & 1:
                    assert inside[queue] == 0, "a life began while frames of the last are held"
                    self.grant.send({"queue": queue, "count": self.credits})
            live = now_live
            for word in self.req.words[requests:]:
                requests += 1
                self.took += 1
                queue, tag, readable, writable = (word.value[name] for name in self.FIELDS)
                chain = Chain(queue, tag, readable, writable)
                inside[chain.queue] += 1
                assert inside[chain.queue] <= self.credits, f"queue {chain.queue}: no credit"
                assert chain.tag not in [other.tag for other in self.held], "tag in use"
                chain.data = None if chain.readable else b""
                self.held.append(chain)
            for word in self.out.words[beats:]:
                beats += 1
                keep, last = word.value["tkeep"], word.value["tlast"]
                count = keep.bit_count()
                assert keep == (1 << count) - 1 and (last or count == self.beat)
                packet += word.value["tdata"].to_bytes(self.beat, "little")[:count]
                if last:
                    first = next(chain for chain in self.held if chain.data is None)
                    assert len(packet) == first.readable
                    first.data, packet = packet, b""
            ready = [c for c in self.held if c.data is not None]
            dead = [c for c in ready if not live >> c.queue & 1]
            if dead or (ready and not self.hold and random.randint(0, self.wait) == 0):
                chain = random.choice(dead or ready)
                self.held.remove(chain)
                inside[chain.queue] -= 1
                self._answer(chain)
                if live >> chain.queue & 1:
                    self.grant.send({"queue": chain.queue, "count": 1})

    def _answer(self, chain: Chain) -> None:
        assert chain.data is not None
        answer = inverted(chain.data)[: chain.writable]
        self.rsp.send({"tag": chain.tag, "len": len(answer)})
        for at in range(0, len(answer), self.beat):
            part = answer[at : at + self.beat]
            junk = random.randbytes(self.beat - len(part))  # beyond tkeep
            self.back.send(
                {
                    "tdata": int.from_bytes(part + junk, "little"),
                    "tkeep": (1 << len(part)) - 1,
                    "tlast": at + self.beat >= len(answer),
                }
            )


async def start(dut: Any, **function: Any) -> tuple[SocketBench, Function]:
    """Return the bench after a reset, and the function."""
    dut.s_cfg_rdata.value = 0
    for name in ("s_rsp_valid", "s_axis_tvalid", "s_credit_valid", "m_req_ready", "m_axis_tready"):
        getattr(dut, name).value = 0
    bench = SocketBench(dut)
    await bench.start()
    return bench, Function(dut, **function)


PACES = [{}, {"percent": 40, "wait": 5}, {"credits": 1, "wait": 100}, {"percent": 70, "wait": 0}]


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(pace=range(len(PACES)), pause=[0, 20])
async def any_function_serves_any_driver(dut: Any, pace: int, pause: int) -> None:
    """Each buffer comes back once, with its bytes, whatever the paces and the order of answers."""
    bench, function = await start(dut, **PACES[pace])
    world = RtlSocketWorld(bench, None, in_step=False, pause=lambda: random.randint(0, pause))
    built, queues = bench.built, min(bench.built.queues, 3)
    await world.start([built.slots] * queues)
    held: dict[int, tuple[int, int, bytes]] = {}
    found: dict[int, tuple[int, int]] = {}

    async def collect(queue: int) -> bool:
        used = await world.call(world.queues[queue].get_buf)
        if used is not None:
            assert used.data not in found, "it came back twice"
            found[used.data] = (queue, used.length)
        return used is not None

    for number in range(40):
        queue = random.randrange(queues)
        vq = world.queues[queue]
        if vq.num_free:
            addr = BASE + number * SLOT
            data = random.randbytes(random.randint(0, min(60, built.max_readable)))
            room = random.randint(0 if data else 1, min(60, built.max_writable))
            world.memory.write(addr, data)
            sg = [(addr, len(data))] * bool(data) + [(addr + 2048, room)] * bool(room)
            await world.call(vq.add_buf, sg, int(bool(data)), int(room > 0), number)
            held[number] = (queue, addr + 2048, inverted(data)[:room])
        if random.random() < 0.5:
            await world.call(vq.sync)
        if vq.outstanding and random.random() < 0.15:
            token: Any = random.choice(list(vq.outstanding))
            try:
                await world.call(vq.detach_buf, token)
                del held[token]
            except OSError as error:
                assert error.errno == errno.ENOENT
        await collect(queue)
    for _ in range(500):
        for queue, vq in enumerate(world.queues):
            await world.call(vq.sync)
            while await collect(queue):
                pass
        await world.serve()
        if found.keys() == held.keys():
            break
        await bench.clocks(20)
    assert found.keys() == held.keys()
    for token, (queue, addr, data) in held.items():
        assert found[token] == (queue, len(data))
        assert world.memory.read(addr, len(data)) == data
    await bench.wait_idle()
    assert not function.held
    assert await bench.read32(0x80C) == 0, "no fault"


@cocotb.test(timeout_time=100, timeout_unit="ms")
async def frames_are_taken_back_at_any_stage(dut: Any) -> None:
    """A frame's life ends while the function has it, is given it, or answers it, or others."""
    bench, _ = await start(dut, credits=2, wait=150)
    last = min(bench.built.queues, 2) - 1
    length = min(bench.built.max_readable // 4, bench.built.max_writable // 2, 60) or 1
    outcomes: set[str] = set()
    for wait in (at + random.randrange(10) for at in range(0, 300, 10)):
        world = RtlSocketWorld(bench, None, in_step=False)
        await world.start([bench.built.slots] * (last + 1))
        vq, data = world.queues[last], random.randbytes(4 * SLOT)
        world.memory.write(BASE, data)
        for token in range(4):
            at, to = BASE + token * SLOT, BASE + (4 + token) * SLOT
            await world.call(vq.add_buf, [(at, length), (to, length)], 1, 1, token)
        await world.call(vq.sync)
        await bench.clocks(wait)
        gone = random.randrange(4)
        try:
            await world.call(vq.detach_buf, gone)
            outcomes.add("taken")
            expected = [token for token in range(4) if token != gone]
        except OSError as error:
            assert error.errno == errno.ENOENT
            outcomes.add("used")
            expected = [0, 1, 2, 3]
        found: list[int] = []
        for _ in range(200):
            await world.serve()
            while (used := await world.call(vq.get_buf)) is not None:
                assert used.length == length
                found.append(used.data)
            if len(found) == len(expected):
                break
            await bench.clocks(20)
        assert sorted(found) == expected, f"wait {wait}"
        await bench.wait_idle()
        assert await world.call(vq.get_buf) is None
        for token in range(4):
            wanted = inverted(data[token * SLOT :][:length]) if token in expected else bytes(length)
            assert world.memory.read(BASE + (4 + token) * SLOT, length) == wanted
    assert outcomes == {"taken", "used"}


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_queue_that_is_held_up_holds_up_no_other(dut: Any) -> None:
    """The function answers none of one queue; another one's frames come and go."""
    bench, function = await start(dut, credits=2, wait=0)
    if bench.built.queues < 2:
        return
    world = RtlSocketWorld(bench, None, in_step=False)
    await world.start([bench.built.slots] * 2)
    slow, fast = world.queues[0], world.queues[1]
    function.hold = True
    for token in range(4):
        await world.call(slow.add_buf, [(BASE, 4), (BASE + SLOT, 4)], 1, 1, token)
    await world.call(slow.sync)
    await bench.clocks(200)
    assert len(function.held) == 2, "as many as were granted"
    assert dut.idle.value == 0, "two wait for a credit"
    mine, function.held[:] = list(function.held), []
    function.hold = False
    for token in range(10):
        await world.call(fast.add_buf, [(BASE, 4), (BASE + SLOT, 4)], 1, 1, token)
        await world.call(fast.sync)
        for _ in range(50):
            if (used := await world.call(fast.get_buf)) is not None:
                break
            await bench.clocks(5)
        assert used == (token, 4)
    assert await world.call(slow.get_buf) is None
    function.held[:] = mine
    found: list[int] = []
    for _ in range(100):
        if (used := await world.call(slow.get_buf)) is not None:
            found.append(used.data)
        await bench.clocks(5)
    assert sorted(found) == [0, 1, 2, 3]


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def configuration_accesses_reach_the_function(dut: Any) -> None:
    """Offsets from 0x100 on, with every strobe; nothing else does."""
    bench, _ = await start(dut)
    seen: list[tuple[int, int, int]] = []

    async def watch() -> None:
        while True:
            await ReadOnly()
            if dut.m_cfg_write.value == 1:
                seen.append(
                    (
                        int(dut.m_cfg_addr.value),
                        int(dut.m_cfg_wdata.value),
                        int(dut.m_cfg_wstrb.value),
                    )
                )
            await RisingEdge(dut.clk)

    cocotb.start_soon(watch())
    for offset, strobe in ((0x100, 0xF), (0x104, 0x3), (0x7FC, 0x0)):
        await bench.write32(offset, 0x12345678, strobe)
    for offset in (0x0FC, 0x800, 0x1100):
        await bench.write32(offset, 1)
    assert seen == [(0, 0x12345678, 0xF), (4, 0x12345678, 3), (0x6FC, 0x12345678, 0)]
    dut.s_cfg_rdata.value = 0xCAFE
    assert await bench.read32(0x100) == 0xCAFE


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def an_access_takes_four_clocks(dut: Any) -> None:
    """From the request's handshake to the response."""
    await start(dut)
    for offset in (0x1000, 0x1004, 0x1014):
        await RisingEdge(dut.clk)
        dut.s_axil_araddr.value, dut.s_axil_arvalid.value = offset, 1
        dut.s_axil_rready.value = 1
        clocks, asked = 0, -1
        while True:
            await ReadOnly()
            if asked < 0 and dut.s_axil_arready.value == 1:
                asked = clocks
            done = dut.s_axil_rvalid.value == 1
            await RisingEdge(dut.clk)
            if asked >= 0:
                dut.s_axil_arvalid.value = 0
            if done:
                break
            clocks += 1
        assert clocks - asked == 4
        dut.s_axil_rready.value = 0


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(held=["header", "packet", "answer"])
async def a_life_ends_when_the_function_has_given_up_its_frames(dut: Any, held: str) -> None:
    """Not while the function has not taken the header, or the packet, or given the answer."""
    bench, function = await start(dut, wait=0)
    await bench.write32(Window.CONTROL.of(0), 1)
    slow: Any = {"header": function.req, "packet": function.out, "answer": function.rsp}[held]
    slow.percent = 0
    for word in (4, 4):
        await bench.write32(Window.TX_HEADER.of(0), word)
    await bench.write32(Window.TX_DATA.of(0), 1)
    await bench.clocks(60 + 4 * bench.built.queues)  # its turn comes
    end = cocotb.start_soon(bench.write32(Window.CONTROL.of(0), 0))
    await bench.clocks(200)
    assert not end.done(), f"the function's {held} is still to come"
    slow.percent = 100
    await end
    assert function.took == 1 and not function.held
    await bench.wait_idle()
    assert await bench.read32(Window.STATUS.of(0)) == 0, "its answer is thrown away"
