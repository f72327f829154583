# SPDX-License-Identifier: Apache-2.0
"""Captures of Ethernet frames: pcap and pcapng in, pcap with nanoseconds out, by scapy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from pymodel.net_function import ETHERNET_BYTES, VLAN_BYTES

ETHERNET = 1  # link type
SECOND_NS = 1_000_000_000
TAG = b"\x81\x00"


class CaptureError(Exception):
    """A capture that cannot be used; the text says why, in one line."""


class Captured(NamedTuple):
    """A frame of a capture: nanoseconds from the start, and its bytes."""

    time_ns: int
    data: bytes


def read(path: Path, mtu: int) -> list[Captured]:
    """Return the frames of a capture.

    Args:
        path: a pcap or pcapng file of Ethernet frames.
        mtu: largest packet of the network that they are to be sent over, bytes.

    Raises:
        CaptureError: there is no such file, it is no capture, or a frame cannot be sent.
    """
    from scapy.error import Scapy_Exception
    from scapy.utils import RawPcapNgReader, RawPcapReader

    if not path.is_file():
        raise CaptureError(f"{path}: there is no such file")
    frames: list[Captured] = []
    try:
        with RawPcapReader(str(path)) as reader:
            ng = isinstance(reader, RawPcapNgReader)
            nano = getattr(reader, "nano", False)
            for number, (data, about) in enumerate(reader, 1):
                link = getattr(about if ng else reader, "linktype", None)
                if link != ETHERNET:
                    raise CaptureError(f"{path}: link type {link}, which is not Ethernet")
                if about.wirelen is not None and about.wirelen > len(data):
                    raise CaptureError(
                        f"{path}: frame {number} is cut, {len(data)} of {about.wirelen} bytes"
                    )
                check(path, number, data, mtu)
                time_ns = 0 if ng else about.sec * SECOND_NS + about.usec * (1 if nano else 1000)
                frames.append(Captured(time_ns, data))
    except (Scapy_Exception, EOFError, OSError) as error:
        raise CaptureError(f"{path}: this is no capture ({error})") from None
    if not frames:
        raise CaptureError(f"{path}: no frame is in it")
    return frames


def check(path: Path, number: int, data: bytes, mtu: int) -> None:
    """Raise CaptureError if a frame cannot be sent."""
    longest = mtu + ETHERNET_BYTES + (VLAN_BYTES if data[12:14] == TAG else 0)
    if not ETHERNET_BYTES <= len(data) <= longest:
        raise CaptureError(
            f"{path}: frame {number} has {len(data)} bytes, not {ETHERNET_BYTES} to {longest}"
        )


def write(path: Path, frames: Iterable[Captured]) -> None:
    """Write a pcap with nanoseconds."""
    from scapy.utils import RawPcapWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    with RawPcapWriter(str(path), linktype=ETHERNET, nano=True) as writer:
        writer.write_header(None)
        for frame in frames:
            second, rest = divmod(frame.time_ns, SECOND_NS)
            writer.write_packet(frame.data, sec=second, usec=rest)


def summary(data: bytes) -> str:
    """Return a frame in words."""
    from scapy.layers.l2 import Ether

    return str(Ether(data).summary())


def equal(first: Sequence[Captured], second: Sequence[Captured]) -> bool:
    """Whether two captures have the same frames, whatever their times."""
    return [frame.data for frame in first] == [frame.data for frame in second]
