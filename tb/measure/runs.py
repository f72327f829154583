# SPDX-License-Identifier: Apache-2.0
"""The cocotb tests that measure: many points in one simulation, the device reset in between.

BENCH_POINTS holds the names of the points, BENCH_LATENCIES those of the latency points: the ring's
format, a colon and the memory's latency. What was measured is left in the run's folder.
"""

import json
import os
from pathlib import Path

import cocotb

from tb.bench import Bench
from tb.measure import latency, throughput
from tb.measure.points import all_points
from tb.player import parameters
from tb.screen import progress

RESULTS = "measured.json"


@cocotb.test()
async def points(dut):
    """Measure the points of the environment."""
    names = os.environ["BENCH_POINTS"].split()
    known = {point.name: point for point in all_points()}
    latencies = [word.split(":") for word in os.environ["BENCH_LATENCIES"].split()]
    bench = Bench(dut)
    await bench.start()
    device = await parameters(bench)
    found = {"throughput": [], "latency": []}
    total, again = len(names) + len(latencies), False
    for done, name in enumerate(names):
        progress(done, total, name)
        try:
            point = await throughput.measure(bench, known[name], device, again)
        except Exception as error:
            raise AssertionError(f"{name}: {error}") from error
        found["throughput"].append(point)
        again = True
    for done, (ring, cycles) in enumerate(latencies, len(names)):
        progress(done, total, f"{ring}, latency {cycles}")
        found["latency"].append(await latency.measure(bench, ring, int(cycles), device, again))
        again = True
    progress(total, total, "")
    path = Path(os.environ["TB_RUN_DIR"]) / RESULTS
    path.write_text(json.dumps(found, indent=1) + "\n")
