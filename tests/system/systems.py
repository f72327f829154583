# SPDX-License-Identifier: Apache-2.0
"""The few hardware configurations of the system tests, and how one of them is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tb.runner import run_system

FOLDER = Path(__file__).parent.relative_to(Path(__file__).parents[2])

Design = tuple[str, dict[str, int]]
USUAL: Design = ("usual", {"QUEUES": 4, "QUEUE_SIZE_MAX": 256, "DATA_W": 64, "MAX_CHAIN": 128})
WIDE: Design = (
    "wide",
    {"QUEUES": 16, "QUEUE_SIZE_MAX": 32768, "DATA_W": 512, "MAX_CHAIN": 256},
)
SINGLE: Design = ("single", {"QUEUES": 1, "QUEUE_SIZE_MAX": 256, "DATA_W": 128, "MAX_CHAIN": 17})
TWO: Design = ("two", {"QUEUES": 2, "QUEUE_SIZE_MAX": 1024, "DATA_W": 256, "MAX_CHAIN": 512})


RINGS = ("split", "packed")


def ring_of(design: Design) -> str:
    """Return the ring format that a configuration's name ends with."""
    return "packed" if design[0].endswith("-packed") else "split"


def in_ring(design: Design, ring: str) -> Design:
    """Return a configuration whose drivers use rings of a format."""
    return design if ring == "split" else (f"{design[0]}-{ring}", design[1])


def everywhere(
    verilator: Sequence[Design] = (USUAL, WIDE),
    icarus: Sequence[Design] = (USUAL,),
    rings: Sequence[str] = ("split",),
    packed: Sequence[Design] = (),
) -> Callable[[Any], Any]:
    """Run a test with some configurations on each simulator, and some formats of rings.

    `packed`: configurations under Verilator whose drivers use packed rings, besides.
    """
    cases = [("verilator", in_ring(design, ring)) for design in verilator for ring in rings]
    cases += [("verilator", in_ring(design, "packed")) for design in packed]
    cases += [("icarus", in_ring(design, ring)) for design in icarus for ring in rings]
    return pytest.mark.parametrize(
        "sim, design", cases, ids=[f"{sim}-{design[0]}" for sim, design in cases]
    )


def run(module: str, sim: str, design: Design, *names: str, **options: Any) -> None:
    """Run cocotb tests by name; at least one of each name must run and none be skipped."""
    pattern = "|".join(rf"\b{name}\b" for name in names)
    if ring_of(design) == "packed":
        options["env"] = {"RING": "packed"} | options.get("env", {})
    result = run_system(f"{FOLDER}/{module}.py", design[1], sim=sim, pattern=pattern, **options)
    ran = {test.name.partition("/")[0].rpartition(".")[2] for test in result.tests}
    assert ran == set(names)
