# SPDX-License-Identifier: Apache-2.0
"""The other end of a network cable: libslirp, a host at 10.0.2.2 that answers ARP and ping.

A guest's TCP connection to 10.0.2.2 becomes one to 127.0.0.1 of this machine, any other one goes
where it says. libslirp runs in this process and blocks nowhere: the serving loop polls its
descriptors with its own ones.
"""

from __future__ import annotations

import ctypes
import re
import select
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, Optional

from ci.toolchain import group
from tb.hil.wires import Wanted

NETWORK, MASK, HOST, GUEST, NAMES = "10.0.2.0", "255.255.255.0", "10.0.2.2", "10.0.2.15", "10.0.2.3"
GROUP = "linux"  # of `ci/debian.py`
LEAST_FRAME = 60  # bytes without check sequence: Ethernet's, which shorter ones are filled up to
LONGEST_MS = 1000  # that its own clocks are left alone
CONFIG_VERSION = 1
EVENTS = (  # of poll, and libslirp's name for them
    (select.POLLIN, 1),
    (select.POLLOUT, 2),
    (select.POLLPRI, 4),
    (select.POLLERR, 8),
    (select.POLLHUP, 16),
)

_SEND = ctypes.CFUNCTYPE(ctypes.c_ssize_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
_ERROR = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p)
_CLOCK = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)
_DESCRIPTOR = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)
_NOTIFY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_ADD = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
_FOUND = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p)


class _Callbacks(ctypes.Structure):
    """SlirpCb. Timers are IPv6's, which is off."""

    _fields_ = [
        ("send_packet", _SEND),
        ("guest_error", _ERROR),
        ("clock_get_ns", _CLOCK),
        *((f"timer_{name}", ctypes.c_void_p) for name in ("new", "free", "mod")),
        ("register_poll_fd", _DESCRIPTOR),
        ("unregister_poll_fd", _DESCRIPTOR),
        ("notify", _NOTIFY),
    ]


class _Config(ctypes.Structure):
    """SlirpConfig, version 1."""

    _fields_ = [
        ("version", ctypes.c_uint32),
        ("restricted", ctypes.c_int),
        ("in_enabled", ctypes.c_bool),
        *((name, ctypes.c_uint32) for name in ("vnetwork", "vnetmask", "vhost")),
        ("in6_enabled", ctypes.c_bool),
        ("vprefix_addr6", ctypes.c_uint8 * 16),
        ("vprefix_len", ctypes.c_uint8),
        ("vhost6", ctypes.c_uint8 * 16),
        *((name, ctypes.c_char_p) for name in ("vhostname", "tftp_name", "tftp_path", "bootfile")),
        *((name, ctypes.c_uint32) for name in ("vdhcp_start", "vnameserver")),
        ("vnameserver6", ctypes.c_uint8 * 16),
        ("vdnssearch", ctypes.c_void_p),
        ("vdomainname", ctypes.c_char_p),
        ("if_mtu", ctypes.c_size_t),
        ("if_mru", ctypes.c_size_t),
        ("disable_host_loopback", ctypes.c_bool),
        ("enable_emu", ctypes.c_bool),
    ]


class SlirpError(Exception):
    """There is no libslirp to be had; the text says why, in one line."""


def load(path: Path) -> Any:
    """Return a shared library; those that it needs may lie beside it, or not be installed.

    Raises:
        SlirpError: it cannot be loaded.
    """
    for _ in range(20):  # more than it needs
        try:
            return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            lacking = re.match(r"(\S+): cannot open shared object file", str(error))
            beside = find_beside(path, lacking[1]) if lacking else None
            if beside is None or beside == path:
                raise SlirpError(f"{path} cannot be loaded: {error}") from None
            load(beside)
    raise SlirpError(f"{path} cannot be loaded: it needs too much that is not there")


def find_beside(path: Path, name: str) -> Optional[Path]:
    """Return a library in the folder of another one, or of the same root's /lib."""
    folder = path.parent
    for candidate in (folder / name, folder.parents[2] / "lib" / folder.name / name):
        if candidate.exists():
            return candidate
    return None


class Slirp:
    """See `tb.hil.wires.Wire`.

    Args:
        to_device: takes each frame for the guest, without check sequence; called within `give` and
            `ready`.
        library: libslirp; by default that which the set-up found.

    Raises:
        SlirpError: it cannot be loaded.
    """

    def __init__(self, to_device: Callable[[bytes], None], library: Optional[Path] = None) -> None:
        self._to_device = to_device
        self._out: list[bytes] = []
        self._polled: list[tuple[int, int]] = []
        self._found: Mapping[int, int] = {}
        library = library or Path(group(GROUP)["libslirp"])
        self._native = load(library)
        self._native.slirp_new.restype = ctypes.c_void_p
        self._native.slirp_new.argtypes = [ctypes.c_void_p] * 3
        self._native.slirp_cleanup.argtypes = [ctypes.c_void_p]
        self._native.slirp_input.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        self._native.slirp_pollfds_fill.argtypes = [*([ctypes.c_void_p] * 2), _ADD, ctypes.c_void_p]
        self._native.slirp_pollfds_poll.argtypes = [
            *(ctypes.c_void_p, ctypes.c_int, _FOUND, ctypes.c_void_p)
        ]
        self._callbacks = _Callbacks(
            send_packet=_SEND(self._send),
            guest_error=_ERROR(lambda text, opaque: None),
            clock_get_ns=_CLOCK(lambda opaque: time.monotonic_ns()),
            register_poll_fd=_DESCRIPTOR(lambda fd, opaque: None),
            unregister_poll_fd=_DESCRIPTOR(lambda fd, opaque: None),
            notify=_NOTIFY(lambda opaque: None),
        )
        self._add, self._get = _ADD(self._added), _FOUND(self._revents)
        config = _Config(
            version=CONFIG_VERSION,
            in_enabled=True,
            vnetwork=_address(NETWORK),
            vnetmask=_address(MASK),
            vhost=_address(HOST),
            vdhcp_start=_address(GUEST),
            vnameserver=_address(NAMES),
        )
        callbacks = ctypes.addressof(self._callbacks)
        self._slirp = self._native.slirp_new(ctypes.addressof(config), callbacks, None)
        if not self._slirp:
            raise SlirpError(f"{library} does not start")

    def give(self, frame: bytes) -> None:
        """See `Wire`."""
        self._native.slirp_input(self._slirp, frame, len(frame))
        self._flush()

    def wanted(self) -> Wanted:
        """See `Wire`."""
        self._polled = []
        wait = ctypes.c_uint32(LONGEST_MS)
        self._native.slirp_pollfds_fill(self._slirp, ctypes.addressof(wait), self._add, None)
        return Wanted(self._polled, wait.value / 1000)

    def ready(self, found: Sequence[tuple[int, int]]) -> None:
        """See `Wire`."""
        self._found = dict(found)
        self._native.slirp_pollfds_poll(self._slirp, 0, self._get, None)
        self._flush()

    def close(self) -> None:
        """Close all connections."""
        if self._slirp:
            self._native.slirp_cleanup(self._slirp)
            self._slirp = None

    def _flush(self) -> None:
        frames, self._out = self._out, []
        for frame in frames:
            self._to_device(frame.ljust(LEAST_FRAME, b"\0"))

    def _send(self, data: int, length: int, opaque: Any) -> int:
        self._out.append(ctypes.string_at(data, length))
        return length

    def _added(self, fd: int, events: int, opaque: Any) -> int:
        self._polled.append((fd, sum(own for own, other in EVENTS if events & other)))
        return len(self._polled) - 1

    def _revents(self, index: int, opaque: Any) -> int:
        found = self._found.get(self._polled[index][0], 0)
        return sum(other for own, other in EVENTS if found & own)


def _address(text: str) -> int:
    """Return an IPv4 address as it lies in memory, as the machine reads it."""
    return int.from_bytes(socket.inet_aton(text), "little")
