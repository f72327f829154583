# SPDX-License-Identifier: Apache-2.0
"""From the runs of `make bench-sim` to its figures: medians, ratios, table, verdict."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from tb.speed.workload import Measure

Runs = Mapping[tuple[str, str], Sequence[Measure]]  # of (simulator, bench)

RATIOS = {"native_over_axiram": ("native", "axiram"), "native_over_bare": ("native", "bare")}


class Bound(NamedTuple):
    """What a ratio must reach, and what it should."""

    floor: float
    goal: float


BOUNDS = {
    ("verilator", "native_over_axiram"): Bound(20, 100),
    ("verilator", "native_over_bare"): Bound(0.5, 0.9),
}
# Why a ratio has no floor
REASONS = {
    ("icarus", "native_over_axiram"): "no floor: Icarus itself takes nearly all of native's time",
    ("icarus", "native_over_bare"): "no such loop: Icarus' model runs in its own interpreter",
}


class DigestError(Exception):
    """A run did something else than the workload; the text says which."""


def check(simulator: str, bench: str, measured: Measure, operations: int, digest: str) -> None:
    """Raise DigestError unless a run did these operations and left this memory."""
    if measured.operations != operations:
        raise DigestError(
            f"{simulator}, {bench}: {measured.operations} operations, not {operations}"
        )
    if measured.digest != digest:
        raise DigestError(
            f"{simulator}, {bench}: the memory at the end is not the golden model's "
            f"(SHA-256 {measured.digest[:16]}..., not {digest[:16]}...), so its speed says nothing"
        )


def cycles_per_second(measured: Measure) -> float:
    """Return the speed of one run."""
    return measured.cycles / measured.seconds


def points(runs: Runs) -> list[dict[str, Any]]:
    """Return the medians of each bench; `spread` is (highest - lowest) / median."""
    found = []
    for (simulator, bench), measures in runs.items():
        speeds = [cycles_per_second(measured) for measured in measures]
        median = statistics.median(speeds)
        operations = statistics.median(m.operations / m.seconds for m in measures)
        python = statistics.median(m.python_seconds / m.seconds for m in measures)
        found.append(
            {
                "simulator": simulator,
                "bench": bench,
                "cycles_per_second": round(median),
                "operations_per_second": round(operations),
                "python_share": round(python, 3),
                "spread": round((max(speeds) - min(speeds)) / median, 3),
                "runs": len(measures),
                "cycles": measures[0].cycles,
                "operations": measures[0].operations,
            }
        )
    return found


def ratios(runs: Runs) -> dict[str, dict[str, Optional[float]]]:
    """Return the ratios of median cycles per second, None where a bench does not exist."""
    medians = {
        key: statistics.median(cycles_per_second(measured) for measured in measures)
        for key, measures in runs.items()
    }
    found: dict[str, dict[str, Optional[float]]] = {}
    for simulator in dict.fromkeys(simulator for simulator, _ in runs):
        row = found[simulator] = {}
        for name, (above, below) in RATIOS.items():
            one, other = medians.get((simulator, above)), medians.get((simulator, below))
            row[name] = None if one is None or other is None else round(one / other, 3)
    return found


def simulator_alone(runs: Runs) -> Optional[float]:
    """Return native over bare under Verilator without the driver's operations in Python."""
    native, bare = runs.get(("verilator", "native")), runs.get(("verilator", "bare"))
    if not native or not bare:
        return None
    speed = statistics.median(m.cycles / (m.seconds - m.python_seconds) for m in native)
    return round(speed / statistics.median(map(cycles_per_second, bare)), 3)


def missed(found: Mapping[str, Mapping[str, Optional[float]]]) -> list[str]:
    """Return a line for each floor that is missed."""
    lines = []
    for (simulator, name), bound in BOUNDS.items():
        value = found.get(simulator, {}).get(name)
        if value is not None and value < bound.floor:
            lines.append(f"{simulator}: {name} is {value:g}, below the floor of {bound.floor:g}")
    return lines


def table(runs: Runs) -> list[str]:
    """Return the lines that a person reads."""
    form = "{:<11}{:<8}{:>12}{:>14}{:>10}{:>12}{:>11}{:>9}{:>6}"
    titles = ("cycles/s", "operations/s", "spread", "cycles", "operations", "Python", "runs")
    lines = [form.format("simulator", "bench", *titles), "─" * 93]
    for point in points(runs):
        python = f"{point['python_share']:.0%}" if point["python_share"] else "-"
        lines.append(
            form.format(
                point["simulator"],
                point["bench"],
                f"{point['cycles_per_second']:,}",
                f"{point['operations_per_second']:,}",
                f"{point['spread']:.0%}",
                f"{point['cycles']:,}",
                f"{point['operations']:,}",
                python,
                point["runs"],
            )
        )
    lines += ["", f"{'ratio of cycles/s':<34}{'measured':>10}{'floor':>8}{'goal':>8}", "─" * 93]
    for simulator, row in ratios(runs).items():
        for name, value in row.items():
            bound = BOUNDS.get((simulator, name))
            text = f"{simulator:<11}{name.replace('_', ' '):<23}"
            text += f"{'-' if value is None else f'{value:.3g}':>10}"
            if bound is None:
                text += f"{'-':>8}{'-':>8}  {REASONS.get((simulator, name), '')}"
            else:
                text += f"{bound.floor:>8g}{bound.goal:>8g}"
                if value is not None:
                    text += f"  {standing(value, bound)}"
            lines.append(text.rstrip())
    alone = simulator_alone(runs)
    if alone is not None:
        lines += [
            "",
            f"Without the driver's operations in Python, native would be {alone:.3g} of bare.",
        ]
    return lines


def standing(value: float, bound: Bound) -> str:
    """Return where a ratio stands."""
    if value < bound.floor:
        return "MISSES THE FLOOR"
    return "reaches the goal" if value >= bound.goal else "above the floor"
