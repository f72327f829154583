# SPDX-License-Identifier: Apache-2.0
"""Register accesses as data, so that one description serves a model and a simulator.

A sequence is a generator that yields one operation at a time and is answered with a number:

- `("r", offset)` or `("r", offset, size)`: read; the answer is the value
- `("w", offset, value)` or `("w", offset, value, size)`: write
- `("wait", offset)`: go on when the device whose registers begin at `offset` interrupts

Offsets are in bytes, sizes 1, 2 or 4 bytes, 4 where none is given; an access is aligned to its
size. `run_sync` calls functions that answer at once, `run_async` such that take simulated time.
Both have functions for words only: a smaller read takes its lanes of a word, a smaller write is
one with strobes (MMIO-DRV-05).
"""

from __future__ import annotations

from collections.abc import Awaitable, Generator
from typing import Any, Callable, Literal, TypeVar, Union

T = TypeVar("T")
RegisterRead = Union[tuple[Literal["r"], int], tuple[Literal["r"], int, int]]
RegisterWrite = Union[tuple[Literal["w"], int, int], tuple[Literal["w"], int, int, int]]
Wait = tuple[Literal["wait"], int]
RegisterOp = Union[RegisterRead, RegisterWrite, Wait]
Steps = Generator[RegisterOp, int, T]

WORD_BYTES = 4


def at(base: int, sequence: Steps[T]) -> Steps[T]:
    """Return the same sequence for registers that begin at byte address `base`."""
    try:
        op = next(sequence)
        while True:
            if op[0] == "r":
                size = op[2] if len(op) == 3 else WORD_BYTES
                op = sequence.send((yield ("r", base + op[1], size)))
            elif op[0] == "w":
                size = op[3] if len(op) == 4 else WORD_BYTES
                op = sequence.send((yield ("w", base + op[1], op[2], size)))
            else:
                op = sequence.send((yield ("wait", base + op[1])))
    except StopIteration as stop:
        result: T = stop.value
        return result


def run_sync(
    sequence: Steps[T],
    read32: Callable[[int], int],
    write32: Callable[..., None],
    wait: Callable[[int], None] | None = None,
) -> T:
    """Run a sequence over functions that answer at once, and return its result.

    Args:
        sequence: the accesses.
        read32: called with the byte address of a word, returns it.
        write32: called with the byte address of a word and its value; for a write of less than
            a word also with the strobes, bit i for byte i.
        wait: called for `("wait", offset)` with the offset.

    Raises:
        RuntimeError: the sequence waits and there is no `wait`.
        ValueError: an access is not aligned or has an impossible size.
    """
    try:
        op = next(sequence)
        while True:
            answer = 0
            if op[0] == "r":
                lane, mask = _lanes(op[1], _size(op))
                answer = read32(op[1] - lane) >> 8 * lane & mask
            elif op[0] == "w":
                write32(*_word(op))
            else:
                _waiter(wait)(op[1])
            op = sequence.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result


async def run_async(
    sequence: Steps[T],
    read32: Callable[[int], Awaitable[int]],
    write32: Callable[..., Awaitable[None]],
    wait: Callable[[int], Awaitable[None]] | None = None,
) -> T:
    """Run a sequence over functions that take simulated time; else as `run_sync`."""
    try:
        op = next(sequence)
        while True:
            answer = 0
            if op[0] == "r":
                lane, mask = _lanes(op[1], _size(op))
                answer = (await read32(op[1] - lane)) >> 8 * lane & mask
            elif op[0] == "w":
                await write32(*_word(op))
            else:
                await _waiter(wait)(op[1])
            op = sequence.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result


def _size(op: RegisterRead) -> int:
    return op[2] if len(op) == 3 else WORD_BYTES


def _lanes(offset: int, size: int) -> tuple[int, int]:
    """Return the first lane of an access, and a mask of its bits."""
    if size not in (1, 2, 4) or offset % size:
        raise ValueError(f"access of {size} bytes at {offset:#x}")
    return offset % WORD_BYTES, (1 << 8 * size) - 1


def _word(op: RegisterWrite) -> tuple[int, ...]:
    """Return the arguments of `write32`."""
    offset, value = int(op[1]), int(op[2])
    size = op[3] if len(op) == 4 else WORD_BYTES
    lane, mask = _lanes(offset, size)
    if size == WORD_BYTES:
        return offset, value
    if value & ~mask:
        raise ValueError(f"write of {value:#x}, {size} bytes at {offset:#x}")
    return offset - lane, value << 8 * lane, ((1 << size) - 1) << lane


def _waiter(wait: Callable[[int], Any] | None) -> Callable[[int], Any]:
    if wait is None:
        raise RuntimeError("the sequence waits for an interrupt, and nothing tells of one")
    return wait
