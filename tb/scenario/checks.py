# SPDX-License-Identifier: Apache-2.0
"""What a step of kind `expect` looks at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymodel import Fault, Interrupt, Reg, Status

from .errors import Problem, StepFailed
from .kinds import REGISTER_NAMES
from .layout import Layout
from .rings import Ring
from .targets import Target
from .values import data

SHOWN = 24  # bytes


def _hex(raw: bytes, at: int) -> str:
    start = max(0, at - 4)
    return f"{raw[start : start + SHOWN].hex(' ')} from byte {start}"


def same_bytes(what: str, expected: bytes, actual: bytes) -> None:
    """Compare bytes; the message shows where they part."""
    if expected != actual:
        at = next(i for i, pair in enumerate(zip(expected, actual)) if pair[0] != pair[1])
        raise StepFailed(f"{what}, byte {at}", _hex(expected, at), _hex(actual, at))


def same(what: str, expected: object, actual: object) -> None:
    """Compare two values."""
    if expected != actual:
        raise StepFailed(what, expected, actual)


def _flags(kind: Any, bits: int) -> str:
    names = [member.name for member in kind if bits & member]
    return "+".join(names) or "none"


class Checks:
    """The items of `expect` over a target and a layout."""

    def __init__(self, target: Target, layout: Layout) -> None:
        self.target, self.layout = target, layout

    async def check(self, items: Mapping[str, Any]) -> None:
        """Check every item; raise StepFailed at the first that does not hold."""
        self.target.catch_up()
        for name, value in items.items():
            many = value if isinstance(value, list) and name in _LISTED else [value]
            for one in many:
                await getattr(self, f"_{name}")(one)

    async def _any_of(self, choices: list[Mapping[str, Any]]) -> None:
        failures = []
        for choice in choices:
            try:
                await self.check(choice)
                return
            except StepFailed as failure:
                failures.append(str(failure))
        raise StepFailed("any_of", f"one of {len(choices)} outcomes", "; or ".join(failures))

    # ---- memory

    async def _memory(self, item: Mapping[str, Any]) -> None:
        at = item["at"]
        span = self.layout.spans.get(at) if isinstance(at, str) else None
        size = self.layout.number(item["size"]) if "size" in item else None
        if size is None and span is not None and not {"hex", "text"} & set(item["is"]):
            size = span.size
        try:
            wanted = data(item["is"], size, self.layout)
        except Problem as problem:
            raise Problem(f"memory.{problem.path}", problem.text) from None
        actual = self.layout.read(self.layout.number(at), len(wanted))
        same_bytes(f"memory at {at}", wanted, actual)

    async def _untouched(self, names: list[str]) -> None:
        for name in names:
            span = self.layout.spans[name]
            same_bytes(f"untouched {name}", span.initial, self.layout.read(span.addr, span.size))

    async def _unread(self, names: list[str]) -> None:
        for name in names:
            same(f"reads of {name}", 0, self.target.traffic(self.layout.spans[name].watch).reads)

    # ---- rings

    def _ring(self, item: Mapping[str, Any]) -> Ring:
        queue = self.layout.number(item.get("queue"))
        if queue not in self.layout.rings:
            raise Problem("queue", f"queue {queue} was not laid out")
        return self.layout.rings[queue]

    def _word(self, ring: Ring, field: str) -> int:
        return self.layout.u16(ring.word(field))

    async def _used(self, item: Mapping[str, Any]) -> None:
        ring, first = self._ring(item), self.layout.number(item.get("from"))
        wanted = [tuple(self.layout.number(part) for part in pair) for pair in item["elements"]]
        actual_idx = ring.returned(self.layout)
        count = (actual_idx - first) % 0x10000
        found: list[tuple[int, ...]] = []
        while len(found) < min(count, ring.size):
            one = ring.elements(self.layout, first + len(found), 1)[0]
            if ring.in_order and one in wanted[len(found) : count]:  # it returns those before it
                found += wanted[len(found) : wanted.index(one, len(found))]
            found.append(one)
        if count > ring.size or found != wanted:
            shown = found if count <= ring.size else f"used.idx {actual_idx}"
            raise StepFailed(f"used elements of queue {ring.index} from {first}", wanted, shown)

    async def _used_idx(self, item: Mapping[str, Any]) -> None:
        ring, wanted = self._ring(item), self.layout.number(item["is"]) % 0x10000
        same(f"used_idx of queue {ring.index}", wanted, ring.returned(self.layout))

    async def _used_flags(self, item: Mapping[str, Any]) -> None:
        self._same_word(item, "used_flags")

    async def _avail_event(self, item: Mapping[str, Any]) -> None:
        self._same_word(item, "avail_event")

    def _same_word(self, item: Mapping[str, Any], field: str) -> None:
        ring = self._ring(item)
        wanted = self.layout.number(item["is"])
        same(f"{field} of queue {ring.index}", wanted % 0x10000, self._word(ring, field))

    # ---- registers

    async def _status(self, item: Mapping[str, Any]) -> None:
        actual = await self.target.read(Reg.STATUS)
        for key, names in item.items():
            bits = sum(Status[name] for name in names)
            wrong = {"is": actual != bits, "has": bits & ~actual, "lacks": bits & actual}[key]
            if wrong:
                raise StepFailed(f"Status {key}", "+".join(names) or "none", _flags(Status, actual))

    async def _interrupt(self, names: list[str]) -> None:
        actual = await self.target.read(Reg.INTERRUPT_STATUS)
        wanted = sum(Interrupt[name] for name in names)
        same("InterruptStatus", _flags(Interrupt, wanted), _flags(Interrupt, actual))
        same("interrupt line", int(wanted != 0), self.target.irq)

    async def _irq(self, level: int) -> None:
        same("interrupt line", level, self.target.irq)

    async def _register(self, item: Mapping[str, Any]) -> None:
        name, size = item["name"], item.get("size", 4)
        if "queue" in item:
            await self.target.write(Reg.QUEUE_SEL, self.layout.number(item["queue"]))
        mask = self.layout.number(item.get("mask"), (1 << 8 * size) - 1)
        offset = REGISTER_NAMES[name] if isinstance(name, str) else name
        actual = await self.target.read(offset, size)
        wanted = self.layout.number(item["is"])
        shown = name if isinstance(name, str) else f"{name:#x}"
        same(f"register {shown}", f"{wanted & mask:#x}", f"{actual & mask:#x}")

    async def _fault(self, item: Any) -> None:
        """Check code, queue and descriptor, and that the driver was told (STAT-DEV-02, -03)."""
        code = await self.target.read(Reg.FAULT_CODE)
        name = Fault(code).name if code in set(Fault) else str(code)
        if item == "none":
            same("fault", "none", "none" if code == 0 else name)
            await self._status({"lacks": ["NEEDS_RESET"]})
            return
        item = {"code": item} if isinstance(item, str) else item
        same("fault", item["code"], name if code else "none")
        queue = await self.target.read(Reg.FAULT_QUEUE)
        if "queue" in item:
            same("FaultQueue", self.layout.number(item["queue"]), queue)
        if "descriptor" in item:
            wanted = self.layout.number(item["descriptor"])
            wanted |= 1 << 31 if item.get("in_table") else 0
            actual = await self.target.read(Reg.FAULT_DESCRIPTOR)
            same("FaultDescriptor", f"{wanted:#x}", f"{actual:#x}")
        if "count" in item:
            wanted = self.layout.number(item["count"])
            same("FaultCount", wanted, await self.target.read(Reg.FAULT_COUNT))
        status = await self.target.read(Reg.STATUS)
        if not status & Status.NEEDS_RESET:
            raise StepFailed("Status", "NEEDS_RESET", _flags(Status, status))
        if queue < self.layout.device["queues"]:
            await self.target.write(Reg.QUEUE_SEL, queue)
            same("QueueFault", code, await self.target.read(Reg.QUEUE_FAULT))


_LISTED = ("memory", "used", "used_idx", "used_flags", "avail_event", "register")
