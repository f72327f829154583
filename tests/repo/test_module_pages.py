# SPDX-License-Identifier: Apache-2.0
"""Every module has its page, and the page says what the source says."""

import re

import pytest

from ci.pages import HEADINGS, PAGES, differences
from ci.toolchain import ROOT

MODULES = sorted(path.stem for path in (ROOT / "rtl").glob("**/*.v"))


def test_every_page_belongs_to_a_module():
    assert sorted(path.stem for path in PAGES.glob("*.md")) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_tables_of_a_page_agree_with_the_source(module):
    assert differences(module, (PAGES / f"{module}.md").read_text()) == []


@pytest.mark.parametrize("module", MODULES)
def test_a_page_has_the_usual_headings(module):
    page = (PAGES / f"{module}.md").read_text()
    assert re.findall(r"^# (\w+)$", page, re.MULTILINE) == [module]
    assert tuple(re.findall(r"^## (.+)$", page, re.MULTILINE)) == HEADINGS


def test_a_wrong_table_is_found():
    page = (PAGES / "vq_mmio.md").read_text()
    assert differences("vq_mmio", page.replace("| `wdata` | 32 |", "| `wdata` | 64 |"))
    assert differences("vq_mmio", page.replace("| `QUEUES` | `4` |", "| `QUEUES` | `5` |"))
