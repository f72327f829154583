# SPDX-License-Identifier: Apache-2.0
"""Guest memory as a scenario lays it out: regions, buffers, rings, tables, and their names."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pymodel import PackedDescriptor
from pymodel.layout import DESC_F_NEXT, MAX_QUEUE_SIZE
from pymodel.memory import MemoryFault
from pymodel.packed_layout import DESC_LAP, FLAGS_AT, LENGTH_AT

from .errors import Problem
from .rings import DESC_BYTES, TOP, PackedRing, Ring, Store
from .schema import FLAGS
from .values import VARIABLE, data, default_data, number

LINE = 64  # bytes between two things, the widest bus word
BASE, SIZE = 0x8000_0000, 0x4_0000  # default region
OWN_BASE, OWN_SIZE = 0xE000_0000, 0x1_0000  # for the epilogue and `work`
_WORDS = {"u8": "<B", "u16": "<H", "u32": "<I", "u64": "<Q"}
_WRITE, _INDIRECT, _NEXT = FLAGS["WRITE"], FLAGS["INDIRECT"], FLAGS["NEXT"]


@dataclass(frozen=True)
class Span:
    """Named bytes: a buffer or an indirect table, with what was written there first."""

    name: str
    addr: int
    size: int
    initial: bytes
    watch: int = 0


class Layout:
    """Names, addresses and regions of one run; satisfies `values.Names`."""

    def __init__(
        self,
        store: Store,
        device: Mapping[str, int],
        variables: Mapping[str, int],
        packed: bool = False,
        in_order: bool = False,
    ) -> None:
        """Begin with no region at all. `packed`: the format of queues and tables."""
        self.store = store
        self.in_order = in_order
        self.kind: type[Ring] = PackedRing if packed else Ring
        self.device = device
        self.variables = {VARIABLE + key: value for key, value in variables.items()}
        self.spans: dict[str, Span] = {}
        self.rings: dict[int, Ring] = {}
        self.regions: list[tuple[int, int]] = []  # base, end
        self._given: list[tuple[int, int]] = []  # first byte, end
        self._next = 0
        self._own_next = OWN_BASE
        self._own_end = OWN_BASE + OWN_SIZE
        self._end = 0

    def start(self, base: int, size: int) -> None:
        """Add the default region and the one that the epilogue uses."""
        self.region(base, size)
        self._next, self._end = base, base + size
        self.region(OWN_BASE, OWN_SIZE)

    def region(self, base: int, size: int) -> None:
        """Add memory."""
        self.store.add_region(base, size)
        self.regions.append((base, base + size))

    # ---- names

    def look_up(self, name: str, field: str | None, index: int | None) -> int:
        """See `values.Names`."""
        if name in self.variables:
            return self.variables[name]
        if name == "device" and field is not None:
            return self.device[field]
        if name in self.spans:
            span = self.spans[name]
            return {None: span.addr, "size": span.size, "end": span.addr + span.size}[field]
        ring = self.rings[int(name[1:])]
        if index is not None and field is not None:
            return ring.element(field, index)
        return ring.table if field is None else ring.word(field)

    def read(self, addr: int, length: int) -> bytes:
        """See `values.Names`."""
        return self.store.read(addr, length)

    def number(self, value: Any, default: int = 0) -> int:
        """Return the value of a number, `default` for None."""
        return default if value is None else number(value, self)

    def span(self, value: Any) -> tuple[int, int]:
        """Return (address, bytes) of a name or a pair."""
        if isinstance(value, str):
            return self.spans[value].addr, self.spans[value].size
        return self.number(value[0]), self.number(value[1])

    # ---- memory

    def allocate(self, size: int, align: int = LINE, shift: int = 0) -> int:
        """Return a free address of the default region, `shift` past the alignment."""
        addr = -(-self._next // align) * align + shift
        # One line stays empty between two things: a write past an end is seen.
        self._next = -(-(addr + size) // LINE) * LINE + LINE
        if self._next > self._end:
            raise Problem("size", f"{size} bytes do not fit the region; set memory.size")
        return addr

    def allocate_own(self, size: int, align: int = LINE) -> int:
        """Return a free address of the epilogue's region."""
        addr = -(-self._own_next // align) * align
        self._own_next = -(-(addr + size) // LINE) * LINE
        if self._own_next > self._own_end:
            self._own_next = addr = OWN_BASE
            self._own_next += size
        return addr

    def inside(self, addr: int, length: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of a range that are memory."""
        for base, end in self.regions:
            first, last = max(base, addr), min(end, addr + length)
            if first < last:
                yield first, last - first

    def allow(self, addr: int, length: int) -> None:
        """Let the device write a range; the memory knows only of what is there."""
        if addr < TOP < addr + length:  # a ring that goes on at 0
            self.allow(0, addr + length - TOP)
            length = TOP - addr
        self._given.append((addr, addr + length))
        for part in self.inside(addr, length):
            self.store.allow(*part)

    def gave(self, addr: int, length: int) -> bool:
        """Whether a range where no memory is was given to the device; memory refuses it."""
        if any(self.inside(addr, length)):
            return False
        return any(first <= addr and addr + length <= end for first, end in self._given)

    def buffer(self, step: Mapping[str, Any]) -> None:
        """Lay out a buffer."""
        size = self.number(step["size"])
        at = step.get("at")
        addr = self.allocate(size, self.number(step.get("align"), LINE)) if at is None else 0
        addr = addr if at is None else self.number(at)
        name = step["buffer"]
        spec = step.get("bytes")
        initial = default_data(name, size) if spec is None else data(spec, size, self)
        self._define(name, addr, initial)

    def _define(self, name: str, addr: int, initial: bytes) -> None:
        watch = 64 + len(self.spans) % 190
        self.store.write(addr, initial)
        self.spans[name] = Span(name, addr, len(initial), initial, watch)
        for part in self.inside(addr, len(initial)):
            self.store.watch(*part, watch)

    def queue(self, step: Mapping[str, Any]) -> Ring:
        """Lay out a queue's rings, zeroed, and let the device write the used ring."""
        index, size = step["queue"], self.number(step.get("size"), 8)
        shift = self.number(step.get("shift"))
        addrs = []
        laid = size if size <= MAX_QUEUE_SIZE else 0  # what no device takes is not laid out
        spans = self.kind.spans(laid)
        for key, length in spans:
            given = step.get(key)
            auto = given is None
            ours = 0 if key == "table" else shift
            addrs.append(self.allocate(length, LINE, ours) if auto else self.number(given))
        return self.add_ring(index, size, addrs, spans, allow=step.get("allow", True))

    def add_ring(
        self,
        index: int,
        size: int,
        addrs: list[int],
        spans: Iterable[tuple[str, int]],
        allow: bool = True,
    ) -> Ring:
        """Register a ring at known addresses."""
        ring = self.kind(index, size, *addrs)
        ring.in_order = self.in_order
        for addr, (_, length) in zip(addrs, spans):
            for part in self.inside(addr, length):
                self.store.write(part[0], bytes(part[1]))
                self.store.watch(*part, index % 63 + 1)
        if allow:
            for area in ring.given:
                self.allow(*area)
        self.rings[index] = ring
        return ring

    def own_ring(self, index: int, size: int) -> Ring:
        """Lay out a ring in the epilogue's region."""
        spans = self.kind.spans(size)
        return self.add_ring(index, size, [self.allocate_own(n) for _, n in spans], spans)

    def _refuse_fields(self, step: Mapping[str, Any]) -> None:
        """Refuse a step's fields that only the other format has."""
        packed = self.kind is PackedRing
        for key in ("next", "at", "idx", "publish") if packed else ("id", "lap"):
            if key in step:
                format_ = "packed" if packed else "split"
                raise Problem(key, f"does not go with {format_} rings")

    def desc_bytes(self, step: Mapping[str, Any], allow: bool) -> bytes:
        """Return a descriptor, and let the device write what it says that it may."""
        self._refuse_fields(step)
        flags = step.get("flags", 0)
        bits = sum(FLAGS[f] for f in flags) if isinstance(flags, list) else self.number(flags)
        addr, length = self.number(step.get("addr")), self.number(step.get("len"))
        if bits & _WRITE and not bits & _INDIRECT and step.get("allow", allow):
            self.allow(addr, length)
        if self.kind is PackedRing:
            return PackedDescriptor(addr % TOP, length, self.number(step.get("id")), bits).pack()
        return struct.pack("<QIHH", addr % TOP, length, bits, self.number(step.get("next")))

    def desc(self, step: Mapping[str, Any]) -> None:
        """Write one descriptor of a queue or of an indirect table."""
        index = self.number(step["desc"])
        table = step.get("table")
        ring = self.rings.get(self.number(step.get("queue")))
        if table is None and ring is None:
            raise Problem("queue", "was not laid out")
        if table is None and isinstance(ring, PackedRing):
            place = ring.place(index)
            laps = {"available": place.available, "used": place.used, "held": place.used ^ DESC_LAP}
            desc = PackedDescriptor.unpack(self.desc_bytes(step, True))
            desc = desc._replace(flags=desc.flags | laps[step.get("lap", "held")])
            self.store.write(ring.element("desc", index), desc.pack())
            ring.next = max(ring.next, index + 1)
            return
        base = self.spans[table].addr if table is not None else ring.table if ring else 0
        self.store.write(base + DESC_BYTES * index, self.desc_bytes(step, True))

    def table(self, step: Mapping[str, Any]) -> None:
        """Lay out an indirect table."""
        allow = step.get("allow", True)
        raw = b"".join(self.desc_bytes(entry, allow) for entry in step["entries"])
        at = step.get("at")
        if at is None:
            addr = self.allocate(len(raw), self.number(step.get("align"), 16))
        else:
            addr = self.number(at)
        self._define(step["table"], addr, raw)

    def chain(self, step: Mapping[str, Any]) -> None:
        """Write a chain of consecutive descriptors, linked."""
        queue, head = self.number(step["chain"]), self.number(step.get("head"))
        parts = [(*self.span(s), 0) for s in step.get("readable", ())]
        parts += [(*self.span(s), _WRITE) for s in step.get("writable", ())]
        for place, (addr, length, flags) in enumerate(parts):
            more = _NEXT if place + 1 < len(parts) else 0
            desc = {"desc": head + place, "queue": queue, "allow": step.get("allow", True)}
            desc |= {"addr": addr, "len": length, "flags": flags | more}
            if self.kind is PackedRing:
                desc["id"] = step.get("id", head)
                desc["lap"] = "available" if place else "held"
            elif more:
                desc["next"] = head + place + 1
            self.desc(desc)

    def avail(self, step: Mapping[str, Any]) -> None:
        """Write available entries and publish them with the index."""
        ring = self.rings.get(self.number(step.get("queue")))
        if ring is None:
            raise Problem("queue", "was not laid out")
        self._refuse_fields(step)
        if isinstance(ring, PackedRing):
            self._publish(ring, [self.number(head) for head in step["avail"]])
            return
        at = self.number(step.get("at"), ring.published)
        for place, head in enumerate(step["avail"]):
            self.store.write(
                ring.element("entry", at + place), struct.pack("<H", self.number(head))
            )
        index = self.number(step.get("idx"), at + len(step["avail"])) % 0x10000
        if step.get("publish", True):
            self.store.write(ring.fields()["avail_idx"], struct.pack("<H", index))
            ring.published = index

    def _publish(self, ring: PackedRing, heads: list[int]) -> None:
        """Make the first descriptors of packed chains available, the first of them last."""
        for head in reversed(heads):
            addr = ring.element("desc", head) + FLAGS_AT
            flags = self.u16(addr) & ~DESC_LAP | ring.place(head).available
            self.store.write(addr, struct.pack("<H", flags))
        ring.ids += [self._id_of(ring, head) for head in heads]
        ring.heads += heads
        ring.published += len(heads)

    def _id_of(self, ring: PackedRing, head: int) -> int:
        """Return the id that a packed chain's last descriptor carries."""
        last = head
        while last < head + ring.size and (
            self.u16(ring.element("desc", last) + FLAGS_AT) & DESC_F_NEXT
        ):
            last += 1
        return self.u16(ring.element("desc", last) + LENGTH_AT + 4)

    def word_or_bytes(self, step: Mapping[str, Any]) -> bytes:
        """Return what `poke` and `race` write."""
        for key, form in _WORDS.items():
            if key in step:
                wide = 8 * struct.calcsize(form)
                return struct.pack(form, self.number(step[key]) % (1 << wide))
        return data(step["bytes"], None, self)

    def u16(self, addr: int) -> int:
        """Return a little-endian 16-bit word of memory."""
        return int.from_bytes(self.store.read(addr % TOP, 2), "little")

    def readable(self, addr: int, length: int) -> bool:
        """Whether a range is all memory."""
        try:
            self.store.read(addr, length)
        except MemoryFault:
            return False
        return True
