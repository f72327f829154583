# SPDX-License-Identifier: Apache-2.0
"""Generate what has its one description in the golden model: register and fault numbers.

- `rtl/transport/vq_regs.vh` and `docs/registers.md` from `pymodel/registers.py`
- `rtl/socket/vq_sock_regs.vh`, and their part of that page, from `pymodel/socket_registers.py`
- `rtl/engine/vq_faults.vh` from `pymodel/faults.py`
- `rtl/device/<type>/vq_<type>_config.vh`, and their parts of that page, from the tables of
  configuration spaces beside the golden functions (`CONFIG_SPACES`)
- `rtl/device/blk/vq_blk_types.vh` from `pymodel/blk_function.py`
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ci.toolchain import ROOT
from pymodel.blk_function import BLK_CONFIG, RequestStatus, RequestType, StoreOp
from pymodel.config_space import OWN_SHIFT, ConfigField, ConfigSpace
from pymodel.faults import Fault
from pymodel.net_function import NET_CONFIG
from pymodel.registers import (
    CONFIG_BASE,
    CONFIG_REGISTERS,
    EVENTS,
    OWN_BASE,
    REGISTERS,
    Reg,
    Register,
)
from pymodel.socket_registers import (
    PORT_MAGIC,
    PORT_REGISTERS,
    PORT_VERSION,
    WINDOW_BASE,
    WINDOW_BYTES,
    WINDOW_REGISTERS,
    PortReg,
    Window,
)

ADDRESS_BITS = 12
CONFIG_BITS = 11
FEATURE_BITS = 6
WINDOW_BITS = 6
FAULT_BITS = 5

CONFIG_SPACES: tuple[ConfigSpace, ...] = (NET_CONFIG, BLK_CONFIG)  # of each type of device


def header(name: str, text: str, source: str, parameters: Iterable[tuple[str, int, str]]) -> str:
    """Return a Verilog header of local parameters, given as (name, bits, value)."""
    rows = list(parameters)
    width = max(len(parameter) for parameter, _, _ in rows)
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        f"// {name} - {text}",
        f"// Generated from {source} by 'make generate': change that instead.",
        "/* verilator lint_off UNUSEDPARAM */",
        *(f"localparam [{bits - 1}:0] {name:<{width}} = {value};" for name, bits, value in rows),
        "/* verilator lint_on UNUSEDPARAM */",
    ]
    return "\n".join(lines) + "\n"


def registers_header() -> str:
    """Return rtl/transport/vq_regs.vh."""
    return header(
        "vq_regs.vh",
        "byte offsets of the registers (section 4.2.2; the engine's own from 0x800).",
        "pymodel/registers.py",
        [
            (f"REG_{name}", ADDRESS_BITS, f"{ADDRESS_BITS}'h{offset:03x}")
            for name, offset in (*((reg.name, reg.value) for reg in Reg), ("OWN", OWN_BASE))
        ],
    )


def socket_header() -> str:
    """Return rtl/socket/vq_sock_regs.vh."""
    port = [
        (f"PORT_{reg.name}", ADDRESS_BITS, f"{ADDRESS_BITS}'h{reg.value:03x}") for reg in PortReg
    ]
    window = [(f"WIN_{reg.name}", WINDOW_BITS, f"{WINDOW_BITS}'h{reg.value:02x}") for reg in Window]
    values = [("PORT_IS_MAGIC", 32, f"32'h{PORT_MAGIC:08x}")]
    values += [("PORT_IS_VERSION", 32, f"32'd{PORT_VERSION}")]
    return header(
        "vq_sock_regs.vh",
        "byte offsets of the socket port's registers, and in a queue's window.",
        "pymodel/socket_registers.py",
        [*port, *window, *values],
    )


def faults_header() -> str:
    """Return rtl/engine/vq_faults.vh."""
    return header(
        "vq_faults.vh",
        "fault codes, as FaultCode reports them (docs/architecture.md).",
        "pymodel/faults.py",
        ((f"FAULT_{fault.name}", FAULT_BITS, f"{FAULT_BITS}'d{fault.value}") for fault in Fault),
    )


def config_header(space: ConfigSpace) -> str:
    """Return rtl/device/<name>/vq_<name>_config.vh: byte offsets, and numbers of feature bits."""
    prefix = space.name.upper()
    rows = [
        (f"{prefix}_CFG_{field.name.upper()}", CONFIG_BITS, f"{CONFIG_BITS}'h{field.offset:03x}")
        for field in space.fields
    ]
    rows += [
        (f"{prefix}_F_{bit.name}", FEATURE_BITS, f"{FEATURE_BITS}'d{bit.bit_length() - 1}")
        for bit in space.features or ()
    ]
    return header(
        f"vq_{space.name}_config.vh",
        "byte offsets in the configuration space; numbers of feature bits.",
        f"pymodel/{space.name}_function.py",
        rows,
    )


def feature_names(space: ConfigSpace, field: ConfigField) -> str:
    """Return the names of the feature bits of which one is needed for a field to exist."""
    bits = [bit for bit in space.features or () if bit & field.feature]
    return " or ".join(bit.name or "" for bit in bits)


def config_section(space: ConfigSpace) -> list[str]:
    """Return a device's part of docs/registers.md."""
    lines = ["", f"## Configuration space: {space.title[0].lower()}{space.title[1:]}", ""]
    lines += ["| offset | name | bytes | access | exists with | meaning | clause |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for field in space.fields:
        offset = f"{CONFIG_BASE + field.offset + OWN_SHIFT * field.own:#05x}"
        cells = [offset, field.name, str(field.size), field.access.value]
        cells += [feature_names(space, field), field.meaning, field.clause]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def blk_types_header() -> str:
    """Return rtl/device/blk/vq_blk_types.vh."""
    rows = [(f"TYPE_{each.name}", 32, f"32'd{each.value}") for each in RequestType]
    rows += [(f"STATUS_{each.name}", 2, f"2'd{each.value}") for each in RequestStatus]
    rows += [(f"OP_{each.name}", 3, f"3'd{each.value}") for each in StoreOp]
    return header(
        "vq_blk_types.vh",
        "types and status of requests (section 5.2.6), commands of the store.",
        "pymodel/blk_function.py",
        rows,
    )


def table(registers: Sequence[Register]) -> list[str]:
    """Return the table of some registers."""
    lines = ["| offset | name | access | reset | meaning | clause |", "|---|---|---|---|---|---|"]
    for register in registers:
        reset = "(built)" if register.reset is None else f"{register.reset:#x}"
        meaning = register.meaning + (" (of the queue in QueueSel)" if register.per_queue else "")
        cells = [f"{register.offset:#05x}", register.name, register.access.value, reset, meaning]
        lines.append(f"| {' | '.join([*cells, register.clause])} |")
    return lines


def fields(registers: Sequence[Register]) -> list[str]:
    """Return the tables of the registers' fields."""
    lines: list[str] = []
    for register in registers:
        if not register.fields:
            continue
        lines += ["", f"### {register.name}", "", "| bits | name | meaning |", "|---|---|---|"]
        for field in register.fields:
            same = field.high == field.low
            bits = str(field.low) if same else f"{field.high}:{field.low}"
            lines.append(f"| {bits} | {field.name} | {field.meaning} |")
    return lines


def registers_page() -> str:
    """Return docs/registers.md."""
    standard = [register for register in REGISTERS if register.offset < 0x800]
    own = [register for register in REGISTERS if register.offset >= 0x800]
    lines = [
        "<!-- SPDX-License-Identifier: Apache-2.0 -->",
        "<!-- Generated from pymodel/registers.py by 'make generate': change that instead. -->",
        "# Registers",
        "",
        "32-bit registers in a 4 KiB space, AXI4-Lite. `W` registers read as 0. The rules that go",
        "beyond this table are in [architecture.md](architecture.md).",
        "",
        "## virtio-mmio",
        "",
        *table(standard),
        "",
        "## The engine's own",
        "",
        *table(own),
        "",
        "## Configuration space of the test device",
        "",
        *table(CONFIG_REGISTERS),
        "",
        "## Fields",
        *fields(REGISTERS),
        *(line for space in CONFIG_SPACES for line in config_section(space)),
        "",
        "## Socket port",
        "",
        "8 KiB. The configuration space is that of the test device, at the same offsets. What the",
        "registers are for is in [architecture.md](architecture.md#the-socket-port).",
        "",
        *table(PORT_REGISTERS),
        "",
        "## Socket port: a queue's window",
        "",
        f"Queue q's begins at {WINDOW_BASE:#x} + q * {WINDOW_BYTES:#x}; offsets are from there.",
        "",
        *table(WINDOW_REGISTERS),
        "",
        "## Socket port: fields",
        *fields([row for row in (*PORT_REGISTERS, *WINDOW_REGISTERS) if row.fields != EVENTS]),
    ]
    return "\n".join(lines) + "\n"


def outputs() -> dict[Path, str]:
    """Return every generated file and what it must hold."""
    return {
        ROOT / "rtl" / "transport" / "vq_regs.vh": registers_header(),
        ROOT / "rtl" / "socket" / "vq_sock_regs.vh": socket_header(),
        ROOT / "rtl" / "engine" / "vq_faults.vh": faults_header(),
        ROOT / "docs" / "registers.md": registers_page(),
        ROOT / "rtl" / "device" / "blk" / "vq_blk_types.vh": blk_types_header(),
        **{
            ROOT / "rtl/device" / space.name / f"vq_{space.name}_config.vh": config_header(space)
            for space in CONFIG_SPACES
        },
    }


def main() -> None:
    """Write the files that differ, or with --check name them and fail."""
    parser = argparse.ArgumentParser(prog="ci.generate", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if any differs")
    check = parser.parse_args().check
    stale = [
        (path, text)
        for path, text in outputs().items()
        if not path.exists() or path.read_text() != text
    ]
    for path, text in stale:
        name = path.relative_to(ROOT)
        if check:
            print(f"{name} is not what pymodel says: run 'make generate'")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {name}")
    sys.exit(bool(check and stale))


if __name__ == "__main__":
    main()
