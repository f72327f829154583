# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pymodel import (
    MODEL_OFFER,
    Allocator,
    Fault,
    FaultReport,
    Feature,
    GuestMemory,
    InitError,
    Interrupt,
    ModelDevice,
    PackedLayout,
    Reg,
    SplitLayout,
    Status,
    initialise,
    read_fault,
    run_async,
    run_sync,
    stop_queue,
    take_interrupt,
)

PARTS = (1616, 1728, 1732)  # after a queue of 100, whose 1608 bytes end at no multiple of 16


class Recorder:
    """A model device whose registers may be overridden, and which notes every access."""

    def __init__(self, overrides: dict[int, int] | None = None, **arguments: Any) -> None:
        self.device = ModelDevice(GuestMemory((0, 0x10000)), **arguments)
        self.overrides = overrides or {}
        self.log: list[tuple[str, int, int]] = []

    def read32(self, offset: int) -> int:
        value = self.overrides.get(offset, self.device.read32(offset))
        self.log.append(("r", offset, value))
        return value

    def write32(self, offset: int, value: int) -> None:
        self.log.append(("w", offset, value))
        self.device.write32(offset, value)

    def initialise(self, *sizes: int | None, **arguments: Any) -> Any:
        sequence = initialise(Allocator(0, 0x10000), sizes, **arguments)
        return run_sync(sequence, self.read32, self.write32)


@pytest.mark.clause(
    "INIT-DRV-01", "STAT-DRV-01", "MMIO-DRV-24", "MMIO-DRV-25", "MMIO-DRV-12", "RST-DRV-01"
)
def test_initialisation_does_its_steps_in_order() -> None:
    recorder = Recorder(queues=2, queue_size_max=16)
    found = recorder.initialise(0, 4)
    assert recorder.device.status == 15
    assert [layout.size for layout in found.layouts] == [16, 4]
    assert found.event_idx and found.indirect
    assert [offset for _, offset, _ in recorder.log[:4]] == [0, 4, 8, 12]
    writes = [value for op, offset, value in recorder.log if (op, offset) == ("w", Reg.STATUS)]
    assert writes == [0, 1, 3, 11, 15]
    first_queue = recorder.log.index(("w", Reg.QUEUE_SEL, 0))
    assert recorder.log.index(("w", Reg.STATUS, 11)) < first_queue
    assert recorder.log[-1] == ("w", Reg.STATUS, 15)
    assert recorder.log.index(("w", Reg.DEVICE_FEATURES_SEL, 0)) < next(
        at for at, entry in enumerate(recorder.log) if entry[:2] == ("r", Reg.DEVICE_FEATURES)
    )


@pytest.mark.clause("STAT-DRV-02", "INIT-DRV-04", "INIT-DRV-07", "MMIO-DRV-13", "MMIO-DRV-15")
def test_initialisation_takes_nothing_back_and_notifies_nothing() -> None:
    recorder = Recorder(queues=2, queue_size_max=16)
    recorder.initialise(0, 4)
    writes = [(offset, value) for op, offset, value in recorder.log if op == "w"]
    states = [value for offset, value in writes if offset == Reg.STATUS][1:]  # from reset on
    assert all(before & ~after == 0 for before, after in zip(states, states[1:]))
    features = [at for at, (offset, _) in enumerate(writes) if offset == Reg.DRIVER_FEATURES]
    assert features and max(features) < writes.index((Reg.STATUS, 11))
    assert all(writes[at - 1][0] == Reg.DRIVER_FEATURES_SEL for at in features)
    assert Reg.QUEUE_NOTIFY not in [offset for offset, _ in writes]
    ready = False
    for offset, _ in writes:
        ready = (ready or offset == Reg.QUEUE_READY) and offset != Reg.QUEUE_SEL
        assert not (ready and Reg.QUEUE_DESC_LOW <= offset <= Reg.QUEUE_DEVICE_HIGH)
        assert not (ready and offset == Reg.QUEUE_SIZE)


@pytest.mark.clause("MMIO-DRV-01", "MMIO-DRV-02", "MMIO-DRV-03", "MMIO-DRV-28")
def test_initialisation_touches_only_registers_as_their_access_allows() -> None:
    from pymodel import REGISTERS

    recorder = Recorder()
    recorder.initialise(0)
    access = {register.offset: register.access.value for register in REGISTERS}
    for op, offset, _ in recorder.log:
        assert op.upper() in access[offset]
        assert not Reg.SHM_SEL <= offset <= Reg.SHM_BASE_HIGH


@pytest.mark.parametrize(
    ("register", "value", "message", "failed"),
    [
        (Reg.MAGIC_VALUE, 0, "MagicValue", False),
        (Reg.VERSION, 1, "version 1", False),
        (Reg.DEVICE_ID, 0, "no device", False),
        (Reg.DEVICE_FEATURES, 0, "VERSION_1", True),
        (Reg.QUEUE_SIZE_MAX, 0, "no queue 0", True),
        (Reg.QUEUE_READY, 0, "refused queue 0", True),
    ],
)
@pytest.mark.clause(
    "MMIO-DRV-06",
    "MMIO-DRV-08",
    "MMIO-DRV-10",
    "MMIO-DRV-27",
    "INIT-DRV-05",
    "INIT-DRV-06",
    "FEAT-DRV-07",
    "RSVF-DRV-02",
)
def test_a_device_that_does_not_fit_is_given_up(
    register: Reg, value: int, message: str, failed: bool
) -> None:
    recorder = Recorder({register: value})
    with pytest.raises(InitError, match=message):
        recorder.initialise(8)
    assert bool(recorder.device.status & Status.FAILED) == failed
    if not failed:
        assert {op for op, _, _ in recorder.log} == {"r"}
    else:
        assert recorder.log[-1][:2] == ("w", Reg.STATUS)


@pytest.mark.clause("FEAT-DEV-03", "RST-DRV-01")
def test_refused_features_and_an_endless_reset_are_given_up() -> None:
    recorder = Recorder()
    recorder.device.offer = Feature(0)
    recorder.overrides = {Reg.DEVICE_FEATURES: 1}
    with pytest.raises(InitError, match="refused the features"):
        recorder.initialise()
    with pytest.raises(InitError, match="does not finish its reset"):
        Recorder({Reg.STATUS: 1}).initialise()


@pytest.mark.clause("FEAT-DRV-01", "FEAT-DRV-05", "RSVF-DRV-01", "FEAT-DRV-06")
@pytest.mark.parametrize("wanted", [0, Feature.EVENT_IDX, Feature.EVENT_IDX | Feature.SR_IOV])
def test_only_what_is_wanted_and_offered_is_negotiated(wanted: Feature) -> None:
    found = Recorder().initialise(None, wanted=Feature(wanted))
    assert found.features == Feature.VERSION_1 | (wanted & Feature.EVENT_IDX)
    assert found.layouts == (None,)


@pytest.mark.clause("RSVF-DRV-06", "PACKED-DRV-01", "PACKED-XDRV-05")
def test_packed_queues_are_laid_out_where_they_are_wanted_and_offered() -> None:
    recorder = Recorder(queues=3, queue_size_max=100, offer=MODEL_OFFER)
    found = recorder.initialise(0, None, 7, wanted=Feature.RING_PACKED)
    assert found.packed and not found.event_idx and not found.indirect
    assert found.layouts == (PackedLayout.contiguous(100, 0), None, PackedLayout(7, *PARTS))
    assert ("w", Reg.QUEUE_DRIVER_LOW, PARTS[1]) in recorder.log
    assert ("w", Reg.QUEUE_DEVICE_LOW, PARTS[2]) in recorder.log
    plain = Recorder(offer=MODEL_OFFER).initialise(8)
    assert not plain.packed
    assert isinstance(plain.layouts[0], SplitLayout)


@pytest.mark.clause("MMIO-DRV-14", "INIT-DRV-05")
def test_no_queue_is_larger_than_the_device_allows() -> None:
    recorder = Recorder(queues=2, queue_size_max=16)
    with pytest.raises(InitError, match="queue 1 is at most 16 long, not 32"):
        recorder.initialise(16, 32)
    assert recorder.device.status & Status.FAILED
    assert Reg.QUEUE_SIZE not in [offset for _, offset, _ in recorder.log]


@pytest.mark.clause("MMIO-DRV-16", "MMIO-DRV-17")
def test_a_stopped_queue_is_read_back() -> None:
    recorder = Recorder()
    recorder.initialise(8)
    run_sync(stop_queue(0), recorder.read32, recorder.write32)
    assert recorder.log[-1] == ("r", Reg.QUEUE_READY, 0)
    recorder.overrides = {Reg.QUEUE_READY: 1}
    with pytest.raises(InitError, match="queue 0 does not stop"):
        run_sync(stop_queue(0), recorder.read32, recorder.write32)


@pytest.mark.clause("MMIO-DRV-18", "MMIO-DRV-19", "MMIO-DRV-20", "MMIO-DRV-30", "MMIO-DRV-32")
def test_only_known_causes_are_acknowledged() -> None:
    recorder = Recorder({Reg.INTERRUPT_STATUS: 0xFFFFFFFE})
    causes = run_sync(take_interrupt(), recorder.read32, recorder.write32)
    assert causes == Interrupt.CONFIG_CHANGE
    assert recorder.log[-1] == ("w", Reg.INTERRUPT_ACK, 2)
    recorder = Recorder()
    assert not run_sync(take_interrupt(), recorder.read32, recorder.write32)
    assert len(recorder.log) == 1


def test_a_fault_is_reported_whole() -> None:
    recorder = Recorder()
    assert run_sync(read_fault(), recorder.read32, recorder.write32) is None
    recorder.write32(Reg.QUEUE_NOTIFY, 3)
    report = run_sync(read_fault(), recorder.read32, recorder.write32)
    assert report == FaultReport(Fault.NO_SUCH_QUEUE, 3, 0, False, 1)


def test_the_same_sequence_runs_over_registers_that_take_time() -> None:
    recorder = Recorder()

    async def read32(offset: int) -> int:
        await asyncio.sleep(0)
        return recorder.read32(offset)

    async def write32(offset: int, value: int) -> None:
        await asyncio.sleep(0)
        recorder.write32(offset, value)

    found = asyncio.run(run_async(initialise(Allocator(0, 0x1000), [8]), read32, write32))
    twin = Recorder()
    again = twin.initialise(8)
    assert (found.features, found.layouts) == (again.features, again.layouts)
    assert recorder.log == twin.log
