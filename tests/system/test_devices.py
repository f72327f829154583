# SPDX-License-Identifier: Apache-2.0
"""Devices on one bus."""

import pytest

from tb.build import SIMULATORS
from tb.runner import DEVICES_TOP, run_system


def run(sim, parameters, name):
    """Run one test of devices.py; it must run."""
    result = run_system(
        "tests/system/devices.py", parameters, top=DEVICES_TOP, sim=sim, pattern=rf"\b{name}\b"
    )
    assert len(result.tests) == 1


@pytest.mark.clause("MMIO-XDEV-01")
@pytest.mark.parametrize("sim", SIMULATORS)
def test_a_slot_without_a_device_is_a_placeholder(sim):
    run(sim, {}, "a_slot_without_a_device_is_a_placeholder")


@pytest.mark.parametrize("sim", SIMULATORS)
def test_the_test_device_works_on_a_shared_bus(sim):
    run(sim, {}, "the_test_device_works_on_a_shared_bus")
