# SPDX-License-Identifier: Apache-2.0
"""Good work: loopback chains put through a queue, with everything about them checked."""

from __future__ import annotations

from pymodel import Reg

from .checks import Checks
from .errors import StepFailed
from .layout import Layout
from .targets import Target

WITHIN = 20_000  # cycles that a wait may take, unless it says so itself
POLL_CYCLES = 8  # between two looks at memory


class Work:
    """A target with a layout, and work for its queues.

    Attributes:
        layout: guest memory and its names.
        checks: what `expect` uses.
    """

    def __init__(self, target: Target, layout: Layout) -> None:
        self.target = target
        self.layout = layout
        self.checks = Checks(target, layout)

    async def wait_used(self, queue: int, index: int, within: int) -> None:
        """Wait until used.idx has come to an index, or passed it."""
        ring, end = self.layout.rings[queue], self.target.cycle + within
        while ((actual := ring.returned(self.layout)) - index) % 0x10000 >= 0x8000:
            if self.target.cycle >= end:
                raise StepFailed(f"used.idx of queue {queue}", f"{index} within {within}", actual)
            await self.target.wait_cycles(POLL_CYCLES)

    def put_work(self, queue: int, chains: int, size: int) -> list[tuple[int, int, bytes]]:
        """Lay out loopback chains in fresh memory and publish them.

        Returns:
            For each chain: head, address of the writable buffer, bytes that must come there.
        """
        layout, ring = self.layout, self.layout.rings[queue]
        work = []
        for place in range(chains):
            head = ring.free_head(place)
            out, into = layout.allocate_own(size), layout.allocate_own(size)
            data = bytes((17 * place + 3 * i + queue + ring.published) % 256 for i in range(size))
            layout.store.write(out, data)
            layout.store.write(into, bytes(b ^ 0xFF for b in data))
            segments = {"readable": [[out, size]], "writable": [[into, size]]}
            layout.chain({"chain": queue, "head": head, **segments})
            work.append((head, into, data))
        layout.avail({"avail": [head for head, *_ in work], "queue": queue})
        return work

    async def finish_work(self, queue: int, work: list[tuple[int, int, bytes]]) -> None:
        """Wait for what `put_work` published and check it."""
        ring = self.layout.rings[queue]
        first = (ring.published - len(work)) % 0x10000
        await self.wait_used(queue, ring.published, WITHIN)
        elements = [[head, len(data)] for head, _, data in work]
        used = {"queue": queue, "from": first, "elements": elements}
        await self.checks.check({"used": used})
        for head, into, data in work:
            if self.layout.read(into, len(data)) != data:
                raise StepFailed(f"bytes of chain {head} of queue {queue}", "looped back", "others")

    async def work(self, queue: int, chains: int = 1, size: int = 40) -> None:
        """Let a queue return loopback chains, notified once, and check their bytes."""
        work = self.put_work(queue, chains, size)
        await self.target.write(Reg.QUEUE_NOTIFY, queue)
        await self.finish_work(queue, work)
