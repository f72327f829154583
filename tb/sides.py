# SPDX-License-Identifier: Apache-2.0
"""What every comparison of two worlds needs: outcomes, the whole memory, and how it fails."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from pymodel import Memory, PackedLayout, RingState, SplitLayout, compare, draw_side_by_side
from pymodel.layout import U16, QueueLayout
from pymodel.packed_layout import LENGTH_AT, Position
from tb.bench import Bench
from tb.worlds import FlatWorld, Setup, World

MAX_SHOWN = 12  # differences listed
DRAWN_SIZE = 64  # the largest ring that is drawn in a message


class Mismatch(AssertionError):
    """The RTL did what the model does not."""


@dataclass
class Outcome:
    """What one operation returned, or the error that it raised."""

    value: Any = None
    error: Optional[OSError] = None

    def __str__(self) -> str:
        if self.error is not None:
            return f"{type(self.error).__name__}: {self.error}"
        return repr(self.value)

    def same(self, other: Outcome) -> bool:
        """Whether both returned the same, or raised the same kind of error."""
        return self.value == other.value and type(self.error) is type(other.error)

    def take(self) -> Any:
        """Return the value or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


@dataclass
class Tally:
    """What was compared so far."""

    operations: int = 0
    chains: int = 0  # collected
    bytes_out: int = 0  # readable bytes of those
    bytes_in: int = 0  # bytes written by the device into those
    cycles: int = 0  # clock cycles from each operation's start until the engine was idle
    mismatches: int = 0
    by_operation: dict[str, int] = field(default_factory=dict)


class Sides:
    """Two worlds over one set-up.

    Attributes:
        rtl: the world of the Verilog.
        model: the world of the model.
        tally: what was compared.
    """

    rtl: World
    model: FlatWorld

    def __init__(self, bench: Bench, setup: Setup) -> None:
        self.bench = bench
        self.setup = setup
        self.tally = Tally()

    def write(self, addr: int, data: bytes) -> None:
        """Write the driver's data into both memories."""
        self.rtl.memory.write(addr, data)
        self.model.memory.write(addr, data)

    def allocate(self, length: int, align: int = 1) -> int:
        """Return the address of a buffer, the same in both worlds."""
        addr = self.rtl.allocator.allocate(length, align)
        if self.model.allocator.allocate(length, align) != addr:
            raise AssertionError("the worlds' allocators have parted")
        return addr

    def free(self, addr: int) -> None:
        """Give a buffer back."""
        self.rtl.allocator.free(addr)
        self.model.allocator.free(addr)

    def _count(self, name: str) -> None:
        self.tally.operations += 1
        self.tally.by_operation[name] = self.tally.by_operation.get(name, 0) + 1

    def _same_memory(self) -> bool:
        """Whether the worlds' memories are equal as a whole."""
        base, length = self.setup.base, self.setup.memory
        rtl = self.bench.memory.view(base, length)
        kind = ctypes.c_char * length
        return not _memcmp(kind.from_buffer(rtl), kind.from_buffer(self.model.flat.view), length)

    def writes_refused(self) -> list[str]:
        """Name what the device wrote though it was not given."""
        return [
            f"written though not given to the device: {place.length} bytes at {place.addr:#x}, "
            f"cycle {place.cycle}"
            for place in self.bench.memory.violations()
        ]

    def _memory_differences(self) -> list[str]:
        """Name what differs: ring fields first, else the byte and what lies there."""
        found: list[str] = []
        for index, vq in enumerate(self.rtl.queues):
            if vq is None:
                continue
            rtl = RingState.capture(self.rtl.memory, vq.layout, tables=True)
            model = RingState.capture(self.model.memory, vq.layout, tables=True)
            found += [f"queue {index}, {difference}" for difference in compare(rtl, model)]
        if found:
            return found
        base, length = self.setup.base, self.setup.memory
        rtl_bytes = self.rtl.memory.read(base, length)
        model_bytes = self.model.memory.read(base, length)
        at = next(i for i in range(length) if rtl_bytes[i] != model_bytes[i])
        return [
            f"memory at {base + at:#x}: rtl {rtl_bytes[at : at + 16].hex()}, "
            f"model {model_bytes[at : at + 16].hex()}"
        ]

    def _fail(self, what: str, queue: int, found: list[str]) -> None:
        self.tally.mismatches += 1
        vq = self.rtl.queues[queue] if queue < len(self.rtl.queues) else None
        states = None
        if vq is not None:
            rtl = RingState.capture(self.rtl.memory, vq.layout)
            states = rtl, RingState.capture(self.model.memory, vq.layout)
        raise mismatch(what, self.bench.cycle, found, states)


def mismatch(
    what: str, cycle: int, found: Sequence[str], states: Optional[tuple[RingState, RingState]]
) -> Mismatch:
    """Return the error that names what differs: after what, when, and both rings side by side."""
    lines = [f"after {what} at cycle {cycle}:", *found[:MAX_SHOWN]]
    if len(found) > MAX_SHOWN:
        lines.append(f"and {len(found) - MAX_SHOWN} more")
    if states is not None and states[0].size <= DRAWN_SIZE:
        lines.append(draw_side_by_side(*states))
    return Mismatch("\n".join(lines))


def batch_end(memory: Memory, layout: QueueLayout, index: int) -> int:
    """With IN_ORDER, the chain that ends the batch which the device returned at a ring index.

    Args:
        memory: what the device has written.
        layout: of the queue.
        index: the ring index.
    """
    if isinstance(layout, SplitLayout):
        place = layout.used_elem(index)
    else:
        assert isinstance(layout, PackedLayout)
        place = layout.descriptor(Position.of(index).offset) + LENGTH_AT + 4
    end: int = U16.unpack(memory.read(place, 2))[0]
    return end


def _library() -> Any:
    library = ctypes.CDLL(None)
    library.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    return library.memcmp


_memcmp = _library()
