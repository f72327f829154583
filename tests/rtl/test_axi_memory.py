# SPDX-License-Identifier: Apache-2.0
"""The bench's own parts: memory slave, protocol checks, register access."""

from __future__ import annotations

import pytest

from tb.build import SIMULATORS
from tb.runner import RunFailed, run_bench, run_system

BENCH = "tb/benches/bench_axi_memory.py"
PINS = "tests/rtl/axi_pins.v"
PLANTS = {
    "ar_drops": "a valid fell before its ready",
    "ar_changes": "AR changed before ARREADY",
    "aw_changes": "AW changed before AWREADY",
    "w_changes": "W changed before WREADY",
    "read_crosses": "a read crosses 4 KiB",
    "write_crosses": "a write crosses 4 KiB",
    "too_wide": "ARSIZE is more than the bus",
    "fixed_burst": "ARBURST is not INCR",
    "short_write": "WLAST does not agree with AWLEN",
    "long_write": "WLAST does not agree with AWLEN",
    "strobes_before_start": "WSTRB outside the transfer",
    "strobes_of_narrow": "WSTRB outside the transfer",
}


def run(sim: str, data_w: int, pattern: str, **options) -> None:
    run_bench(
        "axi_pins",
        {"DATA_W": data_w},
        BENCH,
        sim=sim,
        sources=[PINS],
        native=True,
        pattern=pattern,
        **options,
    )


@pytest.mark.parametrize("data_w", [64, 128, 256, 512])
@pytest.mark.parametrize("sim", SIMULATORS)
def test_the_memory_slave_keeps_its_contract(sim, data_w):
    run(sim, data_w, r"^(?!.*planted)")


@pytest.mark.parametrize("sim", SIMULATORS)
def test_no_check_fails_on_a_quiet_bus(sim):
    run(sim, 64, "planted", env={"PLANT": "none"})


@pytest.mark.parametrize("plant", PLANTS)
@pytest.mark.parametrize("sim", SIMULATORS)
def test_a_planted_fault_stops_the_run(sim, plant):
    with pytest.raises(RunFailed, match="CHECK FAILED") as failure:
        run(sim, 64, "planted", env={"PLANT": plant})
    assert PLANTS[plant] in str(failure.value)


def test_an_unknown_valid_stops_the_run():
    with pytest.raises(RunFailed, match="X on a pin that steers"):
        run("icarus", 64, "planted", env={"PLANT": "unknown"})


@pytest.mark.parametrize("sim", SIMULATORS)
def test_registers_and_copy_through_the_whole_bench(sim):
    run_system(
        "tb/benches/bench_copy_engine.py",
        sim=sim,
        sources=["tests/rtl/copy_engine/vq_test_device.v"],
    )
