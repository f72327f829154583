# SPDX-License-Identifier: Apache-2.0
"""Run scenarios on a target and say how each one went."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable

from pymodel import DeviceIndices, MemoryFault, Reg, RingState, draw_ring
from tb.registers import device_parameters

from .epilogue import Epilogue
from .errors import Problem, StepFailed
from .execute import Executor
from .layout import OWN_BASE, OWN_SIZE
from .parser import Run, Scenario, choose_runs
from .targets import RtlTarget, Target

ROWS = 8  # of a ring picture's boxes


@dataclass(frozen=True)
class Outcome:
    """How one run went: "passed", "failed", "wrong" (the file's fault) or "skipped"."""

    id: str
    verdict: str
    where: str = ""
    message: str = ""
    picture: str = ""
    cycles: int = 0

    @property
    def bad(self) -> bool:
        """Whether it must not be so."""
        return self.verdict in ("failed", "wrong")

    def line(self) -> str:
        """Return the report's line."""
        tail = f" {self.where}: {self.message}" if self.message else ""
        return f"{self.verdict:7} {self.id}{tail}"


async def run_one(target: Target, run: Run, device: Mapping[str, int]) -> Outcome:
    """Run one scenario from reset; never raises for what the device does."""
    try:
        await target.restart()
        begin = target.cycle
        executor = Executor(target, run, device)
    except Problem as problem:
        return Outcome(run.id, "wrong", "start", str(problem))
    try:
        epilogue = Epilogue(executor)
        await epilogue.run_steps()
        await epilogue.finish()
    except Problem as problem:
        return Outcome(run.id, "wrong", str(executor.place), str(problem))
    except (KeyError, ArithmeticError, OverflowError, MemoryFault) as error:
        return Outcome(run.id, "wrong", str(executor.place), f"{type(error).__name__}: {error}")
    except AssertionError as failure:
        where, message = str(executor.place), str(failure)
        if not isinstance(failure, StepFailed) and isinstance(target, RtlTarget):
            target.failed_access = True
        picture = await _picture(executor, isinstance(failure, StepFailed))
        return Outcome(run.id, "failed", where, message, picture, target.cycle - begin)
    return Outcome(run.id, "passed", cycles=target.cycle - begin)


def unfit(scenario: Scenario, target: Target, device: Mapping[str, int]) -> str:
    """Return why a scenario cannot run here, or nothing."""
    for key, value in scenario.device.items():
        if device[key] != value:
            return f"needs a device with {key} {value}, this one has {device[key]}"
    if not target.timed:
        if not scenario.raw.get("model", True):
            return "is not for the model"
        if any(_timed(step) for step in scenario.raw["steps"]):
            return "depends on time, which the model has not"
    return ""


def _timed(step: Mapping[str, Any]) -> bool:
    inner = step.get("steps", ())
    return "race" in step or ("refuse" in step and "nth" in step) or any(map(_timed, inner))


async def run_all(
    target: Target,
    scenarios: Iterable[Scenario],
    ids: Iterable[str] = (),
    stride: int = 1,
    say: Callable[[str], object] = print,
) -> list[Outcome]:
    """Run scenarios one after the other and report each by id.

    Args:
        target: the device.
        scenarios: what to run.
        ids: runs of swept scenarios to take alone, such as `stop[t=5]`.
        stride: above 1 for a thinned run: see `Scenario.runs`; leaves `thorough` scenarios out.
        say: takes the report line by line.
    """
    await target.restart()
    device = await device_parameters(target.read)
    outcomes = []
    ids = list(ids)
    for scenario in scenarios:
        if stride > 1 and scenario.raw.get("thorough"):
            continue
        why = unfit(scenario, target, device)
        if why:
            outcomes.append(Outcome(scenario.id, "skipped", "", ""))
            say(f"skipped {scenario.id} {why}")
            continue
        for run in choose_runs(scenario.runs(stride), ids):
            if target.timed:
                say(f"run     {run.id}")  # so that a run that is stopped can be told
            outcome = await run_one(target, run, device)
            outcomes.append(outcome)
            say(outcome.line())
            if outcome.picture:
                say(outcome.picture)
    return outcomes


def summary(outcomes: Iterable[Outcome]) -> str:
    """Return one line with the counts."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome.verdict] = counts.get(outcome.verdict, 0) + 1
    return "scenarios: " + ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))


def save(outcomes: Iterable[Outcome], folder: Path) -> None:
    """Leave the outcomes as `scenarios.json` in the run's folder."""
    rows = [asdict(outcome) for outcome in outcomes]
    (folder / "scenarios.json").write_text(json.dumps(rows, indent=1) + "\n")


async def _picture(executor: Executor, registers: bool) -> str:
    """Draw the scenario's queues, with the device's indices where they can still be read."""
    parts = []
    own = range(OWN_BASE, OWN_BASE + OWN_SIZE)
    for ring in executor.layout.rings.values():
        layout = ring.layout()
        if layout is None or (ring.table in own and "epilogue" not in executor.place.verb):
            continue
        device = await _indices(executor.target, ring.index) if registers else None
        try:
            state = RingState.capture(executor.layout.store, layout)
        except MemoryFault:
            continue
        parts.append(f"queue {ring.index}\n{draw_ring(state, device=device, rows=ROWS)}")
    return "\n".join(parts)


async def _indices(target: Target, queue: int) -> DeviceIndices | None:
    try:
        await target.write(Reg.QUEUE_SEL, queue)
        return DeviceIndices(
            await target.read(Reg.QUEUE_AVAIL_INDEX), await target.read(Reg.QUEUE_USED_INDEX)
        )
    except AssertionError:
        return None


def run_now(coroutine: Awaitable[Any]) -> Any:
    """Run a coroutine that never waits for a simulator: those of the model target."""
    steps = coroutine.__await__()
    try:
        next(steps)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("the model target waited for something")
