# SPDX-License-Identifier: Apache-2.0
"""The entropy device, whole."""

import pytest

from tb.runner import DEVICES_TOP, run_system

ONLY = {"TEST_EN": 0, "RNG_EN": 1}
WIDTHS = [("verilator", 64), ("verilator", 256), ("icarus", 64)]
NAMES = (
    "random_bytes_are_read",
    "a_buffer_that_breaks_the_rule_is_answered_too",
    "the_device_is_taken_away_and_found_again",
    "the_device_says_what_it_is",
)


@pytest.mark.clause("RNG-XDEV-01", "RNG-DEV-01", "RNG-DEV-02", "RNG-DRV-01", "RNG-DRV-02")
@pytest.mark.parametrize(("sim", "data_w"), WIDTHS)
def test_rng(sim, data_w):
    parameters = ONLY | {"DATA_W": data_w}
    result = run_system("tests/system/rng.py", parameters, top=DEVICES_TOP, sim=sim)
    ran = {test.name.partition("/")[0].rpartition(".")[2] for test in result.tests}
    assert ran == set(NAMES)
