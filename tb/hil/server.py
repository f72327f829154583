# SPDX-License-Identifier: Apache-2.0
"""The serving loop: clients of a socket drive a device, one after the other.

While the device has something to do it is let work on, and descriptors are looked at in between.
When it has nothing to do the loop sleeps in poll. `tb.hil.serve` serves the Verilog,
`tb.hil.model_server` the golden model.
"""

from __future__ import annotations

import abc
import contextlib
import json
import os
import select
import signal
import socket
import time
from collections.abc import Awaitable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Optional

from tb.hil.backend import Backend
from tb.hil.messages import Disconnected, ProtocolError
from tb.hil.session import Session
from tb.hil.slirp import Slirp
from tb.hil.wires import Loopback, Wanted, Wire

ENVIRONMENT = "TB_HIL"
DESIGN = "TB_HIL_DESIGN"  # in the environment: parameters of the design, as JSON
MESSAGES = 16  # of a client that are done before something else is looked at
POLL_SECONDS = 0.001  # between two looks at a ring whose client rings no bell
SAY = "hil: "  # begins each line for people
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
WIRES: Mapping[str, Callable[[Callable[[bytes], None]], Wire]] = {
    "loopback": Loopback,
    "slirp": Slirp,
}


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
        wire: of a network device, what is at its other end: a name of `WIRES`; empty for nothing.
        follow: the golden model follows the device, which is compared with it.
        record: file to record all sessions in, for `make sim TRACE=`; empty for none. A recorded
            device is followed.
    """

    device: str
    listener: int
    connected: bool = False
    sessions: int = 0
    image: str = ""
    read_only: bool = False
    hidden: int = 0
    report: str = ""
    wire: str = ""
    follow: bool = True
    record: str = ""

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

    def watch(self) -> None:
        """Take the signals, which were held back; not before the simulator has taken them."""
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def _note(self, number: int, frame: Any) -> None:
        self.asked = True

    def fileno(self) -> int:
        """Return the descriptor, for poll."""
        return self._reader.fileno()

    def close(self) -> None:
        """Watch no more; the end is near, whatever signal comes."""
        signal.set_wakeup_fd(-1)
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        self._reader.close()
        self._writer.close()

    async def drain(self) -> None:
        """Forget the wake-ups."""
        with contextlib.suppress(BlockingIOError):
            self._reader.recv(64)


class Server(abc.ABC):
    """Serves clients on one device.

    Args:
        backend: the device.
        options: what is served.

    Attributes:
        session: the client that is there, or None.
        wire: the other end of the device's wire, or None.
    """

    def __init__(self, backend: Backend, options: Options) -> None:
        self.backend, self.options = backend, options
        self.stop = Stop()
        self.session: Optional[Session] = None
        self.wire: Optional[Wire] = None
        if options.wire:
            self.wire = WIRES[options.wire](self.receive)
        self._listener = socket.socket(fileno=options.listener)
        self._listener.setblocking(False)
        self._ended = 0  # sessions
        self._began = (0, 0.0)  # cycle and time of the session's begin
        self._counts: dict[str, int] = {}

    async def run(self) -> None:
        """Serve until it is over."""
        self.stop.watch()
        if self.options.connected:
            self._begin(self._listener)
        while not self._over():
            await self._turn()
        if self.session is not None:
            await self._end("the server was told to stop")
        self._listener.close()
        self.stop.close()
        if self.wire is not None:
            self.wire.close()

    def _over(self) -> bool:
        enough = self.options.sessions or int(self.options.connected)
        return self.stop.asked or (enough > 0 and self._ended >= enough)

    async def _turn(self) -> None:
        """Do what has come in, then let the device work on, or sleep until more comes."""
        busy = self.busy
        if not busy:
            await self.quiet()
        for action in self._ready(0 if busy else self._patience):
            await action()
            if self._over():
                return
        if self.session is not None and not busy:
            await self.session.look()
        await self.work(busy)
        if self.session is not None and self.backend.lost():
            await self._end("closed: a file of its memory was cut short while it was mapped")

    @property
    def _patience(self) -> Optional[float]:
        """Seconds to sleep without anything that comes in; None for as long as it takes."""
        polled = self.session is not None and self.session.polled
        return POLL_SECONDS if polled else None

    # ---- what a device says

    @property
    @abc.abstractmethod
    def busy(self) -> bool:
        """Whether the device has something to do."""

    @property
    @abc.abstractmethod
    def cycle(self) -> int:
        """The device's time."""

    @abc.abstractmethod
    async def work(self, busy: bool) -> None:
        """Let the device work for a while, if it was busy; else until it shows that it is."""

    @abc.abstractmethod
    async def changed(self) -> bool:
        """Whether the configuration changed, or a fault was met, since the last time."""

    async def release(self, session: Session) -> None:
        """Give back what a client had."""
        await session.end()

    def receive(self, frame: bytes) -> None:
        """Let a frame come over the wire into the device."""
        raise NotImplementedError(f"a {self.options.device} device has no wire")

    def traffic(self) -> dict[str, Any]:
        """Return what else the device did for the client that has just gone."""
        return {}

    async def quiet(self) -> None:
        """Tell the client what has become of a device that has come to rest."""
        if self.session is None or not await self.changed():
            return
        fault = await self.backend.fault()
        if fault:
            say(f"the driver broke a rule, the device needs a reset: {fault}")
            for queue in range(self.backend.queues):
                self.session.failed(queue)
        else:
            self.session.config_changed()

    # ---- what comes in

    def _ready(self, timeout: Optional[float]) -> list[Callable[[], Awaitable[None]]]:
        """Wait until something comes in; return what is to be done then.

        `timeout` is in seconds, None for without end. What comes from the wire is done here.
        """
        sources = self._sources()
        poll = select.poll()
        for fd in sources:
            poll.register(fd, select.POLLIN)
        wanted = self.wire.wanted() if self.wire is not None else Wanted()
        for fd, events in wanted.descriptors:
            poll.register(fd, events)
        if wanted.seconds is not None:
            timeout = wanted.seconds if timeout is None else min(timeout, wanted.seconds)
        found = poll.poll(None if timeout is None else timeout * 1000)
        if self.wire is not None:
            self.wire.ready([item for item in found if item[0] not in sources])
        return [sources[fd] for fd, _ in found if fd in sources]

    def _sources(self) -> dict[int, Callable[[], Awaitable[None]]]:
        sources: dict[int, Callable[[], Awaitable[None]]] = {self.stop.fileno(): self.stop.drain}
        if self.session is None:
            sources[self._listener.fileno()] = self._accept
            return sources
        for queue, ring in enumerate(self.session.rings):  # before a message that takes them away
            if ring.kick is not None:
                sources[ring.kick] = self._kick(queue)
        sources[self.session.stream.fileno()] = self._messages
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
        self._began = (self.cycle, time.monotonic())
        self._counts = {"kicks": 0, "calls": 0}
        say(f"client {self._ended + 1} is here")

    async def _messages(self) -> None:
        """Take the messages that have come."""
        assert self.session is not None
        try:
            for _ in range(MESSAGES):
                message = self.session.stream.receive()
                if message is None:
                    return
                await self.session.handle(message)
        except Disconnected:
            await self._end("it is gone")
        except ProtocolError as error:
            await self._end(f"closed: {error}")

    async def _end(self, why: str) -> None:
        session, self.session = self.session, None
        assert session is not None
        await self.release(session)
        self._ended += 1
        say(f"client {self._ended}: {why}")
        self._report(session, why)

    def _report(self, session: Session, why: str) -> None:
        if not self.options.report:
            return
        cycle, seconds = self._began
        found = {
            "client": self._ended,
            "end": why,
            "features": session.features,
            "cycles": self.cycle - cycle,
            "seconds": round(time.monotonic() - seconds, 3),
            **self._counts,
            **self.traffic(),
        }
        with Path(self.options.report).open("a") as file:
            file.write(json.dumps(found) + "\n")

    def _count(self, name: str) -> None:
        self._counts[name] = self._counts.get(name, 0) + 1

    def called(self, queue: int) -> None:
        """Signal a queue's interrupt."""
        if self.session is not None:
            self._count("calls")
            self.session.called(queue)
