# SPDX-License-Identifier: Apache-2.0
"""Captures: through driver, rings, engine and MAC, read, written, and refused."""

import random
import subprocess
import sys

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.utils import PcapNgWriter, rdpcap, wrpcap

from ci.toolchain import BUILD, ROOT
from tb.build import SIMULATORS
from tb.net import capture


def make_sim(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tb.sim", "--test=net", "--waves=0", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def frames(count, seed):
    """Frames of several kinds and sizes, up to the longest, some with a VLAN tag."""
    draw = random.Random(seed)
    head = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:09")  # else scapy asks the network
    made = [bytes(head / ARP(pdst="192.0.2.9")), draw.randbytes(14), draw.randbytes(1514)]
    while len(made) < count:
        payload = draw.randbytes(draw.choice([0, 1, 18, 200, 1400]))
        packet = draw.choice(
            [
                head / IP(dst="192.0.2.9") / UDP(dport=draw.randrange(65536)) / payload,
                head / IPv6(dst="2001:db8::9") / UDP() / payload,
                head / Dot1Q(vlan=7) / IP(dst="192.0.2.9") / ICMP() / payload,
            ]
        )
        made.append(bytes(packet))
    return made


@pytest.mark.parametrize("sim", SIMULATORS)
def test_a_capture_comes_out_as_it_went_in(sim, tmp_path):
    """Every frame, in order, at the times of the simulation, readable by scapy."""
    sent = frames(40 if sim == "verilator" else 12, 5)
    source = tmp_path / f"in-{sim}.pcap"
    wrpcap(str(source), [Ether(frame) for frame in sent])
    result = make_sim(f"--sim={sim}", f"--pcap={source}")
    assert result.returncode == 0, result.stdout + result.stderr
    out = BUILD / "pcap" / f"in-{sim}-{sim}.pcap"
    packets = rdpcap(str(out))
    assert [bytes(packet) for packet in packets] == sent
    times = [int(packet.time * 10**9) for packet in packets]
    assert times == sorted(times) and len(set(times)) == len(times)
    assert all(time % 4 == 0 for time in times)  # a clock has 4 ns
    out.unlink()


def test_the_peer_is_answered_in_the_simulation():
    """Without a capture: ARP, ping and UDP, and what passed the MAC is a capture."""
    result = make_sim("--ring=packed")
    assert result.returncode == 0, result.stdout + result.stderr
    packets = rdpcap(str(BUILD / "pcap" / "peer-verilator.pcap"))
    assert sum(ICMP in packet and packet[ICMP].type == 0 for packet in packets) == 4
    assert sum(ARP in packet for packet in packets) == 2
    assert sum(UDP in packet and packet[UDP].sport == 7 for packet in packets) == 4


@pytest.mark.parametrize("writer", ["pcap", "nano", "pcapng", "own"])
def test_captures_of_every_kind_are_read(writer, tmp_path):
    sent, path = frames(10, 7), tmp_path / "in.pcap"
    packets = [Ether(frame) for frame in sent]
    if writer == "own":
        capture.write(path, [capture.Captured(1_000_000_004 * n, f) for n, f in enumerate(sent)])
    elif writer == "pcapng":
        with PcapNgWriter(str(path)) as file:
            for packet in packets:
                file.write(packet)
    else:
        wrpcap(str(path), packets, nano=writer == "nano")
    read = capture.read(path, 1500)
    assert [frame.data for frame in read] == sent
    if writer == "own":
        assert [frame.time_ns for frame in read] == [1_000_000_004 * n for n in range(10)]


def test_a_capture_of_no_use_gets_one_line(tmp_path):
    """Missing, none, of another kind of network, empty, cut, too long or too short a frame."""
    good = tmp_path / "good.pcap"
    wrpcap(str(good), [Ether(frame) for frame in frames(3, 1)])
    content = good.read_bytes()
    bad = {
        "noise": (random.Random(3).randbytes(200), "this is no capture"),
        "short": (content[:30], "this is no capture|no frame is in it"),
        "nothing": (b"", "this is no capture"),
        "empty": (content[:24], "no frame is in it"),
        "wifi": (content[:20] + b"\x69\0\0\0" + content[24:], "link type 105"),
    }
    for name, (data, _) in bad.items():
        (tmp_path / name).write_bytes(data)
    wrpcap(str(tmp_path / "long"), [Ether(bytes(1515))])
    runt = [capture.Captured(0, bytes(60)), capture.Captured(4, bytes(13))]
    capture.write(tmp_path / "runt", runt)
    expected = {name: text for name, (_, text) in bad.items()} | {
        "missing": "there is no such file",
        "runt": "frame 2 has 13 bytes, not 14 to 1514",
        "long": "frame 1 has 1515 bytes, not 14 to 1514",
    }
    for name, text in expected.items():
        path = tmp_path / name
        with pytest.raises(capture.CaptureError, match=text) as caught:
            capture.read(path, 1500)
        assert "\n" not in str(caught.value)
        result = make_sim(f"--pcap={path}")
        assert result.returncode == 2 and result.stdout == ""
        assert result.stderr.count("\n") == 1 and result.stderr.startswith(f"PCAP={path}: ")


def test_a_capture_goes_with_its_part(tmp_path):
    result = make_sim("--test=demo", f"--pcap={tmp_path}")
    assert result.returncode == 2 and result.stderr == f"PCAP={tmp_path}: PCAP goes with TEST=net\n"
