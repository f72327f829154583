# SPDX-License-Identifier: Apache-2.0
"""Golden model of virtqueues: both sides of split and packed rings and of a register port."""

from __future__ import annotations

from .allocator import Allocator, OutOfMemory
from .blk_driver import VirtioBlk
from .blk_function import BLK_CONFIG, BlkFeature, BlkFunction, BlkLimits
from .blk_request import BlkError, BlkRequest
from .bus import Bus, Slot, SlotState
from .compare import Difference, compare
from .config_space import ConfigField, ConfigSpace
from .device import ModelDevice
from .device_ring import DeviceRing
from .disk import Disk
from .draw import DeviceIndices, draw_ring, draw_side_by_side
from .driver import Driver
from .drivers import DRIVERS
from .faults import ChainError, Fault, QueueFault
from .features import MODEL_OFFER, OFFER, Feature, Interrupt, Status
from .functions import DeviceFunction, Loopback, Pattern, TestFunction, pattern_bytes
from .initialise import initialise
from .layout import Descriptor, QueueLayout, Segment, SplitLayout, need_event
from .machine import Machine
from .memory import GuestMemory, Memory, MemoryFault, MemoryFaultKind, Region
from .net_driver import NetError, VirtioNet
from .net_function import NET_CONFIG, NetFeature, NetFunction
from .packed_device import PackedDevice
from .packed_driver import PackedVirtqueue
from .packed_layout import EventSuppression, PackedDescriptor, PackedLayout, Position
from .queue_request import DeviceError, QueueRequest, Returned
from .registers import CONFIG_REGISTERS, REGISTERS, Access, Config, Field, Reg, Register
from .ring_driver import RingVirtqueue
from .rng_driver import VirtioRng
from .rng_function import RngFunction, Xorshift
from .socket_device import SocketDevice
from .socket_driver import Port, SocketVirtqueue, open_port
from .socket_registers import (
    PORT_REGISTERS,
    WINDOW_REGISTERS,
    Control,
    PortInfo,
    PortReg,
    Window,
)
from .split_device import SplitDevice
from .split_driver import SplitVirtqueue
from .state import Area, PackedState, RingState, SplitState, UsedElement
from .steps import run_async, run_sync
from .traces import Trace, TraceChain, TraceError, TraceSegment, parse_trace, read_trace
from .transport import (
    FaultReport,
    InitError,
    read_fault,
    reset_queue,
    resume,
    start_queue,
    stop_queue,
    suspend,
    take_interrupt,
)
from .virtio_device import VirtioDevice
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
from .walker import Chain, ChainWalker, PackedWalker

__all__ = [
    "BLK_CONFIG",
    "CONFIG_REGISTERS",
    "DRIVERS",
    "MODEL_OFFER",
    "NET_CONFIG",
    "OFFER",
    "PORT_REGISTERS",
    "REGISTERS",
    "WINDOW_REGISTERS",
    "Access",
    "Allocator",
    "Area",
    "BlkError",
    "BlkFeature",
    "BlkFunction",
    "BlkLimits",
    "BlkRequest",
    "BrokenQueueError",
    "Bus",
    "BusyError",
    "Chain",
    "ChainError",
    "ChainWalker",
    "ConcurrentUseError",
    "Config",
    "ConfigField",
    "ConfigSpace",
    "Control",
    "Descriptor",
    "DeviceError",
    "DeviceFunction",
    "DeviceIndices",
    "DeviceRing",
    "Difference",
    "Disk",
    "Driver",
    "EventSuppression",
    "Fault",
    "FaultReport",
    "Feature",
    "Field",
    "GuestMemory",
    "InitError",
    "Interrupt",
    "InvalidArgumentError",
    "Loopback",
    "Machine",
    "Memory",
    "MemoryFault",
    "MemoryFaultKind",
    "ModelDevice",
    "NetError",
    "NetFeature",
    "NetFunction",
    "NoSpaceError",
    "NotOutstandingError",
    "OutOfMemory",
    "PackedDescriptor",
    "PackedDevice",
    "PackedLayout",
    "PackedState",
    "PackedVirtqueue",
    "PackedWalker",
    "Pattern",
    "Port",
    "PortInfo",
    "PortReg",
    "Position",
    "QueueFault",
    "QueueLayout",
    "QueueRequest",
    "Reg",
    "Region",
    "Register",
    "Returned",
    "RingState",
    "RingVirtqueue",
    "RngFunction",
    "Segment",
    "Slot",
    "SlotState",
    "SocketDevice",
    "SocketVirtqueue",
    "SplitDevice",
    "SplitLayout",
    "SplitState",
    "SplitVirtqueue",
    "Status",
    "TestFunction",
    "Trace",
    "TraceChain",
    "TraceError",
    "TraceSegment",
    "UsedBuffer",
    "UsedElement",
    "VirtioBlk",
    "VirtioDevice",
    "VirtioNet",
    "VirtioRng",
    "Virtqueue",
    "VirtqueueError",
    "Window",
    "Xorshift",
    "compare",
    "draw_ring",
    "draw_side_by_side",
    "initialise",
    "need_event",
    "open_port",
    "parse_trace",
    "pattern_bytes",
    "read_fault",
    "read_trace",
    "reset_queue",
    "resume",
    "run_async",
    "run_sync",
    "start_queue",
    "stop_queue",
    "suspend",
    "take_interrupt",
]
