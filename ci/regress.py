# SPDX-License-Identifier: Apache-2.0
"""`make regress`: run the matrix of `ci/matrix.toml` on all cores.

Shows what is running and the time left; ends with a table and, for each failure, the one
command that repeats it with waves.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci.toolchain import BUILD, ROOT
from tb.build import SIMULATORS, BuildError
from tb.runner import RunFailed, run_system, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MATRIX = ROOT / "ci" / "matrix.toml"
SMALL_RING = 256  # the QUEUE_SIZE_MAX that is built for rings up to this size
LARGEST_RING = 32768
IN_ORDER = " in order"  # after a format: IN_ORDER is negotiated
LISTS = (
    *("simulators", "rings", "data_widths", "queues", "ring_sizes"),
    *("profiles", "seeds", "modules"),
)
TIMEOUT_S = 900
REPORT_EVERY_S = 20  # when the output is not a terminal


@dataclass(frozen=True)
class Point:
    """One run of the matrix."""

    block: str
    sim: str
    ring: str
    data_w: int
    queues: int
    ring_size: int
    profile: str
    seed: int
    module: str

    def __str__(self) -> str:
        return (
            f"{self.block}: {self.sim} {self.data_w}-bit {self.queues} queues "
            f"{self.ring} ring {self.ring_size} {self.profile} seed {self.seed}"
        )


class MatrixError(Exception):
    """The matrix asks for something that does not exist."""


@dataclass
class Outcome:
    """How one run ended; `failure` is empty when it passed."""

    point: Point
    seconds: float
    tests: int
    failure: str


def allowed(profiles: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Return what each list may hold, where that is a short list itself."""
    return {
        "simulators": SIMULATORS,
        "rings": [ring + order for order in ("", IN_ORDER) for ring in ("split", "packed")],
        "data_widths": (64, 128, 256, 512),
        "queues": range(1, 65),
        "ring_sizes": [1 << bits for bits in range(16)],
        "profiles": list(profiles),
    }


def read_matrix(path: Path) -> tuple[list[Point], dict[str, dict[str, Any]]]:
    """Return the runs and the profiles of a matrix file."""
    with path.open("rb") as file:
        matrix = tomllib.load(file)
    profiles = matrix.get("profiles", {})
    points: list[Point] = []
    for name, block in matrix.get("blocks", {}).items():
        missing, unknown = set(LISTS) - set(block), set(block) - set(LISTS)
        if missing or unknown:
            raise MatrixError(
                f"block {name}: {'lacks ' + ', '.join(sorted(missing)) if missing else ''}"
                f"{' does not know ' + ', '.join(sorted(unknown)) if unknown else ''}"
            )
        for key, values in allowed(profiles).items():
            for value in block[key]:
                if value not in values:
                    raise MatrixError(
                        f"block {name}, {key}: {value!r} is not one of "
                        f"{', '.join(map(str, values))}"
                    )
        for values in itertools.product(*(block[key] for key in LISTS)):
            points.append(Point(name, *values))
    return points, profiles


def run_point(point: Point, profile: Mapping[str, Any]) -> Outcome:
    """Run one point."""
    start = time.monotonic()
    parameters = {
        "QUEUES": point.queues,
        "DATA_W": point.data_w,
        "QUEUE_SIZE_MAX": SMALL_RING if point.ring_size <= SMALL_RING else LARGEST_RING,
    }
    env = {
        "TB_PROFILE": json.dumps(profile, separators=(",", ":"), sort_keys=True),
        "TB_RING_SIZE": str(point.ring_size),
        "RING": point.ring.removesuffix(IN_ORDER),
        "IN_ORDER": str(int(point.ring.endswith(IN_ORDER))),
    }
    tests, failure = 0, ""
    try:
        result = run_system(
            point.module,
            parameters,
            sim=point.sim,
            seed=point.seed,
            waves="",
            env=env,
            timeout_s=TIMEOUT_S,
        )
        tests = len(result.tests)
    except (RunFailed, BuildError) as error:
        failure = str(error)
    return Outcome(point, time.monotonic() - start, tests, failure)


class Progress:
    """One line that changes on a terminal; a line now and then elsewhere."""

    def __init__(self, total: int, jobs: int) -> None:
        self._total, self._jobs = total, jobs
        self._start = self._shown = time.monotonic()
        self._lock = threading.Lock()
        self.outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        """Note the end of a run."""
        with self._lock:
            self.outcomes.append(outcome)
            if outcome.failure:
                self._clear()
                print(f"FAILED {outcome.point}", flush=True)
            now = time.monotonic()
            if sys.stdout.isatty():
                print(f"\r{self._line(now)}\033[K", end="", flush=True)
            elif now - self._shown > REPORT_EVERY_S or len(self.outcomes) == self._total:
                self._shown = now
                print(self._line(now), flush=True)

    def _clear(self) -> None:
        if sys.stdout.isatty():
            print("\r\033[K", end="")

    def _line(self, now: float) -> str:
        done, spent = len(self.outcomes), now - self._start
        left = spent / done * (self._total - done)
        failed = sum(bool(outcome.failure) for outcome in self.outcomes)
        return (
            f"{done}/{self._total} runs, {failed} failed, {duration(spent)} so far, about "
            f"{duration(left)} left; last: {self.outcomes[-1].point}"
        )

    def finish(self) -> None:
        """End the changing line."""
        self._clear()


def duration(seconds: float) -> str:
    """Return a time for people."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def summary(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield the lines of the table: one for each block, simulator and width."""
    groups: dict[tuple[str, str, int], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        point = outcome.point
        groups[point.block, point.sim, point.data_w].append(outcome)
    columns = ("block", "simulator", "bits", "runs", "failed", "tests", "slowest")
    form = "{:<12} {:<10} {:>5} {:>6} {:>7} {:>7} {:>9}"
    yield form.format(*columns)
    for (block, sim, width), group in sorted(groups.items()):
        failed = sum(bool(outcome.failure) for outcome in group)
        tests = sum(outcome.tests for outcome in group)
        slowest = duration(max(outcome.seconds for outcome in group))
        yield form.format(block, sim, width, len(group), failed, tests, slowest)


def report(outcomes: Sequence[Outcome], spent: float) -> None:
    """Print the table and the failures; keep all of it in build/regress.log."""
    lines = ["", *summary(outcomes), ""]
    failures = [outcome for outcome in outcomes if outcome.failure]
    for outcome in failures:
        lines += [f"FAILED {outcome.point}", f"  {outcome.failure.splitlines()[0]}"]
        lines += ["  repeat with waves:", f"  {outcome.failure.splitlines()[-1].strip()}", ""]
    passed = len(outcomes) - len(failures)
    lines.append(f"{passed} passed, {len(failures)} failed in {duration(spent)}")
    text = "\n".join(lines)
    print(text)
    log = BUILD / "regress.log"
    details = "\n\n".join(f"{outcome.point}\n{outcome.failure}" for outcome in failures)
    log.write_text(f"{text}\n\n{details}\n")
    print(f"log: {shown(log)}")


def main() -> None:
    """Run the matrix."""
    parser = argparse.ArgumentParser(prog="ci.regress", description=__doc__.partition("\n")[0])
    parser.add_argument("--matrix", type=Path, default=MATRIX)
    parser.add_argument("--only", metavar="BLOCK", help="one block of the matrix")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="show the runs, run none")
    args = parser.parse_args()
    try:
        points, profiles = read_matrix(args.matrix)
    except (OSError, tomllib.TOMLDecodeError, MatrixError) as error:
        sys.exit(f"{args.matrix}: {error}")
    blocks = {point.block for point in points}
    if args.only and args.only not in blocks:
        sys.exit(f"no block {args.only!r}: it is one of {', '.join(sorted(blocks))}")
    points = [point for point in points if args.only in (None, point.block)]
    if args.list:
        print(*points, sep="\n")
        print(f"{len(points)} runs")
        return
    print(f"{len(points)} runs, {args.jobs} at a time")
    progress, start = Progress(len(points), args.jobs), time.monotonic()
    with ThreadPoolExecutor(max_workers=args.jobs) as pool:
        futures = [pool.submit(run_point, point, profiles[point.profile]) for point in points]
        try:
            for future in futures:
                future.add_done_callback(lambda done: progress.add(done.result()))
            for future in futures:
                future.result()
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            sys.exit("stopped")
    progress.finish()
    report(progress.outcomes, time.monotonic() - start)
    sys.exit(any(outcome.failure for outcome in progress.outcomes))


if __name__ == "__main__":
    main()
