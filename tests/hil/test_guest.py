# SPDX-License-Identifier: Apache-2.0
"""What a guest is given, and what its console says."""

import hashlib
import subprocess
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest

from ci.toolchain import group
from tb.hil.boot import GuestError
from tb.hil.guest.console import Console
from tb.hil.guest.image import ImageError, disk_files, initramfs, make_disk, modules
from tb.hil.guest.website import website
from tb.hil.linux import memory_folder
from tb.hil.results import feature_names


@pytest.fixture(scope="module")
def files():
    return group("linux")


def kernel_module(folder, name, *depends):
    path = folder / "kernel" / f"{name}.ko"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\0license=GPL\0depends=" + ",".join(depends).encode() + b"\0name=x\0")


def test_modules_come_after_those_that_they_need(tmp_path):
    kernel_module(tmp_path, "virtio_net", "net-failover", "virtio")
    kernel_module(tmp_path, "net_failover", "failover")
    kernel_module(tmp_path, "failover")
    kernel_module(tmp_path, "virtio-blk")
    found = list(modules(tmp_path, ("virtio_ring", "virtio_net", "virtio_blk", "virtio_net")))
    assert found == ["failover", "net_failover", "virtio_net", "virtio_blk"]


def test_a_folder_without_modules_is_told(tmp_path):
    with pytest.raises(ImageError, match="no kernel modules in"):
        modules(tmp_path, ())


def test_an_initramfs_is_an_archive_that_cpio_reads(files, tmp_path):
    busybox = Path(files["busybox"])
    more = {"root/odd": b"abc", "root/even": b"abcd"}
    data = initramfs(busybox, Path(files["modules"]), ("virtio_blk",), more)
    command = [str(busybox), "cpio", "-i", "-d", "init", "bin/busybox", "modules/*", "root/*"]
    subprocess.run(command, cwd=tmp_path, input=data, check=True, capture_output=True)
    assert (tmp_path / "bin" / "busybox").read_bytes() == busybox.read_bytes()
    assert (tmp_path / "init").stat().st_mode & 0o111
    assert [path.name for path in (tmp_path / "modules").iterdir()] == ["00-virtio_blk.ko"]
    assert {name: (tmp_path / name).read_bytes() for name in more} == more


def test_a_disk_holds_its_files_and_is_in_order(files, tmp_path):
    image, work, copy = tmp_path / "disk.img", tmp_path / "work", tmp_path / "copy"
    work.mkdir()
    make_disk(Path(files["mke2fs"]), image, work, mib=8, seed=3)
    assert image.stat().st_size == 8 << 20
    subprocess.run([files["e2fsck"], "-fn", str(image)], check=True, capture_output=True)
    for name, data in disk_files(3).items():
        dump = [files["debugfs"], "-R", f"dump /{name} {copy}", str(image)]
        subprocess.run(dump, check=True, capture_output=True)
        assert copy.read_bytes() == data, name


def test_a_disk_too_small_for_its_files_is_told_in_a_line(files, tmp_path):
    (tmp_path / "work").mkdir()
    with pytest.raises(ImageError, match=r"^mke2fs: .+$"):
        make_disk(Path(files["mke2fs"]), tmp_path / "disk.img", tmp_path / "work", mib=0)


def test_the_website_serves_files_and_their_checksums():
    with website({"file": b"some bytes"}) as port:
        base = f"http://127.0.0.1:{port}"
        assert urllib.request.urlopen(f"{base}/file").read() == b"some bytes"
        found = urllib.request.urlopen(f"{base}/file.sha256").read().decode().strip()
        assert found == hashlib.sha256(b"some bytes").hexdigest()
        with pytest.raises(HTTPError, match="404"):
            urllib.request.urlopen(f"{base}/other")


def test_the_console_is_understood_among_other_lines():
    console = Console()
    for now, line in enumerate(
        [
            *("Linux version 6.1", "HIL begin read 1024", "[ 1.0] noise", "HIL end read"),
            *("HIL ok ping 3 packets", "[ 2.0] cut inHIL ok remount 5 files", "HIL done"),
        ]
    ):
        console.feed(line, float(now))
    assert console.results == {"ping": "3 packets", "remount": "5 files"}
    assert (console.seconds("read"), console.about("read")) == (2.0, "1024")
    assert console.done and not console.failure and len(console.lines) == 7
    assert console.seconds("fetch") is None


def test_the_first_failure_on_the_console_is_kept():
    console = Console()
    console.feed("HIL fail mount /dev/vda is no ext4", 0.0)
    console.feed("HIL fail ping no answer", 0.0)
    assert console.failure == "mount: /dev/vda is no ext4"


def test_memory_that_fits_nowhere_is_told():
    with pytest.raises(GuestError, match=r"no folder for the guest's memory: none of .*/dev/shm"):
        memory_folder(1 << 60)


def test_features_have_the_names_of_their_device():
    features = 1 << 9 | 1 << 29 | 1 << 30 | 1 << 32 | 1 << 60
    assert feature_names("blk", features) == ["FLUSH", "EVENT_IDX", "VERSION_1", "bit 60"]
    assert feature_names("net", 1 << 5 | 1 << 34) == ["MAC", "RING_PACKED"]
