# SPDX-License-Identifier: Apache-2.0
"""vq_suspend: what is in progress is finished, but not waited for without end."""

import pytest

from tb.runner import run_bench


@pytest.mark.clause("SUSP-DEV-06", "SUSP-DEV-07", "SUSP-DEV-08")
@pytest.mark.parametrize(("sim", "patience"), [("icarus", 64), ("verilator", 1024)])
def test_vq_suspend(sim, patience):
    run_bench("vq_suspend", {"PATIENCE": patience}, sim=sim)
