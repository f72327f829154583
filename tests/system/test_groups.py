# SPDX-License-Identifier: Apache-2.0
"""Chains that a function gives back in groups: a driver sees all of a group or nothing of it."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from ci.toolchain import BUILD, ROOT
from tests.system.systems import FOLDER, RINGS, USUAL, WIDE, everywhere, ring_of

GROUPED = """    grouped_answers #(.QID_W(QID_W), .TAG_W(TAG_W), .GROUP(%d)) u_groups (
        .clk(clk), .rst(function_rst),
        .s_req_queue(req_queue), .s_req_tag(req_tag), .s_req_valid(req_valid && req_ready),
        .s_rsp_tag(fn_tag), .s_rsp_len(fn_len), .s_rsp_valid(fn_valid), .s_rsp_ready(fn_ready),
        .m_rsp_tag(rsp_tag), .m_rsp_len(rsp_len), .m_rsp_more(rsp_more), .m_rsp_valid(rsp_valid),
        .m_rsp_ready(rsp_ready)
    );
    wire [TAG_W-1:0] fn_tag;
    wire [31:0]      fn_len;
    wire             fn_valid, fn_ready, rsp_more;
endmodule"""


def with_groups(group):
    """Return a copy of the RTL whose device function answers in groups; 0: by their lengths."""
    folder = BUILD / f"grouped_answers_{group}" / "rtl"
    rtl = os.environ.get("TB_RTL", ROOT / "rtl")
    shutil.copytree(rtl, folder, dirs_exist_ok=True)
    shutil.copy(ROOT / FOLDER / "grouped_answers.v", folder / "device")
    path = folder / "device" / "vq_test_device.v"
    text, count = re.subn(r"(\.m_rsp_(\w+))\(rsp_\w+\)", r"\1(fn_\2)", path.read_text())
    assert count == 4 and text.count(".s_rsp_more(1'b0)") == 1
    text = text.replace(".s_rsp_more(1'b0)", ".s_rsp_more(rsp_more)")
    path.write_text(text.replace("endmodule", GROUPED % group))
    return folder


def run_grouped(sim, design, group, tests, **more):
    """Run cocotb tests, pairs of a module and a name, on such a device."""
    env = more | {"GROUP": str(group)}
    if ring_of(design) == "packed":
        env["RING"] = "packed"
    folder = with_groups(group)
    for module, name in tests:
        command = [sys.executable, "-m", "tb.runner", "--sim", sim, "--top", "tb_top"]
        for key, value in design[1].items():
            command += ["--parameter", f"{key}={value}"]
        for key, value in env.items():
            command += ["--env", f"{key}={value}"]
        done = subprocess.run(
            [*command, "--test", rf"\b{name}\b", f"{FOLDER}/{module}.py"],
            cwd=ROOT,
            env={**os.environ, "TB_RTL": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-4000:]
        assert re.search(r"passed: [1-9]\d* tests", done.stdout), done.stdout[-4000:]


@pytest.mark.clause("NET-DEV-36", "PACKED-XDEV-10")
@everywhere(verilator=[USUAL, WIDE], icarus=[USUAL], rings=RINGS)
def test_no_part_of_a_group_is_seen(sim, design):
    names = ["no_part_of_a_group_is_seen_at_any_cycle", "what_shows_a_group_comes_last"]
    names += ["groups_at_full_rate"]
    run_grouped(sim, design, 3, [("groups", name) for name in names])


@pytest.mark.clause("NET-DEV-36", "PACKED-XDEV-10")
@everywhere(verilator=[USUAL], icarus=[], rings=RINGS)
def test_no_part_of_a_pair_is_seen(sim, design):
    run_grouped(sim, design, 2, [("groups", "no_part_of_a_group_is_seen_at_any_cycle")])


@pytest.mark.clause("SPLIT-DEV-11", "SPLIT-DEV-13", "PACKED-XDEV-12")
@everywhere(verilator=[USUAL], icarus=[], rings=RINGS)
def test_no_interrupt_is_lost(sim, design):
    run_grouped(sim, design, 0, [("orders", "interrupts_enabled_at_any_cycle")])


@pytest.mark.parametrize("order", ["0", "1"], ids=["any-order", "in-order"])
@everywhere(verilator=[USUAL], icarus=[], rings=RINGS)
def test_random_operations(sim, design, order):
    """Groups by chance: as the model says, whatever is given back together."""
    tests = [("random_ops", "compared_after_each_operation"), ("random_ops", "free_running")]
    tests += [("resets", "published_buffers_are_taken_back_in_traffic")]
    tests += [("queues", "queue_disabled_in_flight")]
    run_grouped(sim, design, 0, tests, **({"IN_ORDER": "1"} if order == "1" else {}))
