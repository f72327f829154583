# SPDX-License-Identifier: Apache-2.0
"""Golden functions that follow those of the Verilog: what a foreign driver makes them do.

A model device that follows is made to return a chain when the Verilog has returned it. What else
there is of the outside world, frames and sectors, is compared here.
"""

from __future__ import annotations

import mmap
import tempfile
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Protocol

from pymodel import BlkLimits, Chain, Memory
from pymodel.blk_function import BlkFunction
from pymodel.disk import SECTOR
from pymodel.functions import DeviceFunction
from pymodel.net_function import ETHERNET_BYTES, HEADER_BYTES, MAX_MERGE, NetFeature, NetFunction
from tb.blk.worlds import SERIAL, same_bytes
from tb.disk import NativeDisk
from tb.mac import Frame, Mac

PIECE = 1 << 20  # bytes copied at once
NONE_NOW = -1  # a queue that holds chains takes no further one
BEAT = 8  # bytes that are on the disk together at least
DROPS = ("rx_overflow", "rx_no_buffer", "rx_small_buffer", "rx_stopped")


class Request(NamedTuple):
    """What a chain asks of a function: the bytes to read, and how many there are to write."""

    readable: bytes
    room: int


class Surroundings(Protocol):
    """What a function may know of the device that follows."""

    seen: Memory  # as the Verilog saw it

    def held(self, queue: int) -> Sequence[Chain]:
        """Chains that wait in the function."""
        ...

    def last_of_batch(self, queue: int) -> Optional[int]:
        """With IN_ORDER, the id of the chain that ends the batch under way, else None."""
        ...


class Outside:
    """What surrounds a golden function; by itself there is nothing.

    Attributes:
        function: the golden function.
    """

    def __init__(self, function: DeviceFunction) -> None:
        self.function = function

    def attach(self, device: Surroundings) -> None:
        """Learn which device the function is of."""

    def published(self, queue: int, chains: Optional[int]) -> None:
        """The Verilog has returned chains of a queue: how many, None if that is not known."""

    def step(self) -> None:
        """The model is about to return a used element, or several that belong together."""

    def more(self, queue: int) -> bool:
        """Whether another chain may be taken for what the Verilog has returned."""
        return False

    def ended(self, queue: int, requests: Sequence[Request]) -> None:
        """The life of a queue ended with requests that the Verilog may have carried out, or begun.

        They are those that it had not returned, the oldest first.
        """

    def take_frames(self) -> list[int]:
        """Return the numbers of the frames from the MAC that were returned since the last time."""
        return []

    def quiet(self) -> None:
        """The Verilog has nothing left to do; the model is about to do what it has left."""

    def differences(self, quiet: bool) -> list[str]:
        """Say what differs; `quiet`: nothing is under way any more."""
        return []

    def at_the_end(self) -> list[str]:
        """Compare what takes long."""
        return []

    def own_registers(self, values: Sequence[int]) -> list[int]:
        """Return what is to be compared of the function's own registers."""
        return list(values)


# ---- the disk


class FollowedDisk:
    """A copy of a disk as it was, which a model writes; it lies in a file that has no name.

    Attributes:
        sectors: its size.
        now: its bytes.
        written: (sector, sectors) of each write since it was last emptied.
        begun: where it is a list, writes go there: (sector, data).
    """

    def __init__(self, native: NativeDisk) -> None:
        self.sectors = native.sectors
        with tempfile.TemporaryFile() as file:
            file.truncate(self.sectors * SECTOR)
            for at in range(0, self.sectors * SECTOR, PIECE):
                piece = bytes(native.bytes[at : at + PIECE])
                if piece.count(0) != len(piece):
                    file.seek(at)
                    file.write(piece)
            file.flush()
            self.now = mmap.mmap(file.fileno(), self.sectors * SECTOR)
        self.written: list[tuple[int, int]] = []
        self.begun: Optional[list[tuple[int, bytes]]] = None

    def refuses(self, sector: int, sectors: int) -> bool:
        """See `pymodel.Disk`."""
        return False

    def read(self, sector: int, sectors: int) -> bytes:
        """See `pymodel.Disk`."""
        return self.now[sector * SECTOR : (sector + sectors) * SECTOR]

    def write(self, sector: int, data: bytes, stable: bool = False) -> None:
        """See `pymodel.Disk`."""
        if self.begun is not None:
            self.begun.append((sector, data))
            return
        self.now[sector * SECTOR : sector * SECTOR + len(data)] = data
        self.written.append((sector, len(data) // SECTOR))

    def flush(self) -> None:
        """See `pymodel.Disk`."""

    def resize(self, sectors: int) -> None:
        """Refuse: a disk in use keeps its size."""
        raise ValueError("a disk that is followed keeps its size")


class BlkOutside(Outside):
    """The block device's disk: what was written is compared whenever the device is idle.

    Two requests that touch one sector at a time have no order that a model could know.

    Args:
        native: the disk of the Verilog, as it is when the model begins.
        queues, max_chain, read_only: as the device was built.
    """

    def __init__(
        self, native: NativeDisk, *, queues: int, max_chain: int, read_only: bool = False
    ) -> None:
        self.native, self.disk = native, FollowedDisk(native)
        disk: Any = self.disk
        limits = BlkLimits(seg_max=max_chain - 2)
        self.function: BlkFunction = BlkFunction(
            disk, queues=queues, read_only=read_only, serial=SERIAL, limits=limits
        )
        super().__init__(self.function)

    def differences(self, quiet: bool) -> list[str]:
        """See `Outside`."""
        if not quiet:
            return []
        written, self.disk.written = self.disk.written, []
        for sector, sectors in written:
            span = slice(sector * SECTOR, (sector + sectors) * SECTOR)
            if self.native.bytes[span] != self.disk.now[span]:
                return [self._difference(sector, sectors)]
        return []

    def ended(self, queue: int, requests: Sequence[Request]) -> None:
        """See `Outside`: what these write is taken as far as it is on the Verilog's disk."""
        begun: list[tuple[int, bytes]] = []
        self.disk.begun = begun
        kept, self.function.counters = self.function.counters, dict(self.function.counters)
        for request in requests:
            self.function.process(queue, *request)
        self.function.counters, self.disk.begun = kept, None
        for sector, data in begun:
            for at in range(0, len(data), BEAT):
                span = slice(sector * SECTOR + at, sector * SECTOR + at + BEAT)
                if self.native.bytes[span] == data[at : at + BEAT]:
                    self.disk.now[span] = data[at : at + BEAT]

    def at_the_end(self) -> list[str]:
        """See `Outside`."""
        if same_bytes(self.native.bytes, self.disk.now):
            return []
        return [self._difference(0, self.disk.sectors)]

    def _difference(self, sector: int, sectors: int) -> str:
        for each in range(sector, sector + sectors):
            span = slice(each * SECTOR, (each + 1) * SECTOR)
            ours, theirs = bytes(self.native.bytes[span]), self.disk.now[span]
            at = next((i for i in range(SECTOR) if ours[i] != theirs[i]), None)
            if at is not None:
                return (
                    f"sector {each} from byte {at} on: rtl {ours[at : at + 16].hex()}, "
                    f"model {theirs[at : at + 16].hex()}"
                )
        raise AssertionError("the disks are equal")


# ---- the network


class FollowedNet(NetFunction):
    """The golden function whose frames go into the buffers that the Verilog chose.

    When a frame is dropped for want of buffers depends on time, and so does the queue of a
    frame whose flow was just sent from. So the frame that lies in the Verilog's buffers is looked
    up among those that wait; frames of one queue stay in their order.
    """

    device: Surroundings

    def __init__(self, **arguments: Any) -> None:
        self.limit: dict[int, int] = {}
        self.target: Optional[int] = None  # the queue that is being stepped
        self.exact = False  # it is known how many chains the Verilog has returned of it
        self.fresh = True  # nothing was given in this step
        self.from_queue: list[deque[bytes]] = [deque() for _ in range(8)]
        self.begun: list[deque[bytes]] = []  # of queues' ends: these need not have been sent
        self._numbers: deque[int] = deque()  # of the frames that wait
        self.received = 0  # frames from the MAC
        self.placed: list[int] = []  # numbers of those that lie in buffers
        self._last: dict[int, int] = {}  # number of the frame last given to a queue
        super().__init__(**arguments)

    def reset(self) -> None:
        """See `NetFunction`."""
        super().reset()
        self._numbers.clear()
        self._last.clear()

    def holds(self, queue: int) -> int:
        """As many as the Verilog has returned, since others may not be read yet."""
        most = super().holds(queue)
        return min(most, self.limit.get(queue, most) or NONE_NOW) if most else 0

    def takes(self, queue: int) -> bool:
        """Whether it is a receive queue."""
        return super().holds(queue) > 0

    def receive(self, frame: bytes, bad: bool = False) -> None:
        """See `NetFunction`."""
        before = self.waiting
        super().receive(frame, bad)
        if self.waiting > before:
            self._numbers.append(self.received)
        self.received += 1

    def lose_waiting(self) -> None:
        """The Verilog is idle: what waits here was dropped there."""
        self._lose(len(self._frames))

    def _lose(self, frames: int) -> None:
        self.counters["rx_no_buffer"] += frames  # or another of `DROPS`
        for _ in range(frames):
            self._frames.popleft()
            self._numbers.popleft()

    def _target(self) -> Optional[int]:
        return self.target

    def ready(self, queue: int, room: Sequence[int]) -> Optional[list[bytes]]:
        """See `DeviceFunction`."""
        answers = self._answers(queue, room)
        if answers is not None and self.exact:
            self.limit[queue] -= len(answers)  # no chain is taken in their place
        return answers

    def _answers(self, queue: int, room: Sequence[int]) -> Optional[list[bytes]]:
        held = self.device.held(queue)
        end = self.device.last_of_batch(queue)
        if queue != self.target or not room:
            return None
        if end is not None and self.fresh and all(chain.id != end for chain in held):
            return None
        merge = bool(self._negotiated & NetFeature.MRG_RXBUF)
        if room[0] < HEADER_BYTES + (0 if merge else ETHERNET_BYTES):
            return super().ready(queue, room)
        for at, waiting in enumerate(self._frames):
            if self._numbers[at] < self._last.get(queue, 0):
                continue
            if self._lies_in(held, waiting.frame, MAX_MERGE if merge else 1):
                break
        else:
            return None
        self.fresh = False
        self._last[queue] = self._numbers[at] + 1
        self.placed.append(self._numbers[at])
        if self.enabled == 1:  # those before it can no longer come
            self._lose(at)
            at = 0
        waiting = self._frames[at]
        del self._frames[at], self._numbers[at]
        self._frames.appendleft(waiting)
        return super().ready(queue, room)

    def _lies_in(self, held: Sequence[Chain], frame: bytes, most: int) -> bool:
        """Whether the Verilog has written a frame into the first of the chains held."""
        left = HEADER_BYTES + len(frame)
        if sum(chain.writable_len for chain in held[:most]) < left:
            return False
        found = b""
        for chain in held[:most]:
            for addr, length in chain.writable:
                take = min(left - len(found), length)
                found += self.device.seen.read(addr, take)
        return found[HEADER_BYTES:] == frame

    def begin(self, queue: int, packets: Sequence[bytes]) -> None:
        """Note what a queue would have sent, were it not for its end."""
        if queue % 2 == 0 or queue >= 2 * self._usable:
            return
        pair, kept = queue // 2, (self.counters, self._flows, self.from_queue[queue // 2])
        begun: deque[bytes] = deque()
        self.counters, self._flows, self.from_queue[pair] = dict(self.counters), {}, begun
        for packet in packets:
            self._transmit(pair, packet)
        self.counters, self._flows, self.from_queue[pair] = kept
        self.begun.append(begun)

    def _transmit(self, pair: int, packet: bytes) -> None:
        before = len(self.sent)
        super()._transmit(pair, packet)
        if len(self.sent) > before:
            self.from_queue[pair].append(self.sent.pop())


class NetOutside(Outside):
    """The network device's MAC: frames in are given to the model, frames out are compared.

    Args:
        mac: of the Verilog.
        pairs, mtu, credits: as the device was built.
    """

    def __init__(self, mac: Mac, *, pairs: int = 1, mtu: int = 1500, credits: int = 64) -> None:
        self.net = FollowedNet(pairs=pairs, mtu=mtu, credits=credits)
        super().__init__(self.net)
        self.mac = mac
        self._given = self._sent = 0
        self._out: deque[Frame] = deque()
        self._expected: dict[int, Optional[int]] = {}

    def attach(self, device: Surroundings) -> None:
        """See `Outside`."""
        self.net.device = device

    def published(self, queue: int, chains: Optional[int]) -> None:
        """See `Outside`."""
        if not self.net.takes(queue):
            return
        self._take_given()
        self.net.target, self.net.exact = queue, chains is not None
        self._expected[queue] = chains
        held = len(self.net.device.held(queue))
        self.net.limit[queue] = max(held, chains or 1)

    def step(self) -> None:
        """See `Outside`."""
        self.net.fresh = True

    def more(self, queue: int) -> bool:
        """See `Outside`."""
        net = self.net
        if not net.takes(queue) or self._expected[queue] is not None:
            return False
        if len(net.device.held(queue)) < net.limit[queue] or net.limit[queue] > net.credits:
            return False
        net.limit[queue] += 1
        return True

    def ended(self, queue: int, requests: Sequence[Request]) -> None:
        """See `Outside`."""
        self.net.begin(queue, [request.readable for request in requests])

    def take_frames(self) -> list[int]:
        """See `Outside`."""
        found, self.net.placed = self.net.placed, []
        return found

    def quiet(self) -> None:
        """See `Outside`."""
        self._take_given()
        self.net.target = None
        self.net.limit.clear()
        self.net.lose_waiting()

    def _take_given(self) -> None:
        given = self.mac.frames(True, self._given)
        self._given += len(given)
        for frame in given:
            self.net.receive(frame.data, frame.bad)

    def differences(self, quiet: bool) -> list[str]:
        """See `Outside`."""
        sent = self.mac.frames(False, self._sent)
        self._sent += len(sent)
        self._out.extend(frame for frame in sent if not frame.bad)  # cut short by a reset
        queues = self.net.from_queue
        while self._out:
            frame = self._out[0].data
            sources = [*queues, *self.net.begun]
            source = next((queue for queue in sources if queue and queue[0] == frame), None)
            if source is None:
                break
            source.popleft()
            self._out.popleft()
        if quiet:
            self.net.begun.clear()
        if not quiet or not (self._out or any(queues)):
            return []
        ours = [_text(frame.data) for frame in self._out]
        theirs = [_text(frame) for queue in queues for frame in queue]
        return [f"frames sent: rtl {_some(ours)}, model {_some(theirs)}"]

    def own_registers(self, values: Sequence[int]) -> list[int]:
        """See `Outside`: the frames that were dropped count as one sum."""
        names = list(self.net.counters)
        ours = list(values)
        drops = sum(ours[names.index(name)] for name in DROPS)
        for name in DROPS:
            ours[names.index(name)] = 0
        return [*ours, drops]


def _text(frame: bytes) -> str:
    return f"{len(frame)} bytes {frame[:64].hex()}{'...' if len(frame) > 64 else ''}"


def _some(frames: Sequence[str]) -> str:
    more = f" and {len(frames) - 2} more" if len(frames) > 2 else ""
    return (", ".join(frames[:2]) or "none") + more
