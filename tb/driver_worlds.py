# SPDX-License-Identifier: Apache-2.0
"""The two worlds of the comparison with drivers: a bus of devices, found and probed.

Each slot has one device: Verilog in the one world, a golden function behind a `ModelDevice` in the
other. The drivers' code is the same, and so is their memory. *In step*, which is how worlds are
compared, each notification is followed by whatever the devices do about it before anything else
happens; else devices and drivers work at the same time.
"""

from __future__ import annotations

import errno
from collections.abc import Generator, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from pymodel import (
    DRIVERS,
    Bus,
    DeviceError,
    Driver,
    Feature,
    Machine,
    Memory,
    ModelDevice,
    PackedVirtqueue,
    Reg,
    Segment,
    Slot,
    SplitVirtqueue,
    UsedBuffer,
    run_async,
)
from pymodel.bus import SLOT_BYTES
from pymodel.functions import DeviceFunction
from pymodel.layout import QueueLayout
from pymodel.queue_request import make_queue
from pymodel.ring_driver import RingVirtqueue
from pymodel.steps import Steps
from tb.bench import SLOTS, Bench
from tb.registers import device_parameters
from tb.sides import Tally
from tb.worlds import MAX_ROUNDS, SURE_CYCLES, FlatWorld, Setup, World, given_to_device

MakeFunction = Callable[[], DeviceFunction]


def in_slots(**makers: MakeFunction) -> list[Optional[MakeFunction]]:
    """Return `DriverSetup.functions` for devices of `tb_devices`, by the names of its slots."""
    found: list[Optional[MakeFunction]] = [None] * len(SLOTS)
    for name, make in makers.items():
        found[SLOTS[name]] = make
    return found


@dataclass(frozen=True)
class DriverSetup(Setup):
    """What both worlds start from, see `Setup`; queues are what the drivers ask for.

    Attributes:
        features: features of rings that the bus accepts where they are offered.
        drivers: by device type, what makes a driver.
        functions: makes the golden function of each slot, in order; None for a slot without a
            device. See `in_slots`.
    """

    features: Feature = Feature.INDIRECT_DESC | Feature.EVENT_IDX | Feature.RING_RESET
    drivers: Mapping[int, Callable[[], Driver]] = field(default_factory=lambda: DRIVERS)
    functions: Sequence[Optional[MakeFunction]] = ()

    @property
    def slots(self) -> list[int]:
        """The byte address of each slot's registers."""
        return [SLOT_BYTES * number for number in range(len(self.functions))]


class DriverWorld(World):
    """A world whose queues are those that drivers ask for.

    Attributes:
        bus: the slots, with devices and drivers.
    """

    setup: DriverSetup
    bus: Bus

    def open_bus(self) -> None:
        """Make the bus, with nothing found yet."""
        self.bus = Bus(
            self.memory,
            self.allocator,
            self.setup.slots,
            features=self.setup.features,
            make_queue=self.make_driver_queue,
        )

    def make_driver_queue(
        self,
        device: Any,
        memory: Memory,
        layout: QueueLayout,
        notify: Callable[[int], None],
        index: int,
        **arguments: Any,
    ) -> RingVirtqueue[Any]:
        """Build a queue, see `pymodel.queue_request.make_queue`."""
        return make_queue(device, memory, layout, notify, index, **arguments)

    def slot(self, number: int) -> Slot:
        """Return a slot."""
        return self.bus.slots[number]

    def driver(self, number: int) -> Driver:
        """Return the driver that is bound to a slot."""
        driver = self.slot(number).driver
        if driver is None:
            raise ValueError(f"slot {self.slot(number)} has no driver")
        return driver

    def note_queues(self) -> None:
        """Bring the list of queues up to date, after a scan or a removal."""
        self.queues = [
            queue
            for slot in self.bus.slots
            if slot.driver is not None and slot.device is not None
            for queue in slot.device.queues.values()
        ]

    def scan(self) -> Steps[list[Slot]]:
        """Return the register accesses of a scan."""
        found = yield from self.bus.scan(self.setup.drivers)
        self.note_queues()
        return found

    def remove(self, number: int) -> Steps[list[Any]]:
        """Return the register accesses that take a device from its driver."""
        left = yield from self.bus.remove(self.slot(number))
        self.note_queues()
        return left

    def _reset_queue(self, index: int) -> None:
        raise RuntimeError("drivers detach by `VirtioDevice.detach`")

    _enable_queue = _reset_queue


class _Watched(RingVirtqueue[Any]):
    """A queue whose buffers are the only bytes that the device may write.

    `permits` is a `Permits`; it is told of each buffer that the device gets, and that comes back.
    """

    permits: Permits

    def _add_buf(
        self,
        sg: Sequence[tuple[int, int]],
        out_num: int,
        in_num: int,
        data: Hashable,
        indirect: Optional[bool] = None,
    ) -> None:
        super()._add_buf(sg, out_num, in_num, data, indirect)
        pieces = [Segment(*piece) for piece in sg]
        self.permits.hold(self.index, data, pieces[out_num:], pieces[:out_num])

    def _get_buf(self) -> Optional[UsedBuffer]:
        used = super()._get_buf()
        if used is not None:
            self.permits.collect(self.index, used)
        return used

    def _detach_steps(self, data: Hashable) -> Generator[str, None, None]:
        yield from super()._detach_steps(data)
        self.permits.release(self.index, data)

    def _shutdown(self) -> list[Hashable]:
        left = super()._shutdown()
        for token in left:
            self.permits.release(self.index, token)
        self.permits.end(self.layout)
        return left


class _WatchedSplit(_Watched, SplitVirtqueue):
    pass


class _WatchedPacked(_Watched, PackedVirtqueue):
    pass


class Permits:
    """What one device may write: its rings, and the buffers that it holds.

    Args:
        bench: whose memory.
        tally: where buffers that come back used are counted.
    """

    def __init__(self, bench: Bench, tally: Tally) -> None:
        self._memory = bench.memory
        self._tally = tally
        self._held: dict[tuple[int, Hashable], tuple[list[Segment], int]] = {}

    def begin(self, layout: QueueLayout) -> None:
        """Allow a queue's rings."""
        for addr, length in given_to_device(layout):
            self._memory.allow(addr, length)

    def end(self, layout: QueueLayout) -> None:
        """Forbid them again."""
        for addr, length in given_to_device(layout):
            self._memory.disallow(addr, length)

    def hold(
        self, queue: int, token: Hashable, writable: list[Segment], readable: list[Segment]
    ) -> None:
        """Allow a buffer's writable segments."""
        self._held[queue, token] = writable, sum(piece.length for piece in readable)
        for addr, length in writable:
            self._memory.allow(addr, length)

    def release(self, queue: int, token: Hashable) -> int:
        """Forbid them again; return the bytes of the readable ones."""
        writable, readable = self._held.pop((queue, token), ([], 0))
        for addr, length in writable:
            self._memory.disallow(addr, length)
        return readable

    def collect(self, queue: int, used: UsedBuffer) -> None:
        """Count a buffer that came back used, and forbid it."""
        self._tally.chains += 1
        self._tally.bytes_in += used.length
        self._tally.bytes_out += self.release(queue, used.data)


class RtlDriverWorld(DriverWorld):
    """Drivers over the simulator's memory; the devices are Verilog.

    Args:
        setup: see there.
        bench: the started bench; bit s of its `irq` and `idle` are those of slot s.
        in_step: see above.
        deadline: cycles in which the devices must become idle, or interrupt.

    Attributes:
        tally: buffers that came back, and their bytes.
    """

    name = "rtl"

    def __init__(
        self, setup: DriverSetup, bench: Bench, in_step: bool = True, deadline: int = 200_000
    ) -> None:
        super().__init__(setup, bench.memory)
        self.bench = bench
        self.in_step = in_step
        self.deadline = deadline
        self.tally = Tally()
        self._permits: dict[int, Permits] = {}
        self.open_bus()

    def make_driver_queue(
        self,
        device: Any,
        memory: Memory,
        layout: QueueLayout,
        notify: Callable[[int], None],
        index: int,
        **arguments: Any,
    ) -> RingVirtqueue[Any]:
        """Build a queue of which the memory slave knows what may be written."""
        kind: type[_Watched] = _WatchedPacked if layout.packed else _WatchedSplit
        queue = kind(memory, layout, notify, index, **arguments)
        queue.permits = self._permits.setdefault(device.base, Permits(self.bench, self.tally))
        queue.permits.begin(layout)
        return queue

    def interrupts_at(self, number: int) -> bool:
        """Whether a slot's interrupt line is high."""
        return bool(int(self.bench.irq.value) >> number & 1)

    async def run(self, steps: Steps[Any]) -> Any:
        """Run a sequence of register accesses."""
        return await run_async(steps, self.bench.read32, self._write32, self._wait)

    async def _write32(self, address: int, value: int, strobes: int = 0xF) -> None:
        await self.bench.write32(address, value, strobes)
        if self.in_step and address % SLOT_BYTES == Reg.QUEUE_NOTIFY:
            await self.wait_quiet()

    async def _wait(self, address: int) -> None:
        number = address // SLOT_BYTES
        if self.in_step:
            await self.wait_quiet()
        patience = 1 if self.in_step else self.deadline
        if not await self.bench.wait_bit(self.bench.irq, number, patience):
            raise DeviceError(errno.ETIMEDOUT, f"slot {number} does not interrupt")

    async def wait_quiet(self) -> None:
        """Return when every device is idle and was for a while."""
        end = self.bench.cycle + self.deadline
        while True:
            await self.bench.wait_idle(max(1, end - self.bench.cycle))
            await self.bench.wait_cycles(SURE_CYCLES)
            if self.bench.all_idle:
                return

    async def settle(self) -> None:
        """Return when all devices are idle and no interrupt waits."""
        for _ in range(MAX_ROUNDS):
            await self.wait_quiet()
            raised = [
                slot.device
                for number, slot in enumerate(self.bus.slots)
                if slot.driver is not None and slot.device and self.interrupts_at(number)
            ]
            if not raised:
                return
            await self.run(raised[0].serve())
        raise AssertionError("the drivers and the devices keep each other busy without end")

    async def start(self, again: bool = False) -> None:
        """Scan over a region of zeroed memory; `again`: it is there from an earlier start."""
        if again:
            self.bench.memory.view(self.setup.base, self.setup.memory)[:] = bytes(self.setup.memory)
        else:
            self.bench.memory.add_region(self.setup.base, self.setup.memory)
        await self.run(self.scan())

    async def parameters(self, number: int) -> dict[str, int]:
        """Return what the model device of a slot is to be built with."""
        base = SLOT_BYTES * number
        return await device_parameters(lambda offset: self.bench.read32(base + offset))


class ModelDriverWorld(DriverWorld, FlatWorld):
    """Drivers over the model's memory; the devices are golden functions.

    Attributes:
        functions: the golden function of each slot.
        machine: the model devices; None until `build`.
    """

    machine: Machine

    def __init__(self, setup: DriverSetup) -> None:
        super().__init__(setup)
        self.open_bus()
        self.functions = [make and make() for make in setup.functions]

    def build(self, parameters: Sequence[Mapping[str, Any]]) -> None:
        """Make the model devices, with parameters for each slot."""
        self.machine = self.make_machine(
            None if function is None else ModelDevice(self.flat, function=function, **more)
            for function, more in zip(self.functions, parameters)
        )

    def make_machine(self, devices: Iterable[Optional[ModelDevice]]) -> Machine:
        """Return what holds the model devices of the slots."""
        return SteppedMachine(devices)

    def function(self, number: int) -> DeviceFunction:
        """Return the golden function of a slot."""
        function = self.functions[number]
        if function is None:
            raise ValueError(f"slot {number} has no function")
        return function

    def run(self, steps: Steps[Any]) -> Any:
        """Run a sequence of register accesses."""
        return self.machine.run(steps)

    def settle(self) -> None:
        """Return when all devices are idle and no interrupt waits."""
        for _ in range(MAX_ROUNDS):
            self.machine.work()
            raised = [
                slot.device
                for slot, device in zip(self.bus.slots, self.machine.devices)
                if slot.driver and slot.device and device and device.interrupt_line
            ]
            if not raised:
                return
            self.run(raised[0].serve())
        raise AssertionError("the drivers and the model keep each other busy without end")

    def start(self) -> None:
        """Scan."""
        self.run(self.scan())


class SteppedMachine(Machine):
    """Devices that serve a notification before anything else happens."""

    def write32(self, address: int, value: int, strobe: int = 0xF) -> None:
        """Write a register; a notification is served at once."""
        super().write32(address, value, strobe)
        if address % SLOT_BYTES == Reg.QUEUE_NOTIFY:
            self.work()


def layout_of(slot: Slot, queue: int) -> Optional[QueueLayout]:
    """Return the layout of a queue of a slot's device, None where it is not in use."""
    if slot.device is None or slot.driver is None or queue >= len(slot.device.layouts):
        return None
    return slot.device.layouts[queue]
