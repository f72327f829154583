# SPDX-License-Identifier: Apache-2.0
"""vq_dev_blk, the function of vq_blk_device, against the golden model's."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench

SERIAL = int.from_bytes(b"VQ-0123456789-abcdef", "little")
SHAPES = {
    "small": {"QUEUES": 1, "DATA_W": 64, "CHAINS": 2, "OUTSTANDING": 2, "MAX_RANGES": 2},
    "usual": {"QUEUES": 4, "DATA_W": 64, "MAX_SECTORS": 150},
    "middle": {"QUEUES": 3, "DATA_W": 128, "CHAINS": 32, "OUTSTANDING": 16, "MAX_RANGES": 4},
    "wide": {"QUEUES": 2, "DATA_W": 256, "UNMAP_EN": 1},
    "large": {"QUEUES": 64, "DATA_W": 512},
    "read_only": {"QUEUES": 2, "DATA_W": 64, "READ_ONLY": 1},
}


ON_ICARUS = ("middle", "read_only")  # the slow simulator takes these
CASES = [
    (sim, name) for sim in SIMULATORS for name in SHAPES if sim != "icarus" or name in ON_ICARUS
]


@pytest.mark.parametrize("sim, name", CASES, ids=[f"{name}-{sim}" for sim, name in CASES])
def test_vq_dev_blk(sim, name):
    parameters = SHAPES[name]
    pattern = r"^(?!.*one_beat_per_clock)" if parameters.get("CHAINS", 64) < 8 else ""
    if parameters.get("READ_ONLY"):
        pattern = "requests_are|malformed|what_was_not"
    run_bench("vq_dev_blk", parameters, sim=sim, pattern=pattern)
