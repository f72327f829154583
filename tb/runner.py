# SPDX-License-Identifier: Apache-2.0
"""Run cocotb tests on a design, under either simulator.

`run_bench("vq_fifo", {"DEPTH": 4})` runs the bench of one module; `run_system("tb.demo")` runs a
test module on the whole: the test device, the guest memory and the checks of `tb_top`. Both build
what is needed (see `tb.build`), run in a folder of their own under `build/runs`, and raise
`RunFailed`, with the one command that repeats the run with waves, when a test fails.

From the environment, where a caller does not say: SIM, SEED, WAVES.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import cocotb_tools.config

from ci.toolchain import BUILD, ROOT, toolchain
from tb.build import SIMULATORS, WORK, BuildError, Design, build, build_native, digest, locked

SYSTEM_TOP = "tb_top"
DEVICES_TOP = "tb_devices"
COMMON_SIGNALS = ("clk", "rst", "cycle", "dump_enable", "track_*", "s_axil_*", "published")
SIGNALS = {  # that Python reaches, of the tops with guest memory and clock
    SYSTEM_TOP: (*COMMON_SIGNALS, "irq", "idle", "calls"),
    DEVICES_TOP: (*COMMON_SIGNALS, "irq", "idle", "irq_*", "idle_*", "calls_*"),
}
DEFAULT_TIMEOUT_S = 600
CLOCK_NS = 4  # of tb_top
WINDOW_CYCLES = 5000  # of waves before a failure, where waves are windowed
LAST = BUILD / "last-run.json"


class RunFailed(AssertionError):
    """A run did not pass; the text says which test, why, and how to repeat it.

    Attributes:
        tests: the outcomes of those that ended.
    """

    tests: tuple[Test, ...] = ()


@dataclass(frozen=True)
class Test:
    """One cocotb test's outcome; `message` is empty when it passed."""

    name: str
    seconds: float
    message: str = ""
    skipped: bool = False


@dataclass(frozen=True)
class Result:
    """What a run left behind."""

    tests: tuple[Test, ...]
    folder: Path
    log: Path
    waves: Path | None


@dataclass(frozen=True)
class Run:
    """Everything that a run depends on.

    Attributes:
        design: what to build.
        module: the Python module with the tests: a dotted name, or a path from the root.
        pattern: regular expression; only tests whose name it finds are run.
        seed: of cocotb's random numbers, and of the uninitialised registers under Verilator.
        waves: write waves: "" for none, "all", or "window" for what the bench selects.
        env: passed on to the tests.
    """

    design: Design
    module: str
    pattern: str = ""
    seed: int = 1
    waves: str = ""
    env: Mapping[str, str] = field(default_factory=dict)

    def label(self) -> str:
        """Return a readable name, unique to this run."""
        stem = re.sub(r"\W+", "_", f"{self.module}-{self.pattern}".strip("-"))[-60:]
        key = digest(repr((self.design, self.module, self.pattern, self.seed, dict(self.env))))
        return f"{self.design.name()[:60]}-{stem}-seed{self.seed}-{key[:8]}"

    def command(self) -> str:
        """Return the one command that repeats this run with waves."""
        words = ["build/venv/bin/python", "-m", "tb.runner", "--waves"]
        words += ["--sim", self.design.sim, "--top", self.design.top, "--seed", str(self.seed)]
        for key, value in self.design.parameters:
            words += ["--parameter", f"{key}={value}"]
        for source in self.design.sources:
            words += ["--source", shown(source)]
        if self.design.top not in SIGNALS:
            words += ["--native"] if self.design.native else []
            words += ["--own-clock"] if self.design.own_clock else []
        words += ["--test", self.pattern] if self.pattern else []
        for key, text in sorted(self.env.items()):
            words += ["--env", f"{key}={text}"]
        return shlex.join([*words, self.module])


def shown(path: Path) -> str:
    """Return a path as seen from the project's folder."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def python_path(module: str) -> tuple[str, list[str]]:
    """Return the name to import a test module by, and the folders that it needs.

    A file in a package is imported below the package's root, so that the modules beside it do not
    hide those of the same name that Python has.
    """
    if not module.endswith(".py"):
        return module, [str(ROOT)]
    path = (ROOT / module).resolve()
    if not path.exists():
        raise BuildError(f"no test module {module}")
    names, folder = [path.stem], path.parent
    while (folder / "__init__.py").exists():
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names), list(dict.fromkeys((str(ROOT), str(folder))))


def environment(run: Run, folder: Path) -> dict[str, str]:
    """Return the environment of the simulator."""
    module, folders = python_path(run.module)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("COCOTB_", "PYTEST_"))}
    env |= {
        "COCOTB_TOPLEVEL": run.design.top,
        "COCOTB_TEST_MODULES": module,
        "COCOTB_RANDOM_SEED": str(run.seed),
        "COCOTB_RESULTS_FILE": str(folder / "results.xml"),
        "COCOTB_TRUST_INERTIAL_WRITES": "1" if run.design.sim == "verilator" else "0",
        "COCOTB_ANSI_OUTPUT": "0",
        "TOPLEVEL_LANG": "verilog",
        "GPI_USERS": f"{toolchain().libpython};{cocotb_tools.config.pygpi_entry_point()}",
        "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join(
            [*folders, *filter(None, [os.environ.get("PYTHONPATH", "")])]
        ),
        "PYTHONUNBUFFERED": "1",
        "SIM": run.design.sim,
        "SEED": str(run.seed),
        "TB_WAVES": run.waves,
        "TB_RUN_DIR": str(folder),
    }
    if run.pattern:
        env["COCOTB_TEST_FILTER"] = run.pattern
    if run.design.sanitized:
        env["ASAN_OPTIONS"] = "detect_leaks=0"  # Python ends with memory that it holds
        env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    if run.design.native:
        env["TB_NATIVE"] = str(build_native("icarus")) if run.design.sim == "icarus" else ""
    return env | dict(run.env)


def simulate_command(run: Run, build_folder: Path, waves: Path | None) -> list[str]:
    """Return the simulator's command line."""
    if run.design.sim == "verilator":
        command = [str(build_folder / "sim"), "+verilator+rand+reset+2"]
        command += [f"+verilator+seed+{run.seed % 0x7FFFFFFF + 1}"]
        return command + (["--trace-file", str(waves)] if waves else [])
    libs = cocotb_tools.config.lib_entry("vpi", "icarus")
    command = [toolchain().vvp, "-m", libs]
    command += ["-m", str(build_native("icarus"))] if run.design.native else []
    command += ["-n", str(build_folder / "sim.vvp"), "-fst" if waves else "-none"]
    return command + ([f"+waves={waves}"] if waves else [])


def execute(
    run: Run, *, timeout_s: float = DEFAULT_TIMEOUT_S, echo: Callable[[str], None] | None = None
) -> Result:
    """Build, run and judge; raise RunFailed or BuildError.

    A run with windowed waves that fails is run again for the waves of its last cycles: runs
    repeat exactly.

    Args:
        run: what to do.
        timeout_s: end the simulator after so many seconds of real time.
        echo: called with each line that the simulator prints, as it comes.
    """
    __tracebackhide__ = True  # pytest shows the message alone
    folder = WORK / "runs" / run.label()
    with locked(folder.with_name(folder.name + ".lock"), fcntl.LOCK_EX):
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        build_folder = build(run.design)
        attempt = Attempt(run, folder, build_folder, timeout_s)
        if attempt.waves:
            record(run, attempt.log, attempt.waves)
        with locked(build_folder.with_name(build_folder.name + ".lock"), fcntl.LOCK_SH):
            ended = attempt.simulate({}, echo)
            try:
                return judge(run, folder, attempt.log, attempt.waves, ended)
            except RunFailed as failure:
                if run.waves != "window":
                    raise
                text = str(failure)
            start = max(0, failed_at_ns(folder / "results.xml") // CLOCK_NS - WINDOW_CYCLES)
            attempt.simulate({"TB_DUMP_FROM": str(start)}, None)
        raise RunFailed(
            f"{text}\n  waves from cycle {start} on: {shown(folder / 'dump.fst')}"
            " ('make waves' opens them)"
        )


class Attempt:
    """One start of a simulator."""

    def __init__(self, run: Run, folder: Path, build_folder: Path, timeout_s: float) -> None:
        self.folder, self.timeout_s = folder, timeout_s
        self.log = folder / "run.log"
        self.waves = folder / "dump.fst" if run.waves else None
        self.env = environment(run, folder)
        self.command = simulate_command(run, build_folder, self.waves)

    def simulate(self, env: Mapping[str, str], echo: Callable[[str], None] | None) -> str:
        """Run the simulator into the log; return why it ended badly, or nothing."""
        late = threading.Event()
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.env | dict(env),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if echo else log,
                stderr=subprocess.STDOUT,
            )

            def end() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(self.timeout_s, end)
            timer.start()
            try:
                if process.stdout is not None and echo is not None:
                    for line in process.stdout:
                        log.write(line)
                        log.flush()
                        echo(line.decode(errors="replace").rstrip("\n"))
                code = process.wait()
            finally:
                timer.cancel()
                process.kill()
        if late.is_set():
            return f"the simulator was ended: it had not finished after {self.timeout_s:g} s"
        return f"the simulator ended with code {code}" if code else ""


def failed_at_ns(results: Path) -> int:
    """Return the simulation time at which the first test failed, 0 if that is not known."""
    try:
        cases = ElementTree.parse(results).getroot().iter("testcase")
    except (OSError, ElementTree.ParseError):
        return 0
    for case in cases:
        if case.find("failure") is not None or case.find("error") is not None:
            for item in case.iter("property"):
                if item.get("name") == "sim_time_stop":
                    return int(float(item.get("value") or 0))
    return 0


def record(run: Run, log: Path, waves: Path) -> None:
    """Note the last run with waves, for `make waves`."""
    note = {"log": str(log), "waves": str(waves), "command": run.command()}
    LAST.write_text(json.dumps(note, indent=1) + "\n")


def read_results(path: Path) -> tuple[Test, ...]:
    """Return the tests of a results file, none if there is no whole file."""
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError):
        return ()
    tests = []
    for case in root.iter("testcase"):
        bad = [child for child in case if child.tag in ("failure", "error")]
        text = "".join((bad[0].get("message") or "") or (bad[0].text or "failed")) if bad else ""
        skipped = any(child.tag == "skipped" for child in case)
        name = f"{case.get('classname', '')}.{case.get('name', '')}".strip(".")
        tests.append(
            Test(name, float(case.get("time", 0)), text or ("failed" if bad else ""), skipped)
        )
    return tuple(tests)


def judge(run: Run, folder: Path, log: Path, waves: Path | None, ended: str) -> Result:
    """Return the result of a run that passed; raise RunFailed otherwise."""
    __tracebackhide__ = True
    tests = read_results(folder / "results.xml")
    text = log.read_text(errors="replace")
    checks = [line for line in text.splitlines() if "CHECK FAILED" in line]
    reasons = [f"{test.name}: {test.message}" for test in tests if test.message]
    reasons += checks[:3] + ([ended] if ended else [])
    if not tests:
        reasons.append("no test ran to its end")
    elif all(test.skipped for test in tests):
        reasons.append("no test was chosen")
    if reasons:
        tail = "\n".join(f"    {line}" for line in text.splitlines()[-15:])
        failure = RunFailed(
            "\n".join(reasons)
            + f"\n  end of {shown(log)}:\n{tail}\n  repeat with waves:\n    {run.command()}"
        )
        failure.tests = tests
        raise failure
    return Result(tests, folder, log, waves)


def wanted_waves(waves: str | None) -> str:
    """Return the kind of waves: the caller's, or WAVES' (1 means all)."""
    if waves is not None:
        return waves
    return "all" if os.environ.get("WAVES", "0") == "1" else ""


def run_bench(
    top: str,
    parameters: Mapping[str, int | str] | None = None,
    module: str | None = None,
    *,
    sim: str | None = None,
    seed: int | None = None,
    waves: str | None = None,
    pattern: str = "",
    env: Mapping[str, str] | None = None,
    sources: Sequence[str | Path] = (),
    native: bool = False,
    own_clock: bool = False,
    exposed: Sequence[str] | None = None,
    optimised: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    echo: Callable[[str], None] | None = None,
) -> Result:
    """Run the bench of one module.

    Args:
        top: module name; its file is found under rtl/ or tb/, or given in `sources`.
        parameters: of the module.
        module: the test module, by default `bench_<top>.py` in tb/benches/ or tests/rtl/.
        sim: "verilator" or "icarus"; by default the environment's SIM, else "icarus".
        seed: by default the environment's SEED, else 1.
        waves: "", "all" or "window" (what the bench selects, and the end of a failed run); by
            default the environment's WAVES, whose 1 means all.
        pattern: run only the tests whose name this regular expression finds.
        env: passed on to the tests.
        sources: files besides those found by name, from the root.
        native: link the guest memory, for designs that hold `axi_memory`.
        own_clock: the simulator toggles `clk` (an input under Verilator), every 2 ns.
        exposed: signals of the top that Python reaches under Verilator; by default all.
        optimised: compile for speed, which takes longer.
        timeout_s: end the simulator after so many seconds.
        echo: called with each line that the simulator prints, as it comes.
    """
    __tracebackhide__ = True
    design = Design(
        sim=sim or os.environ.get("SIM", "icarus"),
        top=top,
        parameters=tuple(sorted((parameters or {}).items())),
        sources=tuple((ROOT / source).resolve() for source in sources),
        waves=bool(wanted_waves(waves)),
        native=native,
        own_clock=own_clock,
        exposed=None if exposed is None else tuple(exposed),
        optimised=optimised,
    )
    run = Run(
        design=design,
        module=module or bench_module(top),
        pattern=pattern,
        seed=seed if seed is not None else int(os.environ.get("SEED", "1")),
        waves=wanted_waves(waves),
        env=env or {},
    )
    return execute(run, timeout_s=timeout_s, echo=echo)


def run_system(
    module: str,
    parameters: Mapping[str, int | str] | None = None,
    *,
    top: str = SYSTEM_TOP,
    **options: Any,
) -> Result:
    """Run a test module on whole devices; the options are those of `run_bench`.

    `top`: the test device alone, or DEVICES_TOP.
    """
    __tracebackhide__ = True
    return run_bench(
        top, parameters, module, native=True, own_clock=True, exposed=SIGNALS[top], **options
    )


def system_design(parameters: Mapping[str, int | str], sim: str, optimised: bool = False) -> Design:
    """Return the design that `run_system` runs without waves."""
    return Design(
        sim=sim,
        top=SYSTEM_TOP,
        parameters=tuple(sorted(parameters.items())),
        native=True,
        own_clock=True,
        exposed=SIGNALS[SYSTEM_TOP],
        optimised=optimised,
    )


def bench_module(top: str) -> str:
    """Return the bench of a module."""
    for folder in ("tb/benches", "tests/rtl"):
        if (ROOT / folder / f"bench_{top}.py").exists():
            return f"{folder}/bench_{top}.py"
    raise BuildError(f"no bench_{top}.py in tb/benches/ or tests/rtl/")


def fail(text: str) -> NoReturn:
    """Stop with a message for a person."""
    print(text, file=sys.stderr)
    sys.exit(1)


def pair(text: str) -> tuple[str, str]:
    """Split NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def main() -> None:
    """Repeat one run, as the message of a failed one says."""
    parser = argparse.ArgumentParser(prog="tb.runner", description=main.__doc__)
    parser.add_argument("module", help="test module: dotted name or path")
    parser.add_argument("--sim", choices=SIMULATORS, default="verilator")
    parser.add_argument("--top", default=SYSTEM_TOP)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--test", default="", help="regular expression on test names")
    parser.add_argument("--parameter", type=pair, action="append", default=[])
    parser.add_argument("--source", action="append", default=[])
    parser.add_argument("--env", type=pair, action="append", default=[])
    parser.add_argument("--native", action="store_true", help="link the guest memory")
    parser.add_argument("--own-clock", action="store_true", help="the simulator toggles clk")
    parser.add_argument("--waves", action="store_true")
    args = parser.parse_args()
    parameters = {k: int(v) if re.fullmatch(r"-?\d+", v) else v for k, v in args.parameter}
    common: dict[str, Any] = {"sim": args.sim, "seed": args.seed, "pattern": args.test}
    common |= {"env": dict(args.env), "waves": "all" if args.waves else ""}
    try:
        if args.top in SIGNALS:
            result = run_system(args.module, parameters, top=args.top, **common)
        else:
            common |= {"sources": args.source, "native": args.native, "own_clock": args.own_clock}
            result = run_bench(args.top, parameters, args.module, **common)
    except (RunFailed, BuildError) as error:
        fail(str(error))
    print(f"passed: {len(result.tests)} tests; log {shown(result.log)}")
    if result.waves:
        print(f"waves: {shown(result.waves)}")


if __name__ == "__main__":
    main()
