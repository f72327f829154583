# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
from typing import Any

import pytest

from pymodel import (
    DRIVERS,
    OFFER,
    Access,
    Allocator,
    Bus,
    ConfigField,
    DeviceError,
    Driver,
    Feature,
    GuestMemory,
    InitError,
    Interrupt,
    Loopback,
    Machine,
    ModelDevice,
    QueueRequest,
    Reg,
    Returned,
    RngFunction,
    Slot,
    SlotState,
    Status,
    VirtioDevice,
    VirtioRng,
)
from pymodel.functions import DeviceFunction
from pymodel.steps import Steps

BASE, BYTES = 0x8000_0000, 0x10_0000
PLAIN = OFFER & ~Feature.RING_RESET


class Recorder(Machine):
    """A machine that notes every access as (op, address, value); some reads are overridden."""

    def __init__(self, *devices: ModelDevice | None) -> None:
        super().__init__(devices)
        self.log: list[tuple[str, int, int]] = []
        self.overrides: dict[int, int] = {}

    def read32(self, address: int) -> int:
        value = self.overrides.get(address, super().read32(address))
        self.log.append(("r", address, value))
        return value

    def write32(self, address: int, value: int, strobe: int = 0xF) -> None:
        self.log.append(("w", address, value))
        super().write32(address, value, strobe)


class Echo(DeviceFunction):
    """Loops back, with 16 bytes of configuration; `serving` off keeps every chain waiting."""

    device_id = 0x2A
    features = 0b110

    def __init__(self) -> None:
        super().__init__()
        self.space = bytearray(range(0x10, 0x20))
        self.serving = True
        self.waiting: list[bytes] = []

    def config(self) -> bytes:
        return bytes(self.space)

    def write_config(self, offset: int, data: bytes) -> None:
        self.space[offset : offset + len(data)] = data

    def holds(self, queue: int) -> int:
        return 0 if self.serving else 16

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        return readable[:writable_len]


BYTE = ConfigField(0, "byte", 1, Access.RW, "", "")
HALF = ConfigField(2, "half", 2, Access.RW, "", "", 0b10)
MAC = ConfigField(4, "mac", 6, Access.R, "", "")
LONG = ConfigField(8, "long", 8, Access.RW, "", "")
ABSENT = ConfigField(4, "absent", 4, Access.R, "", "", 0b1000)


class EchoDriver(Driver):
    """Holds buffers by number; `answers` are the tokens collected."""

    device_id = 0x2A

    def __init__(self, queues: int = 2, fails: str = "") -> None:
        self.queue_count, self.fails = queues, fails
        self.answers: list[Any] = []
        self.changes = 0
        self.returned: list[Returned] = []

    def choose(self, offer: int) -> int:
        return 0b1010

    def probe(self, device: VirtioDevice) -> Steps[None]:
        requests = [QueueRequest(index, self.used, 8) for index in range(self.queue_count)]
        self.queues = yield from device.find_queues(requests)
        if self.fails:
            yield from device.ready()
            self.put(0, "left", sync=True)
            raise ValueError(self.fails)

    def used(self, queue: Any) -> bool:
        while (used := queue.get_buf()) is not None:
            self.answers.append(used.data)
        return True

    def put(self, queue: int, token: Any, sync: bool) -> None:
        self.queues[queue].add_buf([(BASE, 4), (BASE + 0x80, 4)], 1, 1, token)
        if sync:
            self.queues[queue].sync()

    def config_changed(self) -> Steps[None]:
        self.changes += 1
        yield from ()

    def removed(self, returned: list[Returned]) -> list[Any]:
        self.returned = returned
        return [(back.queue, back.token) for back in returned if back.length is None]


class World:
    """A bus with model devices of some functions; `offer` of rings' features."""

    def __init__(self, *functions: DeviceFunction | None, offer: Feature = OFFER) -> None:
        self.memory = GuestMemory((BASE, BYTES))
        self.allocator = Allocator(BASE + 0x1000, BYTES - 0x1000)
        self.free = self.allocator.free_bytes
        self.machine = Recorder(
            *(
                None
                if function is None
                else ModelDevice(self.memory, function=function, queues=2, offer=offer)
                for function in functions
            )
        )
        self.bus = Bus(self.memory, self.allocator, self.machine.slots)

    def device(self, number: int) -> ModelDevice:
        device = self.machine.devices[number]
        assert device is not None
        return device

    def scan(self, *drivers: Driver) -> list[Slot]:
        made = {driver.device_id: (lambda driver=driver: driver) for driver in drivers}
        return self.machine.run(self.bus.scan({**DRIVERS, **made}))

    def touched(self, number: int) -> list[tuple[str, int]]:
        """The registers of a slot that were accessed."""
        place = [(op, divmod(address, 0x1000)) for op, address, _ in self.machine.log]
        return [(op, offset) for op, (slot, offset) in place if slot == number]


@pytest.mark.clause(
    *("MMIO-DRV-06", "MMIO-DRV-07", "MMIO-DRV-08", "MMIO-DRV-09", "MMIO-DRV-10", "MMIO-DRV-11"),
    *("MMIO-DRV-24", "MMIO-DRV-25", "MMIO-DRV-26", "MMIO-DRV-27"),
)
def test_a_scan_goes_by_what_each_slot_says() -> None:
    world = World(Echo(), RngFunction(), Loopback(), Echo(), None, RngFunction())
    world.machine.overrides = {Reg.MAGIC_VALUE: 0, 0x3000 + Reg.VERSION: 1}
    world.device(2).function.device_id = 0x99
    bound = world.scan()
    assert [slot.base for slot in bound] == [0x1000, 0x5000]
    states = [slot.state for slot in world.bus.slots]
    assert states == [
        SlotState.SKIPPED,
        SlotState.BOUND,
        SlotState.UNKNOWN,
        SlotState.SKIPPED,
        SlotState.EMPTY,
        SlotState.BOUND,
    ]
    assert "MagicValue" in world.bus.slots[0].why and "version 1" in world.bus.slots[3].why
    assert world.bus.slots[4].why == "" and world.bus.slots[4].error is None
    assert world.touched(0) == [("r", 0)]
    assert world.touched(3) == [("r", 0), ("r", 4)]
    assert world.touched(4) == [("r", 0), ("r", 4), ("r", 8)]


@pytest.mark.clause("INIT-DRV-01", "STAT-DRV-01")
def test_a_device_without_a_driver_is_left_as_it_is_and_found_again() -> None:
    world = World(Echo())
    assert world.scan() == []
    assert {op for op, _ in world.touched(0)} == {"r"}
    assert world.device(0).status == 0
    assert str(world.bus.slots[0]) == "0x0 device 42 no driver: no driver for type 42"
    (slot,) = world.scan(EchoDriver())
    assert slot.state is SlotState.BOUND and world.device(0).status == 15
    assert world.scan(EchoDriver()) == []  # it is bound already


@pytest.mark.clause("FEAT-DRV-01", "FEAT-DRV-04", "FEAT-DRV-05", "FEAT-DRV-08", "RSVF-DRV-01")
def test_the_driver_chooses_its_features_and_the_bus_those_of_rings() -> None:
    world = World(Echo(), offer=PLAIN)
    (slot,) = world.scan(EchoDriver())
    assert slot.device is not None
    assert slot.device.offer == PLAIN | 0b110
    assert slot.device.features == (
        Feature.VERSION_1 | Feature.INDIRECT_DESC | Feature.EVENT_IDX | Feature(0b10)
    )
    assert slot.device.has(0b10) and not slot.device.has(0b110)
    assert world.device(0).negotiated == slot.device.features


@pytest.mark.clause("INIT-DRV-05", "INIT-DRV-06", "STAT-DRV-02", "STAT-DRV-03", "CLEAN-DRV-02")
def test_a_failed_probe_stops_its_queues_and_the_others_go_on() -> None:
    world = World(Echo(), RngFunction())
    driver = EchoDriver(fails="no memory for a name")
    bound = world.scan(driver)
    assert [slot.base for slot in bound] == [0x1000]
    slot = world.bus.slots[0]
    assert slot.state is SlotState.FAILED and isinstance(slot.error, ValueError)
    assert slot.why == "the probe failed: no memory for a name"
    device = world.device(0)
    assert device.status == 15 | Status.FAILED
    assert device.ring(0) is None and device.ring(1) is None
    assert [back.token for back in driver.returned] == ["left"]
    again = EchoDriver()
    assert [slot.base for slot in world.scan(again)] == [0]  # from a reset on
    assert device.status == 15


def test_a_queue_that_is_not_there_fails_the_probe() -> None:
    world = World(Echo())
    assert world.scan(EchoDriver(queues=3)) == []
    assert "no queue 2" in world.bus.slots[0].why
    assert world.device(0).status & Status.FAILED
    assert world.allocator.free_bytes == world.free


@pytest.mark.clause("FEAT-DEV-03", "INIT-DRV-05", "INIT-DRV-06")
def test_a_device_that_refuses_the_features_is_given_up() -> None:
    function = RngFunction()
    function.accepts = lambda features: False  # type: ignore[method-assign]
    world = World(function)
    assert world.scan() == []
    slot = world.bus.slots[0]
    assert slot.why.startswith("the probe failed: the device refused the features")
    assert "; and" not in slot.why and world.device(0).status & Status.FAILED


def test_a_driver_that_cannot_be_tried_sets_failed_too() -> None:
    world = World(Echo())
    world.machine.overrides = {Reg.STATUS: 1}
    assert world.scan(EchoDriver()) == []
    assert "does not finish its reset" in world.bus.slots[0].why
    assert world.machine.log[-1] == ("w", Reg.STATUS, Status.FAILED | 1)


def fill(world: World, driver: EchoDriver, function: Echo) -> None:
    """Two buffers used and not collected, three published, one neither, on queue 0; one on 1."""
    function.serving = False
    for token in ("a", "b"):
        driver.put(0, token, sync=True)
    world.machine.run(driver.device.kick())
    function.serving = True
    world.machine.work()
    function.serving = False
    for token in ("c", "d", "e"):
        driver.put(0, token, sync=True)
    driver.put(0, "f", sync=False)
    driver.put(1, "g", sync=True)
    world.machine.run(driver.device.kick())
    world.machine.work()


@pytest.mark.parametrize("offer", [OFFER, PLAIN], ids=["ring reset", "device reset"])
@pytest.mark.parametrize("packed", [False, True], ids=["split", "packed"])
@pytest.mark.clause("CLEAN-DRV-01", "CLEAN-DRV-02", "QRST-DRV-01", "QRST-DRV-02", "STAT-DRV-01")
def test_a_removal_loses_no_buffer(offer: Feature, packed: bool) -> None:
    function, driver = Echo(), EchoDriver()
    world = World(function, offer=offer)
    if packed:
        world.bus.features |= Feature.RING_PACKED
    (slot,) = world.scan(driver)
    fill(world, driver, function)
    device = world.device(0)
    world.machine.log.clear()
    left = world.machine.run(world.bus.remove(slot))
    assert left == [(0, "c"), (0, "d"), (0, "e"), (0, "f"), (1, "g")]
    used = [(back.token, back.length) for back in driver.returned if back.length is not None]
    assert used == [("a", 4), ("b", 4)]
    assert (("w", Reg.QUEUE_RESET) in world.touched(0)) == bool(offer & Feature.RING_RESET)
    assert device.status == 0 and slot.state is SlotState.REMOVED
    assert world.allocator.free_bytes == world.free
    with pytest.raises(DeviceError) as caught:
        world.machine.run(driver.device.wait_until(lambda: False))
    assert caught.value.errno == errno.ENODEV
    with pytest.raises(ValueError, match="no driver"):
        world.machine.run(world.bus.remove(slot))
    assert world.scan(EchoDriver()) == [slot]


def test_a_device_that_does_not_let_go_keeps_its_buffers() -> None:
    function, driver = Echo(), EchoDriver()
    world = World(function, offer=PLAIN)
    (slot,) = world.scan(driver)
    fill(world, driver, function)
    world.machine.overrides = {Reg.STATUS: 15}
    with pytest.raises(InitError, match="does not finish its reset"):
        world.machine.run(world.bus.remove(slot))
    assert slot.state is SlotState.BOUND and driver.returned == []
    world.machine.overrides = {}
    assert len(world.machine.run(world.bus.remove(slot))) == 5


@pytest.mark.clause("MMIO-DRV-05", "CFG-DRV-01", "CFG-DRV-02", "CFG-XDEV-01")
def test_fields_are_read_by_their_width_and_from_one_generation() -> None:
    function = Echo()
    world = World(function)
    (slot,) = world.scan(EchoDriver())
    device = slot.device
    assert device is not None
    run = world.machine.run
    assert run(device.read_config(BYTE)) == 0x10
    assert run(device.read_config(HALF)) == 0x1312
    assert run(device.read_config(MAC)) == 0x191817161514
    assert run(device.read_config(LONG)) == 0x1F1E1D1C1B1A1918
    ops = []
    sequence = device.read_configs([HALF, MAC, LONG])
    op = next(sequence)
    try:
        while True:
            ops.append((op[1], op[2]))
            op = sequence.send(0)
    except StopIteration:
        pass
    generation = (Reg.CONFIG_GENERATION, 4)
    bytes_of_mac = [(0x104 + lane, 1) for lane in range(6)]
    assert ops == [generation, (0x102, 2), *bytes_of_mac, (0x108, 4), (0x10C, 4), generation]


@pytest.mark.clause("CFG-DRV-02", "CFG-DEV-01")
def test_a_change_between_two_reads_is_seen() -> None:
    function = Echo()
    world = World(function)
    (slot,) = world.scan(EchoDriver())
    assert slot.device is not None
    sequence = slot.device.read_config(LONG)
    op: Any = next(sequence)
    changed = 0
    try:
        while True:
            answer = world.machine.run(iter_of(op))
            if op[1] == 0x108 and changed < 3:  # between the two halves
                changed += 1
                function.space[8:16] = bytes([changed]) * 8
                function.on_change()
            op = sequence.send(answer)
    except StopIteration as stop:
        assert stop.value == 0x0303030303030303
    assert changed == 3
    generations = iter(range(10_000))
    world.machine.read32 = lambda address: next(generations)  # type: ignore[method-assign]
    with pytest.raises(DeviceError, match="without end"):
        world.machine.run(slot.device.read_config(LONG))


def iter_of(op: Any) -> Steps[int]:
    return (yield op)


@pytest.mark.clause("MMIO-DRV-05", "MMIO-DRV-02", "CFG-DRV-03", "INIT-DRV-03", "INIT-DRV-02")
def test_fields_are_written_by_their_width_and_only_where_that_may_be() -> None:
    function = Echo()
    world = World(function)
    (slot,) = world.scan(EchoDriver())
    device, run = slot.device, world.machine.run
    assert device is not None
    run(device.write_config(BYTE, 0xAA))
    run(device.write_config(HALF, 0xBBCC))
    run(device.write_config(LONG, 0x1122334455667788))
    assert function.space.hex() == "aa11ccbb141516178877665544332211"
    for field, value in ((MAC, 0), (ABSENT, 0), (BYTE, 256), (BYTE, -1)):
        with pytest.raises(ValueError):
            run(device.write_config(field, value))
    with pytest.raises(ValueError, match="no absent"):
        run(device.read_config(ABSENT))
    fresh = VirtioDevice(0x2A, 0)
    run(fresh.begin())
    assert run(fresh.read_config(HALF)) == 0xBBCC  # readable before FEATURES_OK (CFG-DEV-01)
    with pytest.raises(ValueError, match="during negotiation"):
        run(fresh.write_config(BYTE, 0))


@pytest.mark.clause("CFG-XDEV-02", "MMIO-DRV-30", "MMIO-DRV-31", "MMIO-DRV-32", "MMIO-DRV-19")
def test_an_interrupt_reaches_queues_and_driver() -> None:
    function, driver = Echo(), EchoDriver()
    world = World(function)
    (slot,) = world.scan(driver)
    driver.put(0, "x", sync=True)
    driver.put(1, "y", sync=True)
    run = world.machine.run
    run(driver.device.kick())
    assert driver.device.kicks == 2
    run(driver.device.wait_until(lambda: len(driver.answers) == 2))
    assert driver.answers == ["x", "y"] and driver.changes == 0
    function.on_change()
    assert world.device(0).interrupt_line
    run(world.bus.serve())
    assert driver.changes == 1 and not world.device(0).interrupt_line
    assert driver.device.interrupts == [Interrupt.USED_BUFFER, Interrupt.CONFIG_CHANGE]
    with pytest.raises(DeviceError) as caught:
        run(driver.device.wait_until(lambda: False))
    assert caught.value.errno == errno.ETIMEDOUT
    assert slot.driver is driver


@pytest.mark.clause("STAT-DRV-04", "INIT-DRV-07")
def test_a_device_that_needs_a_reset_is_waited_for_no_longer() -> None:
    driver = EchoDriver()
    world = World(Echo())
    (slot,) = world.scan(driver)
    driver.queues[0].add_buf([(1 << 50, 4)], 1, 0, "lost")  # no memory is there
    driver.queues[0].sync()
    run = world.machine.run
    run(driver.device.kick())
    with pytest.raises(DeviceError, match="needs a reset") as caught:
        run(driver.device.wait_until(lambda: bool(driver.answers)))
    assert caught.value.errno == errno.EIO
    assert run(world.bus.remove(slot)) == [(0, "lost")]


def test_a_device_that_breaks_its_ring_loses_no_buffer_either() -> None:
    driver = EchoDriver()
    world = World(Echo())
    (slot,) = world.scan(driver)
    driver.put(0, "x", sync=True)
    driver.put(0, "y", sync=False)
    layout = driver.device.layouts[0]
    assert layout is not None
    world.machine.run(driver.device.kick())
    world.machine.work()
    used = layout.areas[2]
    world.memory.write(used + 4, b"\x07\0\0\0")  # an id that is not outstanding
    world.machine.run(world.bus.serve())
    assert driver.device.broken is not None and "not outstanding" in driver.device.broken
    assert world.machine.run(world.bus.remove(slot)) == [(0, "x"), (0, "y")]


@pytest.mark.clause("MMIO-DRV-01", "MMIO-DRV-02", "MMIO-DRV-03", "MMIO-DRV-04", "MMIO-DRV-28")
def test_only_registers_of_the_specification_are_touched_as_their_access_allows() -> None:
    from pymodel import REGISTERS

    world = World(RngFunction())
    (slot,) = world.scan()
    driver = slot.driver
    assert isinstance(driver, VirtioRng)
    world.machine.run(driver.read(100))
    world.machine.run(world.bus.remove(slot))
    access = {register.offset: register.access.value for register in REGISTERS}
    for op, offset in world.touched(0):
        assert offset < 0x100 and not Reg.SHM_SEL <= offset <= Reg.SHM_BASE_HIGH
        assert op.upper() in access[offset]
