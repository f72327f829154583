# SPDX-License-Identifier: Apache-2.0
"""The serving loop, a cocotb test: clients of a socket drive the Verilog, one after the other.

While the device has something to do the simulation runs, and descriptors are looked at every
`SLICE` cycles. When it has nothing to do the loop sleeps in poll, and the simulation with it.
`tb.hil.run` starts it and hands over `Options`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Awaitable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Optional

import cocotb
from cocotb.triggers import First, Timer

from pymodel import Interrupt
from pymodel.registers import Reg
from tb.bench import PERIOD_NS, Bench
from tb.disk import NativeDisk
from tb.hil.messages import Disconnected, ProtocolError
from tb.hil.rtl_backend import RtlBackend
from tb.hil.session import Session

SLICE = 1000  # cycles between two looks at the descriptors while the device works
SETTLE = 4  # cycles from a register write until the device shows that it works
ENVIRONMENT = "TB_HIL"
SAY = "hil: "  # begins each line for people


@dataclass(frozen=True)
class Options:
    """What is served, and to whom.

    Attributes:
        device: "blk" or "net", a slot of `tb_devices`.
        listener: descriptor of a listening socket, or of a connected one if `connected`.
        connected: there is one client, whose end is that of the server too.
        sessions: end after so many clients; 0 is never.
        image: of a block device, the file.
        read_only: the image is not written.
        hidden: feature bits that clients are not offered.
        report: file for what each session did, a JSON object a line; empty for none.
    """

    device: str
    listener: int
    connected: bool = False
    sessions: int = 0
    image: str = ""
    read_only: bool = False
    hidden: int = 0
    report: str = ""

    @classmethod
    def from_environment(cls) -> Options:
        """Return what `environment` said."""
        return cls(**json.loads(os.environ[ENVIRONMENT]))

    def environment(self) -> dict[str, str]:
        """Return the variables that hand them to the simulator."""
        return {ENVIRONMENT: json.dumps(asdict(self), sort_keys=True)}


def say(text: str) -> None:
    """Print a line for people."""
    print(f"{SAY}{text}", flush=True)


class Stop:
    """SIGTERM and SIGINT as a descriptor that becomes readable.

    Attributes:
        asked: one of them came.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._note)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def _note(self, number: int, frame: Any) -> None:
        self.asked = True

    def fileno(self) -> int:
        """Return the descriptor, for poll."""
        return self._reader.fileno()

    def close(self) -> None:
        """Watch no more; another signal has its usual effect."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        self._reader.close()
        self._writer.close()

    async def drain(self) -> None:
        """Forget the wake-ups."""
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(64)


class Server:
    """Serves clients on one device.

    Args:
        bench: of the device, not yet started.
        options: what is served.
    """

    def __init__(self, bench: Bench, options: Options) -> None:
        self.bench, self.options = bench, options
        self.backend = RtlBackend(bench, options.hidden)
        self.calls = getattr(bench.dut, f"calls_{options.device}")
        self.stop = Stop()
        self.session: Optional[Session] = None
        self._listener = socket.socket(fileno=options.listener)
        self._ended = 0  # sessions
        self._began = (0, 0.0)  # cycle and time of the session's begin
        self._counts: dict[str, int] = {}

    async def run(self) -> None:
        """Serve until it is over."""
        await self.backend.find()
        cocotb.start_soon(self._call())
        if self.options.connected:
            self._begin(self._listener)
        while not self._over():
            await self._turn()
        if self.session is not None:
            await self._end("the server was told to stop")
        self._listener.close()
        self.stop.close()

    def _over(self) -> bool:
        enough = self.options.sessions or int(self.options.connected)
        return self.stop.asked or (enough > 0 and self._ended >= enough)

    async def _turn(self) -> None:
        """Do what has come in, then let the device work on, or sleep until more comes."""
        busy = self.busy
        if not busy:
            await self._quiet()
        for action in self._ready(0 if busy else None):
            await action()
            if self._over():
                return
        if busy:
            await First(self.bench.idle.value_change, Timer(SLICE * PERIOD_NS, "ns"))
        else:
            await self.bench.wait_cycles(SETTLE)

    @property
    def busy(self) -> bool:
        """Whether the device has something to do."""
        return int(self.bench.idle.value) == 0

    def _ready(self, timeout: Optional[float]) -> list[Callable[[], Awaitable[None]]]:
        """Wait until something comes in; return what is to be done then."""
        sources = self._sources()
        poll = select.poll()
        for fd in sources:
            poll.register(fd, select.POLLIN)
        found = poll.poll(None if timeout is None else timeout * 1000)
        return [sources[fd] for fd, _ in found]

    def _sources(self) -> dict[int, Callable[[], Awaitable[None]]]:
        sources: dict[int, Callable[[], Awaitable[None]]] = {self.stop.fileno(): self.stop.drain}
        if self.session is None:
            sources[self._listener.fileno()] = self._accept
            return sources
        sources[self.session.stream.fileno()] = self._messages
        for queue, ring in enumerate(self.session.rings):
            if ring.kick is not None:
                sources[ring.kick] = self._kick(queue)
        return sources

    def _kick(self, queue: int) -> Callable[[], Awaitable[None]]:
        async def kick() -> None:
            if self.session is not None:
                self._count("kicks")
                await self.session.kicked(queue)

        return kick

    # ---- sessions

    async def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            say(f"a client went before it was accepted: {error.strerror}")
            return
        self._begin(connection)

    def _begin(self, connection: socket.socket) -> None:
        self.session = Session(connection, self.backend, say)
        self._began = (self.bench.cycle, time.monotonic())
        self._counts = {"kicks": 0, "calls": 0}
        say(f"client {self._ended + 1} is here")

    async def _messages(self) -> None:
        """Take the messages that have come."""
        assert self.session is not None
        try:
            while (message := self.session.stream.receive()) is not None:
                await self.session.handle(message)
        except Disconnected:
            await self._end("it is gone")
        except ProtocolError as error:
            await self._end(f"closed: {error}")

    async def _end(self, why: str) -> None:
        session, self.session = self.session, None
        assert session is not None
        await session.end()
        self._ended += 1
        say(f"client {self._ended}: {why}")
        self._report(session, why)

    def _report(self, session: Session, why: str) -> None:
        if not self.options.report:
            return
        cycle, seconds = self._began
        traffic, width = self.bench.memory.counters(), self.backend.bus_bytes
        self.bench.memory.clear_counters()
        found = {
            "client": self._ended,
            "end": why,
            "features": session.features,
            "cycles": self.bench.cycle - cycle,
            "seconds": round(time.monotonic() - seconds, 3),
            **self._counts,
            "counted": self.backend.counted,
            "read": traffic.beats_read * width,
            "written": traffic.beats_written * width,
        }
        self.backend.counted = {}
        with Path(self.options.report).open("a") as file:
            file.write(json.dumps(found) + "\n")

    def _count(self, name: str) -> None:
        self._counts[name] = self._counts.get(name, 0) + 1

    # ---- what the device tells

    async def _call(self) -> None:
        """Signal the queues whose interrupts come."""
        while True:
            await self.calls.value_change
            bits = int(self.calls.value)
            if not bits:
                continue
            self.calls.value = 0
            for queue in range(bits.bit_length()):
                if bits >> queue & 1 and self.session is not None:
                    self._count("calls")
                    self.session.called(queue)

    async def _quiet(self) -> None:
        """Look for a changed configuration, or a fault, when the device has come to rest."""
        if self.session is None or int(self.bench.irq.value) == 0:
            return
        causes = await self.bench.read32(Reg.INTERRUPT_STATUS)
        if not causes & Interrupt.CONFIG_CHANGE:
            return
        await self.bench.write32(Reg.INTERRUPT_ACK, causes)
        fault = await self.backend.fault()
        if fault:
            say(f"the driver broke a rule, the device needs a reset: {fault}")
            for queue in range(self.backend.queues):
                self.session.failed(queue)
        else:
            self.session.config_changed()


@cocotb.test()
async def serve(dut: Any) -> None:
    """Serve until told to stop."""
    options = Options.from_environment()
    bench = Bench(dut, slot=options.device)
    disk = None
    if options.image:
        disk = NativeDisk(Path(options.image), read_only=options.read_only)
    await Server(bench, options).run()
    if disk is not None:
        if not options.read_only:
            disk.commit()
        disk.close()
