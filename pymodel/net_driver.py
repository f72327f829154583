# SPDX-License-Identifier: Apache-2.0
"""A driver of network devices (section 5.1): Ethernet frames in and out.

No offload is negotiated, so every header is zeros but for `num_buffers`, frames carry their
checksums (NET-DRV-19, -20, -47), and nothing of a received header but that number matters
(NET-DRV-70, -72 to -76, -78).
"""

from __future__ import annotations

import errno
from collections import deque
from dataclasses import dataclass
from typing import Any, Callable

from .allocator import OutOfMemory
from .buffers import Buffers
from .config_space import find
from .driver import Driver
from .net_function import (
    ACK_OK,
    ETHERNET_BYTES,
    HEADER_BYTES,
    NET_CONFIG,
    NET_DEVICE_ID,
    STATUS_LINK_UP,
    VLAN_BYTES,
    Control,
    NetFeature,
)
from .net_receive import Receiver
from .queue_request import QueueRequest, Returned
from .ring_driver import RingVirtqueue
from .steps import Steps
from .virtio_device import VirtioDevice
from .virtqueue import NoSpaceError, Virtqueue

CTRL_RX = 1 << 18
FEATURES = int(sum(NetFeature)) | CTRL_RX
NEED_CONTROL = int(NetFeature.MQ | NetFeature.CTRL_MAC_ADDR) | CTRL_RX  # NET-XDEV-02
LOCAL_MAC = bytes.fromhex("020000000001")  # locally administered (NET-DRV-04)
LEAST_MTU, USUAL_MTU = 68, 1500
LEAST_BUFFER = 1526  # bytes, where each frame has one (NET-DRV-66)
VLAN_TAG = b"\x81\x00"
NO_ACK = 0xFF  # what the driver puts where the device is to acknowledge


class NetError(OSError):
    """What cannot be sent or done; `errno` says why.

    EMSGSIZE: the frame is over the MTU. EINVAL: it is no frame, or there is no such queue.
    ENETDOWN: the link is down. ENOTSUP: the device does not have that. EIO: the device refused a
    command. ECANCELED: the device was removed first.
    """


@dataclass(eq=False)
class _Sending:
    """A frame that the device has."""

    frame: bytes
    addr: int


@dataclass(eq=False)
class _Command:
    """A command that the device has: the places of its bytes and of its acknowledgement."""

    addr: int
    ack_at: int
    ack: int | None = None
    cancelled: bool = False


class VirtioNet(Driver):
    """Sends and receives Ethernet frames, without preamble and check sequence.

    Args:
        pairs: queue pairs to set up and use at most.
        buffers: receive buffers of each queue.
        buffer_bytes: of a receive buffer where frames may be spread over several (MRG_RXBUF);
            more than a header (NET-DRV-67).
        features: feature bits to accept where they are offered.

    Attributes:
        mac: physical address (NET-DRV-03).
        mtu: largest packet, bytes, without the Ethernet header.
        link: the link is up (NET-DRV-05, NET-DRV-06).
        pairs: queue pairs in use.
        sent: frames that the device took.
        on_receive: called as `on_receive(frame, pair)` for each frame, instead of its being kept
            for `receive`.
        on_sent: called as `on_sent(frame)` when the device has taken one.
        on_link: called as `on_link(up)` when the link has changed.
    """

    device_id = NET_DEVICE_ID

    def __init__(
        self,
        pairs: int = 1,
        *,
        buffers: int = 64,
        buffer_bytes: int = 1536,
        features: int = FEATURES,
    ) -> None:
        if pairs < 1 or buffers < 1 or buffer_bytes <= HEADER_BYTES:
            raise NetError(
                errno.EINVAL, f"{pairs} pairs with {buffers} buffers of {buffer_bytes} bytes"
            )
        self.mac, self.mtu, self.link, self.pairs, self.sent = LOCAL_MAC, USUAL_MTU, True, 1, 0
        self.on_receive: Callable[[bytes, int], None] | None = None
        self.on_sent: Callable[[bytes], None] | None = None
        self.on_link: Callable[[bool], None] | None = None
        self._wanted, self._features = pairs, int(features)
        self._buffer_count, self._buffer_bytes = buffers, buffer_bytes
        self._frames: deque[tuple[bytes, int]] = deque()
        self._receivers: list[Receiver] = []
        self._transmit: list[RingVirtqueue[Any]] = []
        self._control: RingVirtqueue[Any] | None = None
        self._sending: set[_Sending] = set()

    # ---- set-up

    def choose(self, offer: int) -> int:
        """See `Driver`; what needs the control queue goes with it only (FEAT-DRV-02)."""
        both = offer & self._features
        return both if both & NetFeature.CTRL_VQ else both & ~NEED_CONTROL

    def probe(self, device: VirtioDevice) -> Steps[None]:
        """Read the configuration, find and fill the queues (NET-DRV-69)."""
        self._buffers = Buffers(device.memory, device.allocator)
        if device.has(NetFeature.MAC):
            self.mac = (yield from self._field("mac")).to_bytes(6, "little")
        if device.has(NetFeature.MTU):
            self.mtu = yield from self._field("mtu")
            if self.mtu < LEAST_MTU:
                raise NetError(errno.EINVAL, f"an MTU of {self.mtu} bytes")
        yield from self._read_link()
        most = 1
        if device.has(NetFeature.MQ):
            most = yield from self._field("max_virtqueue_pairs")
        yield from self._find_queues(device, min(most, self._wanted), 2 * most)
        yield from device.ready()
        if self._wanted > 1 and most > 1:
            yield from self.set_queue_pairs(len(self._receivers))

    def _find_queues(self, device: VirtioDevice, pairs: int, control: int) -> Steps[None]:
        """Set queues up: receiveq and transmitq of each pair, and the control queue behind all."""
        merge = device.has(NetFeature.MRG_RXBUF)
        longest = HEADER_BYTES + self.longest  # NET-DRV-08
        size = self._buffer_bytes if merge else max(LEAST_BUFFER, longest)
        requests = []
        for pair in range(pairs):
            receiver = Receiver(pair, self._buffers, size, merge, self._received)
            self._receivers.append(receiver)
            requests.append(QueueRequest(2 * pair, receiver.used))
            requests.append(QueueRequest(2 * pair + 1, self._taken))
        if device.has(NetFeature.CTRL_VQ):
            requests.append(QueueRequest(control, self._acknowledged))
        queues = yield from device.find_queues(requests)
        self._transmit = queues[1 : 2 * pairs : 2]
        self._control = queues[2 * pairs] if len(queues) > 2 * pairs else None
        least = -(-longest // size)
        for receiver, queue in zip(self._receivers, queues[0 : 2 * pairs : 2]):
            receiver.fill(queue, max(least, self._buffer_count))

    @property
    def longest(self) -> int:
        """Bytes of the longest frame: MTU, Ethernet header, VLAN tag."""
        return self.mtu + ETHERNET_BYTES + VLAN_BYTES

    def _field(self, name: str) -> Steps[int]:
        return self.device.read_config(find(NET_CONFIG.fields, name))

    def _read_link(self) -> Steps[None]:
        if self.device.has(NetFeature.STATUS):
            self.link = bool((yield from self._field("status")) & STATUS_LINK_UP)

    def config_changed(self) -> Steps[None]:
        """Learn whether the link is up."""
        before = self.link
        yield from self._read_link()
        if self.link != before and self.on_link is not None:
            self.on_link(self.link)

    # ---- frames out

    @property
    def in_flight(self) -> int:
        """Frames that the device has not taken yet."""
        return len(self._sending)

    def send(self, *frames: bytes, pair: int = 0) -> Steps[None]:
        """Send frames, in order; waits where the queue has no room. `drain` waits for the rest.

        Raises:
            NetError: EMSGSIZE, EINVAL, ENETDOWN; nothing was sent.
            DeviceError: the device is of no use.
        """
        self.device.check()
        if not 0 <= pair < self.pairs:  # NET-DRV-94, NET-DRV-95
            raise NetError(errno.EINVAL, f"pair {pair} is not one of {self.pairs} in use")
        for frame in frames:
            self._check_frame(frame)
        queue = self._transmit[pair]
        for frame in frames:
            while not self._add(queue, frame):
                queue.sync()
                yield from self.device.kick()
                yield from self._one_taken()
        queue.sync()
        yield from self.device.kick()

    def drain(self) -> Steps[None]:
        """Return when the device has taken every frame.

        Raises:
            DeviceError: the device is of no use.
        """
        yield from self.device.wait_until(lambda: not self._sending)

    def _check_frame(self, frame: bytes) -> None:
        if not self.link:
            raise NetError(errno.ENETDOWN, "the link is down")
        if len(frame) < ETHERNET_BYTES:
            raise NetError(errno.EINVAL, f"a frame of {len(frame)} bytes")
        tag = VLAN_BYTES if frame[12:14] == VLAN_TAG else 0
        if len(frame) > self.mtu + ETHERNET_BYTES + tag:  # NET-DRV-09
            raise NetError(errno.EMSGSIZE, f"a frame of {len(frame)} bytes, MTU {self.mtu}")

    def _add(self, queue: RingVirtqueue[Any], frame: bytes) -> bool:
        """Add a frame behind its header (NET-DRV-17, NET-DRV-18); whether there was room."""
        try:
            sending = _Sending(frame, self._buffers.put(bytes(HEADER_BYTES) + frame))
        except OutOfMemory as error:
            if not self._sending:
                raise NoSpaceError(str(error)) from None
            return False
        try:
            queue.add_buf([(sending.addr, HEADER_BYTES + len(frame))], 1, 0, sending)
        except NoSpaceError:
            self._buffers.free(sending.addr)
            if not self._sending:
                raise
            return False
        self._sending.add(sending)
        return True

    def _one_taken(self) -> Steps[None]:
        before = self.in_flight
        yield from self.device.wait_until(lambda: self.in_flight < before)

    def _taken(self, queue: Virtqueue) -> bool:
        while (used := queue.get_buf()) is not None:
            self._strike(used.data, taken=True)
        return True

    def _strike(self, sending: _Sending, taken: bool) -> None:
        self._sending.discard(sending)
        self._buffers.free(sending.addr)
        if taken:
            self.sent += 1
            if self.on_sent is not None:
                self.on_sent(sending.frame)

    # ---- frames in

    def receive(self) -> Steps[bytes | None]:
        """Return the oldest frame that has come, or None."""
        found = yield from self.receive_from()
        return None if found is None else found[0]

    def receive_from(self) -> Steps[tuple[bytes, int] | None]:
        """Return the oldest frame that has come and its queue pair, or None."""
        if not self._frames and self.device.live and self.device.broken is None:
            for receiver in self._receivers:
                receiver.collect()
            yield from self.device.kick()
        return self._frames.popleft() if self._frames else None

    @property
    def waiting(self) -> int:
        """Frames that were received and not asked for yet."""
        return len(self._frames)

    @property
    def dropped(self) -> int:
        """Received buffers that held no frame."""
        return sum(receiver.dropped for receiver in self._receivers)

    def _received(self, frame: bytes, pair: int) -> None:
        if self.on_receive is None:
            self._frames.append((frame, pair))
        else:
            self.on_receive(frame, pair)

    # ---- control

    def set_queue_pairs(self, count: int) -> Steps[None]:
        """Use the first `count` queue pairs.

        Raises:
            NetError: ENOTSUP; EINVAL, so many were not set up (NET-DRV-92, NET-DRV-93); EIO.
        """
        self._need(NetFeature.MQ)
        if not 1 <= count <= len(self._receivers):
            raise NetError(errno.EINVAL, f"{count} pairs of {len(self._receivers)}")
        before = self.pairs
        self.pairs = min(before, count)  # while the command is under way (NET-DRV-95)
        try:
            yield from self.command(Control.VQ_PAIRS_SET, count.to_bytes(2, "little"))
        except OSError:
            self.pairs = before
            raise
        self.pairs = count

    def set_mac(self, mac: bytes) -> Steps[None]:
        """Set the physical address.

        Raises:
            NetError: EINVAL; ENOTSUP, also without CTRL_RX (NET-DRV-83); EIO.
        """
        if len(mac) != 6:
            raise NetError(errno.EINVAL, f"an address of {len(mac)} bytes")
        self._need(NetFeature.CTRL_MAC_ADDR)
        self._need(CTRL_RX)
        yield from self.command(Control.MAC_ADDR_SET, mac)
        self.mac = mac

    def command(self, code: int, data: bytes) -> Steps[None]:
        """Send a command, class and command in `code` as in `Control` (NET-XDEV-05).

        Raises:
            NetError: ENOTSUP, there is no control queue; EIO, the device refused it.
            DeviceError: the device is of no use.
        """
        self.device.check()
        if self._control is None:
            raise NetError(errno.ENOTSUP, "the device has no control queue")
        body = code.to_bytes(2, "big") + data
        addr = self._buffers.put(body + bytes([NO_ACK]))
        command = _Command(addr, addr + len(body))
        try:
            self._control.add_buf([(addr, len(body)), (command.ack_at, 1)], 1, 1, command)
        except OSError:
            self._buffers.free(addr)
            raise
        self._control.sync()
        yield from self.device.kick()
        yield from self.device.wait_until(lambda: command.ack is not None)
        if command.cancelled:
            raise NetError(errno.ECANCELED, "the device was removed")
        if command.ack != ACK_OK:
            raise NetError(errno.EIO, f"the device refused command {code:#x}")

    def _need(self, feature: int) -> None:
        if not self.device.has(feature):
            raise NetError(errno.ENOTSUP, f"the device has no feature {feature:#x}")

    def _acknowledged(self, queue: Virtqueue) -> bool:
        while (used := queue.get_buf()) is not None:
            self._end_command(used.data)
        return True

    def _end_command(self, command: _Command) -> None:
        (command.ack,) = self._buffers.read(command.ack_at, 1)
        self._buffers.free(command.addr)

    # ---- the end

    def removed(self, returned: list[Returned]) -> list[Any]:
        """Keep the frames that came for `receive`; free all buffers.

        Returns:
            The frames that were not sent.
        """
        unsent: list[bytes] = []
        for back in returned:
            token, used = back.token, back.length is not None
            if isinstance(token, _Sending):
                self._strike(token, used)
                if not used:
                    unsent.append(token.frame)
            elif isinstance(token, _Command):
                token.cancelled = not used
                self._end_command(token)
            elif used:
                assert isinstance(token, int) and back.length is not None
                self._receivers[back.queue // 2].piece(token, back.length)
        for receiver in self._receivers:
            receiver.end()
        self._buffers.free_all()
        return unsent
