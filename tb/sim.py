# SPDX-License-Identifier: Apache-2.0
"""`make sim`: the engine against the golden model, part by part, as a user watches it.

Every part is a cocotb run. They run two at a time where there are two processors, and are shown
one after the other while they run. A table ends it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import re
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Callable, NoReturn, Optional

from ci.toolchain import BUILD, ROOT
from tb.build import SIMULATORS, BuildError, build_disk_library
from tb.disk import DiskError, NativeDisk, library
from tb.hil.replay_command import MODES, replay_file
from tb.hil.session_file import TraceError
from tb.net import capture
from tb.runner import DEVICES_TOP, LAST, SYSTEM_TOP, Result, RunFailed, run_bench, run_system, shown
from tb.scenario import ScenarioError
from tb.scenario.command import run_file
from tb.screen import PROGRESS, SAY, TALLY

RINGS = ("split", "packed")
DATA_WIDTHS = (64, 128, 256, 512)
MOST_QUEUES = 64
SLOW_SEGMENT_BYTES = 512  # segments of block traffic are cut to this under Icarus
USAGE_ERROR = 2
INTERRUPTED = 130
TIMEOUT_S = 1800
REPORT_EVERY_S = 5  # progress, when the output is no terminal
WIDTH = 98
ALL = "all"
NET_MTU = 1500  # of tb_devices
BLOCK = "linux-6.1-virtio-blk-ext4.jsonl"
DIRECT = "linux-6.1-virtio-blk-ext4-direct.jsonl"
NET = "linux-6.1-virtio-net-ping.jsonl"


@dataclass(frozen=True)
class Part:
    """One part of the simulation.

    Attributes:
        title: what it is, in a line.
        module: the cocotb tests.
        env: their environment.
        slow: further environment under Icarus, which is a hundred times slower.
        brief: further environment as one part of several.
        queues: how many it needs.
        weight: the heaviest begin first.
        top: the device, if it is not the engine with its memory.
        devices: parameters of `tb_devices`, where the part runs on devices on their bus.
        queues_as: the parameter of these that is the number of queues.
    """

    title: str
    module: str
    env: Mapping[str, str] = field(default_factory=dict)
    slow: Mapping[str, str] = field(default_factory=dict)
    brief: Mapping[str, str] = field(default_factory=dict)
    queues: int = 1
    weight: int = 1
    top: str = SYSTEM_TOP
    devices: Mapping[str, int] = field(default_factory=dict)
    queues_as: str = ""


CUT = {"TB_SEGMENT_BYTES": str(SLOW_SEGMENT_BYTES)}
PARTS = {
    "demo": Part("the five operations on a ring of 4", "tb.demo", weight=8),
    "blk": Part(
        "block device and driver: random requests and Linux 6.1's with data, or IMAGE",
        "tb.blk.traffic",
        slow={"TB_OPERATIONS": "30", "TB_CHAINS": "60", "TB_REQUEST_BYTES": "4096"}
        | {"TB_SECTORS": "512"},
        brief={"TB_CHAINS": "60"},
        weight=9,
        devices={"TEST_EN": 0, "BLK_EN": 1},
        queues_as="BLK_QUEUES",
    ),
    "ext4": Part(
        "Linux 6.1 virtio_blk, ext4, indirect, event index: device checks and fills patterns",
        "tb.replay",
        {"TB_TRACE": BLOCK, "TB_MODE": "pattern"},
        CUT,
        weight=9,
    ),
    "direct": Part(
        "Linux 6.1 virtio_blk, ext4, direct descriptors, flags: device loops back",
        "tb.replay",
        {"TB_TRACE": DIRECT, "TB_MODE": "loopback"},
        CUT,
        weight=3,
    ),
    "ping": Part(
        "Linux 6.1 virtio_net, ping, two queues: device checks and fills patterns",
        "tb.replay",
        {"TB_TRACE": NET, "TB_MODE": "pattern"},
        queues=2,
    ),
    "random": Part(
        "random operations on all queues and slow memory",
        "tb.random_traffic",
        {"TB_PACE": "step", "TB_OPERATIONS": "1500"},
        {"TB_OPERATIONS": "250"},
    ),
    "free": Part(
        "random operations by a driver that never waits for the engine",
        "tb.random_traffic",
        {"TB_PACE": "free", "TB_OPERATIONS": "4000"},
        {"TB_OPERATIONS": "500"},
    ),
    "socket": Part(
        "the second implementation: buffers as messages through registers",
        "tb.socket.traffic",
        {"TB_OPERATIONS": "400"},
        {"TB_OPERATIONS": "120"},
        top="vq_socket_device",
    ),
    "rng": Part(
        "the entropy device, found on its bus and probed by its driver",
        "tb.rng",
        {"TB_OPERATIONS": "60"},
        {"TB_OPERATIONS": "20"},
        devices={"TEST_EN": 0, "RNG_EN": 1},
    ),
    "net": Part(
        "the network device and its driver: ARP, ping and UDP with a peer, or PCAP and back",
        "tb.net.traffic",
        devices={"TEST_EN": 0, "NET_EN": 1},
    ),
}
TESTS = (ALL, *PARTS)  # what TEST= may name


class OptionError(Exception):
    """An option has a value that it cannot have; the text says which it can."""


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    Attributes:
        sim: simulator.
        test: name of a part, or `all`.
        seed: of all randomness.
        queues: number of queues.
        data_w: data bus width, bits.
        waves: "" none, "window" what the bench selects, "all" everything.
        ring: format of the descriptor rings.
        scenario: file of raw steps to run instead, or None.
        image: of the disk of part `blk`, or None for one in memory.
        pcap: capture that part `net` sends, or None for traffic with a peer.
        trace: recorded session to replay instead, or None.
        replay: how: a name of `tb.hil.replay_command.MODES`, or nothing.
    """

    sim: str
    test: str
    seed: int
    queues: int
    data_w: int
    waves: str
    ring: str
    scenario: Optional[Path]
    image: Optional[Path] = None
    pcap: Optional[Path] = None
    trace: Optional[Path] = None
    replay: str = ""

    def command(self, test: str) -> str:
        """Return the command that repeats one part as it was, with waves."""
        words = ["make", "sim", f"TEST={test}", f"SIM={self.sim}", f"SEED={self.seed}"]
        words += [f"QUEUES={self.queues}", f"DATA_W={self.data_w}"]
        words += [f"IMAGE={self.image}"] if self.image else []
        words += [f"PCAP={self.pcap}"] if self.pcap else []
        words += ["RING=packed"] if self.ring == "packed" else []
        words += ["WAVES=1"] if self.waves == "all" else []
        return shlex.join(words)


def whole(name: str, text: str, low: int, high: int) -> int:
    """Return a whole number within limits."""
    try:
        value = int(text, 0)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise OptionError(f"{name}={text}: {name} is a whole number from {low} to {high}")
    return value


def one_of(name: str, text: str, choices: tuple[str, ...]) -> str:
    """Return one of some words."""
    if text not in choices:
        raise OptionError(f"{name}={text}: {name} is one of {', '.join(choices)}")
    return text


def parse(arguments: list[str]) -> Options:
    """Return the options of a command line; every one may be left out or empty."""
    parser = argparse.ArgumentParser(prog="tb.sim", description=__doc__)
    names: tuple[str, ...] = ("sim", "test", "seed", "queues", "data-w", "waves", "ring")
    names += ("scenario", "image", "pcap", "trace", "replay")
    for name in names:
        parser.add_argument(f"--{name}", default="")
    given = {
        key.replace("-", "_"): text for key, text in vars(parser.parse_args(arguments)).items()
    }

    def take(name: str, default: str) -> str:
        return str(given[name]) or default

    widths = tuple(map(str, DATA_WIDTHS))
    waves: dict[str, str] = {"0": "", "1": "all", "window": "window"}
    scenario = Path(given["scenario"]) if given["scenario"] else None
    if scenario is not None and not scenario.is_file():
        raise OptionError(f"SCENARIO={scenario}: there is no such file")
    checks: dict[str, Callable[[], str]] = {
        "sim": lambda: one_of("SIM", take("sim", SIMULATORS[0]), SIMULATORS),
        "test": lambda: one_of("TEST", take("test", ALL), TESTS),
        "data_w": lambda: one_of("DATA_W", take("data_w", widths[0]), widths),
        "ring": lambda: one_of("RING", take("ring", RINGS[0]), RINGS),
        "waves": lambda: one_of("WAVES", take("waves", "window"), tuple(waves)),
        "replay": lambda: given["replay"] and one_of("REPLAY", given["replay"], MODES),
    }
    words = {name: check() for name, check in checks.items()}
    options = Options(
        sim=words["sim"],
        test=words["test"],
        seed=whole("SEED", take("seed", "1"), 0, (1 << 31) - 1),
        queues=whole("QUEUES", take("queues", "4"), 1, MOST_QUEUES),
        data_w=int(words["data_w"]),
        waves=waves[words["waves"]],
        ring=words["ring"],
        scenario=scenario,
        image=Path(given["image"]) if given["image"] else None,
        pcap=Path(given["pcap"]).absolute() if given["pcap"] else None,
        trace=Path(given["trace"]) if given["trace"] else None,
        replay=words["replay"],
    )
    if options.replay and options.trace is None:
        raise OptionError(f"REPLAY={options.replay}: REPLAY goes with TRACE")
    if options.image is not None:
        check_image(options)
    if options.pcap is not None:
        check_pcap(options)
    if options.test != ALL and options.queues < PARTS[options.test].queues:
        needed = PARTS[options.test].queues
        raise OptionError(
            f"QUEUES={options.queues}: QUEUES is at least {needed} for TEST={options.test}"
        )
    return options


def check_image(options: Options) -> None:
    """Raise OptionError if the image is of no use."""
    if options.test != "blk" or options.image is None:
        raise OptionError(f"IMAGE={options.image}: IMAGE goes with TEST=blk")
    try:
        NativeDisk(options.image, code=library(str(build_disk_library()))).close()
    except DiskError as error:
        raise OptionError(f"IMAGE={error}") from None


def check_pcap(options: Options) -> None:
    """Raise OptionError if the capture is of no use."""
    if options.test != "net" or options.pcap is None:
        raise OptionError(f"PCAP={options.pcap}: PCAP goes with TEST=net")
    try:
        capture.read(options.pcap, NET_MTU)
    except capture.CaptureError as error:
        raise OptionError(f"PCAP={error}") from None


def captures(options: Options) -> dict[str, str]:
    """Return what part `net` is told of captures."""
    stem = options.pcap.stem if options.pcap else "peer"
    env = {"TB_PCAP_OUT": str(BUILD / "pcap" / f"{stem}-{options.sim}.pcap")}
    return env | ({"TB_PCAP": str(options.pcap)} if options.pcap else {})


# ---- running


@dataclass
class Outcome:
    """How one part went; `failure` is empty when it passed."""

    tally: dict[str, int]
    seconds: float
    failure: str = ""
    log: Optional[Path] = None
    waves: Optional[Path] = None


class PartRun:
    """One part that runs, or waits to, with what it has to tell."""

    def __init__(self, name: str, part: Part, options: Options) -> None:
        self.name, self.part, self.options = name, part, options
        self.lines: queue.Queue[Optional[str]] = queue.Queue()

    def run(self) -> Outcome:
        """Run it; its lines end with None."""
        env = dict(self.part.env)
        if self.options.test == ALL:
            env |= self.part.brief
        if self.options.sim == "icarus":
            env |= self.part.slow
        if self.part.top == SYSTEM_TOP or self.part.devices:
            env["RING"] = self.options.ring
        if self.options.image is not None:
            env["TB_IMAGE"] = str(self.options.image.absolute())
        if self.name == "net":
            env |= captures(self.options)
        begin = time.monotonic()
        parameters = {"QUEUES": self.options.queues, "DATA_W": self.options.data_w}
        run: Callable[..., Result] = run_system
        wanted = self.options.waves
        if self.part.devices:
            parameters = {"DATA_W": self.options.data_w, **self.part.devices}
            if self.part.queues_as:
                parameters[self.part.queues_as] = self.options.queues
            run = partial(run_system, top=DEVICES_TOP)
        elif self.part.top != SYSTEM_TOP:  # small, so its waves are whole
            run, wanted = partial(run_bench, self.part.top), "all" if wanted else ""
        try:
            result = run(
                module=self.part.module,
                parameters=parameters,
                sim=self.options.sim,
                seed=self.options.seed,
                waves=wanted,
                env=env,
                echo=self.lines.put,
                timeout_s=TIMEOUT_S,
            )
            seconds = time.monotonic() - begin
            return Outcome(read_tally(result.folder), seconds, log=result.log, waves=result.waves)
        except RunFailed as failure:
            seconds = time.monotonic() - begin
            text = str(failure)
            found = re.search(r"^  end of (\S+):$", text, re.MULTILINE)
            log = ROOT / found[1] if found else None
            tally = read_tally(log.parent) if log else {}
            tally["mismatches"] = max(1, tally.get("mismatches", 0))
            waves = log.with_name("dump.fst") if log else None
            if waves is not None and not waves.exists():
                waves = None
            return Outcome(tally, seconds, text, log, waves)
        finally:
            self.lines.put(None)


def read_tally(folder: Path) -> dict[str, int]:
    """Return the numbers that a run left in its folder, none if there are none."""
    try:
        found = json.loads((folder / TALLY).read_text())
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, int)}


class Screen:
    """Where the user reads: a terminal or not."""

    def __init__(self) -> None:
        self.tty = sys.stdout.isatty()
        self.bar = False  # the line on the terminal is one that is written over
        self.due = time.monotonic() + REPORT_EVERY_S

    def line(self, text: str = "") -> None:
        """Write a line; on a terminal, what changed in a picture is coloured."""
        self.clear()
        if self.tty:
            text = re.sub(r"(?<=│)\*[^│]*", lambda found: f"\033[1;33m{found[0]}\033[0m", text)
            text = re.sub(r"^── .*", lambda found: f"\033[1m{found[0]}\033[0m", text)
        print(text, flush=True)

    def clear(self) -> None:
        """Remove the bar."""
        if self.bar:
            print("\r\033[K", end="")
            self.bar = False

    def progress(self, text: str) -> None:
        """Show `done total words` as a bar, or now and then as a line."""
        first, second, words = text.split(" ", 2)
        done, total = int(first), int(second)
        filled = 30 * done // total
        shown_text = f"  [{'#' * filled}{'.' * (30 - filled)}] {done}/{total} {words}"
        if self.tty:
            columns = shutil.get_terminal_size().columns
            print(f"\r\033[K{shown_text[: columns - 1]}", end="", flush=True)
            self.bar = True
        elif done == total or time.monotonic() >= self.due:
            self.due = time.monotonic() + REPORT_EVERY_S
            print(shown_text, flush=True)

    def follow(self, run: PartRun) -> None:
        """Show what a part tells until it has ended."""
        self.due = time.monotonic() + REPORT_EVERY_S
        while (line := run.lines.get()) is not None:
            if line.startswith(SAY.rstrip()):
                self.line(line[len(SAY) :])
            elif line.startswith(PROGRESS):
                self.progress(line[len(PROGRESS) :])
        self.clear()


# ---- the end


COLUMNS = (
    ("operations", "operations"),
    ("chains", "chains"),
    ("bytes", "bytes"),
    ("cycles", "cycles"),
    ("cycles/chain", "per_chain"),
    ("mismatches", "mismatches"),
)


def cells(tally: Mapping[str, int]) -> dict[str, str]:
    """Return a row of the table."""
    chains = tally.get("chains", 0)
    cycles = tally.get("cycles", 0)
    values: dict[str, Any] = {
        "operations": tally.get("operations", 0),
        "chains": chains,
        "bytes": tally.get("bytes_in", 0) + tally.get("bytes_out", 0),
        "cycles": cycles,
        "mismatches": tally.get("mismatches", 0),
    }
    row = {key: f"{value:,}" for key, value in values.items()}
    row["per_chain"] = f"{cycles / chains:,.1f}" if chains else "-"
    return row


def table(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Return the lines of the table: a row a part, and the total."""
    total: dict[str, int] = {}
    for outcome in outcomes.values():
        for key, value in outcome.tally.items():
            total[key] = total.get(key, 0) + value
    rows = {name: outcome.tally for name, outcome in outcomes.items()}
    seconds = {name: f"{outcome.seconds:.1f}" for name, outcome in outcomes.items()}
    if len(rows) > 1:
        rows["total"] = total
        seconds["total"] = ""
    widths = {"operations": 11, "chains": 8, "bytes": 13, "cycles": 12, "cycles/chain": 13}
    head = "".join(f"{title:>{widths.get(title, 11)}}" for title, _ in COLUMNS)
    lines = [f"{'part':<9}{head}{'seconds':>9}", "─" * (9 + 68 + 9)]
    for name, tally in rows.items():
        row = cells(tally)
        text = "".join(f"{row[key]:>{widths.get(title, 11)}}" for title, key in COLUMNS)
        lines.append(f"{name:<9}{text}{seconds[name]:>9}".rstrip())
    return lines


def note_waves(outcome: Outcome, command: str) -> None:
    """Let `make waves` open these waves, not those of whichever part began last."""
    if outcome.waves is not None:
        note = {"log": str(outcome.log), "waves": str(outcome.waves), "command": command}
        LAST.write_text(json.dumps(note, indent=1) + "\n")


def failure_text(name: str, outcome: Outcome, options: Options) -> str:
    """Return what the user reads about a part that failed."""
    text, _, rest = outcome.failure.partition("\n  end of ")
    from_cycle = re.search(r"^  waves from cycle \d+ on", rest, re.MULTILINE)
    lines = [f"{name} FAILED", *text.splitlines()]
    if outcome.waves is not None:
        lines.append(f"{from_cycle[0] if from_cycle else '  waves'}: {shown(outcome.waves)}")
    if outcome.log is not None:
        lines.append(f"  log: {shown(outcome.log)}")
    return "\n".join([*lines, "  repeat with waves:", f"    {options.command(name)}"])


def run_parts(chosen: Mapping[str, Part], options: Options) -> dict[str, Outcome]:
    """Run parts, two at a time, and show them in their order; raise BuildError if that fails."""
    screen = Screen()
    runs = {name: PartRun(name, part, options) for name, part in chosen.items()}
    outcomes: dict[str, Outcome] = {}
    workers = min(2, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(max_workers=workers)
    order = list(runs) if workers == 1 else sorted(runs, key=lambda name: -chosen[name].weight)
    futures = {name: pool.submit(runs[name].run) for name in order}
    try:
        for name, run in runs.items():
            head = f"══ {name}: {run.part.title} "
            screen.line("\n" + head + "═" * max(0, WIDTH - len(head)))
            if options.sim == "icarus" and run.part.slow is CUT:
                screen.line(f"  (under Icarus, segments are cut to {SLOW_SEGMENT_BYTES} bytes)")
            screen.follow(run)
            outcomes[name] = outcome = futures[name].result()
            if outcome.failure:
                screen.line(failure_text(name, outcome, options))
            else:
                done = outcome.tally.get("operations", 0)
                screen.line(f"  {done:,} operations, equal to the model.")
    except BuildError:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()
    return outcomes


def stop(text: str, code: int) -> NoReturn:
    """End with a message for a person."""
    print(text, file=sys.stderr)
    sys.exit(code)


def simulate(options: Options) -> int:
    """Run the chosen parts and show the table; return the exit code."""
    names = list(PARTS) if options.test == ALL else [options.test]
    chosen = {name: PARTS[name] for name in names if options.queues >= PARTS[name].queues}
    print(
        f"Virtqueue engine in {options.sim}: {options.data_w}-bit bus, {options.queues} queues, "
        f"seed {options.seed}.\nAfter every operation the whole memory, the device's indices and "
        "status, results, interrupts and\ncallbacks must equal the model's."
    )
    try:
        outcomes = run_parts(chosen, options)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n" + "\n".join(table(outcomes)))
    for name in names:
        if name not in chosen:
            print(f"{name}: left out, it needs {PARTS[name].queues} queues")
    print("Cycles: from each operation's start until the engine was idle again (free: all).\n")
    failed = [name for name, outcome in outcomes.items() if outcome.failure]
    for name, outcome in outcomes.items():
        if outcome.log is not None:
            print(f"{name + ' log:':<13}{shown(outcome.log)}")
    first = failed[0] if failed else next(iter(outcomes))
    waves = outcomes[first].waves
    if waves is not None:
        note_waves(outcomes[first], options.command(first))
        print(f"{'waves:':<13}{shown(waves)} ('make waves' opens them)")
    if failed:
        print(f"FAILED: {', '.join(failed)}; the messages are above. To repeat with waves:")
        for name in failed:
            print(f"    {options.command(name)}")
    return int(bool(failed))


def run_scenarios(options: Options) -> int:
    """Run a file of scenarios; return the exit code."""
    assert options.scenario is not None
    try:
        return run_file(
            options.scenario,
            {"QUEUES": options.queues, "DATA_W": options.data_w},
            sim=options.sim,
            seed=options.seed,
            waves=options.waves,
            timeout_s=TIMEOUT_S,
        )
    except ScenarioError as error:
        print(f"SCENARIO={error}", file=sys.stderr)
        return 2


def run_trace(options: Options) -> int:
    """Replay a recorded session; return the exit code."""
    assert options.trace is not None
    try:
        return replay_file(
            options.trace,
            sim=options.sim,
            waves=options.waves,
            mode=options.replay,
            timeout_s=TIMEOUT_S,
        )
    except TraceError as error:
        print(f"TRACE={error}", file=sys.stderr)
        return USAGE_ERROR


def end_children() -> None:
    """End the simulators and tools that this process has started."""
    for task in Path("/proc/self/task").glob("*/children"):
        for pid in task.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def main(arguments: Optional[Sequence[str]] = None) -> None:
    """Run what was asked for."""
    try:
        options = parse(list(sys.argv[1:] if arguments is None else arguments))
    except OptionError as error:
        stop(str(error), USAGE_ERROR)
    try:
        if options.trace is not None:
            sys.exit(run_trace(options))
        sys.exit(simulate(options) if options.scenario is None else run_scenarios(options))
    except KeyboardInterrupt:
        end_children()
        print("\ninterrupted", file=sys.stderr, flush=True)
        os._exit(INTERRUPTED)  # without a wait for the threads


if __name__ == "__main__":
    main()
