# SPDX-License-Identifier: Apache-2.0
"""The device side of one queue, whatever its format."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Callable, NamedTuple

from .faults import Fault, QueueFault
from .layout import U16, QueueLayout
from .memory import Memory, MemoryFault
from .walker import Chain


class UsedChains(NamedTuple):
    """What one used element returns: chains, with IN_ORDER several, and the last one's bytes."""

    chains: Sequence[Chain]
    length: int


class DeviceRing(abc.ABC):
    """Fetches chains, moves their bytes, returns them, and decides on notifications.

    Every method raises `QueueFault` (for a chain `ChainError`) where the driver or the memory
    broke a rule; the queue must not be used after that.

    Args:
        memory: where everything is.
        layout: the ring's addresses and size.
        event_idx: EVENT_IDX was negotiated.
        on_step: called with a step's name after each memory step, for tests of races.

    Attributes:
        layout: the ring's addresses and size.
        working: notifications are not asked for. With the rings of an earlier life nobody knows,
            so its `take_over` sets this.
    """

    layout: QueueLayout

    def __init__(
        self,
        memory: Memory,
        layout: QueueLayout,
        event_idx: bool,
        on_step: Callable[[str], None] | None,
    ) -> None:
        self.event_idx = event_idx
        self.on_step = on_step
        self.working = False
        self._told: int | None = None
        self._memory = memory

    # ---- what a format says

    @property
    @abc.abstractmethod
    def next_avail(self) -> int:
        """Ring index of the next chain to be fetched, a 16-bit word."""

    @property
    @abc.abstractmethod
    def used_index(self) -> int:
        """Ring index up to which chains were returned, a 16-bit word."""

    @property
    @abc.abstractmethod
    def known(self) -> int:
        """Chains that may be fetched without another look."""

    @abc.abstractmethod
    def after(self, index: int, chains: Sequence[Chain]) -> int:
        """Return the ring index after chains that are returned from an index on."""

    @abc.abstractmethod
    def look(self) -> int:
        """Read whether there are new chains and return `known`."""

    @abc.abstractmethod
    def fetch(self) -> Chain:
        """Fetch the next chain; `known` must not be 0."""

    @abc.abstractmethod
    def set_features(self, event_idx: bool, indirect: bool) -> None:
        """Take over what was negotiated; only before the first chain."""

    @abc.abstractmethod
    def _return(self, elements: Sequence[UsedChains]) -> bool:
        """Tell the driver at once that the chains are used; whether it wants an interrupt."""

    @abc.abstractmethod
    def _refuse_notifications(self) -> None:
        """Ask for no more notifications, as far as the format lets one."""

    @abc.abstractmethod
    def _ask_for_notifications(self) -> None:
        """Ask for a notification of the next chain."""

    @abc.abstractmethod
    def _abandon(self) -> None:
        """Go idle without taking another chain."""

    # ---- what all formats do

    def tell(self, index: int) -> None:
        """Take the index that a notification told while the device did not work on the ring.

        A format may use it in place of its next look.
        """
        self._told = index

    def take_over(self) -> None:
        """Go on with rings that were served before, in whatever state that left the wishes."""
        self.working = True

    def start_work(self) -> None:
        """Ask for no more notifications (SPLIT-DEV-18 to 20, PACKED-DEV-11)."""
        if not self.working:
            self.working = True
            self._refuse_notifications()

    def go_idle(self) -> bool:
        """Ask for notifications, then look once more; False if there is work after all.

        A chain published before the wish was in memory raises no notification, so without the
        second look it would wait for the next one.
        """
        if not self.working:  # nothing fetched since the wish was written, or ever
            return True
        self._ask_for_notifications()
        self.working = False
        if self.look() == 0:
            return True
        self.start_work()
        return False

    def abandon(self) -> None:
        """Go idle after a fault of the driver's.

        No chain of the queue is taken any more; notifications are asked for as ever.
        """
        try:
            self._abandon()
        except QueueFault:  # the queue's first fault has been reported
            self.working = False

    def read_payload(self, chain: Chain) -> bytes:
        """Return the chain's readable bytes."""
        try:
            data = b"".join(
                self._memory.read(addr, length) for addr, length in chain.readable if length
            )
        except MemoryFault:
            raise QueueFault(Fault.MEM_READ) from None
        self._step("payload read")
        return data

    def complete(self, chain: Chain, data: bytes) -> bool:
        """Write `data` into the chain's writable segments and return the chain.

        Returns:
            Whether a used-buffer notification is due.

        Raises:
            ValueError: `data` is longer than the chain's writable bytes.
        """
        self.fill(chain, data)
        return self.give_back([chain], len(data))

    def fill(self, chain: Chain, data: bytes) -> None:
        """Write `data` into the chain's writable segments."""
        if len(data) > chain.writable_len:
            raise ValueError(f"{len(data)} bytes for a chain with {chain.writable_len} writable")
        done = 0
        for addr, length in chain.writable:
            piece = data[done : done + length]
            if not piece:
                continue
            try:
                self._memory.write(addr, piece)
            except MemoryFault:
                raise QueueFault(Fault.MEM_WRITE) from None
            done += length
        self._step("payload written")

    def give_back(self, chains: Sequence[Chain], length: int) -> bool:
        """Return filled chains by one used element, that of the last one.

        More than one only with IN_ORDER, in the order of their fetching, all but the last one
        filled whole (SPLIT-XDEV-06, PACKED-XDEV-09).

        Args:
            chains: the chains.
            length: bytes written into the last one.

        Returns:
            Whether a used-buffer notification is due.
        """
        return self._return([UsedChains(chains, length)])

    def give_back_together(self, chains: Sequence[Chain], lengths: Sequence[int]) -> bool:
        """Return filled chains by a used element each, so that the driver sees all or none.

        Args:
            chains: the chains, in the order of their fetching.
            lengths: bytes written into each.

        Returns:
            Whether a used-buffer notification is due.
        """
        return self._return([UsedChains([chain], n) for chain, n in zip(chains, lengths)])

    def give_back_batches(self, batches: Sequence[UsedChains]) -> bool:
        """Return filled chains by a used element a batch, see `give_back`, all at once.

        Returns:
            Whether a used-buffer notification is due.
        """
        return self._return(batches)

    # ---- memory accesses, each a step

    def _read(self, addr: int, length: int, fault: QueueFault, step: str) -> bytes:
        try:
            raw = self._memory.read(addr, length)
        except MemoryFault:
            raise fault from None
        self._step(step)
        return raw

    def _write(self, addr: int, data: bytes, step: str) -> None:
        try:
            self._memory.write(addr, data)
        except MemoryFault:
            raise QueueFault(Fault.MEM_USED) from None
        self._step(step)

    def _write16(self, addr: int, value: int, step: str) -> None:
        self._write(addr, U16.pack(value), step)

    def _step(self, name: str) -> None:
        if self.on_step is not None:
            self.on_step(name)
