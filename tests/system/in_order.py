# SPDX-License-Identifier: Apache-2.0
"""Many buffers published at once with IN_ORDER: batches, compared with the model's."""

from __future__ import annotations

import random

import cocotb

from pymodel import Feature
from tests.system.ops import EVENT, INDIRECT, NOTHING, begin


@cocotb.test(timeout_time=100, timeout_unit="ms")
@cocotb.parametrize(features=[NOTHING, EVENT | INDIRECT], whole=[0, 70, 100])
async def batches_of_any_buffers(dut, features, whole):
    """Of buffers that are filled whole, `whole` percent, runs share one used element."""
    c = await begin(dut, sizes=(64,), features=features, indirect="multi")
    vq = c.rtl.queue(0)
    source, sink = c.allocate(256), c.allocate(64 * 256)
    c.write(source, random.randbytes(256))
    batches = buffers = 0
    for _ in range(12):
        tokens: list[tuple[int, int]] = []
        most = random.choice([20, 64])
        while vq.num_free >= 2 and len(tokens) < most:
            length = random.choice([0, 1, 8, 60, 200])
            room = length if random.randrange(100) < whole else length + random.randint(1, 50)
            token, place = buffers + len(tokens), sink + 256 * len(tokens)
            segments = [(addr, count) for addr, count in ((source, length), (place, room)) if count]
            if not segments:
                segments = [(source, 1)]
            outs = sum(addr == source for addr, _ in segments)
            tokens.append((token, length if len(segments) == 2 else 0))
            await c.add(0, segments, outs, len(segments) - outs, token)
        buffers += len(tokens)
        returned = c.batches
        await c.sync(0)
        batches += c.batches - returned
        for expected in tokens:
            used = await c.get(0)
            assert used is not None and (used.data, used.length) == expected
        assert await c.get(0) is None
    await c.finish()
    assert c.setup.features & Feature.IN_ORDER
    # the model also asks where nothing is left
    assert batches >= buffers if whole == 0 else batches < buffers // 2
