# SPDX-License-Identifier: Apache-2.0
"""Golden model of a virtio split-queue DMA engine: both sides of the ring, pure Python."""

from __future__ import annotations

from .allocator import Allocator, OutOfMemory
from .device import ModelDevice
from .draw import DeviceIndices, draw_ring, draw_side_by_side
from .faults import ChainError, Fault, QueueFault
from .features import OFFER, Feature, Interrupt, Status
from .functions import DeviceFunction, Loopback, Pattern, TestFunction, pattern_bytes
from .layout import Descriptor, Segment, SplitLayout, need_event
from .memory import GuestMemory, Memory, MemoryFault, MemoryFaultKind, Region
from .registers import CONFIG_REGISTERS, REGISTERS, Access, Config, Field, Reg, Register
from .split_device import SplitDevice
from .split_driver import SplitVirtqueue
from .state import Area, Difference, RingState, UsedElement, compare
from .traces import Trace, TraceChain, TraceError, TraceSegment, parse_trace, read_trace
from .transport import (
    FaultReport,
    InitError,
    VirtioDevice,
    initialise,
    read_fault,
    run_async,
    run_sync,
    start_queue,
    stop_queue,
    take_interrupt,
)
from .virtqueue import (
    BrokenQueueError,
    BusyError,
    ConcurrentUseError,
    InvalidArgumentError,
    NoSpaceError,
    NotOutstandingError,
    UsedBuffer,
    Virtqueue,
    VirtqueueError,
)
from .walker import Chain, ChainWalker

__all__ = [
    "CONFIG_REGISTERS",
    "OFFER",
    "REGISTERS",
    "Access",
    "Allocator",
    "Area",
    "BrokenQueueError",
    "BusyError",
    "Chain",
    "ChainError",
    "ChainWalker",
    "ConcurrentUseError",
    "Config",
    "Descriptor",
    "DeviceFunction",
    "DeviceIndices",
    "Difference",
    "Fault",
    "FaultReport",
    "Feature",
    "Field",
    "GuestMemory",
    "InitError",
    "Interrupt",
    "InvalidArgumentError",
    "Loopback",
    "Memory",
    "MemoryFault",
    "MemoryFaultKind",
    "ModelDevice",
    "NoSpaceError",
    "NotOutstandingError",
    "OutOfMemory",
    "Pattern",
    "QueueFault",
    "Reg",
    "Region",
    "Register",
    "RingState",
    "Segment",
    "SplitDevice",
    "SplitLayout",
    "SplitVirtqueue",
    "Status",
    "TestFunction",
    "Trace",
    "TraceChain",
    "TraceError",
    "TraceSegment",
    "UsedBuffer",
    "UsedElement",
    "VirtioDevice",
    "Virtqueue",
    "VirtqueueError",
    "compare",
    "draw_ring",
    "draw_side_by_side",
    "initialise",
    "need_event",
    "parse_trace",
    "pattern_bytes",
    "read_fault",
    "read_trace",
    "run_async",
    "run_sync",
    "start_queue",
    "stop_queue",
    "take_interrupt",
]
