# SPDX-License-Identifier: Apache-2.0
"""The rules with the Verilog engine as the other end of a ring."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable
from typing import Any

from pymodel import Feature
from pymodel.transport import notify
from tb.bench import Bench
from tb.native_memory import latency
from tb.worlds import RtlWorld, Setup
from tests.conformance import implementations as listed
from tests.conformance.beds import NOTHING, Callback, Kind, RingBed
from tests.conformance.simulated import cocotb_tests

IMPLEMENTATION = os.environ["IMPLEMENTATION"]
BASE, MEMORY = 0x8000_0000, 1 << 16
LATENCY = 5  # cycles, of the memory
WINDOW = 130  # cycles, from a notification until a small buffer was used
STRIDE = 13 if os.environ["SIM"] == "verilator" else 26
DEADLINE = 20_000  # cycles, to become idle


class RtlBed(RingBed):
    """A ring in the simulator's memory.

    What the driver asks of the device is kept until `run`, so what was published is not used
    before.
    """

    def __init__(self, name: str, kind: Kind, bench: Bench) -> None:
        super().__init__(listed.FORMS[name], kind)
        self.bench = bench

    async def _open(self, callback: Callback | None, size: int) -> None:
        setup = Setup(
            sizes=(size,),
            features=self.kind.features | (Feature.RING_PACKED if self.form.packed else NOTHING),
            indirect=self.kind.indirect,
            base=BASE,
            memory=MEMORY,
            tables=1 << 12,
            callback=(lambda world, index: callback(world.queue(index))) if callback else None,
        )
        self.world = RtlWorld(setup, self.bench, DEADLINE)
        await self.world.start(again=True)
        self.queue = self.world.queue(0)

    @property
    def memory(self) -> Any:
        return self.bench.memory

    def allocate(self, length: int) -> int:
        return self.world.allocator.allocate(length, 1)

    @property
    def notified(self) -> int:
        return self.world.notifications + len(self.world.notified)

    @property
    def interrupts(self) -> int:
        return len(self.world.interrupts)

    async def run(self) -> None:
        await self.world.hand_over()
        await self.world.wait_quiet()

    async def detach(self, token: Hashable) -> None:
        await self.world.detach(0, token)

    async def begin(self, instant: int) -> None:
        await self.world.hand_over()
        await self.bench.wait_cycles(instant)

    @property
    def instants(self) -> Iterable[int]:
        return range(0, WINDOW, STRIDE)

    async def deliver(self) -> bool:
        return await self.world.serve()

    async def kick(self) -> None:
        await self.world.run(notify(self.queue.notification))
        await self.world.wait_quiet()

    def waits(self) -> bool:
        return bool(self.world.notified)


async def start(dut: Any) -> Callable[[Kind], RtlBed]:
    """Start the bench; return how a bed is made on it."""
    bench = Bench(dut, latency(LATENCY))
    await bench.start()
    bench.memory.add_region(BASE, MEMORY)
    return lambda kind: RtlBed(IMPLEMENTATION, kind, bench)


globals().update(cocotb_tests(IMPLEMENTATION, start))
