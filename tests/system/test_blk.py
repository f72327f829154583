# SPDX-License-Identifier: Apache-2.0
"""The block device with its driver: on both simulators, at several widths, on image files."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ci.toolchain import ROOT
from tb.blk.worlds import SECTOR
from tb.build import SIMULATORS, build_disk_library
from tb.disk import NativeDisk, library
from tb.runner import DEVICES_TOP, RunFailed, run_system
from tb.screen import TALLY

PLAIN = {"TEST_EN": 0, "BLK_EN": 1}
WIDE = {"TEST_EN": 0, "BLK_EN": 1, "DATA_W": 512, "BLK_QUEUES": 16}
SINGLE = {"TEST_EN": 0, "BLK_EN": 1, "DATA_W": 128, "BLK_QUEUES": 1}
KILOBYTE = 1024
MKE2FS = ["mke2fs", "/sbin/mke2fs", "/usr/sbin/mke2fs"]

designs = pytest.mark.parametrize(
    ("sim", "design"),
    [("verilator", PLAIN), ("verilator", WIDE), ("verilator", SINGLE), ("icarus", PLAIN)],
    ids=["verilator", "verilator-wide", "verilator-single", "icarus"],
)


def run(sim: str, design: dict[str, int], *names: str, **options: Any) -> None:
    """Run tests of blk.py; at least one of each name must run."""
    pattern = "|".join(rf"\b{name}\b" for name in names)
    module = "tests/system/blk.py"
    result = run_system(module, design, top=DEVICES_TOP, sim=sim, pattern=pattern, **options)
    assert {test.name.partition("/")[0].rpartition(".")[2] for test in result.tests} == set(names)


@pytest.mark.clause("BLK-XDEV-01", "BLK-XDEV-02", "BLK-XDEV-04", "BLK-XDEV-05")
@pytest.mark.clause("BLK-DEV-04", "BLK-DEV-25", "BLK-DEV-26", "BLK-DEV-27", "BLK-DEV-28")
@designs
def test_the_driver_and_the_model_agree_after_every_operation(sim, design):
    run(sim, design, "every_operation_agrees", "many_requests_are_in_flight_at_once")


@pytest.mark.clause("BLK-DEV-23", "BLK-DEV-24", "BLK-DEV-36", "BLK-XDEV-01")
@designs
def test_malformed_requests_get_their_status_in_both_worlds(sim, design):
    run(sim, design, "malformed_requests_end_as_the_model_says")


@pytest.mark.clause("BLK-DEV-21", "BLK-DEV-22")
@pytest.mark.parametrize("sim", SIMULATORS)
def test_a_read_only_disk_takes_no_write(sim):
    run(sim, PLAIN | {"BLK_READ_ONLY": 1}, "a_read_only_disk_takes_no_write")


@pytest.mark.clause("BLK-DEV-01", "BLK-DEV-02", "BLK-DEV-03", "BLK-DEV-05", "BLK-DEV-07")
@pytest.mark.clause("BLK-DEV-31", "BLK-DEV-34", "BLK-XDEV-03")
@pytest.mark.parametrize("sim", SIMULATORS)
def test_the_cache_mode_follows_the_features(sim):
    run(sim, PLAIN, "without_features_writes_are_as_stable_as_they_must_be")


@pytest.mark.clause("BLK-DEV-27")
@pytest.mark.parametrize(("sim", "width"), [("verilator", 64), ("verilator", 512), ("icarus", 128)])
def test_a_ram_is_a_store(sim, width):
    run(sim, PLAIN | {"DATA_W": width, "BLK_RAM_SECTORS": 96}, "a_ram_is_a_disk_too")


@pytest.mark.clause("BLK-DEV-19", "BLK-DEV-20")
@pytest.mark.parametrize("sim", SIMULATORS)
def test_a_change_of_capacity_is_told(sim):
    run(sim, PLAIN, "a_new_capacity_reaches_the_driver")


@designs
def test_failing_sectors_and_removals_lose_nothing(sim, design):
    names = ["sectors_that_fail_are_told_and_the_others_go_on"]
    if design.get("BLK_QUEUES") != 1:
        names.append("a_device_leaves_in_the_midst_of_requests")
    run(sim, design, *names)


@designs
def test_damaged_bytes_never_reach_the_disk(sim, design):
    run(sim, design, "damaged_bytes_never_reach_the_disk")


@pytest.mark.clause("BLK-XDEV-01", "BLK-DEV-31")
@pytest.mark.parametrize(
    ("sim", "design", "env"),
    [
        ("verilator", PLAIN, {"TB_OPERATIONS": "20"}),
        ("verilator", WIDE, {"TB_OPERATIONS": "20", "TB_CHAINS": "80", "RING": "packed"}),
        ("icarus", PLAIN, {"TB_OPERATIONS": "8", "TB_CHAINS": "30", "TB_REQUEST_BYTES": "2048"}),
    ],
    ids=["verilator", "verilator-wide", "icarus"],
)
def test_the_recorded_linux_traffic_runs_with_real_data(sim, design, env):
    result = run_system("tb.blk.traffic", design, top=DEVICES_TOP, sim=sim, env=env)
    tally = json.loads((result.folder / TALLY).read_text())
    chains = min(int(env.get("TB_CHAINS", 259)), 259)
    operations = int(env["TB_OPERATIONS"]) + 2  # the serial number, and a flush at the end
    assert tally["chains"] == chains + operations and tally["mismatches"] == 0


def ext4(path: Path, kilobytes: int) -> bytes:
    """Make an ext4 image with some files, and return its bytes."""
    mke2fs = next((found for name in MKE2FS if (found := shutil.which(name))), None)
    assert mke2fs, "mke2fs is missing: apt-get install e2fsprogs"
    files = path.with_name("files")
    files.mkdir()
    for source in sorted((ROOT / "pymodel").glob("b*.py")):
        shutil.copy(source, files)
    command = [mke2fs, "-q", "-t", "ext4", "-b", "1024", "-d", str(files), str(path)]
    subprocess.run([*command, f"{kilobytes}k"], check=True, capture_output=True)
    content = path.read_bytes()
    assert len(content) == kilobytes * KILOBYTE and content[1080:1082] == b"\x53\xef"
    return content


@pytest.mark.clause("BLK-DEV-31", "BLK-XDEV-03")
@pytest.mark.parametrize(
    ("sim", "design", "kilobytes"),
    [("verilator", PLAIN, 2048), ("verilator", WIDE, 2048), ("icarus", PLAIN, 256)],
    ids=["verilator", "verilator-wide", "icarus"],
)
def test_an_ext4_image_goes_through_sector_by_sector(sim, design, kilobytes, tmp_path):
    image = tmp_path / "disk.img"
    content = ext4(image, kilobytes)
    with image.open("ab") as file:
        file.truncate(2 * len(content))
    name = "an_image_goes_through_the_device_sector_by_sector"
    run(sim, design, name, env={"TB_IMAGE": str(image)})
    after = image.read_bytes()
    digests = [
        hashlib.sha256(part).hexdigest()
        for part in (content, after[: len(content)], after[len(content) :])
    ]
    assert len(set(digests)) == 1
    assert not image.with_name("disk.img.journal").exists()
    copy = tmp_path / "copy.img"
    copy.write_bytes(after[len(content) :])
    e2fsck = shutil.which("e2fsck") or "/sbin/e2fsck"
    subprocess.run([e2fsck, "-f", "-n", str(copy)], check=True, capture_output=True)


@pytest.mark.clause("BLK-DEV-31")
@pytest.mark.parametrize("sim", SIMULATORS)
@pytest.mark.parametrize("step", [1, 2, 4, 7, 9])
def test_a_killed_simulation_leaves_a_whole_image(sim, step, tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(64 * SECTOR))
    with pytest.raises(RunFailed):
        env = {"TB_IMAGE": str(image), "TB_KILL": str(step)}
        run(sim, PLAIN, "a_simulation_is_killed_in_a_flush", env=env)
    disk = NativeDisk(image, code=library(str(build_disk_library())))
    content = bytes(disk.bytes)
    disk.close()
    fills = {content[at * SECTOR : (at + 1) * SECTOR] for at in (1, 5, 6, 7, 30)}
    assert fills in ({b"\x11" * SECTOR}, {b"\x22" * SECTOR})
