# SPDX-License-Identifier: Apache-2.0
"""What a module's source says about its parameters and ports, and what its page says.

The tables of `docs/rtl/<module>.md` are compared with `rtl/**/<module>.v` by a test;
`python -m ci.pages <module>` prints the tables that belong there.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from ci.toolchain import ROOT

PAGES = ROOT / "docs" / "rtl"
HEADINGS = (
    *("Purpose", "Limits", "Parameters", "Ports"),
    *("Timing", "Errors", "Verification", "Cost"),
)
PARAMETER = re.compile(r"parameter\s+(?:\[[^\]]+\]\s*)?(\w+)\s*=\s*(.+?),?\s*(?://\s*(.*))?$")
PORT = re.compile(r"(input|output)\s+(?:wire|reg)\s*(?:\[(.+?):0\]\s*)?(\w+),?\s*(?://\s*(.*))?$")


@dataclass(frozen=True)
class Parameter:
    """One parameter: its default as written, and its comment."""

    name: str
    default: str
    comment: str


@dataclass(frozen=True)
class Port:
    """One port: its width as written (bits), and what its comment or its group's says."""

    name: str
    direction: str
    width: str
    comment: str

    @property
    def channel(self) -> str:
        """The channel that it belongs to, or its own name."""
        parts = self.name.split("_")
        return "_".join(parts[:2]) if parts[0] in ("s", "m") else self.name

    @property
    def field(self) -> str:
        """Its name within the channel, nothing where it is one of its own."""
        return self.name[len(self.channel) :].strip("_")


def source_of(module: str) -> Path:
    """Return the file of a module."""
    found = list((ROOT / "rtl").glob(f"**/{module}.v"))
    if len(found) != 1:
        raise FileNotFoundError(f"{len(found)} files named {module}.v under rtl/")
    return found[0]


def bits(high: str | None) -> str:
    """Return the width of a port whose highest bit is written as `high`."""
    if high is None:
        return "1"
    if high.isdecimal():
        return str(int(high) + 1)
    return high[:-2] if high.endswith("-1") else f"{high}+1"


def header(module: str) -> tuple[list[Parameter], list[Port]]:
    """Return the parameters and ports of a module, in order."""
    text = source_of(module).read_text()
    match = re.search(r"^module \w+\s*(.*?)^\);", text, re.MULTILINE | re.DOTALL)
    if match is None:
        raise ValueError(f"{module}: no header")
    parameters: list[Parameter] = []
    ports: list[Port] = []
    group = ""
    for line in (line.strip() for line in match.group(1).splitlines()):
        if found := PARAMETER.match(line):
            parameters.append(Parameter(found[1], found[2], found[3] or ""))
        elif found := PORT.match(line):
            ports.append(Port(found[3], found[1], bits(found[2]), found[4] or group))
            group = ""
        elif line.startswith("//"):
            group = f"{group} {line[2:].strip()}".strip()
        elif line not in ("", ") (", "#(", "("):
            raise ValueError(f"{module}: not understood: {line}")
    return parameters, ports


def tables(module: str) -> str:
    """Return the two tables of a page."""
    parameters, ports = header(module)
    lines = ["## Parameters", ""]
    if parameters:
        lines += ["| name | default | range and unit |", "|---|---|---|"]
        lines += [f"| `{p.name}` | {code(p.default)} | {p.comment} |" for p in parameters]
    else:
        lines += ["None."]
    lines += ["", "## Ports", "", "| channel | direction | field | width | meaning |"]
    lines += ["|---|---|---|---|---|"]
    known = {"clk": "clock", "rst": "synchronous reset, active high"}
    for port in ports:
        way = "in" if port.direction == "input" else "out"
        field = f"`{port.field}`" if port.field else ""
        width = port.width if port.width.isdecimal() else f"`{port.width}`"
        meaning = known.get(port.name, port.comment)
        lines.append(f"| `{port.channel}` | {way} | {field} | {width} | {meaning} |")
    return "\n".join(lines) + "\n"


def code(text: str) -> str:
    """Return text as code; two marks around what holds one."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def plain(cell: str) -> str:
    """Return a cell without its code marks."""
    cell = cell.strip()
    match = re.match(r"^(``\s|`)(.*?)(\s``|`)$", cell)
    return match[2] if match else cell


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table under a heading of a page, without code marks."""
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[plain(cell) for cell in re.split(r"(?<!\\)\|", line)] for line in lines]
    return [row[1:-1] for row in cells[2:]]


def differences(module: str, page: str) -> list[str]:
    """Return what a page says about parameters and ports that its source does not."""
    parameters, ports = header(module)
    said = [(row[0], row[1].replace("\\|", "|")) for row in rows(page, "Parameters")]
    meant = [(p.name, p.default) for p in parameters]
    found = [f"parameter {entry}" for entry in sorted(set(said) ^ set(meant))]
    said_ports = [
        ("_".join(filter(None, (row[0], row[2]))), row[1], row[3].replace(" ", ""))
        for row in rows(page, "Ports")
    ]
    meant_ports = [
        (p.name, {"input": "in", "output": "out"}[p.direction], p.width.replace(" ", ""))
        for p in ports
    ]
    found += [f"port {entry}" for entry in sorted(set(said_ports) ^ set(meant_ports))]
    if not found and (said != meant or said_ports != meant_ports):
        found.append("order of parameters or ports")
    return found


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(tables(name))
