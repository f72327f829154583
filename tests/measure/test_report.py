# SPDX-License-Identifier: Apache-2.0
"""The tables and the verdict, from figures that were made up."""

from dataclasses import asdict

import pytest

from tb.measure import report
from tb.measure.block import limit_cycles
from tb.measure.network import limit_cycles as network_cycles
from tb.measure.points import LATENCIES, RINGS, WIDTHS, all_points


def made_up(share=1.0, overhead=10, **shares):
    """Return figures of all points; `share` of the limit, other at the points named."""
    throughput = []
    for point in all_points():
        ratio = shares.get(point.name.replace("-", "_"), share)
        throughput.append(
            asdict(point)
            | {
                "cycles_per_buffer": point.limit_cycles / ratio,
                "limit_cycles": point.limit_cycles,
                "ratio": ratio,
                "r_payload": 1.0,
            }
        )
    latency = [
        {
            "ring": ring,
            "data_w": width,
            "latency": cycles,
            "cycles_notify_to_used": 5 * cycles + overhead,
            "round_trips": 5,
            "overhead_cycles": overhead,
            "fastest": 1,
            "slowest": 2,
        }
        for ring in RINGS
        for width in WIDTHS
        for cycles in LATENCIES
    ]
    socket = [
        {
            "direction": direction,
            "payload": payload,
            "batch": 8,
            "accesses_per_buffer": 19.25,
            "cycles_per_buffer": 116.0,
            "cycles_per_access": 6.0,
        }
        for direction in ("tx", "rx")
        for payload in (64, 256)
    ]
    block = [
        {
            "direction": direction,
            "bytes": 4096,
            "data_w": width,
            "latency": 128,
            "store_latency": store,
            "cycles_per_request": limit_cycles(direction, width) / share,
            "limit_cycles": limit_cycles(direction, width),
            "ratio": shares.get(f"block_{direction}_{width}", share),
        }
        for direction in ("read", "write")
        for width in (64, 512)
        for store in (16, 512)
    ]
    network = [
        {
            "direction": direction,
            "bytes": size,
            "data_w": width,
            "latency": 128,
            "cycles_per_frame": network_cycles(direction, width, size) / share,
            "limit_cycles": network_cycles(direction, width, size),
            "ratio": share,
        }
        for direction in ("tx", "rx", "duplex")
        for width in (64, 512)
        for size in (64, 1500)
    ]
    found = {"throughput": throughput, "latency": latency, "socket": socket, "block": block}
    return {**found, "network": network}


FIGURES = 7 + 7 + 1  # of split rings, of packed rings, of block requests


def words(found):
    return [row.word for row in report.verdicts(found)]


def test_an_engine_at_the_limit_meets_every_goal():
    rows = report.verdicts(made_up())
    assert [row.word for row in rows] == ["goal met"] * FIGURES
    assert "FLOORS MISSED" not in "\n".join(report.verdict_text(rows))


def test_a_slow_engine_misses_and_every_floor_missed_is_named():
    rows = report.verdicts(made_up(share=0.3, overhead=41))
    missed = [row.figure for row in rows if row.met is False]
    assert len(missed) == 4 + 4 + 1  # it is as slow at every latency
    assert report.verdict_text(rows)[-1] == f"FLOORS MISSED: {'; '.join(missed)}"


@pytest.mark.parametrize(
    ("name", "share", "place"),
    [
        ("tx_512_64_lat128_batch64", 0.32, 0),
        ("tx_512_64_lat128_batch256", 0.32, 0),
        ("tx_64_64_lat128_batch64", 0.79, 1),
        ("rx_256_1500_lat128_batch64", 0.94, 2),
        ("tx_512_64_lat512_batch64", 0.90, 3),
        ("tx_64_64_lat16_batch64", 0.90, 4),
        ("rx_128_1500_lat16_batch64", 0.90, 5),
        ("tx_64_64_lat128_batch64_packed", 0.79, 8),
        ("block_write_512", 0.94, 14),
    ],
)
def test_one_slow_point_misses_its_floor(name, share, place):
    found = words(made_up(**{name: share}))
    assert found[place] == "MISSED"


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("tx_512_64_lat128_batch16", 0.1),
        ("rx_512_64_lat128_batch64", 0.1),
        ("tx_512_64_lat128_batch64_queues4", 0.1),
        ("tx_512_1500_lat128_batch64_random", 0.1),
    ],
)
def test_points_without_a_floor_miss_none(name, share):
    assert words(made_up(**{name: share})) == ["goal met"] * FIGURES


def test_between_floor_and_goal_a_figure_is_met():
    assert words(made_up(share=0.96, overhead=30)) == [
        *("goal met", "goal met", "met", "goal met", "goal met", "goal met", "met"),
        *("goal met", "goal met", "met", "goal met", "goal met", "goal met", "met"),
        "met",
    ]


def test_what_was_not_measured_is_neither_met_nor_missed():
    rows = report.verdicts({"throughput": [], "latency": []})
    assert {row.word for row in rows} == {"not measured"}
    assert not any(row.met is False for row in rows)


def test_the_tables_hold_every_point():
    found = made_up()
    lines = report.text(found)
    parts = ("throughput", "latency", "socket", "block", "network")
    assert len(lines) == sum(len(found[part]) + 4 for part in parts)
    assert {len(line.rstrip()) for line in lines if line.startswith("─")}


def test_a_page_is_filled_between_its_marks_and_only_there():
    page = "before\n<!-- figures: latency -->\nold\n<!-- end of figures -->\nafter\n"
    filled = report.fill_page(page, {"latency": ["| new |"]})
    assert filled == (
        "before\n<!-- figures: latency -->\n\n| new |\n\n<!-- end of figures -->\nafter\n"
    )
    assert report.fill_page(filled, {"latency": ["| new |"]}) == filled


@pytest.mark.parametrize(
    "page", ["<!-- figures: fish -->\n<!-- end of figures -->\n", "<!-- figures: latency -->\n"]
)
def test_a_page_with_wrong_marks_is_refused(page):
    with pytest.raises(ValueError, match=r"fish|lack their end"):
        report.fill_page(page, {"latency": []})


def test_the_pages_of_the_project_have_their_marks():
    found = report.page_parts(made_up())
    pages = [report.fill_page(page.read_text(), found) for page in report.PAGES]
    assert pages[0].count("goal met") == FIGURES
    assert all("| 512 bit | 1.31 | 1.31 | 100.0 |" in page for page in pages)


def test_the_socket_port_is_shown_beside_the_engine_where_that_was_measured():
    found = made_up()
    rows = list(report.socket_rows(found))
    assert [row[:6] for row in rows[:2]] == [
        ("tx", "64", "8", "19.2", "116.0", "6.0"),
        ("tx", "256", "8", "19.2", "116.0", "6.0"),
    ]
    engine = next(p for p in all_points() if p.name == "tx-64-64-lat128-batch64")
    assert rows[0][6] == report.number(engine.limit_cycles)
    assert any(line.startswith("Socket port") for line in report.text(found))
    assert not any(line.startswith("Socket port") for line in report.text(found | {"socket": []}))
