# SPDX-License-Identifier: Apache-2.0
"""The script that the bare C++ loop replays: what the driver did, access by access.

A script is a sequence of little-endian records, a kind and its operands:

    kind       operands                          the loop
    'M'        u64 base, u64 bytes               adds a region of zeroed memory
    'S'        u64 addr, u32 bytes, the bytes    stores them
    'L'        u64 addr, u32 bytes, the bytes    loads as many, which must be these
    'W'        u32 addr, u32 value               writes a register
    'R'        u32 addr, u32 value               reads a register until it holds the value
    'I'        u64 cycles                        waits until the engine is idle, at most so long
    'C'        u64 cycles                        lets so many pass
    'B', 'E'                                     begins, ends what is measured

`ScriptBench` records one while a workload runs.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any, Optional

import cocotb

from tb.bench import Bench
from tb.native_memory import NativeMemory, Settings, latency
from tb.speed.workload import load_from_environment, measure, write_result
from tb.worlds import RtlWorld

SCRIPT = "script.bin"  # in a run's folder


class Script:
    """Records, in the order of what they tell of, up to the end of what is measured."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False
        self._poll: Optional[tuple[int, int]] = None  # where the last record is, if it is a read

    def note(self, kind: str, form: str = "", *operands: int, tail: bytes = b"") -> None:
        """Append a record."""
        if self.ended:
            return
        self.ended = kind == "E"
        self._poll = None
        self.data += kind.encode() + struct.pack(f"<{form}", *operands) + tail

    def note_read(self, address: int, value: int) -> None:
        """Append a register read; reads of one register in a row are one that waits."""
        if self._poll is not None and self._poll[1] == address:
            del self.data[self._poll[0] :]
        start = len(self.data)
        self.note("R", "II", address, value)
        self._poll = (start, address)


class ScriptMemory(NativeMemory):
    """Native memory that notes what the driver does with it."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script

    def add_region(self, base: int, size: int) -> None:
        """Add a region and note it."""
        super().add_region(base, size)
        self.script.note("M", "QQ", base, size)

    def read(self, addr: int, length: int) -> bytes:
        """Load, and note what was found."""
        data = super().read(addr, length)
        self.script.note("L", "QI", addr, length, tail=data)
        return data

    def write(self, addr: int, data: bytes) -> None:
        """Store, and note it."""
        super().write(addr, data)
        self.script.note("S", "QI", addr, len(data), tail=bytes(data))


class ScriptBench(Bench):
    """The bench, noting what the driver asks of it."""

    def __init__(self, dut: Any, settings: Settings) -> None:
        super().__init__(dut, settings)
        self.script = Script()
        self.memory = ScriptMemory(self.script)
        self.memory.configure(settings)

    async def read32(self, address: int) -> int:
        """Read a register and note the value."""
        value = await super().read32(address)
        self.script.note_read(address, value)
        return value

    async def write32(self, address: int, value: int, strobes: int = 0xF) -> None:
        """Note a register write, of a whole word, and do it."""
        if strobes != 0xF:
            raise ValueError("a script has writes of whole words only")
        self.script.note("W", "II", address, value)
        await super().write32(address, value)

    async def wait_idle(self, max_cycles: int) -> int:
        """Note a wait and do it."""
        self.script.note("I", "Q", max_cycles)
        return await super().wait_idle(max_cycles)

    async def wait_cycles(self, count: int) -> None:
        """Note a pause and make it."""
        self.script.note("C", "Q", count)
        await super().wait_cycles(count)


@cocotb.test(timeout_time=1, timeout_unit="sec")
async def the_script_is_written(dut: Any) -> None:
    """Do the workload and leave its script in the run's folder."""
    load = load_from_environment()
    bench = ScriptBench(dut, latency(1))
    await bench.start()
    world = RtlWorld(load.setup(), bench)
    await world.start()
    write_result(await measure(world, load, bench.script.note))
    (Path(os.environ["TB_RUN_DIR"]) / SCRIPT).write_bytes(bench.script.data)
