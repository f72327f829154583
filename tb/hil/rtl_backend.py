# SPDX-License-Identifier: Apache-2.0
"""The Verilog in its bench as the device of a vhost-user session."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Callable, Optional, Union

from pymodel import Feature, Status, config_space
from pymodel.blk_function import BLK_CONFIG, BLK_DEVICE_ID
from pymodel.net_function import NET_CONFIG, NET_DEVICE_ID
from pymodel.registers import CONFIG_BASE, Reg
from pymodel.steps import Steps, run_async
from pymodel.transport import (
    InitError,
    accept,
    identify,
    notify,
    read_fault,
    read_offer,
    reset,
    start_queue,
    stop_queue,
)
from tb.bench import Bench
from tb.hil.backend import BackendError, Ring
from tb.hil.follow import Follower
from tb.hil.followed import Outside
from tb.hil.messages import Region
from tb.hil.record import Recorder, now
from tb.registers import device_parameters

DRAIN_CYCLES = 4_000_000  # that a queue has to finish what it has in hand
SLICE = 1000  # cycles between two looks
SETTLE = 4  # cycles from a register write until the device shows that it works
NOT_SERVED = (  # features whose notifications or registers vhost-user has no messages for
    Feature.NOTIFICATION_DATA | Feature.RING_RESET | Feature.SUSPEND
)
OWN_REGISTERS = {  # of each device's function: name and address
    device_id: {
        field.name: CONFIG_BASE + field.offset + config_space.OWN_SHIFT
        for field in space.fields
        if field.own
    }
    for device_id, space in ((BLK_DEVICE_ID, BLK_CONFIG), (NET_DEVICE_ID, NET_CONFIG))
}


MakeOutside = Callable[[Bench, int], Awaitable[Outside]]  # given the longest chain


class RtlBackend:
    """See `Backend`.

    Args:
        bench: the bench, not yet started, at the device's slot.
        hidden: further features that clients are not offered.
        outside: makes what surrounds the model device that follows; None: none does.
        recorder: is told of the model device and of memory; the bench's accesses are its own.

    Attributes:
        follower: the model device that follows.
        bus_bytes: width of the memory's bus.
        counted: what the function's own counters have counted in all lives of the device.
        lives: how often the device was started.
    """

    device_id = 0
    queues = 0
    queue_size_max = 0
    bus_bytes = 0

    def __init__(
        self,
        bench: Bench,
        hidden: int = 0,
        outside: Optional[MakeOutside] = None,
        recorder: Optional[Recorder] = None,
    ) -> None:
        self.bench = bench
        self._recorder = recorder
        self.follower: Optional[Follower] = None
        self._registers: Union[Bench, Follower] = bench
        self._make_outside = outside
        self.hidden = int(NOT_SERVED) | hidden
        self._offer = 0
        self._lost = 0  # pages of guest memory, as of the last look
        self.counted: dict[str, int] = {}
        self.lives = 0

    async def find(self) -> None:
        """Look what device there is."""
        await self.bench.start()
        self.device_id = (await self.run(identify())).device_id
        found = await device_parameters(self.bench.read32)
        self.queues, self.queue_size_max = found["queues"], found["queue_size_max"]
        self.bus_bytes = found["data_w"] // 8
        self._offer = await self.run(read_offer()) & ~self.hidden
        if self._make_outside is not None:
            outside = await self._make_outside(self.bench, found["max_chain"])
            offer = await self.run(read_offer())
            self.follower = self._registers = Follower(self.bench, outside, offer, **found)
            if self._recorder is not None:
                self._recorder.note("d", now(), offer, found)
                self._recorder.watch(self.follower.views)
                self.follower.observer = self._recorder
        await self._present()

    async def _present(self) -> None:
        """Reset the device, and let its configuration be that with all that is offered.

        Clients read it before they choose features (CFG-DEV-01).
        """
        await self.run(reset())
        await self.run(accept(self._offer))

    async def run(self, steps: Steps[Any]) -> Any:
        """Run register accesses.

        Raises:
            BackendError: the device did not do what was asked.
        """
        try:
            return await run_async(steps, self._registers.read32, self._registers.write32)
        except InitError as error:
            raise BackendError(str(error)) from None

    # ---- what sessions ask

    async def offered(self) -> int:
        """See `Backend`."""
        return self._offer

    async def add_memory(self, region: Region, fd: int) -> None:
        """See `Backend`."""
        try:
            self.bench.memory.attach(region.guest, region.size, fd, region.offset)
        except (ValueError, OSError) as error:
            raise BackendError(str(error)) from None
        if self._recorder is not None:
            self._recorder.note("+", now(), region.guest, region.size)

    async def remove_memory(self, region: Region) -> None:
        """See `Backend`."""
        self.bench.memory.detach(region.guest)
        if self._recorder is not None:
            self._recorder.note("-", now(), region.guest)

    async def start(self, features: int) -> None:
        """See `Backend`."""
        self.lives += 1
        await self.run(reset())
        await self.run(accept(features))
        status = Status.ACKNOWLEDGE | Status.DRIVER | Status.FEATURES_OK | Status.DRIVER_OK
        await self._registers.write32(Reg.STATUS, status)

    async def stop(self) -> None:
        """See `Backend`."""
        for name, address in OWN_REGISTERS.get(self.device_id, {}).items():
            found = await self._registers.read32(address)
            self.counted[name] = self.counted.get(name, 0) + found
        await self._present()

    async def own_registers(self, prefix: str = "") -> dict[str, int]:
        """Return the function's own registers whose names begin so, as they are at the moment."""
        return {
            name: await self.bench.read32(address)
            for name, address in OWN_REGISTERS.get(self.device_id, {}).items()
            if name.startswith(prefix)
        }

    async def start_queue(self, queue: int, ring: Ring) -> None:
        """See `Backend`."""
        start = None if ring.fresh else (ring.start, ring.start)
        await self.run(start_queue(queue, ring.layout, start))

    async def stop_queue(self, queue: int) -> int:
        """See `Backend`."""
        await self.rest()
        await self._registers.write32(Reg.QUEUE_SEL, queue)
        used = await self._registers.read32(Reg.QUEUE_USED_INDEX)
        await self.run(stop_queue(queue))
        return used

    async def rest(self) -> None:
        """See `Backend`; a driver that never stops is left after DRAIN_CYCLES."""
        await self.bench.wait_cycles(SETTLE)  # a notification may have come just now
        for _ in range(DRAIN_CYCLES // SLICE):
            if self.bench.idle.value == 1:
                return
            await self.bench.wait_cycles(SLICE)

    async def kick(self, queue: int) -> None:
        """See `Backend`."""
        await self.run(notify(queue))

    async def read_config(self, offset: int, size: int) -> bytes:
        """See `Backend`."""
        first, end = offset & ~3, offset + size
        words = [await self._registers.read32(CONFIG_BASE + at) for at in range(first, end, 4)]
        data = b"".join(word.to_bytes(4, "little") for word in words)
        return data[offset - first : end - first]

    async def write_config(self, offset: int, data: bytes) -> None:
        """See `Backend`."""
        for at, byte in enumerate(data, offset):
            lane = at % 4
            await self._registers.write32(CONFIG_BASE + at - lane, byte << 8 * lane, 1 << lane)

    def read_memory(self, addr: int, length: int) -> bytes:
        """See `Backend`."""
        return self.bench.memory.read(addr, length)

    # ---- what the device tells

    def lost(self) -> bool:
        """See `Backend`."""
        before, self._lost = self._lost, self.bench.memory.lost_pages()
        return self._lost != before

    async def fault(self) -> str:
        """Return the fault that the device needs a reset for, in words, or nothing."""
        if not await self._registers.read32(Reg.STATUS) & Status.NEEDS_RESET:
            return ""
        found = await self.run(read_fault())
        if found is None:
            return "the device needs a reset"
        place = " of an indirect table" if found.in_table else ""
        return f"queue {found.queue}: {found.fault.name}, descriptor {found.descriptor}{place}"
