# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_mmio: interrupts, faults, resets, suspensions, and what idle says."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from pymodel.faults import Fault
from pymodel.features import OFFER, Feature, Interrupt, Status
from pymodel.registers import Reg
from tb.benches.channels import now
from tb.benches.mmio import DRIVER_OK, SET_UP, STALE, Bench, Engine, test


@test()
async def an_event_in_the_cycle_of_its_acknowledgement_is_kept(dut: Any) -> None:
    """Whatever their distance, an event not before the acknowledgement stays."""
    bench = Bench(dut)
    await bench.start()
    kept = []
    for offset in range(12):
        await bench.pulse_used()
        assert await bench.read(Reg.INTERRUPT_STATUS) == Interrupt.USED_BUFFER
        assert dut.irq.value == 1
        write = cocotb.start_soon(bench.axil.write(Reg.INTERRUPT_ACK, Interrupt.USED_BUFFER))
        await bench.clocks(offset)
        pulsed = now()
        await bench.pulse_used()
        executed = (await write).clock - 1  # the response shows one clock after the write
        kept.append(pulsed - executed)
        left = await bench.read(Reg.INTERRUPT_STATUS)
        assert left == (pulsed >= executed), f"event {pulsed - executed} clocks after the write"
        await bench.write(Reg.INTERRUPT_ACK, 3)
        await bench.clocks(4)
        assert dut.irq.value == 0
        assert await bench.read(Reg.INTERRUPT_STATUS) == 0
    assert {-1, 0, 1} <= set(kept), "the race was not met"


@test()
async def interrupt_bits_are_independent(dut: Any) -> None:
    """Each bit has its own event and its own acknowledgement; the line is their OR."""
    bench = Bench(dut)
    await bench.start()
    await bench.negotiate()
    for first, second in ((1, 2), (2, 1)):
        await bench.pulse_used()
        await bench.write(Reg.QUEUE_NOTIFY, bench.queues)  # a fault
        assert await bench.read(Reg.INTERRUPT_STATUS) == 3
        await bench.write(Reg.INTERRUPT_ACK, 0xFFFFFFFC)
        assert await bench.read(Reg.INTERRUPT_STATUS) == 3
        await bench.write(Reg.INTERRUPT_ACK, first)
        assert await bench.read(Reg.INTERRUPT_STATUS) == second
        assert dut.irq.value == 1
        await bench.write(Reg.INTERRUPT_ACK, second)
        assert await bench.read(Reg.INTERRUPT_STATUS) == 0
        assert dut.irq.value == 0


@test()
@cocotb.parametrize(reset_clocks=[STALE, 60])
async def accesses_wait_for_a_reset(dut: Any, reset_clocks: int) -> None:
    """The next access is answered when all is at its reset value and the engine's reset is done."""
    bench = Bench(dut)
    await bench.start()
    bench.engine.reset_clocks = reset_clocks
    for number in range(1, 4):
        await bench.negotiate()
        for queue in range(bench.queues):
            await bench.ready(queue)
        await bench.pulse_used()
        await bench.write(Reg.QUEUE_NOTIFY, 0xFFFFFFFF)
        bench.engine.fault.send({"code": Fault.HEAD_RANGE, "queue": 0, "desc": 5})
        await bench.write(Reg.DEVICE_FEATURES_SEL, 1)
        await bench.write(Reg.QUEUE_SEL, bench.queues - 1)
        began = (await bench.axil.write(Reg.STATUS, 0)).clock
        await bench.pulse_used()  # from a chain that still drains
        answer = await bench.axil.read(Reg.STATUS)
        assert answer.value == 0
        assert answer.clock - began >= reset_clocks
        assert (dut.m_reset.value, dut.irq.value, dut.m_ready.value, dut.m_run.value) == (0,) * 4
        assert bench.engine.reset_rises == number
        assert await bench.faults() == (0, 0, 0, 0)
        assert await bench.read(Reg.INTERRUPT_STATUS) == 0
        assert await bench.read(Reg.DEVICE_FEATURES) == bench.offer & 0xFFFFFFFF
        for queue in range(bench.queues):
            await bench.write(Reg.QUEUE_SEL, queue)
            assert await bench.read(Reg.QUEUE_READY) == 0
            assert await bench.read(Reg.QUEUE_FAULT) == 0
            await bench.write(Reg.QUEUE_READY, 1)  # the set-up is gone
            assert await bench.read(Reg.QUEUE_READY) == 0
        await bench.write(Reg.STATUS, 0)
        bench.engine.reset_rises -= 1


@test()
async def a_change_of_the_configuration_is_counted_and_told(dut: Any) -> None:
    """Each is counted since reset; a driver is told from DRIVER_OK on, a suspended one later."""
    bench = Bench(dut)
    await bench.start()
    for number in (1, 2):
        await bench.pulse_change()
        assert await bench.read(Reg.CONFIG_GENERATION) == number
        assert await bench.read(Reg.INTERRUPT_STATUS) == 0
    await bench.negotiate()
    await bench.pulse_change()
    assert await bench.read(Reg.CONFIG_GENERATION) == 3
    assert await bench.read(Reg.INTERRUPT_STATUS) == Interrupt.CONFIG_CHANGE
    assert await bench.read(Reg.STATUS) == DRIVER_OK  # no fault
    for offset in range(12):  # one that comes with an acknowledgement is not lost
        write = cocotb.start_soon(bench.axil.write(Reg.INTERRUPT_ACK, 3))
        await bench.clocks(offset)
        pulsed = now()
        await bench.pulse_change()
        executed = (await write).clock - 1
        assert await bench.read(Reg.INTERRUPT_STATUS) == 2 * (pulsed >= executed), offset
    assert await bench.read(Reg.CONFIG_GENERATION) == 15
    await bench.write(Reg.INTERRUPT_ACK, 3)
    await bench.write(Reg.STATUS, 0)
    assert await bench.read(Reg.CONFIG_GENERATION) == 0
    await bench.negotiate(OFFER)
    await bench.write(Reg.STATUS, DRIVER_OK | Status.SUSPEND)
    while await bench.read(Reg.STATUS) & Status.DRIVER_OK:
        pass
    await bench.pulse_change()
    assert await bench.read(Reg.CONFIG_GENERATION) == 1
    assert await bench.read(Reg.INTERRUPT_STATUS) == 0
    await bench.write(Reg.STATUS, DRIVER_OK)
    assert await bench.read(Reg.INTERRUPT_STATUS) == Interrupt.CONFIG_CHANGE


@test()
@cocotb.parametrize(suspend_clocks=[0, 60])
async def a_suspension_is_shown_by_status(dut: Any, suspend_clocks: int) -> None:
    """SUSPEND is taken from DRIVER_OK on, shown when in force, and ended by DRIVER_OK."""
    bench = Bench(dut)
    await bench.start()
    bench.engine.suspend_clocks = suspend_clocks
    shown = DRIVER_OK & ~Status.DRIVER_OK | Status.SUSPEND
    await bench.negotiate(OFFER & ~Feature.SUSPEND)
    await bench.write(Reg.STATUS, DRIVER_OK | Status.SUSPEND)  # not negotiated
    await bench.clocks(70)
    assert (await bench.read(Reg.STATUS), dut.m_suspend.value) == (DRIVER_OK, 0)
    await bench.write(Reg.STATUS, 0)
    await bench.negotiate(status=DRIVER_OK & ~Status.DRIVER_OK)
    for early in (Status.SUSPEND, DRIVER_OK | Status.SUSPEND):  # the second one with DRIVER_OK
        await bench.write(Reg.STATUS, early)
        assert dut.m_suspend.value == 0
    for queue in range(bench.queues):
        await bench.ready(queue)
    for written in (Status.SUSPEND, DRIVER_OK | Status.SUSPEND):
        assert await bench.read(Reg.STATUS) == DRIVER_OK
        began = (await bench.axil.write(Reg.STATUS, written)).clock
        assert dut.m_suspend.value == 1
        if suspend_clocks:  # what is in progress goes on, a fault is told
            assert await bench.read(Reg.STATUS) == DRIVER_OK
            await bench.pulse_used()
            assert await bench.read(Reg.INTERRUPT_STATUS) == Interrupt.USED_BUFFER
            await bench.write(Reg.INTERRUPT_ACK, 3)
        while (status := (await bench.axil.read(Reg.STATUS))).value != shown:
            assert status.value == DRIVER_OK
        assert status.clock - began >= suspend_clocks
        await keeps_its_set_up(bench)
        await bench.write(Reg.STATUS, Status.ACKNOWLEDGE | Status.SUSPEND)  # no word of going on
        assert await bench.read(Reg.STATUS) == shown
        await bench.write(Reg.STATUS, shown | Status.DRIVER_OK)
        assert await bench.read(Reg.STATUS) == DRIVER_OK
        assert dut.m_suspend.value == 0 and dut.irq.value == 0
    # A fault while suspended: NEEDS_RESET at once, the interrupt on resume
    await bench.write(Reg.STATUS, Status.SUSPEND)
    while await bench.read(Reg.STATUS) != shown:
        pass
    await bench.write(Reg.QUEUE_NOTIFY, bench.queues)
    assert await bench.read(Reg.STATUS) == shown | Status.NEEDS_RESET
    assert (await bench.read(Reg.INTERRUPT_STATUS), dut.irq.value) == (0, 0)
    await bench.write(Reg.STATUS, DRIVER_OK)
    assert await bench.read(Reg.INTERRUPT_STATUS) == Interrupt.CONFIG_CHANGE
    await bench.write(Reg.INTERRUPT_ACK, 3)
    assert await bench.read(Reg.INTERRUPT_STATUS) == 0
    # A reset ends a suspension, and forgets what it put off
    await bench.write(Reg.STATUS, DRIVER_OK | Status.SUSPEND)
    while await bench.read(Reg.STATUS) & Status.DRIVER_OK:
        pass
    await bench.write(Reg.QUEUE_NOTIFY, bench.queues)
    await bench.write(Reg.STATUS, 0)
    assert (await bench.read(Reg.STATUS), dut.m_suspend.value) == (0, 0)
    assert await bench.read(Reg.INTERRUPT_STATUS) == 0


async def keeps_its_set_up(bench: Bench) -> None:
    """Writes of set-up and configuration do nothing, others do, reads work."""
    sent, config = len(bench.engine.sent()), len(bench.engine.config.words)
    everything = (1 << bench.queues) - 1
    queue = random.randrange(bench.queues)
    await bench.write(Reg.QUEUE_SEL, queue)
    for reg in (*SET_UP, Reg.QUEUE_READY, Reg.QUEUE_RESET):
        for value in (0, 1):
            await bench.write(reg, value)
    await bench.write(0x100, 1)
    assert (len(bench.engine.sent()), len(bench.engine.config.words)) == (sent, config)
    assert bench.dut.m_ready.value == everything
    assert (await bench.read(Reg.QUEUE_READY), await bench.read(Reg.QUEUE_RESET)) == (1, 0)
    assert await bench.read(Reg.QUEUE_AVAIL_INDEX) == Engine.indices(queue)[0]
    assert await bench.read(0x104) == Engine.config_word(4)
    notified = len(bench.engine.notified.words)
    await bench.write(Reg.QUEUE_NOTIFY, queue)
    await bench.read(Reg.STATUS)
    assert len(bench.engine.notified.words) == notified + 1


@test()
async def faults_of_both_sources_are_merged(dut: Any) -> None:
    """At every distance of two faults, both count and the earlier one stays first."""
    bench = Bench(dut)
    await bench.start()
    met = set()
    for offset in range(12):
        await bench.write(Reg.STATUS, 0)
        await bench.negotiate()
        await bench.ready(0)
        taken = len(bench.engine.fault.taken)
        write = cocotb.start_soon(bench.axil.write(Reg.QUEUE_NOTIFY, 0xBCDE))
        await bench.clocks(offset)
        bench.engine.fault.send({"code": Fault.NEXT_RANGE, "queue": 0, "desc": 0x10000 | 513})
        own = (await write).clock
        while len(bench.engine.fault.taken) == taken:
            await bench.clocks(1)
        met.add(bench.engine.fault.taken[-1] - own)
        if bench.engine.fault.taken[-1] < own:
            expected = (Fault.NEXT_RANGE, 0, 1 << 31 | 513, 2)
        else:
            expected = (Fault.NO_SUCH_QUEUE, 0xBCDE, 0, 2)
        assert await bench.faults() == expected, offset
        assert await bench.read(Reg.QUEUE_FAULT) == Fault.NEXT_RANGE
        assert await bench.read(Reg.STATUS) == DRIVER_OK | Status.NEEDS_RESET
        assert await bench.read(Reg.INTERRUPT_STATUS) == Interrupt.CONFIG_CHANGE
    assert {-1, 1, 2} <= met, "the faults did not meet"


@test()
async def first_faults_stay(dut: Any) -> None:
    """Of a burst, the first overall and the first of each queue stay; all are counted."""
    bench = Bench(dut)
    await bench.start()
    first: dict[int, int] = {}
    faults = []
    for _ in range(40):
        fault = {
            "code": random.randint(1, 18),
            "queue": random.randrange(bench.queues),
            "desc": random.getrandbits(17),
        }
        first.setdefault(fault["queue"], fault["code"])
        faults.append(fault)
        bench.engine.fault.send(fault)
    await bench.clocks(50)
    desc = (faults[0]["desc"] >> 16) << 31 | faults[0]["desc"] & 0xFFFF
    assert await bench.faults() == (faults[0]["code"], faults[0]["queue"], desc, 40)
    for queue in range(bench.queues):
        await bench.write(Reg.QUEUE_SEL, queue)
        assert await bench.read(Reg.QUEUE_FAULT) == first.get(queue, 0)


@test()
async def fault_count_saturates(dut: Any) -> None:
    """At 2^16 - 1 it stays."""
    bench = Bench(dut)
    await bench.power_up()
    dut.s_fault_code.value = Fault.AVAIL_JUMP
    dut.s_fault_valid.value = 1
    await bench.clocks(0xFFFE)
    dut.s_fault_valid.value = 0
    bench.connect()
    for expected in (0xFFFE, 0xFFFF, 0xFFFF):
        assert (await bench.faults())[3] == expected
        bench.engine.fault.send({"code": Fault.AVAIL_JUMP, "queue": 0, "desc": 0})


@test()
async def idle_is_never_told_too_early(dut: Any) -> None:
    """From a notification's response until the engine has finished, idle is low."""
    bench = Bench(dut)
    await bench.start()
    bench.engine.work_clocks = 25
    await bench.negotiate()
    await bench.ready(0)
    await bench.clocks(10)
    assert (dut.m_idle.value, await bench.read(Reg.ENGINE_STATE)) == (1, 1)
    await bench.write(Reg.QUEUE_NOTIFY, 0)
    busy = 0
    while dut.m_idle.value == 0:
        await bench.clocks(1)
        busy += 1
    assert busy > 25
    await bench.write(Reg.QUEUE_NOTIFY, 0)
    assert await bench.read(Reg.ENGINE_STATE) == 0
    await bench.clocks(60)
    assert await bench.read(Reg.ENGINE_STATE) == 1
