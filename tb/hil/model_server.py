# SPDX-License-Identifier: Apache-2.0
"""Serve the golden model to vhost-user clients: `python -m tb.hil.model_server`.

It needs no simulator, and shows what the session does apart from the Verilog. `Options` come from
the environment; the image is only read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Union

from pymodel import BlkFunction, Disk, Interrupt, ModelDevice, NetFunction, Reg
from tb.hil.mapped_memory import MappedMemory
from tb.hil.rtl_backend import RtlBackend
from tb.hil.server import Options, Server

QUEUES = 4  # of a block device
PAIRS = 2  # of a network device
SECTORS = 4096  # of a disk without an image
PATIENCE = 1000  # looks at a frame that waits for a buffer, until it is lost


class GoldenMemory(MappedMemory):
    """Guest memory by the names that a bench's has."""

    def attach(self, base: int, size: int, fd: int, offset: int) -> None:
        """Map a part of a file; see `MappedMemory.add`."""
        try:
            self.add(base, size, fd, offset)
        except OSError:
            raise ValueError(f"region {base:#x} + {size:#x}: its file cannot be mapped") from None

    def lost_pages(self) -> int:
        """Whoever cuts a file short ends this process."""
        return 0

    def detach(self, base: int) -> None:
        """Unmap a region."""
        self.remove(base)


class GoldenBench:
    """The model device behind the calls of a bench that a backend needs.

    Args:
        device: "blk" or "net".
        image: the disk's bytes; no file for zeros.
    """

    def __init__(self, device: str, image: str = "") -> None:
        self.memory = GoldenMemory()
        function: Union[BlkFunction, NetFunction]
        if device == "blk":
            disk = Disk(Path(image).read_bytes() if image else SECTORS)
            function, queues = BlkFunction(disk, queues=QUEUES), QUEUES
        else:
            function, queues = NetFunction(pairs=PAIRS), 2 * PAIRS + 1
        self.function = function
        self.device = ModelDevice(self.memory, queues=queues, function=function)
        self.cycle = 0  # looks at the device
        self._waits = 0

    async def start(self) -> None:
        """There is nothing to start."""

    async def read32(self, address: int) -> int:
        """Read a register."""
        return self.device.read32(address)

    async def write32(self, address: int, value: int, strobe: int = 0xF) -> None:
        """Write a register."""
        self.device.write32(address, value, strobe)

    async def wait_cycles(self, cycles: int) -> None:
        """Let the device work."""
        self.work()

    @property
    def idle(self) -> Any:
        """Whether the device is idle, as a pin shows it."""
        return SimpleNamespace(value=int(self.device.idle))

    def work(self) -> None:
        """Let the device do all that it can; a frame that waits for too long is lost."""
        self.cycle += 1
        self.device.run()
        if isinstance(self.function, NetFunction):
            self._waits = self._waits + 1 if self.function.waiting else 0
            if self._waits > PATIENCE:
                self.function.give_up()


class ModelServer(Server):
    """Serves the golden model.

    Args:
        bench: of the device.
        options: what is served.
    """

    backend: RtlBackend

    def __init__(self, bench: GoldenBench, options: Options) -> None:
        super().__init__(RtlBackend(bench, options.hidden), options)  # type: ignore[arg-type]
        self.bench = bench

    async def run(self) -> None:
        """Serve until it is over."""
        await self.backend.find()
        await super().run()

    @property
    def busy(self) -> bool:
        """See `Server`."""
        function = self.bench.function
        if isinstance(function, NetFunction) and self.session is not None and function.waiting:
            return True
        return not self.bench.device.idle

    @property
    def cycle(self) -> int:
        """See `Server`."""
        return self.bench.cycle

    async def work(self, busy: bool) -> None:
        """See `Server`."""
        self.bench.work()
        function = self.bench.function
        if isinstance(function, NetFunction):
            frames, function.sent = function.sent, []
            for frame in frames:
                if self.wire is not None:
                    self.wire.give(frame)
        called = sorted(self.bench.device.called)
        self.bench.device.called.clear()
        for queue in called:
            self.called(queue)

    async def changed(self) -> bool:
        """See `Server`."""
        causes = self.bench.device.read32(Reg.INTERRUPT_STATUS)
        self.bench.device.write32(Reg.INTERRUPT_ACK, causes)
        return bool(causes & Interrupt.CONFIG_CHANGE)

    def receive(self, frame: bytes) -> None:
        """See `Server`."""
        assert isinstance(self.bench.function, NetFunction)
        self.bench.function.receive(frame)


def main() -> None:
    """Serve what the environment says."""
    options = Options.from_environment()
    bench = GoldenBench(options.device, options.image)
    run = ModelServer(bench, options).run()
    try:
        run.send(None)
    except StopIteration:
        sys.exit(0)
    raise RuntimeError("the golden model waits for something")


if __name__ == "__main__":
    main()
