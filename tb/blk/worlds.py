# SPDX-License-Identifier: Apache-2.0
"""The block device in both worlds: Verilog on a native disk, golden function on a model disk.

After each operation the disks are compared as a whole, and with them what of each would outlive a
loss of power: what the image file holds.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Callable, Optional

from pymodel import Driver, Feature
from pymodel.blk_driver import FEATURES, VirtioBlk
from pymodel.blk_function import BLK_DEVICE_ID, BlkFeature, BlkFunction, BlkLimits
from pymodel.bus import SLOT_BYTES
from pymodel.disk import SECTOR, Disk
from pymodel.registers import CONFIG_BASE
from pymodel.steps import Steps
from pymodel.traces import PAGE_BYTES
from tb.bench import SLOTS, Bench
from tb.disk import NativeDisk, StoreSettings
from tb.driver_comparison import DriverComparison
from tb.driver_worlds import DriverSetup, in_slots
from tb.native_memory import Settings

SLOT = SLOTS["blk"]
SERIAL = b"vq-blk-0123456789"  # as tb_devices.v has it
RINGS = Feature.INDIRECT_DESC | Feature.EVENT_IDX | Feature.RING_RESET
MAX_CHAIN = 128  # descriptors, as tb_devices.v has it


class RawBlk(VirtioBlk):
    """A driver that also sends what no driver may."""

    def ask(
        self,
        queue: int,
        readable: Sequence[bytes],
        writable: Sequence[int],
        offsets: Optional[Sequence[int]] = None,
    ) -> Steps[tuple[int, bytes]]:
        """Send any segments; return the used length and all writable bytes afterwards.

        Args:
            queue: which one.
            readable: what the readable segments hold.
            writable: lengths of the writable ones.
            offsets: of all of them, in their pages; by default they lie anywhere.
        """
        buffers, held, pieces = self._buffers, [], []
        contents = [*readable, *(b"\xee" * room for room in writable)]
        for number, content in enumerate(contents):
            offset = offsets[number] if offsets else 0
            base = buffers.take(offset + max(1, len(content)), PAGE_BYTES if offsets else 16)
            buffers.write(base + offset, content)
            held.append(base)
            pieces.append((base + offset, len(content)))
        found: list[int] = []
        self._raw = found
        self.queues[queue].add_buf(pieces, len(readable), len(writable), "raw")
        self.queues[queue].sync()
        yield from self.device.kick()
        yield from self.device.wait_until(lambda: bool(found))
        data = b"".join(buffers.read(addr, length) for addr, length in pieces[len(readable) :])
        for base in held:
            buffers.free(base)
        return found[0], data

    def _used(self, queue: Any) -> bool:
        while (used := queue.get_buf()) is not None:
            if used.data == "raw":
                self._raw.append(used.length)
            else:
                self._end(used.data)
        return True


class BlkPair:
    """Both worlds with their disks.

    Attributes:
        pair: the comparison of the drivers.
        native: the disk behind the Verilog.
        disk: that behind the golden function.
        function: the golden function.
        queues: request queues that the device was built with.
    """

    def __init__(
        self,
        bench: Bench,
        image: Path | bytes,
        *,
        queues: int = 1,
        read_only: bool = False,
        features: BlkFeature = FEATURES,
        rings: Feature = RINGS,
        store: Optional[StoreSettings] = None,
        memory: int = 1 << 21,
        driver: Callable[..., Driver] = RawBlk,
        max_chain: int = MAX_CHAIN,
    ) -> None:
        """Open the disks; `start` finds the devices.

        Args:
            bench: not yet started.
            image: an image file, or what a disk in memory holds.
            queues: that the driver asks for.
            read_only, max_chain: as the device was built.
            features: that the driver accepts.
            rings: the same, of rings.
            store: how the store behaves.
            memory: guest memory, bytes.
            driver: what makes the driver of either world.
        """
        self.bench = bench
        if isinstance(image, Path):
            self.native = NativeDisk(image, read_only=read_only)
            content = bytes(self.native.bytes)
        else:
            self.native = NativeDisk(len(image) // SECTOR)
            self.native.write(0, image)
            self.native.commit()
            content = image
        self._seen, self._stable = -1, b""
        self.native.configure(store or StoreSettings())
        self.disk = Disk(content)
        self._read_only, self._limits = read_only, BlkLimits(seg_max=max_chain - 2)
        self._setup: dict[str, Any] = {
            "features": rings,
            "drivers": {BLK_DEVICE_ID: lambda: driver(queues, features)},
            "memory": memory,
        }

    @property
    def function(self) -> BlkFunction:
        """The golden function."""
        found = self.pair.model.function(SLOT)
        assert isinstance(found, BlkFunction)
        return found

    async def start(self) -> BlkPair:
        """Reset the bench, scan both buses."""
        await self.bench.start()
        queues = await self.bench.read32(SLOT * SLOT_BYTES + CONFIG_BASE + 0x20) >> 16

        def make() -> BlkFunction:
            return BlkFunction(
                self.disk,
                queues=queues,
                read_only=self._read_only,
                serial=SERIAL,
                limits=self._limits,
            )

        self.queues = queues
        self.pair = DriverComparison(
            self.bench, DriverSetup(functions=in_slots(blk=make), **self._setup)
        )
        self.pair.outside = self.differences
        slots = await self.pair.start()
        assert slots[SLOT].driver is not None, str(slots[SLOT])
        return self

    async def do(self, name: str, operation: Callable[[Any], Any]) -> Any:
        """Do an operation of the driver in both worlds, and compare; see `DriverComparison.do`."""
        return await self.pair.do(name, SLOT, operation)

    async def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the driver in both worlds, and compare."""
        return await self.do(method, lambda driver: getattr(driver, method)(*arguments))

    def differences(self) -> list[str]:
        """Say how the disks differ, or what of them is stable."""
        found = []
        if not same_bytes(self.native.bytes, self.disk.now):
            found.append(f"the disks differ in sector {self._first(self.native.bytes)}")
        commits = self.native.commits
        if self._seen != commits:  # nothing else changes what is stable
            self._seen, self._stable = commits, self.native.stable()
        stable = self._stable
        if stable != self.disk.stable:
            at = next(i for i, (a, b) in enumerate(zip(stable, self.disk.stable)) if a != b)
            found.append(f"what is stable differs in sector {at // SECTOR}")
        return found

    def _first(self, content: Any) -> int:
        bytes_of = zip(content, self.disk.now)
        return next(i for i, (a, b) in enumerate(bytes_of) if a != b) // SECTOR

    def refuse(self, sector: int, sectors: int = 1) -> None:
        """Let both stores fail on these sectors."""
        self.native.refuse(sector, sectors)
        self.disk.refused |= set(range(sector, sector + sectors))


def same_bytes(left: Any, right: Any) -> bool:
    """Whether two writable buffers of one length are equal; much faster than Python's own way."""
    if len(left) != len(right):
        return False
    kind = ctypes.c_char * len(left)
    ours, theirs = kind.from_buffer(left), kind.from_buffer(right)
    return not _memcmp(ours, theirs, len(left))


async def blk_pair(
    dut: Any, image: Path | bytes, slave: Optional[Settings] = None, **options: Any
) -> BlkPair:
    """Return both worlds, started; `slave` sets the memory, options are those of `BlkPair`."""
    return await BlkPair(Bench(dut, slave), image, **options).start()


def _library() -> Any:
    library = ctypes.CDLL(None)
    library.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    return library.memcmp


_memcmp = _library()
