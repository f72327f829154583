# SPDX-License-Identifier: Apache-2.0
"""The table at the end of a guest's boot."""

from __future__ import annotations

import enum
import textwrap
from collections.abc import Mapping
from typing import Any

from pymodel import Feature
from pymodel.blk_function import BlkFeature
from pymodel.net_function import NetFeature
from tb.hil.boot import FETCHED_BYTES, Outcome
from tb.hil.messages import F_PROTOCOL_FEATURES

OWN_FEATURES: Mapping[str, type[enum.IntFlag]] = {"blk": BlkFeature, "net": NetFeature}
COUNTS = {  # of a function's own counters, those that are requests
    "blk": ("reads", "writes", "flushes", "ranges", "ids"),
    "net": ("tx_frames", "rx_frames", "ctrl_ok"),
}
WORDS = {"ids": "identity", "tx_frames": "sent", "rx_frames": "received", "ctrl_ok": "control"}
WIDTH, LABEL = 98, 17  # columns of the lines, and of what each is about
COLUMNS = ("device", "requests", "bytes read", "bytes written", "cycles", "kicks", "interrupts")


def feature_names(device: str, features: int) -> list[str]:
    """Return the names of feature bits; a bit without one is shown as a number."""
    names, left = [], features & ~F_PROTOCOL_FEATURES
    for kind in (OWN_FEATURES[device], Feature):
        for feature in kind:
            if left & int(feature):
                names.append(str(feature.name))
                left ^= int(feature)
    return names + [f"bit {bit}" for bit in range(64) if left >> bit & 1]


def table(outcome: Outcome) -> list[str]:
    """Return the lines of the table: a row a device, then what is of the whole."""
    rows = [COLUMNS] + [_row(name, report) for name, report in outcome.reports.items()]
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    lines = ["  ".join(_cells(row, widths)).rstrip() for row in rows]
    lines.insert(1, "─" * (sum(widths) + 2 * (len(widths) - 1)))
    for name, report in outcome.reports.items():
        text = f"{name} negotiated:  {', '.join(feature_names(name, report['features']))}"
        lines += textwrap.wrap(text, WIDTH, subsequent_indent=" " * LABEL)
    for name, report in outcome.reports.items():
        if report.get("compared"):
            lines.append(f"{name} compared:    {_compared(report['compared'])}")
    return lines + _measured(outcome)


def _compared(counts: Mapping[str, int]) -> str:
    return (
        f"{counts['elements']:,} ring operations with the model: {counts['bytes']:,} bytes and "
        f"{counts['interrupts']:,} interrupts as it says"
    )


def _cells(row: tuple[str, ...], widths: list[int]) -> list[str]:
    left = [cell.ljust(width) for cell, width in zip(row[:2], widths)]
    return left + [cell.rjust(width) for cell, width in zip(row[2:], widths[2:])]


def _row(device: str, report: Mapping[str, Any]) -> tuple[str, ...]:
    counted = report.get("counted", {})
    parts = [
        f"{counted[name]:,} {WORDS.get(name, name)}"
        for name in COUNTS[device]
        if counted.get(name, 0)
    ]
    numbers = (report[key] for key in ("read", "written", "cycles", "kicks", "calls"))
    return (device, ", ".join(parts) or "none", *(f"{number:,}" for number in numbers))


def _measured(outcome: Outcome) -> list[str]:
    """Return what was measured in wall time."""
    found = {}
    if outcome.read_rate is not None:
        found["sequential read"] = (
            f"{outcome.console.about('read')} KiB at {outcome.read_rate:,.0f} KiB/s"
        )
    if outcome.ping_ms is not None:
        least, mean, most = outcome.ping_ms
        found["ping round trip"] = f"{mean:.2f} ms, from {least:.2f} to {most:.2f} ms"
    if outcome.fetch_rate is not None:
        found["file over TCP"] = f"{FETCHED_BYTES:,} bytes at {outcome.fetch_rate:,.0f} KiB/s"
    found["wall time"] = f"{outcome.seconds:.1f} s"
    return [f"{name + ':':<{LABEL}}{text}" for name, text in found.items()]
