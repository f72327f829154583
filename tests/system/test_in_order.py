# SPDX-License-Identifier: Apache-2.0
"""With IN_ORDER: operations, random ones too, and batches that one used element returns."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from ci.toolchain import BUILD, ROOT
from tests.system.systems import FOLDER, RINGS, USUAL, WIDE, everywhere, ring_of, run

IN_ORDER = {"IN_ORDER": "1"}


@pytest.mark.clause("RSVF-DEV-05", "SPLIT-XDEV-06", "SPLIT-XDEV-07", "PACKED-XDEV-09")
@pytest.mark.clause("SPLIT-XDRV-02")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], rings=RINGS)
def test_buffers_are_used_in_order(sim, design):
    run("in_order", sim, design, "batches_of_any_buffers", env=IN_ORDER)


@pytest.mark.clause("RSVF-DEV-05")
@everywhere(verilator=[USUAL], icarus=[], rings=RINGS)
def test_operations(sim, design):
    names = ("each_operation_alone", "full_ring", "framing_does_not_matter", "unequal_sides")
    run("ops", sim, design, *names, env=IN_ORDER)
    run("random_ops", sim, design, "compared_after_each_operation", "free_running", env=IN_ORDER)


@pytest.mark.clause("RSVF-DEV-05", "QRST-DEV-01", "QRST-DEV-02")
@everywhere(verilator=[USUAL], icarus=[], rings=RINGS)
def test_published_buffers_are_taken_back(sim, design):
    run(
        "resets",
        sim,
        design,
        "a_buffer_is_taken_back_at_any_cycle",
        "what_was_never_notified_is_taken_back_as_the_model_does",
        "published_buffers_are_taken_back_in_traffic",
        env=IN_ORDER,
    )


@pytest.mark.clause("RSVF-DEV-05", "SUSP-DEV-03", "SUSP-DEV-07", "RST-DEV-01")
@everywhere(verilator=[USUAL], icarus=[], rings=RINGS)
def test_the_device_is_suspended_and_reset(sim, design):
    run("suspends", sim, design, "suspended_in_traffic_it_agrees_with_the_model", env=IN_ORDER)
    names = ["device_reset_in_flight", "queue_disabled_in_flight", "a_fault_asks_for_a_reset"]
    run("queues", sim, design, *names, env=IN_ORDER)


@pytest.mark.clause("PACKED-XDEV-09", "STAT-DEV-02")
@everywhere(verilator=[USUAL], icarus=[USUAL])
def test_hostile_rings(sim, design):
    names = ["hostile_rings_end_in_the_fault_of_the_model"]
    run("packed", sim, design, *names, env=IN_ORDER)


LATE = """    late_answers #(.TAG_W(TAG_W)) u_late (
        .clk(clk), .rst(function_rst),
        .s_rsp_tag(fn_tag), .s_rsp_len(fn_len), .s_rsp_valid(fn_valid), .s_rsp_ready(fn_ready),
        .m_rsp_tag(rsp_tag), .m_rsp_len(rsp_len), .m_rsp_valid(rsp_valid), .m_rsp_ready(rsp_ready)
    );
    wire [TAG_W-1:0] fn_tag;
    wire [31:0]      fn_len;
    wire             fn_valid, fn_ready;
endmodule"""


def with_late_answers():
    """Return a copy of the RTL whose device function answers out of order."""
    folder = BUILD / "late_answers" / "rtl"
    shutil.copytree(ROOT / "rtl", folder, dirs_exist_ok=True)
    shutil.copy(ROOT / FOLDER / "late_answers.v", folder / "device")
    path = folder / "device" / "vq_test_device.v"
    text, count = re.subn(r"(\.m_rsp_(\w+))\(rsp_\w+\)", r"\1(fn_\2)", path.read_text())
    assert count == 4
    path.write_text(text.replace("endmodule", LATE))
    return folder


@pytest.mark.clause("RSVF-DEV-05")
@everywhere(verilator=[USUAL], icarus=[], rings=RINGS)
def test_a_function_may_answer_out_of_order(sim, design):
    """As the tests above, with answers that overtake others."""
    ring = ["--env", "RING=packed"] if ring_of(design) == "packed" else []
    for module, name in (
        ("in_order", "batches_of_any_buffers"),
        ("random_ops", "free_running"),
        ("resets", "published_buffers_are_taken_back_in_traffic"),
    ):
        command = [sys.executable, "-m", "tb.runner", "--sim", sim, "--top", "tb_top"]
        for key, value in design[1].items():
            command += ["--parameter", f"{key}={value}"]
        command += ["--env", "IN_ORDER=1", *ring, "--test", rf"\b{name}\b"]
        done = subprocess.run(
            [*command, f"{FOLDER}/{module}.py"],
            cwd=ROOT,
            env={**os.environ, "TB_RTL": str(with_late_answers())},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        assert re.search(r"passed: [1-9]\d* tests", done.stdout), done.stdout[-4000:]
