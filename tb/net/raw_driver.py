# SPDX-License-Identifier: Apache-2.0
"""A driver of network devices that does just what it is told, right or wrong, for tests."""

from __future__ import annotations

from typing import Any, NamedTuple

from pymodel import Driver, QueueRequest, Returned
from pymodel.buffers import Buffers
from pymodel.config_space import find
from pymodel.net_function import HEADER_BYTES, NET_DEVICE_ID, NET_FIELDS, NetFeature
from pymodel.steps import Steps, at
from pymodel.transport import reset_queue

ALL = int(sum(NetFeature))


class Received(NamedTuple):
    """A packet that came in.

    Attributes:
        pair: the queue pair.
        parts: bytes in each of its buffers.
        data: all its bytes, with the header.
    """

    pair: int
    parts: tuple[int, ...]
    data: bytes

    @property
    def frame(self) -> bytes:
        """The frame without its header."""
        return self.data[HEADER_BYTES:]


class RawNet(Driver):
    """Gives buffers, frames and commands when it is told.

    Args:
        features: device-type feature bits to accept where they are offered, a mask.
        size: descriptors of each queue.

    Attributes:
        received: packets, in order.
        empty: receive buffers that came back with nothing in them.
        acks: what came back of commands, in order.
        sent: frames to send that came back.
        together: the packet's buffers were all used when its first one was seen.
    """

    device_id = NET_DEVICE_ID

    def __init__(self, features: int = ALL, size: int = 64) -> None:
        self._wanted, self._size = features, size
        self.received: list[Received] = []
        self.empty = 0
        self.acks: list[bytes] = []
        self.sent = 0
        self.together = True

    def choose(self, offer: int) -> int:
        """See `Driver`."""
        self.features = self._wanted & offer
        return self.features

    def probe(self, device: Any) -> Steps[None]:
        """See `Driver`: sets all queues up, gives no buffers."""
        self._buffers = Buffers(device.memory, device.allocator)
        pairs = 1
        if self.features & NetFeature.MQ:
            pairs = yield from device.read_config(find(NET_FIELDS, "max_virtqueue_pairs"))
        self.pairs = pairs
        requests = []
        for pair in range(pairs):
            requests.append(QueueRequest(2 * pair, self._rx_used, self._size))
            requests.append(QueueRequest(2 * pair + 1, self._tx_used, self._size))
        if self.features & NetFeature.CTRL_VQ:
            requests.append(QueueRequest(2 * pairs, self._control_used, self._size))
        self.queues = yield from device.find_queues(requests)

    # ---- what a test does

    def give(self, pair: int, *sizes: int) -> Steps[None]:
        """Give receive buffers of these sizes, in one batch."""
        queue = self.queues[2 * pair]
        for size in sizes:
            addr = self._buffers.take(max(size, 1))
            queue.add_buf([(addr, size)], 0, 1, addr)
        queue.sync()
        yield from self.device.kick()

    def send(self, pair: int, *packets: bytes, cut: int = 0) -> Steps[None]:
        """Send packets, each with its header, in one batch; split at `cut` bytes if not 0."""
        queue = self.queues[2 * pair + 1]
        for packet in packets:
            addr = self._buffers.put(packet or b"\0")
            segments = [(addr, len(packet))]
            if 0 < cut < len(packet):
                segments = [(addr, cut), (addr + cut, len(packet) - cut)]
            queue.add_buf(segments, len(segments), 0, addr)
        queue.sync()
        yield from self.device.kick()

    def command(self, data: bytes, room: int = 1) -> Steps[bytes]:
        """Do a control command; return what was written of the acknowledgement."""
        queue = self.queues[-1]
        addr = self._buffers.put(data + bytes(room) or b"\0")
        sizes = [(addr, len(data))] if data else []
        back = [(addr + len(data), room)] if room else []
        before = len(self.acks)
        queue.add_buf([*sizes, *back], len(sizes), len(back), (addr, addr + len(data)))
        queue.sync()
        yield from self.device.kick()
        yield from self.device.wait_until(lambda: len(self.acks) > before)
        return self.acks[-1]

    def reset(self, pair: int) -> Steps[None]:
        """Reset a pair's receive queue, which stays so; its buffers are lost."""
        yield from at(self.device.base, reset_queue(2 * pair))

    def buffers(self, pair: int) -> int:
        """Return how many receive buffers of a pair are out."""
        return len(self.queues[2 * pair].outstanding)

    def removed(self, returned: list[Returned]) -> list[Any]:
        """See `Driver`."""
        self._buffers.free_all()
        return [(back.queue, back.length) for back in returned]

    # ---- callbacks

    def _rx_used(self, queue: Any) -> bool:
        while (used := queue.get_buf()) is not None:
            data = self._take(used.data, used.length)
            if not data:
                self.empty += 1
                continue
            parts = [len(data)]
            for _ in range(int.from_bytes(data[10:12], "little") - 1):
                used = queue.get_buf()
                if used is None:
                    self.together = False
                    break
                parts.append(used.length)
                data += self._take(used.data, used.length)
            self.received.append(Received(queue.index // 2, tuple(parts), data))
        return True

    def _tx_used(self, queue: Any) -> bool:
        while (used := queue.get_buf()) is not None:
            self._buffers.free(used.data)
            self.sent += 1
        return True

    def _control_used(self, queue: Any) -> bool:
        while (used := queue.get_buf()) is not None:
            addr, back = used.data
            self.acks.append(self._buffers.read(back, used.length))
            self._buffers.free(addr)
        return True

    def _take(self, addr: int, length: int) -> bytes:
        data = self._buffers.read(addr, length)
        self._buffers.free(addr)
        return data
