# SPDX-License-Identifier: Apache-2.0
"""The example on the bench's page runs as it stands there."""

import re

from ci.toolchain import ROOT
from tb.runner import run_system

PAGE = ROOT / "docs" / "bench.md"


def test_the_example_of_the_bench_page_passes(tmp_path):
    match = re.search(
        r"^```python\n# tests/system/(\w+\.py)\n(.*?)^```", PAGE.read_text(), re.M | re.S
    )
    assert match, f"{PAGE.name} has no example that begins with '# tests/system/NAME.py'"
    module = tmp_path / match[1]
    module.write_text(match[2])
    assert len(run_system(str(module), {"QUEUES": 4, "DATA_W": 64}, sim="verilator").tests) == 1
