# SPDX-License-Identifier: Apache-2.0
"""The device's configuration space."""

import pytest

from tests.system.systems import USUAL, everywhere, run


@pytest.mark.clause("CFG-DEV-01")
@everywhere(verilator=[USUAL])
def test_fields_are_readable_before_the_features_are_chosen(sim, design):
    run("config", sim, design, "fields_are_readable_before_the_features")


@pytest.mark.clause("CFG-XDEV-01", "MMIO-DEV-06")
@everywhere(verilator=[USUAL])
def test_a_field_is_one_value_at_any_time(sim, design):
    run("config", sim, design, "a_field_is_one_value_at_any_time")
