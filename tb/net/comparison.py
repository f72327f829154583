# SPDX-License-Identifier: Apache-2.0
"""The comparison with a network device in its slot, and a MAC beside each of the two worlds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Callable, Optional

from pymodel import Driver, Machine, ModelDevice
from pymodel.net_function import NET_DEVICE_ID, NetFunction
from tb.bench import SLOTS, Bench
from tb.driver_comparison import DriverComparison
from tb.driver_worlds import DriverSetup, ModelDriverWorld, SteppedMachine, in_slots
from tb.mac import AT_ONCE, Frame, Mac, MacSettings

NET = SLOTS["net"]


class LoopedNet(NetFunction):
    """The golden function with a MAC that gives every frame back, where `loopback` is set."""

    loopback = False

    def _transmit(self, pair: int, packet: bytes) -> None:
        before = len(self.sent)
        super()._transmit(pair, packet)
        if self.loopback and len(self.sent) > before:
            self.receive(self.sent[-1])


class _NetMachine(SteppedMachine):
    """Devices that are idle only when no frame waits for receive buffers."""

    def work(self) -> None:
        while True:
            super().work()
            function = self._function()
            if function is None or not function.waiting:
                return
            before = function.waiting
            super().work()
            if function.waiting == before:
                function.give_up()

    def _function(self) -> Optional[NetFunction]:
        device = self.devices[NET]
        function = device.function if device is not None else None
        return function if isinstance(function, NetFunction) else None


class _NetModelWorld(ModelDriverWorld):
    def make_machine(self, devices: Iterable[Optional[ModelDevice]]) -> Machine:
        return _NetMachine(devices)


class NetComparison(DriverComparison):
    """Two worlds of network drivers in step.

    Args:
        bench: the started bench of all devices.
        setup: what both start from; the network device comes to it.
        driver: makes its driver.
        mac: how the MAC behaves.
        function: of the golden function.

    Attributes:
        mac: the MAC of the Verilog.
    """

    def __init__(
        self,
        bench: Bench,
        setup: DriverSetup,
        driver: Callable[[], Driver],
        mac: MacSettings = AT_ONCE,
        function: Optional[Mapping[str, Any]] = None,
    ) -> None:
        def make() -> NetFunction:
            made = LoopedNet(**(function or {}))
            made.loopback = mac.loopback
            return made

        setup = replace(setup, drivers={NET_DEVICE_ID: driver}, functions=in_slots(net=make))
        super().__init__(bench, setup)
        self.model = _NetModelWorld(setup)
        self.mac = Mac(mac)
        self.outside = self._frames_differ
        self._compared = 0

    @property
    def function(self) -> LoopedNet:
        """The golden function."""
        function = self.model.function(NET)
        assert isinstance(function, LoopedNet)
        return function

    @property
    def driver(self) -> Any:
        """The driver of the Verilog's world."""
        return self.rtl.driver(NET)

    async def net(self, name: str, operation: Callable[[Any], Any]) -> Any:
        """Do an operation of the network driver in both worlds, and compare."""
        return await self.do(name, NET, operation)

    async def receive(self, *frames: bytes, bad: Sequence[bool] = ()) -> None:
        """Let the MACs give frames, and compare when all is quiet."""
        for number, frame in enumerate(frames):
            damaged = bool(bad[number]) if number < len(bad) else False
            self.mac.queue(frame, bad=damaged)
            self.function.receive(frame, damaged)
        await self.settle("receive")

    async def set_link(self, up: bool) -> None:
        """Let the link go up or down, and compare."""
        self.mac.link = up
        self.function.link = up
        await self.bench.wait_cycles(8)
        await self.settle("link")

    def _frames_differ(self) -> Iterable[str]:
        ours = [_text(frame) for frame in self.mac.new()]
        sent = self.function.sent[self._compared :]
        theirs = [_text(Frame(0, frame, False)) for frame in sent]
        self._compared += len(sent)
        if ours != theirs:
            yield f"frames sent: rtl {ours}, model {theirs}"
        drivers = [world.slot(NET).driver for world in (self.rtl, self.model)]
        got = [getattr(driver, "received", None) for driver in drivers]
        if got[0] != got[1]:
            yield f"packets received: rtl {got[0]}, model {got[1]}"


def _text(frame: Frame) -> str:
    """Return a frame in words."""
    return f"{len(frame.data)} bytes {frame.data.hex()}{' bad' if frame.bad else ''}"
