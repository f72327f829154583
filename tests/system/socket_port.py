# SPDX-License-Identifier: Apache-2.0
"""The socket port word by word: the scripts that the model's port passes, on the Verilog's."""

from __future__ import annotations

import cocotb

from tb.socket.bench import SocketBench
from tests.model.port_scripts import ATTACKS, SCRIPTS


async def play(dut, script) -> None:
    bench = SocketBench(dut)
    await bench.start()
    running = script(bench.built)
    answer = None
    try:
        while True:
            kind, *rest = running.send(answer)
            answer = 0
            if kind == "idle":
                await bench.wait_idle()
            elif kind == "r":
                answer = await bench.read32(*rest)
            else:
                await bench.write32(*rest)
    except StopIteration:
        await bench.wait_idle()


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(name=[script.__name__ for script in SCRIPTS])
async def registers_and_frames(dut, name):
    """What a driver may do."""
    await play(dut, {script.__name__: script for script in SCRIPTS}[name])


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(name=list(ATTACKS))
async def bad_frames(dut, name):
    """What a driver may not do."""
    await play(dut, ATTACKS[name])
