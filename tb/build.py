# SPDX-License-Identifier: Apache-2.0
"""Build simulations, each configuration once.

A build's folder under `build/sim` is named by what was asked for. It holds `build.json`: the
files that went in, with their hashes. As long as they, the commands and the tools are the same,
the build is used as it is. Locks let parallel tests share builds.

TB_RTL in the environment names another folder in place of `rtl/`; what is built and run from it
lies beside that folder, not under `build/`, and warnings do not stop a build.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cocotb_tools.config

from ci.toolchain import BUILD, ROOT, toolchain

SIMULATORS = ("verilator", "icarus")
CLOCK_HALF_PS = 2000  # half a period of a bench's own clock: 250 MHz
NATIVE = ROOT / "tb" / "native"
RTL = Path(os.environ.get("TB_RTL", ROOT / "rtl")).resolve()
WORK = RTL.parent if "TB_RTL" in os.environ else BUILD  # holds builds and runs
TB = ROOT / "tb"

CXX_FLAGS = ("-std=gnu++20", "-fcoroutines", "-fcf-protection=none", "-DVERILATOR=1")
# Of what runs every cycle. The most takes twice as long to compile, and runs 4 % faster
OPTIMISATION, MOST_OPTIMISATION = "-O1", "-O2"
NATIVE_FLAGS = ("-std=c++17", "-O2", "-fPIC", "-Wall", "-Wextra", "-Werror")
SANITIZERS = "-fsanitize=address,undefined"
SANITIZER_FLAGS = (SANITIZERS, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-g1")


class BuildError(Exception):
    """A tool refused a design; the text holds its messages."""


@dataclass(frozen=True)
class Design:
    """What to build.

    Attributes:
        sim: one of SIMULATORS.
        top: name of the top module; its file is found by name unless `sources` names it.
        parameters: of the top module, as (name, value).
        sources: files to read besides those found by module name.
        waves: build Verilator models so that they can write waves (Icarus always can).
        native: link the guest memory.
        own_clock: the bench clock is made in the simulator, not by Python.
        exposed: signals of the top module that Python reaches under Verilator; None for all.
        sanitized: under Verilator, what is native of the bench looks at its own accesses.
        optimised: the compiler does its most, for a run whose speed is measured.
    """

    sim: str
    top: str
    parameters: tuple[tuple[str, int | str], ...] = ()
    sources: tuple[Path, ...] = ()
    waves: bool = False
    native: bool = False
    own_clock: bool = False
    exposed: tuple[str, ...] | None = None
    sanitized: bool = field(default=False, repr=False)
    optimised: bool = False

    def name(self) -> str:
        """Return a readable name, unique to this configuration."""
        shown = "-".join(f"{key.lower()}{value}" for key, value in self.parameters)
        readable = re.sub(r"[^\w.-]", "_", "-".join(filter(None, (self.sim, self.top, shown))))
        waves = "-waves" if self.waves and self.sim == "verilator" else ""
        sanitized = "-sanitized" if self.sanitized else ""
        return f"{readable[:80]}{waves}{sanitized}-{digest(repr(self))[:8]}"


def digest(*parts: str) -> str:
    """Return a hash of texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return a hash of a file's content, or nothing if it is missing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def library_folders() -> list[Path]:
    """Return the folders in which modules are found by name."""
    return [RTL, *sorted(path for path in RTL.glob("**/*") if path.is_dir()), TB]


def find_module(name: str) -> Path:
    """Return the file of a module."""
    for folder in library_folders():
        if (folder / f"{name}.v").exists():
            return folder / f"{name}.v"
    raise BuildError(f"no file {name}.v under rtl/ or tb/")


@contextlib.contextmanager
def locked(path: Path, kind: int) -> Iterator[None]:
    """Hold a lock (`fcntl.LOCK_EX` to build, `fcntl.LOCK_SH` to use)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, kind)
        yield


def run_all(commands: Sequence[Sequence[str]], folder: Path, log: Path) -> None:
    """Run commands at the same time; raise BuildError with the messages of one that failed."""
    running = []
    for number, command in enumerate(commands):
        part = folder / f"{log.name}.{number}"
        with part.open("w") as out:
            out.write(f"$ {shlex.join(command)}\n")
            out.flush()
            process = subprocess.Popen(
                command, cwd=folder, env=toolchain().env(), stdout=out, stderr=subprocess.STDOUT
            )
        running.append((command, part, process))
    failures = []
    for command, part, process in running:
        try:
            code = process.wait()
        except BaseException:  # nobody wants them any more
            for _, _, other in running:
                other.terminate()
            raise
        text = part.read_text(errors="replace")
        part.unlink()
        with log.open("a") as out:
            out.write(text)
        if code != 0:
            failures.append(f"{command[0]} failed ({code}):\n" + "\n".join(text.splitlines()[-40:]))
    if failures:
        raise BuildError("\n".join(failures) + f"\nlog: {log}")


class Step:
    """One folder of results, made again only when what went in has changed."""

    def __init__(self, folder: Path, recipe: str) -> None:
        self.folder, self.recipe = folder, recipe
        self.log = folder / "build.log"
        self.lock = folder.with_name(folder.name + ".lock")

    def fresh(self) -> bool:
        """Return whether the folder holds what the recipe would make now."""
        try:
            record = json.loads((self.folder / "build.json").read_text())
        except (OSError, ValueError):
            return False
        return record["recipe"] == digest(self.recipe, toolchain().versions) and all(
            file_digest(Path(path)) == wanted for path, wanted in record["files"].items()
        )

    def start(self) -> None:
        """Empty the folder; say what takes a while now."""
        print(f"building {os.path.relpath(self.folder, ROOT)}", file=sys.stderr, flush=True)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)

    def finish(self, files: Iterator[Path]) -> None:
        """Record what went in."""
        record = {
            "recipe": digest(self.recipe, toolchain().versions),
            "files": {str(path): file_digest(path) for path in sorted(set(files))},
        }
        (self.folder / "build.json").write_text(json.dumps(record, indent=1))


def native_sources() -> list[Path]:
    """Return the sources of the guest memory."""
    return sorted(NATIVE.glob("guest_*.cpp"))


def verilator_cxx(waves: bool) -> list[str]:
    """Return the compiler and the flags that model and run-time library share."""
    include = toolchain().verilator_include
    return [
        *("g++", *CXX_FLAGS, f"-I{include}", f"-I{include}/vltstd"),
        *("-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=1", "-DVM_TRACE_VCD=0", "-DVM_TRACE_SAIF=0"),
        *(f"-DVM_TRACE={int(waves)}", f"-DVM_TRACE_FST={int(waves)}"),
        *("-Wno-bool-operation", "-Wno-sign-compare", "-Wno-subobject-linkage", "-faligned-new"),
    ]


def build_runtime(waves: bool) -> Path:
    """Compile Verilator's run-time library, which all models share; return its folder."""
    # what costs no time in a run is compiled as one, which spares reading the headers again
    small = ["verilated_threads", "verilated_timing", "verilated_dpi", "verilated_random"]
    names = ["verilated", "verilated_vpi", "small", *(["verilated_fst_c"] if waves else [])]
    include = toolchain().verilator_include
    compiler = verilator_cxx(waves)
    recipe = repr((compiler, names, small))
    folder = BUILD / "sim" / f"verilator-runtime{'-waves' if waves else ''}"
    step = Step(folder, recipe)
    with locked(step.lock, fcntl.LOCK_EX):
        if not step.fresh():
            step.start()
            unity = "".join(f'#include "{include}/{name}.cpp"\n' for name in small)
            (folder / "small.cpp").write_text(unity)
            commands = []
            for name in names:
                source = (folder if name == "small" else include) / f"{name}.cpp"
                commands.append([*compiler, "-O2", "-c", str(source), "-o", f"{name}.o"])
            for start in range(0, len(commands), 2):
                run_all(commands[start : start + 2], folder, step.log)
            objects = [f"{name}.o" for name in names]
            run_all([["ar", "rcs", "libruntime.a", *objects]], folder, step.log)
            step.finish(iter([include / "verilated.h"]))
    return folder


def build_native(sim: str, sanitized: bool = False) -> Path:
    """Compile the guest memory for a simulator; return the object or the VPI module."""
    names = [source.name for source in native_sources()]
    flags = (*NATIVE_FLAGS, *SANITIZER_FLAGS) if sanitized else NATIVE_FLAGS
    recipe = repr((sim, flags, toolchain().iverilog, names))
    step = Step(BUILD / "sim" / f"native-{sim}{'-sanitized' if sanitized else ''}", recipe)
    result = step.folder / ("guest.vpi" if sim == "icarus" else "guest.o")
    with locked(step.lock, fcntl.LOCK_EX):
        if not step.fresh():
            step.start()
            sources = [
                source
                for source in native_sources()
                if not source.stem.endswith("_dpi" if sim == "icarus" else "_vpi")
            ]
            extra = (
                vpi_flags() if sim == "icarus" else [f"-I{toolchain().verilator_include}/vltstd"]
            )
            compile_ = ["g++", *flags, *extra, "-c"]
            run_all(
                [[*compile_, str(s), "-o", f"{s.stem}.o"] for s in sources], step.folder, step.log
            )
            objects = [f"{source.stem}.o" for source in sources]
            if sim == "icarus":
                link = ["g++", "-shared", "-o", result.name, *objects]
            else:
                link = ["ld", "-r", "-o", result.name, *objects]
            run_all([link], step.folder, step.log)
            step.finish(iter([*sources, *NATIVE.glob("*.h")]))
    return result


def build_disk_library() -> Path:
    """Compile the bench's disk as a library of its own, to be used without a simulator."""
    step = Step(BUILD / "sim" / "native-disk", repr(NATIVE_FLAGS))
    result = step.folder / "disk.so"
    sources = [NATIVE / f"{name}.cpp" for name in ("guest_disk", "guest_store", "guest_disk_api")]
    with locked(step.lock, fcntl.LOCK_EX):
        if not step.fresh():
            step.start()
            files = [str(source) for source in sources]
            run_all(
                [["g++", *NATIVE_FLAGS, "-shared", *files, "-o", result.name]],
                *(step.folder, step.log),
            )
            step.finish(iter([*sources, *NATIVE.glob("*.h")]))
    return result


def vpi_flags() -> list[str]:
    """Return the compiler flags that Icarus wants for a VPI module."""
    text = subprocess.run(
        [toolchain().iverilog_vpi, "--cflags"], capture_output=True, text=True, check=True
    ).stdout
    return [flag for flag in shlex.split(text) if flag.startswith("-I")]


def build(design: Design) -> Path:
    """Build a design unless that is done; return its folder."""
    if design.sim not in SIMULATORS:
        raise BuildError(f"no simulator {design.sim!r}: it is one of {', '.join(SIMULATORS)}")
    make = build_icarus if design.sim == "icarus" else build_verilator
    return make(design)


def design_sources(design: Design) -> list[str]:
    """Return the files to name on the command line."""
    named = [str(path) for path in design.sources]
    if not any(path.stem == design.top for path in design.sources):
        named.append(str(find_module(design.top)))
    return named


def build_icarus(design: Design) -> Path:
    """Compile with Icarus; warnings go to the log."""
    folder = WORK / "sim" / design.name()
    command = [toolchain().iverilog, "-g2005", "-Wall", "-o", "sim.vvp", "-Mall=files.txt"]
    command += ["-s", design.top, "-s", "tb_waves", "-f", "timescale.f"]
    for path in library_folders():
        command += ["-y", str(path), "-I", str(path)]
    command += [
        f"-P{design.top}.{key}={parameter_value(value)}" for key, value in design.parameters
    ]
    command += [*design_sources(design), "tb_waves.v"]
    waves = icarus_waves(design)
    step = Step(folder, repr((command, waves)))
    with locked(step.lock, fcntl.LOCK_EX):
        if not step.fresh():
            step.start()
            (folder / "timescale.f").write_text("+timescale+1ns/1ps\n")
            (folder / "tb_waves.v").write_text(waves)
            run_all([command], folder, step.log)
            used = (folder / "files.txt").read_text().split("\n")
            step.finish(ROOT / name for name in used if name and Path(name).is_absolute())
    return folder


def parameter_value(value: int | str) -> str:
    """Return a parameter's value as the command lines want it; sized numbers are as in Verilog."""
    sized = isinstance(value, str) and re.fullmatch(r"\d+'[hdb][0-9a-f]+", value)
    return str(value) if isinstance(value, int) or sized else f'"{value}"'


def icarus_waves(design: Design) -> str:
    """Return the module that writes waves when the run asks for them."""
    window = (
        f"    always @({design.top}.dump_enable) if (started) begin\n"
        f"        if ({design.top}.dump_enable) $dumpon;\n        else $dumpoff;\n    end\n"
        if design.own_clock
        else ""
    )
    return (
        "module tb_waves;\n    reg [8*1024-1:0] path;\n    reg started;\n    initial begin\n"
        "        started = 0;\n"
        '        if ($value$plusargs("waves=%s", path)) begin\n'
        f"            $dumpfile(path);\n            $dumpvars(0, {design.top});\n"
        f"            started = 1;\n        end\n    end\n{window}endmodule\n"
    )


def verilator_control(design: Design) -> str:
    """Return the control file that exposes signals to Python."""
    names = ("*",) if design.exposed is None else design.exposed
    lines = [f'public_flat_rw -module "{design.top}" -var "{name}"' for name in names]
    return "\n".join(["`verilator_config", *lines, ""])


def build_verilator(design: Design) -> Path:
    """Verilate and compile a model."""
    tools = toolchain()
    runtime = build_runtime(design.waves)
    native = [str(build_native("verilator", design.sanitized))] if design.native else []
    folder = WORK / "sim" / design.name()
    verilate = [tools.verilator, "--cc", "--vpi", "--timing", "-Wall", "-O3", "--threads", "1"]
    verilate += ["--prefix", "Vtop", "--Mdir", ".", "--top-module", design.top]
    verilate += ["--timescale", "1ns/1ps", "--x-assign", "unique", "--x-initial", "unique"]
    verilate += ["--output-split", "0", "--output-split-cfuncs", "0"]
    verilate += ["--trace-fst", "--trace-structs"] if design.waves else []
    verilate += ["-Wno-fatal"] if WORK != BUILD else []
    for path in library_folders():
        verilate += ["-y", str(path)]
    verilate += [f"-G{key}={parameter_value(value)}" for key, value in design.parameters]
    verilate += ["exposed.vlt", *design_sources(design)]
    control = verilator_control(design)
    compiler = verilator_cxx(design.waves)
    clock = [f"-DTB_CLOCK_HALF={CLOCK_HALF_PS}"] if design.own_clock else []
    level = MOST_OPTIMISATION if design.optimised else OPTIMISATION
    compile_ = [*compiler, *clock, level, "-I.", "-c", str(NATIVE / "main.cpp"), "-o", "sim.o"]
    libs = cocotb_tools.config.libs_dir
    link = ["g++", "-rdynamic", "-o", "sim", "sim.o", *native]
    link += [f"{runtime}/libruntime.a", f"-Wl,-rpath,{libs}", f"-L{libs}", "-lcocotbvpi_verilator"]
    link += [SANITIZERS] if design.sanitized else []
    link += ["-pthread", *(["-llz4", "-lz"] if design.waves else [])]
    link += [f"-Wl,-rpath,{tools.library}"] if tools.library else []
    step = Step(folder, repr((verilate, control, compile_, link)))
    with locked(step.lock, fcntl.LOCK_EX):
        if not step.fresh():
            step.start()
            (folder / "exposed.vlt").write_text(control)
            run_all([verilate], folder, step.log)
            gather_sources(folder)
            run_all([compile_], folder, step.log)
            run_all([link], folder, step.log)
            used = dependencies((folder / "Vtop__ver.d").read_text())
            inputs = [NATIVE / "main.cpp", runtime / "build.json", *map(Path, native)]
            step.finish(iter([*(path for path in used if path.is_absolute()), *inputs]))
    return folder


def build_bare(design: Design) -> Path:
    """Compile the model of a built design with `tb/native/bare.cpp`; return the program."""
    model, runtime = build(design), build_runtime(design.waves)
    folder = model.with_name(f"{model.name}-bare")
    memory = build_native("verilator")
    level = MOST_OPTIMISATION if design.optimised else OPTIMISATION
    compile_ = [*verilator_cxx(design.waves), level, f"-I{model}", f"-I{NATIVE}"]
    source = NATIVE / "bare.cpp"
    commands = [
        [*compile_, "-c", str(source), "-o", "bare.o"],
        ["g++", "-o", "bare", "bare.o", str(memory), f"{runtime}/libruntime.a", "-pthread"],
    ]
    step = Step(folder, repr(commands))
    with locked(step.lock, fcntl.LOCK_EX):
        if not step.fresh():
            step.start()
            for command in commands:
                run_all([command], folder, step.log)
            step.finish(iter([source, model / "build.json", memory, *NATIVE.glob("*.h")]))
    return folder / "bare"


def gather_sources(folder: Path) -> None:
    """Join the generated C++ as `model.cpp`, which main programs include.

    Headers take long to read, so they are read once; what runs once is not optimised.
    """
    kinds: dict[bool, str] = {True: "", False: ""}
    for path in sorted(folder.glob("Vtop*.cpp")):
        slow = "__Slow" in path.name or path.name == "Vtop__Syms.cpp" or "TraceDecls" in path.name
        kinds[slow] += f'#include "{path.name}"\n'
    (folder / "model.cpp").write_text(
        '#include "Vtop__pch.h"\n#pragma GCC push_options\n#pragma GCC optimize("O0")\n'
        f"{kinds[True]}#pragma GCC pop_options\n{kinds[False]}"
    )


def dependencies(text: str) -> list[Path]:
    """Return the files that a make dependency rule names, without the tool's own."""
    words = text.partition(":")[2].replace("\\\n", " ").split()
    return [Path(word) for word in words if word.endswith((".v", ".vh", ".sv", ".vlt"))]
