# SPDX-License-Identifier: Apache-2.0
"""A recorded session as `make sim TRACE=` replays it."""

from __future__ import annotations

import sys
from pathlib import Path

from tb.build import BuildError
from tb.hil.session_file import ENDED, Header, TraceError, read_blocks, read_header
from tb.runner import DEVICES_TOP, RunFailed, run_system, shown
from tb.screen import SAY

MODES = ("cycle", "operations")
DEVICES = {"blk": "a block device", "net": "a network device"}


def check(path: Path) -> tuple[Header, bool]:
    """Return the header of a session, and whether its file is whole; go through all of it.

    Raises:
        TraceError: it cannot be replayed.
    """
    header, _ = read_header(path)
    if header.device not in DEVICES:
        raise TraceError(f"{path}: its device is {header.device}, not one of {', '.join(DEVICES)}")
    last = ""
    for block in read_blocks(path):
        last = block.events[-1][0]
    return header, last == ENDED


def _show(line: str) -> None:
    if line.startswith(SAY.rstrip()):
        print(line[len(SAY) :], flush=True)


def replay_file(path: Path, *, sim: str, waves: str, mode: str, timeout_s: float) -> int:
    """Replay a session; return the exit code.

    Args:
        path: of the session.
        sim: simulator.
        waves: as `tb.runner.run_bench` takes them.
        mode: one of `MODES`, or nothing: what the design allows.
        timeout_s: end the simulator after so many seconds.

    Raises:
        TraceError: the file is wrong; nothing was built.
    """
    header, whole = check(path)
    env = {"TB_TRACE": str(path.absolute())} | ({"TB_REPLAY": mode} if mode else {})
    print(f"A session of {DEVICES[header.device]}, recorded under {header.sim}.", flush=True)
    if not whole:
        print("Its file was cut off: what there is of it is replayed.", flush=True)
    try:
        result = run_system(
            "tb.hil.replay",
            header.parameters,
            top=DEVICES_TOP,
            sim=sim,
            seed=header.seed,
            waves=waves,
            env=env,
            echo=_show,
            timeout_s=timeout_s,
        )
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    except RunFailed as error:
        text, _, rest = str(error).partition("\n  end of ")
        found = [line for line in rest.splitlines() if line.startswith("  waves")]
        print("\n".join([f"FAILED {text}", *found]), file=sys.stderr)
        print(f"  repeat with waves:\n    make sim TRACE={path} SIM={sim} WAVES=1", file=sys.stderr)
        return 1
    print(f"log: {shown(result.log)}")
    if result.waves and waves == "all":
        print(f"waves: {shown(result.waves)} ('make waves' opens them)")
    return 0
