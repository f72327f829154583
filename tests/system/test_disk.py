# SPDX-License-Identifier: Apache-2.0
"""The bench's disk: an image file that is whole whenever a run is killed, and its errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ci.toolchain import ROOT
from tb.build import build_disk_library
from tb.disk import SECTOR, DiskError, NativeDisk, library

SECTORS = 64
CHANGED = [0, 1, 2, 9, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 63]
RUN = """
import os, sys
from pathlib import Path
from tb.disk import NativeDisk, library
image, code, step, act = Path(sys.argv[1]), library(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if act == "unprivileged" and os.geteuid() == 0:
    os.seteuid(65534)
if act == "open":
    code.gd_kill_in_step(step)
disk = NativeDisk(image, code=code)
if act == "commit":
    for sector in map(int, sys.argv[5].split(",")):
        disk.write(sector, bytes([sector + 1]) * 512)
    disk.kill_in_step(step)
    disk.commit()
print("whole", flush=True)
if act == "hold":
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def code() -> Path:
    """The native code, without a simulator."""
    return build_disk_library()


@pytest.fixture()
def image(tmp_path: Path) -> Path:
    """An image of random sectors."""
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * (SECTORS * SECTOR // 256))
    return path


def run(image: Path, code: Path, act: str, step: int = 0) -> subprocess.CompletedProcess[str]:
    """Open the image in a process of its own, which ends or is killed."""
    sectors = ",".join(map(str, CHANGED))
    command = [sys.executable, "-c", RUN, str(image), str(code), str(step), act, sectors]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def reopened(image: Path, code: Path) -> bytes:
    """The image's bytes after it was opened and closed, which leaves no journal."""
    disk = NativeDisk(image, code=library(str(code)))
    seen = bytes(disk.bytes)
    disk.close()
    assert not journal(image).exists()
    assert image.read_bytes() == seen
    return seen


def journal(image: Path) -> Path:
    """Where an image's journal is."""
    return image.with_name(image.name + ".journal")


def after(before: bytes) -> bytes:
    """What the commit makes of the image."""
    content = bytearray(before)
    for sector in CHANGED:
        content[sector * SECTOR : (sector + 1) * SECTOR] = bytes([sector + 1]) * SECTOR
    return bytes(content)


def steps(image: Path, code: Path, act: str) -> Iterator[int]:
    """Kill at each step in turn, until there is none left."""
    for step in range(1, 200):
        result = run(image, code, act, step)
        if result.stdout:
            assert result.stdout == "whole\n", result.stderr
            return
        assert result.returncode == -9, result.stderr
        yield step
    raise AssertionError("no end of steps")


@pytest.mark.clause("BLK-DEV-31")
def test_an_image_is_as_before_or_as_after_a_commit_wherever_it_is_killed(
    image: Path, code: Path
) -> None:
    before = image.read_bytes()
    new, found, torn = after(before), [], 0
    for _ in steps(image, code, "commit"):
        torn += image.read_bytes() not in (before, new)
        content = reopened(image, code)
        assert content in (before, new)
        found.append(content == new)
        image.write_bytes(before)
    assert found == sorted(found), "an early step led to the new state, a later one to the old"
    assert False in found and True in found
    assert torn > 1  # the journal was needed
    assert image.read_bytes() == new


def test_a_recovery_that_is_killed_is_done_again(image: Path, code: Path) -> None:
    before = image.read_bytes()
    new = after(before)
    kills = 0
    for _ in steps(image, code, "commit"):  # leaves the journal of each step in turn
        kept = journal(image).read_bytes() if journal(image).exists() else None
        raw = image.read_bytes()
        if kept is None or raw == before:
            reopened(image, code)
            image.write_bytes(before)
            continue
        for _ in steps(image, code, "open"):
            kills += 1
            assert journal(image).exists() or image.read_bytes() == new
        assert reopened(image, code) == new
        image.write_bytes(before)
    assert kills > 5


@pytest.mark.parametrize("length", [0, 8, 24, 40, 600, -1, -9])
def test_a_journal_that_is_cut_is_thrown_away(image: Path, code: Path, length: int) -> None:
    before = image.read_bytes()
    for _ in steps(image, code, "commit"):
        if journal(image).exists() and reopened_from_copy(image, code) != before:
            break
    whole = journal(image).read_bytes()
    journal(image).write_bytes(whole[:length])
    image.write_bytes(before)
    assert reopened(image, code) == before
    for at in (0, 8, 16, 30, 700, len(whole) - 1):
        spoilt = bytearray(whole)
        spoilt[at] ^= 0x40
        journal(image).write_bytes(spoilt)
        assert reopened(image, code) == before


def reopened_from_copy(image: Path, code: Path) -> bytes:
    """What opening the image would make of it."""
    copy = image.with_name("copy.img")
    copy.write_bytes(image.read_bytes())
    journal(copy).write_bytes(journal(image).read_bytes())
    return reopened(copy, code)


def test_a_journal_of_another_size_is_not_applied(image: Path, code: Path) -> None:
    for _ in steps(image, code, "commit"):
        if journal(image).exists() and reopened_from_copy(image, code) == after(image.read_bytes()):
            break
    image.write_bytes(bytes(SECTOR))
    assert reopened(image, code) == bytes(SECTOR)


def test_what_is_not_committed_stays_out_of_the_file(image: Path, code: Path) -> None:
    before = image.read_bytes()
    disk = NativeDisk(image, code=library(str(code)))
    disk.write(5, b"x" * SECTOR)
    assert bytes(disk.bytes[5 * SECTOR : 6 * SECTOR]) == b"x" * SECTOR and disk.dirty == 1
    assert disk.stable() == image.read_bytes() == before
    disk.commit()
    assert disk.dirty == 0 and disk.stable()[5 * SECTOR : 6 * SECTOR] == b"x" * SECTOR
    disk.write(6, b"y" * SECTOR)
    disk.close()
    assert image.read_bytes()[6 * SECTOR : 7 * SECTOR] == before[6 * SECTOR : 7 * SECTOR]


def test_a_disk_in_memory_has_a_stable_side_too(code: Path) -> None:
    disk = NativeDisk(8, code=library(str(code)))
    disk.write(3, b"z" * SECTOR)
    assert disk.stable() == bytes(8 * SECTOR)
    disk.commit()
    assert disk.stable() == bytes(disk.bytes) != bytes(8 * SECTOR)
    disk.close()
    with pytest.raises(DiskError, match="at least one sector"):
        NativeDisk(0, code=library(str(code)))


def test_a_read_only_image_is_not_touched(image: Path, code: Path) -> None:
    new = after(image.read_bytes())
    for _ in steps(image, code, "commit"):
        if journal(image).exists() and reopened_from_copy(image, code) == new:
            break
    raw, kept = image.read_bytes(), journal(image).read_bytes()
    disk = NativeDisk(image, read_only=True, code=library(str(code)))
    assert bytes(disk.bytes) == new  # as the journal says
    disk.close()
    assert image.read_bytes() == raw and journal(image).read_bytes() == kept


@pytest.mark.parametrize("size", [0, 1, 511, 513])
def test_an_image_is_whole_sectors(tmp_path: Path, code: Path, size: int) -> None:
    path = tmp_path / "odd.img"
    path.write_bytes(bytes(size))
    with pytest.raises(
        DiskError, match=rf"odd\.img: its size, {size} bytes, is no multiple of 512"
    ):
        NativeDisk(path, code=library(str(code)))


def test_a_missing_image_is_told_in_one_line(tmp_path: Path, code: Path) -> None:
    with pytest.raises(DiskError, match=r"^\S+none\.img: there is no such file$"):
        NativeDisk(tmp_path / "none.img", code=library(str(code)))
    with pytest.raises(DiskError, match="is no file of its own"):
        NativeDisk(tmp_path, code=library(str(code)))


def test_an_image_that_cannot_be_written_is_told(image: Path, code: Path) -> None:
    image.chmod(0o444)
    folder = image.parent
    while os.geteuid() == 0 and folder != folder.parent:  # others may look, as they may at home
        folder.chmod(folder.stat().st_mode | 0o055)
        folder = folder.parent
        if folder.stat().st_mode & 0o001:
            break
    result = run(image, code, "unprivileged")
    assert "cannot be written: Permission denied" in result.stderr.splitlines()[-1]


def test_an_image_in_use_is_told(image: Path, code: Path) -> None:
    command = [sys.executable, "-c", RUN, str(image), str(code), "0", "hold"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == "whole\n"
        with pytest.raises(DiskError, match=r"disk\.img: is in use by another run"):
            NativeDisk(image, code=library(str(code)))
        other.communicate("\n")
    NativeDisk(image, code=library(str(code))).close()
