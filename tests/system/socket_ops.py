# SPDX-License-Identifier: Apache-2.0
"""The operations on socket queues: compared after each one, and by a driver that never waits."""

from __future__ import annotations

import errno
import os
import random

import cocotb

from tb.socket.bench import SocketBench
from tb.socket.comparison import SocketComparison
from tb.socket.worlds import BASE, RtlSocketWorld

FAST = os.environ.get("SIM") == "verilator"  # Icarus is ten times slower
SLOT = 4096  # bytes of memory for each buffer


def drain(world, index) -> bool:
    """Collect all there is."""
    while world.take(index) is not None:
        pass
    return True


def postpone(world, index) -> bool:
    """Collect one, and no more callbacks until restart."""
    world.take(index)
    return False


CALLBACKS = {"none": None, "drain": drain, "postpone": postpone}


def some_lengths(built) -> tuple[int, int]:
    """Return readable and writable bytes: mostly few, sometimes as many as may be."""

    def some(most: int) -> int:
        kind = random.random()
        if kind < 0.2:
            return 0
        return random.randint(1, min(most, SLOT // 2, 40 if kind < 0.9 else most))

    return some(built.max_readable), some(built.max_writable)


def some_buffer(number: int, built):
    """Return segments, counts and data of a buffer."""
    out_bytes, in_bytes = some_lengths(built)
    if out_bytes + in_bytes == 0:
        out_bytes = 1
    base = BASE + number % 256 * SLOT

    def cut(addr: int, length: int):
        if length > 1 and random.random() < 0.3:
            first = random.randint(1, length - 1)
            return [(addr, first), (addr + first, length - first)]
        return [(addr, length)] if length else []

    out, in_ = cut(base, out_bytes), cut(base + SLOT // 2, in_bytes)
    return out + in_, len(out), len(in_), (base, random.randbytes(out_bytes))


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
    number = 0
    for _ in range(150 if FAST else 60):
        queue = random.randrange(queues)
        vq = compared.rtl.queues[queue]
        what = random.choice(["add", "add", "add", "sync", "get", "get", "detach", "restart"])
        try:
            if what == "add":
                sg, out_num, in_num, (addr, data) = some_buffer(number, built)
                compared.write(addr, data)
                await compared.add(queue, sg, out_num, in_num, number)
                number += 1
            elif what == "detach":
                tokens = [*vq.outstanding, "unknown"]
                await compared.detach(queue, random.choice(tokens))
            else:
                await getattr(compared, what)(queue)
        except OSError as error:
            assert error.errno in (errno.ENOSPC, errno.ENOENT, errno.EINVAL), error
    for queue in range(queues):
        await compared.sync(queue)
        while await compared.get(queue) is not None:
            pass
        assert compared.rtl.queues[queue].num_free == sizes[queue]


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

    for _ in range(150 if FAST else 50):
        queue = random.randrange(queues)
        vq = world.queues[queue]
        what = random.choice(["add", "add", "add", "sync", "get", "detach", "serve", "wait"])
        if what == "add" and vq.num_free:
            sg, out_num, in_num, (addr, data) = some_buffer(number, built)
            world.memory.write(addr, data)
            await world.call(vq.add_buf, sg, out_num, in_num, number)
            room = sum(length for _, length in sg[out_num:])
            held[number] = (queue, addr + SLOT // 2, data[:room])
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
