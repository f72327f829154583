# SPDX-License-Identifier: Apache-2.0
"""What the socket port must do, word by word, as scripts for the model's port and the Verilog's.

A script is a generator: it yields ("r", offset), answered with the value read; ("w", offset,
value, strobe); or ("idle",), answered when the port is idle. It asserts by itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

from pymodel import PORT_REGISTERS, WINDOW_REGISTERS, Control, Fault, PortInfo, PortReg, Window
from pymodel.registers import TEST_DEVICE_ID, Access
from pymodel.socket_registers import (
    MAX_SLOTS,
    PORT_BY_OFFSET,
    PORT_SPACE,
    WINDOW_BASE,
    answer,
    frame,
    pack_words,
    words_of,
)

Script = Generator[tuple[Any, ...], int, None]
ON = int(Control.ENABLE)
ASK = int(Control.ENABLE | Control.INTERRUPT)
CONFIG_CHANGE, EVENT = 2, 1
IDLE = ("idle",)


def read(queue: int, reg: Window) -> tuple[Any, ...]:
    return ("r", reg.of(queue))


def write(queue: int, reg: Window, value: int, strobe: int = 0xF) -> tuple[Any, ...]:
    return ("w", reg.of(queue), value, strobe)


def put(queue: int, words: Sequence[int]) -> list[tuple[Any, ...]]:
    """The accesses that write a frame."""
    return [
        write(queue, Window.TX_HEADER if at < 2 else Window.TX_DATA, word)
        for at, word in enumerate(words)
    ]


def push(queue: int, words: Sequence[int]) -> Script:
    """Write a frame."""
    for access in put(queue, words):  # noqa: UP028 - a list takes no answers
        yield access


def round_trip(queue: int, tag: int, data: bytes, writable: int) -> Script:
    """A frame goes, and what the loopback makes of it comes."""
    yield from push(queue, frame(tag, data, writable))
    yield IDLE
    yield from take(queue, answer(tag, data[:writable]))


def take(queue: int, words: Sequence[int]) -> Script:
    """Read words that must be these."""
    for at, expected in enumerate(words):
        found = yield read(queue, Window.RX_DATA)
        assert found == expected, f"word {at}: {found:#x}, not {expected:#x}"


def status(queue: int, fill: int, room: int) -> Script:
    found = yield read(queue, Window.STATUS)
    assert (found >> 16, found & 0xFFFF) == (fill, room)


# ---- what a driver may do


def constants(info: PortInfo) -> Script:
    """Registers of the whole port, and every offset that means nothing."""
    for register in PORT_REGISTERS:
        expected = 0 if register.access is Access.W else register.reset
        if register.name == "PortInfo":
            expected = info.pack()
        elif register.name == "DeviceID":
            expected = TEST_DEVICE_ID
        found = yield ("r", register.offset)
        assert found == expected, register.name
    places = {register.offset for register in WINDOW_REGISTERS}
    for offset in range(0, PORT_SPACE, 4):
        inside = offset >= WINDOW_BASE
        known = offset % 64 in places and offset < Window.CONTROL.of(info.queues)
        if offset in PORT_BY_OFFSET or 0x100 <= offset < 0x108 or (inside and known):
            continue
        yield ("w", offset, 0xFFFFFFFF, 0xF) if not inside else ("r", offset)
        found = yield ("r", offset)
        assert found == 0, hex(offset)
    for register in PORT_REGISTERS:
        if register.access is Access.R:
            yield ("w", register.offset, 0xFFFFFFFF, 0xF)
    for register in WINDOW_REGISTERS:
        found = yield read(0, Window(register.offset))
        assert found == 0, register.name
    assert (yield ("r", PortReg.FAULT_COUNT)) == 0


def partial_strobes(info: PortInfo) -> Script:
    """Control registers take whole words only."""
    for strobe in range(15):
        yield write(0, Window.CONTROL, ON, strobe)
        assert (yield read(0, Window.CONTROL)) == 0
    yield write(0, Window.CONTROL, ASK)
    yield from push(0, frame(0, b"", 0))
    yield IDLE
    for strobe in range(15):
        yield ("w", PortReg.INTERRUPT_ACK, EVENT, strobe)
        yield ("w", PortReg.STATUS, 0, strobe)
    assert (yield ("r", PortReg.INTERRUPT_STATUS)) == EVENT
    yield ("w", PortReg.STATUS, 1, 0xF)
    assert (yield read(0, Window.CONTROL)) == ASK
    yield ("w", PortReg.INTERRUPT_ACK, EVENT, 0xF)
    assert (yield ("r", PortReg.INTERRUPT_STATUS)) == 0


def every_length(info: PortInfo) -> Script:
    """Frames of each length around a word and the largest, answered in full or in part."""
    queue = info.queues - 1
    yield write(queue, Window.CONTROL, ON)
    most = min(info.max_readable, info.max_writable)
    lengths = sorted({*range(min(10, most + 1)), *range(max(0, most - 4), most + 1)})
    for at, length in enumerate(lengths):
        data = random.randbytes(length)
        for writable in {0, length // 2, length, most}:
            yield from round_trip(queue, at % info.slots, data, writable)
    yield from round_trip(queue, 0, bytes(info.max_readable), info.max_writable)
    yield from status(queue, 0, info.tx_words)


def room_and_fill(info: PortInfo) -> Script:
    """Status counts every word; an answer shows when it is whole; frames wait for its room."""
    yield write(0, Window.CONTROL, ON)
    yield from status(0, 0, info.tx_words)
    big = info.max_writable
    words = frame(1, b"abcdefgh"[: info.max_readable], big)
    for at, access in enumerate(put(0, words)):
        yield from status(0, 0, info.tx_words - at)
        expected = yield read(0, Window.TX_EXPECTED)
        assert expected == (0 if at == 0 else min(len(words) - 2, len(words) - at))
        yield access
    yield IDLE
    length = min(8, info.max_readable, big)
    yield from status(0, 1 + words_of(length), info.tx_words)
    yield from push(0, frame(0, b"", big))  # waits: its answer may need the whole FIFO
    yield IDLE
    yield from status(0, 1 + words_of(length), info.tx_words - 2)
    header = yield read(0, Window.RX_DATA)
    assert header == 1 << 24 | length
    for _ in range(words_of(length)):
        yield IDLE
        yield from status(0, (yield from _fill(0)), info.tx_words - 2)
        yield read(0, Window.RX_DATA)
    yield IDLE
    yield from status(0, 1, info.tx_words)
    yield from take(0, [0])


def _fill(queue: int) -> Generator[tuple[Any, ...], int, int]:
    return (yield read(queue, Window.STATUS)) >> 16


def wishes(info: PortInfo) -> Script:
    """Interrupts come for what was asked for, and for nothing else."""
    for wish, expected in (
        (Control(0), 0),
        (Control.INTERRUPT, EVENT),
        (Control.ROOM, EVENT),
        (Control.INTERRUPT | Control.ROOM, EVENT),
    ):
        yield write(0, Window.CONTROL, ON | int(wish))
        assert (yield read(0, Window.CONTROL)) == ON | int(wish)
        yield from round_trip(0, 1, b"abc"[: info.max_readable], 4)
        assert (yield ("r", PortReg.INTERRUPT_STATUS)) == expected
        yield ("w", PortReg.INTERRUPT_ACK, 3, 0xF)
        assert (yield ("r", PortReg.INTERRUPT_STATUS)) == 0
    if info.queues > 1:  # another queue's wish is its own
        yield write(1, Window.CONTROL, ON)
        yield from round_trip(1, 0, b"", 0)
        assert (yield ("r", PortReg.INTERRUPT_STATUS)) == 0


def lives(info: PortInfo) -> Script:
    """A life begins empty; what was answered before its end can be read after it."""
    yield write(0, Window.CONTROL, ON)
    for tag in range(2):
        yield from push(0, frame(tag, b"", 0))
    yield IDLE
    yield write(0, Window.CONTROL, 0)
    yield from status(0, 2, 0)
    yield from take(0, [0])
    yield write(0, Window.CONTROL, ON)
    yield from status(0, 0, info.tx_words)
    yield from push(0, frame(0, b"x"[: info.max_readable], info.max_writable))
    yield from push(0, frame(1, b"", info.max_writable))  # does not get its room
    yield IDLE
    yield write(0, Window.CONTROL, 0)
    yield write(0, Window.CONTROL, ON)
    yield from status(0, 0, info.tx_words)
    for tag in (1, 0):
        yield from round_trip(0, tag, b"yz"[: info.max_readable], 2)
    assert (yield ("r", PortReg.FAULT_COUNT)) == 0


def device_reset(info: PortInfo) -> Script:
    """Everything is as at first."""
    for queue in range(info.queues):
        yield write(queue, Window.CONTROL, ASK)
        yield from push(queue, frame(0, b"", 0))
    yield IDLE
    yield from push(0, frame(1, b"abcd"[: info.max_readable], 0)[:2])
    yield write(0, Window.TX_HEADER, 0)  # a fault, unless the frame was whole
    yield ("w", 0x100, 1, 0xF)
    yield ("w", PortReg.STATUS, 0, 0xF)
    assert (yield ("r", PortReg.STATUS)) == 0
    assert (yield ("r", 0x100)) == 0
    for queue in range(info.queues):
        assert (yield read(queue, Window.CONTROL)) == 0
        yield from status(queue, 0, 0)
        assert (yield read(queue, Window.QUEUE_FAULT)) == 0
    for reg in (PortReg.INTERRUPT_STATUS, PortReg.FAULT_CODE, PortReg.FAULT_COUNT):
        assert (yield ("r", reg)) == 0
    yield write(0, Window.CONTROL, ON)
    yield from round_trip(0, 1, b"abcd"[: info.max_readable], 4)


def queues_go_on(info: PortInfo) -> Script:
    """A queue whose answers nobody reads, and one in the midst of a frame, hold up no other."""
    last = info.queues - 1
    for queue in range(info.queues):
        yield write(queue, Window.CONTROL, ON)
    if last == 0:
        return
    for tag in range(2):
        yield from push(0, frame(tag, b"", info.max_writable))
    yield from push(0, frame(2, b"abcd", 0)[:2])
    for tag in range(info.slots):
        yield from round_trip(last, tag, b"efgh", 4)
    yield write(0, Window.TX_DATA, 0)
    yield from take(0, [0])
    yield IDLE
    yield from take(0, [1 << 24, 2 << 24])


SCRIPTS: list[Callable[[PortInfo], Script]] = [
    constants,
    partial_strobes,
    every_length,
    room_and_fill,
    wishes,
    lives,
    device_reset,
    queues_go_on,
]


# ---- what a driver may not do


class Bad(NamedTuple):
    """One thing that no driver does.

    Attributes:
        name: what it is.
        fault: what it must end in.
        accesses: of the queue it is done to, given what the port was built with.
        before: writes of Control that come first.
        spare_tags: it is possible only where there are tags beyond the slots.
    """

    name: str
    fault: Fault
    accesses: Callable[[PortInfo, int], list[tuple[Any, ...]]]
    before: Sequence[int] = (ON,)
    spare_tags: bool = False


def _header(*words: int) -> Callable[[PortInfo, int], list[tuple[Any, ...]]]:
    return lambda info, queue: [write(queue, Window.TX_HEADER, word) for word in words]


def _fill_fifo(info: PortInfo, queue: int) -> list[tuple[Any, ...]]:
    """More words than there is room for, of frames that wait for room for their answers."""
    found = put(queue, frame(0, b"", 0))  # its answer takes a word that nobody reads
    found.append(IDLE)
    tag, left = 0, info.tx_words
    while left >= 0:
        tag += 1
        length = 4 * min(max(left - 2, 0), (info.tx_words - 2) // 2)
        found += put(queue, frame(tag, bytes(length), info.max_writable))
        left -= 2 + length // 4
    return found


BAD: list[Bad] = [
    Bad(
        "tag beyond the slots",
        Fault.FRAME_TAG,
        lambda i, q: put(q, [i.slots << 24, 0]),
        spare_tags=True,
    ),
    Bad("largest tag", Fault.FRAME_TAG, _header(0xFF << 24), spare_tags=True),
    Bad(
        "tag of a frame that waits",
        Fault.FRAME_TAG,
        lambda i, q: (
            put(q, frame(0, b"", i.max_writable))
            + [IDLE]
            + put(q, frame(1, b"", i.max_writable))
            + put(q, frame(1, b"", 0)[:1])
        ),
    ),
    Bad(
        "one readable byte too many",
        Fault.FRAME_SIZE,
        lambda i, q: [write(q, Window.TX_HEADER, i.max_readable + 1)],
    ),
    Bad("readable bytes all ones", Fault.FRAME_SIZE, _header(0xFFFFFF)),
    Bad(
        "one writable byte too many",
        Fault.FRAME_SIZE,
        lambda i, q: put(q, [0, i.max_writable + 1]),
    ),
    Bad("writable bytes all ones", Fault.FRAME_SIZE, _header(4, 0xFFFFFFFF)),
    Bad("a bit above the writable bytes", Fault.FRAME_SIZE, _header(4, 1 << 24)),
    Bad("header where data is due", Fault.FRAME_HEADER, _header(4, 4, 1 << 24)),
    Bad(
        "two frames interleaved",
        Fault.FRAME_HEADER,
        lambda i, q: (
            [write(q, Window.TX_HEADER, 8), write(q, Window.TX_HEADER, 0)]
            + [write(q, Window.TX_DATA, 1), *put(q, frame(1, b"", 0))]
        ),
    ),
    Bad("data before any frame", Fault.FRAME_DATA, lambda i, q: [write(q, Window.TX_DATA, 1)]),
    Bad(
        "data after the first header word",
        Fault.FRAME_DATA,
        lambda i, q: [write(q, Window.TX_HEADER, 4), write(q, Window.TX_DATA, 1)],
    ),
    Bad(
        "a word more than the frame has",
        Fault.FRAME_DATA,
        lambda i, q: [*put(q, frame(0, b"abcde", 0)), write(q, Window.TX_DATA, 1)],
    ),
    Bad(
        "data of an empty frame",
        Fault.FRAME_DATA,
        lambda i, q: [*put(q, frame(0, b"", 0)), write(q, Window.TX_DATA, 1)],
    ),
    Bad(
        "life ended after a header word",
        Fault.FRAME_CUT,
        lambda i, q: [write(q, Window.TX_HEADER, 4), write(q, Window.CONTROL, 0)],
    ),
    Bad(
        "life ended before the last word",
        Fault.FRAME_CUT,
        lambda i, q: [*put(q, frame(0, b"abcde", 0))[:-1], write(q, Window.CONTROL, 2)],
    ),
    Bad(
        "header word in part",
        Fault.PORT_STROBE,
        lambda i, q: [write(q, Window.TX_HEADER, 4, 0x7)],
    ),
    Bad(
        "data word in part",
        Fault.PORT_STROBE,
        lambda i, q: [*put(q, frame(0, b"abcd", 0))[:2], write(q, Window.TX_DATA, 1, 0x3)],
    ),
    Bad(
        "no byte of a data word",
        Fault.PORT_STROBE,
        lambda i, q: [*put(q, frame(0, b"abcd", 0))[:2], write(q, Window.TX_DATA, 1, 0)],
    ),
    Bad("a word into a full FIFO", Fault.PORT_FULL, _fill_fifo),
    Bad("answer read before any", Fault.PORT_EMPTY, lambda i, q: [read(q, Window.RX_DATA)]),
    Bad(
        "answer read beyond its end",
        Fault.PORT_EMPTY,
        lambda i, q: [
            *put(q, frame(0, b"", 4)),
            IDLE,
            read(q, Window.RX_DATA),
            read(q, Window.RX_DATA),
        ],
    ),
    Bad("frame before the queue's life", Fault.PORT_OFF, _header(0, 0), before=()),
    Bad(
        "data before the queue's life",
        Fault.PORT_OFF,
        lambda i, q: [write(q, Window.TX_DATA, 1)],
        before=(0,),
    ),
    Bad("frame after the queue's life", Fault.PORT_OFF, _header(0), before=(ON, 0)),
]
OFF = {Fault.FRAME_CUT, Fault.PORT_OFF}  # end with the queue off


def attack(bad: Bad) -> Callable[[PortInfo], Script]:
    """One bad thing, with a good frame before it and another queue beside it."""

    def script(info: PortInfo) -> Script:
        if bad.spare_tags and info.slots == MAX_SLOTS:
            return
        queue, other = info.queues - 1, 0
        alone = queue == other
        if not alone:
            yield write(other, Window.CONTROL, ON)
            yield from push(other, frame(1, b"abcdefgh", 8)[:3])  # in the midst of a frame
        for value in bad.before:
            yield write(queue, Window.CONTROL, value)
        for access in bad.accesses(info, queue):
            yield access
        assert (yield read(queue, Window.QUEUE_FAULT)) == bad.fault
        assert (yield ("r", PortReg.FAULT_CODE)) == bad.fault
        assert (yield ("r", PortReg.FAULT_QUEUE)) == queue
        count = yield ("r", PortReg.FAULT_COUNT)
        assert (yield ("r", PortReg.INTERRUPT_STATUS)) & CONFIG_CHANGE
        if bad.fault is not Fault.PORT_OFF:
            assert count == 1, "what follows a fault is ignored"
        found = yield read(queue, Window.CONTROL)
        assert found & 9 == (0 if bad.fault in OFF else 9)
        assert (yield read(queue, Window.STATUS)) & 0xFFFF == 0
        assert (yield read(queue, Window.TX_EXPECTED)) == 0
        if bad.fault not in OFF:
            for access in (*put(queue, frame(1, b"abcd", 4)), write(queue, Window.CONTROL, ON)):
                yield access
            assert (yield ("r", PortReg.FAULT_COUNT)) == 1
        if not alone:
            yield write(other, Window.TX_DATA, pack_words(b"efgh")[0])
            yield IDLE
            yield from take(other, answer(1, b"abcdefgh"))
            yield from status(other, 0, info.tx_words)
        yield write(queue, Window.CONTROL, 0)
        yield write(queue, Window.CONTROL, ON)
        assert (yield read(queue, Window.QUEUE_FAULT)) == 0
        yield from status(queue, 0, info.tx_words)
        for tag in range(2):
            yield from round_trip(queue, tag, b"hello", 4)
        assert (yield ("r", PortReg.FAULT_COUNT)) == count

    return script


def earlier_frames_are_answered(info: PortInfo) -> Script:
    """A fault stops what comes, not what was whole before."""
    yield write(0, Window.CONTROL, ON)
    yield from push(0, frame(0, b"", info.max_writable))
    yield from push(0, frame(1, b"ab", 2))
    yield write(0, Window.TX_DATA, 0)
    yield IDLE
    yield from take(0, [0])
    yield IDLE
    yield from take(0, answer(1, b"ab"))
    yield from status(0, 0, 0)


def absent_queues(info: PortInfo) -> Script:
    """Writes of a window that is not there are faults, reads give 0."""
    count = 0
    for queue in {info.queues, 63} - set(range(info.queues)) - {64}:
        for reg in (Window.CONTROL, Window.TX_HEADER, Window.TX_DATA):
            yield write(queue, reg, 0)
            count += 1
        for reg in Window:
            assert (yield read(queue, reg)) == 0
        assert (yield ("r", PortReg.FAULT_CODE)) == Fault.NO_SUCH_QUEUE
        assert (yield ("r", PortReg.FAULT_COUNT)) == count
    yield write(0, Window.CONTROL, ON)
    yield from round_trip(0, 0, b"ab", 2)


def first_faults_stay(info: PortInfo) -> Script:
    """The first fault of all, and the first of each queue's life."""
    last = info.queues - 1
    yield write(last, Window.TX_DATA, 0)
    yield write(last, Window.CONTROL, ON)
    assert (yield read(last, Window.QUEUE_FAULT)) == 0
    yield write(last, Window.TX_HEADER, 4)
    yield write(last, Window.TX_HEADER, 4, 1)
    yield write(last, Window.CONTROL, 0)  # no cut: it was stopped
    assert (yield read(last, Window.QUEUE_FAULT)) == Fault.PORT_STROBE
    assert (yield ("r", PortReg.FAULT_CODE)) == Fault.PORT_OFF
    assert (yield ("r", PortReg.FAULT_COUNT)) == 2


ATTACKS: dict[str, Callable[[PortInfo], Script]] = {
    **{bad.name: attack(bad) for bad in BAD},
    "earlier frames": earlier_frames_are_answered,
    "absent queues": absent_queues,
    "first faults": first_faults_stay,
}
