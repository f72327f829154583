# SPDX-License-Identifier: Apache-2.0
"""`make bench`: measure throughput and latency of the engine, beside the limit of its bus.

Writes build/bench.json, prints the tables and the verdict on each figure that has a floor, and
draws plots into build/bench/. Exit code 1 when a floor is missed or a run differs from the model.

All runs are under Verilator: cycles are exact, and the same under Icarus, which takes a hundred
times as long (`tests/measure` compares a point under both).
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import json
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Optional

from ci.toolchain import BUILD
from tb.build import BuildError
from tb.measure import report
from tb.measure.points import (
    BUILT_QUEUES,
    BUILT_SIZE,
    LATENCIES,
    RINGS,
    WIDTHS,
    Point,
    all_points,
    chosen,
    quick,
)
from tb.measure.runs import RESULTS
from tb.runner import DEVICES_TOP, RunFailed, run_bench, run_system, shown
from tb.screen import PROGRESS
from tb.sim import USAGE_ERROR, Screen, end_children

WHOLE, PART = BUILD / "bench.json", BUILD / "bench-part.json"
PLOTS, PART_PLOTS = BUILD / "bench", BUILD / "bench-part"
GROUP = 16  # points of one simulation
JOBS = 2
TIMEOUT_S = 1800
NAMES = {"socket": "the socket port", "block": "block requests", "network": "network frames"}


@dataclass(frozen=True)
class Group:
    """Points that share a simulation."""

    width: int
    points: tuple[Point, ...]
    latencies: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of points."""
        return len(self.points) + len(self.latencies)


def groups(points: Sequence[Point], latency: bool) -> list[Group]:
    """Share points out into simulations, the longest width first."""
    found = []
    for width in WIDTHS:
        mine = [point for point in points if point.data_w == width]
        for at in range(0, len(mine), GROUP):
            found.append(Group(width, tuple(mine[at : at + GROUP])))
        if latency:
            names = [f"{ring}:{cycles}" for ring in RINGS for cycles in LATENCIES]
            found.append(Group(width, (), tuple(names)))
    return found


class Progress:
    """One line about all simulations together."""

    def __init__(self, total: int) -> None:
        self.screen, self.total = Screen(), total
        self.done: dict[Group, int] = {}

    def follow(self, group: Group, line: str) -> None:
        """Take a line that a simulation has printed."""
        if line.startswith(PROGRESS):
            done, _, words = line[len(PROGRESS) :].partition(" ")
            self.done[group] = int(done)
            what = words.partition(" ")[2] or "done"
            self.screen.progress(
                f"{sum(self.done.values())} {self.total} {group.width} bit: {what}"
            )


def run_group(group: Group, progress: Progress) -> dict[str, Any]:
    """Run one simulation and return what it measured."""
    parameters = {"QUEUES": BUILT_QUEUES, "QUEUE_SIZE_MAX": BUILT_SIZE, "DATA_W": group.width}
    env = {
        "BENCH_POINTS": " ".join(point.name for point in group.points),
        "BENCH_LATENCIES": " ".join(group.latencies),
    }
    result = run_system(
        "tb.measure.runs",
        parameters,
        sim="verilator",
        seed=1,
        waves="",
        env=env,
        timeout_s=TIMEOUT_S,
        echo=lambda line: progress.follow(group, line),
    )
    found: dict[str, Any] = json.loads((result.folder / RESULTS).read_text())
    return found


def run_block(width: int) -> dict[str, Any]:
    """Measure the block device at a width, in a simulation of its own."""
    result = run_system(
        "tb.measure.block",
        {"TEST_EN": 0, "BLK_EN": 1, "BLK_QUEUES": 1, "DATA_W": width},
        top=DEVICES_TOP,
        sim="verilator",
        seed=1,
        waves="",
        env={"BENCH_WIDTH": str(width)},
        timeout_s=TIMEOUT_S,
    )
    found: dict[str, Any] = json.loads((result.folder / RESULTS).read_text())
    return found


def run_network(width: int) -> dict[str, Any]:
    """Measure the network device at a width, in a simulation of its own."""
    result = run_system(
        "tb.measure.network",
        {"TEST_EN": 0, "NET_EN": 1, "QUEUE_SIZE_MAX": BUILT_SIZE, "DATA_W": width}
        | {"NET_RX_CREDITS": width},
        top=DEVICES_TOP,
        sim="verilator",
        seed=1,
        waves="",
        env={"BENCH_WIDTH": str(width)},
        timeout_s=TIMEOUT_S,
    )
    found: dict[str, Any] = json.loads((result.folder / RESULTS).read_text())
    return found


def run_socket() -> dict[str, Any]:
    """Measure the socket port, in a simulation of its own."""
    result = run_bench(
        "vq_socket_device",
        {"DATA_W": WIDTHS[0]},
        "tb.measure.socket",
        sim="verilator",
        seed=1,
        waves="",
        timeout_s=TIMEOUT_S,
    )
    found: dict[str, Any] = json.loads((result.folder / RESULTS).read_text())
    return found


# What is measured besides, by the name that `--only` finds: the simulations of each
OTHERS: dict[str, tuple[Callable[[], dict[str, Any]], ...]] = {
    "socket": (run_socket,),
    "block": tuple(functools.partial(run_block, width) for width in (WIDTHS[0], WIDTHS[-1])),
    "network": tuple(functools.partial(run_network, width) for width in (WIDTHS[0], WIDTHS[-1])),
}


def measure(
    points: Sequence[Point], latency: bool, others: Sequence[str], jobs: int
) -> dict[str, list[Any]]:
    """Measure all; raise RunFailed or BuildError."""
    wanted = groups(points, latency)
    progress = Progress(sum(group.count for group in wanted))
    found: dict[str, list[Any]] = {"throughput": [], "latency": []}
    found |= {name: [] for name in OTHERS}
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        futures = [pool.submit(run_group, group, progress) for group in wanted]
        futures += [pool.submit(run) for name in others for run in OTHERS[name]]
        try:
            for future in futures:
                for key, values in future.result().items():
                    found[key] += values
        except (RunFailed, BuildError):
            pool.shutdown(cancel_futures=True)
            raise
    progress.screen.clear()
    return found


def parse(arguments: Optional[Sequence[str]]) -> argparse.Namespace:
    """Return the options; end with a message when one is wrong."""
    parser = argparse.ArgumentParser(prog="make bench BENCH=...", description=__doc__)
    parser.add_argument("--only", metavar="REGEX", help="points whose name the expression finds")
    parser.add_argument("--quick", action="store_true", help="only what the floors are about")
    parser.add_argument("--list", action="store_true", help="name the points, run none")
    parser.add_argument("--jobs", type=int, default=JOBS, help="simulations at once")
    parser.add_argument(
        "--page", action="store_true", help="write the last figures into the pages, end"
    )
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error("--jobs is at least 1")
    if options.only:
        try:
            re.compile(options.only)
        except re.error as error:
            parser.error(f"--only {options.only}: no regular expression: {error}")
    return options


def write_page() -> int:
    """Fill the figures of the page from the last whole run; return the exit code."""
    try:
        found = json.loads(WHOLE.read_text())
    except OSError:
        print(f"there is no {shown(WHOLE)}: run 'make bench' first", file=sys.stderr)
        return 1
    for page in report.PAGES:
        page.write_text(report.fill_page(page.read_text(), report.page_parts(found)))
        print(f"figures of {shown(WHOLE)} written into {shown(page)}")
    return 0


def write_results(found: dict[str, list[Any]], whole: bool) -> None:
    """Write the JSON file and the plots; say where they are."""
    path = WHOLE if whole else PART
    path.write_text(json.dumps(found, indent=1) + "\n")
    print(f"figures: {shown(path)}")
    if importlib.util.find_spec("matplotlib") is None:
        print("plots: none, matplotlib is not installed ('make bench' installs it)")
        return
    from tb.measure.plots import draw

    drawn = draw(found["throughput"], PLOTS if whole else PART_PLOTS)
    if drawn:
        print(f"plots: {', '.join(map(shown, drawn))}")


def bench(options: argparse.Namespace) -> int:
    """Measure, and tell; return the exit code."""
    points = all_points()
    if options.quick:
        points = [point for point in points if quick(point)]
    if options.only:
        points = chosen(points, options.only)
    latency = not options.only or bool(re.search(options.only, "latency"))
    others = [name for name in OTHERS if not options.only or re.search(options.only, name)]
    if options.list:
        more = ["latency"] if latency else []
        print(*(point.name for point in points), *more, *others, sep="\n")
        return 0
    if not points and not latency and not others:
        print(
            f"--only {options.only}: no point has such a name; --list names them", file=sys.stderr
        )
        return USAGE_ERROR
    start = time.monotonic()
    print(
        f"{len(points)} points of throughput"
        + (f", {len(WIDTHS) * len(RINGS) * len(LATENCIES)} of latency" if latency else "")
        + "".join(f", {NAMES[name]}" for name in others)
        + "; each run is compared with the model, byte for byte."
    )
    try:
        found = measure(points, latency, others, options.jobs)
    except (RunFailed, BuildError) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("\n".join(report.text(found)))
    write_results(found, whole=not options.only and not options.quick)
    print(f"{time.monotonic() - start:.0f} seconds\n")
    rows = report.verdicts(found)
    print("\n".join([*report.peers_text(), *report.verdict_text(rows)]))
    return int(any(row.met is False for row in rows))


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Run the command."""
    options = parse(arguments)
    try:
        sys.exit(write_page() if options.page else bench(options))
    except KeyboardInterrupt:
        end_children()
        print("\ninterrupted", file=sys.stderr, flush=True)
        os._exit(130)


if __name__ == "__main__":
    main()
