# SPDX-License-Identifier: Apache-2.0
"""Run a scenario's steps on a target, one method for each verb."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pymodel import Config, Feature, Interrupt, MemoryFault, Reg, Status

from .errors import Problem, StepFailed
from .kinds import REGISTER_NAMES
from .layout import BASE, SIZE, Layout
from .parser import Run
from .rings import Ring
from .schema import SETTINGS, verb_of
from .targets import Target
from .values import VARIABLE
from .work import POLL_CYCLES, WITHIN, Work

POLLS = 200  # reads of a register that has to change
_STAGES = ("features", "queues", "driver_ok")
_STATUS_STAGES = (Status.ACKNOWLEDGE, Status.ACKNOWLEDGE | Status.DRIVER)
_ADDRESSES = (
    (Reg.QUEUE_DESC_LOW, Reg.QUEUE_DESC_HIGH, "table"),
    (Reg.QUEUE_DRIVER_LOW, Reg.QUEUE_DRIVER_HIGH, "avail"),
    (Reg.QUEUE_DEVICE_LOW, Reg.QUEUE_DEVICE_HIGH, "used"),
)


class Place:
    """Where a run is, for the report."""

    def __init__(self) -> None:
        self.step = 0
        self.verb = "start"
        self.inner = ""

    def __str__(self) -> str:
        return f"step {self.step}{self.inner} ({self.verb})"


class Executor(Work):
    """One run's steps.

    Attributes:
        layout: guest memory and its names.
        checks: what `expect` uses.
        place: the step being done.
    """

    def __init__(self, target: Target, run: Run, device: Mapping[str, int]) -> None:
        self.raw = run.scenario.raw
        self.features = self.raw.get("features", ["INDIRECT_DESC", "EVENT_IDX"])
        packed = "RING_PACKED" in self.features
        in_order = "IN_ORDER" in self.features
        super().__init__(target, Layout(target.store, device, run.variables, packed, in_order))
        self.run = run
        self.place = Place()
        memory = self.raw.get("memory", {})
        number = self.layout.number
        self.layout.start(number(memory.get("base"), BASE), number(memory.get("size"), SIZE))
        self._configure(memory)

    async def steps(self, steps: Iterable[Mapping[str, Any]], inner: str = "") -> None:
        """Do steps in order."""
        for index, step in enumerate(steps):
            verb = verb_of(step)
            if inner:
                self.place.inner = f"{inner}.{index}"
            else:
                self.place.step, self.place.inner = index, ""
            self.place.verb = verb
            self.target.track(verb, 0, index)
            try:
                await getattr(self, f"_do_{verb}")(step)
            except MemoryFault as error:
                raise Problem(str(self.place), f"{error}: no memory is laid out there") from None

    # ---- memory

    async def _do_note(self, step: Mapping[str, Any]) -> None:
        pass

    async def _do_region(self, step: Mapping[str, Any]) -> None:
        base, size = self.layout.number(step["region"]), self.layout.number(step["size"])
        try:
            self.layout.region(base, size)
        except ValueError as error:
            raise Problem("region", str(error)) from None

    async def _do_buffer(self, step: Mapping[str, Any]) -> None:
        self.layout.buffer(step)

    async def _do_queue(self, step: Mapping[str, Any]) -> None:
        self.layout.queue(step)

    async def _do_desc(self, step: Mapping[str, Any]) -> None:
        self.layout.desc(step)

    async def _do_table(self, step: Mapping[str, Any]) -> None:
        self.layout.table(step)

    async def _do_chain(self, step: Mapping[str, Any]) -> None:
        self.layout.chain(step)

    async def _do_avail(self, step: Mapping[str, Any]) -> None:
        self.layout.avail(step)

    async def _do_poke(self, step: Mapping[str, Any]) -> None:
        self.layout.store.write(self.layout.number(step["poke"]), self.layout.word_or_bytes(step))

    async def _do_race(self, step: Mapping[str, Any]) -> None:
        addr, data, number = (
            self.layout.number(step["race"]),
            self.layout.word_or_bytes(step),
            self.layout.number,
        )
        if "after" in step:
            self.target.race_at(number(step["after"]), addr, data)
            return
        kind = "read" if "read" in step else "write"
        self.target.race(
            kind,
            self.layout.span(step[kind]),
            addr,
            data,
            nth=number(step.get("nth"), 1),
            delay=number(step.get("delay")),
            before=step.get("before", False),
        )

    async def _do_refuse(self, step: Mapping[str, Any]) -> None:
        self.target.refuse(
            *self.layout.span(step["refuse"]),
            step.get("with", "SLVERR"),
            step.get("on", "any"),
            self.layout.number(step.get("nth")),
        )

    async def _do_accept(self, step: Mapping[str, Any]) -> None:
        self.target.accept_all()

    async def _do_allow(self, step: Mapping[str, Any]) -> None:
        self.layout.allow(*self.layout.span(step["allow"]))

    async def _do_disallow(self, step: Mapping[str, Any]) -> None:
        for part in self.layout.inside(*self.layout.span(step["disallow"])):
            self.layout.store.disallow(*part)

    async def _do_memory(self, step: Mapping[str, Any]) -> None:
        self._configure(step["memory"])

    def _configure(self, memory: Mapping[str, Any]) -> None:
        changes: dict[str, Any] = {}
        for key in SETTINGS:
            if key in memory:
                value = memory[key]
                if key == "reorder":
                    changes[key] = value
                elif "latency" in key:
                    span = value if isinstance(value, list) else [value, value]
                    changes[key] = tuple(self.layout.number(part) for part in span)
                else:
                    changes[key] = self.layout.number(value)
        if changes:
            try:
                self.target.configure(changes)
            except ValueError as error:
                raise Problem("memory", str(error)) from None

    # ---- registers

    async def _do_write(self, step: Mapping[str, Any]) -> None:
        name = step["write"]
        offset = REGISTER_NAMES[name] if isinstance(name, str) else name
        strobes = self.layout.number(step["strobes"]) if "strobes" in step else None
        size, value = step.get("size", 4), self.layout.number(step["value"])
        if offset % size or not 0 <= value < 1 << 8 * size:
            raise Problem("write", f"{value:#x} of {size} bytes at {offset:#x}")
        await self.target.write(offset, value, size, strobes)

    async def _do_init(self, step: Mapping[str, Any]) -> None:
        how = step["init"]
        stage = _STAGES.index(how.get("until", "driver_ok"))
        queues = how.get("queues")
        wanted = list(self.layout.rings) if queues is None else map(self.layout.number, queues)
        await self.bring_up(stage, [self.layout.rings[q] for q in wanted])
        if how.get("mode") == "pattern":
            await self.target.write(Config.MODE, 1)

    async def bring_up(self, stage: int, rings: Iterable[Ring]) -> None:
        """Do a driver's start (INIT-DRV-01): reset, features, queues, DRIVER_OK."""
        target = self.target
        await self.device_reset(WITHIN)
        status = Status(0)
        for status in _STATUS_STAGES:
            await target.write(Reg.STATUS, status)
        features = Feature.VERSION_1
        for name in self.features:
            features |= Feature[name]
        for word in (0, 1):
            await target.write(Reg.DRIVER_FEATURES_SEL, word)
            await target.write(Reg.DRIVER_FEATURES, features >> 32 * word & 0xFFFF_FFFF)
        status |= Status.FEATURES_OK
        await target.write(Reg.STATUS, status)
        if not await target.read(Reg.STATUS) & Status.FEATURES_OK:
            raise StepFailed("Status", "FEATURES_OK", "features refused")
        if stage >= 1:
            for ring in rings:
                await self.set_up(ring)
        if stage == 2:
            await target.write(Reg.STATUS, status | Status.DRIVER_OK)

    async def _do_setup(self, step: Mapping[str, Any]) -> None:
        ring = self.layout.rings.get(self.layout.number(step["setup"]))
        if ring is None:
            raise Problem("setup", "this queue was not laid out")
        await self.set_up(ring, step.get("ready", True))

    async def set_up(self, ring: Ring, ready: bool = True) -> None:
        """Write a queue's registers; whether the device takes it is not looked at."""
        target = self.target
        await target.write(Reg.QUEUE_SEL, ring.index)
        await target.write(Reg.QUEUE_SIZE, ring.size)
        for low, high, field in _ADDRESSES:
            addr = getattr(ring, field)
            await target.write(low, addr & 0xFFFF_FFFF)
            await target.write(high, addr >> 32)
        if ready:
            await target.write(Reg.QUEUE_READY, 1)

    async def _do_notify(self, step: Mapping[str, Any]) -> None:
        queue = self.layout.number(step["notify"])
        if step.get("if_wanted") and not self._wanted(queue):
            return
        await self.target.write(Reg.QUEUE_NOTIFY, queue)

    def _wanted(self, queue: int) -> bool:
        """Whether the device asks for this notification, at this very moment."""
        ring = self.layout.rings[queue]
        self.target.catch_up()
        old, ring.told = ring.told, ring.published
        return ring.wanted(self.layout, "EVENT_IDX" in self.features, old)

    async def _do_ack(self, step: Mapping[str, Any]) -> None:
        bits = sum(Interrupt[name] for name in step["ack"])
        await self.target.write(Reg.INTERRUPT_ACK, bits)

    async def _do_reset(self, step: Mapping[str, Any]) -> None:
        await self.device_reset(self.layout.number(step["reset"].get("within"), WITHIN))

    async def device_reset(self, within: int) -> None:
        """Write 0 to Status and wait until it reads 0 (RST-DRV-01)."""
        await self.target.write(Reg.STATUS, 0)
        await self._until_zero(Reg.STATUS, within)

    async def _do_disable(self, step: Mapping[str, Any]) -> None:
        await self.target.write(Reg.QUEUE_SEL, self.layout.number(step["disable"]))
        await self.target.write(Reg.QUEUE_READY, 0)
        await self._until_zero(Reg.QUEUE_READY, self.layout.number(step.get("within"), WITHIN))

    async def _until_zero(self, reg: Reg, within: int) -> None:
        start = self.target.cycle
        value = -1
        for _ in range(POLLS):
            value = await self.target.read(reg)
            if value == 0:
                return
            if self.target.cycle - start > within:
                break
            await self.target.wait_cycles(max(1, within // POLLS))
        raise StepFailed(reg.name, f"0 within {within} cycles", f"{value:#x}")

    # ---- time

    async def _do_wait(self, step: Mapping[str, Any]) -> None:
        what, number = step["wait"], self.layout.number
        within = number(step.get("within"), WITHIN)
        if what == "cycles":
            await self.target.wait_cycles(number(step["count"]))
        elif what == "idle":
            if not await self.target.wait_idle(within):
                raise StepFailed("the engine", f"idle within {within} cycles", "busy")
        elif what == "interrupt":
            if not await self.target.wait_irq(within):
                raise StepFailed("the interrupt line", f"high within {within} cycles", "low")
        elif what == "fault":
            await self._wait_fault(within)
        elif what == "used_or_interrupt":
            await self._wait_told(number(step.get("queue")), number(step["idx"]), within)
        else:
            await self.wait_used(number(step.get("queue")), number(step["idx"]), within)

    async def _wait_fault(self, within: int) -> None:
        end = self.target.cycle + within
        while not await self.target.read(Reg.FAULT_CODE):
            if self.target.cycle >= end:
                raise StepFailed("FaultCode", f"a fault within {within} cycles", "none")
            await self.target.wait_cycles(4 * POLL_CYCLES)

    async def _wait_told(self, queue: int, index: int, within: int) -> None:
        """Do as a driver that has just asked for interrupts: look at used.idx, or be told."""
        ring = self.layout.rings[queue]
        while (ring.returned(self.layout) - index) % 0x10000 >= 0x8000:
            if not await self.target.wait_irq(within):
                raise StepFailed("an interrupt", f"before used.idx {index} is seen", "none")
            await self.target.write(Reg.INTERRUPT_ACK, int(Interrupt.USED_BUFFER))

    async def _do_quiet(self, step: Mapping[str, Any]) -> None:
        """Let cycles pass in which the device may not touch memory."""
        queue = step.get("queue")
        watches: list[int | None] = [None]
        if queue is not None:  # its rings, and everything that was laid out by name
            watches = [self.layout.number(queue) % 63 + 1]
            watches += [span.watch for span in self.layout.spans.values()]
        before = self._traffic(watches)
        level = self.target.irq
        await self.target.wait_cycles(self.layout.number(step["quiet"]))
        after = self._traffic(watches)
        of = "memory" if queue is None else f"queue {queue}'s rings and buffers"
        for name, old, new in zip(("reads", "writes"), before, after):
            if new != old:
                raise StepFailed(f"{name} of {of}", "none from here on", f"{new - old}")
        if queue is None and self.target.irq > level:
            raise StepFailed("interrupt line", "no new interrupt from here on", "high")

    def _traffic(self, watches: Iterable[int | None]) -> tuple[int, int]:
        parts = [self.target.traffic(watch) for watch in watches]
        return sum(part.reads for part in parts), sum(part.writes for part in parts)

    # ---- the rest

    async def _do_expect(self, step: Mapping[str, Any]) -> None:
        await self.checks.check(step["expect"])

    async def _do_repeat(self, step: Mapping[str, Any]) -> None:
        outer = f"{self.place.inner or ''}"
        for count in range(self.layout.number(step["repeat"])):
            if "as" in step:
                self.layout.variables[VARIABLE + step["as"]] = count
            await self.steps(step["steps"], f"{outer}[{count}]")

    async def _do_work(self, step: Mapping[str, Any]) -> None:
        queue = self.layout.number(step["work"])
        if queue not in self.layout.rings:
            raise Problem("work", f"queue {queue} was not laid out")
        number = self.layout.number
        await self.work(queue, number(step.get("chains"), 1), number(step.get("bytes"), 40))
        await self.target.wait_idle(WITHIN)  # so that its interrupt has come, if any
