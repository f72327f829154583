# SPDX-License-Identifier: Apache-2.0
"""User-mode Linux with its own drivers on the Verilog."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ci.toolchain import ROOT, group
from pymodel import Feature
from tb.hil import boot as boots
from tb.hil.boot import FETCHED_BYTES, PINGS, READ_KIB, Boot, boot
from tb.hil.linux import UserModeLinux
from tb.hil.results import COUNTS, table

SECTOR = 512
TESTS = {"blk": {"block", "checksum", "remount"}, "net": {"net", "ping", "fetch"}}


@pytest.fixture(scope="module")
def files():
    return group("linux")


def processes(word):
    """Return the processes whose command line holds a word."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


def test_linux_uses_a_disk_and_a_network(files, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    told = []
    plan = Boot(tools=files)
    outcome = boot(UserModeLinux(files), plan, tmp_path / "log", told.append)
    assert not outcome.failure, boots.failure_text(outcome, plan)
    assert set(outcome.console.results) == TESTS["blk"] | TESTS["net"] | {"stored"}
    assert len(told) == len(outcome.console.results)
    wanted = Feature.VERSION_1 | Feature.EVENT_IDX | Feature.INDIRECT_DESC
    for report in outcome.reports.values():
        assert report["features"] & wanted == wanted
        assert not report["features"] & Feature.RING_PACKED
        assert report["cycles"] > 0
    blk, net = outcome.reports["blk"], outcome.reports["net"]
    for report, kinds in ((blk, COUNTS["blk"]), (net, COUNTS["net"])):
        requests = sum(report["counted"][kind] for kind in kinds)
        assert report["compared"]["elements"] == requests
        assert report["compared"]["interrupts"] == report["calls"] > 0
    assert blk["counted"]["failed"] == blk["counted"]["unsupported"] == 0
    assert blk["counted"]["writes"] > 0 and blk["counted"]["flushes"] > 0
    assert blk["written"] >= READ_KIB * 1024 + FETCHED_BYTES  # into guest memory
    assert blk["read"] >= FETCHED_BYTES
    assert net["counted"]["tx_frames"] > PINGS and net["counted"]["rx_frames"] > PINGS
    assert net["written"] > FETCHED_BYTES
    assert outcome.read_rate and outcome.ping_ms and outcome.fetch_rate
    lines = "\n".join(table(outcome))
    assert "sequential read" in lines and "EVENT_IDX" in lines
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    assert not processes(str(tmp_path))


def test_a_simulator_that_dies_ends_the_boot_and_is_named(files, tmp_path, monkeypatch):
    servers = []
    plain = boots.serving

    class Killer:
        """Kills the simulator once the guest has found its disk."""

        def __init__(self, context):
            self.context = context

        def __enter__(self):
            self.server = self.context.__enter__()
            servers.append(self.server)
            return self.server

        def __exit__(self, *error):
            return self.context.__exit__(*error)

    monkeypatch.setattr(boots, "serving", lambda *a, **k: Killer(plain(*a, **k)))
    plan = Boot(devices=("blk",), tools=files, command="make linux WAVES=1")
    outcome = boot(UserModeLinux(files), plan, tmp_path, lambda text: servers[0].process.kill())
    text = boots.failure_text(outcome, plan)
    assert "blk: the simulator ended with code -9" in text and "make linux WAVES=1" in text
    assert (tmp_path / "disk.img").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_gone_with_all_it_started_when_it_is_told_to_stop(files, tmp_path, number):
    command = [sys.executable, "-u", "-m", "tb.hil.linux", "--devices=net"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("  net"):
            break
    process.send_signal(number)
    rest = process.stdout.read()
    assert process.wait(30) == 130, "".join(lines) + rest
    assert rest.splitlines()[-1] == "interrupted"
    end = time.monotonic() + 5
    while processes(str(tmp_path)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not processes(str(tmp_path))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("--boots=x", "BOOTS=x: BOOTS is a whole number from 1 to 10000"),
        ("--devices=foo", "DEVICES=foo: DEVICES is blk or net, or blk,net"),
        ("--shell=2", "SHELL=2: SHELL is 0 or 1"),
        ("--shell=1", "SHELL=1: the console needs a terminal"),
        ("--data-w=32", "DATA_W=32: DATA_W is 64, 128, 256, 512"),
        ("--sim=foo", "SIM=foo: SIM is verilator or icarus"),
        ("--record=no/such/folder/x", "RECORD=no/such/folder/x: no file can be written there"),
        ("--seed=-1", "SEED=-1: SEED is a whole number from 0 to 2147483647"),
    ],
)
def test_an_option_that_is_none_is_told_in_a_line(word, text):
    command = [sys.executable, "-m", "tb.hil.linux", word]
    found = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr.strip()) == (2, text)
