# SPDX-License-Identifier: Apache-2.0
"""Drivers in both worlds, on the test device: scan, probe, operations, failure, removal."""

from __future__ import annotations

import random
from typing import Any

import cocotb

from pymodel import DeviceError, Driver, Feature, QueueRequest, Returned, SlotState, TestFunction
from pymodel.buffers import Buffers
from pymodel.registers import TEST_DEVICE_ID, Reg
from pymodel.steps import Steps
from tb.bench import Bench
from tb.driver_comparison import DriverComparison
from tb.driver_worlds import DriverSetup
from tb.sides import Mismatch

QUEUES = 2


class VirtioLoop(Driver):
    """Sends messages that the test device sends back.

    Attributes:
        answers: what came back, with the queue's number.
    """

    device_id = TEST_DEVICE_ID

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.answers: list[tuple[int, bytes]] = []
        self._number = 0
        self._sent: dict[int, tuple[int, int]] = {}  # addresses, by number

    def probe(self, device: Any) -> Steps[None]:
        self._buffers = Buffers(device.memory, device.allocator)
        requests = [QueueRequest(index, self._used, 16) for index in range(QUEUES)]
        self.queues = yield from device.find_queues(requests)
        if self.fails:
            yield from device.ready()
            yield from self.send(0, b"never to be seen", publish=False)
            raise ValueError("this driver fails")

    def send(self, queue: int, data: bytes, publish: bool = True) -> Steps[int]:
        """Send a message; return its number."""
        self.device.check()
        out, back = self._buffers.put(data), self._buffers.take(len(data))
        self._number += 1
        self._sent[self._number] = out, back
        self.queues[queue].add_buf(
            [(out, len(data)), (back, len(data))], 1, 1, (self._number, back, len(data))
        )
        if publish:
            self.queues[queue].sync()
        yield from self.device.kick()
        return self._number

    def ask(self, queue: int, data: bytes) -> Steps[bytes]:
        """Send a message and return what comes back."""
        before = len(self.answers)
        yield from self.send(queue, data)
        yield from self.device.wait_until(lambda: len(self.answers) > before)
        return self.answers.pop()[1]

    def _used(self, queue: Any) -> bool:
        while (used := queue.get_buf()) is not None:
            number, back, _ = used.data
            self.answers.append((queue.index, self._buffers.read(back, used.length)))
            for addr in self._sent.pop(number):
                self._buffers.free(addr)
        return True

    def removed(self, returned: list[Returned]) -> list[Any]:
        self._buffers.free_all()
        return [(back.queue, back.token[0], back.length) for back in returned]


async def loops(dut: Any, features: Feature, **options: Any) -> DriverComparison:
    bench = Bench(dut)
    await bench.start()
    setup = DriverSetup(
        features=features,
        drivers={TEST_DEVICE_ID: lambda: VirtioLoop(**options)},
        functions=[TestFunction],
        memory=1 << 18,
    )
    return DriverComparison(bench, setup)


PLAIN = Feature.INDIRECT_DESC | Feature.EVENT_IDX


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(
    features=[
        PLAIN,
        PLAIN | Feature.RING_RESET | Feature.RING_PACKED,
        Feature.RING_RESET | Feature.IN_ORDER | Feature.NOTIFICATION_DATA,
    ]
)
async def a_driver_works_in_both_worlds(dut, features):
    pair = await loops(dut, features)
    (slot,) = await pair.start()
    assert slot.state is SlotState.BOUND
    free = pair.rtl.allocator.free_bytes
    for _ in range(20):
        data = random.randbytes(random.choice([1, 7, 64, 300]))
        queue = random.randrange(QUEUES)
        assert await pair.do("ask", 0, lambda d, q=queue, b=data: d.ask(q, b)) == data
    for queue in (0, 1, 0, 0):
        await pair.do("send", 0, lambda d, q=queue: d.send(q, b"unpublished", publish=False))
    assert pair.rtl.allocator.free_bytes < free
    left = await pair.remove(0)
    assert sorted(left) == [(0, 21, None), (0, 23, None), (0, 24, None), (1, 22, None)]
    assert slot.state is SlotState.REMOVED
    await pair.scan()
    assert await pair.do("ask", 0, lambda d: d.ask(1, b"again")) == b"again"
    await pair.remove(0)
    assert pair.rtl.allocator.free_bytes == pair.setup.memory


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_failed_probe_leaves_nothing_behind(dut):
    pair = await loops(dut, PLAIN, fails=True)
    (slot,) = await pair.start()
    assert slot.state is SlotState.FAILED and "this driver fails" in slot.why
    assert await pair.bench.read32(0x070) == 0x8F
    assert pair.rtl.allocator.free_bytes == pair.setup.memory


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def buffers_come_back_while_the_device_works(dut):
    """Removed at any moment, a driver gets back every buffer, used or not."""
    pair = await loops(dut, PLAIN | Feature.RING_RESET)
    world = pair.rtl
    await pair.start()
    world.in_step = False
    used = unused = 0
    for _ in range(12):
        driver = world.driver(0)
        numbers = [await world.run(driver.send(q % QUEUES, bytes(400))) for q in range(8)]
        await world.bench.wait_cycles(random.randrange(600))
        collected = QUEUES * 4 - len(driver._sent)
        left = await world.run(world.remove(0))
        assert sorted(number for _, number, _ in left) == numbers[collected:]
        used += sum(length is not None for _, _, length in left)
        unused += sum(length is None for _, _, length in left)
        assert world.allocator.free_bytes == pair.setup.memory
        await world.run(world.scan())
    assert used and unused, f"{used} used, {unused} not"
    assert not pair.writes_refused()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_device_that_needs_a_reset_is_noticed(dut):
    pair = await loops(dut, PLAIN)
    await pair.start()

    def wrong(driver):
        yield from driver.send(0, b"waits", publish=False)
        yield ("w", Reg.QUEUE_NOTIFY, 63)  # there is no such queue
        yield from driver.device.wait_until(lambda: False)

    try:
        await pair.do("wrong", 0, wrong)
    except DeviceError as error:
        assert "needs a reset" in str(error)
    else:
        raise AssertionError("nothing was noticed")
    assert await pair.remove(0) == [(0, 1, None)]
    await pair.scan()  # from a reset on all is well
    assert await pair.do("ask", 0, lambda d: d.ask(1, b"again")) == b"again"


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_difference_ends_with_a_mismatch(dut):
    """Whatever is compared: each kind of difference is made once, and named."""
    pair = await loops(dut, PLAIN)
    await pair.start()
    device = pair.rtl.slot(0).device
    model = pair.model.machine.devices[0]

    async def differs(what: str) -> None:
        try:
            await pair.check("a test")
        except Mismatch as error:
            assert what in str(error), str(error)
        else:
            raise AssertionError(f"{what}: no difference was seen")

    await pair.check("a test")
    addr = pair.allocate(16)
    pair.model.memory.write(addr, b"\1")
    await differs(f"memory at {addr:#x}")
    pair.model.memory.write(addr, b"\0")
    device.kicks += 1
    await differs("slot 0, notifications")
    device.kicks -= 1
    device.interrupts.append(0)
    await differs("slot 0, interrupts")
    device.interrupts.pop()
    model.write32(0x100, 1)
    await differs("register 0x100")
    model.write32(0x100, 0)
    model.write32(Reg.QUEUE_NOTIFY, 9)
    await differs("register STATUS")
    pair.outside = lambda: ["the disks differ"]
    await differs("the disks differ")
    pair.outside = None
    try:
        await pair.do("id", 0, id)
    except Mismatch as error:
        assert "result" in str(error)
    else:
        raise AssertionError("different results were not seen")


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_device_without_a_driver_is_left_alone(dut):
    """Not even ACKNOWLEDGE is written; a later scan finds it."""
    bench = Bench(dut)
    await bench.start()
    pair = DriverComparison(
        bench, DriverSetup(drivers={}, functions=[TestFunction], memory=1 << 18)
    )
    (slot,) = await pair.start()
    assert slot.state is SlotState.UNKNOWN and "type 63" in slot.why
    assert await bench.read32(Reg.STATUS) == 0
