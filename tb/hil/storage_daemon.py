# SPDX-License-Identifier: Apache-2.0
"""Serve files as block devices whose device is the Verilog: `tb/hil/storage-daemon`.

The command line is that of qemu-storage-daemon, as far as it concerns files and exports over
vhost-user: what can start that daemon can start this one in its place. Each export is a simulator
process of its own. What each client wrote is in its file when the client has gone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn, Optional

from pymodel import Feature
from tb.build import BuildError, build
from tb.hil.run import END_SECONDS, ServeError, Server, design, listen, serving
from tb.hil.server import STOP_SIGNALS, Options
from tb.hil.storage_options import SECTOR, Export, OptionError, Settings, parse
from tb.runner import RunFailed, wanted_waves

PROGRAM = "storage-daemon"
VERSION = "0.1.0"
COMPARED_RATE = 10e6  # bytes a second of a disk compared with the model's, at least
HELP = f"""Usage: {PROGRAM} [options]
Serve files as virtio block devices in Verilog, by the options of qemu-storage-daemon

  -h, --help             display this help and exit
  -V, --version          output version information and exit

  --blockdev [driver=]file,node-name=<N>,filename=<file>[,read-only=on|off]
             [,auto-read-only=on|off][,force-share=on|off][,cache.direct=on|off]
             [,cache.no-flush=on|off][,discard=ignore|unmap]
             [,detect-zeroes=on|off|unmap][,aio=threads|native|io_uring]
             [,aio-max-batch=<n>][,locking=auto|on|off][,drop-cache=on|off]
                         a file of whole sectors; what says how it is accessed
                         is taken and makes no difference
  --blockdev [driver=]raw,node-name=<N>,file=<N>
                         the same by another name; the file may be described
                         in place: file.driver=file,file.filename=<file>

  --export [type=]vhost-user-blk,id=<id>,node-name=<N>,
           addr.type=unix,addr.path=<path>[,writable=on|off]
           [,num-queues=<1 to 64>][,logical-block-size=512][,iothread=<id>]
           [,packed=on|off]
  --export [type=]vhost-user-blk,id=<id>,node-name=<N>,
           addr.type=fd,addr.str=<number>[,...]
                         serve a node at a path, or on an inherited socket that
                         is bound; read-only unless writable. Every number of
                         queues is a device of its own, which is built once.
                         packed=on offers packed rings too; user-mode Linux
                         would choose them, and cannot use them

  --object iothread,id=<id>
                         taken and makes no difference
  --pidfile <path>       write the process id to a file once all is up
  --daemonize            come back once all is up

Options may be JSON; they take effect in their order. SIGTERM and SIGINT end
the daemon with code 0. WAVES=1 in the environment records waves; the log of
each export is named when it is up.
"""


class DaemonError(Exception):
    """The daemon cannot go on; the text says why, in one line."""


class Stopped(Exception):
    """A signal asked for the end."""


def say(text: str) -> None:
    """Print a line for people."""
    print(f"{PROGRAM}: {text}", file=sys.stderr, flush=True)


def main(arguments: Optional[Sequence[str]] = None) -> NoReturn:
    """Serve until told to stop."""
    try:
        settings = parse(sys.argv[1:] if arguments is None else arguments)
        if settings.show:
            version = f"{PROGRAM} version {VERSION}, virtio block devices in Verilog\n"
            print(HELP if settings.show == "help" else version, end="")
            sys.exit(0)
        up = _detach() if settings.daemonize else None
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        run(settings, up)
    except (OptionError, DaemonError) as error:
        say(str(error))
        sys.exit(1)
    sys.exit(0)


def run(settings: Settings, up: Optional[int] = None) -> None:
    """Serve until a signal, which is blocked, asks for the end.

    Args:
        settings: what to serve.
        up: descriptor to be told, and closed, when all is up; for a daemon.

    Raises:
        DaemonError: it cannot be done, or a simulation failed.
    """
    try:
        with contextlib.ExitStack() as stack:
            _check_images(settings)
            listeners = [stack.enter_context(_listening(export)) for export in settings.exports]
            _build(settings.exports)
            servers = [
                stack.enter_context(_serve(export, listener))
                for export, listener in zip(settings.exports, listeners)
            ]
            for export, server in zip(settings.exports, servers):
                say(f"export {export.name} is up; log: {server.log}")
            if settings.pid_file is not None:
                stack.enter_context(_pid_file(settings.pid_file))
            if up is not None:
                _tell(up)
            _wait(servers)
            _end(settings.exports, servers)
    except Stopped:
        return
    except (BuildError, OSError) as error:
        raise DaemonError(str(error)) from None


def _detach() -> int:
    """Go on in a process of its own; return what the first one waits for."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        sys.exit(0 if os.read(reader, 1) else 1)
    os.close(reader)
    os.setsid()
    return writer


def _tell(up: int) -> None:
    """Let the command end, and hold nothing of where it was started."""
    os.chdir("/")
    with Path(os.devnull).open("r+b") as nothing:
        for fd in (0, 1, 2):
            os.dup2(nothing.fileno(), fd)
    os.write(up, b"1")
    os.close(up)


# ---- what is to be served


def _check_images(settings: Settings) -> None:
    """Raise DaemonError if one of the images cannot be served."""
    for node in settings.nodes.values():
        try:
            if not stat.S_ISREG(node.image.stat().st_mode):
                raise DaemonError(f"Could not open '{node.image}': it is no regular file")
        except OSError as error:
            raise DaemonError(f"Could not open '{node.image}': {error.strerror}") from None
    seen: dict[tuple[int, int], Export] = {}
    for export in settings.exports:
        image = export.node.image
        try:
            file = os.open(image, os.O_RDWR if export.writable else os.O_RDONLY)
        except OSError as error:
            raise DaemonError(f"Could not open '{image}': {error.strerror}") from None
        try:
            found = os.fstat(file)
            _check_image(export, file, found.st_size)
        finally:
            os.close(file)
        other = seen.setdefault((found.st_dev, found.st_ino), export)
        if other is not export and (other.writable or export.writable):
            raise DaemonError(
                f"exports {other.name} and {export.name} have the same file, '{image}': "
                "one that is written has no other export"
            )


def _check_image(export: Export, file: int, size: int) -> None:
    image = export.node.image
    if size == 0 or size % SECTOR:
        raise DaemonError(f"'{image}' has {size} bytes: a disk is a multiple of {SECTOR}, not 0")
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if export.writable else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DaemonError(f"'{image}' is in use by another process") from None


@contextlib.contextmanager
def _listening(export: Export) -> Iterator[socket.socket]:
    """Listen where an export's clients are to come; nothing of it is left at the end."""
    if isinstance(export.where, int):
        with _inherited(export.where) as listener:
            yield listener
        return
    place = export.where.absolute()  # the working directory changes
    try:
        listener = listen(export.where)
    except ServeError as error:
        raise DaemonError(f"export {export.name}: {error}") from None
    try:
        with listener:
            yield listener
    finally:
        place.unlink(missing_ok=True)


def _inherited(number: int) -> socket.socket:
    """Return an inherited socket, listening."""
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            raise OSError
        listener = socket.socket(fileno=number)
    except OSError:
        raise DaemonError(f"File descriptor '{number}' is not a socket") from None
    try:
        if listener.family != socket.AF_UNIX or listener.type != socket.SOCK_STREAM:
            raise DaemonError(f"File descriptor '{number}' is not a stream socket of AF_UNIX")
        listener.listen(8)
    except OSError as error:
        raise DaemonError(
            f"File descriptor '{number}' is not a socket that clients can connect to: "
            f"{error.strerror}"
        ) from None
    return listener


@contextlib.contextmanager
def _pid_file(path: Path) -> Iterator[None]:
    """Hold a file with the process id."""
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("a+"))
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        except OSError as error:
            raise DaemonError(f"cannot create PID file '{path}': {error.strerror}") from None
        stack.callback(path.unlink, missing_ok=True)
        yield


# ---- the simulators


def _parameters(export: Export) -> dict[str, int]:
    return {"BLK_QUEUES": export.queues} | ({} if export.writable else {"BLK_READ_ONLY": 1})


def _build(exports: Sequence[Export]) -> None:
    """Build what is needed; a signal may end this, and this alone, at any moment."""

    def stop(number: int, frame: Any) -> NoReturn:
        raise Stopped

    for number in STOP_SIGNALS:
        signal.signal(number, stop)
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        for export in exports:
            build(design("blk", _parameters(export), bool(wanted_waves(None)), "verilator"))
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)


@contextlib.contextmanager
def _serve(export: Export, listener: socket.socket) -> Iterator[Server]:
    options = Options(
        device="blk",
        listener=listener.fileno(),
        image=str(export.node.image),
        read_only=not export.writable,
        hidden=0 if export.packed else int(Feature.RING_PACKED),
    )
    waves = wanted_waves(None)
    with serving(options, parameters=_parameters(export), waves=waves, name=export.name) as server:
        listener.close()
        yield server


def _wait(servers: Sequence[Server]) -> None:
    """Return when a signal asks for the end, or a simulator has ended."""
    awaited = {*STOP_SIGNALS, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    while all(server.process.poll() is None for server in servers):
        if signal.sigwait(awaited) in STOP_SIGNALS:
            return


def _end(exports: Sequence[Export], servers: Sequence[Server]) -> None:
    """End all simulators; raise DaemonError with what went wrong in any of them."""
    wrong = []
    early = [server.process.poll() is not None for server in servers]
    for server in servers:
        server.stop()
    for export, server, alone in zip(exports, servers, early):
        try:
            server.wait(END_SECONDS + export.node.image.stat().st_size / COMPARED_RATE)
            reason = "it ended by itself" if alone else ""
        except (RunFailed, ServeError) as error:
            reason = str(error).splitlines()[0]
        if reason:
            waves = f"; waves: {server.waves}" if server.waves else "; WAVES=1 records waves"
            wrong.append(f"export {export.name}: {reason}; log: {server.log}{waves}")
    if wrong:
        raise DaemonError(f"\n{PROGRAM}: ".join(wrong))


if __name__ == "__main__":
    main()
