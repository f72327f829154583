# SPDX-License-Identifier: Apache-2.0
"""What the how-to page shows of sources is in them, and the files that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "device-howto.md").read_text()
SOURCES = {
    "verilog": sorted((ROOT / "rtl" / "device" / "rng").glob("*.v")),
    "python": [
        *(ROOT / name for name in re.findall(r"`((?:pymodel|tb|tests)/[\w/]+\.py)`", PAGE)),
    ],
}
BLOCKS = re.findall(r"^```(verilog|python)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("language", "text"), BLOCKS, ids=range(len(BLOCKS)))
def test_an_excerpt_is_in_its_source(language: str, text: str) -> None:
    assert any(text in path.read_text() for path in SOURCES[language])


def test_there_are_excerpts_and_the_files_named_exist() -> None:
    assert len(BLOCKS) > 10
    named = re.findall(r"`((?:pymodel|tb|tests|rtl)/[\w/]+\.\w+)`", PAGE)
    assert len(named) > 8
    assert [name for name in named if not (ROOT / name).is_file()] == []
