# SPDX-License-Identifier: Apache-2.0
"""Sessions of a client are recorded, and replayed without it: to the cycle, and by operations."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ci.toolchain import ROOT
from pymodel import BlkRequest, Feature
from pymodel.bus import RING_FEATURES
from tb.hil.client import Client, QemuLike
from tb.hil.run import ServeError
from tb.hil.session_file import ENDED, read_blocks, read_header
from tb.runner import RunFailed
from tests.hil.servers import connect, exercise, serve

RINGS = {
    "split": RING_FEATURES,
    "packed": RING_FEATURES | Feature.RING_PACKED,
    "in-order": RING_FEATURES | Feature.IN_ORDER,
    "packed-in-order": RING_FEATURES | Feature.RING_PACKED | Feature.IN_ORDER,
}
SECTORS = 512
TO_THE_CYCLE, BY_OPERATIONS = "replayed to the cycle", "replayed by operations"
WRONG_SECTOR = (  # file, what is there, what is put there
    "rtl/device/blk/vq_blk_issue.v",
    "in_ranges ? s_range_sector : s_req_sector",
    "in_ranges ? s_range_sector : s_req_sector ^ 64'd1",
)


def work(client: Client, seed: int) -> None:
    """Let a client do many things, some of them at a time."""
    exercise(client, seed)
    if client.driver.device_id != 2:
        return
    requests = []
    for number in range(24):
        sector, queue = 64 + 16 * number, number % 2
        if number % 3:
            requests.append(BlkRequest.read(sector, 1 + number % 8, queue))
        else:
            data = bytes((seed + number + at) & 0xFF for at in range(512 * (1 + number % 5)))
            requests.append(BlkRequest.write(sector, data, queue))
    driver = client.driver
    client.run(driver.submit(*requests))  # type: ignore[attr-defined]
    client.run(driver.finish(*requests))  # type: ignore[attr-defined]
    for request in requests:
        request.take()


def record(device: str, ring: str, folder: Path, sessions: int = 2) -> Path:
    """Return the file of some sessions that were just recorded."""
    folder = folder / device
    folder.mkdir()
    path = folder / f"{device}-{ring}.trace"
    options = {"record": str(path)}
    if device == "blk":
        image = folder / "recorded.img"
        image.write_bytes(bytes(at // 512 * 7 + at & 0xFF for at in range(SECTORS * 512)))
        options["image"] = str(image)
    with serve("verilator", device, folder, f"record-{ring}", **options) as server:
        for seed in range(sessions):
            with connect(server, QemuLike, features=RINGS[ring]) as client:
                work(client, seed)
                client.remove()
            server.rest()
    return path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A session of each device, on split rings."""
    folder = tmp_path_factory.mktemp("recorded")
    return {device: record(device, "split", folder) for device in ("blk", "net")}


def replay(
    path: Path, *options: str, sim: str = "verilator", env: dict[str, str] | None = None
) -> tuple[int, str]:
    """Run what `make sim TRACE=` runs; return its exit code and all it printed."""
    command = [sys.executable, "-m", "tb.sim", f"--trace={path}", f"--sim={sim}", "--waves=0"]
    found = subprocess.run(
        [*command, *options],
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    lines = [line for line in found.stdout.splitlines() if not line.startswith("building ")]
    return found.returncode, "\n".join(lines)


def good(path: Path, *options: str, sim: str = "verilator") -> str:
    """Replay a session, which must do as the model says; return what was printed."""
    code, text = replay(path, *options, sim=sim)
    assert code == 0, text
    return text


@pytest.mark.parametrize("device", ["blk", "net"])
def test_a_session_is_replayed_to_the_cycle_each_time(device, recorded):
    first, second = good(recorded[device]), good(recorded[device])
    assert TO_THE_CYCLE in first
    assert first == second


@pytest.mark.parametrize("device", ["blk", "net"])
def test_icarus_replays_to_the_same_cycles(device, recorded):
    assert TO_THE_CYCLE in good(recorded[device], sim="icarus")


@pytest.mark.parametrize("device", ["blk", "net"])
@pytest.mark.parametrize("ring", list(RINGS))
def test_each_format_is_replayed_in_both_ways(device, ring, tmp_path):
    path = record(device, ring, tmp_path)
    assert TO_THE_CYCLE in good(path)
    assert BY_OPERATIONS in good(path, "--replay=operations")


def planted(folder: Path, file: str, old: str, new: str) -> dict[str, str]:
    """Return the environment of runs on a copy of the design with a fault."""
    shutil.copytree(ROOT / "rtl", folder / "rtl")
    place = folder / file
    text = place.read_text()
    assert text.count(old) == 1
    place.write_text(text.replace(old, new))
    return {"TB_RTL": str(folder / "rtl")}


def test_a_fault_that_comes_later_is_found(recorded, tmp_path):
    env = planted(tmp_path, *WRONG_SECTOR)
    code, text = replay(recorded["blk"], sim="icarus", env=env)
    assert code == 1
    assert "the design is not the one that was recorded" in text
    assert re.search(r"FAILED .* after .* at cycle \d+:\n.*rtl [0-9a-f]+, model [0-9a-f]+", text)
    assert "make sim TRACE=" in text


def test_a_design_that_does_other_things_is_found_in_its_cycle(recorded, tmp_path):
    env = planted(tmp_path, *WRONG_SECTOR)
    code, text = replay(recorded["blk"], "--replay=cycle", sim="icarus", env=env)
    assert code == 1
    assert re.search(r"FAILED .*cycle \d+", text)


def test_a_server_that_is_killed_leaves_what_it_recorded(tmp_path):
    path = tmp_path / "killed.trace"
    with (
        contextlib.suppress(RunFailed, ServeError),
        serve("verilator", "net", tmp_path, "killed", record=str(path)) as server,
        connect(server, QemuLike, features=RINGS["split"]) as client,
    ):
        work(client, 1)
        server.process.kill()
        server.process.wait()
    text = good(path)
    assert "Its file was cut off" in text
    assert TO_THE_CYCLE in text


def test_a_file_that_was_cut_off_is_replayed_as_far_as_it_goes(recorded, tmp_path):
    whole = recorded["net"].read_bytes()
    path = tmp_path / "cut.trace"
    path.write_bytes(whole[: len(whole) // 2])
    assert "Its file was cut off" in good(path)


def test_the_end_of_a_file_says_that_it_is_whole(recorded):
    for path in recorded.values():
        *_, last = read_blocks(path)
        assert last.events[-1][0] == ENDED
        assert read_header(path)[0].device in path.name


def one_line(path: Path) -> str:
    """Return what is said of a file that cannot be replayed."""
    code, text = replay(path)
    assert code == 2
    assert "\n" not in text
    return text


def test_a_damaged_file_is_told_in_one_line(recorded, tmp_path):
    path = tmp_path / "damaged.trace"
    content = bytearray(recorded["blk"].read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)
    assert "it is damaged" in one_line(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b"", "it is not a recorded session"),
        (b"\x7fELF", "it is not a recorded session"),
        (b"[1, 2]\n", "it is not a recorded session"),
        (b'{"format": "virtqueue-session", "version": 9}\n', "it has version 9, and 1 is read"),
        (b'{"format": "virtqueue-session", "version": 1}\n', "its first line is damaged"),
    ],
    ids=["missing", "empty", "binary", "list", "version", "fields"],
)
def test_a_foreign_file_is_told_in_one_line(content, message, tmp_path):
    path = tmp_path / "foreign.trace"
    if content is not None:
        path.write_bytes(content)
    assert one_line(path).startswith(f"TRACE={path}: {message}")
