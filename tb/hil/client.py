# SPDX-License-Identifier: Apache-2.0
"""Clients of vhost-user that drive a device as real ones do: `QemuLike`, `UmlLike`, `DpdkLike`.

A client is what QEMU is between a guest's driver and a back end: the driver sees the registers of
a virtio device, and what it writes there becomes messages, kicks and calls. The drivers are those
of `pymodel`, so a test reads and writes a disk or sends frames in a line. The kinds differ in the
order of their messages, as those do which they are named after.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Optional, Union

from pymodel import Allocator, Bus, DeviceError, Driver, Feature, Interrupt, Reg, Status
from pymodel.bus import RING_FEATURES
from pymodel.layout import QueueLayout, SplitLayout
from pymodel.packed_layout import PackedLayout
from pymodel.registers import CONFIG_BASE, MAGIC, VERSION
from pymodel.steps import Steps, T, run_sync
from tb.hil.front_end import NO_LOG, TIMEOUT_S, FrontEnd, Gone, Ram, signal_fd
from tb.hil.messages import F_PROTOCOL_FEATURES, U64, ProtocolFeature, Request

LOW, HIGH = 0x1_4000_0000, 0x1_4040_0000  # guest addresses of the default memory's main part
POLL_S = 0.001  # between two looks at a ring that has no call descriptor
AREAS = {
    Reg.QUEUE_DESC_LOW: (0, 0),
    Reg.QUEUE_DESC_HIGH: (0, 32),
    Reg.QUEUE_DRIVER_LOW: (1, 0),
    Reg.QUEUE_DRIVER_HIGH: (1, 32),
    Reg.QUEUE_DEVICE_LOW: (2, 0),
    Reg.QUEUE_DEVICE_HIGH: (2, 32),
}


def default_ram() -> Ram:
    """Return three regions, the last two side by side, none at the start of its file."""
    ram = Ram()
    ram.add(0x4000_0000, 0x10_0000, offset=0x3000)
    ram.add(LOW, HIGH - LOW, offset=0x1_0000)
    ram.add(HIGH, 0x40_0000, user=0x5555_0000_0000, offset=0x40)
    return ram


@dataclass
class ClientRing:
    """A ring as its driver has set it up.

    Attributes:
        size: descriptors.
        areas: guest-physical addresses of descriptor, driver's and device's area.
        ready: the driver said that it is.
        kick: the eventfd by which the device is told.
        call: what becomes readable when the device calls.
        call_end: what the device is given for that.
        base: where it begins when it is started next.
        running: the back end has it.
    """

    size: int = 0
    areas: tuple[int, int, int] = (0, 0, 0)
    ready: bool = False
    kick: int = -1
    call: int = -1
    call_end: int = -1
    base: int = 0
    running: bool = False

    def close(self) -> None:
        """Close the descriptors."""
        for fd in {self.kick, self.call, self.call_end} - {-1}:
            os.close(fd)
        self.kick = self.call = self.call_end = -1


class Client:
    """One client and its device; a kind of client says what it sends in which order.

    Args:
        where: the back end's socket.
        driver: the driver that is to have the device, not probed yet.
        ram: guest memory; see `default_ram`. It is the client's from now on.
        area: guest-physical address and bytes from which rings and buffers are taken.
        features: features of rings to take where they are offered.
        queue_size: the largest queue that the driver sees.
        timeout_s: how long to wait for the back end.

    Attributes:
        front: the connection.
        rings: by queue number.
        offered: virtio features that the back end offers.
        bound: the driver has the device.
    """

    protocol: ClassVar[ProtocolFeature]
    polls: ClassVar[bool] = False  # no call descriptors

    def __init__(
        self,
        where: Union[Path, socket.socket],
        driver: Driver,
        *,
        ram: Optional[Ram] = None,
        area: tuple[int, int] = (LOW, 0x80_0000),
        features: Feature = RING_FEATURES,
        queue_size: int = 256,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.ram = default_ram() if ram is None else ram
        self.front = FrontEnd(where, timeout_s)
        self.driver = driver
        self.bus = Bus(self.ram.memory, Allocator(*area), features=features)
        self.rings: dict[int, ClientRing] = {}
        self.offered = 0
        self.timeout_s = timeout_s
        self._queue_size = queue_size
        self._queues = 0
        self._selected = dict.fromkeys(
            (Reg.DEVICE_FEATURES_SEL, Reg.DRIVER_FEATURES_SEL, Reg.QUEUE_SEL), 0
        )
        self._accepted = 0
        self._status = Status(0)
        self._interrupt = Interrupt(0)
        self._told = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    # ---- what a kind of client says

    def hello(self) -> None:
        """Find out what there is: everything before the driver looks at the device."""
        raise NotImplementedError

    def start(self) -> None:
        """Start every ring that is ready."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop every ring, and note where each is to go on."""
        for queue, ring in self._running():
            self.front.enable(queue, False)
            self._halt(queue, ring)

    def first_base(self) -> int:
        """Where a ring begins that was never used."""
        return 0x8000 if self.packed else 0

    def make_call(self) -> tuple[int, int]:
        """Return what is read, and what the back end is given to call by."""
        fd = os.eventfd(0, os.EFD_NONBLOCK)
        return fd, fd

    def queue_count(self) -> int:
        """How many queues there may be."""
        if self.front.has(ProtocolFeature.MQ):
            return self.front.number(Request.GET_QUEUE_NUM)
        return 64

    # ---- for users

    @property
    def packed(self) -> bool:
        """Whether the rings are packed."""
        return bool(self._accepted & Feature.RING_PACKED)

    @property
    def bound(self) -> bool:
        """Whether the driver has the device."""
        return self.bus.slots[0].bound

    def connect(self) -> None:
        """Greet the back end and let the driver probe the device.

        Raises:
            Exception: what failed the probe.
        """
        self.hello()
        self._queues = self.queue_count()
        self.run(self.bus.scan({self.driver.device_id: lambda: self.driver}))
        slot = self.bus.slots[0]
        if slot.error is not None:
            raise slot.error
        if not slot.bound:
            raise DeviceError(19, f"the device was not bound: {slot}")

    def run(self, sequence: Steps[T]) -> T:
        """Run what a driver does."""
        return run_sync(sequence, self.read32, self.write32, self.wait)

    def remove(self) -> list[Any]:
        """Take the device from its driver; what comes back."""
        return self.run(self.bus.remove(self.bus.slots[0]))

    def pause(self) -> None:
        """Stop the rings behind the driver's back, as for a migration."""
        self.stop()

    def resume(self) -> None:
        """Start them again where they were, and kick them: what came meanwhile waits."""
        self.start()
        for _, ring in self._running():
            signal_fd(ring.kick)

    def reconnect(self, where: Union[Path, socket.socket]) -> None:
        """Go on with another back end, the first being gone; the driver does not notice.

        Rings begin where their used rings say, as when nobody could be asked.
        """
        self.front.close()
        self.front = FrontEnd(where, self.timeout_s)
        for ring in self.rings.values():
            if ring.running:
                ring.base, ring.running = self._used_index(ring), False
        self.hello()
        self.resume()

    def close(self) -> None:
        """Vanish, without a word."""
        self.front.close()
        for ring in self.rings.values():
            ring.close()
        self.ram.close()

    # ---- registers, as the driver sees them

    def read32(self, offset: int) -> int:
        """Return a register of the device."""
        if offset >= CONFIG_BASE:
            return int.from_bytes(self._read_config(offset - CONFIG_BASE, 4), "little")
        queue = self.rings.get(self._selected[Reg.QUEUE_SEL])
        values = {
            Reg.MAGIC_VALUE: MAGIC,
            Reg.VERSION: VERSION,
            Reg.DEVICE_ID: self.driver.device_id,
            Reg.STATUS: int(self._status),
            Reg.INTERRUPT_STATUS: int(self._interrupt),
            Reg.QUEUE_SIZE_MAX: self._largest(),
            Reg.QUEUE_READY: int(queue is not None and queue.ready),
            Reg.CONFIG_GENERATION: self._told,
        }
        if offset == Reg.DEVICE_FEATURES:
            word = self._selected[Reg.DEVICE_FEATURES_SEL]
            offered = self.offered & ~F_PROTOCOL_FEATURES
            return offered >> 32 * word & 0xFFFF_FFFF if word < 2 else 0
        return values.get(Reg(offset), 0)

    def write32(self, offset: int, value: int, strobe: int = 0xF) -> None:
        """Write a register of the device."""
        if offset >= CONFIG_BASE:
            lanes = [lane for lane in range(4) if strobe >> lane & 1]
            data = value.to_bytes(4, "little")[lanes[0] : lanes[-1] + 1]
            self.front.set_config(offset - CONFIG_BASE + lanes[0], data)
        elif offset in self._selected:
            self._selected[Reg(offset)] = value
        elif offset == Reg.DRIVER_FEATURES:
            shift = 32 * self._selected[Reg.DRIVER_FEATURES_SEL]
            self._accepted = self._accepted & ~(0xFFFF_FFFF << shift) | value << shift
        elif offset == Reg.STATUS:
            self._write_status(value)
        elif offset == Reg.INTERRUPT_ACK:
            self._interrupt &= ~Interrupt(value)
        elif offset == Reg.QUEUE_NOTIFY:
            self.kick(value & 0xFFFF)
        else:
            self._write_queue(Reg(offset), value)

    def wait(self, offset: int) -> None:
        """Return when the device interrupts.

        Raises:
            DeviceError: ETIMEDOUT, it does not.
            Gone: the back end closed the connection.
        """
        end = time.monotonic() + self.timeout_s
        while not self._interrupt:
            left = end - time.monotonic()
            if left <= 0:
                raise DeviceError(110, f"no call came within {self.timeout_s:g} s")
            self._look(POLL_S if self.polls else left)

    # ---- parts

    def kick(self, queue: int) -> None:
        """Tell the device of new buffers."""
        signal_fd(self.rings[queue].kick)

    def _look(self, seconds: float) -> None:
        """Wait for calls and what else the back end says."""
        calls = {ring.call for ring in self.rings.values() if ring.call != -1}
        watched: list[Any] = [*calls, self.front.socket]
        watched += [] if self.front.channel is None else [self.front.channel]
        found = select.select(watched, [], [], seconds)[0]
        for fd in calls.intersection(one for one in found if isinstance(one, int)):
            with contextlib.suppress(BlockingIOError):
                os.read(fd, 1 << 12)
            self._interrupt |= Interrupt.USED_BUFFER
        while self.front.listen():
            self._told += 1
            self._interrupt |= Interrupt.CONFIG_CHANGE
        if self.front.socket in found and not self.front.socket.recv(1, socket.MSG_PEEK):
            raise Gone("the back end closed the connection")
        if self.polls:
            self._interrupt |= Interrupt.USED_BUFFER

    def _read_config(self, offset: int, size: int) -> bytes:
        return self.front.get_config(offset, size)

    def _largest(self) -> int:
        return self._queue_size if self._selected[Reg.QUEUE_SEL] < self._queues else 0

    def _write_status(self, value: int) -> None:
        if value == 0:
            self._reset()
            return
        gained = Status(value) & ~self._status
        if gained & Status.FEATURES_OK and self._accepted & ~self.offered:
            gained &= ~Status.FEATURES_OK
        self._status |= gained
        if gained & Status.DRIVER_OK:
            for ring in self.rings.values():
                ring.base = self.first_base()
            self.start()
            self._set_status()
            self.resume_kicks()

    def resume_kicks(self) -> None:
        """Kick every ring that has been started."""
        for _, ring in self._running():
            signal_fd(ring.kick)

    def _set_status(self) -> None:
        if self.front.has(ProtocolFeature.STATUS):
            self.front.tell(Request.SET_STATUS, U64.pack(int(self._status)))

    def _reset(self) -> None:
        if any(ring.running for ring in self.rings.values()):
            self.stop()
        self._status, self._interrupt = Status(0), Interrupt(0)
        self._accepted = 0
        if self.rings:
            self._set_status()
            if self.front.has(ProtocolFeature.RESET_DEVICE):
                self.front.tell(Request.RESET_DEVICE)
        for ring in self.rings.values():
            ring.close()
        self.rings.clear()

    def _write_queue(self, reg: Reg, value: int) -> None:
        queue = self._selected[Reg.QUEUE_SEL]
        ring = self.rings.get(queue)
        if ring is None:
            ring = self.rings[queue] = ClientRing(kick=os.eventfd(0, os.EFD_NONBLOCK))
            if not self.polls:
                ring.call, ring.call_end = self.make_call()
        if reg is Reg.QUEUE_SIZE:
            ring.size = value
        elif reg in AREAS:
            area, shift = AREAS[reg]
            areas = list(ring.areas)
            areas[area] = areas[area] & ~(0xFFFF_FFFF << shift) | value << shift
            ring.areas = (areas[0], areas[1], areas[2])
        elif reg is Reg.QUEUE_READY:
            ring.ready = bool(value)
            if value and self._status & Status.DRIVER_OK:  # it was reset before
                ring.base = self.first_base()
                self.start()
            elif not value and ring.running:
                self.front.enable(queue, False)
                self._halt(queue, ring)
        elif reg is Reg.QUEUE_RESET and ring.running:
            self.front.enable(queue, False)
            self._halt(queue, ring)
            ring.ready = False

    def _running(self) -> list[tuple[int, ClientRing]]:
        return [(queue, ring) for queue, ring in sorted(self.rings.items()) if ring.running]

    def _waiting(self) -> list[tuple[int, ClientRing]]:
        """The rings to be started."""
        return [
            (queue, ring)
            for queue, ring in sorted(self.rings.items())
            if ring.ready and not ring.running
        ]

    def _halt(self, queue: int, ring: ClientRing) -> None:
        ring.base, ring.running = self.front.get_base(queue), False

    def _used_index(self, ring: ClientRing) -> int:
        """Where the used ring says that a split ring is to go on; a packed one does not say."""
        raw = self.ram.memory.read(ring.areas[2] + 2, 2)
        return ring.base if self.packed else int.from_bytes(raw, "little")

    def _features(self) -> int:
        """What SET_FEATURES tells."""
        return self._accepted | self.offered & F_PROTOCOL_FEATURES

    def _user(self, ring: ClientRing) -> tuple[int, int, int]:
        desc, driver, device = (self.ram.user(addr) for addr in ring.areas)
        return desc, driver, device

    def layout(self, queue: int) -> QueueLayout:
        """Return where a queue is."""
        ring = self.rings[queue]
        kind = PackedLayout if self.packed else SplitLayout
        return kind(ring.size, *ring.areas)


class QemuLike(Client):
    """As QEMU: every feature of the protocol, memory slots, call descriptors late."""

    protocol = ~ProtocolFeature(0) & (
        ProtocolFeature.MQ
        | ProtocolFeature.REPLY_ACK
        | ProtocolFeature.BACKEND_REQ
        | ProtocolFeature.CONFIG
        | ProtocolFeature.INFLIGHT_SHMFD
        | ProtocolFeature.RESET_DEVICE
        | ProtocolFeature.CONFIGURE_MEM_SLOTS
        | ProtocolFeature.STATUS
    )

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._record: Optional[tuple[bytes, int]] = None
        self._shadow: list[Any] = []  # regions that the back end has

    def hello(self) -> None:
        """Protocol features, then what they let one ask, then the owner."""
        front = self.front
        front.need_replies = False
        self._shadow = []
        self.offered = front.get_features()
        if self.offered & F_PROTOCOL_FEATURES:
            front.agree(self.protocol)
        if front.has(ProtocolFeature.MQ):
            front.number(Request.GET_QUEUE_NUM)
        if front.has(ProtocolFeature.CONFIGURE_MEM_SLOTS):
            front.number(Request.GET_MAX_MEM_SLOTS)
        if front.has(ProtocolFeature.BACKEND_REQ):
            with self._replies():
                front.open_channel()
        front.tell(Request.SET_OWNER)
        front.get_features()

    @contextlib.contextmanager
    def _replies(self) -> Any:
        self.front.need_replies = True
        try:
            yield
        finally:
            self.front.need_replies = False

    def start(self) -> None:
        """Features, record of what is in flight, memory, rings one by one, enable, call."""
        front, waiting = self.front, self._waiting()
        front.set_features(self._features())
        if front.has(ProtocolFeature.INFLIGHT_SHMFD):
            if self._record is None:
                largest = max(ring.size for _, ring in waiting)
                self._record = front.get_inflight(max(self.rings) + 1, largest)
            front.set_inflight(*self._record)
        self._tell_memory()
        for queue, ring in waiting:
            front.set_num(queue, ring.size)
            front.set_base(queue, ring.base)
            front.set_addr(queue, *self._user(ring))
            front.set_fd(Request.SET_VRING_KICK, queue, ring.kick)
            ring.running = True
        for queue, _ in waiting:
            front.enable(queue)
        for queue, ring in waiting:  # the guest unmasks its interrupts
            front.set_fd(Request.SET_VRING_CALL, queue, ring.call_end)

    def _tell_memory(self) -> None:
        front = self.front
        with self._replies():
            if not front.has(ProtocolFeature.CONFIGURE_MEM_SLOTS):
                front.set_table(self.ram)
                return
            for region in self._shadow:
                if region not in self.ram.regions:
                    front.remove_region(region)
            for region in self.ram.regions:
                if region not in self._shadow:
                    front.add_region(self.ram, region)
            self._shadow = list(self.ram.regions)

    def first_base(self) -> int:
        """Both wrap counters are 1."""
        return 0x8000_8000 if self.packed else 0

    def _reset(self) -> None:
        super()._reset()
        if self._record is not None:  # a new one after a reset
            os.close(self._record[1])
            self._record = None

    def close(self) -> None:
        """Vanish."""
        super().close()
        if self._record is not None:
            os.close(self._record[1])
            self._record = None


class UmlLike(Client):
    """As user-mode Linux: an answer to each message, a table of two regions, split rings."""

    protocol = ProtocolFeature.REPLY_ACK | ProtocolFeature.BACKEND_REQ | ProtocolFeature.CONFIG

    def hello(self) -> None:
        """The owner first."""
        self.offered = self.front.greet(self.protocol) & ~Feature.RING_PACKED
        if self.front.has(ProtocolFeature.BACKEND_REQ):
            self.front.open_channel()

    def start(self) -> None:
        """Memory, the rings but for their kicks, then kick and enable of each."""
        front, waiting = self.front, self._waiting()
        front.set_features(self._features())
        front.set_table(self.ram, least=2)
        for queue, ring in waiting:
            front.set_fd(Request.SET_VRING_CALL, queue, ring.call_end)
            front.set_num(queue, ring.size)
            front.set_base(queue, ring.base)
            front.set_addr(queue, *self._user(ring), log=NO_LOG)
        for queue, ring in waiting:
            front.set_fd(Request.SET_VRING_KICK, queue, ring.kick)
            front.enable(queue)
            ring.running = True

    def stop(self) -> None:
        """It only disables them, the last one first, and asks something to be sure."""
        for queue, ring in reversed(self._running()):
            self.front.enable(queue, False)
            ring.base, ring.running = self._used_index(ring), False
        self.front.get_features()

    def make_call(self) -> tuple[int, int]:
        """A pipe's end, since there is no SIGIO for an eventfd."""
        ours, theirs = os.pipe()
        os.set_blocking(ours, False)
        return ours, theirs

    def _read_config(self, offset: int, size: int) -> bytes:
        return self.front.get_config(0, offset + size)[offset:]


class DpdkLike(Client):
    """As DPDK's virtio-user: all calls first, kicks last, a configuration of its own.

    Attributes:
        config: of a network device, the configuration space.
    """

    protocol = ProtocolFeature.MQ | ProtocolFeature.REPLY_ACK | ProtocolFeature.STATUS
    config = bytes(6) + bytes([1, 0, 2, 0]) + (1500).to_bytes(2, "little")  # link up, two pairs

    def hello(self) -> None:
        """The owner first."""
        self.front.need_replies = False
        self.offered = self.front.greet(self.protocol)

    def start(self) -> None:
        """Calls, features, memory, rings; then enable of all."""
        front, waiting = self.front, self._waiting()
        for queue, ring in waiting:
            end = None if self.polls else ring.call_end
            front.set_fd(Request.SET_VRING_CALL, queue, end)
        front.set_features(self._features())
        front.need_replies = True
        front.set_table(self.ram)
        front.need_replies = False
        for queue, ring in waiting:
            front.set_num(queue, ring.size)
            front.set_base(queue, ring.base)
            front.set_addr(queue, *self._user(ring))
            front.set_fd(Request.SET_VRING_KICK, queue, ring.kick)
            ring.running = True
        for queue, _ in waiting:
            front.enable(queue)

    def _set_status(self) -> None:
        self.front.need_replies = True
        super()._set_status()
        self.front.need_replies = False

    def _read_config(self, offset: int, size: int) -> bytes:
        """Without CONFIG it knows what it was told when it was started."""
        return self.config[offset : offset + size].ljust(size, b"\0")


class PollingDpdk(DpdkLike):
    """The same without interrupts: it looks at the rings again and again."""

    polls = True


KINDS: Sequence[type[Client]] = (QemuLike, UmlLike, DpdkLike, PollingDpdk)
