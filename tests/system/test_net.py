# SPDX-License-Identifier: Apache-2.0
"""The network device, whole: Verilog and model do the same, and what a driver expects."""

import pytest

from tb.runner import DEVICES_TOP, run_system
from tests.system.systems import FOLDER

DESIGNS = {
    "one": {"TEST_EN": 0, "NET_EN": 1},
    "wide": {"TEST_EN": 0, "NET_EN": 1, "NET_PAIRS": 3, "DATA_W": 512},
}
ALL = [("verilator", "one"), ("verilator", "one-packed"), ("verilator", "wide"), ("icarus", "one")]
PAIRS = [("verilator", "wide"), ("verilator", "wide-packed")]


def cases(chosen):
    """Run a test on simulators and designs."""
    names = [f"{sim}-{design}" for sim, design in chosen]
    return pytest.mark.parametrize("sim, design", chosen, ids=names)


def run(sim, design, *names):
    """Run tests of net.py by name; each must run."""
    name, _, ring = design.partition("-")
    parameters = DESIGNS[name]
    env = {"RING": ring or "split", "NET_PAIRS": str(parameters.get("NET_PAIRS", 1))}
    pattern = "|".join(rf"\b{each}\b" for each in names)
    module = f"{FOLDER}/net.py"
    result = run_system(module, parameters, top=DEVICES_TOP, sim=sim, pattern=pattern, env=env)
    ran = {test.name.partition("/")[0].rpartition(".")[2] for test in result.tests}
    assert ran == set(names)


@pytest.mark.clause(
    *("NET-DEV-06", "NET-DEV-15", "NET-DEV-16", "NET-DEV-18", "NET-DEV-21", "NET-DEV-22"),
    *("NET-DEV-23", "NET-DEV-24", "NET-DEV-25", "NET-DEV-26", "NET-DEV-27"),
    *("NET-DEV-33", "NET-DEV-37", "NET-DEV-39", "NET-DEV-40", "NET-DEV-41", "NET-DEV-42"),
    *("NET-DEV-43", "NET-DEV-44", "NET-DEV-48", "NET-DEV-53", "NET-DEV-57", "NET-DEV-58"),
    *("NET-DEV-62", "NET-DEV-66", "NET-XDEV-01", "NET-XDEV-03"),
)
@cases(ALL)
def test_frames_pass_both_ways(sim, design):
    run(sim, design, "frames_pass_both_ways", "the_loop_brings_frames_back")


@pytest.mark.clause(
    *("NET-DEV-28", "NET-DEV-29", "NET-DEV-33", "NET-DEV-34", "NET-DEV-35", "NET-DEV-36"),
    *("NET-DEV-37", "NET-DEV-58", "NET-XDEV-04"),
)
@cases(ALL)
def test_a_frame_takes_the_buffers_that_it_needs(sim, design):
    run(sim, design, "a_frame_takes_the_buffers_that_it_needs")


@cases(ALL)
def test_a_frame_without_buffers_is_dropped(sim, design):
    run(sim, design, "a_frame_without_buffers_is_dropped")


@pytest.mark.clause("NET-DEV-05", "NET-DEV-06")
@cases(ALL)
def test_runts_and_oversized_frames_are_counted(sim, design):
    run(sim, design, "runts_and_oversized_frames_are_counted")


@pytest.mark.clause("NET-DEV-92", "NET-XDEV-05", "NET-XDEV-06")
@cases(ALL)
def test_commands_are_answered(sim, design):
    run(sim, design, "commands_are_answered")


@pytest.mark.clause(
    *("NET-DEV-98", "NET-DEV-99", "NET-DEV-100", "NET-DEV-101", "NET-DEV-102", "NET-DEV-103"),
    *("NET-DEV-104", "NET-XDEV-01", "NET-XDEV-06"),
)
@cases(PAIRS)
def test_flows_come_back_where_they_went(sim, design):
    run(sim, design, "flows_come_back_where_they_went")


@pytest.mark.clause("NET-DEV-105", "NET-DEV-106", "QRST-DEV-01")
@cases([*PAIRS, ("icarus", "one")])
def test_a_queue_in_reset_is_passed_by(sim, design):
    run(sim, design, "a_queue_in_reset_is_passed_by")


@pytest.mark.clause("CFG-XDEV-02", "MMIO-DEV-06")
@cases(ALL)
def test_a_change_of_the_link_is_told(sim, design):
    run(sim, design, "a_change_of_the_link_is_told")


@cases(ALL)
def test_queues_stop_with_frames_under_way(sim, design):
    run(sim, design, "queues_stop_with_frames_under_way")


@pytest.mark.clause("NET-XDEV-02", "FEAT-DEV-03")
@cases(ALL)
def test_choices_that_do_not_go_together_are_refused(sim, design):
    run(sim, design, "choices_that_do_not_go_together_are_refused")


@pytest.mark.clause(
    *("NET-DEV-01", "NET-DEV-02", "NET-DEV-03", "NET-DEV-04", "NET-DEV-94", "CFG-XDEV-01")
)
@cases(ALL)
def test_the_configuration_is_read(sim, design):
    run(sim, design, "the_configuration_is_read")
