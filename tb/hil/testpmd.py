# SPDX-License-Identifier: Apache-2.0
"""DPDK's testpmd as a process that is told what to do."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Callable, NamedTuple, Optional

LOOK_S = 0.1  # between two looks at the counters
QUIET_S = 0.02  # between two looks at what it prints
LAST_S = 1.0  # for its last words, which a child of it may hold up


class TestpmdError(Exception):
    """testpmd did not do what it was told; the text says how, in one line."""

    __test__ = False  # no test, whatever its name


class Stats(NamedTuple):
    """A port's counters: packets and bytes."""

    received: int
    received_bytes: int
    sent: int
    sent_bytes: int


STATS = re.compile(
    r"NIC statistics for port (\d+).*?RX-packets: (\d+).*?RX-bytes: +(\d+)"
    r".*?TX-packets: (\d+).*?TX-bytes: +(\d+)",
    re.DOTALL,
)
REFUSED = re.compile(
    r"^(?:Fail|Start ports failed|Not all ports|Ethdev .* doesn't).*", re.MULTILINE
)


class Testpmd:
    """One testpmd, from `with` on to the end of the block.

    Args:
        command: that starts it; interactive.
        env: its environment.
        log: file for what it prints.
    """

    __test__ = False  # no test, whatever its name

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self._command, self._env, self._log = command, env, log
        self._text = ""
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Testpmd:
        """Start it.

        Raises:
            TestpmdError: it does not start.
        """
        # on a terminal it prints at once
        master, slave = pty.openpty()
        try:
            self._process = subprocess.Popen(
                self._command,
                env=self._env,
                stdin=subprocess.PIPE,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
            )
        except OSError as error:
            os.close(master)
            raise TestpmdError(f"{self._command[0]} does not start: {error.strerror}") from None
        finally:
            os.close(slave)
        self._reader = threading.Thread(target=self._read, args=(master,))
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        """End it, if it has not ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def _read(self, master: int) -> None:
        """Take what it prints, to the end."""
        with self._log.open("w") as log:
            while True:
                try:
                    data = os.read(master, 1 << 16)
                except OSError:  # as Linux says that the other side is closed
                    data = b""
                if not data:
                    break
                text = data.decode(errors="replace").replace("\r", "")
                log.write(text)
                log.flush()
                self._text += text
        os.close(master)

    def tell(self, *lines: str) -> None:
        """Give it commands.

        Raises:
            TestpmdError: it has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write("".join(f"{line}\n" for line in lines).encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def _ended(self) -> TestpmdError:
        code = self._process.wait()
        self._reader.join(LAST_S)
        errors = re.findall(r"^.*(?:rror|ail|annot).*$", self._text, re.MULTILINE)
        why = f": {errors[-1].strip()}" if errors else ""
        return TestpmdError(f"testpmd ended with code {code}{why}")

    def stats(self, port: int, seconds: float) -> Stats:
        """Return a port's counters as they are now.

        Raises:
            TestpmdError: it does not tell in so many seconds.
        """
        seen = len(self._text)
        self.tell(f"show port stats {port}")
        limit = time.monotonic() + seconds
        while time.monotonic() < limit:
            for found in STATS.finditer(self._text, seen):
                if int(found[1]) == port:
                    return Stats(*(int(number) for number in found.groups()[1:]))
            if self._process.poll() is not None:
                raise self._ended()
            time.sleep(QUIET_S)
        raise TestpmdError(f"testpmd has not told its counters for {seconds:g} s")

    def until(self, port: int, enough: Callable[[Stats], bool], seconds: float, what: str) -> Stats:
        """Wait for a port's counters; return them.

        Raises:
            TestpmdError: they have not changed for so many seconds, or a port does not work.
        """
        last, since = None, time.monotonic()
        while not enough(found := self.stats(port, seconds)):
            refused = REFUSED.search(self._text)
            if refused is not None:
                raise TestpmdError(f"testpmd says: {refused[0].strip()}")
            now = time.monotonic()
            if found != last:
                last, since = found, now
            elif now > since + seconds:
                raise TestpmdError(f"waited {seconds:g} s in vain for {what}: {found}")
            time.sleep(LOOK_S)
        return found

    def quit(self, seconds: float) -> None:
        """Let it end by itself, and well.

        Raises:
            TestpmdError: it does not.
        """
        self.tell("quit")
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TestpmdError(f"testpmd has not ended for {seconds:g} s") from None
        if code:
            raise self._ended()
