# SPDX-License-Identifier: Apache-2.0
"""`make bench-sim`: the speed of the co-simulation beside two benches that bound it.

- native: the project's bench (`tb_top`), with all its checks;
- axiram: the same RTL and driver with cocotbext-axi's AxiRam for memory and cocotb's clock;
- bare: the same Verilated `tb_top` in a C++ loop that replays the driver's accesses.

All do the same operations on a memory that answers after one cycle (AxiRam has no latency), and
must leave the memory that the golden model leaves. The runs are interleaved, so that what else
the machine does meets all of them; figures are medians.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from ci.toolchain import BUILD, toolchain
from tb.build import BuildError, build_bare
from tb.runner import Result, RunFailed, run_bench, run_system, shown, system_design
from tb.speed.report import DigestError, check, missed, points, ratios, table
from tb.speed.script import SCRIPT
from tb.speed.workload import Load, Measure, Workload, digest, model_digest, read_result

PARAMETERS = {"QUEUES": 4, "DATA_W": 64}
LATENCY = 1  # cycles, of the native memory
LOADS = {"verilator": Load(batches=6), "icarus": Load(batches=1)}
# One round: short runs several times, so that their median counts as much
ROUND = {
    "verilator": ("native", "bare", "native", "bare", "axiram", "native", "bare"),
    "icarus": ("native", "axiram"),
}
ROUNDS = 5
REPORT = BUILD / "bench_sim.json"


def run_native(simulator: str, load: Load, module: str = "tb.speed.on_native") -> Result:
    """Run the workload on the project's bench."""
    return run_system(
        module, PARAMETERS, sim=simulator, waves="", env=load.environment(), optimised=True
    )


def run_axiram(simulator: str, load: Load) -> Result:
    """Run it with AxiRam around the device."""
    return run_bench(
        "vq_test_device",
        PARAMETERS,
        "tb.speed.on_axiram",
        sim=simulator,
        waves="",
        env=load.environment(),
        optimised=True,
    )


def record_script(load: Load) -> Path:
    """Return the script of the workload."""
    return run_native("verilator", load, "tb.speed.script").folder / SCRIPT


def run_bare(load: Load, script: Path) -> Measure:
    """Replay a script; raise RunFailed when what the driver reads is not as recorded."""
    program = build_bare(system_design(PARAMETERS, "verilator", optimised=True))
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image"
        command = [str(program), str(script), str(image), str(LATENCY), "+verilator+rand+reset+2"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RunFailed(f"the bare loop failed: {done.stderr.strip() or done.stdout.strip()}")
        found = digest(image.read_bytes())
    cycles, nanoseconds = map(int, done.stdout.split())
    return Measure(Workload(load).operations, cycles, nanoseconds / 1e9, 0.0, found)


class Session:
    """The runs on one simulator; each must do the workload and leave the model's memory."""

    def __init__(self, simulator: str) -> None:
        self.simulator, self.load = simulator, LOADS[simulator]
        self.operations = Workload(self.load).operations
        self.expected = model_digest(self.load)
        self.script = record_script(self.load) if "bare" in ROUND[simulator] else None

    def run(self, bench: str) -> Measure:
        """Run a bench once; raise DigestError when it did something else."""
        if bench == "bare":
            assert self.script is not None
            measured = run_bare(self.load, self.script)
        else:
            run = run_native if bench == "native" else run_axiram
            measured = read_result(run(self.simulator, self.load).folder)
        check(self.simulator, bench, measured, self.operations, self.expected)
        return measured


def run_all(simulators: Sequence[str], rounds: int) -> dict[tuple[str, str], list[Measure]]:
    """Return what was measured, run after run."""
    runs: dict[tuple[str, str], list[Measure]] = {}
    for simulator in simulators:
        session = Session(simulator)
        for bench in ROUND[simulator]:
            runs[simulator, bench] = []
        for number in range(1, rounds + 1):
            print(f"{simulator}: round {number} of {rounds}", flush=True)
            for bench in ROUND[simulator]:
                runs[simulator, bench].append(session.run(bench))
    return runs


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Measure, report and judge; return the exit code."""
    parser = argparse.ArgumentParser(prog="tb.speed.command", description=__doc__)
    parser.add_argument("--sim", choices=tuple(ROUND), action="append", help="only this one")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    args = parser.parse_args(arguments)
    try:
        runs = run_all(args.sim or tuple(ROUND), args.rounds)
    except (BuildError, RunFailed, DigestError) as error:
        print(error, file=sys.stderr)
        return 1
    found = ratios(runs)
    load = LOADS["verilator"]
    print(
        f"\nThe same driver and RTL on each bench: {PARAMETERS['DATA_W']}-bit bus, {load.queues} "
        f"queues, batches of {load.queues * load.chains} buffers of 64 or 1500\nbytes read and "
        "written back. Every run left the golden model's memory. Medians of interleaved runs;\n"
        "Python: the driver's operations, in the simulator's process.\n"
    )
    print("\n".join(table(runs)))
    report = {"points": points(runs), "ratios": found, "tools": toolchain().versions}
    REPORT.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nwritten: {shown(REPORT)}")
    lines = missed(found)
    for line in lines:
        print(f"MISSED: {line}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
