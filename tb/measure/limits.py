# SPDX-License-Identifier: Apache-2.0
"""The lower bound of bus beats per buffer: what "the limit" is in every throughput figure.

Both data channels of the bus carry a beat a cycle, so a buffer takes at least as many cycles as
the busier one has beats for it. Counted for each buffer, in batches of `batch`:

- its payload: the beats that its bytes touch;
- its share of what the ring's format makes a device read and write at least once a batch, in the
  fewest beats that hold those bytes. Neighbours in memory share beats, over the whole batch.

| | split | packed |
|---|---|---|
| read once a batch | available index, suppression | the next descriptor, suppression |
| read, neighbours together | entries (2 bytes), descriptors (16) | descriptors (16) |
| written once a batch | used index, avail_event | suppression |
| written, neighbours together | elements (8 bytes) | elements (8 of 16 bytes) |

With IN_ORDER one element stands for its batch. `tests/spec/bus_limits.csv` holds the same figures
for one descriptor a buffer, descriptors in table order, and buffers that begin on a line.

Beyond that table:

- *descriptors*: each of a buffer's descriptors is read; its payload lies in as many segments,
  each of which begins on a line of its own. In table order they share beats over the whole batch.
- *indirect*: the ring holds one descriptor a buffer; the table is read besides, and begins on a
  line of its own.
- *random order*: no two descriptors share a beat, neither of a batch nor of a chain.
- *unaligned*: buffers begin at each residue from 1 to 63 equally often; the mean of the beats
  that they touch counts.
"""

from __future__ import annotations

from typing import NamedTuple, Optional

DESCRIPTOR, ENTRY, ELEMENT = 16, 2, 8  # bytes
LINE = 64  # bytes of the widest bus: segments of a buffer and tables begin on one
SEGMENT_STEP = 8  # bytes; a buffer is cut into segments of multiples of it


class Limit(NamedTuple):
    """Beats of one buffer, its share of its batch's included."""

    payload: float
    reads: float  # of descriptors and rings
    writes: float  # of rings

    def cycles(self, direction: str) -> float:
        """Return the fewest cycles a buffer: "tx" is readable, "rx" writable by the device."""
        if direction == "tx":
            return max(self.payload + self.reads, self.writes)
        return max(self.payload + self.writes, self.reads)

    @property
    def shared(self) -> float:
        """Cycles a buffer where reads and writes share one channel."""
        return self.payload + self.reads + self.writes


def segments(payload: int, count: int) -> list[int]:
    """Return the lengths of the segments into which a buffer of `payload` bytes is cut."""
    each = -(-payload // (count * SEGMENT_STEP)) * SEGMENT_STEP
    lengths = [each] * (count - 1)
    lengths.append(payload - sum(lengths))
    if lengths[-1] <= 0:
        raise ValueError(f"{payload} bytes are too few for {count} segments")
    return lengths


def touched(offset: int, length: int, bus: int) -> int:
    """Return the beats that `length` bytes touch from a byte address `offset` on."""
    return (offset % bus + length + bus - 1) // bus


def payload_beats(payload: int, bus: int, descriptors: int = 1, aligned: bool = True) -> float:
    """Return the beats of a buffer's payload; the mean over all residues if not aligned."""
    offsets = range(1) if aligned else range(1, LINE)
    beats = [touched(at, n, bus) for at in offsets for n in segments(payload, descriptors)]
    return sum(beats) / len(offsets)


def _packed_together(each: int, batch: Optional[int], bus: int) -> float:
    """Return beats a buffer for `each` bytes a buffer that lie one after the other."""
    if batch is None:
        return each / bus
    return -(-each * batch // bus) / batch


def limit(
    ring: str,
    bus_bits: int,
    payload: int,
    batch: Optional[int],
    *,
    in_order: bool = False,
    descriptors: int = 1,
    indirect: bool = False,
    order: str = "table",
    aligned: bool = True,
) -> Limit:
    """Return the fewest beats of one buffer.

    Args:
        ring: "split" or "packed".
        bus_bits: width of the data bus.
        payload: bytes of a buffer.
        batch: buffers published at once; None is the limit of large batches.
        in_order: IN_ORDER was negotiated.
        descriptors: of each buffer.
        indirect: they are in a table of their own.
        order: of the descriptors in their table, "table" or "random".
        aligned: buffers begin on a line.
    """
    if ring not in ("split", "packed") or order not in ("table", "random"):
        raise ValueError(f"no limit is known for ring {ring!r}, order {order!r}")
    bus = bus_bits // 8
    once = 0.0 if batch is None else 1 / batch
    in_ring = 1 if indirect else descriptors
    if order == "table":
        reads = _packed_together(DESCRIPTOR * in_ring, batch, bus)
    else:
        reads = in_ring * float(touched(0, DESCRIPTOR, bus))
    if indirect:
        reads += touched(0, DESCRIPTOR * descriptors, bus)
    reads += 2 * once
    if ring == "split":
        reads += _packed_together(ENTRY, batch, bus)
        writes = 2 * once + (once if in_order else _packed_together(ELEMENT, batch, bus))
    else:
        element = min(1.0, _packed_together(DESCRIPTOR * in_ring, batch, bus))
        writes = once + (once if in_order else element)
    return Limit(payload_beats(payload, bus, descriptors, aligned), reads, writes)
