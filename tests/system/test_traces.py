# SPDX-License-Identifier: Apache-2.0
"""Recorded Linux traffic through the engine: every chain, its data checked end to end.

Segments are cut here to keep the run short; `make sim` replays them whole.
"""

import json

import pytest

from tb.build import SIMULATORS
from tb.replay import FOLDER, MODES
from tb.runner import run_system
from tb.screen import TALLY

TRACES = sorted(path.name for path in FOLDER.glob("*.jsonl"))
SLOW_MEMORY = {
    "read_latency": [128, 160],
    "write_latency": [128, 160],
    "stall_ar": 20,
    "stall_r": 10,
    "stall_aw": 20,
    "stall_w": 10,
    "stall_b": 20,
    "reorder": 2,  # beats of different ids in any order
}
# Icarus runs a hundred times slower
LIMITS = {
    "verilator": {"TB_SEGMENT_BYTES": "4096"},
    "icarus": {"TB_SEGMENT_BYTES": "96", "TB_CHAINS": "80"},
}
SLOW_LIMITS = {
    "verilator": {"TB_SEGMENT_BYTES": "1024"},
    "icarus": {"TB_SEGMENT_BYTES": "96", "TB_CHAINS": "20"},
}


def replay(sim, trace, mode, limits, **env):
    result = run_system(
        "tb.replay", sim=sim, env={"TB_TRACE": trace, "TB_MODE": mode, **limits, **env}
    )
    tally = json.loads((result.folder / TALLY).read_text())
    chains = sum(1 for _ in (FOLDER / trace).open()) - 1
    assert tally["chains"] == min(chains, int(limits.get("TB_CHAINS", chains)))
    assert tally["mismatches"] == 0
    return tally


def test_there_are_three_recordings():
    assert len(TRACES) == 3


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize("sim", SIMULATORS)
def test_recorded_traffic_passes_with_every_byte_right(sim, trace, mode):
    tally = replay(sim, trace, mode, LIMITS[sim])
    assert tally["bytes_out"] > 0
    assert tally["bytes_in"] > 0 or (mode == "loopback" and "net" in trace)


@pytest.mark.parametrize("trace", TRACES)
@pytest.mark.parametrize("sim", SIMULATORS)
def test_slow_memory_that_reorders_changes_no_byte(sim, trace):
    replay(sim, trace, "pattern", SLOW_LIMITS[sim], TB_PROFILE=json.dumps(SLOW_MEMORY))
