# SPDX-License-Identifier: Apache-2.0
"""The guest memory that lives in the simulator's process, as Python sees it.

The bytes, the AXI4 slave's behaviour, the racing driver and the record of what the device did
are native (`tb/native/`). This module reaches them by ctypes, from inside a running simulation.
All of it is one memory: a process has one.
"""

from __future__ import annotations

import bisect
import ctypes
import enum
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Optional

from pymodel import MemoryFault, MemoryFaultKind

ALIGN = 64  # regions start and end on lines of the widest bus
TOP = 1 << 64
MAX_CYCLE = (1 << 63) - 1
NOWHERE = (TOP, 0, memoryview(b""))  # a region that holds no address


class Response(enum.IntEnum):
    """AXI responses (RRESP, BRESP)."""

    OKAY = 0
    SLVERR = 2
    DECERR = 3


class Kind(enum.IntFlag):
    """Kinds of access by the device."""

    READ = 1
    WRITE = 2
    ANY = 3


class Reorder(enum.IntEnum):
    """How far responses of different ids may overtake each other."""

    NONE = 0  # in the order of the requests
    BURSTS = 1  # whole bursts
    BEATS = 2  # read bursts are interleaved beat by beat


class Place(enum.IntEnum):
    """What notice is given of: see `Views`."""

    PUBLISHES = 2  # a write publishes used buffers
    WISH = 4  # the driver's wish for interrupts is read


@dataclass(frozen=True)
class Settings:
    """How the memory slave behaves; every draw comes from `seed`.

    Attributes:
        read_latency: AR handshake to first R handshake, cycles, at least 1; (lowest, highest).
        write_latency: last W handshake to B handshake, likewise.
        read_percent: bandwidth, the share of cycles that may carry an R beat, evenly spread.
        write_percent: the same for W beats.
        stall_ar: share of cycles in which ARREADY is low, at random; percent, below 100.
        stall_r: share of cycles in which no R beat is begun.
        stall_aw: like stall_ar.
        stall_w: like stall_ar.
        stall_b: like stall_r.
        reorder: order of the responses across ids; always in order within one.
        max_reads: bursts accepted and not answered; ARREADY is low at that many.
        max_writes: likewise.
        late_writes: a write's bytes change in memory only when its response is given (with B's
            valid), the latest that AXI4 allows; otherwise with its data.
        seed: of the slave's random numbers.
    """

    read_latency: tuple[int, int] = (1, 1)
    write_latency: tuple[int, int] = (1, 1)
    read_percent: int = 100
    write_percent: int = 100
    stall_ar: int = 0
    stall_r: int = 0
    stall_aw: int = 0
    stall_w: int = 0
    stall_b: int = 0
    reorder: Reorder = Reorder.NONE
    max_reads: int = 1024
    max_writes: int = 1024
    late_writes: bool = False
    seed: int = 1


def settings_from_environment() -> Settings:
    """Return the settings that TB_PROFILE holds as JSON (a profile of ci/matrix.toml).

    What it does not name is as in `Settings`; the seed is SEED's.
    """
    profile = json.loads(os.environ.get("TB_PROFILE", "{}"))
    known = {field.name for field in fields(Settings)}
    if not set(profile) <= known:
        unknown = ", ".join(sorted(set(profile) - known))
        raise ValueError(f"memory profile: no field {unknown}; there are {', '.join(known)}")
    for name in ("read_latency", "write_latency"):
        if name in profile:
            lowest, highest = profile[name]
            profile[name] = (lowest, highest)
    return replace(Settings(seed=int(os.environ.get("SEED", "1"))), **profile)


def latency(cycles: int, highest: Optional[int] = None) -> Settings:
    """Return settings with one latency for reads and writes, fixed or up to `highest`."""
    span = (cycles, cycles if highest is None else highest)
    return Settings(read_latency=span, write_latency=span)


class Access(NamedTuple):
    """What the device did to watched bytes: one beat's part in one class of `watch`.

    `asked` is the cycle in which the burst's address was taken. `burst` counts the bursts of the
    access's kind; `NativeMemory.answered` tells when a write was acknowledged.
    """

    cycle: int
    kind: Kind
    addr: int
    data: bytes
    watch: int
    id: int
    response: Response
    asked: int
    burst: int


class Violation(NamedTuple):
    """Consecutive bytes that the device wrote though they are not allowed."""

    cycle: int
    addr: int
    length: int


class ClassCount(NamedTuple):
    """Traffic of one class of `watch`; class 0 is everything else.

    A beat that touches several classes counts in `read_beats` or `write_beats` of each, and in
    `read_starts` or `write_starts` of the one that its first byte is of.
    """

    read_beats: int
    write_beats: int
    read_bytes: int
    write_bytes: int
    read_starts: int
    write_starts: int


class Counters(NamedTuple):
    """Traffic since the last `clear_counters`; the waits are cycles valid and not ready."""

    bursts_read: int
    bursts_written: int
    beats_read: int
    beats_written: int
    responses: int
    wait_ar: int
    wait_r: int
    wait_aw: int
    wait_w: int
    wait_b: int
    r_gap: int  # cycles with a read outstanding and no R beat begun
    most_reads: int
    most_writes: int


class _Settings(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("rmin", "rmax", "wmin", "wmax", "rpc", "wpc")),
        ("stall", ctypes.c_uint32 * 5),
        *((name, ctypes.c_uint32) for name in ("reorder", "max_reads", "max_writes", "late")),
        ("seed", ctypes.c_uint64),
    ]


class _Event(ctypes.Structure):
    _fields_ = [
        ("cycle", ctypes.c_uint64),
        ("asked", ctypes.c_uint64),
        ("burst", ctypes.c_uint64),
        ("addr", ctypes.c_uint64),
        ("length", ctypes.c_uint32),
        ("kind", ctypes.c_uint8),
        ("id", ctypes.c_uint8),
        ("response", ctypes.c_uint8),
        ("watch", ctypes.c_uint8),
        ("data", ctypes.c_uint8 * 64),
    ]


class _Violation(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("cycle", "addr", "length")]


class _Poke(ctypes.Structure):
    _fields_ = [
        *(
            (name, ctypes.c_uint64)
            for name in ("first", "last", "count", "delay", "addr", "length")
        ),
        ("data", ctypes.c_char_p),
        ("trigger", ctypes.c_uint32),
        ("before", ctypes.c_uint32),
        ("after", ctypes.c_int64),
    ]


class _Range(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("addr", "length")]


class _Notice(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_uint64) for name in ("cycle", "asked")),
        *((name, ctypes.c_uint32) for name in ("kind", "queue")),
        ("data", ctypes.c_uint8 * 8),
    ]


class _Counters(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in Counters._fields]


class _ClassCount(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ClassCount._fields]


_ON_READ, _ON_WRITE, _ON_CYCLE, _ON_POKE = range(4)
_DIFFERS = 2  # answer of gm_follow_explain
_LAYOUTS = (_Event, _Violation, _Poke, _Settings, _Counters, _ClassCount, _Range, _Notice)


def _outside(addr: int, length: int) -> MemoryFault:
    return MemoryFault(addr, length, MemoryFaultKind.DECERR)


def native_library() -> ctypes.CDLL:
    """Return the native code: part of a Verilated model, or the VPI module under Icarus."""
    path = os.environ.get("TB_NATIVE")
    if path is None:
        raise RuntimeError("no native memory here: build the design with native=True")
    library = ctypes.CDLL(path or None)
    u64, i64, u8 = ctypes.c_uint64, ctypes.c_int64, ctypes.c_uint8
    pointer = ctypes.POINTER
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "gm_layout": (u64, [ctypes.c_uint32]),
        "gm_clear": (None, []),
        "gm_add_region": (ctypes.c_void_p, [u64, u64]),
        "gm_attach_region": (ctypes.c_void_p, [u64, u64, ctypes.c_int, u64]),
        "gm_detach_region": (ctypes.c_int, [u64]),
        "gm_lost_pages": (u64, []),
        "gm_configure": (ctypes.c_int, [pointer(_Settings)]),
        "gm_allow": (ctypes.c_int, [u64, u64, ctypes.c_int]),
        "gm_check_writes": (None, [ctypes.c_int]),
        "gm_watch": (ctypes.c_int, [u64, u64, u8]),
        "gm_refuse": (i64, [u64, u64, u8, u8, u64]),
        "gm_accept_all": (None, []),
        "gm_race": (i64, [pointer(_Poke)]),
        "gm_clear_races": (None, []),
        "gm_race_cycle": (i64, [i64]),
        "gm_catch_up": (None, [u64]),
        "gm_events": (u64, [pointer(pointer(_Event)), pointer(u64)]),
        "gm_clear_events": (None, []),
        "gm_answered": (i64, [u64]),
        "gm_violations": (u64, [pointer(pointer(_Violation)), pointer(u64)]),
        "gm_clear_violations": (None, []),
        "gm_counters": (None, [pointer(_Counters)]),
        "gm_class_counters": (None, [u8, pointer(_ClassCount)]),
        "gm_clear_counters": (None, []),
        "gm_follow": (ctypes.c_int, []),
        "gm_follow_image": (ctypes.c_void_p, [u64, ctypes.c_uint32]),
        "gm_follow_place": (ctypes.c_int, [u64, u64, ctypes.c_uint32, ctypes.c_uint32]),
        "gm_follow_drop": (None, [ctypes.c_uint32]),
        "gm_follow_notices": (u64, [pointer(pointer(_Notice))]),
        "gm_follow_clear_notices": (None, []),
        "gm_follow_explain": (ctypes.c_uint32, [pointer(_Range), u64, pointer(u64)]),
        "gm_follow_copy": (ctypes.c_int, [u64, u64]),
        "gm_follow_marked": (u64, []),
        "gm_follow_unexplained": (u64, [pointer(_Range), u64]),
        "gm_record": (None, [ctypes.c_int]),
        "gm_recorded": (u64, [pointer(ctypes.c_void_p)]),
        "gm_clear_record": (None, []),
        "gm_digest": (u64, []),
        "gm_feed": (None, [ctypes.c_char_p, u64]),
        "gm_feed_missed": (u64, []),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    for which, layout in enumerate(_LAYOUTS):
        if library.gm_layout(which) != ctypes.sizeof(layout):
            raise RuntimeError(f"{layout.__name__} is laid out differently in native code")
    return library


class Bytes:
    """Bytes in regions, which the golden model may use as its `Memory`."""

    def __init__(self) -> None:
        self._bases: list[int] = []
        self._regions: list[tuple[int, int, memoryview]] = []  # base, end, bytes
        self._recent = NOWHERE  # the region accessed last

    @property
    def regions(self) -> list[tuple[int, int]]:
        """Address and bytes of each region."""
        return [(base, end - base) for base, end, _ in self._regions]

    def drop_regions(self) -> None:
        """Forget all regions."""
        self._bases.clear()
        self._regions.clear()
        self._recent = NOWHERE

    def put_region(self, base: int, size: int, place: int) -> None:
        """Take over the bytes at an address of this process."""
        view = memoryview((ctypes.c_char * size).from_address(place)).cast("B")
        index = bisect.bisect(self._bases, base)
        self._bases.insert(index, base)
        self._regions.insert(index, (base, base + size, view))

    def drop_region(self, base: int) -> None:
        """Forget the region that begins at `base`."""
        index = bisect.bisect_left(self._bases, base)
        self._recent = NOWHERE
        del self._bases[index], self._regions[index]

    def _pieces(self, addr: int, length: int) -> Iterator[memoryview]:
        """Yield the bytes of a range, region by region; raise MemoryFault outside of them."""
        at, end = addr, addr + length
        while at < end:
            index = bisect.bisect(self._bases, at) - 1
            if index < 0 or at >= self._regions[index][1]:
                raise _outside(addr, length)
            base, limit, view = self._recent = self._regions[index]
            yield view[at - base : min(end, limit) - base]
            at = min(end, limit)

    def read(self, addr: int, length: int) -> bytes:
        """Return `length` bytes from `addr`."""
        if length < 0:
            raise ValueError(f"length {length} is negative")
        base, limit, view = self._recent
        if base <= addr and addr + length <= limit:  # nearly always the region of the last access
            return view[addr - base : addr - base + length].tobytes()
        return b"".join(list(self._pieces(addr, length)))

    def view(self, addr: int, length: int) -> memoryview:
        """Return the bytes of a range inside one region, as they are at any time."""
        pieces = list(self._pieces(addr, length))
        if len(pieces) != 1:
            raise ValueError(f"{length} bytes at {addr:#x} lie in {len(pieces)} regions")
        return pieces[0]

    def write(self, addr: int, data: bytes) -> None:
        """Write bytes at `addr`; all or none."""
        length = len(data)
        base, limit, view = self._recent
        if base <= addr and addr + length <= limit:
            view[addr - base : addr - base + length] = data
            return
        source = memoryview(data)
        for piece in list(self._pieces(addr, length)):
            piece[:] = source[: len(piece)]
            source = source[len(piece) :]


class Notice(NamedTuple):
    """What a model that follows the device must know of.

    Attributes:
        cycle: of the beat.
        asked: of a read, the cycle in which its burst's address was taken.
        kind: a write that published used buffers, or a read of the driver's wish for interrupts.
        queue: whose.
        data: the first bytes that were read.
    """

    cycle: int
    asked: int
    kind: Place
    queue: int
    data: bytes


class ModelImage(Bytes):
    """The memory of a model that follows the device.

    Attributes:
        written: while not None, every (address, length) that is written is noted there.
    """

    written: Optional[list[tuple[int, int]]] = None

    def write(self, addr: int, data: bytes) -> None:
        """See `Bytes.write`."""
        super().write(addr, data)
        if self.written is not None:
            self.written.append((addr, len(data)))


class Views:
    """Guest memory as the device has seen it, whatever another process has made of it since.

    Attributes:
        seen: what the device read or wrote last; 0 where it did neither.
        model: what it read last, and what the model writes.
        state: bit 0 of a byte: the device wrote it, and the model has not yet.
        dropped: regions that went away.
    """

    def __init__(self, native: ctypes.CDLL) -> None:
        self._native = native
        self.seen, self.model, self.state = Bytes(), ModelImage(), Bytes()
        self.dropped = 0

    def put(self, base: int, size: int) -> None:
        """Take a new region."""
        for which, image in enumerate((self.seen, self.model, self.state)):
            image.put_region(base, size, self._native.gm_follow_image(base, which))

    def drop(self, base: int) -> None:
        """Forget a region."""
        self.dropped += 1
        for image in (self.seen, self.model, self.state):
            image.drop_region(base)

    def place(self, addr: int, length: int, kind: Place, queue: int) -> None:
        """Give notice of writes or reads of a range, as its kind is; none outside of memory."""
        self._native.gm_follow_place(addr, length, int(kind), queue)

    def drop_places(self, queue: int) -> None:
        """Give no more notice of a queue's."""
        self._native.gm_follow_drop(queue)

    def notices(self) -> list[Notice]:
        """Return the notices since the last time, the oldest first."""
        array = ctypes.POINTER(_Notice)()
        count = self._native.gm_follow_notices(ctypes.byref(array))
        found = [
            Notice(each.cycle, each.asked, Place(each.kind), each.queue, bytes(each.data))
            for each in array[:count]
        ]
        self._native.gm_follow_clear_notices()
        return found

    def explain(self, ranges: list[tuple[int, int]]) -> Optional[tuple[int, bool]]:
        """Take it that the model has written these ranges.

        Returns:
            None if the device wrote the same bytes there, which count as explained then; else the
            first address at which it did not, and whether it wrote there at all.
        """
        native = (_Range * len(ranges))(*(_Range(*each) for each in ranges))
        where = ctypes.c_uint64()
        wrong = self._native.gm_follow_explain(native, len(ranges), ctypes.byref(where))
        return (where.value, wrong == _DIFFERS) if wrong else None

    def copy(self, addr: int, length: int) -> None:
        """Let the model have what the device saw, which explains it."""
        self._native.gm_follow_copy(addr, length)

    @property
    def unexplained(self) -> int:
        """Bytes that the device wrote and the model did not."""
        return int(self._native.gm_follow_marked())

    # ---- a record of what came into memory

    def record(self) -> None:
        """Keep from now on what the device reads where it differs from what it saw last."""
        self._native.gm_record(1)

    def take_record(self) -> bytes:
        """Return that since the last time, in the form that `feed` takes."""
        place = ctypes.c_void_p()
        count = self._native.gm_recorded(ctypes.byref(place))
        found = ctypes.string_at(place, count) if count else b""
        self._native.gm_clear_record()
        return found

    def feed(self, record: bytes) -> None:
        """Write what a record holds into memory, each part just before its cycle's read."""
        self._native.gm_feed(record, len(record))

    @property
    def missed(self) -> int:
        """Parts of a record in whose cycle the device read nothing."""
        return int(self._native.gm_feed_missed())

    @property
    def digest(self) -> int:
        """A number that depends on each write of the device so far, and on its cycle."""
        return int(self._native.gm_digest())

    def first_unexplained(self, most: int = 8) -> list[tuple[int, int]]:
        """Return the first ranges of those."""
        native = (_Range * most)()
        count = self._native.gm_follow_unexplained(native, most)
        return [(each.addr, each.length) for each in native[:count]]


class NativeMemory(Bytes):
    """Guest memory; satisfies the golden model's `Memory`.

    `read` and `write` are the driver's accesses. They take effect at once, between two beats of
    the device. What lies in no region raises `MemoryFault`; the device gets DECERR there.
    """

    def __init__(self) -> None:
        """Take over the process' memory, emptied: no region, default settings."""
        super().__init__()
        self._native = native_library()
        self.settings = Settings()
        self.clear()

    def clear(self) -> None:
        """Forget everything: regions, settings, rules, races, records."""
        self.drop_regions()
        self.views: Optional[Views] = None  # see `follow`
        self._native.gm_clear()
        self.configure(Settings())

    # ---- bytes

    def add_region(self, base: int, size: int) -> None:
        """Add `size` zeroed bytes at `base` (multiples of 64; may end at 2^64)."""
        self._check_region(base, size)
        self._insert(base, size, self._native.gm_add_region(base, size), "or is too large")

    def attach(self, base: int, size: int, fd: int, offset: int) -> None:
        """Add a part of a file, shared with all who map it.

        Args:
            base: address of its first byte, a multiple of 64.
            size: bytes, a multiple of 64.
            fd: descriptor of the file, which stays the caller's.
            offset: of the first byte in the file.

        Raises:
            ValueError: it overlaps another region, reaches past the file's end, or cannot be
                mapped.
        """
        self._check_region(base, size)
        if offset < 0 or offset + size > os.fstat(fd).st_size:
            raise ValueError(
                f"region {base:#x} + {size:#x}: its file has {os.fstat(fd).st_size:#x} bytes, "
                f"too few for {offset:#x} + {size:#x}"
            )
        place = self._native.gm_attach_region(base, size, fd, offset)
        self._insert(base, size, place, "or its file cannot be mapped")

    def lost_pages(self) -> int:
        """Return how many pages of attached files were gone when they were looked at.

        Their files were cut short by another process; they became zeroed memory. It counts from
        the start of the process.
        """
        return int(self._native.gm_lost_pages())

    def detach(self, base: int) -> None:
        """Remove the region that begins at `base`; no view of it may be used any more."""
        if not self._native.gm_detach_region(base):
            raise ValueError(f"no region begins at {base:#x}")
        self.drop_region(base)
        if self.views is not None:
            self.views.drop(base)

    @staticmethod
    def _check_region(base: int, size: int) -> None:
        if base % ALIGN or size % ALIGN or size <= 0 or base < 0 or base + size > TOP:
            raise ValueError(
                f"region {base:#x} + {size:#x}: base and size must be multiples of {ALIGN} "
                "within 2^64"
            )

    def _insert(self, base: int, size: int, place: Optional[int], otherwise: str) -> None:
        if not place:
            raise ValueError(f"region {base:#x} + {size:#x} overlaps another, {otherwise}")
        self.put_region(base, size, place)
        if self.views is not None:
            self.views.put(base, size)

    def follow(self) -> Views:
        """Keep from now on what the device sees, for a model that follows it."""
        if not self._native.gm_follow():
            raise MemoryError("no room for what the device sees")
        self.views = Views(self._native)
        for base, size in self.regions:
            self.views.put(base, size)
        return self.views

    # ---- behaviour of the slave

    def configure(self, settings: Optional[Settings] = None, **changes: Any) -> None:
        """Set the slave's behaviour: new settings, or changes of the present ones."""
        wanted = replace(settings or self.settings, **changes)
        stalls = (wanted.stall_ar, wanted.stall_r, wanted.stall_aw, wanted.stall_w, wanted.stall_b)
        native = _Settings(
            *wanted.read_latency,
            *wanted.write_latency,
            wanted.read_percent,
            wanted.write_percent,
            (ctypes.c_uint32 * 5)(*stalls),
            int(wanted.reorder),
            wanted.max_reads,
            wanted.max_writes,
            int(wanted.late_writes),
            wanted.seed,
        )
        if not self._native.gm_configure(ctypes.byref(native)):
            raise ValueError(
                f"{wanted}: latencies are (lowest, highest) from 1, shares are 1 to 100 percent, "
                "stalls 0 to 99, limits at least 1"
            )
        self.settings = wanted

    def refuse(
        self,
        addr: int,
        length: int,
        response: Response = Response.SLVERR,
        kinds: Kind = Kind.ANY,
        nth: int = 0,
    ) -> None:
        """Answer beats that touch a range with an error; only the `nth` (from 1) if given.

        A beat is as wide as the bus allows, so neighbours in the same bus word are refused too:
        keep what must be readable on another 64-byte line. A refused write changes nothing.
        """
        if self._native.gm_refuse(addr, addr + length - 1, int(kinds), int(response), nth) < 0:
            raise ValueError(f"cannot refuse {addr:#x} + {length:#x} with {response!r}")

    def accept_all(self) -> None:
        """Drop every `refuse`."""
        self._native.gm_accept_all()

    # ---- the racing driver

    def _race(self, addr: int, data: bytes, **fields: Any) -> int:
        poke = _Poke(addr=addr, length=len(data), data=bytes(data), **fields)
        number: int = self._native.gm_race(ctypes.byref(poke))
        if number < 0:
            raise ValueError(f"cannot write {len(data)} bytes at {addr:#x} in a race")
        return number

    def race_beat(
        self,
        kind: Kind,
        touching: tuple[int, int],
        addr: int,
        data: bytes,
        *,
        nth: int = 1,
        delay: int = 0,
        before: bool = False,
    ) -> int:
        """Write `data` at `addr` when the device's nth beat of a kind touches a range.

        Args:
            kind: READ or WRITE.
            touching: (address, length) of the range.
            addr: where to write.
            data: what to write.
            nth: which beat, counted from now, from 1.
            delay: cycles from that beat to the write; 0 is at once, before any other beat.
            before: with delay 0, just before the beat takes place rather than just after.

        Returns:
            A number for `race_cycle` and `race_after`.
        """
        first, length = touching
        return self._race(
            addr,
            data,
            first=first,
            last=first + length - 1,
            count=nth,
            delay=delay,
            before=int(before and delay == 0),
            trigger=_ON_READ if kind == Kind.READ else _ON_WRITE,
        )

    def race_at(self, cycle: int, addr: int, data: bytes) -> int:
        """Write when the device sees cycle `cycle`, before the beats of that clock edge."""
        return self._race(addr, data, count=cycle, trigger=_ON_CYCLE)

    def race_after(self, race: int, delay: int, addr: int, data: bytes) -> int:
        """Write `delay` cycles after another race's write."""
        return self._race(addr, data, after=race, delay=delay, trigger=_ON_POKE)

    def race_cycle(self, race: int) -> Optional[int]:
        """Return the cycle in which a race's write was done, None if it was not."""
        cycle = self._native.gm_race_cycle(race)
        return None if cycle < 0 else int(cycle)

    def catch_up(self, cycle: int = MAX_CYCLE) -> None:
        """Do the timed writes that are due by `cycle`.

        The device always finds them done. Python calls this before it reads what a race that is
        due may have changed while the bus was quiet.
        """
        self._native.gm_catch_up(cycle)

    def clear_races(self) -> None:
        """Drop every race, done or not."""
        self._native.gm_clear_races()

    # ---- what the device may write

    def check_writes(self, on: bool = True) -> None:
        """Check each byte that the device writes against what `allow` allowed."""
        self._native.gm_check_writes(int(on))

    def allow(self, addr: int, length: int) -> None:
        """Let the device write a range. Ranges may overlap: `disallow` undoes one `allow`."""
        if not self._native.gm_allow(addr, length, 1):
            raise _outside(addr, length)

    def disallow(self, addr: int, length: int) -> None:
        """Undo one `allow` of the same range."""
        if not self._native.gm_allow(addr, length, 0):
            raise _outside(addr, length)

    def violations(self) -> list[Violation]:
        """Return what was written though not allowed (the first 1024 places)."""
        array = ctypes.POINTER(_Violation)()
        count = self._native.gm_violations(ctypes.byref(array), ctypes.byref(ctypes.c_uint64()))
        return [Violation(array[i].cycle, array[i].addr, array[i].length) for i in range(count)]

    def clear_violations(self) -> None:
        """Forget the violations."""
        self._native.gm_clear_violations()

    # ---- what the device did

    def watch(self, addr: int, length: int, watch: int = 1) -> None:
        """Log the device's accesses to a range under a class 1 to 255; 0 stops it."""
        if not 0 <= watch <= 255:
            raise ValueError(f"watch class {watch} is not 0 to 255")
        if not self._native.gm_watch(addr, length, watch):
            raise _outside(addr, length)

    def accesses(self, *, clear: bool = False, watch: Optional[int] = None) -> list[Access]:
        """Return the log, oldest first, of one class if given.

        Raises:
            RuntimeError: it overflowed (1,048,576 entries).
        """
        array, lost = ctypes.POINTER(_Event)(), ctypes.c_uint64()
        count = self._native.gm_events(ctypes.byref(array), ctypes.byref(lost))
        if lost.value:
            raise RuntimeError(f"{lost.value} accesses did not fit the log: clear it more often")
        log = [
            Access(
                event.cycle,
                Kind(event.kind),
                event.addr,
                bytes(event.data[: event.length]),
                event.watch,
                event.id,
                Response(event.response),
                event.asked,
                event.burst,
            )
            for event in (array[i] for i in range(count))
            if watch is None or event.watch == watch
        ]
        if clear:
            self._native.gm_clear_events()
        return log

    def clear_accesses(self) -> None:
        """Empty the log."""
        self._native.gm_clear_events()

    def answered(self, burst: int) -> Optional[int]:
        """Return the cycle of the B handshake of a write burst, None if it is still to come."""
        cycle = self._native.gm_answered(burst)
        return None if cycle < 0 else int(cycle)

    def counters(self) -> Counters:
        """Return the bus counters."""
        native = _Counters()
        self._native.gm_counters(ctypes.byref(native))
        return Counters(*(getattr(native, name) for name in Counters._fields))

    def class_counters(self, watch: int) -> ClassCount:
        """Return the traffic of one class of `watch`."""
        native = _ClassCount()
        self._native.gm_class_counters(watch, ctypes.byref(native))
        return ClassCount(*(getattr(native, name) for name in ClassCount._fields))

    def clear_counters(self) -> None:
        """Set all counters to 0."""
        self._native.gm_clear_counters()
