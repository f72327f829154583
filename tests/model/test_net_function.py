# SPDX-License-Identifier: Apache-2.0
"""The golden function of the network device, from the specification."""

import random

import pytest

from pymodel.config_space import find
from pymodel.net_function import (
    ACK_ERR,
    ACK_OK,
    FLOWS,
    HEADER_BYTES,
    NET_FIELDS,
    Control,
    NetFeature,
    NetFunction,
    flow_hash,
)

ALL = int(sum(NetFeature))
PLAIN = b"\x02" * 6 + b"\x04" * 6 + b"\x08\x00"


def function(features=ALL, live=(0,), **options):
    made = NetFunction(**options)
    made.configure(features & made.features)
    for queue in live:
        made.started(queue)
    return made


def ipv4(source, target, ports, protocol=17, options=b"", fragment=b"\0\0"):
    head = (
        bytes([0x45 + len(options) // 4, 0, 0, 40, 0, 0]) + fragment + bytes([64, protocol, 0, 0])
    )
    ends = source.to_bytes(4, "big") + target.to_bytes(4, "big")
    return PLAIN + head + ends + options + b"".join(port.to_bytes(2, "big") for port in ports)


@pytest.mark.clause("NET-DEV-01", "NET-DEV-02", "NET-DEV-03", "NET-DEV-04")
def test_the_configuration_space_reads_as_the_specification_lays_it_out():
    net = function(mac=bytes(range(6)), mtu=9000, pairs=4)
    assert net.config() == bytes(range(6)) + b"\1\0" + b"\4\0" + (9000).to_bytes(2, "little")
    net.link = False
    assert find(NET_FIELDS, "status").read(net.config()) == 0
    assert len(net.own_registers()) == 17


@pytest.mark.parametrize(
    "options",
    [{"mac": b"12345"}, {"mtu": 67}, {"mtu": 65536}, {"pairs": 0}, {"pairs": 9}, {"credits": 0}],
)
def test_arguments_out_of_range_are_refused(options):
    with pytest.raises(ValueError):
        NetFunction(**options)


@pytest.mark.clause("NET-XDEV-02")
def test_what_needs_the_control_queue_goes_with_it():
    net = NetFunction(pairs=2)
    assert net.accepts(0) and net.accepts(ALL) and net.accepts(NetFeature.CTRL_VQ)
    assert not net.accepts(NetFeature.MQ) and not net.accepts(NetFeature.CTRL_MAC_ADDR)
    assert not NetFunction().features & NetFeature.MQ


@pytest.mark.clause("NET-XDEV-01")
@pytest.mark.parametrize(
    ("features", "queue"),
    [(ALL, 6), (ALL & ~NetFeature.MQ, 2), (0, None)],
)
def test_the_control_queue_is_behind_the_pairs(features, queue):
    assert function(features, pairs=3).control_queue == queue


def test_a_frame_to_send_is_what_is_behind_the_header():
    net = function()
    frame = PLAIN + b"hello"
    assert net.process(1, random.randbytes(HEADER_BYTES) + frame, 9) == b""
    for bad in (b"", bytes(11), bytes(25), bytes(HEADER_BYTES + 1519)):
        net.process(1, bad, 0)
    net.link = False
    net.process(1, bytes(HEADER_BYTES) + frame, 0)
    assert net.sent == [frame]
    names = ("tx_frames", "tx_runt", "tx_oversized", "tx_link_down")
    assert [net.counters[name] for name in names] == [1, 3, 1, 1]


@pytest.mark.clause("NET-DEV-28", "NET-DEV-34", "NET-DEV-35", "NET-XDEV-04")
def test_a_frame_is_spread_over_buffers_and_all_but_the_last_are_full():
    net = function()
    frame = random.randbytes(100)
    net.receive(frame)
    assert net.ready(0, [50, 50]) is None and net.ready(2, [500]) is None
    parts = net.ready(0, [12, 50, 40, 60, 99])
    assert [len(part) for part in parts] == [12, 50, 40, 10]
    assert parts[0] == bytes(10) + b"\4\0" and b"".join(parts[1:]) == frame
    assert net.ready(0, [500]) is None and net.waiting == 0


@pytest.mark.clause("NET-DEV-29", "NET-DEV-33")
def test_without_merging_a_frame_takes_one_buffer_or_none():
    net = function(ALL & ~NetFeature.MRG_RXBUF)
    for _ in range(2):
        net.receive(random.randbytes(100))
    assert net.ready(0, [25, 500]) == [b""]  # of no use to any frame
    (data,) = net.ready(0, [112])
    assert data[:12] == bytes(10) + b"\1\0"
    assert net.ready(0, [111, 500]) is None and net.waiting == 0
    assert net.counters["rx_small_buffer"] == 1 and net.counters["rx_returned"] == 1


def test_a_frame_that_needs_more_than_32_buffers_is_dropped():
    net = function()
    net.receive(random.randbytes(501))
    assert net.ready(0, [16] * 31) is None and net.waiting == 1
    assert net.ready(0, [16] * 33) is None and net.waiting == 0
    assert net.counters["rx_small_buffer"] == 1


@pytest.mark.clause("NET-DEV-05", "NET-DEV-106")
def test_frames_are_dropped_by_their_first_cause():
    net = function()
    net.receive(bytes(5), bad=True)
    net.receive(bytes(13))
    net.receive(bytes(1519))
    net.receive(bytes(60))
    net.give_up()
    net.stopped(0)
    net.receive(bytes(60))
    net.give_up()
    net.give_up()
    names = ("rx_bad", "rx_runt", "rx_oversized", "rx_no_buffer", "rx_stopped")
    assert [net.counters[name] for name in names] == [1] * 5


@pytest.mark.clause("NET-DEV-92", "NET-XDEV-05", "NET-XDEV-06")
def test_commands():
    net = function(pairs=2)
    changes = []
    net.on_change = lambda: changes.append(net.mac)

    def command(code, data=b"", room=1):
        return net.process(4, code.to_bytes(2, "big") + data, room)

    assert command(Control.MAC_ADDR_SET, b"abcdef") == bytes([ACK_OK]) and changes == [b"abcdef"]
    assert command(Control.VQ_PAIRS_SET, b"\2\0") == bytes([ACK_OK]) and net.enabled == 2
    assert command(Control.VQ_PAIRS_SET, b"\1\0", room=0) == b"" and net.enabled == 2
    for code, data in (
        *((Control.VQ_PAIRS_SET, pairs) for pairs in (b"\0\0", b"\3\0", b"\1", b"\1\0\0", b"")),
        *((Control.MAC_ADDR_SET, mac) for mac in (b"", b"abcde", b"abcdefg")),
        (0x0100, b"abcdef"),
        (0xFFFF, b""),
    ):
        assert command(code, data) == bytes([ACK_ERR])
    assert net.process(4, b"\4", 1) == bytes([ACK_ERR])
    assert (net.mac, net.enabled) == (b"abcdef", 2)
    net.reset()
    assert (net.mac, net.enabled) == (bytes.fromhex("525400123456"), 1)


@pytest.mark.clause("NET-DEV-100", "NET-DEV-101", "NET-DEV-103", "NET-DEV-104", "NET-DEV-105")
def test_flows_come_back_where_they_were_sent_last():
    net = function(pairs=3, live=(0, 2, 4))
    out, back = ipv4(1, 2, (3, 4)), ipv4(2, 1, (4, 3))

    def goes():
        net.receive(back)
        (queue,) = [q for q in (0, 2, 4) if net.ready(q, [100]) is not None]
        return queue // 2

    net.process(5, bytes(HEADER_BYTES) + out, 0)
    assert goes() == 0
    net.process(6, b"\4\0\3\0", 1)
    assert goes() == 2
    net.process(3, bytes(HEADER_BYTES) + out, 0)
    assert goes() == 1
    net.stopped(2)
    assert goes() == 0
    net.started(2)
    net.process(6, b"\4\0\1\0", 1)
    assert goes() == 0


def test_a_hash_is_the_same_both_ways_and_of_what_it_says():
    for seed in range(20):
        draw = random.Random(seed)
        source, target = draw.getrandbits(32), draw.getrandbits(32)
        ports = (draw.getrandbits(16), draw.getrandbits(16))
        assert flow_hash(ipv4(source, target, ports)) == flow_hash(
            ipv4(target, source, ports[::-1])
        )
        assert 0 <= flow_hash(draw.randbytes(seed)) < FLOWS * 256
    base = flow_hash(ipv4(1, 2, (3, 4)))
    assert base == 1 ^ 2 ^ 3 ^ 4
    tagged = ipv4(1, 2, (3, 4))
    assert flow_hash(tagged[:12] + b"\x81\0\0\7" + tagged[12:]) == base
    for frame in (
        ipv4(1, 2, (3, 4), protocol=1),
        ipv4(1, 2, (3, 4), options=bytes(4)),
        ipv4(1, 2, (3, 4), fragment=b"\x20\0"),
        ipv4(1, 2, (3, 4), fragment=b"\0\1"),
    ):
        assert flow_hash(frame) == 1 ^ 2
    assert flow_hash(ipv4(1, 2, (3, 4), fragment=b"\x40\0")) == base  # may not be fragmented
    other = b"\0\0\0\0\0\1" + b"\0\0\0\0\0\2" + b"\x88\xcc"
    assert flow_hash(other) == 3
