# SPDX-License-Identifier: Apache-2.0
"""vq_mmio and its parts, held against the specification and the golden model.

Each bench runs with the smallest, the usual and, on Verilator, the largest parameters; all its
tests must run.
"""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench

SMALL = {"QUEUES": 1, "QUEUE_SIZE_MAX": 1, "MAX_CHAIN": 1}
USUAL = {"QUEUES": 4, "QUEUE_SIZE_MAX": 256, "DATA_W": 64, "MAX_CHAIN": 128}
LARGE = {"QUEUES": 64, "QUEUE_SIZE_MAX": 32768, "DATA_W": 512, "MAX_CHAIN": 32768}
LARGE |= {"DEVICE_ID": 2, "DEVICE_FEATURES": "64'h1000000000a00240"}


def everywhere(test):
    sizes = {"small": SMALL, "usual": USUAL, "large": LARGE}
    cases = [  # the slow simulator goes without the large one
        pytest.param(sim, parameters, id=f"{sim}-{name}")
        for sim in SIMULATORS
        for name, parameters in sizes.items()
        if (sim, name) != ("icarus", "large")
    ]
    return pytest.mark.parametrize(("sim", "parameters"), cases)(test)


def shown(bench, test, *clauses):
    """Mark what a test of a bench shows."""
    return pytest.mark.clause(*clauses, by=f"tb/benches/{bench}.py::{test}")


def run(sim, parameters, bench):
    run_bench("vq_mmio", parameters, f"tb/benches/{bench}.py", sim=sim)


REGISTERS, QUEUES, EVENTS = "bench_vq_mmio", "bench_vq_mmio_queues", "bench_vq_mmio_events"


@shown(
    *(REGISTERS, "identity_and_constants"),
    *("MMIO-DEV-01", "MMIO-DEV-02", "MMIO-XDEV-01"),
)
@shown(REGISTERS, "undefined_and_write_only_registers_read_zero", "MMIO-XDEV-07")
@shown(REGISTERS, "status_only_gains_bits", "STAT-XDEV-01")
@shown(REGISTERS, "run_needs_driver_ok_and_features", "STAT-DEV-01")
@shown(
    *(REGISTERS, "features_windows_refusal_and_lock"),
    *("FEAT-DEV-01", "FEAT-DEV-02", "FEAT-DEV-03", "FEAT-DEV-04", "FEAT-DEV-05"),
    *("MMIO-XDEV-02", "MMIO-XDEV-09"),
)
@shown(REGISTERS, "the_function_judges_the_features", "FEAT-DEV-03")
@shown(REGISTERS, "feature_bits_beyond_the_offer_are_refused", "FEAT-DEV-02", "FEAT-DEV-05")
@everywhere
def test_registers(sim, parameters):
    run(sim, parameters, REGISTERS)


@shown(QUEUES, "set_up_reaches_the_engine", "MMIO-XDEV-04", "MMIO-XDEV-08")
@shown(QUEUES, "set_up_faults_in_order", "MMIO-XDEV-04", "STAT-DEV-02", "STAT-DEV-03")
@shown(QUEUES, "every_legal_size_and_alignment_is_taken", "MMIO-XDEV-04")
@shown(QUEUES, "absent_queues", "MMIO-XDEV-03")
@shown(QUEUES, "accesses_wait_for_a_queue_to_stop", "MMIO-DEV-07")
@shown(QUEUES, "indices_are_of_the_selected_queue", "MMIO-DEV-07")
@shown(
    *(QUEUES, "a_queue_reset_is_told_by_its_register"),
    *("MMIO-DEV-08", "MMIO-DEV-09", "MMIO-DEV-10", "MMIO-DEV-11", "MMIO-DEV-12"),
)
@everywhere
def test_queues(sim, parameters):
    run(sim, parameters, QUEUES)


@shown(
    *(EVENTS, "an_event_in_the_cycle_of_its_acknowledgement_is_kept"),
    *("MMIO-DEV-03", "MMIO-DEV-04", "MMIO-XDEV-06"),
)
@shown(EVENTS, "interrupt_bits_are_independent", "MMIO-DEV-03", "MMIO-XDEV-06")
@shown(
    *(EVENTS, "accesses_wait_for_a_reset"),
    *("RST-DEV-01", "RST-DEV-02", "MMIO-DEV-05", "MMIO-XDEV-05"),
)
@shown(
    *(EVENTS, "a_change_of_the_configuration_is_counted_and_told"),
    *("MMIO-DEV-06", "CFG-XDEV-02", "SUSP-DEV-05"),
)
@shown(
    *(EVENTS, "a_suspension_is_shown_by_status"),
    *("SUSP-DEV-01", "SUSP-DEV-02", "SUSP-DEV-04", "SUSP-DEV-05", "STAT-XDEV-01"),
)
@shown(EVENTS, "faults_of_both_sources_are_merged", "STAT-DEV-02", "STAT-DEV-03")
@everywhere
def test_events(sim, parameters):
    run(sim, parameters, EVENTS)
