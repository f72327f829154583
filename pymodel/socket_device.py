# SPDX-License-Identifier: Apache-2.0
"""The other end of socket-style queues: the register port with the device function behind it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from .faults import Fault
from .features import Interrupt
from .functions import DeviceFunction, TestFunction
from .registers import CONFIG_BASE, CONFIG_END
from .socket_registers import (
    ANSWER_WORDS,
    FRAME_WORDS,
    LENGTH_BITS,
    LENGTH_MASK,
    MAX_FIFO_WORDS,
    MAX_SLOTS,
    MIN_FIFO_WORDS,
    PORT_BY_OFFSET,
    PORT_SPACE,
    WINDOW_BASE,
    WINDOW_BYTES,
    Control,
    PortInfo,
    PortReg,
    Window,
    answer,
    unpack_words,
    words_of,
)

WORD = 0xFFFFFFFF
FAULT_COUNT_MAX = 0xFFFF


@dataclass
class PortQueue:
    """One queue's window, and what the device holds of it."""

    info: PortInfo
    control: Control = field(default_factory=lambda: Control(0))
    fault: int = 0
    frames: deque[list[int]] = field(default_factory=deque)  # whole ones, each all its words
    partial: list[int] = field(default_factory=list)  # words of the frame under way
    answers: deque[list[int]] = field(default_factory=deque)  # what is left of each to be read
    busy: set[int] = field(default_factory=set)  # tags of frames that are not answered

    @property
    def on(self) -> bool:
        """Whether it is alive."""
        return bool(self.control & Control.ENABLE)

    @property
    def stopped(self) -> bool:
        """Whether a fault stopped it."""
        return bool(self.control & Control.STOPPED)

    @property
    def room(self) -> int:
        """Free words of the frame FIFO, whatever the queue's state."""
        held = sum(map(len, self.frames)) + len(self.partial)
        return self.info.tx_words - held

    @property
    def fill(self) -> int:
        """Words that can be read."""
        return sum(map(len, self.answers))

    @property
    def expected(self) -> int:
        """Data words that the frame under way lacks."""
        if len(self.partial) < FRAME_WORDS:
            return words_of(self.partial[0] & LENGTH_MASK) if self.partial else 0
        return words_of(self.partial[0] & LENGTH_MASK) + FRAME_WORDS - len(self.partial)

    @property
    def status(self) -> int:
        """The Status register."""
        room = self.room if self.on and not self.stopped else 0
        return self.fill << 16 | room

    def begin(self) -> None:
        """Begin a life."""
        self.fault = 0
        self.frames.clear()
        self.partial.clear()
        self.answers.clear()
        self.busy.clear()

    def end(self) -> bool:
        """End a life; answers stay. Whether a frame was cut short."""
        cut = bool(self.partial) and not self.stopped
        self.control &= ~(Control.ENABLE | Control.STOPPED)
        self.frames.clear()
        self.partial.clear()
        self.busy.clear()
        return cut

    def header_fault(self, word: int) -> Fault | None:
        """Why a header word is refused, or None."""
        if self.partial:
            return Fault.FRAME_SIZE if word > self.info.max_writable else None
        tag = word >> LENGTH_BITS
        if tag >= self.info.slots or tag in self.busy:
            return Fault.FRAME_TAG
        return Fault.FRAME_SIZE if word & LENGTH_MASK > self.info.max_readable else None

    def write_fault(self, reg: Window, word: int, strobe: int) -> Fault | None:
        """Why a word is refused, or None."""
        if strobe != 0xF:
            return Fault.PORT_STROBE
        if not self.room:
            return Fault.PORT_FULL
        header_next = len(self.partial) < FRAME_WORDS
        if header_next != (reg is Window.TX_HEADER):
            return Fault.FRAME_DATA if header_next else Fault.FRAME_HEADER
        return self.header_fault(word) if header_next else None

    def take(self, word: int) -> None:
        """Take a word that is as it must be."""
        if not self.partial:
            self.busy.add(word >> LENGTH_BITS)
        self.partial.append(word)
        if len(self.partial) >= FRAME_WORDS and not self.expected:
            self.frames.append(self.partial)
            self.partial = []


class SocketDevice:
    """A device whose queues are register FIFOs, as a socket's two directions.

    Nothing happens by itself: whole frames wait until `run` or `step` serves them.

    Args:
        queues: number of queues.
        slots: frames of a queue that may be unanswered; a power of two.
        tx_words: words of each queue's frame FIFO; a power of two.
        rx_words: words of each queue's answer FIFO; a power of two.
        function: the device function; None is the test device's own.
        on_step: called with (queue, step name) after each frame that was served, for tests.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        *,
        queues: int = 1,
        slots: int = 64,
        tx_words: int = 1024,
        rx_words: int = 1024,
        function: DeviceFunction | None = None,
        on_step: Callable[[int, str], None] | None = None,
    ) -> None:
        if not 1 <= queues <= 64:
            raise ValueError(f"{queues} queues, not 1 to 64")
        for name, value, low, high in (
            ("slots", slots, 2, MAX_SLOTS),
            ("tx_words", tx_words, MIN_FIFO_WORDS, MAX_FIFO_WORDS),
            ("rx_words", rx_words, MIN_FIFO_WORDS, MAX_FIFO_WORDS),
        ):
            if not low <= value <= high or value & (value - 1):
                raise ValueError(f"{name} is {value}, not a power of two from {low} to {high}")
        self.info = PortInfo(queues, slots, tx_words, rx_words)
        self.function: DeviceFunction = TestFunction() if function is None else function
        self.on_step = on_step
        self._reset()

    def _reset(self) -> None:
        self.function.reset()
        self.queues = [PortQueue(self.info) for _ in range(self.info.queues)]
        self._interrupt = 0
        self._fault = (0, 0)  # code and queue of the first one
        self._fault_count = 0

    # ---- what a test may look at

    @property
    def interrupt_line(self) -> bool:
        """Whether the interrupt line is high."""
        return self._interrupt != 0

    @property
    def idle(self) -> bool:
        """Whether nothing can go on without the driver."""
        return not any(self._ready(queue) for queue in self.queues)

    # ---- registers

    def read32(self, offset: int) -> int:
        """Read the register at byte `offset`; an undefined or write-only one gives 0.

        Raises:
            ValueError: `offset` is outside the register space.
        """
        self._check_offset(offset)
        if offset >= WINDOW_BASE:
            return self._read_window(*divmod(offset - WINDOW_BASE, WINDOW_BYTES))
        if CONFIG_BASE <= offset < CONFIG_END:
            return self.function.read_config_word((offset & ~3) - CONFIG_BASE)
        register = PORT_BY_OFFSET.get(offset)
        if register is None:
            return 0
        dynamic = {
            PortReg.DEVICE_ID: self.function.device_id,
            PortReg.INTERRUPT_STATUS: self._interrupt,
            PortReg.FAULT_CODE: self._fault[0],
            PortReg.FAULT_QUEUE: self._fault[1],
            PortReg.FAULT_COUNT: self._fault_count,
            PortReg.PORT_INFO: self.info.pack(),
            PortReg.PORT_STATE: int(self.idle),
        }
        constant = register.reset or 0
        return dynamic.get(PortReg(offset), constant)

    def write32(self, offset: int, value: int, strobe: int = 0xF) -> None:
        """Write the register at byte `offset`; bit i of `strobe` enables byte i.

        Raises:
            ValueError: `offset`, `value` or `strobe` is out of its range.
        """
        self._check_offset(offset)
        if not 0 <= value <= WORD or not 0 <= strobe <= 0xF:
            raise ValueError(f"write of {value:#x} with strobe {strobe:#x} at {offset:#x}")
        if offset >= WINDOW_BASE:
            number, place = divmod(offset - WINDOW_BASE, WINDOW_BYTES)
            self._write_window(number, place, value, strobe)
        elif CONFIG_BASE <= offset < CONFIG_END:
            self.function.write_config_word(offset - CONFIG_BASE, value, strobe)
        elif strobe == 0xF and offset == PortReg.INTERRUPT_ACK:
            self._interrupt &= ~value
        elif strobe == 0xF and offset == PortReg.STATUS and value == 0:
            self._reset()

    def _read_window(self, number: int, place: int) -> int:
        if number >= self.info.queues:
            return 0
        queue = self.queues[number]
        if place == Window.CONTROL:
            return int(queue.control)
        if place == Window.STATUS:
            return queue.status
        if place == Window.QUEUE_FAULT:
            return queue.fault
        if place == Window.TX_EXPECTED:
            return queue.expected
        if place == Window.RX_DATA:
            return self._read_answer(number, queue)
        return 0

    def _read_answer(self, number: int, queue: PortQueue) -> int:
        if not queue.answers:
            if queue.on and not queue.stopped:
                self._record(Fault.PORT_EMPTY, number)
            return 0
        word = queue.answers[0].pop(0)
        if not queue.answers[0]:
            queue.answers.popleft()
        return word

    def _write_window(self, number: int, place: int, value: int, strobe: int) -> None:
        if place not in (Window.CONTROL, Window.TX_HEADER, Window.TX_DATA):
            return
        if number >= self.info.queues:
            self._record(Fault.NO_SUCH_QUEUE, number)
        elif place == Window.CONTROL:
            if strobe == 0xF:
                self._write_control(number, self.queues[number], value)
        else:
            self._write_frame(number, self.queues[number], Window(place), value, strobe)

    def _write_control(self, number: int, queue: PortQueue, value: int) -> None:
        was_on = queue.on
        wishes = Control(value) & (Control.INTERRUPT | Control.ROOM)
        queue.control = queue.control & (Control.ENABLE | Control.STOPPED) | wishes
        if value & Control.ENABLE and not was_on:
            queue.begin()
            queue.control |= Control.ENABLE
        elif was_on and not value & Control.ENABLE and queue.end():
            self._record(Fault.FRAME_CUT, number)

    def _write_frame(
        self, number: int, queue: PortQueue, reg: Window, word: int, strobe: int
    ) -> None:
        if not queue.on:
            self._record(Fault.PORT_OFF, number)
        elif not queue.stopped:
            fault = queue.write_fault(reg, word, strobe)
            if fault is None:
                queue.take(word)
            else:
                self._record(fault, number)

    # ---- work

    def run(self) -> None:
        """Serve every frame that can be served."""
        for number in range(self.info.queues):
            while self.step(number):
                pass

    def step(self, number: int) -> bool:
        """Serve a queue's next frame; whether there was one, and room for its answer."""
        queue = self.queues[number]
        if not self._ready(queue):
            return False
        first, writable, *words = queue.frames.popleft()
        tag, length = first >> LENGTH_BITS, first & LENGTH_MASK
        written = self.function.process(number, unpack_words(words, length), writable)
        if len(written) > writable:
            raise ValueError(f"the function answers {writable} bytes with {len(written)}")
        queue.answers.append(answer(tag, written))
        queue.busy.discard(tag)
        if queue.control & (Control.INTERRUPT | Control.ROOM):
            self._interrupt |= Interrupt.USED_BUFFER
        if self.on_step is not None:
            self.on_step(number, "answered")
        return True

    @staticmethod
    def _ready(queue: PortQueue) -> bool:
        """Whether a frame is whole and the largest answer to it has room."""
        if not queue.on or not queue.frames:
            return False
        free = queue.info.rx_words - queue.fill
        return free >= ANSWER_WORDS + words_of(queue.frames[0][1])

    def _record(self, fault: Fault, number: int) -> None:
        """Report a fault and stop its queue, if there is one."""
        if self._fault_count == 0:
            self._fault = (int(fault), number)
        self._fault_count = min(self._fault_count + 1, FAULT_COUNT_MAX)
        self._interrupt |= Interrupt.CONFIG_CHANGE
        if number < self.info.queues:
            queue = self.queues[number]
            queue.fault = queue.fault or int(fault)
            if queue.on:
                queue.control |= Control.STOPPED
                queue.partial.clear()

    @staticmethod
    def _check_offset(offset: int) -> None:
        if not 0 <= offset < PORT_SPACE:
            raise ValueError(f"register offset {offset:#x} is outside the port's registers")
