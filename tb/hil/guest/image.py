# SPDX-License-Identifier: Apache-2.0
"""The files that a guest starts from: the initramfs (a cpio archive) and the ext4 disk."""

from __future__ import annotations

import hashlib
import lzma
import os
import random
import re
import stat
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
MAGIC = b"070701"  # of cpio's "newc" format
ALIGN = 4  # of its parts, bytes
LABEL = "hil"


class ImageError(Exception):
    """A guest's file cannot be made; the text says why, in one line."""


def entry(name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)) -> bytes:
    """Return an entry of a cpio archive.

    Args:
        name: path without a leading slash.
        mode: type and permissions, as in `stat`.
        data: a file's bytes, a link's target.
        device: major and minor number of a device node.
    """
    path = name.encode() + b"\0"
    inode = int.from_bytes(hashlib.sha256(path).digest()[:3], "little") + 1
    fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0]
    head = MAGIC + b"".join(b"%08X" % value for value in fields) + path
    return padded(head) + padded(data)


def padded(data: bytes) -> bytes:
    """Return bytes filled up to the alignment of an archive's parts."""
    return data + bytes(-len(data) % ALIGN)


def archive(entries: Iterable[bytes]) -> bytes:
    """Return an archive."""
    return b"".join([*entries, entry("TRAILER!!!", 0)])


def module_file(folder: Path, name: str) -> Path | None:
    """Return the file of a kernel module, None where there is none: it is built in."""
    pattern = name.replace("_", "[_-]")
    found = sorted(folder.glob(f"kernel/**/{pattern}.ko")) + sorted(
        folder.glob(f"kernel/**/{pattern}.ko.xz")
    )
    return found[0] if found else None


def module_bytes(path: Path) -> bytes:
    """Return a module as the kernel takes it."""
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def modules(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Return the modules that are not built in, and those that they need, in order of loading.

    Args:
        folder: of the kernel's modules, with `kernel/` in it.
        names: of modules, in the order wanted.

    Raises:
        ImageError: there are no modules.
    """
    if not (folder / "kernel").is_dir():
        raise ImageError(f"no kernel modules in {folder}")
    found: dict[str, bytes] = {}

    def add(name: str) -> None:
        name = name.replace("-", "_")
        path = module_file(folder, name)
        if name in found or path is None:
            return
        data = module_bytes(path)
        depends = re.search(rb"\0depends=([^\0]*)", data)
        for other in depends[1].decode().split(",") if depends else ():
            if other:
                add(other)
        found[name] = data

    for name in names:
        add(name)
    return found


def initramfs(
    busybox: Path, module_folder: Path, names: Sequence[str], files: Mapping[str, bytes] = {}
) -> bytes:
    """Return an initramfs whose process 1 is `init`.

    Args:
        busybox: a static one.
        module_folder: of the kernel.
        names: of modules that its drivers need, in the order of loading.
        files: more files, by their path without a leading slash.
    """
    folder, plain, program = (stat.S_IFDIR | 0o755, stat.S_IFREG | 0o644, stat.S_IFREG | 0o755)
    parts = [entry(name, folder) for name in ("bin", "dev", "etc", "modules", "root")]
    parts.append(entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1)))
    parts.append(entry("bin/busybox", program, busybox.read_bytes()))
    parts.append(entry("init", program, (FOLDER / "init").read_bytes()))
    for number, (name, data) in enumerate(modules(module_folder, names).items()):
        parts.append(entry(f"modules/{number:02}-{name}.ko", plain, data))
    parts += [entry(name, plain, data) for name, data in files.items()]
    return archive(parts)


def disk_files(seed: int) -> dict[str, bytes]:
    """Return the files of a disk: sizes around the block size, a large one, many small ones."""
    draw = random.Random(seed)
    sizes = {"empty": 0, "one": 1, "sector": 512, "block": 4096, "more": 4097, "large": 300_000}
    files = {f"given/{name}": draw.randbytes(size) for name, size in sizes.items()}
    for number in range(20):
        files[f"given/small/{number:02}"] = draw.randbytes(draw.randrange(1, 2000))
    return files


def make_disk(mke2fs: Path, image: Path, work: Path, *, mib: int = 16, seed: int = 1) -> None:
    """Make an ext4 disk with files and their checksums.

    Args:
        mke2fs: the program.
        image: file to make.
        work: empty folder for the files.
        mib: size of the disk, MiB.
        seed: of the files' contents.

    Raises:
        ImageError: mke2fs failed.
    """
    sums = []
    for name, data in disk_files(seed).items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")
    (work / "SUMS").write_text("".join(sums))
    with image.open("wb") as file:
        os.truncate(file.fileno(), mib << 20)
    # no lazy set-up: a kernel thread would write behind the tests' backs
    extended = "root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0"
    command = [str(mke2fs), "-q", "-F", "-t", "ext4", "-L", LABEL, "-E", extended]
    command += ["-d", str(work), str(image)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise ImageError(f"mke2fs: {(process.stderr or process.stdout).strip().splitlines()[-1]}")
