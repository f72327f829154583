# SPDX-License-Identifier: Apache-2.0
"""The workload on the project's own bench: native memory, clock in the simulator, all checks."""

from __future__ import annotations

from typing import Any

import cocotb

from tb.bench import Bench
from tb.native_memory import latency
from tb.speed.workload import load_from_environment, measure, write_result
from tb.worlds import RtlWorld


@cocotb.test(timeout_time=1, timeout_unit="sec")
async def the_workload_is_done(dut: Any) -> None:
    """Measure it."""
    load = load_from_environment()
    bench = Bench(dut, latency(1))
    await bench.start()
    world = RtlWorld(load.setup(), bench)
    await world.start()
    bench.memory.check_writes()
    bench.memory.allow(world.setup.base, world.setup.memory)
    write_result(await measure(world, load))
    assert not bench.memory.violations()
