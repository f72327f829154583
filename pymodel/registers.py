# SPDX-License-Identifier: Apache-2.0
"""The one description of the device's registers (section 4.2.2 and the engine's own).

`rtl/transport/vq_regs.vh` and `docs/registers.md` are generated from `REGISTERS`.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from .features import Interrupt, Status

REGISTER_SPACE = 0x1000  # bytes
CONFIG_BASE, CONFIG_END = 0x100, 0x800  # device configuration, byte addresses
OWN_BASE = 0xF00  # registers of the device function's own, up to the end of the space
MAGIC = 0x74726976  # "virt" (MMIO-DEV-01)
VERSION = 2  # MMIO-DEV-02
TEST_DEVICE_ID = 0x3F
VENDOR_ID = 0x4F505256


class Access(enum.Enum):
    """Which accesses do something; a read of a W register gives 0."""

    R = "R"
    W = "W"
    RW = "RW"


class Field(NamedTuple):
    """Bits `high` down to `low` of a register."""

    name: str
    high: int
    low: int
    meaning: str


class Register(NamedTuple):
    """A 32-bit register.

    `offset` is in bytes; `reset` is the value read after a reset, None where it depends on the
    device's parameters; `per_queue` registers act on the queue in QueueSel (MMIO-XDEV-08).
    """

    offset: int
    name: str
    access: Access
    reset: int | None
    meaning: str
    clause: str  # clause id or section; "engine" for the engine's own
    per_queue: bool = False
    fields: tuple[Field, ...] = ()


class Reg(enum.IntEnum):
    """Byte offsets by name."""

    MAGIC_VALUE = 0x000
    VERSION = 0x004
    DEVICE_ID = 0x008
    VENDOR_ID = 0x00C
    DEVICE_FEATURES = 0x010
    DEVICE_FEATURES_SEL = 0x014
    DRIVER_FEATURES = 0x020
    DRIVER_FEATURES_SEL = 0x024
    QUEUE_SEL = 0x030
    QUEUE_SIZE_MAX = 0x034
    QUEUE_SIZE = 0x038
    QUEUE_READY = 0x044
    QUEUE_NOTIFY = 0x050
    INTERRUPT_STATUS = 0x060
    INTERRUPT_ACK = 0x064
    STATUS = 0x070
    QUEUE_DESC_LOW = 0x080
    QUEUE_DESC_HIGH = 0x084
    QUEUE_DRIVER_LOW = 0x090
    QUEUE_DRIVER_HIGH = 0x094
    QUEUE_DEVICE_LOW = 0x0A0
    QUEUE_DEVICE_HIGH = 0x0A4
    SHM_SEL = 0x0AC
    SHM_LEN_LOW = 0x0B0
    SHM_LEN_HIGH = 0x0B4
    SHM_BASE_LOW = 0x0B8
    SHM_BASE_HIGH = 0x0BC
    QUEUE_RESET = 0x0C0
    CONFIG_GENERATION = 0x0FC
    FAULT_CODE = 0x800
    FAULT_QUEUE = 0x804
    FAULT_DESCRIPTOR = 0x808
    FAULT_COUNT = 0x80C
    QUEUE_FAULT = 0x810
    ENGINE_INFO = 0x814
    QUEUE_AVAIL_INDEX = 0x818
    QUEUE_USED_INDEX = 0x81C
    ENGINE_STATE = 0x820
    QUEUE_START = 0x824


class Config(enum.IntEnum):
    """Byte offsets of the test device's configuration registers."""

    MODE = 0x100
    SINK_ERRORS = 0x104


def _bits(flags: type[enum.IntFlag], meanings: dict[str, str]) -> tuple[Field, ...]:
    """One field per flag; its meaning is looked up, so a flag without one is noticed."""
    return tuple(
        Field(flag.name or "", flag.bit_length() - 1, flag.bit_length() - 1, meanings[flag.name])
        for flag in flags
        if flag.name is not None and flag.name in meanings
    )


_STATUS = _bits(
    Status,
    {
        "ACKNOWLEDGE": "the driver has noticed the device",
        "DRIVER": "the driver knows how to drive it",
        "DRIVER_OK": "the driver is set up",
        "FEATURES_OK": "the features are agreed; set by the device only if they are acceptable",
        "SUSPEND": "with SUSPEND: the device is suspended, and DRIVER_OK reads 0",
        "NEEDS_RESET": "the device met a fault; set by the device only",
        "FAILED": "the driver gave up",
    },
)
EVENTS = _bits(
    Interrupt,
    {"USED_BUFFER": "a used buffer", "CONFIG_CHANGE": "a configuration change, so also a fault"},
)
_R, _W, _RW = Access.R, Access.W, Access.RW

REGISTERS: tuple[Register, ...] = (
    Register(0x000, "MagicValue", _R, MAGIC, "the letters virt", "MMIO-DEV-01"),
    Register(0x004, "Version", _R, VERSION, "register layout version", "MMIO-DEV-02"),
    Register(0x008, "DeviceID", _R, None, "virtio device type", "MMIO-XDEV-01"),
    Register(0x00C, "VendorID", _R, VENDOR_ID, "vendor", "MMIO-XDEV-01"),
    Register(0x010, "DeviceFeatures", _R, None, "offer, word DeviceFeaturesSel", "MMIO-XDEV-02"),
    Register(0x014, "DeviceFeaturesSel", _W, 0, "word of the offer, 0 or 1", "MMIO-XDEV-02"),
    Register(
        0x020,
        "DriverFeatures",
        _W,
        0,
        "accepted features, word DriverFeaturesSel; locked by FEATURES_OK",
        "MMIO-XDEV-02",
    ),
    Register(0x024, "DriverFeaturesSel", _W, 0, "word of DriverFeatures", "MMIO-XDEV-02"),
    Register(0x030, "QueueSel", _W, 0, "queue that the queue registers act on", "MMIO-XDEV-08"),
    Register(
        0x034,
        "QueueSizeMax",
        _R,
        None,
        "largest queue size, 0 for an absent queue",
        "MMIO-XDEV-03",
        per_queue=True,
    ),
    Register(0x038, "QueueSize", _W, 0, "queue size, descriptors", "MMIO-DRV-14", per_queue=True),
    Register(
        0x044,
        "QueueReady",
        _RW,
        0,
        "1 makes the queue live if its set-up is right, 0 stops it",
        "MMIO-XDEV-04",
        per_queue=True,
    ),
    Register(
        0x050,
        "QueueNotify",
        _W,
        0,
        "queue with new buffers; with NOTIFICATION_DATA bits 31:16 tell the available index",
        "NOTIF-XDRV-01",
    ),
    Register(
        0x060,
        "InterruptStatus",
        _R,
        0,
        "events not acknowledged",
        "MMIO-XDEV-06",
        fields=EVENTS,
    ),
    Register(
        0x064,
        "InterruptACK",
        _W,
        0,
        "events to acknowledge",
        "MMIO-DEV-03",
        fields=EVENTS,
    ),
    Register(
        0x070,
        "Status",
        _RW,
        0,
        "gains the bits written; 0 resets",
        "MMIO-XDEV-05",
        fields=_STATUS,
    ),
    Register(
        0x080, "QueueDescLow", _W, 0, "descriptor table, address bits 31:0", "SPLIT-DRV-01", True
    ),
    Register(0x084, "QueueDescHigh", _W, 0, "descriptor table, bits 63:32", "SPLIT-DRV-01", True),
    Register(
        0x090, "QueueDriverLow", _W, 0, "available ring, address bits 31:0", "SPLIT-DRV-01", True
    ),
    Register(0x094, "QueueDriverHigh", _W, 0, "available ring, bits 63:32", "SPLIT-DRV-01", True),
    Register(0x0A0, "QueueDeviceLow", _W, 0, "used ring, address bits 31:0", "SPLIT-DRV-01", True),
    Register(0x0A4, "QueueDeviceHigh", _W, 0, "used ring, bits 63:32", "SPLIT-DRV-01", True),
    Register(0x0AC, "SHMSel", _W, 0, "shared memory region; there is none", "MMIO-XDEV-07"),
    Register(0x0B0, "SHMLenLow", _R, 0xFFFFFFFF, "no such region", "MMIO-XDEV-07"),
    Register(0x0B4, "SHMLenHigh", _R, 0xFFFFFFFF, "no such region", "MMIO-XDEV-07"),
    Register(0x0B8, "SHMBaseLow", _R, 0xFFFFFFFF, "no such region", "MMIO-XDEV-07"),
    Register(0x0BC, "SHMBaseHigh", _R, 0xFFFFFFFF, "no such region", "MMIO-XDEV-07"),
    Register(
        0x0C0,
        "QueueReset",
        _RW,
        0,
        "with RING_RESET 1 resets the queue, and reads 1 until that is done",
        "MMIO-DEV-10",
        per_queue=True,
    ),
    Register(
        0x0FC,
        "ConfigGeneration",
        _R,
        0,
        "counts the changes of the configuration since reset that the driver did not write",
        "MMIO-DEV-06",
    ),
    Register(
        0x800, "FaultCode", _R, 0, "code of the first fault since reset, 0 for none", "engine"
    ),
    Register(0x804, "FaultQueue", _R, 0, "queue of that fault", "engine"),
    Register(
        0x808,
        "FaultDescriptor",
        _R,
        0,
        "descriptor of that fault",
        "engine",
        fields=(
            Field("IN_TABLE", 31, 31, "it lies in an indirect table"),
            Field("INDEX", 15, 0, "its index"),
        ),
    ),
    Register(0x80C, "FaultCount", _R, 0, "faults since reset, saturating at 2^16 - 1", "engine"),
    Register(0x810, "QueueFault", _R, 0, "its first fault code, or 0", "engine", per_queue=True),
    Register(
        0x814,
        "EngineInfo",
        _R,
        None,
        "what was built",
        "engine",
        fields=(
            Field("MAX_CHAIN", 31, 16, "longest chain, descriptors"),
            Field("BUS_BYTES_LOG2", 15, 8, "log2 of the data bus width in bytes"),
            Field("QUEUES", 7, 0, "number of queues"),
        ),
    ),
    Register(
        0x818,
        "QueueAvailIndex",
        _R,
        0,
        "next available index that the engine will fetch",
        "engine",
        per_queue=True,
    ),
    Register(0x81C, "QueueUsedIndex", _R, 0, "used index last published", "engine", per_queue=True),
    Register(
        0x820,
        "EngineState",
        _R,
        1,
        "what the engine is doing",
        "engine",
        fields=(Field("IDLE", 0, 0, "nothing pending, nothing in flight"),),
    ),
    Register(
        0x824,
        "QueueStart",
        _W,
        0,
        "where the queue goes on when it is next made ready, as the index registers tell it; until "
        "then, a stop or a reset; a queue that is not told starts as a new one",
        "engine",
        per_queue=True,
        fields=(
            Field("USED", 31, 16, "used index"),
            Field("AVAIL", 15, 0, "available index"),
        ),
    ),
)

CONFIG_REGISTERS: tuple[Register, ...] = (
    Register(0x100, "Mode", _RW, 0, "0 loopback, 1 pattern; change only while idle", "engine"),
    Register(
        0x104,
        "SinkErrors",
        _R,
        0,
        "readable bytes of the pattern mode that differed, saturating",
        "engine",
    ),
)

BY_OFFSET = {register.offset: register for register in REGISTERS + CONFIG_REGISTERS}
SET_UP = frozenset(  # registers that a suspended device keeps as they are
    reg
    for reg in Reg
    if reg.name.startswith(("QUEUE_D", "QUEUE_R")) or reg in (Reg.QUEUE_SIZE, Reg.QUEUE_START)
)


def check_offset(offset: int) -> None:
    """Raise ValueError unless `offset` is a byte of the register space."""
    if not 0 <= offset < REGISTER_SPACE:
        raise ValueError(f"register offset {offset:#x} is outside the 4 KiB of registers")
