# SPDX-License-Identifier: Apache-2.0
"""Serve the Verilog to vhost-user clients: the serving loop as a cocotb test.

The simulation sleeps with the loop. `tb.hil.run` starts it and hands over `Options`.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Optional

import cocotb
from cocotb.triggers import First, Timer

from pymodel import Interrupt
from pymodel.registers import CONFIG_BASE, Reg
from tb.bench import PERIOD_NS, Bench
from tb.disk import DiskError, NativeDisk
from tb.hil.followed import BlkOutside, NetOutside, Outside
from tb.hil.pace import Pace
from tb.hil.record import RecordedBench, Recorder, now
from tb.hil.rtl_backend import SETTLE, RtlBackend
from tb.hil.server import DESIGN, Options, Server, say
from tb.hil.session import Session
from tb.hil.session_file import Header, sources_digest
from tb.mac import Mac

SLICE = 1000  # cycles between two looks at the descriptors while the device works
FRAME_CYCLES = 2  # from a frame's coming until the MAC may begin with it


class RtlServer(Server):
    """Serves the Verilog.

    Args:
        bench: of the device, not yet started.
        options: what is served.
        disk: of a block device.
    """

    backend: RtlBackend

    def __init__(self, bench: Bench, options: Options, disk: Optional[NativeDisk]) -> None:
        self.mac = Mac() if options.device == "net" else None
        self.disk, self.recorder = disk, None
        if options.record:
            self.recorder = Recorder(Path(options.record), _header(bench, options, disk), disk)
            bench = RecordedBench.of(bench, self.recorder)
        outside = self._outside if options.follow or options.record else None
        super().__init__(RtlBackend(bench, options.hidden, outside, self.recorder), options)
        self.pace = Pace(self._queue, self.backend) if self.mac is not None else None
        self.bench = bench

    async def _outside(self, bench: Bench, max_chain: int) -> Outside:
        """Return what surrounds the golden model of this device."""
        if self.mac is not None:
            words = [await bench.read32(CONFIG_BASE + at) for at in (8, 12)]
            return NetOutside(self.mac, pairs=words[0] & 0xFFFF or 1, mtu=words[0] >> 16 or 1500)
        assert self.disk is not None
        queues = await bench.read32(CONFIG_BASE + 0x20) >> 16
        only = self.options.read_only
        return BlkOutside(self.disk, queues=queues or 1, max_chain=max_chain, read_only=only)

    async def run(self) -> None:
        """Serve until it is over."""
        await self.backend.find()
        cocotb.start_soon(self._call())
        if self.backend.follower is not None:
            cocotb.start_soon(self.backend.follower.run())
        try:
            await super().run()
        finally:
            if self.recorder is not None:
                self.recorder.close()

    @property
    def busy(self) -> bool:
        """See `Server`."""
        if self.mac is not None and self.pace is not None and self.session is not None:
            frames = self.mac.waiting + self.pace.waiting
        else:
            frames = 0
        return frames > 0 or int(self.bench.idle.value) == 0

    @property
    def cycle(self) -> int:
        """See `Server`."""
        return self.bench.cycle

    async def work(self, busy: bool) -> None:
        """See `Server`."""
        if busy:
            await First(self.bench.idle.value_change, Timer(SLICE * PERIOD_NS, "ns"))
        else:
            await self.bench.wait_cycles(SETTLE)
        if self.mac is not None and self.wire is not None:
            for frame in self.mac.new():
                if not frame.bad:
                    self.wire.give(frame.data)
        if self.pace is not None and self.session is not None:
            await self.pace.give()

    async def release(self, session: Session) -> None:
        """See `Server`; what the client has written is in the image then."""
        await super().release(session)
        if self.disk is None or self.options.read_only:
            return
        try:
            self.disk.commit()
        except DiskError as error:
            say(str(error))

    def receive(self, frame: bytes) -> None:
        """See `Server`."""
        if self.pace is None:
            super().receive(frame)
        else:
            self.pace.put(frame)

    def _queue(self, frame: bytes) -> None:
        """Let a frame go into the device."""
        assert self.mac is not None
        cycle = self.bench.cycle + FRAME_CYCLES
        self.mac.queue(frame, cycle=cycle)
        if self.recorder is not None:
            self.recorder.note("f", now(), cycle, frame.hex())

    async def _end(self, why: str) -> None:
        follower = self.backend.follower
        if follower is not None:
            await self.bench.wait_cycles(SETTLE)
            if not self.busy:
                await follower.finish()
        await super()._end(why)

    def traffic(self) -> dict[str, Any]:
        """See `Server`: what it counted, what was compared, and bytes of the bus."""
        counters, width = self.bench.memory.counters(), self.backend.bus_bytes
        self.bench.memory.clear_counters()
        counted, self.backend.counted = self.backend.counted, {}
        follower = self.backend.follower
        if self.pace is not None:
            counted["wire_dropped"], self.pace.dropped = self.pace.dropped, 0
        return {
            "counted": counted,
            "compared": follower.take_tally()._asdict() if follower is not None else {},
            "read": counters.beats_read * width,
            "written": counters.beats_written * width,
        }

    async def _call(self) -> None:
        """Signal the queues whose interrupts come."""
        while True:
            await self.bench.calls.value_change
            for queue in self.bench.take_calls():
                if self.backend.follower is not None:
                    self.backend.follower.called(queue)
                self.called(queue)

    async def quiet(self) -> None:
        """See `Server`; first the model is compared with a device that has come to rest."""
        if self.backend.follower is not None:
            await self.bench.wait_cycles(SETTLE)
            if not self.busy:
                self.backend.follower.idle()
        await super().quiet()

    async def changed(self) -> bool:
        """See `Server`."""
        if int(self.bench.irq.value) == 0:
            return False
        causes = await self.bench.read32(Reg.INTERRUPT_STATUS)
        await self.bench.write32(Reg.INTERRUPT_ACK, causes)
        return bool(causes & Interrupt.CONFIG_CHANGE)


def _header(bench: Bench, options: Options, disk: Optional[NativeDisk]) -> Header:
    """Return what a session's file says of this run."""
    return Header(
        device=options.device,
        parameters=json.loads(os.environ.get(DESIGN, "{}")),
        sim=os.environ["SIM"],
        seed=int(os.environ["SEED"]),
        sources=sources_digest(),
        sectors=disk.sectors if disk is not None else 0,
        read_only=options.read_only,
        settings=asdict(bench.memory.settings),
    )


@cocotb.test()
async def serve(dut: Any) -> None:
    """Serve until told to stop."""
    options = Options.from_environment()
    bench = Bench(dut, slot=options.device)
    disk = None
    if options.image:
        disk = NativeDisk(Path(options.image), read_only=options.read_only)
    await RtlServer(bench, options, disk).run()
    if disk is not None:
        if not options.read_only:
            disk.commit()
        disk.close()
