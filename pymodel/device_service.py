# SPDX-License-Identifier: Apache-2.0
"""What the model device does with the chains of one queue: fetch, give to the function, return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from .device_queue import DeviceQueue
from .device_ring import DeviceRing, UsedChains
from .faults import QueueFault
from .functions import DeviceFunction
from .walker import Chain


@dataclass
class QueueService:
    """Serves one live queue.

    Every method raises `QueueFault` where the driver or the memory broke a rule.

    Attributes:
        number: of the queue.
        queue: its registers.
        ring: its device side.
        function: the device function.
        in_order: IN_ORDER was negotiated.
        batch: with it, the most chains that one used element returns.
        batch_end: with it, called with number, ring and ring index before each batch: the id of
            the chain that is to end it, else None.
        used: called when a used-buffer notification is due.
    """

    number: int
    queue: DeviceQueue
    ring: DeviceRing
    function: DeviceFunction
    in_order: bool
    batch: int
    batch_end: Callable[[int, DeviceRing, int], int | None] | None
    used: Callable[[], None]

    def serve(self) -> None:
        """Serve all that is available, and go idle."""
        self.queue.notified = False
        while True:
            while self.serve_one():
                pass
            if self.queue.starved or self.ring.go_idle():
                return

    def serve_one(self) -> bool:
        """Return one chain, a group used together, or with IN_ORDER one used element's chains."""
        if self.function.holds(self.number):
            self._hold()
            return self._serve_held()
        return self._serve_at_once()

    # ---- queues that answer at once

    def _serve_at_once(self) -> bool:
        ring = self.ring
        most = self.batch if self.in_order else 1
        end = self._end(ring.used_index) if most > 1 else None
        done: list[Chain] = []
        written = 0
        try:
            while len(done) < most and (ring.known or ring.look()):
                ring.start_work()
                chain = ring.fetch()
                data = ring.read_payload(chain)
                answer = self.function.process(self.number, data, chain.writable_len)
                ring.fill(chain, answer)
                done.append(chain)
                written = len(answer)
                if written < chain.writable_len or chain.id == end:
                    break  # one that is not filled whole is the last of its batch
        except QueueFault as error:
            if error.fault.precise and done:
                self._tell(ring.give_back(done, written))
            raise
        if done:
            self._tell(ring.give_back(done, written))
        return bool(done)

    # ---- queues that hold

    def _hold(self) -> None:
        """Fetch chains that are to wait in the function, as far as it takes them."""
        most = self.function.holds(self.number)
        self.queue.starved = False
        while self.ring.known or self.ring.look():
            if len(self.queue.held) >= most:
                self.queue.starved = True
                return
            self.ring.start_work()
            chain = self.ring.fetch()
            self.ring.read_payload(chain)  # which the function throws away
            self.queue.held.append(chain)

    def _serve_held(self) -> bool:
        """Give what the function has ready into chains that wait, used together."""
        held = self.queue.held
        place = self.ring.used_index
        end = self._end(place) if self.in_order else None
        done: list[Chain] = []
        lengths: list[int] = []
        ended: list[UsedChains] = []  # batches that ended among chains used together
        while len(done) < (self.batch if self.in_order else 1):
            answers = self.function.ready(self.number, [chain.writable_len for chain in held])
            if answers is None:
                break
            for data in answers:
                if done and done[-1].id == end:
                    ended.append(UsedChains(done, lengths[-1]))
                    place = self.ring.after(place, done)
                    end, done = self._end(place), []
                chain = held.pop(0)
                self.ring.fill(chain, data)
                done.append(chain)
                lengths.append(len(data))
            if lengths[-1] < done[-1].writable_len or done[-1].id == end:
                break
        if done and self.in_order:
            self._tell(self.ring.give_back_batches([*ended, UsedChains(done, lengths[-1])]))
        elif done:
            self._tell(self.ring.give_back_together(done, lengths))
        return bool(done)

    # ---- small helpers

    def _end(self, place: int) -> int | None:
        return None if self.batch_end is None else self.batch_end(self.number, self.ring, place)

    def _tell(self, wanted: bool) -> None:
        if wanted:
            self.used()
