# SPDX-License-Identifier: Apache-2.0
"""What stands around the visits of queues, whatever the rings' format: schedule and credit."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import First, RisingEdge

from tb.benches.unit import Unit


class Visits:
    """Schedule and credit of each queue.

    Attributes:
        pending: a visit of the queue is due.
        busy: one is under way.
        starved: the last one ended for want of credit.
        credit: chains that the function takes.
        notified: notifications that were asked for and sent.
    """

    def __init__(self, dut: Any, event_idx: bool) -> None:
        self.dut, self.event_idx = dut, event_idx
        self.queues = int(dut.QUEUES.value)
        self.unit = Unit(dut, s_event_idx=(1 << self.queues) - 1 if event_idx else 0)
        self.credit = [0] * self.queues
        self.pending = [False] * self.queues
        self.busy = [False] * self.queues
        self.starved = [False] * self.queues
        self._late = [False] * self.queues  # a credit came during the visit
        self.notified = 0

    def watch(self) -> None:
        """Give the credit that is asked for, and see how visits end, from now on."""
        cocotb.start_soon(self._credits())
        self.unit.each_clock(self._look)

    async def _credits(self) -> None:
        pin = self.dut.m_started_queue
        while True:
            if pin.value.is_resolvable:
                self.unit.set(s_started_credit=self.credit[int(pin.value) % self.queues])
            await First(pin.value_change, RisingEdge(self.dut.clk))

    def _look(self) -> None:
        dut = self.dut
        if dut.m_started_valid.value == 1:
            queue = int(dut.m_started_queue.value)
            self.credit[queue] -= int(dut.m_started_count.value)
            assert self.credit[queue] >= 0, "more chains than credit"
        if dut.m_done_valid.value == 1:
            queue = int(dut.m_done_queue.value)
            assert self.busy[queue], "the end of no visit"
            self.busy[queue] = False
            self.starved[queue] = dut.m_done_starved.value == 1
            if self.starved[queue] and self._late[queue]:
                self.pending[queue], self.starved[queue] = True, False

    def due(self, queue: int) -> bool:
        """Whether a visit of a queue begins now; it does then."""
        if not self.pending[queue] or self.busy[queue]:
            return False
        self.pending[queue], self.busy[queue] = False, True
        self.starved[queue] = self._late[queue] = False
        return True

    def grant(self, queue: int, count: int) -> None:
        """Let the device function give credit."""
        self.credit[queue] += count
        self._late[queue] = True
        if self.starved[queue]:
            self.pending[queue], self.starved[queue] = True, False
