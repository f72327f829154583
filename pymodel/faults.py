# SPDX-License-Identifier: Apache-2.0
"""What a driver can do wrong, as the codes that the device reports.

The values are those of the FaultCode register; `rtl/` gets them from here. Where a packed ring has
no such thing, `docs/architecture.md` says what a code means there.
"""

from __future__ import annotations

import enum


class Fault(enum.IntEnum):
    """One code per cause; 0 in a register means that there was no fault."""

    AVAIL_JUMP = 1  # available index moved by more than the queue size
    HEAD_RANGE = 2  # available entry names a descriptor not below the queue size
    NEXT_RANGE = 3  # next not below the queue size, or the entries of the table
    CHAIN_TOO_LONG = 4  # more descriptors than the queue size, so also a loop
    CHAIN_OVER_CAP = 5  # more descriptors than this device takes (SPLIT-DEV-02)
    READ_AFTER_WRITE = 6  # a readable descriptor after a writable one (SPLIT-DRV-02)
    INDIRECT_NOT_NEGOTIATED = 7  # INDIRECT without the feature (SPLIT-DRV-06)
    INDIRECT_NESTED = 8  # INDIRECT inside an indirect table (SPLIT-DRV-07)
    INDIRECT_WITH_NEXT = 9  # INDIRECT and NEXT in one descriptor (SPLIT-DRV-09)
    INDIRECT_SIZE = 10  # table length 0 or not a multiple of 16 bytes
    ADDR_WRAP = 11  # segment or table runs past 2^64
    CHAIN_BYTES = 12  # more than 2^32 - 1 readable or writable bytes in one chain
    MEM_AVAIL = 13  # memory refused a read of the available ring
    MEM_DESC = 14  # memory refused a read of the descriptor table
    MEM_INDIRECT = 15  # memory refused a read of an indirect table
    MEM_READ = 16  # memory refused a read of a readable buffer
    MEM_WRITE = 17  # memory refused a write of a writable buffer
    MEM_USED = 18  # memory refused a write of the used ring
    QUEUE_SIZE = 19  # queue made ready with size 0, not a power of two, or too large
    QUEUE_ALIGN = 20  # queue made ready with a misaligned ring (SPLIT-DRV-01)
    NO_SUCH_QUEUE = 21  # set-up or notification of a queue that does not exist
    # Of the socket port only
    FRAME_TAG = 22  # tag not below the slots, or of a frame that is not answered
    FRAME_SIZE = 23  # more readable or writable bytes than a FIFO holds
    FRAME_HEADER = 24  # a header where data is due: interleaved, or the frame before is too short
    FRAME_DATA = 25  # data where a header is due: the frame before is too long
    FRAME_CUT = 26  # the queue's life was ended in the midst of a frame
    PORT_STROBE = 27  # a word of a frame was written in part
    PORT_FULL = 28  # a word of a frame was written where there is no room
    PORT_EMPTY = 29  # an answer was read where there is none
    PORT_OFF = 30  # a word of a frame was written before the queue's life
    # Of rings again
    QUEUE_START = 31  # packed queue made ready to start at a place outside its ring

    @property
    def precise(self) -> bool:
        """Whether earlier chains of the queue are sure to be returned first."""
        return self <= Fault.MEM_INDIRECT


class QueueFault(Exception):
    """A queue must stop.

    Attributes:
        fault: why.
        descriptor: index of the descriptor at fault within its table, or 0.
        in_table: whether that table is an indirect one.
    """

    def __init__(self, fault: Fault, descriptor: int = 0, in_table: bool = False) -> None:
        where = f" at {'indirect ' if in_table else ''}descriptor {descriptor}"
        super().__init__(fault.name + where)
        self.fault = fault
        self.descriptor = descriptor
        self.in_table = in_table


class ChainError(QueueFault):
    """A refused chain: found while walking it, before any byte of it was used."""
