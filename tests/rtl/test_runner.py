# SPDX-License-Identifier: Apache-2.0
"""The bench's machinery: builds are reused, failures tell, waves show, options are checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from ci.regress import MATRIX, MatrixError, read_matrix
from tb.build import SIMULATORS, BuildError, Design, build
from tb.runner import RunFailed, run_bench, run_system
from tb.sim import OptionError, parse
from tb.waves import groups, save_file

FAILING = """
import cocotb
from tb.bench import Bench

@cocotb.test()
async def it_fails(dut):
    bench = Bench(dut)
    await bench.start()
    await bench.wait_cycles(20000)
    bench.track("bad", 1, 2)
    await bench.wait_cycles(10)
    assert False, "planted"
"""


@pytest.mark.parametrize("sim", SIMULATORS)
def test_a_failed_run_names_its_cause_and_command_and_leaves_its_last_waves(sim, tmp_path):
    module = tmp_path / "failing.py"
    module.write_text(FAILING)
    with pytest.raises(RunFailed) as failure:
        run_system(str(module), sim=sim, waves="window")
    text = str(failure.value)
    assert "it_fails: planted" in text or "it_fails: assert False" in text
    assert f"-m tb.runner --waves --sim {sim} --top tb_top --seed 1" in text
    assert "waves from cycle 15" in text
    waves = Path(text.split("on: ")[1].split(" (")[0])
    assert 0 < waves.stat().st_size < 1_000_000


@pytest.mark.parametrize("sim", SIMULATORS)
def test_the_wave_groups_name_signals_that_exist(sim, tmp_path):
    result = run_system("tb/regression.py", sim=sim, waves="all", env={"TB_OPERATIONS": "4"})
    assert result.waves is not None
    found = groups(result.waves)
    assert all(found.values())
    text = save_file(result.waves, found, tmp_path)
    assert "tb_top.track_op[63:0]" in text
    for fetch in ("gen_split.u_avail.u_ring", "gen_packed.u_packed.u_probe"):
        (ring,) = tmp_path.glob(f"*.{fetch}.state_reg.txt")
        assert "0 PICK" in ring.read_text()


BESIDE_PYTHON = """
import socket

import cocotb
{found}

@cocotb.test()
async def names_are_those_of_python(dut):
    assert hasattr(socket, "socketpair") and constant.VALUE == 7
"""


def test_a_test_module_in_a_package_hides_no_module_of_python(tmp_path):
    package = tmp_path / "mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "constant.py").write_text("VALUE = 7\n")
    (package / "socket.py").write_text("")
    (package / "case.py").write_text(BESIDE_PYTHON.format(found="from mine import constant"))
    run_bench("vq_fifo", module=str(package / "case.py"), sim="icarus")


def test_a_test_module_without_a_package_finds_its_neighbours(tmp_path):
    (tmp_path / "constant.py").write_text("VALUE = 7\n")
    case = tmp_path / "case.py"
    case.write_text(BESIDE_PYTHON.format(found="import constant"))
    run_bench("vq_fifo", module=str(case), sim="icarus")


@pytest.mark.parametrize("sim", SIMULATORS)
def test_a_build_is_made_once(sim):
    design = Design(sim=sim, top="vq_fifo", parameters=(("DEPTH", 4),))
    folder = build(design)
    made = (folder / "build.json").stat().st_mtime_ns
    assert build(design) == folder and (folder / "build.json").stat().st_mtime_ns == made


def test_a_wrong_design_says_why():
    with pytest.raises(BuildError, match=r"no file vq_nothing\.v"):
        build(Design(sim="icarus", top="vq_nothing"))
    with pytest.raises(BuildError, match="one of verilator, icarus"):
        build(Design(sim="vcs", top="vq_fifo"))
    with pytest.raises(BuildError, match="ERROR_DEPTH_must_be_a_power_of_two"):
        build(Design(sim="icarus", top="vq_fifo", parameters=(("DEPTH", 3),)))


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--sim=vcs", "SIM is one of verilator, icarus"),
        ("--queues=65", "QUEUES is a whole number from 1 to 64"),
        ("--queues=many", "QUEUES is a whole number from 1 to 64"),
        ("--data-w=96", "DATA_W is one of 64, 128, 256, 512"),
        ("--seed=-1", "SEED is a whole number"),
        ("--waves=yes", "WAVES is one of"),
        ("--test=nothing", "TEST is one of"),
        ("--scenario=missing.jsonl", "there is no such file"),
    ],
)
def test_a_wrong_option_says_what_is_allowed(option, says):
    with pytest.raises(OptionError, match=says):
        parse([option])


def test_the_matrix_is_read_and_checked(tmp_path):
    points, profiles = read_matrix(MATRIX)
    assert {point.sim for point in points} == set(SIMULATORS)
    assert {point.profile for point in points} == set(profiles)
    wrong = tmp_path / "matrix.toml"
    wrong.write_text(MATRIX.read_text().replace("data_widths = [64]", "data_widths = [48]"))
    with pytest.raises(MatrixError, match="48 is not one of 64, 128, 256, 512"):
        read_matrix(wrong)
