# SPDX-License-Identifier: Apache-2.0
"""The limit of the bus: every row of the specification's table, and what goes beyond it."""

import csv

import pytest

from ci.toolchain import ROOT
from tb.measure.block import limit_cycles
from tb.measure.limits import limit, payload_beats, segments, touched
from tb.measure.network import limit_cycles as network_cycles

TABLE = ROOT / "tests" / "spec" / "bus_limits.csv"


def rows():
    with TABLE.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_formula_gives_every_row_of_the_table():
    wrong = []
    for row in rows():
        batch = None if row["batch"] == "inf" else int(row["batch"])
        found = limit(
            row["ring"],
            int(row["bus_bits"]),
            int(row["payload_B"]),
            batch,
            in_order=row["mode"] == "IN_ORDER",
        )
        tx, rx = found.cycles("tx"), found.cycles("rx")
        expected = {
            "payload_beats": found.payload,
            "meta_read_beats": found.reads,
            "meta_write_beats": found.writes,
            "tx_limit_beats(dual-channel)": tx,
            "rx_limit_beats(dual-channel)": rx,
            "shared_bus_beats": found.shared,
        }
        full = int(row["payload_B"]) / (int(row["bus_bits"]) // 8)
        shares = {"tx_pct": tx, "rx_pct": rx, "shared_pct": found.shared}
        same = all(float(row[name]) == round(value, 3) for name, value in expected.items())
        same &= all(
            float(row[name]) == pytest.approx(100 * full / value, abs=0.0501)
            for name, value in shares.items()
        )
        if not same:
            wrong.append((row, found))
    assert len(rows()) == 320
    assert not wrong


@pytest.mark.parametrize(
    ("offset", "length", "bus", "beats"),
    [
        (0, 64, 64, 1),
        (1, 64, 64, 2),
        (63, 1, 64, 1),
        (63, 2, 64, 2),
        (7, 1500, 8, 189),
        (8, 8, 8, 1),
    ],
)
def test_a_beat_is_touched_or_not(offset, length, bus, beats):
    assert touched(offset, length, bus) == beats


def test_unaligned_buffers_count_with_the_mean_of_all_residues():
    assert payload_beats(64, 64, aligned=False) == 2
    # 64 bytes on 8: nine beats but at the 7 residues that are multiples of 8
    assert payload_beats(64, 8, aligned=False) == pytest.approx(9 - 7 / 63)


def test_a_buffer_is_cut_into_nearly_equal_segments():
    assert segments(64, 3) == [24, 24, 16]
    assert segments(1500, 3) == [504, 504, 492]
    assert segments(64, 1) == [64]
    with pytest.raises(ValueError, match="too few for 3"):
        segments(16, 3)


def test_each_segment_begins_on_a_line_of_its_own():
    assert payload_beats(64, 64, descriptors=3) == 3
    assert payload_beats(1500, 64, descriptors=3) == 24


@pytest.mark.parametrize(
    ("bus", "options", "descriptor_beats"),
    [
        (64, {"descriptors": 3}, 6),
        (512, {"descriptors": 3}, 48 / 64),
        (512, {"order": "random"}, 1),
        (64, {"order": "random"}, 2),
        (512, {"descriptors": 3, "order": "random"}, 3),
        (512, {"descriptors": 1, "indirect": True}, 16 / 64 + 1),
        (512, {"descriptors": 3, "indirect": True}, 16 / 64 + 1),
        (256, {"descriptors": 3, "indirect": True}, 16 / 32 + 2),
        (64, {"descriptors": 3, "indirect": True}, 2 + 6),
        (512, {"descriptors": 3, "indirect": True, "order": "random"}, 2),
    ],
)
def test_chains_tables_and_random_order(bus, options, descriptor_beats):
    rest = 2 / 64 + 2 / (bus // 8)  # index and suppression of a batch of 64, and the entries
    assert limit("split", bus, 1500, 64, **options).reads == pytest.approx(descriptor_beats + rest)


@pytest.mark.parametrize("options", [{"ring": "round"}, {"order": "reversed"}])
def test_what_has_no_limit_is_refused(options):
    with pytest.raises(ValueError, match="no limit is known"):
        limit(**{"ring": "split", "bus_bits": 64, "payload": 64, "batch": 1} | options)


def test_the_limit_of_block_requests_is_counted_by_hand():
    # of each: a table of 48 bytes, its descriptor, header and status; the rest is shared by 64
    shared = 2 / 64
    assert limit_cycles("read", 512) == 64 + 1 + 8 / 64 + shared
    assert limit_cycles("write", 512) == 64 + 1 + 1 + 16 / 64 + 2 / 64 + shared
    assert limit_cycles("read", 64) == 512 + 1 + 1 + shared
    assert limit_cycles("write", 64) == 512 + 2 + 6 + 2 + 16 / 64 + shared


def test_the_limit_of_frames_is_counted_by_hand():
    # 76 bytes with the header: 2 beats of 64; descriptor 1/4, entry 1/32, element 1/8
    assert network_cycles("tx", 512, 64) == 2 + 1 / 4 + 1 / 32
    assert network_cycles("rx", 512, 64) == max(2 + 1 / 8, 1 / 4 + 1 / 32)
    assert network_cycles("duplex", 512, 64) == 2 + 2 * (1 / 4 + 1 / 32)
    assert network_cycles("duplex", 64, 1500) == 189 + 2 * (2 + 1 / 4)
