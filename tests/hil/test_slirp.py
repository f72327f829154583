# SPDX-License-Identifier: Apache-2.0
"""The host at the other end of the wire, without a simulator."""

import http.server
import select
import threading
import time

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

from tb.hil.slirp import GUEST, HOST, LEAST_FRAME, Slirp, SlirpError

MAC = "52:54:00:12:34:56"
SECONDS = 10
BODY = bytes(range(256)) * 400


class Guest:
    """Frames by hand: sends, and waits for what comes."""

    def __init__(self):
        self.frames = []
        self.slirp = Slirp(self.frames.append)
        self.host = "ff:ff:ff:ff:ff:ff"

    def turn(self):
        """Poll once, as the serving loop does."""
        wanted = self.slirp.wanted()
        poll = select.poll()
        for fd, events in wanted.descriptors:
            poll.register(fd, events)
        self.slirp.ready(poll.poll(min(wanted.seconds, 0.2) * 1000))

    def send(self, packet):
        self.slirp.give(bytes(Ether(src=MAC, dst=self.host) / packet))

    def receive(self, kind):
        """Return the next frame with a layer of this kind."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            while self.frames:
                frame = Ether(self.frames.pop(0))
                if kind in frame:
                    return frame
                if ARP in frame and frame[ARP].op == 1:
                    self.answer(frame[ARP])
            self.turn()
        raise AssertionError(f"no {kind.__name__} in {SECONDS} s")

    def answer(self, asked):
        self.send(ARP(op=2, hwsrc=MAC, psrc=GUEST, hwdst=asked.hwsrc, pdst=asked.psrc))

    def find_host(self):
        self.send(ARP(hwsrc=MAC, psrc=GUEST, pdst=HOST))
        found = self.receive(ARP)
        self.host = found[ARP].hwsrc
        return found


@pytest.fixture
def guest():
    made = Guest()
    yield made
    made.slirp.close()


@pytest.fixture
def web_port():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

        def log_message(self, *words):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def test_it_answers_arp_with_a_frame_of_least_length(guest):
    found = guest.find_host()
    assert (found[ARP].op, found[ARP].psrc, found.dst) == (2, HOST, MAC)
    assert len(bytes(found)) >= LEAST_FRAME


def test_it_answers_ping(guest):
    guest.find_host()
    data = bytes(range(56))
    guest.send(IP(src=GUEST, dst=HOST) / ICMP(id=7, seq=3) / Raw(data))
    reply = guest.receive(ICMP)
    assert (reply[ICMP].type, reply[ICMP].id, reply[ICMP].seq) == (0, 7, 3)
    assert reply[Raw].load[: len(data)] == data


def test_a_file_of_this_machine_is_fetched_over_tcp(guest, web_port):
    guest.find_host()

    def segment(flags, seq, ack, data=b""):
        tcp = TCP(sport=4000, dport=web_port, flags=flags, seq=seq, ack=ack, window=60000)
        guest.send(IP(src=GUEST, dst=HOST) / tcp / Raw(data))

    segment("S", 100, 0)
    opened = guest.receive(TCP)[TCP]
    assert opened.flags == "SA" and opened.ack == 101
    asked = b"GET /x HTTP/1.0\r\n\r\n"
    due, sent = opened.seq + 1, 101 + len(asked)
    segment("PA", 101, due, asked)
    body = b""
    while True:
        packet = guest.receive(TCP)
        tcp, ip = packet[TCP], packet[IP]
        data = bytes(tcp.payload)[: ip.len - 4 * ip.ihl - 4 * tcp.dataofs]
        if tcp.seq == due:
            body, due = body + data, due + len(data) + int("F" in tcp.flags)
        segment("A", sent, due)
        if "F" in tcp.flags and tcp.seq + len(data) < due:
            break
    assert body.partition(b"\r\n\r\n")[2] == BODY


def test_a_port_where_nobody_listens_is_refused(guest):
    guest.find_host()
    guest.send(IP(src=GUEST, dst=HOST) / TCP(sport=4001, dport=1, flags="S", seq=5))
    assert "R" in guest.receive(TCP)[TCP].flags


def test_frames_that_are_none_do_no_harm(guest):
    guest.find_host()
    for frame in (b"", b"\0", bytes(13), bytes(14), bytes(60), b"\xff" * 1514):
        guest.slirp.give(frame)
        guest.turn()
    guest.send(IP(src=GUEST, dst=HOST) / ICMP(id=1, seq=1))
    assert guest.receive(ICMP)[ICMP].type == 0


def test_a_library_that_is_none_is_told(tmp_path):
    path = tmp_path / "libslirp.so.0"
    path.write_bytes(b"not a library")
    with pytest.raises(SlirpError, match=r"libslirp\.so\.0 cannot be loaded"):
        Slirp(print, path)
