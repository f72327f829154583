# SPDX-License-Identifier: Apache-2.0
"""A scenario file as `make sim SCENARIO=` runs it: checked first, then on the devices it needs."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from tb.build import BuildError
from tb.runner import RunFailed, run_system, shown

from .parser import device_groups, load

_NOISE = re.compile(r" *[\d.-]+ns |  {20}|- :|run  ")  # cocotb's own lines


def _show(line: str) -> None:
    if not _NOISE.match(line):
        print(line, flush=True)


def run_file(
    path: Path, parameters: Mapping[str, int], *, sim: str, seed: int, waves: str, timeout_s: float
) -> int:
    """Run every scenario of a file, a build for each device asked for; return the exit code.

    Raises:
        ScenarioError: the file is wrong; nothing was built.
    """
    failed = False
    for needed, members in device_groups(load(path)):
        ids = ",".join(member.id for member in members)
        try:
            result = run_system(
                "tb.scenario",
                {**parameters, **needed},
                sim=sim,
                seed=seed,
                waves=waves,
                env={"SCENARIO": str(path.resolve()), "SCENARIO_IDS": ids},
                echo=_show,
                timeout_s=timeout_s,
            )
        except BuildError as error:
            print(str(error), file=sys.stderr)
            return 1
        except RunFailed as error:
            failed = True
            _, mark, repeat = str(error).partition("  repeat with waves:")
            print(mark + repeat if mark else str(error), file=sys.stderr)
            continue
        print(f"log: {shown(result.log)}")
        if result.waves:
            print(f"waves: {shown(result.waves)} ('make waves' opens them)")
    return int(failed)
