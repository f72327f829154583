# SPDX-License-Identifier: Apache-2.0
"""The driver side of a socket-style queue: buffers are copied through a register port."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Protocol

from .guard import GuardedVirtqueue
from .layout import Segment
from .memory import Memory, MemoryFault
from .socket_registers import (
    FRAME_WORDS,
    LENGTH_BITS,
    LENGTH_MASK,
    PORT_MAGIC,
    PORT_VERSION,
    Control,
    PortInfo,
    PortReg,
    Window,
    frame,
    unpack_words,
    words_of,
)
from .steps import Steps
from .transport import InitError, reset
from .virtqueue import (
    Callback,
    InvalidArgumentError,
    NoSpaceError,
    NotOutstandingError,
    UsedBuffer,
    check_segments,
    check_token,
)


class Port(Protocol):
    """Access to the port's registers."""

    def read32(self, offset: int) -> int:
        """Return the register at a byte offset."""

    def write32(self, offset: int, value: int) -> None:
        """Write the register at a byte offset."""


def open_port() -> Steps[PortInfo]:
    """Reset a port and return what it was built with, as register accesses.

    Raises:
        InitError: this is no such port.
    """
    if (yield ("r", PortReg.MAGIC_VALUE)) != PORT_MAGIC:
        raise InitError("MagicValue is wrong: this is not a socket port")
    version = yield ("r", PortReg.VERSION)
    if version != PORT_VERSION:
        raise InitError(f"port version {version}, not {PORT_VERSION}")
    yield from reset()
    return PortInfo.unpack((yield ("r", PortReg.PORT_INFO)))


@dataclass
class SocketBuffer:
    """One outstanding buffer.

    Attributes:
        token: the driver's name for it.
        segments: the readable ones first.
        out_num: how many are readable.
        writable: bytes of the writable ones.
        published: `sync` was called for it.
        tag: the port's name for it, once its frame was written.
    """

    token: Hashable
    segments: list[Segment]
    out_num: int
    writable: int
    published: bool = False
    tag: int | None = None

    @property
    def readable(self) -> int:
        """Bytes of the readable segments."""
        return sum(length for _, length in self.segments[: self.out_num])


class SocketVirtqueue(GuardedVirtqueue):
    """Driver side of a queue whose buffers go through a register port as messages.

    A buffer takes one slot, however many segments it has. `sync` writes each buffer's readable
    bytes as one frame; what finds no room in the port is written as soon as there is some, by any
    later operation or interrupt. `get_buf` reads the answers and stores their bytes. A frame is
    written whole or not at all, so the port never waits for the rest of one.

    Construction ends the queue's life before, if there was one, and begins a new one.

    Args:
        memory: where the driver's buffers are; the device never sees it.
        port: the port's registers.
        info: what `open_port` returned.
        index: queue number.
        size: slots to use; None is all that the port has.
        callback: see `Virtqueue`.
        priv: the driver's own.
        on_step: called with a step's name between register accesses, for tests that let the device
            run there: `frame written`, `status read`, `answer read`, `control written`.

    Raises:
        ValueError: the port has no such queue, or not so many slots.
    """

    def __init__(
        self,
        memory: Memory,
        port: Port,
        info: PortInfo,
        index: int = 0,
        *,
        size: int | None = None,
        callback: Callback | None = None,
        priv: Any = None,
        on_step: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(callback, priv)
        self.size = info.slots if size is None else size
        if not 0 <= index < info.queues:
            raise ValueError(f"queue {index} of a port with {info.queues}")
        if not 1 <= self.size <= info.slots:
            raise ValueError(f"{self.size} slots of the port's {info.slots}")
        self.info = info
        self.index = index
        self.on_step: Callable[[str], None] | None = None
        self._memory, self._port = memory, port
        self._by_token: dict[Hashable, SocketBuffer] = {}  # outstanding, in the order of adding
        self._added: list[SocketBuffer] = []  # not published
        self._backlog: deque[SocketBuffer] = deque()  # published, frame not written
        self._sent: dict[int, SocketBuffer] = {}  # by tag: frame written, answer not read
        self._used: deque[tuple[SocketBuffer, int]] = deque()  # answer read, not collected
        self._tags: deque[int] = deque()  # free ones, the next one first
        self._room = self._fill = 0  # words that are known to be free, and to be there
        self._wishes = Control.ENABLE
        if callback is not None:
            self._wishes |= Control.INTERRUPT
        self._end_life()
        self._begin_life()
        self.on_step = on_step

    @property
    def num_free(self) -> int:
        """Slots that no outstanding buffer takes."""
        return self.size - len(self._by_token)

    @property
    def outstanding(self) -> dict[Hashable, int | None]:
        """The tag, None before its frame was written, of each outstanding token as added."""
        return {token: buffer.tag for token, buffer in self._by_token.items()}

    @property
    def unpublished(self) -> tuple[Hashable, ...]:
        """Tokens added and not yet published, in order."""
        return tuple(buffer.token for buffer in self._added)

    @property
    def unsent(self) -> tuple[Hashable, ...]:
        """Tokens published whose frames wait for room in the port, in order."""
        return tuple(buffer.token for buffer in self._backlog)

    # ---- the operations, called one at a time

    def _add_buf(
        self, sg: Sequence[tuple[int, int]], out_num: int, in_num: int, data: Hashable
    ) -> None:
        segments, writable = check_segments(sg, out_num, in_num)
        check_token(data, self._by_token)
        buffer = SocketBuffer(data, segments, out_num, writable)
        for what, length, most in (
            ("readable", buffer.readable, self.info.max_readable),
            ("writable", writable, self.info.max_writable),
        ):
            if length > most:
                raise InvalidArgumentError(f"{length} {what} bytes, the port takes {most}")
        for addr, length in segments:  # copied later: it must not fail then
            try:
                self._memory.read(addr, length)
            except MemoryFault as fault:
                raise InvalidArgumentError(f"a segment is not in memory: {fault}") from None
        if not self.num_free:
            raise NoSpaceError("1 slot needed, 0 free")
        self._by_token[data] = buffer
        self._added.append(buffer)

    def _sync(self) -> None:
        for buffer in self._added:
            buffer.published = True
        self._backlog += self._added
        self._added.clear()
        self._push()

    def _get_buf(self) -> UsedBuffer | None:
        if not self._used and self._look():
            self._take_answer()
        self._push()
        if not self._used:
            return None
        buffer, length = self._used.popleft()
        del self._by_token[buffer.token]
        return UsedBuffer(buffer.token, length)

    def _detach_buf(self, data: Hashable) -> None:
        try:
            buffer = self._by_token.get(data)
        except TypeError:
            buffer = None
        if buffer is None:
            raise NotOutstandingError(f"token {data!r} is not outstanding")
        if not buffer.published:
            self._added.remove(buffer)
        elif buffer in self._backlog:
            self._backlog.remove(buffer)
            self._push()
        else:
            self._take_answers()
            if not self._is_sent(buffer) or not self._withdraw(buffer):
                raise NotOutstandingError(f"token {data!r} is used already")
        del self._by_token[data]

    def _restart(self) -> bool:
        self._wish(self._wishes | Control.INTERRUPT)
        if not self._used and not self._look():
            return True
        self._suppress()
        return False

    def _pending(self) -> bool:
        return bool(self._used) or self._look()

    def _attend(self) -> None:
        if self._backlog:
            self._push()

    def _suppress(self) -> None:
        self._wish(self._wishes & ~Control.INTERRUPT)

    def _shutdown(self) -> list[Hashable]:
        tokens = list(self._by_token)
        self._by_token.clear()
        self._added.clear()
        self._backlog.clear()
        self._sent.clear()
        self._used.clear()
        return tokens

    # ---- frames

    def _push(self) -> None:
        """Write the frames that have room, and ask for an interrupt if any has not."""
        while self._backlog:
            buffer = self._backlog[0]
            needed = FRAME_WORDS + words_of(buffer.readable)
            if needed > self._room:
                self._read_status()
            if needed > self._room:
                if self._wishes & Control.ROOM:
                    return
                self._wish(self._wishes | Control.ROOM)
                self._room = 0  # so that it looks again, now that no room is missed
                continue
            self._send(buffer)
            self._room -= needed
            self._backlog.popleft()
            self._step("frame written")
        if self._wishes & Control.ROOM:
            self._wish(self._wishes & ~Control.ROOM)

    def _send(self, buffer: SocketBuffer) -> None:
        """Write a buffer's frame, for which there is room."""
        try:
            parts = [self._memory.read(*segment) for segment in buffer.segments[: buffer.out_num]]
        except MemoryFault as fault:
            raise self._break(f"token {buffer.token!r} cannot be read: {fault}") from None
        buffer.tag = self._tags.popleft()
        self._sent[buffer.tag] = buffer
        for at, word in enumerate(frame(buffer.tag, b"".join(parts), buffer.writable)):
            self._write(Window.TX_HEADER if at < FRAME_WORDS else Window.TX_DATA, word)

    def _is_sent(self, buffer: SocketBuffer) -> bool:
        """Whether the buffer's frame was written and no answer to it was read."""
        return buffer.tag is not None and self._sent.get(buffer.tag) is buffer

    # ---- answers

    def _look(self) -> bool:
        """Whether an answer can be read."""
        if not self._fill:
            self._read_status()
        return self._fill > 0

    def _take_answer(self) -> None:
        """Read one answer, which is there, and store its bytes."""
        header = self._read_answer()
        tag, length = header >> LENGTH_BITS, header & LENGTH_MASK
        buffer = self._sent.get(tag)
        if buffer is None:
            raise self._break(f"an answer names {tag}, not outstanding")
        if length > buffer.writable:
            raise self._break(f"answer {tag}: {length} bytes written of {buffer.writable}")
        if words_of(length) > self._fill:
            raise self._break(f"answer {tag}: {length} bytes, {self._fill} words are there")
        data = unpack_words([self._read_answer() for _ in range(words_of(length))], length)
        at = 0
        for addr, room in buffer.segments[buffer.out_num :]:
            try:
                self._memory.write(addr, data[at : at + room])
            except MemoryFault as fault:
                raise self._break(f"answer {tag} cannot be stored: {fault}") from None
            at += room
        del self._sent[tag]
        self._tags.append(tag)
        self._used.append((buffer, length))
        self._step("answer read")

    def _take_answers(self) -> None:
        while self._look():
            self._take_answer()

    # ---- the queue's life

    def _withdraw(self, buffer: SocketBuffer) -> bool:
        """Take a frame back, which only the end of the queue's life can.

        The other frames are written again in their order, in a new life.

        Returns:
            False if the buffer's answer has come after all.
        """
        self._end_life()
        self._take_answers()
        taken = self._is_sent(buffer)
        again = [other for other in self._sent.values() if other is not buffer]
        for other in (buffer, *again):
            other.tag = None
        self._backlog.extendleft(reversed(again))
        self._begin_life()
        self._push()
        return taken

    def _end_life(self) -> None:
        """Let the device give up what it has; answers that came before can be read yet."""
        self._wish(self._wishes & ~Control.ENABLE)

    def _begin_life(self) -> None:
        """Begin with empty FIFOs."""
        self._sent.clear()
        self._tags = deque(range(self.info.slots))
        self._room = self._fill = 0
        self._wish((self._wishes | Control.ENABLE) & ~Control.ROOM)

    # ---- register accesses

    def _wish(self, wishes: Control) -> None:
        self._wishes = wishes
        self._write(Window.CONTROL, int(wishes))
        self._step("control written")

    def _read_status(self) -> None:
        status = self._port.read32(Window.STATUS.of(self.index))
        self._room, self._fill = status & 0xFFFF, status >> 16
        self._step("status read")

    def _read_answer(self) -> int:
        self._fill -= 1
        return self._port.read32(Window.RX_DATA.of(self.index))

    def _write(self, reg: Window, value: int) -> None:
        self._port.write32(reg.of(self.index), value)

    def _step(self, name: str) -> None:
        if self.on_step is not None:
            self.on_step(name)
