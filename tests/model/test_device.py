# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest

from pymodel import (
    MODEL_OFFER,
    OFFER,
    REGISTERS,
    Access,
    Config,
    DeviceFunction,
    Fault,
    Feature,
    GuestMemory,
    InitError,
    Interrupt,
    ModelDevice,
    Reg,
    SplitDevice,
    Status,
    pattern_bytes,
)
from tests.model.formats import EACH_FORMAT, EVENT_IDX
from tests.model.world import BUFFERS, RINGS, RawQueue, World


def blank(**arguments: Any) -> ModelDevice:
    return ModelDevice(GuestMemory((RINGS, 0x10000)), **arguments)


@pytest.mark.clause("MMIO-DEV-01", "MMIO-DEV-02", "STAT-XDEV-01", "MMIO-XDEV-07")
def test_registers_read_their_reset_values() -> None:
    device = blank(queues=3, queue_size_max=128, max_chain=40, data_w=512)
    for register in REGISTERS:
        value = device.read32(register.offset)
        if register.access is Access.W:
            assert value == 0
        elif register.reset is not None:
            assert value == register.reset, register.name
    assert device.read32(Reg.ENGINE_INFO) == 40 << 16 | 6 << 8 | 3
    assert device.read32(Reg.QUEUE_SIZE_MAX) == 128
    device.write32(Reg.QUEUE_SEL, 3)
    assert device.read32(Reg.QUEUE_SIZE_MAX) == 0
    assert device.read32(0x0C0) == device.read32(0x002) == device.read32(0x7FC) == 0
    with pytest.raises(ValueError, match="outside"):
        device.read32(0x1000)
    with pytest.raises(ValueError, match="strobe"):
        device.write32(0, 0, 16)


@pytest.mark.clause("STAT-DRV-02", "MMIO-XDEV-05", "RST-DEV-01", "MMIO-DEV-05")
def test_status_only_gains_bits_until_zero_resets() -> None:
    device = blank()
    device.write32(Reg.STATUS, Status.ACKNOWLEDGE)
    device.write32(Reg.STATUS, Status.DRIVER | Status.NEEDS_RESET | Status.SUSPEND | 32)
    assert device.read32(Reg.STATUS) == Status.ACKNOWLEDGE | Status.DRIVER
    device.write32(Reg.STATUS, Status.FAILED)
    assert device.read32(Reg.STATUS) == Status.ACKNOWLEDGE | Status.DRIVER | Status.FAILED
    device.write32(Reg.QUEUE_NOTIFY, 9)
    device.write32(Reg.STATUS, 0)
    assert device.read32(Reg.STATUS) == device.read32(Reg.FAULT_CODE) == 0
    assert device.read32(Reg.INTERRUPT_STATUS) == 0


@pytest.mark.clause("FEAT-DEV-02", "FEAT-DEV-03", "MMIO-XDEV-02", "INIT-DRV-04")
@pytest.mark.parametrize(
    ("features", "accepted"),
    [
        (Feature.VERSION_1, True),
        (Feature.VERSION_1 | Feature.EVENT_IDX, True),
        (Feature.VERSION_1 | Feature.EVENT_IDX | Feature.INDIRECT_DESC, True),
        (Feature.EVENT_IDX, False),
        (Feature.VERSION_1 | Feature.RING_PACKED, True),
        (Feature.VERSION_1 | Feature.IN_ORDER, True),
        (Feature.VERSION_1 | Feature.SR_IOV, False),
        (Feature.VERSION_1 | 1, False),
    ],
)
def test_features_ok_is_taken_only_for_an_acceptable_subset(features: int, accepted: bool) -> None:
    device = blank()
    for word in (0, 1):
        device.write32(Reg.DRIVER_FEATURES_SEL, word)
        device.write32(Reg.DRIVER_FEATURES, features >> 32 * word & 0xFFFFFFFF)
    device.write32(Reg.STATUS, 11)
    assert bool(device.read32(Reg.STATUS) & Status.FEATURES_OK) == accepted
    device.write32(Reg.DRIVER_FEATURES, 0)  # word 1, with VERSION_1
    device.write32(Reg.STATUS, 11)
    assert bool(device.status & Status.FEATURES_OK) == accepted
    assert device.negotiated == (features if accepted else 0)


@pytest.mark.clause("RSVF-DEV-01", "RSVF-XDEV-01", "FEAT-DEV-04")
def test_the_offer_is_read_by_words() -> None:
    device = blank()
    words = []
    for word in (0, 1, 2, 0xFFFFFFFF):
        device.write32(Reg.DEVICE_FEATURES_SEL, word)
        words.append(device.read32(Reg.DEVICE_FEATURES))
    assert words == [1 << 28 | 1 << 29, 1 | 3 << 2 | 1 << 6 | 1 << 8 | 1 << 11, 0, 0]


@pytest.mark.clause("MMIO-DRV-14", "SPLIT-DRV-01", "MMIO-XDEV-03", "MMIO-XDEV-04")
@pytest.mark.parametrize(
    ("queue", "size", "table", "avail", "used", "fault"),
    [
        (2, 0, 1, 1, 1, Fault.NO_SUCH_QUEUE),
        (0xFFFFFFFF, 8, 0, 0, 0, Fault.NO_SUCH_QUEUE),
        (1, 0, 1, 0, 0, Fault.QUEUE_SIZE),
        (1, 12, 0, 0, 0, Fault.QUEUE_SIZE),
        (1, 512, 0, 0, 0, Fault.QUEUE_SIZE),
        (1, 8, 8, 0, 0, Fault.QUEUE_ALIGN),
        (1, 8, 0, 1, 0, Fault.QUEUE_ALIGN),
        (1, 8, 0, 0, 2, Fault.QUEUE_ALIGN),
        (1, 256, 16, 2, 4, None),
        (0, 1, 0, 0, 0, None),
    ],
)
def test_queue_ready_checks_the_set_up(
    queue: int, size: int, table: int, avail: int, used: int, fault: Fault | None
) -> None:
    device = blank(queues=2)
    for reg, value in (
        (Reg.QUEUE_SEL, queue),
        (Reg.QUEUE_SIZE, size),
        (Reg.QUEUE_DESC_LOW, table),
        (Reg.QUEUE_DRIVER_LOW, avail),
        (Reg.QUEUE_DEVICE_LOW, used),
        (Reg.QUEUE_READY, 1),
    ):
        device.write32(reg, value)
    assert device.read32(Reg.QUEUE_READY) == int(fault is None)
    assert device.read32(Reg.FAULT_CODE) == (fault or 0)
    assert device.read32(Reg.FAULT_QUEUE) == (queue if fault else 0)
    assert device.read32(Reg.QUEUE_FAULT) == (0 if fault in (None, Fault.NO_SUCH_QUEUE) else fault)
    assert bool(device.status & Status.NEEDS_RESET) == (fault is not None)
    assert not device.interrupt_line  # DRIVER_OK is not set


@pytest.mark.clause("MMIO-DRV-15")
def test_a_ready_queue_ignores_set_up_and_a_second_ready() -> None:
    raw = RawQueue()
    raw.offer(0)
    raw.serve()
    for reg in (Reg.QUEUE_SIZE, Reg.QUEUE_DESC_LOW, Reg.QUEUE_DRIVER_HIGH, Reg.QUEUE_READY):
        raw.write(reg, 1)
    raw.offer(0)
    assert raw.serve() == (0, 0)
    assert raw.device.read32(Reg.QUEUE_AVAIL_INDEX) == 2
    assert raw.device.read32(Reg.QUEUE_USED_INDEX) == 2
    raw.write(Reg.QUEUE_READY, 0)
    raw.write(Reg.QUEUE_READY, 1)  # with the set-up of the first time
    assert (raw.serve()[0], raw.state().used_idx) == (0, 2)


def test_a_partial_strobe_is_ignored_by_control_registers() -> None:
    device = blank()
    device.write32(Reg.STATUS, 1, 0x1)
    device.write32(Reg.QUEUE_NOTIFY, 9, 0x7)
    assert (device.status, device.read32(Reg.FAULT_CODE)) == (0, 0)


@pytest.mark.clause("STAT-DEV-01", "INIT-DRV-07")
def test_a_notification_before_driver_ok_is_served_from_driver_ok_on() -> None:
    raw = RawQueue()
    raw.write(Reg.STATUS, 0)
    device, layout = raw.device, raw.layout
    for reg, value in (
        (Reg.QUEUE_NOTIFY, 0),  # not ready: ignored
        (Reg.QUEUE_SIZE, layout.size),
        (Reg.QUEUE_DESC_LOW, layout.table),
        (Reg.QUEUE_DRIVER_LOW, layout.avail),
        (Reg.QUEUE_DEVICE_LOW, layout.used),
        (Reg.QUEUE_READY, 1),
    ):
        device.write32(reg, value)
    assert device.idle
    raw.offer(0)
    device.write32(Reg.QUEUE_NOTIFY, 0)
    device.run()
    assert not device.step(0)
    assert raw.state().used_idx == 0
    device.write32(Reg.STATUS, Status.DRIVER_OK)
    device.run()
    assert raw.state().used_idx == 1
    assert device.interrupt_line


@pytest.mark.clause("MMIO-DEV-07", "SPLIT-DEV-22")
def test_a_queue_that_is_not_ready_is_left_alone() -> None:
    raw = RawQueue()
    raw.offer(0)
    raw.write(Reg.QUEUE_NOTIFY, 0)
    raw.write(Reg.QUEUE_READY, 0)
    raw.device.run()
    assert raw.state().used_idx == 0
    assert raw.serve() == (0, 0)  # ignored
    assert raw.state().used_idx == 0


def test_a_notification_of_an_absent_queue_is_a_fault_with_an_interrupt() -> None:
    raw = RawQueue(features=OFFER & ~(Feature.NOTIFICATION_DATA | Feature.RING_PACKED))
    raw.write(Reg.QUEUE_NOTIFY, 0x12345678)
    assert raw.device.read32(Reg.FAULT_CODE) == Fault.NO_SUCH_QUEUE
    assert raw.device.read32(Reg.FAULT_QUEUE) == 0x12345678
    assert raw.device.read32(Reg.INTERRUPT_STATUS) == Interrupt.CONFIG_CHANGE
    raw.offer(0)
    raw.serve()
    raw.write(Reg.INTERRUPT_ACK, Interrupt.CONFIG_CHANGE)
    assert raw.device.read32(Reg.INTERRUPT_STATUS) == Interrupt.USED_BUFFER
    raw.write(Reg.INTERRUPT_ACK, Interrupt.USED_BUFFER)
    assert not raw.device.interrupt_line


def test_the_fault_count_saturates() -> None:
    device = blank()
    for _ in range(65540):
        device.write32(Reg.QUEUE_NOTIFY, 1)
    assert device.read32(Reg.FAULT_COUNT) == 65535


@pytest.mark.clause("SPLIT-DEV-18", "SPLIT-DEV-20", "SPLIT-DEV-21")
def test_an_idle_ring_shows_what_the_comparison_relies_on() -> None:
    for event_idx in (False, True):
        world = World(event_idx=event_idx)
        world.memory.write(world.layout.avail_event, b"\x55\xaa")
        world.device.write32(Reg.QUEUE_NOTIFY, 0)
        world.device.run()
        assert world.state().avail_event == 0xAA55  # nothing fetched: untouched
        for token in range(3):
            world.queue.add_buf([(BUFFERS, 1)], 1, 0, token)
        world.queue.sync()
        world.device.write32(Reg.QUEUE_NOTIFY, 0)
        world.device.run()
        state = world.state()
        assert state.used_flags == 0
        assert state.avail_event == (3 if event_idx else 0xAA55)
        assert world.device.idle


@pytest.mark.clause("SPLIT-DEV-19", "SPLIT-DEV-15", "SPLIT-DEV-16", "SPLIT-DEV-23")
@pytest.mark.parametrize("event_idx", [False, True])
def test_the_device_steps_come_in_the_order_that_keeps_every_promise(event_idx: bool) -> None:
    steps: list[str] = []
    world = World(event_idx=event_idx)
    world.ring.on_step = steps.append
    world.queue.add_buf([(BUFFERS, 4), (BUFFERS + 8, 4)], 1, 1, "t")
    world.queue.sync()
    world.device.write32(Reg.QUEUE_NOTIFY, 0)
    world.device.run()
    middle = [
        "available entry read",
        "chain read",
        "payload read",
        "payload written",
        "used element written",
        "used index written",
    ]
    look = "available index read"
    if event_idx:
        wish = ["avail_event written"]
        assert steps == [look, *middle, "used_event read", look, *wish, look]
    else:
        wish = ["used flags written"]
        assert steps == [look, *wish, *middle, "available flags read", look, *wish, look]


@EACH_FORMAT
@EVENT_IDX
@pytest.mark.clause("PACKED-DRV-18", "SPLIT-DRV-30")
def test_a_chain_published_while_the_device_falls_asleep_is_not_lost(
    ring: Any, event_idx: bool
) -> None:
    world = World(size=ring.size, event_idx=event_idx, packed=ring.packed)
    added = 0

    def on_step(step: str) -> None:
        nonlocal added
        if step in ring.device_waits and added < 6:
            added += 1
            world.queue.add_buf([(BUFFERS, 1)], 1, 0, ("late", added))
            world.queue.sync()

    world.ring.on_step = on_step
    world.queue.add_buf([(BUFFERS, 1)], 1, 0, "first")
    world.queue.sync()
    while not world.device.idle:
        world.device.run()
    assert world.drain() == [("first", 0)] + [(("late", n), 0) for n in range(1, 7)]


@EACH_FORMAT
def test_step_serves_one_chain_and_settle_goes_idle(ring: Any) -> None:
    world = World(event_idx=True, packed=ring.packed)
    for token in range(3):
        world.queue.add_buf([(BUFFERS, 1)], 1, 0, token)
    world.queue.sync()
    first = world.queue.used_index
    before = world.state().device_raw[:2], world.state().device_raw[-2:]
    assert world.device.step(0)
    assert world.device.read32(Reg.QUEUE_USED_INDEX) == first + 1
    assert (world.state().device_raw[:2], world.state().device_raw[-2:]) == before
    assert world.device.step(0) and world.device.step(0) and not world.device.step(0)
    world.device.settle(0)
    wish = world.state().device_raw[:2] if ring.packed else world.state().device_raw[-2:]
    assert int.from_bytes(wish, "little") == first + 3
    assert world.device.read32(Reg.QUEUE_AVAIL_INDEX) == first + 3


@EACH_FORMAT
def test_queues_of_every_size_and_start_serve_chains_of_every_length(ring: Any) -> None:
    sizes = (1, 2, 3, 5, 12) if ring.packed else (1, 2, 4, 16)
    for size in sizes:
        starts = (
            [wrap << 15 | offset for wrap in (0, 1) for offset in range(size)]
            if ring.packed
            else [0, 65535, 65536 - size]
        )
        for start in starts:
            world = World(size=size, event_idx=True, start_index=start, packed=ring.packed)
            for count in [*range(1, size + 1)] * 2:
                world.memory.write(BUFFERS, bytes(range(count)))
                out = [(BUFFERS + at, 1) for at in range(count - 1)]
                world.queue.add_buf([*out, (BUFFERS + 64, 99)], count - 1, 1, count)
                world.queue.sync()
                assert world.notified
                world.serve()
                assert world.drain() == [(count, count - 1)]
                assert world.memory.read(BUFFERS + 64, count - 1) == bytes(range(count - 1))


@pytest.mark.clause("RSVF-XDEV-01", "FEAT-DEV-02", "RSVF-DRV-06")
def test_packed_rings_are_negotiable_only_where_they_were_asked_for() -> None:
    split = blank(offer=OFFER & ~Feature.RING_PACKED)
    packed = blank()
    packed.write32(Reg.DEVICE_FEATURES_SEL, 1)
    assert packed.read32(Reg.DEVICE_FEATURES) == OFFER >> 32
    for device, accepted in ((packed, True), (split, False)):
        device.write32(Reg.DRIVER_FEATURES_SEL, 1)
        device.write32(Reg.DRIVER_FEATURES, 0b101)
        device.write32(Reg.STATUS, 11)
        assert bool(device.status & Status.FEATURES_OK) == accepted
    with pytest.raises(ValueError, match="does not have the features 0x20000000000"):
        blank(offer=MODEL_OFFER | Feature.ADMIN_VQ)
    with pytest.raises(ValueError, match="12 descriptors"):
        blank(queue_size_max=12, offer=OFFER & ~Feature.RING_PACKED)
    assert blank(queue_size_max=12, offer=MODEL_OFFER).read32(Reg.QUEUE_SIZE_MAX) == 12


def test_a_device_that_offers_packed_rings_serves_split_ones_as_ever() -> None:
    device = blank(queue_size_max=12, offer=MODEL_OFFER)
    for reg, value in (
        (Reg.DRIVER_FEATURES_SEL, 1),
        (Reg.DRIVER_FEATURES, 1),
        (Reg.STATUS, 11),
        (Reg.QUEUE_SIZE, 12),
        (Reg.QUEUE_READY, 1),
    ):
        device.write32(reg, value)
    assert device.read32(Reg.QUEUE_FAULT) == Fault.QUEUE_SIZE
    device.write32(Reg.QUEUE_SIZE, 8)
    device.write32(Reg.QUEUE_READY, 1)
    assert isinstance(device.ring(0), SplitDevice)


def test_pattern_mode_is_chosen_in_the_configuration_space() -> None:
    world = World()
    device = world.device
    device.write32(Config.MODE, 0x101, 0x2)
    assert device.read32(Config.MODE) == 0
    device.write32(Config.MODE, 1)
    device.write32(Config.SINK_ERRORS, 5)
    assert device.read32(Config.MODE) == 1
    world.queue.add_buf([(BUFFERS, 3), (BUFFERS + 64, 40)], 1, 1, "t")
    world.queue.sync()
    world.serve()
    assert world.drain() == [("t", 40)]
    assert world.memory.read(BUFFERS + 64, 40) == pattern_bytes(0, 0, 40)
    assert device.read32(Config.SINK_ERRORS) == 2  # its first byte is 0 in both
    device.write32(Reg.STATUS, 0)
    assert device.read32(Config.MODE) == device.read32(Config.SINK_ERRORS) == 0


def test_a_function_that_answers_too_much_is_a_bug_of_the_device() -> None:
    class Wrong(DeviceFunction):
        def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
            return bytes(writable_len + 1)

    world = World(function=Wrong())
    world.queue.add_buf([(BUFFERS, 3)], 1, 0, "t")
    world.queue.sync()
    with pytest.raises(ValueError, match="1 bytes for a chain with 0 writable"):
        world.device.run()


@pytest.mark.parametrize(
    "arguments",
    [
        {"queues": 0},
        {"queue_size_max": 32769},
        {"max_chain": 0},
        {"data_w": 65},
        {"data_w": 4},
        {"batch": 0},
    ],
)
def test_bad_parameters_are_refused(arguments: dict[str, int]) -> None:
    with pytest.raises(ValueError):
        blank(**arguments)


def test_a_queue_larger_than_the_device_allows_fails_the_initialisation() -> None:
    with pytest.raises(InitError, match="at most 32768"):
        World(size=65536)
