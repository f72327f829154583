# SPDX-License-Identifier: Apache-2.0
"""The area of the 64-bit engine is what was reviewed, and so are the memories that tools infer."""

import pytest

from ci import synth
from ci.netlist import TITLES


@pytest.fixture(scope="module")
def result():
    """Return the 64-bit engine, synthesised; Yosys refuses latches by itself."""
    return synth.synthesise(synth.CONFIGURATIONS[0])


def test_the_counts_and_memories_are_those_reviewed(result):
    """After a change that is meant: make synth SYNTH=--accept."""
    reviewed = synth.reviewed_of(result.configuration)
    assert reviewed, "no reviewed counts"
    found = synth.differences(result.reviewed(), reviewed)
    assert not found, "; ".join(found) + "; if it is meant: make synth SYNTH=--accept"


def test_floors_are_kept(result):
    missed = [text for text, kept in synth.targets(result) if not kept]
    assert not missed, missed


def test_there_is_no_latch(result):
    assert not result.netlist.latches()


def test_modules_add_up_to_the_total(result):
    modules = result.netlist.by_module().values()
    for kind, total in result.netlist.counts().items():
        assert sum(counts[kind] for counts in modules) == total, TITLES[kind]


def test_what_is_large_is_block_ram(result):
    """Data of the bus and what is kept of each chain do not lie in logic."""
    large = {name.rpartition(".")[0] for name in result.netlist.memories("bram")}
    for words in ("u_store.u_segments", "u_scatter.u_chains", "u_gather.u_payload_port.u_data"):
        assert any(words in name for name in large), f"{words} is not block RAM"


def test_the_page_shows_the_reviewed_counts():
    page = synth.PAGE.read_text()
    assert synth.with_area(page, synth.reviewed_counts()) == page, "make synth SYNTH=--accept"
