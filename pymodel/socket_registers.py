# SPDX-License-Identifier: Apache-2.0
"""The one description of the socket port's registers, frames and limits.

`rtl/socket/vq_sock_regs.vh` and part of `docs/registers.md` are generated from it. Registers that
virtio-mmio has too are at the same offsets and mean the same.

A frame is two header words and then the readable bytes, packed into little-endian words. An answer
is one header word and then the written bytes, packed alike. The answer carries the frame's tag;
answers may come in any order.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from .registers import BY_OFFSET, Access, Field, Register

PORT_SPACE = 0x2000  # bytes
PORT_MAGIC = 0x6B737176  # "vqsk"
PORT_VERSION = 1
WINDOW_BASE, WINDOW_BYTES = (
    0x1000,
    0x40,
)  # queue q's registers are at WINDOW_BASE + q * WINDOW_BYTES
WORD_BYTES = 4
FRAME_WORDS, ANSWER_WORDS = 2, 1  # headers
LENGTH_BITS = 24  # of a readable or written length in a header; the tag is above
LENGTH_MASK = (1 << LENGTH_BITS) - 1
MAX_SLOTS = 256
MIN_FIFO_WORDS, MAX_FIFO_WORDS = 4, 32768


class PortReg(enum.IntEnum):
    """Byte offsets of the registers of the whole port."""

    MAGIC_VALUE = 0x000
    VERSION = 0x004
    DEVICE_ID = 0x008
    VENDOR_ID = 0x00C
    INTERRUPT_STATUS = 0x060
    INTERRUPT_ACK = 0x064
    STATUS = 0x070
    FAULT_CODE = 0x800
    FAULT_QUEUE = 0x804
    FAULT_COUNT = 0x80C
    PORT_INFO = 0x814
    PORT_STATE = 0x820


class Window(enum.IntEnum):
    """Byte offsets of a queue's registers in its window."""

    CONTROL = 0x00
    STATUS = 0x04
    TX_HEADER = 0x08
    TX_DATA = 0x0C
    RX_DATA = 0x10
    QUEUE_FAULT = 0x14
    TX_EXPECTED = 0x18

    def of(self, queue: int) -> int:
        """Its byte offset in the port."""
        return WINDOW_BASE + queue * WINDOW_BYTES + self


class Control(enum.IntFlag):
    """Bits of a queue's Control."""

    ENABLE = 1
    INTERRUPT = 2
    ROOM = 4
    STOPPED = 8


_R, _W, _RW = Access.R, Access.W, Access.RW


def _as_in_mmio(offset: PortReg) -> Register:
    return BY_OFFSET[offset]._replace(clause="port")


PORT_REGISTERS: tuple[Register, ...] = (
    Register(0x000, "MagicValue", _R, PORT_MAGIC, "the letters vqsk", "port"),
    Register(0x004, "Version", _R, PORT_VERSION, "register layout version", "port"),
    _as_in_mmio(PortReg.DEVICE_ID),
    _as_in_mmio(PortReg.VENDOR_ID),
    _as_in_mmio(PortReg.INTERRUPT_STATUS),
    _as_in_mmio(PortReg.INTERRUPT_ACK),
    Register(0x070, "Status", _W, 0, "0 resets the device; other values are ignored", "port"),
    _as_in_mmio(PortReg.FAULT_CODE),
    Register(0x804, "FaultQueue", _R, 0, "queue of that fault, as it was addressed", "port"),
    _as_in_mmio(PortReg.FAULT_COUNT),
    Register(
        0x814,
        "PortInfo",
        _R,
        None,
        "what was built",
        "port",
        fields=(
            Field("RX_WORDS_LOG2", 31, 24, "log2 of the words of a queue's answer FIFO"),
            Field("TX_WORDS_LOG2", 23, 16, "log2 of the words of a queue's frame FIFO"),
            Field("SLOTS_LOG2", 15, 8, "log2 of the frames of a queue that may be unanswered"),
            Field("QUEUES", 7, 0, "number of queues"),
        ),
    ),
    Register(
        0x820,
        "PortState",
        _R,
        1,
        "what the port is doing",
        "port",
        fields=(Field("IDLE", 0, 0, "nothing can go on without the driver"),),
    ),
)

WINDOW_REGISTERS: tuple[Register, ...] = (
    Register(
        0x00,
        "Control",
        _RW,
        0,
        "the queue's life, and the driver's wishes",
        "port",
        fields=(
            Field("STOPPED", 3, 3, "a fault was found: no word is taken until the next life; R"),
            Field("ROOM", 2, 2, "interrupt when a frame has left the frame FIFO"),
            Field("INTERRUPT", 1, 1, "interrupt when an answer has come"),
            Field(
                "ENABLE",
                0,
                0,
                "1 begins a life with empty FIFOs; 0 ends it: answered once the device has given "
                "up the queue's frames, and answers that came before can still be read",
            ),
        ),
    ),
    Register(
        0x04,
        "Status",
        _R,
        0,
        "words that can be written and read",
        "port",
        fields=(
            Field("FILL", 31, 16, "words of whole answers that can be read"),
            Field("ROOM", 15, 0, "words that can be written; 0 while off or stopped"),
        ),
    ),
    Register(
        0x08,
        "TxHeader",
        _W,
        0,
        "the two header words of a frame",
        "port",
        fields=(
            Field("TAG", 31, 24, "first word: names the frame until its answer"),
            Field("READABLE", 23, 0, "first word: bytes that follow"),
            Field("WRITABLE", 31, 0, "second word: bytes that the answer may have"),
        ),
    ),
    Register(0x0C, "TxData", _W, 0, "the next four readable bytes, the first in bits 7:0", "port"),
    Register(
        0x10,
        "RxData",
        _R,
        0,
        "the next word of an answer; reading takes it",
        "port",
        fields=(
            Field("TAG", 31, 24, "header: the frame that it answers"),
            Field("WRITTEN", 23, 0, "header: bytes that follow"),
        ),
    ),
    Register(0x14, "QueueFault", _R, 0, "code of the first fault of this life, or 0", "port"),
    Register(0x18, "TxExpected", _R, 0, "data words that the frame under way still lacks", "port"),
)

PORT_BY_OFFSET = {register.offset: register for register in PORT_REGISTERS}
WINDOW_BY_OFFSET = {register.offset: register for register in WINDOW_REGISTERS}


class PortInfo(NamedTuple):
    """What a port was built with."""

    queues: int
    slots: int  # frames of a queue that may be unanswered
    tx_words: int  # of a queue's frame FIFO
    rx_words: int  # of a queue's answer FIFO

    @property
    def max_readable(self) -> int:
        """The most readable bytes of a frame: it must fit its FIFO whole."""
        return min(LENGTH_MASK, WORD_BYTES * (self.tx_words - FRAME_WORDS))

    @property
    def max_writable(self) -> int:
        """The most writable bytes of a frame: its answer must fit its FIFO whole."""
        return min(LENGTH_MASK, WORD_BYTES * (self.rx_words - ANSWER_WORDS))

    def pack(self) -> int:
        """The PortInfo register."""
        logs = (size.bit_length() - 1 for size in (self.rx_words, self.tx_words, self.slots))
        rx_log, tx_log, slots_log = logs
        return rx_log << 24 | tx_log << 16 | slots_log << 8 | self.queues

    @classmethod
    def unpack(cls, value: int) -> PortInfo:
        """Read the PortInfo register."""
        sizes = (1 << (value >> shift & 0x1F) for shift in (8, 16, 24))
        return cls(value & 0xFF, *sizes)


def words_of(length: int) -> int:
    """Words that so many bytes take."""
    return -(-length // WORD_BYTES)


def pack_words(data: bytes) -> list[int]:
    """Return bytes as words; what is missing in the last one is 0."""
    padded = data + bytes(-len(data) % WORD_BYTES)
    return [
        int.from_bytes(padded[at : at + WORD_BYTES], "little")
        for at in range(0, len(padded), WORD_BYTES)
    ]


def unpack_words(words: list[int], length: int) -> bytes:
    """Return the first `length` bytes of some words."""
    return b"".join(word.to_bytes(WORD_BYTES, "little") for word in words)[:length]


def frame(tag: int, readable: bytes, writable: int) -> list[int]:
    """Return a frame's words."""
    return [tag << LENGTH_BITS | len(readable), writable, *pack_words(readable)]


def answer(tag: int, written: bytes) -> list[int]:
    """Return an answer's words."""
    return [tag << LENGTH_BITS | len(written), *pack_words(written)]
