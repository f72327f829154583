# SPDX-License-Identifier: Apache-2.0
"""What a flattened netlist of Yosys holds, and which module each cell belongs to.

Synthesis flattens the engine, and the cells that it makes lose their place in the hierarchy. They
get it back from the names of the nets that they drive: of those names that a module declares,
other than as an input, the deepest one says whose logic it is. A cell between two nets without
such a name belongs to where most of its loads are. So the sum over the modules is the total.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci.pages import header, source_of

# What is counted: its name in reports, and the type of the cell
KINDS = {
    "lut4": "LUT4",
    "ccu2c": "CCU2C",
    "dpr16x4": "TRELLIS_DPR16X4",
    "ff": "TRELLIS_FF",
    "bram": "DP16KD",
}
TITLES = {
    "lut4": "LUT4",
    "ccu2c": "carry (CCU2C)",
    "dpr16x4": "LUT RAM (DPR16X4)",
    "ff": "flip-flops",
    "bram": "block RAM (DP16KD)",
}
COUNTED = {cell: kind for kind, cell in KINDS.items()}
MEMORIES = (KINDS["dpr16x4"], KINDS["bram"])
MERGED = ("PFUMX", "L6MUX21")  # the muxes that join LUT4s: not counted, but they pass logic on
LATCHES = ("DLATCH", "$_DLATCH", "FD1S1")


@dataclass(frozen=True)
class Instance:
    """One instance in the hierarchy that was flattened."""

    path: str
    module: str


class Netlist:
    """The cells of one flattened top module, each with its instance."""

    def __init__(self, file: Path) -> None:
        modules = json.loads(file.read_text())["modules"]
        tops = [(name, m) for name, m in modules.items() if "top" in m.get("attributes", {})]
        if len(tops) != 1:
            raise ValueError(f"{file}: {len(tops)} top modules")
        self.top, module = tops[0]
        self._cells: dict[str, Mapping[str, Any]] = module["cells"]
        self.instances = {"": Instance("", self.top)}
        for name, cell in self._cells.items():
            if cell["type"] == "$scopeinfo" and cell["parameters"].get("TYPE") == "module":
                found = cell["attributes"]
                module_name = found.get("module_hdlname", found["module"]).lstrip("\\")
                self.instances[name] = Instance(name, module_name)
        self._named = self._name_bits(module["netnames"])
        self.owners = self._find_owners()

    def instance_of(self, name: str) -> str:
        """Return the path of the deepest instance that a flattened name starts with."""
        while name:
            if name in self.instances:
                return name
            name = name.rpartition(".")[0]
        return ""

    def counts(self) -> dict[str, int]:
        """Return how many cells of each kind there are."""
        found = Counter(cell["type"] for cell in self._cells.values())
        return {kind: found[cell] for kind, cell in KINDS.items()}

    def by_module(self) -> dict[str, dict[str, int]]:
        """Return the counts of each module, all its instances together."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for name, cell in self._cells.items():
            if cell["type"] in COUNTED:
                module = self.instances[self.owners[name]].module
                found[module][COUNTED[cell["type"]]] += 1
        return {
            module: {kind: count[kind] for kind in KINDS}
            for module, count in sorted(found.items(), key=lambda item: -item[1]["lut4"])
        }

    def number_of(self, module: str) -> int:
        """Return how many instances of a module there are."""
        return sum(instance.module == module for instance in self.instances.values())

    def memories(self, kind: str) -> dict[str, int]:
        """Return the memories that are made of a kind of cell, and of how many."""
        found = Counter(
            re.split(r"\.\d+\.\d+", name)[0]
            for name, cell in self._cells.items()
            if cell["type"] == KINDS[kind]
        )
        return dict(sorted(found.items()))

    def latches(self) -> list[str]:
        """Return the cells that are latches."""
        return [n for n, cell in self._cells.items() if cell["type"].startswith(LATCHES)]

    def _name_bits(self, nets: Mapping[str, Mapping[str, Any]]) -> dict[int, str]:
        """Return of each bit the deepest instance that declares it, other than as an input."""
        named: dict[int, str] = {}
        for name, net in nets.items():
            path = self.instance_of(name)
            local = name[len(path) :].strip(".").rpartition(".")[2]
            if local not in declared(self.instances[path].module):
                continue
            for bit in net["bits"]:
                if isinstance(bit, int) and path.count(".") >= named.get(bit, "").count("."):
                    if bit in named and len(path) <= len(named[bit]):
                        continue
                    named[bit] = path
        return named

    def _find_owners(self) -> dict[str, str]:
        owners: dict[str, str] = {}
        loads: dict[int, list[str]] = defaultdict(list)
        driven: dict[str, list[int]] = {}
        for name, cell in self._cells.items():
            kind = cell["type"]
            if kind not in COUNTED and kind not in MERGED:
                continue
            outs: list[int] = []
            for port, bits in cell["connections"].items():
                out = cell["port_directions"][port] == "output"
                for bit in bits:
                    if isinstance(bit, int):
                        outs.append(bit) if out else loads[bit].append(name)
            driven[name] = outs
            paths = [self._named[bit] for bit in outs if bit in self._named]
            if kind in MEMORIES:
                owners[name] = self.instance_of(name)
            elif paths:
                owners[name] = most(paths)
        waiting = [name for name in driven if name not in owners]
        while waiting:
            found = {}
            for name in waiting:
                paths = [owners[load] for bit in driven[name] for load in loads[bit]
                         if load in owners]  # fmt: skip
                if paths:
                    found[name] = most(paths)
            if not found:
                break
            owners.update(found)
            waiting = [name for name in waiting if name not in found]
        owners.update({name: self.instance_of(name) for name in waiting})
        return owners


def most(paths: Iterable[str]) -> str:
    """Return what is there most often; of several the first in order."""
    return min(Counter(paths).items(), key=lambda item: (-item[1], item[0]))[0]


@functools.cache
def declared(module: str) -> frozenset[str]:
    """Return the names that a module declares, without its inputs."""
    text = re.sub(r"//.*", "", source_of(module).read_text())
    inputs = {port.name for port in header(module)[1] if port.direction == "input"}
    return frozenset(re.findall(r"[A-Za-z_]\w*", text)) - inputs
