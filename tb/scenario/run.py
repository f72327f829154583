# SPDX-License-Identifier: Apache-2.0
"""The cocotb test that runs scenario files.

From the environment: SCENARIO, paths of files from the project's folder with `:` between;
SCENARIO_IDS, ids with `,` between, all if empty; SCENARIO_STRIDE, above 1 for a thinned run: of
swept ranges take each so many-th value, and leave out what is marked thorough.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cocotb

from ci.toolchain import ROOT
from tb.bench import Bench

from .parser import load
from .report import run_all, save, summary
from .targets import RtlTarget

SHOWN = 20  # failed ids in the test's message


@cocotb.test(timeout_time=10, timeout_unit="sec")  # simulated; each scenario has its own limits
async def scenarios(dut: Any) -> None:
    """Every scenario of the files passes."""
    ids = [word.strip() for word in os.environ.get("SCENARIO_IDS", "").split(",") if word.strip()]
    stride = int(os.environ.get("SCENARIO_STRIDE", "1"))
    chosen = []
    paths = os.environ.get("SCENARIO", "").split(os.pathsep)
    for path in paths:
        chosen += load(ROOT / path, ids if len(paths) == 1 else ())
    bench = Bench(dut)
    outcomes = await run_all(RtlTarget(bench), chosen, ids, stride)
    folder = os.environ.get("TB_RUN_DIR")
    if folder:
        save(outcomes, Path(folder))
    print(summary(outcomes))
    bad = [outcome for outcome in outcomes if outcome.bad]
    lines = [outcome.line() for outcome in bad[:SHOWN]]
    if bad:
        raise AssertionError(f"{len(bad)} of {len(outcomes)} runs failed:\n" + "\n".join(lines))
    if all(outcome.verdict == "skipped" for outcome in outcomes):
        raise AssertionError("no scenario ran: all were skipped")
