# SPDX-License-Identifier: Apache-2.0
"""Socket queues as `make sim` shows them: one buffer word by word, then random operations.

After each operation everything is compared with the model. TB_OPERATIONS in the environment says
how many there are.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from typing import Any

import cocotb

from pymodel.socket_registers import WINDOW_BASE, WINDOW_BYTES, Window
from tb.screen import progress, say, tallied
from tb.socket.bench import SocketBench
from tb.socket.comparison import SocketComparison
from tb.socket.player import SocketPlayer, drain, postpone
from tb.socket.worlds import BASE, Access

REPORT_EVERY = 50  # operations
GREETING = b"Hello from the driver"
ROOM = 32  # bytes for the answer to it
DATA = (Window.TX_DATA, Window.RX_DATA)


def told(access: Access) -> str:
    """Return an access of a queue's registers in words."""
    register = Window((access.offset - WINDOW_BASE) % WINDOW_BYTES)
    name = register.name.title().replace("_", "")
    text = access.value.to_bytes(4, "little").rstrip(b"\0").decode("latin-1")
    quoted = f'  "{text}"' if register in DATA and text.isprintable() else ""
    return (
        f"    {'reads ' if access.kind == 'r' else 'writes'} {name:<9} {access.value:08x}{quoted}"
    )


def show(what: str, accesses: Sequence[Access]) -> None:
    """Tell an operation and its register accesses."""
    say(f"  {what}: {len(accesses) or 'no'} register accesses")
    for access in accesses:
        say(told(access).rstrip())


async def show_a_buffer(pair: SocketComparison) -> None:
    """Let a greeting go out and come back, and tell each word."""
    pair.write(BASE, GREETING)
    log = pair.rtl.log
    for what, operation in (
        ("add_buf", pair.add(0, [(BASE, len(GREETING)), (BASE + 64, ROOM)], 1, 1, "greeting")),
        ("sync, one frame: {tag, bytes}, room for bytes, data", pair.sync(0)),
        ("get_buf, one answer: {tag, bytes}, data", pair.get(0)),
    ):
        before = len(log)
        await operation
        show(what, log[before:])
    found = pair.rtl.memory.read(BASE + 64, len(GREETING))
    assert found == GREETING, f"{found!r} came back"


@cocotb.test(timeout_time=1, timeout_unit="sec")
async def socket_queues_agree_with_the_model(dut: Any) -> None:
    """Show a buffer; then add, sync, get, detach and restart at random."""
    bench = SocketBench(dut)
    await bench.start()
    operations = int(os.environ.get("TB_OPERATIONS", "200"))
    pair = SocketComparison(bench)
    with tallied(pair.tally):
        await pair.start(bench.built.slots)
        await show_a_buffer(pair)
        pair = SocketComparison(bench, random.choice([drain, postpone]), pair.tally)
        sizes = [random.choice([1, 2, bench.built.slots]) for _ in range(bench.built.queues)]
        await pair.start(*sizes)
        say(f"  queues of {', '.join(map(str, sizes))} slots")
        player = SocketPlayer(pair)
        for done in range(operations):
            if done % REPORT_EVERY == 0:
                progress(done, operations, f"steps, {pair.tally.chains} buffers, equal so far")
            await player.step()
        progress(operations, operations, "steps, collecting what is left")
        await player.finish()
