# SPDX-License-Identifier: Apache-2.0
"""The whole device as a model: registers, queues, device function, interrupt line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from .device_queue import WORD, DeviceQueue, layout_type
from .device_ring import DeviceRing
from .device_service import QueueService
from .device_status import DeviceStatus
from .faults import Fault, QueueFault
from .features import MODEL_OFFER, OFFER, Feature, Status, feature_word
from .functions import DeviceFunction, TestFunction
from .layout import MAX_QUEUE_SIZE
from .memory import Memory
from .registers import (
    BY_OFFSET,
    CONFIG_BASE,
    CONFIG_END,
    OWN_BASE,
    SET_UP,
    Access,
    Reg,
    check_offset,
)
from .walker import Chain

FAULT_COUNT_MAX = 0xFFFF
IN_TABLE = 1 << 31  # bit of FaultDescriptor


class ModelDevice:
    """A virtio-mmio device with split queues, or packed ones where that was negotiated.

    Nothing happens by itself: a notification is remembered, and `run` or `step` serves it.

    Args:
        memory: guest memory.
        queues: number of queues.
        queue_size_max: largest queue size, descriptors, a power of two unless packed queues
            are offered.
        max_chain: longest chain taken, descriptors (SPLIT-DEV-02); None is `queue_size_max`.
        data_w: data bus width that EngineInfo tells, bits.
        function: the device function; None is the test device's own.
        offer: feature bits offered, of MODEL_OFFER; packed queues only if RING_PACKED is there.
            Those of the function's device type come to them.
        batch: with IN_ORDER, the most chains that one used element returns.
        batch_end: with IN_ORDER, called with a queue's number, ring and ring index before each
            batch: the id of the chain that is to end it, else None. For a comparison in which
            another device chose the batches.
        start_index: test hook, first index where QueueStart tells none.
        on_step: called with (queue, step name) after each memory step, for tests of races.

    Attributes:
        called: queues that raised a used-buffer notification, for transports with a vector each;
            the caller empties it.

    Raises:
        ValueError: an argument is out of its range.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        queues: int = 1,
        queue_size_max: int = 256,
        max_chain: int | None = None,
        data_w: int = 64,
        function: DeviceFunction | None = None,
        offer: Feature = OFFER,
        batch: int = 1,
        batch_end: Callable[[int, DeviceRing, int], int | None] | None = None,
        start_index: int | None = None,
        on_step: Callable[[int, str], None] | None = None,
    ) -> None:
        if not 1 <= queues <= 255:
            raise ValueError(f"{queues} queues, not 1 to 255")
        if offer & ~MODEL_OFFER:
            raise ValueError(f"the model does not have the features {offer & ~MODEL_OFFER:#x}")
        if not layout_type(offer).valid_size(queue_size_max):
            raise ValueError(f"no queue of that format can have {queue_size_max} descriptors")
        if data_w < 8 or data_w & (data_w - 1):
            raise ValueError(f"data width {data_w} is not a power of two of at least 8 bits")
        self.max_chain = queue_size_max if max_chain is None else max_chain
        if not 1 <= self.max_chain <= MAX_QUEUE_SIZE:
            raise ValueError(f"longest chain {max_chain} is not 1 to {MAX_QUEUE_SIZE}")
        if batch < 1:
            raise ValueError(f"batches of {batch} chains")
        self.batch = batch
        self.batch_end = batch_end
        self.queue_count = queues
        self.queue_size_max = queue_size_max
        self.function: DeviceFunction = TestFunction() if function is None else function
        self.function.on_change = self._config_changed
        self.offer = Feature(int(offer) | self.function.features)
        self.on_step = on_step
        self.called: set[int] = set()
        self._memory = memory
        self._bus_log2 = (data_w // 8).bit_length() - 1
        self._start_index = start_index
        self._reset()

    def _reset(self) -> None:
        """Everything back to its first state (RST-DEV-01, MMIO-DEV-05)."""
        self.function.reset()
        self._state = DeviceStatus()
        self._driver_features = 0
        self._selected = dict.fromkeys(
            (Reg.DEVICE_FEATURES_SEL, Reg.DRIVER_FEATURES_SEL, Reg.QUEUE_SEL), 0
        )
        self._queues = [DeviceQueue() for _ in range(self.queue_count)]
        self._fault = (0, 0, 0)  # code, queue, descriptor as the registers show them
        self._fault_count = 0
        self._generation = 0

    # ---- what a test may look at

    @property
    def interrupt_line(self) -> bool:
        """Whether the interrupt line is high (MMIO-XDEV-06)."""
        return self._state.interrupt != 0

    @property
    def status(self) -> Status:
        """The device status field."""
        return self._state.bits

    @property
    def negotiated(self) -> Feature:
        """The features in force: those of the driver once FEATURES_OK is set."""
        return Feature(self._driver_features if self._state.has(Status.FEATURES_OK) else 0)

    @property
    def idle(self) -> bool:
        """Whether nothing is pending."""
        return not any(
            queue.notified or (queue.working and not queue.starved) for queue in self._queues
        )

    def ring(self, queue: int) -> DeviceRing | None:
        """The device side of a ready queue, else None."""
        return self._queues[queue].ring

    def held(self, queue: int) -> Sequence[Chain]:
        """Chains that wait in the function, the oldest first."""
        return self._queues[queue].held

    # ---- registers

    def read32(self, offset: int) -> int:
        """Read the register at byte `offset`; an undefined or write-only one gives 0.

        Raises:
            ValueError: `offset` is outside the register space.
        """
        check_offset(offset)
        if CONFIG_BASE <= offset < CONFIG_END:
            return self.function.read_config_word((offset & ~3) - CONFIG_BASE)
        if offset >= OWN_BASE:
            own = self.function.own_registers()
            number = (offset - OWN_BASE) // 4
            return own[number] if number < len(own) else 0
        register = BY_OFFSET.get(offset)
        if register is None or register.access is Access.W:
            return 0
        value = self._read_dynamic(Reg(offset))
        if value is not None:
            return value
        assert register.reset is not None
        return register.reset

    def write32(self, offset: int, value: int, strobe: int = 0xF) -> None:
        """Write the register at byte `offset`; bit i of `strobe` enables byte i.

        Raises:
            ValueError: `offset`, `value` or `strobe` is out of its range.
        """
        check_offset(offset)
        if not 0 <= value <= WORD or not 0 <= strobe <= 0xF:
            raise ValueError(f"write of {value:#x} with strobe {strobe:#x} at {offset:#x}")
        if self._state.has(Status.SUSPEND) and (offset >= CONFIG_BASE or offset in SET_UP):
            return  # SUSP-DEV-02, SUSP-DEV-03
        if CONFIG_BASE <= offset < CONFIG_END:
            self.function.write_config_word((offset & ~3) - CONFIG_BASE, value, strobe)
            return
        register = BY_OFFSET.get(offset)
        if register is None or register.access is Access.R:
            return
        if strobe == 0xF:  # control registers take whole words only (MMIO-DRV-04)
            self._write_control(Reg(offset), value)

    def _read_dynamic(self, reg: Reg) -> int | None:
        """The value of a register that is not a constant."""
        queue = self._queue(self._selected[Reg.QUEUE_SEL])
        if reg is Reg.DEVICE_ID:
            return self.function.device_id
        if reg is Reg.CONFIG_GENERATION:
            return self._generation
        if reg is Reg.DEVICE_FEATURES:
            return feature_word(self.offer, self._selected[Reg.DEVICE_FEATURES_SEL])
        if reg is Reg.QUEUE_SIZE_MAX:
            return self.queue_size_max if queue else 0
        if reg is Reg.QUEUE_READY:
            return int(queue is not None and queue.ring is not None)
        if reg is Reg.INTERRUPT_STATUS:
            return self._state.interrupt
        if reg is Reg.STATUS:
            return int(self._state.bits)
        if reg in (Reg.FAULT_CODE, Reg.FAULT_QUEUE, Reg.FAULT_DESCRIPTOR):
            return self._fault[(reg - Reg.FAULT_CODE) // 4]
        if reg is Reg.FAULT_COUNT:
            return self._fault_count
        if reg is Reg.QUEUE_FAULT:
            return queue.fault if queue else 0
        if reg is Reg.ENGINE_INFO:
            return self.max_chain << 16 | self._bus_log2 << 8 | self.queue_count
        if reg is Reg.QUEUE_AVAIL_INDEX:
            return queue.ring.next_avail if queue and queue.ring else 0
        if reg is Reg.QUEUE_USED_INDEX:
            return queue.ring.used_index if queue and queue.ring else 0
        if reg is Reg.ENGINE_STATE:
            return int(self.idle)
        return None

    def _write_control(self, reg: Reg, value: int) -> None:
        if reg in self._selected:
            self._selected[reg] = value
        elif reg is Reg.DRIVER_FEATURES:
            self._write_features(value)
        elif reg is Reg.STATUS:
            self._write_status(value)
        elif reg is Reg.INTERRUPT_ACK:
            self._state.interrupt &= ~value  # MMIO-DEV-03
        elif reg is Reg.QUEUE_NOTIFY:
            self._notify(value)
        elif reg is Reg.QUEUE_READY:
            self._write_ready(value)
        elif reg is Reg.QUEUE_RESET:
            self._write_reset(value)
        elif (queue := self._queue(self._selected[Reg.QUEUE_SEL])) is not None:
            queue.write(reg, value)

    def _config_changed(self) -> None:
        """The function's configuration changed by itself (MMIO-DEV-06, CFG-XDEV-02)."""
        self._generation = (self._generation + 1) & WORD
        self._state.config_changed()

    def _write_features(self, value: int) -> None:
        if self._state.has(Status.FEATURES_OK):
            return  # locked (INIT-DRV-04)
        shift = 32 * self._selected[Reg.DRIVER_FEATURES_SEL]
        if shift <= 32:
            self._driver_features &= ~(WORD << shift)
            self._driver_features |= value << shift

    def _write_status(self, value: int) -> None:
        if value == 0:
            self._reset()
            return
        features = self._driver_features
        acceptable = (
            not features & ~int(self.offer)
            and bool(features & Feature.VERSION_1)
            and self.function.accepts(features)
        )
        locked = self._state.has(Status.FEATURES_OK)
        self._state.write(value, acceptable, bool(self.negotiated & Feature.SUSPEND))
        if self._state.has(Status.FEATURES_OK) and not locked:
            self.function.configure(features)

    def _write_ready(self, value: int) -> None:
        number = self._selected[Reg.QUEUE_SEL]
        queue = self._queue(number)
        if value & 1 == 0:
            if queue is not None:
                self._stop(number, queue)
        elif queue is None:
            self._record(Fault.NO_SUCH_QUEUE, number)
        elif queue.ring is None:
            fault = queue.set_up_fault(self.negotiated, self.queue_size_max)
            if fault is not None:
                self._record(fault, number)
            else:
                hook = None if self.on_step is None else self._step_of(number)
                queue.start(self._memory, self.negotiated, self.max_chain, self._start_index, hook)
                self.function.started(number)

    def _write_reset(self, value: int) -> None:
        """Reset the selected queue, which is done at once (MMIO-DEV-10 to 12)."""
        number = self._selected[Reg.QUEUE_SEL]
        queue = self._queue(number)
        if value & 1 and queue is not None and self.negotiated & Feature.RING_RESET:
            self._stop(number, queue)

    def _stop(self, number: int, queue: DeviceQueue) -> None:
        queue.stop()
        self.function.stopped(number)

    def _notify(self, value: int) -> None:
        """Remember a notification, and the index that it tells (NOTIF-XDRV-02)."""
        told = bool(self.negotiated & Feature.NOTIFICATION_DATA)
        number = value & 0xFFFF if told else value
        queue = self._queue(number)
        if queue is None:
            self._record(Fault.NO_SUCH_QUEUE, number)
        elif queue.ring is not None and not queue.stopped:
            queue.notified = True  # served from DRIVER_OK on (STAT-DEV-01)
            if told and not queue.serving and not queue.working:
                queue.ring.tell(value >> 16)

    # ---- work

    def run(self) -> None:
        """Serve every notified queue, and the chains that wait, until all are idle."""
        if not self._state.has(Status.DRIVER_OK):
            return
        for number, queue in enumerate(self._queues):
            if queue.notified or queue.working or queue.held:
                self._guarded(number, QueueService.serve)

    def step(self, number: int) -> bool:
        """Fetch, process and return one chain of a queue, or one batch, notified or not.

        For a comparison in which another device chose the order. `run` or `settle` makes the
        queue go idle afterwards.

        Returns:
            False if there was no chain, or the queue is not live or met a fault.
        """
        queue = self._queues[number]
        if queue.ring is None or queue.stopped or not self._state.has(Status.DRIVER_OK):
            return False
        before = queue.ring.used_index
        self._guarded(number, QueueService.serve_one)
        return queue.ring.used_index != before

    def settle(self, number: int) -> None:
        """Let one queue do what is left and go idle."""
        if self._queues[number].working and self._state.has(Status.DRIVER_OK):
            self._guarded(number, QueueService.serve)

    def _guarded(self, number: int, serve: Callable[[QueueService], object]) -> None:
        """Serve a live queue; a fault stops it and no other."""
        queue = self._queues[number]
        if queue.ring is None or queue.stopped:
            return
        event_idx = bool(self.negotiated & Feature.EVENT_IDX)
        queue.ring.set_features(event_idx, bool(self.negotiated & Feature.INDIRECT_DESC))
        queue.serving, queue.untouched = True, False
        try:
            serve(self._service(number, queue, queue.ring))
        except QueueFault as error:
            queue.stopped, queue.notified = True, False
            if error.fault.precise:
                queue.ring.abandon()
            self._record(error.fault, number, error.descriptor | IN_TABLE * error.in_table)
        finally:
            queue.serving = False

    def _service(self, number: int, queue: DeviceQueue, ring: DeviceRing) -> QueueService:
        return QueueService(
            number,
            queue,
            ring,
            self.function,
            bool(self.negotiated & Feature.IN_ORDER),
            self.batch,
            self.batch_end,
            lambda: self._used_buffer(number),
        )

    def _used_buffer(self, number: int) -> None:
        self._state.used_buffer()
        self.called.add(number)

    def _record(self, fault: Fault, number: int, descriptor: int = 0) -> None:
        """Report a fault (STAT-DEV-02, STAT-DEV-03)."""
        if self._fault_count == 0:
            self._fault = (int(fault), number, descriptor)
        self._fault_count = min(self._fault_count + 1, FAULT_COUNT_MAX)
        queue = self._queue(number)
        if queue is not None and queue.fault == 0:
            queue.fault = int(fault)
        self._state.needs_reset()

    # ---- small helpers

    def _queue(self, number: int) -> DeviceQueue | None:
        return self._queues[number] if number < self.queue_count else None

    def _step_of(self, number: int) -> Callable[[str], None]:
        def step(name: str) -> None:
            if self.on_step is not None:
                self.on_step(number, name)

        return step
