# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_share_control: transports before it, an engine behind it."""

from __future__ import annotations

import random
from typing import Any

from tb.benches.channels import now
from tb.benches.unit import Unit, test


class Control:
    """All transports' pins, and what reaches the engine."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.unit = dut, Unit(dut)
        self.devices, self.queues = int(dut.DEVICES.value), int(dut.QUEUES.value)
        self.all = self.devices * self.queues
        self.qid = int(dut.QID_W.value)
        self.setups: list[tuple[int, int, int]] = []  # that reached the engine
        self.told: dict[int, int] = {}  # queues notified, with the last clock
        self.count = 0  # of them
        self.ready = 0

    async def start(self) -> None:
        """Reset, and record what reaches the engine."""
        await self.unit.start()
        self.unit.set(s_engine_quiet=(1 << self.all) - 1)
        self.unit.each_clock(self._look)

    def _look(self) -> None:
        dut = self.dut
        if dut.m_engine_setup_valid.value == 1:
            queue, kind = int(dut.m_engine_setup_queue.value), int(dut.m_engine_setup_field.value)
            self.setups.append((queue, kind, int(dut.m_engine_setup_data.value)))
        if dut.m_engine_notify_valid.value == 1:
            queue = int(dut.m_engine_notify_queue.value)
            assert int(dut.m_engine_ready.value) >> queue & 1, "told of a queue that is not ready"
            self.told[queue] = now()
            self.count += 1

    def lanes(self, width: int, values: list[int]) -> int:
        """Return a vector of one value a device."""
        return sum(value << width * device for device, value in enumerate(values))

    def lane(self, pin: str, device: int, width: int) -> int:
        """Return a device's part of an output."""
        return int(getattr(self.dut, pin).value) >> width * device & ((1 << width) - 1)


@test(us=1000)
async def set_up_comes_in_order_and_before_its_queue(dut: Any) -> None:
    """All transports write their fields at once, as after a reset; then queues become ready."""
    bench = Control(dut)
    await bench.start()
    unit, ready = bench.unit, 0
    for _ in range(12):
        sent: list[list[tuple[int, int, int]]] = [[] for _ in range(bench.devices)]
        begin = len(bench.setups)
        for number in range(8 * bench.queues):
            queues = [number // 8] * bench.devices
            words = [random.getrandbits(32) for _ in queues]
            valid = random.getrandbits(bench.devices)
            unit.set(
                s_setup_queue=bench.lanes(bench.qid, queues),
                s_setup_field=bench.lanes(3, [number % 8] * bench.devices),
                s_setup_data=bench.lanes(32, words),
                s_setup_valid=valid,
            )
            for device in range(bench.devices):
                if valid >> device & 1:
                    place = device * bench.queues + queues[device]
                    sent[device].append((place, number % 8, words[device]))
            await unit.clocks()
        unit.set(s_setup_valid=0)
        rise = random.getrandbits(bench.all)
        unit.set(s_ready=ready | rise)
        total = sum(map(len, sent))
        while len(bench.setups) - begin < total:
            await unit.settled()
            left = [
                sum(word[0] // bench.queues == device for word in bench.setups[begin:])
                < len(sent[device])
                for device in range(bench.devices)
            ]
            shown = int(dut.m_engine_ready.value)
            assert shown & ready == ready, "a queue at work was disturbed"
            for queue in range(bench.all):
                early = shown >> queue & 1 and not ready >> queue & 1
                assert not (early and left[queue // bench.queues]), "ready before its set-up"
            assert dut.m_busy.value == 1
            await unit.clocks()
        await unit.clocks(3)
        await unit.settled()
        ready |= rise
        assert int(dut.m_engine_ready.value) == ready and dut.m_busy.value == 0
        for device in range(bench.devices):
            got = [word for word in bench.setups[begin:] if word[0] // bench.queues == device]
            assert got == sent[device]
        await unit.clocks()
        ready &= random.getrandbits(bench.all)
        unit.set(s_ready=ready)
        await unit.settled()
        assert int(dut.m_engine_ready.value) == ready, "the fall is not seen at once"
        await unit.clocks()


@test(us=1000)
async def no_notification_is_lost(dut: Any) -> None:
    """Each leads to one later, of its queue, if that stays ready; those that wait become one."""
    bench = Control(dut)
    await bench.start()
    unit = bench.unit
    unit.set(s_ready=(1 << bench.all) - 1)
    await unit.clocks(4)
    for _ in range(60):
        bench.told.clear()
        bench.count = 0
        due: dict[int, int] = {}
        count = random.randint(1, 12)
        for _ in range(count):
            queues = [random.randrange(bench.queues) for _ in range(bench.devices)]
            valid = random.getrandbits(bench.devices)
            unit.set(s_notify_queue=bench.lanes(bench.qid, queues), s_notify_valid=valid)
            due |= {
                device * bench.queues + queues[device]: now() + 1
                for device in range(bench.devices)
                if valid >> device & 1
            }
            await unit.clocks()
        unit.set(s_notify_valid=0)
        await unit.clocks(bench.all + 2)
        assert set(bench.told) == set(due) and bench.count <= count * bench.devices
        for queue, clock in due.items():
            assert bench.told[queue] >= clock, "nothing was told after it"
        assert dut.m_busy.value == 0
    unit.set(s_notify_queue=0, s_notify_valid=1)
    await unit.clocks()
    unit.set(s_notify_valid=0, s_ready=0)
    bench.told.clear()
    await unit.clocks(bench.all + 4)
    assert not bench.told and dut.m_busy.value == 0


@test(us=1000)
async def a_reset_waits_for_its_own_queues(dut: Any) -> None:
    """Until all are quiet; then the function is reset, and only that one."""
    bench = Control(dut)
    await bench.start()
    unit, every = bench.unit, (1 << bench.all) - 1
    for _ in range(30):
        device = random.randrange(bench.devices)
        mine = ((1 << bench.queues) - 1) << device * bench.queues
        unit.set(s_ready=every, s_engine_quiet=0)
        await unit.clocks(3)
        unit.set(s_reset=1 << device, s_ready=every & ~mine)
        for _ in range(random.randint(0, 9)):
            await unit.clocks()
            await unit.settled()
            assert int(dut.m_reset_done.value) == int(dut.m_fn_rst.value) == 0
            assert int(dut.m_engine_ready.value) == every & ~mine
        await unit.clocks()
        unit.set(s_engine_quiet=mine & ~(1 << device * bench.queues))
        if bench.queues > 1:
            await unit.clocks(3)
            await unit.settled()
            assert int(dut.m_reset_done.value) == 0, "done while a queue is not quiet"
            await unit.clocks()
        unit.set(s_engine_quiet=mine)
        clocks = 0
        while dut.m_reset_done.value == 0:
            await unit.clocks()
            await unit.settled()
            clocks += 1
            assert clocks < 6
        assert int(dut.m_reset_done.value) == int(dut.m_fn_rst.value) == 1 << device
        await unit.clocks()
        unit.set(s_reset=0)
        await unit.clocks(3)
        await unit.settled()
        assert int(dut.m_fn_rst.value) == 0
        await unit.clocks()


@test(us=1000)
async def faults_and_interrupts_go_to_their_device(dut: Any) -> None:
    """By the queue's number; a fault is taken when that device takes it."""
    bench = Control(dut)
    await bench.start()
    unit = bench.unit
    for _ in range(100):
        queue, used = random.randrange(bench.all), random.randrange(bench.all)
        ready = random.getrandbits(bench.devices)
        fault, irq = random.getrandbits(1), random.getrandbits(1)
        unit.set(s_engine_fault_queue=queue, s_engine_fault_valid=fault, m_fault_ready=ready)
        unit.set(s_engine_used_queue=used, s_engine_used_irq=irq)
        await unit.clocks()
        await unit.settled()
        device = queue // bench.queues
        assert int(dut.m_fault_valid.value) == fault << device
        assert int(dut.m_fault_queue.value) == queue % bench.queues
        assert int(dut.s_engine_fault_ready.value) == ready >> device & 1
        assert int(dut.m_used_irq.value) == irq << used // bench.queues
        await unit.clocks()


@test(us=1000)
async def each_device_sees_the_indices_of_its_queue(dut: Any) -> None:
    """DEVICES + 1 clocks after it asked."""
    bench = Control(dut)
    await bench.start()
    unit = bench.unit
    values = [random.getrandbits(16) for _ in range(bench.all)]

    def reply(queue: int) -> dict[str, int]:
        value = values[queue % bench.all]
        return {"s_engine_index_avail": value, "s_engine_index_used": value ^ 0xFFFF}

    unit.answer("m_engine_index_queue", reply)
    await unit.clocks(4)
    for _ in range(60):
        queues = [random.randrange(bench.queues) for _ in range(bench.devices)]
        unit.set(s_index_queue=bench.lanes(bench.qid, queues))
        await unit.clocks(bench.devices + 1)
        await unit.clocks(random.randrange(3))
        await unit.settled()
        for device, queue in enumerate(queues):
            value = values[device * bench.queues + queue]
            assert bench.lane("m_index_avail", device, 16) == value
            assert bench.lane("m_index_used", device, 16) == value ^ 0xFFFF
        await unit.clocks()
