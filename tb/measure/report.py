# SPDX-License-Identifier: Apache-2.0
"""What `make bench` tells: the tables of all points, and how the figures stand to their floors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from ci.toolchain import ROOT
from tb.measure.points import BASE_BATCH, BASE_LATENCY, LATENCIES, RINGS, WIDTHS

Found = Mapping[str, Any]  # one point as build/bench.json holds it
Row = Sequence[str]

SMALL, LARGE = 64, 1500  # bytes
PAGES = (ROOT / "docs" / "performance.md", ROOT / "README.md")


# ---- verdict


@dataclass(frozen=True)
class Verdict:
    """One figure beside its floor and its goal; None where it was not measured."""

    figure: str
    unit: str
    measured: Optional[float]
    limit: Optional[float]
    floor: float
    goal: float
    more_is_better: bool
    where: str = ""

    @property
    def met(self) -> Optional[bool]:
        """Whether the floor is met."""
        return self._reaches(self.floor)

    @property
    def goal_met(self) -> Optional[bool]:
        """Whether the goal is met."""
        return self._reaches(self.goal)

    def _reaches(self, wanted: float) -> Optional[bool]:
        if self.measured is None:
            return None
        measured = round(self.measured, 3)
        return measured >= wanted if self.more_is_better else measured <= wanted

    @property
    def word(self) -> str:
        """The verdict in words."""
        if self.measured is None:
            return "not measured"
        return "goal met" if self.goal_met else "met" if self.met else "MISSED"


def plain(point: Found) -> bool:
    """Whether a point is one descriptor a buffer, in table order, aligned, on one queue."""
    usual = {"queues": 1, "descriptors": 1, "indirect": False, "order": "table", "aligned": True}
    return not point["in_order"] and all(point[name] == value for name, value in usual.items())


def named(point: Found) -> str:
    """Return the point in a few words."""
    return (
        f"{point['data_w']}-bit {point['direction']} {point['payload']} B, latency "
        f"{point['latency']}, batch {point['batch']}"
    )


def _worst(points: Iterable[Found], key: Callable[[Found], float]) -> Optional[Found]:
    return max(points, key=key, default=None)


def small_points(points: Sequence[Found], width: int) -> list[Found]:
    """Return the points of 64-byte readable buffers in large batches."""
    return [
        point
        for point in points
        if plain(point)
        and (point["direction"], point["payload"], point["data_w"]) == ("tx", SMALL, width)
        and point["batch"] >= BASE_BATCH
    ]


def large_points(points: Sequence[Found]) -> list[Found]:
    """Return the points of 1500-byte buffers in batches as usual."""
    return [
        point
        for point in points
        if plain(point) and point["payload"] == LARGE and point["batch"] == BASE_BATCH
    ]


def _at(points: Iterable[Found], latency: int) -> list[Found]:
    return [point for point in points if point["latency"] == latency]


def _spread(points: Sequence[Found]) -> Optional[tuple[float, str]]:
    """Return the largest change of a figure from the usual latency to another, and where."""
    largest = None
    usual = {_but_latency(point): point for point in _at(points, BASE_LATENCY)}
    for point in points:
        base = usual.get(_but_latency(point))
        if point["latency"] == BASE_LATENCY or base is None:
            continue
        change = abs(point["cycles_per_buffer"] / base["cycles_per_buffer"] - 1) * 100
        if largest is None or change > largest[0]:
            largest = (change, named(point))
    return largest


def _but_latency(point: Found) -> tuple[Any, ...]:
    return tuple(point[key] for key in ("direction", "data_w", "payload", "batch"))


def of_ring(points: Iterable[Found], ring: str) -> list[Found]:
    """Return the points of a ring's format."""
    return [point for point in points if point["ring"] == ring]


def ring_mark(ring: str) -> str:
    """Return what stands before a figure that is not of split rings."""
    return "" if ring == "split" else f"{ring}: "


def rates(points: Sequence[Found], ring: str) -> list[Verdict]:
    """Return each figure of throughput that has a floor, of one format of rings."""
    result, mark = [], ring_mark(ring)
    points = of_ring(points, ring)
    wide = _worst(_at(small_points(points, 512), BASE_LATENCY), lambda p: p["cycles_per_buffer"])
    result.append(
        Verdict(
            f"{mark}{SMALL} B tx, 512-bit, latency {BASE_LATENCY}, batch >= {BASE_BATCH}",
            "cycles a buffer",
            wide["cycles_per_buffer"] if wide else None,
            wide["limit_cycles"] if wide else None,
            *(4, 1.5),
            more_is_better=False,
            where=named(wide) if wide else "",
        )
    )
    for figure, chosen, floor, goal in (
        (f"{SMALL} B tx, 64-bit, batch >= {BASE_BATCH}", small_points(points, 64), 80, 95),
        (f"{LARGE} B, either direction, any width", large_points(points), 95, 99),
    ):
        worst = _worst(_at(chosen, BASE_LATENCY), lambda p: -p["ratio"])
        result.append(
            Verdict(
                f"{mark}{figure}, latency {BASE_LATENCY}",
                "% of the limit",
                worst["ratio"] * 100 if worst else None,
                100,
                *(floor, goal),
                more_is_better=True,
                where=named(worst) if worst else "",
            )
        )
    others = " and ".join(str(cycles) for cycles in LATENCIES if cycles != BASE_LATENCY)
    for name, chosen in (
        (f"{SMALL} B tx, 512-bit", small_points(points, 512)),
        (f"{SMALL} B tx, 64-bit", small_points(points, 64)),
        (f"{LARGE} B", large_points(points)),
    ):
        spread = _spread(chosen)
        result.append(
            Verdict(
                f"{mark}{name}: change at latency {others}",
                "%",
                spread[0] if spread else None,
                None,
                *(10, 2),
                more_is_better=False,
                where=spread[1] if spread else "",
            )
        )
    return result


def verdicts(found: Mapping[str, Sequence[Found]]) -> list[Verdict]:
    """Return each figure that has a floor."""
    rows = [row for ring in RINGS for row in (*rates(found["throughput"], ring), idle(found, ring))]
    return [*rows, block(found)]


def block(found: Mapping[str, Sequence[Found]]) -> Verdict:
    """Return the figure of block requests."""
    slow = _worst(found.get("block", ()), lambda point: -point["ratio"])
    return Verdict(
        "4 KiB block requests, either direction, any latency of the store",
        "% of the limit",
        100 * slow["ratio"] if slow else None,
        100,
        *(95, 99),
        more_is_better=True,
        where=f"{slow['data_w']}-bit {slow['direction']}" if slow else "",
    )


def idle(found: Mapping[str, Sequence[Found]], ring: str) -> Verdict:
    """Return the figure of an idle queue of one format of rings."""
    slow = _worst(of_ring(found["latency"], ring), lambda point: point["overhead_cycles"])
    return Verdict(
        f"{ring_mark(ring)}idle queue: notification to used, beyond the round trips",
        "cycles",
        slow["overhead_cycles"] if slow else None,
        None,
        *(40, 16),
        more_is_better=False,
        where=f"{slow['data_w']}-bit, latency {slow['latency']}" if slow else "",
    )


# ---- tables


def grid(head: Row, rows: Iterable[Row], left: int = 1) -> list[str]:
    """Return the lines of a table; the first `left` columns are text."""
    cells = [head, *rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]

    def line(row: Row) -> str:
        texts = (
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths))
        )
        return "  ".join(texts).rstrip()

    return [line(head), "─" * (sum(widths) + 2 * len(widths) - 2), *map(line, cells[1:])]


def number(value: Optional[float], digits: int = 2) -> str:
    """Return a figure for people."""
    return "-" if value is None else f"{value:.{digits}f}"


VERDICT_HEAD = ("figure", "measured", "limit", "floor", "goal", "unit", "verdict", "worst at")


def verdict_rows(rows: Iterable[Verdict]) -> Iterator[Row]:
    """Yield the rows of the verdict."""
    for row in rows:
        yield (
            row.figure,
            number(row.measured),
            number(row.limit),
            f"{row.floor:g}",
            f"{row.goal:g}",
            row.unit,
            row.word,
            row.where,
        )


BUS_HEAD = (
    *("read: data", "desc", "rings", "idle"),
    *("written: data", "rings", "idle"),
)
BUS_KEYS = (
    *("r_payload", "r_descriptors", "r_rings", "r_idle"),
    *("w_payload", "w_rings", "w_idle"),
)
THROUGHPUT_HEAD = (
    *("dir", "bits", "bytes", "batch", "queues", "latency", "chain"),
    *("cycles", "limit", "% of it"),
    *BUS_HEAD,
)


def chain_name(point: Found) -> str:
    """Return how a point's chains are made, in a few letters."""
    words = [f"{point['descriptors']}"]
    words += ["indirect"] if point["indirect"] else []
    words += ["random"] if point["order"] == "random" else []
    words += [] if point["aligned"] else ["unaligned"]
    words += ["packed"] if point["ring"] == "packed" else []
    words += ["in order"] if point["in_order"] else []
    return " ".join(words)


def sorting(point: Found) -> tuple[Any, ...]:
    """Return the place of a point among others."""
    return (
        not plain(point) or point["batch"] != BASE_BATCH,
        *(point[key] for key in ("direction", "payload", "data_w")),
        chain_name(point),
        *(point[key] for key in ("queues", "batch", "latency")),
    )


def throughput_rows(points: Iterable[Found]) -> Iterator[Row]:
    """Yield a row for each point: what was measured, and what the bus did, in cycles a buffer."""
    for point in sorted(points, key=sorting):
        yield (
            point["direction"],
            *(str(point[key]) for key in ("data_w", "payload", "batch", "queues", "latency")),
            chain_name(point),
            number(point["cycles_per_buffer"]),
            number(point["limit_cycles"]),
            number(100 * point["ratio"], 1),
            *(number(point.get(key)) for key in BUS_KEYS),
        )


LATENCY_HEAD = (
    "ring",
    "bits",
    "latency",
    "cycles",
    "round trips",
    "overhead",
    "fastest",
    "slowest",
)
LATENCY_KEYS = (
    *("ring", "data_w", "latency", "cycles_notify_to_used", "round_trips", "overhead_cycles"),
    *("fastest", "slowest"),
)


def latency_rows(points: Iterable[Found]) -> Iterator[Row]:
    """Yield a row for each latency point."""
    for point in sorted(points, key=lambda p: (p["ring"] != "split", p["data_w"], p["latency"])):
        yield tuple(str(point[key]) for key in LATENCY_KEYS)


SOCKET_HEAD = (
    *("dir", "bytes", "batch", "register accesses", "cycles", "cycles an access"),
    "descriptors: cycles",
)


def socket_rows(found: Mapping[str, Sequence[Found]]) -> Iterator[Row]:
    """Yield a row for each point of the socket port, beside that of descriptors."""
    beside = {
        (point["direction"], point["payload"]): point["cycles_per_buffer"]
        for point in of_ring(found["throughput"], "split")
        if plain(point) and point["data_w"] == WIDTHS[0]
        if (point["latency"], point["batch"]) == (BASE_LATENCY, BASE_BATCH)
    }
    for point in found.get("socket", ()):
        yield (
            point["direction"],
            *(str(point[key]) for key in ("payload", "batch")),
            number(point["accesses_per_buffer"], 1),
            number(point["cycles_per_buffer"], 1),
            number(point["cycles_per_access"], 1),
            number(beside.get((point["direction"], point["payload"]))),
        )


BLOCK_HEAD = (
    *("request", "bus", "memory latency", "store latency"),
    *("cycles", "limit", "% of it", "requests/s at 100 MHz"),
)


def block_rows(points: Iterable[Found]) -> Iterator[Row]:
    """Yield a row for each point of the block device."""
    for point in sorted(points, key=lambda p: (p["direction"], p["data_w"], p["store_latency"])):
        yield (
            f"{point['direction']} {point['bytes']}",
            f"{point['data_w']} bit",
            *(str(point[key]) for key in ("latency", "store_latency")),
            number(point["cycles_per_request"]),
            number(point["limit_cycles"]),
            number(100 * point["ratio"], 1),
            f"{100e6 / point['cycles_per_request']:,.0f}",
        )


NETWORK_HEAD = (
    *("frames", "bytes", "bus", "memory latency"),
    *("cycles", "limit", "% of it", "frames/s at 100 MHz"),
)


def network_rows(points: Iterable[Found]) -> Iterator[Row]:
    """Yield a row for each point of the network device; in full duplex, a frame each way."""
    order = ("tx", "rx", "duplex")
    for point in sorted(
        points, key=lambda p: (p["bytes"], order.index(p["direction"]), p["data_w"])
    ):
        yield (
            point["direction"],
            str(point["bytes"]),
            f"{point['data_w']} bit",
            str(point["latency"]),
            number(point["cycles_per_frame"]),
            number(point["limit_cycles"]),
            number(100 * point["ratio"], 1),
            f"{100e6 / point['cycles_per_frame']:,.0f}",
        )


# Others, in cycles a buffer or chain: DMA engines without rings, simulated with a memory like this
# one; what is public of engines with rings, as it was published
PEERS_HEAD = ("design", "rings", "bus", "bytes", "memory latency", "cycles")
PEERS = (
    ("Corundum, dma_if_axi_rd, 256 operations in flight", "none", "512", "64", "16 to 512", "2.0"),
    ("the same", "none", "64", "64", "16 to 512", "8.0"),
    ("the same", "none", "512", "1500", "16 to 512", "24.0"),
    ("the same", "none", "64", "1500", "16 to 512", "188.0"),
    ("verilog-axi, axi_dma_rd, two in flight", "none", "512", "64", "128", "66.5"),
    ("an open DPU's engine, a chain (a descriptor: 7)", "split", "256", "-", "-", "4"),
    ("a hardware virtio device, 250 MHz", "virtio", "-", "packets", "-", "4.5 to 5.7"),
    ("QDMA on a U280", "its own", "-", "64", "-", "6.9 to 9.7"),
)


def peers_text() -> list[str]:
    """Return the table of others."""
    return ["Others, cycles a buffer", *grid(PEERS_HEAD, PEERS), ""]


def text(found: Mapping[str, Sequence[Found]]) -> list[str]:
    """Return all tables, as a person reads them in a terminal."""
    lines = []
    if found["throughput"]:
        lines += ["Throughput, cycles a buffer; at the right what the bus carried for each buffer"]
        lines += [*grid(THROUGHPUT_HEAD, throughput_rows(found["throughput"])), ""]
    if found["latency"]:
        lines += ["Latency, cycles from the notification of an idle queue to its used index"]
        lines += [*grid(LATENCY_HEAD, latency_rows(found["latency"])), ""]
    if found.get("socket"):
        lines += ["Socket port, a buffer; at the right the engine, 64-bit bus, latency 128"]
        lines += [*grid(SOCKET_HEAD, socket_rows(found)), ""]
    if found.get("block"):
        lines += ["Block device, cycles a request"]
        lines += [*grid(BLOCK_HEAD, block_rows(found["block"])), ""]
    if found.get("network"):
        lines += ["Network device, cycles a frame; duplex: a frame each way"]
        lines += [*grid(NETWORK_HEAD, network_rows(found["network"])), ""]
    return lines


def verdict_text(rows: Sequence[Verdict]) -> list[str]:
    """Return the verdict's table and the line that names what is missed."""
    lines = grid(VERDICT_HEAD, verdict_rows(rows))
    missed = [row.figure for row in rows if row.met is False]
    if missed:
        lines += ["", f"FLOORS MISSED: {'; '.join(missed)}"]
    return lines


# ---- the page


BEGIN, END = "<!-- figures: {} -->", "<!-- end of figures -->"


def markdown(head: Row, rows: Iterable[Row]) -> list[str]:
    """Return a table as Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]


def by_width(points: Sequence[Found], payload: int, latency: int) -> Iterator[Row]:
    """Yield a row a width: both directions, measured, limit, share."""
    for width in WIDTHS:
        row = [f"{width} bit"]
        for direction in ("tx", "rx"):
            wanted = (direction, width, payload, latency, BASE_BATCH)
            point = next(
                (
                    p
                    for p in points
                    if plain(p)
                    and tuple(p[k] for k in ("direction", "data_w", "payload", "latency", "batch"))
                    == wanted
                ),
                None,
            )
            if point is None:
                row += ["-"] * 3
            else:
                row += [number(point["cycles_per_buffer"]), number(point["limit_cycles"])]
                row += [number(100 * point["ratio"], 1)]
        yield row


def page_parts(found: Mapping[str, Sequence[Found]]) -> dict[str, list[str]]:
    """Return the generated parts of docs/performance.md, by name."""
    head = ("bus", *(f"{d}: {word}" for d in ("tx", "rx") for word in ("cycles", "limit", "%")))
    parts = {"verdict": markdown(VERDICT_HEAD, verdict_rows(verdicts(found)))}
    for payload in (SMALL, LARGE):
        for ring, mark in (("split", ""), ("packed", ", packed")):
            points = of_ring(found["throughput"], ring)
            parts[f"{payload} bytes{mark}"] = markdown(
                head, by_width(points, payload, BASE_LATENCY)
            )
            if payload == SMALL:
                ordered = [{**point, "in_order": False} for point in points if point["in_order"]]
                parts[f"{payload} bytes{mark}, in order"] = markdown(
                    head, by_width(ordered, payload, BASE_LATENCY)
                )
    parts["latency"] = markdown(LATENCY_HEAD, latency_rows(found["latency"]))
    parts["socket"] = markdown(SOCKET_HEAD, socket_rows(found))
    parts["block"] = markdown(BLOCK_HEAD, block_rows(found.get("block", ())))
    parts["network"] = markdown(NETWORK_HEAD, network_rows(found.get("network", ())))
    parts["others"] = markdown(PEERS_HEAD, PEERS)
    varied = [
        point
        for point in found["throughput"]
        if point["payload"] == SMALL and (point["latency"], point["data_w"]) == (BASE_LATENCY, 512)
    ]
    parts["varied"] = markdown(THROUGHPUT_HEAD, throughput_rows(varied))
    return parts


def fill_page(page: str, parts: Mapping[str, Sequence[str]]) -> str:
    """Return a page with each part that it marks replaced; raise if it marks an unknown one."""
    lines: list[str] = []
    inside = False
    for line in page.splitlines():
        if line == END:
            inside = False
        if not inside:
            lines.append(line)
        if line.startswith(BEGIN.partition("{")[0]) and line != END:
            name = line[len(BEGIN.partition("{")[0]) : -len(BEGIN.partition("}")[2])]
            if name not in parts:
                raise ValueError(f"the page asks for unknown figures {name!r}")
            lines += ["", *parts[name], ""]
            inside = True
    if inside:
        raise ValueError(f"the page's last figures lack their end, {END}")
    return "\n".join(lines) + "\n"
