# SPDX-License-Identifier: Apache-2.0
"""The operations on socket queues: compared after each one, and by a driver that never waits."""

from __future__ import annotations

import errno
import os
import random

import cocotb

from tb.socket.bench import SocketBench
from tb.socket.comparison import SocketComparison
from tb.socket.player import SLOT, SocketPlayer, drain, postpone, some_buffer
from tb.socket.worlds import RtlSocketWorld

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
CALLBACKS = {"none": None, "drain": drain, "postpone": postpone}


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(callback=list(CALLBACKS), pattern=[False, True])
async def compared_after_each_operation(dut, callback, pattern):
    """Random operations on all queues, in step with the model."""
    bench = SocketBench(dut)
    await bench.start()
    compared = SocketComparison(bench, CALLBACKS[callback])
    built = bench.built
    queues = min(built.queues, 3)
    sizes = [random.choice([1, 2, built.slots]) for _ in range(queues)]
    await compared.start(*sizes, pattern=pattern)
    player = SocketPlayer(compared)
    for _ in range(100 if FAST else 50):
        await player.step()
    await player.finish()


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(callback=["none", "drain"], pause=[0, 3, 60])
async def free_running(dut, callback, pause):
    """A driver that never waits: each buffer comes back once, with its bytes."""
    bench = SocketBench(dut)
    await bench.start()
    built = bench.built
    world = RtlSocketWorld(
        bench, CALLBACKS[callback], in_step=False, pause=lambda: random.randint(0, pause)
    )
    queues = min(built.queues, 3)
    await world.start([built.slots] * queues)
    held, number, collected = {}, 0, []

    async def collect(queue: int) -> bool:
        used = await world.call(world.queues[queue].get_buf)
        if used is not None:
            collected.append((queue, used))
        return used is not None

    for _ in range(100 if FAST else 40):
        queue = random.randrange(queues)
        vq = world.queues[queue]
        what = random.choice(["add", "add", "add", "sync", "get", "detach", "serve", "wait"])
        if what == "add" and vq.num_free:
            drawn = some_buffer(number, built)
            world.memory.write(drawn.addr, drawn.data)
            await world.call(vq.add_buf, drawn.sg, drawn.out_num, drawn.in_num, number)
            room = sum(length for _, length in drawn.sg[drawn.out_num :])
            held[number] = (queue, drawn.addr + SLOT // 2, drawn.data[:room])
            number += 1
        elif what == "sync":
            await world.call(vq.sync)
        elif what == "get":
            await collect(queue)
        elif what == "detach" and vq.outstanding and random.random() < 0.3:
            token = random.choice(list(vq.outstanding))
            try:
                await world.call(vq.detach_buf, token)
                del held[token]
            except OSError as error:
                assert error.errno == errno.ENOENT
        elif what == "serve":
            await world.serve()
        else:
            await bench.clocks(random.randint(0, 200))
    for _ in range(100):
        for queue, vq in enumerate(world.queues):
            await world.call(vq.sync)
            while await collect(queue):
                pass
        await world.settle()
    found = {used.data: (queue, used.length) for queue, used in collected + world.taken}
    assert len(found) == len(collected) + len(world.taken), "one came back twice"
    assert found.keys() == held.keys()
    for token, (queue, addr, data) in held.items():
        assert found[token] == (queue, len(data))
        assert world.memory.read(addr, len(data)) == data
    assert await bench.read32(0x80C) == 0, "no fault"
