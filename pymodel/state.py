# SPDX-License-Identifier: Apache-2.0
"""A queue's bytes in memory at one moment."""

from __future__ import annotations

import abc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple, Union

from .layout import (
    DESC_BYTES,
    DESC_F_INDIRECT,
    DESC_FORMAT,
    U16,
    USED_ELEM_FORMAT,
    Descriptor,
    QueueLayout,
)
from .memory import Memory, MemoryFault
from .packed_layout import EVENT_FORMAT, PACKED_FORMAT, PackedDescriptor

AnyDescriptor = Union[Descriptor, PackedDescriptor]


class UsedElement(NamedTuple):
    """One used element: head index and bytes written."""

    id: int
    length: int


class Area(NamedTuple):
    """Further memory to compare: a data buffer or indirect tables, by byte address."""

    name: str
    addr: int
    data: bytes


@dataclass(frozen=True)
class RingState(abc.ABC):
    """The raw bytes of one queue's areas; the decoded fields are worked out when asked for.

    Attributes:
        layout: where they were.
        descriptors_raw: the descriptor area: table, or packed ring.
        driver_raw: the driver area: available ring with used_event, or driver event.
        device_raw: the device area: used ring with avail_event, or device event.
        areas: further memory.
        fields: names of a descriptor's fields.
    """

    layout: QueueLayout
    descriptors_raw: bytes
    driver_raw: bytes
    device_raw: bytes
    areas: tuple[Area, ...] = ()

    fields: ClassVar[tuple[str, str, str, str]]

    @staticmethod
    def capture(
        memory: Memory,
        layout: QueueLayout,
        areas: Iterable[tuple[str, int, int]] = (),
        tables: bool = False,
    ) -> RingState:
        """Read a queue from memory: a `SplitState` or `PackedState`, as its layout is.

        Args:
            memory: where it is.
            layout: its addresses.
            areas: further memory as (name, byte address, bytes).
            tables: also read every indirect table that a descriptor names. Stale descriptors
                count too; a table that cannot be read is left out.
        """
        kind: type[RingState] = PackedState if layout.packed else SplitState
        descriptors, driver, device = (
            memory.read(addr, length) for addr, length in zip(layout.areas, layout.lengths)
        )
        found = [Area(name, addr, memory.read(addr, length)) for name, addr, length in areas]
        if tables:
            found += _indirect_tables(memory, kind.descriptors(descriptors))
        return kind(layout, descriptors, driver, device, tuple(found))

    @classmethod
    @abc.abstractmethod
    def descriptors(cls, raw: bytes) -> Sequence[AnyDescriptor]:
        """Decode a table of descriptors."""

    @property
    def size(self) -> int:
        """Queue size, in descriptors."""
        return self.layout.size


class SplitState(RingState):
    """The state of a split ring."""

    fields: ClassVar[tuple[str, str, str, str]] = ("addr", "len", "flags", "next")

    @classmethod
    def descriptors(cls, raw: bytes) -> list[Descriptor]:
        """See `RingState.descriptors`."""
        return [Descriptor(*fields) for fields in DESC_FORMAT.iter_unpack(_whole(raw))]

    @cached_property
    def table(self) -> list[Descriptor]:
        """The descriptor table."""
        return self.descriptors(self.descriptors_raw)

    @property
    def avail_flags(self) -> int:
        """avail.flags."""
        return _word(self.driver_raw, 0)

    @property
    def avail_idx(self) -> int:
        """avail.idx."""
        return _word(self.driver_raw, 2)

    @cached_property
    def avail_ring(self) -> list[int]:
        """Head indices of the available ring, by slot."""
        return [entry for (entry,) in U16.iter_unpack(self.driver_raw[4:-2])]

    @property
    def used_event(self) -> int:
        """The driver's event index, after the available ring."""
        return _word(self.driver_raw, -2)

    @property
    def used_flags(self) -> int:
        """used.flags."""
        return _word(self.device_raw, 0)

    @property
    def used_idx(self) -> int:
        """used.idx."""
        return _word(self.device_raw, 2)

    @cached_property
    def used_ring(self) -> list[UsedElement]:
        """Elements of the used ring, by slot."""
        return [UsedElement(*elem) for elem in USED_ELEM_FORMAT.iter_unpack(self.device_raw[4:-2])]

    @property
    def avail_event(self) -> int:
        """The device's event index, after the used ring."""
        return _word(self.device_raw, -2)

    def chain(self, head: int) -> list[int]:
        """Indices of the chain from `head`, as far as it can be followed in the table."""
        found: list[int] = []
        index = head
        while index < self.size and index not in found:
            found.append(index)
            desc = self.table[index]
            if not desc.flags & 1 or desc.flags & DESC_F_INDIRECT:
                break
            index = desc.next
        return found


class PackedState(RingState):
    """The state of a packed ring."""

    fields: ClassVar[tuple[str, str, str, str]] = ("addr", "len", "id", "flags")

    @classmethod
    def descriptors(cls, raw: bytes) -> list[PackedDescriptor]:
        """See `RingState.descriptors`."""
        return [PackedDescriptor(*fields) for fields in PACKED_FORMAT.iter_unpack(_whole(raw))]

    @cached_property
    def ring(self) -> list[PackedDescriptor]:
        """The descriptor ring."""
        return self.descriptors(self.descriptors_raw)

    @property
    def driver_words(self) -> tuple[int, int]:
        """The driver event structure: position word and flags, with what is reserved."""
        desc, flags = EVENT_FORMAT.unpack(self.driver_raw)
        return desc, flags

    @property
    def device_words(self) -> tuple[int, int]:
        """The device event structure: position word and flags, with what is reserved."""
        desc, flags = EVENT_FORMAT.unpack(self.device_raw)
        return desc, flags


def _indirect_tables(memory: Memory, descriptors: Sequence[AnyDescriptor]) -> list[Area]:
    found = []
    for index, desc in enumerate(descriptors):
        if desc.flags & DESC_F_INDIRECT and desc.length and not desc.length % DESC_BYTES:
            try:
                data = memory.read(desc.addr, desc.length)
            except MemoryFault:
                continue
            found.append(Area(f"indirect of {index}", desc.addr, data))
    return found


def _whole(raw: bytes) -> bytes:
    return raw[: len(raw) - len(raw) % DESC_BYTES]


def _word(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at:][:2], "little")
