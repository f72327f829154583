# SPDX-License-Identifier: Apache-2.0
"""`make sim` as its user meets it: what it prints and how it ends."""

import re
import subprocess
import sys

import pytest

from ci.toolchain import ROOT
from tb import sim as command

FAILING = """
import cocotb
from tb.bench import Bench
from tb.sides import Mismatch, Tally
from tb.screen import progress, say, tallied

@cocotb.test()
async def differs(dut):
    bench = Bench(dut)
    await bench.start()
    with tallied(Tally(operations=3, chains=2, bytes_in=7, cycles=20, mismatches=1)):
        say("hello")
        progress(1, 2, "steps")
        raise Mismatch("after get(queue 0): used.idx: rtl 1, model 2")
"""


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tb.sim", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--sim=vcs", "SIM=vcs: SIM is one of verilator, icarus"),
        (
            "--test=fish",
            "TEST=fish: TEST is one of all, demo, blk, ext4, direct, ping, random, free, socket, "
            "rng, net",
        ),
        ("--queues=0", "QUEUES=0: QUEUES is a whole number from 1 to 64"),
        ("--queues=many", "QUEUES=many: QUEUES is a whole number from 1 to 64"),
        ("--data-w=96", "DATA_W=96: DATA_W is one of 64, 128, 256, 512"),
        ("--seed=-1", "SEED=-1: SEED is a whole number from 0 to 2147483647"),
        ("--ring=round", "RING=round: RING is one of split, packed"),
        ("--waves=2", "WAVES=2: WAVES is one of 0, 1, window"),
        ("--scenario=nowhere.jsonl", "SCENARIO=nowhere.jsonl: there is no such file"),
    ],
)
def test_a_wrong_value_says_what_is_allowed(argument, message):
    result = run(argument)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", message + "\n")


@pytest.mark.parametrize(
    ("test", "size", "message"),
    [
        ("demo", 512, "IMAGE goes with TEST=blk"),
        ("all", 512, "IMAGE goes with TEST=blk"),
        ("blk", None, "there is no such file"),
        ("blk", 513, "its size, 513 bytes, is no multiple of 512"),
    ],
)
def test_a_bad_image_is_told_in_one_line(test, size, message, tmp_path):
    image = tmp_path / "disk.img"
    if size is not None:
        image.write_bytes(bytes(size))
    with pytest.raises(command.OptionError) as caught:
        command.parse([f"--test={test}", f"--image={image}"])
    assert str(caught.value) == f"IMAGE={image}: {message}"


@pytest.mark.parametrize("sim", ["verilator", "icarus"])
def test_an_image_is_read_changed_and_put_back(sim, tmp_path):
    image = tmp_path / "disk.img"
    content = bytes(range(256)) * 64
    image.write_bytes(content)
    result = run("--test=blk", f"--sim={sim}", f"--image={image}", "--queues=1")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "32 sectors; reading 32" in result.stdout
    assert "20 sectors overwritten; the file has them after the flush only" in result.stdout
    assert image.read_bytes() == content


def test_a_part_that_needs_more_queues_says_so():
    result = run("--test=ping", "--queues=1")
    assert result.returncode == 2
    assert result.stderr == "QUEUES=1: QUEUES is at least 2 for TEST=ping\n"


PUBLISHED = {"split": r"│\* idx 2 .*│\* avail_event 2 ", "packed": r"│\* position 3, wrap 1 "}


@pytest.mark.parametrize(
    ("sim", "ring"), [("verilator", "split"), ("icarus", "split"), ("verilator", "packed")]
)
def test_the_demonstration_draws_the_ring_and_ends_with_a_table(sim, ring):
    result = run("--test=demo", f"--sim={sim}", f"--ring={ring}")
    said = [line for line in result.stderr.splitlines() if not line.startswith("building ")]
    assert (result.returncode, said) == (0, [])
    text = result.stdout
    steps = re.findall(r"^── \d+\. ([^─]*?) ─", text, re.MULTILINE)
    for step in ("init", "add_buf", "detach_buf", "get_buf", "interrupt", "restart", "event index"):
        assert step in steps, step
    after = text.partition("sync, the Verilog's part")[2].partition("\n── ")[0]
    assert re.search(PUBLISHED[ring], after, re.DOTALL)
    assert '"Hello from the driver"' in text
    row = re.search(r"^demo +([\d,]+) +5 +162 +([\d,]+) +([\d.]+) +0 +[\d.]+$", text, re.MULTILINE)
    assert row and int(row[1]) == 20 and 0 < int(row[2]) < 2000
    assert not re.search(r"INFO|WARNING|Deprecat|cocotb", text)
    waves = re.search(r"^waves: +(\S+) ", text, re.MULTILINE)
    log = re.search(r"^demo log: +(\S+)$", text, re.MULTILINE)
    assert waves and 0 < (ROOT / waves[1]).stat().st_size < 2_000_000
    assert log and "demonstration passed" in (ROOT / log[1]).read_text()


def test_the_socket_part_tells_the_words_of_a_buffer_and_ends_with_a_table():
    result = run("--test=socket", "--sim=icarus", "--queues=1")
    assert result.returncode == 0, result.stdout + result.stderr
    text = result.stdout
    assert len(re.findall(r"^    writes TxHeader +000000(?:15|20)$", text, re.MULTILINE)) == 2
    for kind in ("writes TxData", "reads  RxData"):
        words = re.findall(rf'^    {kind} .*"(.*)"$', text, re.MULTILINE)
        assert "".join(words) == "Hello from the driver"
    row = re.search(r"^socket +(\d+) +(\d+) +[\d,]+ +[\d,]+ +[\d.]+ +0 ", text, re.MULTILINE)
    assert row and int(row[1]) > 100 and int(row[2]) > 1


def test_the_entropy_part_is_compared_with_the_model_on_any_bus():
    for arguments in (("--sim=icarus", "--ring=packed"), ("--data-w=256",)):
        result = run("--test=rng", *arguments)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "0x3000 device 4 bound" in result.stdout
        row = re.search(r"^rng +(\d+) +(\d+) +([\d,]+) .* 0 +[\d.]+$", result.stdout, re.MULTILINE)
        assert row and int(row[1]) >= 20 and int(row[2]) > int(row[1])


def test_a_mismatch_ends_with_code_1_and_the_command_that_repeats_it(tmp_path, monkeypatch, capsys):
    module = tmp_path / "failing.py"
    module.write_text(FAILING)
    monkeypatch.setitem(command.PARTS, "ping", command.Part("fails", str(module)))
    options = command.parse(["--test=ping", "--seed=5", "--sim=icarus"])
    assert command.simulate(options) == 1
    text = capsys.readouterr().out
    assert "\nhello\n" in text
    assert "used.idx: rtl 1, model 2" in text
    assert re.search(r"^ping +3 +2 +7 +20 +10\.0 +1 ", text, re.MULTILINE)
    assert "make sim TEST=ping SIM=icarus SEED=5 QUEUES=4 DATA_W=64" in text
    waves = re.search(r"waves from cycle 0 on: (\S+)", text)
    assert waves and (ROOT / waves[1]).stat().st_size > 0
