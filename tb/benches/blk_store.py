# SPDX-License-Identifier: Apache-2.0
"""A store behind the block device's port, of settable pace, for benches of modules."""

from __future__ import annotations

import random
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from pymodel.blk_function import StoreOp
from pymodel.disk import SECTOR, Disk
from tb.benches.channels import Sink, Source, now


@dataclass(frozen=True)
class StorePace:
    """How the store behaves: chances per clock in percent, clocks from a command to its end."""

    cmd: int = 100
    wr: int = 100
    rd: int = 100
    done: int = 100
    latency: int = 0


class Store:
    """Carries out the commands of `m_cmd_*` on a disk of its own.

    Args:
        dut: the function.
        disk: the bytes.
        pace: how fast.

    Attributes:
        ops: how often each command came.
        stable: writes that had to be stable.
        unmaps: commands with unmap.
        damaged: writes that came with `tuser`.
        most: most commands under way at once.
    """

    def __init__(self, dut: Any, disk: Disk, pace: StorePace) -> None:
        self.dut, self.disk, self.pace = dut, disk, pace
        self.beat = int(dut.DATA_W.value) // 8
        self.ops: Counter[StoreOp] = Counter()
        self.stable = self.unmaps = self.damaged = self.most = 0
        clk = dut.clk
        names = ("op", "sector", "sectors", "stable", "unmap")
        fields = {name: getattr(dut, f"m_cmd_{name}") for name in names}
        self._cmd = Sink(clk, dut.m_cmd_valid, dut.m_cmd_ready, fields, percent=pace.cmd)
        fields = {name: getattr(dut, f"m_wr_t{name}") for name in ("data", "last", "user")}
        self._wr = Sink(clk, dut.m_wr_tvalid, dut.m_wr_tready, fields, percent=pace.wr)
        fields = {name: getattr(dut, f"s_rd_t{name}") for name in ("data", "last")}
        self._rd = Source(clk, dut.s_rd_tvalid, dut.s_rd_tready, fields, percent=pace.rd)
        self._done = Source(
            clk, dut.s_done_valid, dut.s_done_ready, {"ok": dut.s_done_ok}, percent=pace.done
        )
        self._taken = 0  # beats of writes
        cocotb.start_soon(self._run())

    @property
    def commands(self) -> list[int]:
        """Clock numbers in which commands were first shown."""
        return [word.shown for word in self._cmd.words]

    @property
    def data_taken(self) -> list[int]:
        """Clock numbers in which beats of reads were taken."""
        return self._rd.taken

    @staticmethod
    def idle_inputs(disk: Disk) -> dict[str, int]:
        """The inputs of the function before the store drives them."""
        zero = ("s_rd_tdata", "s_rd_tlast", "s_rd_tvalid", "s_done_ok", "s_done_valid")
        outputs = ("m_cmd_ready", "m_wr_tready")
        return dict.fromkeys((*zero, *outputs), 0) | {"s_capacity": disk.sectors}

    async def _run(self) -> None:
        queue: deque[tuple[int, dict[str, int]]] = deque()
        seen = ended = 0
        while True:
            await RisingEdge(self.dut.clk)
            for word in self._cmd.words[seen:]:
                seen += 1
                queue.append((word.taken + self.pace.latency, word.value))
            self.most = max(self.most, seen - len(self._done.taken))
            while queue and queue[0][0] <= now():
                answered = self._carry_out(queue[0][1])
                if answered is None:
                    break
                queue.popleft()
                self._done.send({"ok": answered})
                ended += 1

    def _carry_out(self, command: dict[str, int]) -> bool | None:
        """Do it; whether it went well, or None while its bytes have not come."""
        op, sector, sectors = StoreOp(command["op"]), command["sector"], command["sectors"]
        data = b""
        damaged = False
        if op is StoreOp.WRITE:
            beats = sectors * SECTOR // self.beat
            words = self._wr.words[self._taken : self._taken + beats]
            if len(words) < beats:
                return None
            self._taken += beats
            assert [word.value["last"] for word in words] == [0] * (beats - 1) + [1]
            users = [word.value["user"] for word in words]
            assert users == sorted(users), "a beat behind a damaged one is marked as well"
            damaged = bool(users[-1])
            good = [word.value["data"] for word in words if not word.value["user"]]
            data = b"".join(word.to_bytes(self.beat, "little") for word in good)
        self.ops[op] += 1
        self.damaged += damaged
        self.unmaps += command["unmap"]
        self.stable += command["stable"]
        if op is not StoreOp.FLUSH:
            assert sectors > 0, "a command without a sector"
            assert sector + sectors <= self.disk.sectors, "a command past the end"
        fails = op is not StoreOp.FLUSH and self.disk.refuses(sector, sectors)
        stable = bool(command["stable"])
        if op is StoreOp.READ:
            bytes_read = bytes(sectors * SECTOR) if fails else self.disk.read(sector, sectors)
            for at in range(0, len(bytes_read), self.beat):
                word = int.from_bytes(bytes_read[at : at + self.beat], "little")
                last = at + self.beat == len(bytes_read)
                self._rd.send({"data": word, "last": last})
        elif op is StoreOp.FLUSH:
            self.disk.flush()
        elif fails:
            pass
        elif op is StoreOp.WRITE and damaged:
            kept = len(data) // SECTOR * SECTOR
            self.disk.write(sector, data[:kept])
        elif op is StoreOp.WRITE:
            self.disk.write(sector, data, stable)
        elif op is StoreOp.WRITE_ZEROES:
            self.disk.write(sector, bytes(sectors * SECTOR), stable)
        return not fails and not damaged


def random_pace() -> StorePace:
    """A store that holds back now and then."""
    cmd, wr, rd, done = (random.choice([100, 60, 30]) for _ in range(4))
    return StorePace(cmd, wr, rd, done, latency=random.choice([0, 5, 60]))
