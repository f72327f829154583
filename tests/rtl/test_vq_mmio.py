# SPDX-License-Identifier: Apache-2.0
"""vq_mmio and its parts, held against the specification and the golden model.

Each test runs the bench's tests of one subject, with the smallest, the usual and the largest
parameters.
"""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench

BENCH = "tb/benches/bench_vq_mmio.py"
SMALL = {"QUEUES": 1, "QUEUE_SIZE_MAX": 1, "MAX_CHAIN": 1}
USUAL = {"QUEUES": 4, "QUEUE_SIZE_MAX": 256, "DATA_W": 64, "MAX_CHAIN": 128}
LARGE = {"QUEUES": 64, "QUEUE_SIZE_MAX": 32768, "DATA_W": 512, "MAX_CHAIN": 32768}


def everywhere(test):
    test = pytest.mark.parametrize("sim", SIMULATORS)(test)
    sizes = {"small": SMALL, "usual": USUAL, "large": LARGE}
    return pytest.mark.parametrize("parameters", sizes.values(), ids=sizes)(test)


def run(sim: str, parameters: dict[str, int], *names: str) -> None:
    pattern = "|".join(rf"\b{name}\b" for name in names)
    result = run_bench("vq_mmio", parameters, BENCH, sim=sim, pattern=pattern)
    run_names = {test.name.partition("/")[0].rpartition(".")[2] for test in result.tests}
    assert run_names == set(names)


@pytest.mark.clause("MMIO-DEV-01", "MMIO-DEV-02", "MMIO-XDEV-01", "MMIO-XDEV-07")
@everywhere
def test_constants_and_undefined_registers(sim, parameters):
    run(
        sim,
        parameters,
        "identity_and_constants",
        "undefined_and_write_only_registers_read_zero",
        "partial_strobes_do_nothing",
    )


@pytest.mark.clause("STAT-XDEV-01", "STAT-DEV-01")
@everywhere
def test_status_only_gains_bits(sim, parameters):
    run(sim, parameters, "status_only_gains_bits", "run_needs_driver_ok_and_features")


@pytest.mark.clause(
    "FEAT-DEV-01",
    "FEAT-DEV-02",
    "FEAT-DEV-03",
    "FEAT-DEV-04",
    "FEAT-DEV-05",
    "MMIO-XDEV-02",
    "MMIO-XDEV-09",
)
@everywhere
def test_features_are_offered_judged_and_locked(sim, parameters):
    run(
        sim,
        parameters,
        "features_windows_refusal_and_lock",
        "feature_bits_beyond_the_offer_are_refused",
    )


@pytest.mark.clause("MMIO-XDEV-04", "MMIO-XDEV-08")
@everywhere
def test_set_up_is_checked_and_passed_on(sim, parameters):
    run(
        sim,
        parameters,
        "set_up_reaches_the_engine",
        "set_up_faults_in_order",
        "every_legal_size_and_alignment_is_taken",
    )


@pytest.mark.clause("MMIO-XDEV-03")
@everywhere
def test_absent_queues_read_zero(sim, parameters):
    run(sim, parameters, "absent_queues")


@everywhere
def test_notifications_reach_ready_queues(sim, parameters):
    run(sim, parameters, "notifications", "idle_is_never_told_too_early")


@pytest.mark.clause("MMIO-DEV-03", "MMIO-DEV-04", "MMIO-XDEV-06")
@everywhere
def test_no_interrupt_event_is_lost(sim, parameters):
    run(
        sim,
        parameters,
        "an_event_in_the_cycle_of_its_acknowledgement_is_kept",
        "interrupt_bits_are_independent",
    )


@pytest.mark.clause("RST-DEV-01", "RST-DEV-02", "MMIO-DEV-05", "MMIO-XDEV-05")
@everywhere
def test_accesses_wait_for_a_reset(sim, parameters):
    run(sim, parameters, "accesses_wait_for_a_reset")


@pytest.mark.clause("MMIO-DEV-07")
@everywhere
def test_accesses_wait_for_a_queue_to_stop(sim, parameters):
    run(
        sim,
        parameters,
        "accesses_wait_for_a_queue_to_stop",
        "indices_are_of_the_selected_queue",
    )


@pytest.mark.clause("MMIO-DEV-08", "MMIO-DEV-09", "MMIO-DEV-10", "MMIO-DEV-11", "MMIO-DEV-12")
@everywhere
def test_a_queue_reset_is_told_by_its_register(sim, parameters):
    run(sim, parameters, "a_queue_reset_is_told_by_its_register")


@pytest.mark.clause("SUSP-DEV-01", "SUSP-DEV-02", "SUSP-DEV-04", "SUSP-DEV-05", "STAT-XDEV-01")
@everywhere
def test_a_suspension_is_shown_by_status(sim, parameters):
    run(sim, parameters, "a_suspension_is_shown_by_status")


@pytest.mark.clause("STAT-DEV-02", "STAT-DEV-03")
@everywhere
def test_no_fault_is_lost(sim, parameters):
    run(
        sim,
        parameters,
        "faults_of_both_sources_are_merged",
        "first_faults_stay",
        "fault_count_saturates",
        "set_up_faults_in_order",
    )


@everywhere
def test_accesses_are_answered_in_turn(sim, parameters):
    run(sim, parameters, "reads_and_writes_take_turns", "configuration_space_is_passed_on")


@everywhere
def test_any_sequence_of_accesses_agrees_with_the_model(sim, parameters):
    run(sim, parameters, "any_sequence_of_accesses_agrees_with_the_model")
