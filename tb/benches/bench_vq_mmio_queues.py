# SPDX-License-Identifier: Apache-2.0
"""Bench of vq_mmio: set-up, notification, stop and reset of queues."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from pymodel.faults import Fault
from pymodel.features import OFFER, Feature, Status
from pymodel.registers import Reg
from tb.benches.mmio import SET_UP, SPLIT, STALE, Bench, Engine, test


@test()
@cocotb.parametrize(percent=[100, 40])
async def set_up_reaches_the_engine(dut: Any, percent: int) -> None:
    """Each set-up register of each queue arrives once; a ready queue's are left alone."""
    bench = Bench(dut)
    await bench.start(percent)
    await bench.read(Reg.STATUS)
    zeros = [(queue, field, 0) for queue in range(bench.queues) for field in range(8)]
    assert bench.engine.sent() == zeros
    expected = []
    for queue in random.sample(range(bench.queues), min(bench.queues, 8)):
        values = [bench.size_max, *(random.getrandbits(32) & ~15 for _ in range(6))]
        await bench.write(Reg.QUEUE_SEL, queue)
        for reg, value in zip(SET_UP, values):
            await bench.write(reg, value)
        expected += [(queue, field, value) for field, value in enumerate(values)]
        if random.getrandbits(1):  # else it starts as a new one
            start = random.getrandbits(32)
            await bench.write(Reg.QUEUE_START, start)
            expected.append((queue, 7, start))
        else:
            expected.append((queue, 7, 0))
        await bench.write(Reg.QUEUE_READY, 1)
        for reg in (*SET_UP, Reg.QUEUE_START):
            await bench.write(reg, 1)
        assert await bench.read(Reg.QUEUE_READY) == 1
    assert bench.engine.sent()[len(zeros) :] == expected
    await bench.write(Reg.STATUS, 0)
    await bench.read(Reg.STATUS)
    assert bench.engine.sent()[len(zeros) + len(expected) :] == zeros


@test()
@cocotb.parametrize(driver_ok=["not yet", "split", "packed"])
async def set_up_faults_in_order(dut: Any, driver_ok: str) -> None:
    """Each bad set-up is refused with its code, size before alignment, and changes nothing."""
    bench = Bench(dut)
    await bench.start()
    packed = driver_ok == "packed"
    begun = driver_ok != "not yet"
    sizes = {0, 0x80000000, 0x10001, 2 * bench.size_max} - {bench.size_max}
    sizes |= set() if packed else {3, 12}
    cases = [({"queue_size": size}, Fault.QUEUE_SIZE) for size in sizes]
    for name, align in (("desc", 16), ("driver", 4 if packed else 2), ("device", 4)):
        bits = [1 << bit for bit in range(align.bit_length() - 1)]
        cases += [({f"queue_{name}_low": 0x1000 + bit}, Fault.QUEUE_ALIGN) for bit in bits]
    cases.append(({"queue_size": 0, "queue_desc_low": 1}, Fault.QUEUE_SIZE))
    queue = bench.queues - 1
    for changes, fault in cases:
        await bench.write(Reg.STATUS, 0)
        if begun:
            await bench.negotiate(OFFER if packed else SPLIT)
        before = await bench.read(Reg.STATUS)
        await bench.set_up(queue, **changes)
        await bench.write(Reg.QUEUE_READY, 1)
        assert await bench.read(Reg.QUEUE_READY) == 0, changes
        assert dut.m_ready.value == 0
        assert await bench.faults() == (fault, queue, 0, 1), changes
        assert await bench.read(Reg.QUEUE_FAULT) == fault
        assert await bench.read(Reg.STATUS) == before | Status.NEEDS_RESET
        assert await bench.read(Reg.INTERRUPT_STATUS) == (2 if begun else 0)
        await bench.ready(queue)  # mended
        assert await bench.faults() == (fault, queue, 0, 1)


@test()
@cocotb.parametrize(packed=[False, True])
async def every_legal_size_and_alignment_is_taken(dut: Any, packed: bool) -> None:
    """All powers of two to the largest, and addresses aligned no more than they must be.

    A packed ring may have any size, also where it was written before the features were taken.
    """
    bench = Bench(dut)
    await bench.start()
    sizes = [1 << power for power in range(bench.size_max.bit_length())]
    if packed:
        sizes += [size for size in (3, 7, bench.size_max - 1) if 0 < size <= bench.size_max]
        await bench.set_up(0, queue_size=sizes[-1])
        await bench.negotiate(OFFER)
        await bench.write(Reg.QUEUE_READY, 1)
        assert await bench.read(Reg.QUEUE_READY) == 1
        await bench.write(Reg.QUEUE_READY, 0)
    for size in sizes:
        await bench.set_up(
            0,
            queue_size=size,
            queue_desc_low=0xFFFFFFF0,
            queue_driver_low=0xFFFFFFFC if packed else 0xFFFFFFFE,
            queue_device_low=0xFFFFFFFC,
        )
        await bench.write(Reg.QUEUE_READY, 1)
        assert await bench.read(Reg.QUEUE_READY) == 1, size
        await bench.write(Reg.QUEUE_READY, 1)  # again: nothing happens
        assert await bench.read(Reg.QUEUE_READY) == 1
        await bench.write(Reg.QUEUE_READY, 0)
    assert await bench.faults() == (0, 0, 0, 0)


@test()
async def absent_queues(dut: Any) -> None:
    """A queue that does not exist reads zero everywhere and takes no set-up."""
    bench = Bench(dut)
    await bench.start()
    absent = (bench.queues, bench.queues + 64, 0x100, 0x10000, 0x80000000, 0xFFFFFFFF)
    for count, queue in enumerate(absent):
        sent = len(bench.engine.sent())
        await bench.set_up(queue)
        await bench.write(Reg.QUEUE_READY, 0)
        for reg in (Reg.QUEUE_SIZE_MAX, Reg.QUEUE_READY, Reg.QUEUE_AVAIL_INDEX, Reg.QUEUE_FAULT):
            assert await bench.read(reg) == 0, reg.name
        assert (await bench.faults())[3] == count
        await bench.write(Reg.QUEUE_READY, 1)
        assert await bench.faults() == (Fault.NO_SUCH_QUEUE, bench.queues, 0, count + 1)
        assert await bench.read(Reg.QUEUE_READY) == 0
        assert await bench.read(Reg.QUEUE_FAULT) == 0
        assert len(bench.engine.sent()) == max(sent, 8 * bench.queues)
    await bench.write(Reg.QUEUE_SEL, 0)
    assert await bench.read(Reg.QUEUE_FAULT) == 0
    assert dut.m_ready.value == 0


@test()
@cocotb.parametrize(features=[0, OFFER & ~Feature.NOTIFICATION_DATA, OFFER])
async def notifications(dut: Any, features: int) -> None:
    """Ready queues' reach the engine, others' do not, absent queues' are faults.

    With NOTIFICATION_DATA they tell an index, and only the lower half names a queue.
    """
    bench = Bench(dut)
    await bench.start()
    telling = bool(features & Feature.NOTIFICATION_DATA)
    if features:
        await bench.negotiate(features)
    ready = sorted(random.sample(range(bench.queues), (bench.queues + 1) // 2))
    for queue in ready:
        await bench.ready(queue)
    expected = []
    for queue in random.choices(range(bench.queues), k=3 * bench.queues):
        index = random.getrandbits(16) if telling else 0
        await bench.write(Reg.QUEUE_NOTIFY, index << 16 | queue)
        expected += [(queue, index, telling)] if queue in ready else []
    assert (await bench.faults())[3] == 0
    high = 0xABCD0000 if telling else 0
    for number in (bench.queues, 64, 0xFFFF, 0xFFFFFFFF):
        await bench.write(Reg.QUEUE_NOTIFY, number | high)
    assert await bench.faults() == (Fault.NO_SUCH_QUEUE, bench.queues, 0, 4)
    if not telling:
        await bench.write(Reg.QUEUE_NOTIFY, 0x10000)
        assert (await bench.faults())[3] == 5
    for queue in range(bench.queues):
        await bench.write(Reg.QUEUE_SEL, queue)
        assert await bench.read(Reg.QUEUE_FAULT) == 0
    assert [tuple(word.value.values()) for word in bench.engine.notified.words] == expected


@test()
@cocotb.parametrize(quiet_clocks=[0, STALE, 60])
async def accesses_wait_for_a_queue_to_stop(dut: Any, quiet_clocks: int) -> None:
    """QueueReady reads 0 only when the engine is quiet on the queue; the others stay ready."""
    bench = Bench(dut)
    await bench.start()
    await bench.negotiate()
    bench.engine.quiet_clocks = quiet_clocks
    everything = (1 << bench.queues) - 1
    for queue in range(bench.queues):
        await bench.ready(queue)
    for queue in random.sample(range(bench.queues), min(bench.queues, 6)):
        assert dut.m_ready.value == everything
        await bench.write(Reg.QUEUE_SEL, queue)
        bench.engine.fault.send({"code": Fault.MEM_READ, "queue": queue, "desc": 0})
        began = (await bench.axil.write(Reg.QUEUE_READY, 0)).clock
        bench.engine.fault.send({"code": Fault.MEM_WRITE, "queue": queue, "desc": 0})
        answer = await bench.axil.read(Reg.QUEUE_READY)
        assert answer.value == 0
        assert answer.clock - began >= quiet_clocks
        assert dut.m_ready.value == everything & ~(1 << queue)
        assert await bench.read(Reg.QUEUE_FAULT) == 0
        assert await bench.read(Reg.QUEUE_AVAIL_INDEX) == 0
        assert await bench.read(Reg.QUEUE_USED_INDEX) == 0
        await bench.write(Reg.QUEUE_READY, 1)  # its set-up is kept
        assert await bench.read(Reg.QUEUE_READY) == 1


@test()
@cocotb.parametrize(quiet_clocks=[0, STALE, 60])
async def a_queue_reset_is_told_by_its_register(dut: Any, quiet_clocks: int) -> None:
    """QueueReset reads 1 until the engine is quiet on the queue; other accesses do not wait."""
    bench = Bench(dut)
    await bench.start()
    bench.engine.quiet_clocks = quiet_clocks
    await bench.ready(0)
    await bench.write(Reg.QUEUE_RESET, 1)  # not negotiated: no register
    assert (await bench.read(Reg.QUEUE_RESET), await bench.read(Reg.QUEUE_READY)) == (0, 1)
    await bench.write(Reg.STATUS, 0)
    await bench.negotiate()
    for queue in range(bench.queues):
        await bench.ready(queue)
    up = (1 << bench.queues) - 1
    queues = random.sample(range(bench.queues), min(bench.queues, 6))
    for queue in queues:  # each begins while those before are under way
        await bench.write(Reg.QUEUE_SEL, queue)
        await bench.write(Reg.QUEUE_RESET, 2)
        assert await bench.read(Reg.QUEUE_READY) == 1
        bench.engine.fault.send({"code": Fault.MEM_READ, "queue": queue, "desc": 0})
        await bench.clocks(3)
        began = (await bench.axil.write(Reg.QUEUE_RESET, 1)).clock
        up &= ~(1 << queue)
        assert dut.m_ready.value == up
        answer = await bench.axil.read(Reg.QUEUE_RESET)
        assert answer.clock - began <= 8, "the access waited"
        assert answer.value or quiet_clocks < 60
        assert await bench.read(Reg.QUEUE_READY) == 0
        if quiet_clocks == 60:  # set-up that comes too early
            assert (dut.m_idle.value, await bench.read(Reg.ENGINE_STATE)) == (0, 0)
            sent = len(bench.engine.sent())
            await bench.write(Reg.QUEUE_SIZE, 0)
            await bench.write(Reg.QUEUE_READY, 1)
            await bench.write(Reg.QUEUE_NOTIFY, queue)
            assert await bench.read(Reg.QUEUE_RESET) == 1
            assert len(bench.engine.sent()) == sent
            assert dut.m_ready.value == up
        elif random.random() < 0.5:
            while (answer := await bench.axil.read(Reg.QUEUE_RESET)).value:
                pass
            assert answer.clock - began >= quiet_clocks
    assert bench.engine.notified.words == []
    for queue in queues:
        await bench.write(Reg.QUEUE_SEL, queue)
        while await bench.read(Reg.QUEUE_RESET):
            pass
        assert await bench.read(Reg.QUEUE_FAULT) == 0
        await bench.set_up(queue)
        await bench.write(Reg.QUEUE_READY, 1)
        assert (await bench.read(Reg.QUEUE_READY), await bench.read(Reg.QUEUE_RESET)) == (1, 0)
    assert dut.m_ready.value == (1 << bench.queues) - 1
    bench.engine.quiet_clocks = 60
    await bench.write(Reg.QUEUE_RESET, 1)  # a device reset ends it; QueueReady 0 waits for it
    await bench.write(Reg.STATUS, 0)
    await bench.write(Reg.QUEUE_SEL, queues[-1])
    assert await bench.read(Reg.QUEUE_RESET) == 0
    await bench.negotiate()
    await bench.ready(queues[0])
    began = (await bench.axil.write(Reg.QUEUE_RESET, 1)).clock
    await bench.write(Reg.QUEUE_READY, 0)
    assert (await bench.axil.read(Reg.QUEUE_READY)).clock - began >= 60
    await bench.write(Reg.QUEUE_SEL, bench.queues)
    await bench.write(Reg.QUEUE_RESET, 1)
    assert await bench.read(Reg.QUEUE_RESET) == 0


@test()
async def indices_are_of_the_selected_queue(dut: Any) -> None:
    """Read at once after QueueSel, they are never those of the queue before."""
    bench = Bench(dut)
    await bench.start()
    for queue in range(bench.queues):
        await bench.ready(queue)
    for queue in random.choices(range(bench.queues), k=20):
        for reg, expected in zip(
            (Reg.QUEUE_AVAIL_INDEX, Reg.QUEUE_USED_INDEX), Engine.indices(queue)
        ):
            await bench.write(Reg.QUEUE_SEL, random.randrange(bench.queues))
            write = cocotb.start_soon(bench.axil.write(Reg.QUEUE_SEL, queue))
            read = cocotb.start_soon(bench.axil.read(reg))
            assert (await read).clock > (await write).clock
            assert (await read).value == expected
