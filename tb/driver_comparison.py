# SPDX-License-Identifier: Apache-2.0
"""Run drivers in both worlds, and hold the one against the other after each of their operations.

Compared are: what the operation returned or raised, the whole memory byte for byte, the
notifications sent and interrupts served of each device, the queues they were due for, the status,
faults, indices of its queues, configuration space with its generation, and the function's own
registers.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Generator, Iterable
from typing import Any, Callable, Optional

from pymodel import Driver, Feature, Reg, Slot
from pymodel.bus import SLOT_BYTES
from pymodel.device_ring import DeviceRing
from pymodel.layout import MAX_QUEUE_SIZE
from pymodel.registers import CONFIG_BASE, OWN_BASE
from tb.bench import SLOTS, Bench
from tb.driver_worlds import DriverSetup, ModelDriverWorld, RtlDriverWorld, layout_of
from tb.sides import Outcome, Sides, batch_end

DEVICE_REGISTERS = (
    Reg.STATUS,
    Reg.INTERRUPT_STATUS,
    Reg.FAULT_CODE,
    Reg.FAULT_QUEUE,
    Reg.FAULT_DESCRIPTOR,
    Reg.FAULT_COUNT,
    Reg.CONFIG_GENERATION,
)
QUEUE_REGISTERS = (
    Reg.QUEUE_READY,
    Reg.QUEUE_FAULT,
    Reg.QUEUE_AVAIL_INDEX,
    Reg.QUEUE_USED_INDEX,
)


class DriverComparison(Sides):
    """Two worlds of drivers in step.

    Args:
        bench: the started bench.
        setup: what both start from.
        parameters: of the model device of every slot, besides what the registers tell.

    Attributes:
        rtl: the world of the Verilog.
        model: the world of the model.
        outside: for what is outside both worlds (a MAC, a disk) and has to be equal: returns
            what differs, in words. Asked after every operation.
    """

    rtl: RtlDriverWorld
    model: ModelDriverWorld

    def __init__(self, bench: Bench, setup: DriverSetup, **parameters: Any) -> None:
        super().__init__(bench, setup)
        self.rtl = RtlDriverWorld(setup, bench)
        self.rtl.tally = self.tally
        self.model = ModelDriverWorld(setup)
        self.outside: Optional[Callable[[], Iterable[str]]] = None
        self._more = parameters
        self._benches = [bench] if bench.calls is not None else [bench.at(name) for name in SLOTS]
        self._ignored: set[tuple[int, int]] = set()

    async def start(self, again: bool = False) -> list[Slot]:
        """Scan both buses and compare; return the slots of the RTL's."""
        setup = self.rtl.setup
        parameters = []
        for number, make in enumerate(setup.functions):
            found: dict[str, Any] = await self.rtl.parameters(number) if make else {}
            if setup.features & Feature.IN_ORDER:
                found |= {
                    "batch": MAX_QUEUE_SIZE,
                    "batch_end": functools.partial(self._batch_end, number),
                }
            parameters.append(found | self._more)
        self.model.build(parameters)
        self.bench.track("scan")
        for bench in self._benches:
            bench.take_calls()
        await self.rtl.start(again)
        await self.rtl.settle()
        self.model.start()
        self.model.settle()
        self.bench.memory.check_writes()
        both = [[str(slot) for slot in world.bus.slots] for world in (self.rtl, self.model)]
        if both[0] != both[1]:
            self._fail("the scan", 0, [f"slots: rtl {both[0]}, model {both[1]}"])
        await self.check("the scan")
        return self.rtl.bus.slots

    def ignore(self, number: int, register: int) -> None:
        """Compare a register of a slot (a byte offset) no longer: the worlds may differ in it."""
        self._ignored.add((number, register))

    async def do(self, name: str, number: int, operation: Callable[[Any], Any]) -> Any:
        """Do an operation of a slot's driver in both worlds, and compare.

        Args:
            name: for waves and messages.
            number: of the slot.
            operation: given the driver, returns a value or register accesses (`Steps`).

        Returns:
            What it returned in the RTL's world.

        Raises:
            OSError: it raised that in both worlds.
            Mismatch: the worlds differ.
        """
        return await self._both(
            f"{name}(slot {number})",
            lambda: self._rtl(operation, self.rtl.driver(number)),
            lambda: self.model.run(_steps(operation, self.model.driver(number))),
        )

    async def remove(self, number: int) -> list[Any]:
        """Take a device from its driver in both worlds, and compare."""
        left: list[Any] = await self._both(
            f"remove(slot {number})",
            lambda: self.rtl.run(self.rtl.remove(number)),
            lambda: self.model.run(self.model.remove(number)),
        )
        return left

    async def scan(self) -> None:
        """Scan again in both worlds, and compare."""
        await self._both(
            "scan",
            lambda: self._rtl_states(),
            lambda: _states(self.model.run(self.model.scan())),
        )

    async def _rtl_states(self) -> list[str]:
        return _states(await self.rtl.run(self.rtl.scan()))

    async def settle(self, what: str) -> None:
        """Let both worlds do what came from outside, and compare."""
        await self.rtl.settle()
        self.model.settle()
        self._count(what)
        await self.check(what)

    async def _rtl(self, operation: Callable[[Driver], Any], driver: Driver) -> Any:
        return await self.rtl.run(_steps(operation, driver))

    async def _both(
        self, what: str, rtl: Callable[[], Awaitable[Any]], model: Callable[[], Any]
    ) -> Any:
        self.bench.track(what.partition("(")[0])
        begin = self.bench.cycle
        ours, theirs = Outcome(), Outcome()
        try:
            ours = Outcome(await rtl())
        except OSError as error:
            ours = Outcome(error=error)
        await self.rtl.settle()
        self.tally.cycles += self.bench.cycle - begin
        try:
            theirs = Outcome(model())
        except OSError as error:
            theirs = Outcome(error=error)
        self.model.settle()
        if not ours.same(theirs):
            self._fail(what, 0, [f"result: rtl {ours}, model {theirs}"])
        self._count(what.partition("(")[0])
        await self.check(what)
        return ours.take()

    # ---- what is compared

    async def check(self, what: str) -> None:
        """Compare everything now; both worlds must be settled."""
        found: list[str] = []
        for number in range(len(self.rtl.bus.slots)):
            found += await self._device_differences(number)
        if not self._same_memory():
            found += self._memory_differences()
        found += self.writes_refused()
        if self.outside is not None:
            found += self.outside()
        if found:
            self._fail(what, 0, found)

    async def _device_differences(self, number: int) -> list[str]:
        ours, theirs = self.rtl.slot(number).device, self.model.slot(number).device
        device = self.model.machine.devices[number]
        if device is None or ours is None or theirs is None:
            return []
        found = []
        for name, rtl, model in (
            ("notifications", ours.kicks, theirs.kicks),
            ("interrupts", ours.interrupts, theirs.interrupts),
            ("queues that interrupted", self._benches[number].take_calls(), device.called.copy()),
            ("broken", ours.broken, theirs.broken),
        ):
            if rtl != model:
                found.append(f"slot {number}, {name}: rtl {rtl}, model {model}")
        device.called.clear()
        for register in (*DEVICE_REGISTERS, *self._function_registers(number)):
            found += await self._register_difference(number, register)
        for queue in range(device.queue_count):
            if layout_of(self.rtl.slot(number), queue) is None:
                continue
            base = SLOT_BYTES * number
            await self.bench.write32(base + Reg.QUEUE_SEL, queue)
            device.write32(Reg.QUEUE_SEL, queue)
            for register in QUEUE_REGISTERS:
                differs = await self._register_difference(number, register)
                found += [f"queue {queue}, {text}" for text in differs]
        return found

    def _function_registers(self, number: int) -> list[int]:
        """Return the registers of configuration space and function that there are."""
        function = self.model.function(number)
        config = range(CONFIG_BASE, CONFIG_BASE + len(function.config()), 4)
        own = range(OWN_BASE, OWN_BASE + 4 * len(function.own_registers()), 4)
        return [*config, *own]

    async def _register_difference(self, number: int, register: int) -> list[str]:
        if (number, register) in self._ignored:
            return []
        address = SLOT_BYTES * number + register
        rtl, model = await self.bench.read32(address), self.model.machine.read32(address)
        if rtl == model:
            return []
        name = register.name if isinstance(register, Reg) else f"{register:#x}"
        return [f"slot {number}, register {name}: rtl {rtl:#x}, model {model:#x}"]

    def _batch_end(self, number: int, queue: int, ring: DeviceRing, index: int) -> Optional[int]:
        """With IN_ORDER, the chain that ends the batch which the RTL returned here."""
        layout = layout_of(self.rtl.slot(number), queue)
        return None if layout is None else batch_end(self.rtl.memory, layout, index)


def _steps(operation: Callable[[Any], Any], driver: Driver) -> Generator[Any, int, Any]:
    """Return an operation as register accesses, also one that needs none."""
    result = operation(driver)
    return (yield from result) if isinstance(result, Generator) else result


def _states(slots: list[Slot]) -> list[str]:
    return [str(slot) for slot in slots]
