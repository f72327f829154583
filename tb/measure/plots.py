# SPDX-License-Identifier: Apache-2.0
"""The plots of `make bench`: throughput against payload, memory latency and batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tb.measure.points import BASE_BATCH, BASE_LATENCY, BASE_PAYLOADS, DIRECTIONS, WIDTHS
from tb.measure.report import Found, plain

# Okabe and Ito's colours, and a mark each, so that no one needs to tell colours apart
STYLES = {64: ("#0072B2", "o"), 128: ("#E69F00", "s"), 256: ("#009E73", "^"), 512: ("#D55E00", "D")}
TITLES = {"tx": "readable buffers (tx)", "rx": "writable buffers (rx)"}


def bytes_a_cycle(point: Found, cycles: str) -> float:
    """Return a point's throughput."""
    return float(point["payload"] / point[cycles])


def curves(
    axes: Any, points: Sequence[Found], x: str, value: Callable[[Found, str], float]
) -> None:
    """Draw measured values and limits of each width."""
    for width in WIDTHS:
        chosen = sorted((p for p in points if p["data_w"] == width), key=lambda p: p[x])
        if not chosen:
            continue
        colour, mark = STYLES[width]
        places = [point[x] for point in chosen]
        limits = [value(point, "limit_cycles") for point in chosen]
        axes.plot(places, limits, color=colour, linewidth=1.2, linestyle="--")
        measured = [value(point, "cycles_per_buffer") for point in chosen]
        axes.plot(places, measured, color=colour, marker=mark, label=f"{width} bit")
    ticks = sorted({point[x] for point in points})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda y, _: f"{y:g}")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def figure(path: Path, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draw a figure: one row of axes for each of `rows`, one column for each direction."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot
    from matplotlib.lines import Line2D

    pyplot.rcParams.update({"svg.hashsalt": "bench", "font.size": 9, "axes.titlesize": 10})
    shape: dict[str, Any] = {
        "figsize": (10, 1 + 3.6 * len(rows)),
        "squeeze": False,
        "sharey": "row",
    }
    whole, axes = pyplot.subplots(len(rows), len(DIRECTIONS), layout="constrained", **shape)
    for row, line in zip(rows, axes):
        for direction, one in zip(DIRECTIONS, line):
            points = [point for point in row["points"] if point["direction"] == direction]
            curves(one, points, row["x"], bytes_a_cycle)
            one.set_title(f"{TITLES[direction]}, {row['title']}")
            one.set_xlabel(row["label"])
        line[0].set_ylabel("bytes a cycle")
    handles, labels = axes[0][0].get_legend_handles_labels()
    handles.append(Line2D([], [], color="#555555", linestyle="--", linewidth=1.2))
    labels.append("limit of the bus")
    whole.suptitle(title)
    whole.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    metadata = {"Date": None} if path.suffix == ".svg" else None
    whole.savefig(path, metadata=metadata)
    pyplot.close(whole)


def draw(points: Sequence[Found], folder: Path, kind: str = "svg") -> list[Path]:
    """Draw all plots for which there are points; return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    usual = [point for point in points if plain(point)]
    batch = [point for point in usual if point["batch"] == BASE_BATCH]
    latency = [point for point in usual if point["latency"] == BASE_LATENCY]
    plots: list[tuple[str, str, list[dict[str, Any]]]] = [
        (
            "payload",
            "Throughput against payload",
            [
                {
                    "points": [p for p in batch if p["latency"] == BASE_LATENCY],
                    "x": "payload",
                    "label": "bytes of a buffer",
                    "title": f"latency {BASE_LATENCY}, batch {BASE_BATCH}",
                }
            ],
        )
    ]
    for x, title, label, chosen, rest in (
        ("latency", "memory latency", "memory latency, cycles", batch, f"batch {BASE_BATCH}"),
        ("batch", "batch", "buffers a batch", latency, f"latency {BASE_LATENCY}"),
    ):
        rows: list[dict[str, Any]] = [
            {
                "points": [p for p in chosen if p["payload"] == payload],
                "x": x,
                "label": label,
                "title": f"{payload} bytes, {rest}",
            }
            for payload in BASE_PAYLOADS
        ]
        plots.append((x, f"Throughput against {title}", rows))
    drawn = []
    for name, title, rows in plots:
        if all(len({point[row["x"]] for point in row["points"]}) > 1 for row in rows):
            drawn.append(folder / f"throughput-{name}.{kind}")
            figure(drawn[-1], title, rows)
    return drawn
