# SPDX-License-Identifier: Apache-2.0
"""The engine's rate, in cycles, which are exact: a few cheap points of `make bench`.

Each share is a floor of what the engine reaches; `make bench` says how far the goals are.
"""

import json

import pytest

from tb.measure.runs import RESULTS
from tb.runner import RunFailed, run_system
from tests.system.systems import SINGLE, USUAL, WIDE

# Share of the bus limit, at least
FLOORS = {
    64: {
        "tx-64-64-lat128-batch64": 0.95,
        "rx-64-64-lat128-batch64": 0.97,
        "tx-64-64-lat128-batch64-order": 0.95,
        "tx-64-1500-lat128-batch64": 0.98,
        "rx-64-1500-lat128-batch64": 0.98,
    },
    512: {
        "tx-512-64-lat128-batch64": 0.90,
        "rx-512-64-lat128-batch64": 0.88,
        "tx-512-64-lat128-batch64-order": 0.90,
        "tx-512-1500-lat128-batch64": 0.95,
        "rx-512-1500-lat128-batch64": 0.95,
    },
}
OVERHEAD = 40  # cycles of an idle queue's notification, at most
SHORT = "tx-128-256-lat16-batch64"


def measured(design, names, latencies=(), sim="verilator"):
    env = {"BENCH_POINTS": " ".join(names), "BENCH_LATENCIES": " ".join(latencies)}
    result = run_system("tb.measure.runs", design[1], sim=sim, seed=1, waves="", env=env)
    return json.loads((result.folder / RESULTS).read_text())


@pytest.mark.parametrize("design", [USUAL, WIDE], ids=["64-bit", "512-bit"])
def test_the_rate_is_near_the_limit_of_the_bus(design):
    width = design[1]["DATA_W"]
    found = measured(design, FLOORS[width], ["split:16", "packed:16"])
    ratios = [point["ratio"] for point in found["throughput"]]
    wanted = list(FLOORS[width].values())
    assert all(ratio >= floor for ratio, floor in zip(ratios, wanted, strict=True)), ratios
    assert all(ratio <= 1.005 for ratio in ratios), ratios
    overheads = [point["overhead_cycles"] for point in found["latency"]]
    assert max(overheads) <= OVERHEAD, overheads


def test_both_simulators_measure_the_same():
    latencies = ["split:16", "packed:16"]
    found = [measured(SINGLE, [SHORT], latencies, sim=sim) for sim in ("verilator", "icarus")]
    assert found[0] == found[1]


def test_a_point_of_another_width_is_refused():
    with pytest.raises(RunFailed, match=r"tx-512-64-lat128-batch64: .*128"):
        measured(SINGLE, ["tx-512-64-lat128-batch64"])


def test_a_wrong_byte_makes_a_point_fail():
    result = run_system("tests/measure/broken.py", USUAL[1], sim="verilator")
    assert len(result.tests) == 2 * 4 + 2 + 1 + 1
