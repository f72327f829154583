# SPDX-License-Identifier: Apache-2.0
"""`make mutants`: plant the faults of `ci/mutants.toml` in the RTL, one at a time.

Each fault goes into a copy of `rtl/`, never into the working tree; then runs that `make test` has
too are tried until one fails. A table says which run found which fault. A fault that none finds
fails the command.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ci.toolchain import BUILD, ROOT, toolchain

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LIST = ROOT / "ci" / "mutants.toml"
FOLDER = BUILD / "mutants"
TIMEOUT_S = 400  # of one run; the slowest good one takes a tenth of it
FAILED = re.compile(r"CHECK FAILED.*|cocotb\.regression\s+(\S+) failed|^failed\s+(\S+.*)")
MODULE = "module"  # in place of a run's name: the tests of the module that the fault is in
RUN_FIELDS = {"sim", "top", "module", "pattern", "parameters", "env", "seed", "named"}


@dataclass(frozen=True)
class Mutant:
    """One fault: in `file`, `old` becomes `new`. `runs` are those to try first."""

    id: str
    file: str
    bug: str
    old: str
    new: str
    runs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant: the run that found it, and that run's first complaint."""

    id: str
    run: str = ""
    reason: str = ""
    seconds: float = 0.0
    error: str = field(default="")  # the campaign's own: does not build, does not fit


class Found(Exception):
    """A line of the simulator's output says that a test failed."""


def load() -> tuple[dict[str, dict[str, Any]], list[Mutant]]:
    """Return the runs, in the order to try them, and the mutants; stop if the list is wrong."""
    document = tomllib.loads(LIST.read_text())
    runs = document["run"]
    mutants = []
    for entry in document["mutant"]:
        mutants.append(Mutant(**{**entry, "runs": tuple(entry.get("runs", ()))}))
    problems = [
        f"run {name}: no field {key}" for name in runs for key in set(runs[name]) - RUN_FIELDS
    ]
    seen: set[str] = set()
    for mutant in mutants:
        if mutant.id in seen:
            problems.append(f"{mutant.id}: listed twice")
        seen.add(mutant.id)
        problems += [
            f"{mutant.id}: no run {name}" for name in mutant.runs if name not in {MODULE, *runs}
        ]
        count = (ROOT / mutant.file).read_text().count(mutant.old)
        if count != 1:
            problems.append(f"{mutant.id}: its old text is {count} times in {mutant.file}")
        if mutant.old == mutant.new:
            problems.append(f"{mutant.id}: changes nothing")
    if problems:
        sys.exit(f"{LIST.relative_to(ROOT)}:\n  " + "\n  ".join(problems))
    return runs, mutants


def try_run(run: Mapping[str, Any]) -> str:
    """Return a run's first complaint, or nothing if it passed."""
    from tb.runner import SIGNALS, SYSTEM_TOP, RunFailed, run_bench, run_system

    def watch(line: str) -> None:
        match = FAILED.search(line)
        if match:
            raise Found(next(filter(None, (*match.groups(), match.group(0)))))

    options = {key: run[key] for key in ("pattern", "env", "seed") if key in run}
    options |= {"sim": run.get("sim", "icarus"), "echo": watch, "timeout_s": TIMEOUT_S, "waves": ""}
    try:
        top = run.get("top", SYSTEM_TOP)
        if top in SIGNALS:
            run_system(run["module"], run.get("parameters", {}), top=top, **options)
        else:
            run_bench(top, run.get("parameters", {}), run.get("module"), **options)
    except Found as found:
        return str(found)
    except RunFailed as failure:
        return str(failure).splitlines()[0]
    return ""


def try_module_tests(file: str) -> str:
    """Return the first complaint of the tests of a module under Icarus, or nothing."""
    tests = ROOT / "tests" / "rtl" / f"test_{Path(file).stem}.py"
    if not tests.exists():
        return ""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "icarus"]
    done = subprocess.run([*command, str(tests)], cwd=ROOT, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith(("E  ", "FAILED"))]
    return (lines or [done.stdout[-200:] or "failed"])[0] if done.returncode else ""


def child(mutant: Mutant, quick: bool) -> Verdict:
    """Try one mutant's runs; TB_RTL names its copy of the RTL already.

    First those that it names, then the tests of its module, then all others.
    """
    from tb.build import BuildError

    runs, _ = load()
    first = mutant.runs
    start = time.monotonic()
    try:
        others = [name for name in runs if name not in first and not runs[name].get("named")]
        if quick:
            others = others[: 0 if first else 1]
        for name in dict.fromkeys([*first, MODULE, *others]):
            if name == MODULE:
                reason = try_module_tests(mutant.file) if mutant.file else ""
            else:
                reason = try_run(runs[name])
            if reason:
                return Verdict(mutant.id, name, reason[:100], time.monotonic() - start)
    except BuildError as error:
        return Verdict(mutant.id, error=str(error)[-1500:])
    return Verdict(mutant.id, seconds=time.monotonic() - start)


def attempt(mutant: Mutant, quick: bool = False) -> Verdict:
    """Plant a mutant in a copy of the RTL and run it in a process of its own."""
    folder = FOLDER / mutant.id
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "rtl", folder / "rtl")
    if mutant.file:
        path = folder / mutant.file
        path.write_text(path.read_text().replace(mutant.old, mutant.new))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "ci.mutants",
            "--child",
            json.dumps(asdict(mutant)),
            *["--quick"] * quick,
        ],
        env={**os.environ, "TB_RTL": str(folder / "rtl")},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    try:
        verdict = Verdict(**json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        return Verdict(mutant.id, error=(done.stdout + done.stderr)[-1500:])
    if verdict.run:
        shutil.rmtree(folder, ignore_errors=True)
    return verdict


def without_fault(found: Sequence[tuple[str, str]]) -> Iterator[Verdict]:
    """Try runs, or the tests of a module, each with its file, on RTL without a fault."""
    for run, file in found:
        file = file if run == MODULE else ""
        name = f"no-fault-{Path(file).stem or run}"
        yield attempt(Mutant(name, file, "no fault", "", "", (run,)), quick=True)


def report(verdict: Verdict) -> None:
    """Print one line."""
    if verdict.error:
        outcome = "ERROR   " + verdict.error
    elif verdict.run:
        outcome = f"{verdict.run:16} {verdict.seconds:5.1f} s  {verdict.reason}"
    else:
        outcome = f"{'SURVIVED':16} {verdict.seconds:5.1f} s"
    print(f"{verdict.id:28} {outcome}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the campaign; the number of survivors and errors decides the exit code."""
    parser = argparse.ArgumentParser(prog="ci.mutants", description=__doc__)
    parser.add_argument("ids", nargs="*", help="mutants to try, as regular expressions; all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--quick", action="store_true", help="only the runs that a mutant names")
    parser.add_argument("--list", action="store_true", help="only list them")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.child:
        planted = json.loads(args.child)
        mutant = Mutant(**{**planted, "runs": tuple(planted["runs"])})
        print(json.dumps(asdict(child(mutant, args.quick))))
        return 0
    toolchain()
    _, mutants = load()
    chosen = [m for m in mutants if not args.ids or any(re.search(i, m.id) for i in args.ids)]
    if args.list:
        for mutant in chosen:
            print(f"{mutant.id:28} {mutant.file:36} {mutant.bug}")
        return 0
    with ThreadPoolExecutor(args.jobs) as pool:
        verdicts = []
        for done in as_completed([pool.submit(attempt, mutant, args.quick) for mutant in chosen]):
            report(done.result())
            verdicts.append(done.result())
    bad = [verdict.id for verdict in verdicts if not verdict.run]
    print(f"{len(verdicts)} faults planted, {len(verdicts) - len(bad)} found")
    if bad:
        print("not found: " + ", ".join(bad))
    # A run that fails without a fault proves nothing
    files = {mutant.id: mutant.file for mutant in chosen}
    used = {(v.run, files[v.id] if v.run == MODULE else "") for v in verdicts if v.run}
    wrong = [good for good in without_fault(sorted(used)) if good.run or good.error]
    for good in wrong:
        report(good)
    print(f"without a fault {len(used) - len(wrong)} of the {len(used)} that found them pass")
    return int(bool(bad or wrong))


if __name__ == "__main__":
    sys.exit(main())
