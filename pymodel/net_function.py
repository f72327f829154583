# SPDX-License-Identifier: Apache-2.0
"""The network device's function (section 5.1): frames between virtqueues and a MAC."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from .config_space import OWN_BASE, ConfigField, ConfigSpace, pack
from .functions import DeviceFunction
from .registers import Access

NET_DEVICE_ID = 1
HEADER_BYTES = 12  # always, since no tail field is offered (NET-XDEV-03)
ETHERNET_BYTES = 14  # header of a frame: the shortest one that is taken
VLAN_BYTES = 4
MAX_MERGE = 32  # buffers of one received frame
FLOWS = 256  # rows of the table of flows
STATUS_LINK_UP = 1
COUNTER_MASK = 0xFFFFFFFF
DEFAULT_MAC = bytes.fromhex("525400123456")


class NetFeature(enum.IntFlag):
    """Feature bits of the network device that are offered (section 5.1.3), masks."""

    MTU = 1 << 3
    MAC = 1 << 5
    MRG_RXBUF = 1 << 15
    STATUS = 1 << 16
    CTRL_VQ = 1 << 17
    MQ = 1 << 22
    CTRL_MAC_ADDR = 1 << 23


class Control(enum.IntEnum):
    """Classes and commands of the control queue (section 5.1.9.5), `class << 8 | command`."""

    MAC_ADDR_SET = 1 << 8 | 1
    VQ_PAIRS_SET = 4 << 8 | 0


ACK_OK, ACK_ERR = 0, 1

_R = Access.R
_COUNTERS = (
    ("tx_frames", "frames given to the MAC"),
    ("tx_runt", "frames to send with less than a whole header, or less than 14 bytes after it"),
    ("tx_oversized", "frames to send longer than mtu + 18 bytes"),
    ("tx_link_down", "frames to send while the link was down"),
    ("tx_damaged", "frames whose bytes could not be read, given to the MAC as bad"),
    ("rx_frames", "frames given to the driver"),
    ("rx_bad", "frames that the MAC says are bad"),
    ("rx_runt", "frames received with less than 14 bytes"),
    ("rx_oversized", "frames received longer than mtu + 18 bytes"),
    ("rx_overflow", "frames for which the frame memory had no room"),
    ("rx_no_buffer", "frames that waited for receive buffers for too long"),
    ("rx_small_buffer", "frames that did not fit the receive buffers that were there"),
    ("rx_stopped", "frames received while no receive queue worked"),
    ("rx_returned", "receive buffers too small for anything, returned empty"),
    ("ctrl_ok", "control commands done"),
    ("ctrl_error", "control commands refused"),
)
NET_FIELDS: tuple[ConfigField, ...] = (
    ConfigField(0, "mac", 6, _R, "physical address", "5.1.4", NetFeature.MAC),
    ConfigField(6, "status", 2, _R, "bit 0: the link is up", "5.1.4", NetFeature.STATUS),
    ConfigField(8, "max_virtqueue_pairs", 2, _R, "queue pairs", "NET-DEV-01", NetFeature.MQ),
    ConfigField(10, "mtu", 2, _R, "largest packet, bytes", "NET-DEV-02", NetFeature.MTU),
    *(
        ConfigField(OWN_BASE + 4 * number, name, 4, _R, meaning, "engine")
        for number, (name, meaning) in enumerate(_COUNTERS)
    ),
    ConfigField(
        OWN_BASE + 4 * len(_COUNTERS), "pairs", 4, _R, "queue pairs that are enabled", "engine"
    ),
)
NET_CONFIG = ConfigSpace("net", "Network device", NET_FIELDS, NetFeature)


class _Waiting(NamedTuple):
    """A received frame, and the hash of its flow."""

    frame: bytes
    hash: int


class NetFunction(DeviceFunction):
    """Frames go from transmit queues to `sent`, and from `receive` into receive buffers.

    Queue 2i is receiveq, 2i + 1 transmitq of pair i; the control queue's index depends on the
    features (NET-XDEV-01).

    Args:
        mac: physical address, 6 bytes.
        mtu: largest packet, bytes, 68 to 65535 (NET-DEV-02).
        pairs: queue pairs, 1 to 8; MQ is offered where there is more than one.
        credits: receive buffers of a queue that it keeps at most.

    Attributes:
        sent: frames given to the MAC, the oldest first.
        counters: by the names of the function's own registers.
        enabled: queue pairs that are in use (NET-DEV-103).

    Raises:
        ValueError: an argument is out of its range.
    """

    device_id = NET_DEVICE_ID

    def __init__(
        self,
        *,
        mac: bytes = DEFAULT_MAC,
        mtu: int = 1500,
        pairs: int = 1,
        credits: int = 64,
    ) -> None:
        super().__init__()
        if len(mac) != 6:
            raise ValueError(f"a physical address has 6 bytes, not {len(mac)}")
        if not 68 <= mtu <= 65535:
            raise ValueError(f"mtu {mtu} is not 68 to 65535")
        if not 1 <= pairs <= 8:
            raise ValueError(f"{pairs} queue pairs, not 1 to 8")
        if credits < 1:
            raise ValueError(f"{credits} receive buffers")
        self.features = int(sum(NetFeature) & ~(NetFeature.MQ if pairs == 1 else 0))
        self.mtu, self.pairs, self.credits = mtu, pairs, credits
        self.sent: list[bytes] = []
        self._first_mac = mac
        self._link = True
        self._live: set[int] = set()
        self.reset()

    def reset(self) -> None:
        """Features, address, pairs, flows and counters as at first; frames that wait are lost."""
        self.mac = self._first_mac
        self.enabled = 1
        self.counters = {name: 0 for name, _ in _COUNTERS}
        self._negotiated = NetFeature(0)
        self._flows: dict[int, tuple[int, int]] = {}  # by row: rest of the hash, pair
        self._frames: deque[_Waiting] = deque()
        self._live.clear()

    # ---- features and configuration

    def accepts(self, features: int) -> bool:
        """MQ and CTRL_MAC_ADDR need CTRL_VQ (NET-XDEV-02)."""
        needs = NetFeature.MQ | NetFeature.CTRL_MAC_ADDR
        return not features & needs or bool(features & NetFeature.CTRL_VQ)

    def configure(self, features: int) -> None:
        """See `DeviceFunction`."""
        self._negotiated = NetFeature(features & self.features)

    def config(self) -> bytes:
        """See `NET_FIELDS`."""
        values = {
            "mac": int.from_bytes(self.mac, "little"),
            "status": STATUS_LINK_UP if self._link else 0,
            "max_virtqueue_pairs": self.pairs,
            "mtu": self.mtu,
        }
        return pack(NET_FIELDS, values)

    def own_registers(self) -> Sequence[int]:
        """The counters, modulo 2^32, and the pairs that are enabled."""
        return [*(count & COUNTER_MASK for count in self.counters.values()), self.enabled]

    @property
    def link(self) -> bool:
        """Whether the link is up; a change is told to the driver."""
        return self._link

    @link.setter
    def link(self, up: bool) -> None:
        if up != self._link:
            self._link = up
            self.on_change()

    # ---- queues

    @property
    def control_queue(self) -> int | None:
        """Index of the control queue, None where it was not negotiated (NET-XDEV-01)."""
        if not self._negotiated & NetFeature.CTRL_VQ:
            return None
        return 2 * self._usable

    @property
    def _usable(self) -> int:
        """Queue pairs that the driver may use."""
        return self.pairs if self._negotiated & NetFeature.MQ else 1

    def holds(self, queue: int) -> int:
        """Receive queues keep their buffers."""
        return self.credits if queue % 2 == 0 and queue < 2 * self._usable else 0

    def started(self, queue: int) -> None:
        """See `DeviceFunction`."""
        self._live.add(queue)

    def stopped(self, queue: int) -> None:
        """See `DeviceFunction`."""
        self._live.discard(queue)

    def process(self, queue: int, readable: bytes, writable_len: int) -> bytes:
        """Send a frame, or do a control command; queues that are neither get nothing."""
        if queue == self.control_queue:
            return self._control(readable, writable_len)
        if queue < 2 * self._usable:
            self._transmit(queue // 2, readable)
        return b""

    # ---- transmit

    def _transmit(self, pair: int, packet: bytes) -> None:
        """Send a frame; nothing in its header matters (NET-DEV-15, -16, -18, -21, -23)."""
        frame = packet[HEADER_BYTES:]
        if len(frame) < ETHERNET_BYTES:
            self._count("tx_runt")
        elif len(frame) > self._longest:
            self._count("tx_oversized")
        elif not self._link:
            self._count("tx_link_down")
        else:
            self._count("tx_frames")
            self.sent.append(frame)
            flow = flow_hash(frame)
            self._flows[flow % FLOWS] = (flow // FLOWS, pair)

    @property
    def _longest(self) -> int:
        """Bytes of the longest frame: its packet, header and a VLAN tag (NET-DEV-06)."""
        return self.mtu + ETHERNET_BYTES + VLAN_BYTES

    # ---- receive

    def receive(self, frame: bytes, bad: bool = False) -> None:
        """Take a frame from the MAC.

        Args:
            frame: without its check sequence.
            bad: the MAC says that it is damaged.
        """
        if bad:
            self._count("rx_bad")
        elif len(frame) < ETHERNET_BYTES:
            self._count("rx_runt")
        elif len(frame) > self._longest:
            self._count("rx_oversized")  # NET-DEV-05
        else:
            self._frames.append(_Waiting(frame, flow_hash(frame)))

    @property
    def waiting(self) -> int:
        """Frames that wait for receive buffers."""
        return len(self._frames)

    def give_up(self) -> None:
        """The oldest frame that waits has waited for too long; nothing happens if there is none.

        To be called when the device is idle, and the device run again afterwards.
        """
        if self._frames:
            self._count("rx_stopped" if self._target() is None else "rx_no_buffer")
            self._frames.popleft()

    def _target(self) -> int | None:
        """Return the receive queue of the oldest frame, None where none works.

        A flow goes where it was last sent from, others by their hash (NET-DEV-100 to -104); where
        that queue does not work, to the first one that does (NET-DEV-105).
        """
        flow = self._frames[0].hash
        rest, pair = self._flows.get(flow % FLOWS, (-1, 0))
        if rest != flow // FLOWS or pair >= self.enabled:
            pair = spread(flow) % self.enabled
        live = [pair for pair in range(self.enabled) if 2 * pair in self._live]
        if pair in live:
            return 2 * pair
        return 2 * live[0] if live else None

    def ready(self, queue: int, room: Sequence[int]) -> list[bytes] | None:
        """Give the oldest frame its buffers, if it is for this queue and there are enough."""
        merge = bool(self._negotiated & NetFeature.MRG_RXBUF)
        while self._frames:
            target = self._target()
            if target is None:
                self._count("rx_stopped")  # NET-DEV-106
            elif target != queue or not room:
                return None
            elif room[0] < HEADER_BYTES + (0 if merge else ETHERNET_BYTES):
                self._count("rx_returned")
                return [b""]
            else:
                most = MAX_MERGE if merge else 1
                total = HEADER_BYTES + len(self._frames[0].frame)
                if sum(room[:most]) >= total:
                    return self._give(room)
                if len(room) < most:
                    return None
                self._count("rx_small_buffer")
            self._frames.popleft()
        return None

    def _give(self, room: Sequence[int]) -> list[bytes]:
        """Return the oldest frame in as many buffers as it needs (NET-DEV-28 to -37, -58)."""
        frame = self._frames.popleft().frame
        sizes: list[int] = []
        left = HEADER_BYTES + len(frame)
        while left:
            sizes.append(min(left, room[len(sizes)]))
            left -= sizes[-1]
        packet = bytes(HEADER_BYTES - 2) + len(sizes).to_bytes(2, "little") + frame
        parts = []
        for size in sizes:
            parts.append(packet[:size])
            packet = packet[size:]
        self._count("rx_frames")
        return parts

    # ---- control

    def _control(self, command: bytes, writable_len: int) -> bytes:
        """Do a command, and acknowledge it (NET-XDEV-05); without room for that it is not done."""
        if writable_len == 0:
            self._count("ctrl_error")
            return b""
        done = self._do(int.from_bytes(command[:2], "big"), command[2:], len(command))
        self._count("ctrl_ok" if done else "ctrl_error")
        return bytes([ACK_OK if done else ACK_ERR])

    def _do(self, code: int, data: bytes, length: int) -> bool:
        if length < 2:
            return False
        if code == Control.MAC_ADDR_SET and self._negotiated & NetFeature.CTRL_MAC_ADDR:
            if len(data) != 6:
                return False
            changed, self.mac = data != self.mac, data  # NET-DEV-92
            if changed:
                self.on_change()
            return True
        if code == Control.VQ_PAIRS_SET and self._negotiated & NetFeature.MQ:
            pairs = int.from_bytes(data, "little")
            if len(data) != 2 or not 1 <= pairs <= self.pairs:
                return False
            self.enabled = pairs  # NET-XDEV-06
            return True
        return False

    def _count(self, name: str) -> None:
        self.counters[name] += 1


# ---- flows


def flow_hash(frame: bytes) -> int:
    """Return the 16-bit hash of a frame's flow, the same for both its directions.

    The exclusive or of 16-bit words, big-endian, of: the IPv4 or IPv6 addresses; of an IPv4
    packet without options that is no fragment, and of an IPv6 packet without extension headers,
    the TCP or UDP ports too; of any other frame the physical addresses. One VLAN tag is skipped.
    A frame that is too short counts as if it went on with zeros.
    """
    padded = frame + bytes(64)
    at = ETHERNET_BYTES
    if padded[12:14] == b"\x81\x00":
        at += VLAN_BYTES
    kind, ip = padded[at - 2 : at], padded[at:]
    if kind == b"\x08\x00" and ip[0] >> 4 == 4:
        plain = ip[0] & 15 == 5 and not (ip[6] & 0x3F or ip[7]) and ip[9] in (6, 17)
        words = ip[12:24] if plain else ip[12:20]
    elif kind == b"\x86\xdd" and ip[0] >> 4 == 6:
        words = ip[8:44] if ip[6] in (6, 17) else ip[8:40]
    else:
        words = padded[:12]
    total = 0
    for place in range(0, len(words), 2):
        total ^= int.from_bytes(words[place : place + 2], "big")
    return total


def spread(flow: int) -> int:
    """Return the 8 bits of a hash by which a flow without an entry in the table is put."""
    return (flow >> 8 ^ flow) & 0xFF
