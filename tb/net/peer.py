# SPDX-License-Identifier: Apache-2.0
"""A host on the other side of the wire, made by scapy: it answers ARP, ping and UDP."""

from __future__ import annotations

import random
from typing import Any

OUR_IP, PEER_IP = "192.0.2.1", "192.0.2.2"
PEER_MAC = "02:00:00:00:00:02"
ECHO_PORT = 7


class Peer:
    """The host: `answer` is given every frame that it sees."""

    def answer(self, data: bytes) -> list[bytes]:
        """Return the frames with which it answers one."""
        from scapy.layers.inet import ICMP, IP, UDP
        from scapy.layers.l2 import ARP, Ether

        frame = Ether(data)
        reply: Any = None
        if ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == PEER_IP:
            asked = frame[ARP]
            reply = ARP(op=2, hwsrc=PEER_MAC, psrc=PEER_IP, hwdst=asked.hwsrc, pdst=asked.psrc)
        elif frame.dst != PEER_MAC or IP not in frame or frame[IP].dst != PEER_IP:
            return []
        elif ICMP in frame and frame[ICMP].type == 8:
            echo = frame[ICMP]
            reply = IP(src=PEER_IP, dst=frame[IP].src)
            reply /= ICMP(type=0, id=echo.id, seq=echo.seq) / bytes(echo.payload)
        elif UDP in frame and frame[UDP].dport == ECHO_PORT:
            udp = frame[UDP]
            reply = IP(src=PEER_IP, dst=frame[IP].src)
            reply /= UDP(sport=ECHO_PORT, dport=udp.sport) / bytes(udp.payload)
        return [] if reply is None else [bytes(Ether(src=PEER_MAC, dst=frame.src) / reply)]


def conversation(mac: bytes) -> list[bytes]:
    """Return the frames of a host with this address that asks the peer: ARP, pings, UDP."""
    from scapy.layers.inet import ICMP, IP, UDP
    from scapy.layers.l2 import ARP, Ether

    ours = mac.hex(":")
    frames: list[Any] = [
        Ether(src=ours, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=ours, psrc=OUR_IP, pdst=PEER_IP)
    ]
    there = Ether(src=ours, dst=PEER_MAC) / IP(src=OUR_IP, dst=PEER_IP)
    for number, size in enumerate((0, 56, 1000, 1472)):
        frames.append(there / ICMP(type=8, id=1, seq=number) / random.randbytes(size))
    for number, size in enumerate((1, 18, 512, 1472)):
        frames.append(there / UDP(sport=4000 + number, dport=ECHO_PORT) / random.randbytes(size))
    frames.append(there / UDP(sport=4999, dport=9) / b"nobody answers this")
    return [bytes(frame) for frame in frames]
