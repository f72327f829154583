# SPDX-License-Identifier: Apache-2.0
"""Interrupts by queue: a pulse for each queue whose interrupt is due, and for no other."""

from __future__ import annotations

import os
import random

import cocotb

from pymodel import Feature, take_interrupt
from pymodel.layout import AVAIL_F_NO_INTERRUPT, INDEX_MODULUS, U16, SplitLayout
from pymodel.packed_layout import EVENT_DESC, EVENT_DISABLE, EVENT_ENABLE, EventSuppression
from pymodel.ring_driver import RingVirtqueue
from tb.bench import Bench
from tb.native_memory import Settings
from tb.worlds import RtlWorld, Setup

QUEUES = int(os.environ.get("TB_QUEUES", "4"))
ROUNDS = 60 if os.environ.get("SIM") == "verilator" else 15


def ask(world: RtlWorld, vq: RingVirtqueue, wanted: bool, event_idx: bool) -> None:
    """Ask for an interrupt of the next buffer, or for none."""
    layout, used = vq.layout, vq.used_index
    if not isinstance(layout, SplitLayout):
        on = EVENT_DESC if event_idx else EVENT_ENABLE
        wish = EventSuppression(used, on if wanted else EVENT_DISABLE)
        world.memory.write(layout.driver, wish.pack())
    elif event_idx:
        world.memory.write(layout.used_event, U16.pack((used - (not wanted)) % INDEX_MODULUS))
    else:
        world.memory.write(layout.avail_flags, U16.pack(0 if wanted else AVAIL_F_NO_INTERRUPT))


@cocotb.test(timeout_time=20, timeout_unit="ms")
@cocotb.parametrize(event_idx=[False, True])
async def each_queue_has_its_own_interrupts(dut, event_idx):
    """Some queues get buffers and some of them want interrupts: both together make a bit."""
    bench = Bench(dut, Settings(read_latency=(1, 30), write_latency=(1, 30)), slot="test")
    await bench.start()
    features = Feature.EVENT_IDX if event_idx else Feature(0)
    world = RtlWorld(Setup(sizes=(8,) * QUEUES, features=features, indirect="never"), bench)
    await world.start()
    places = [world.allocator.allocate(64) for _ in range(QUEUES)]
    called: set[int] = set()

    async def watch() -> None:
        while True:
            await bench.calls.value_change
            called.update(bench.take_calls())

    cocotb.start_soon(watch())
    some = range(QUEUES)
    for _ in range(ROUNDS):
        busy = {queue for queue in some if random.getrandbits(1)}
        wanted = {queue for queue in some if random.getrandbits(1)}
        for queue in some:
            vq = world.queue(queue)
            ask(world, vq, queue in wanted, event_idx)
            if queue in busy:
                for token in range(random.randint(1, 3)):
                    vq.add_buf([(places[queue], 64)], 0, 1, token)
                vq.sync()
        await world.hand_over()
        await world.wait_quiet()
        assert called == busy & wanted
        assert bool(int(bench.irq.value)) == bool(called)
        assert int(bench.calls.value) == 0
        called.clear()
        await world.run(take_interrupt())
        for queue in busy:
            while world.queue(queue).get_buf():
                pass
