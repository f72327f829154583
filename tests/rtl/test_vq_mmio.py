# SPDX-License-Identifier: Apache-2.0
"""vq_mmio and its parts, held against the specification and the golden model."""

import pytest

from tb.build import SIMULATORS
from tb.runner import run_bench
