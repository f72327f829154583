# SPDX-License-Identifier: Apache-2.0
"""The implementations of the operations; one that is listed runs every rule.

`ON_MODEL` says in which ways a queue is negotiated there, `ON_RTL` the same for the Verilog, of
which the slow simulator takes what shows each ability. A rule whose need no kind of queue meets is
a gap, never a pass; one that cannot apply is named in `NOT_APPLICABLE` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pymodel import Feature
from tests.conformance.beds import Bed, Kind, ModelBed, ModelPortBed
from tests.conformance.rules import Rule
from tests.model.formats import PackedFormat, SplitFormat

EVENT, INDIRECT = Feature.EVENT_IDX, Feature.INDIRECT_DESC
FLAGS = Kind("flags")
EVENTS = Kind("event index, indirect", EVENT | INDIRECT, "multi")
ALWAYS = Kind("every buffer indirect", INDIRECT, "always")
IN_ORDER = Kind("in order", EVENT | Feature.IN_ORDER)
DATA = Kind("notification data", Feature.NOTIFICATION_DATA)
RESET = Kind("ring reset", Feature.RING_RESET)
RESET_EVENTS = Kind("ring reset, event index", Feature.RING_RESET | EVENT | INDIRECT, "multi")
ORDER_RESET = Kind("in order, ring reset", Feature.RING_RESET | Feature.IN_ORDER)
PORT = Kind("register port", port=True)
EVERYTHING = (FLAGS, EVENTS, ALWAYS, IN_ORDER, DATA, RESET, RESET_EVENTS, ORDER_RESET)
SLOW = (FLAGS, EVENTS, IN_ORDER, DATA, RESET_EVENTS)  # each ability once

FORMS = {"split": SplitFormat(), "packed": PackedFormat()}
ON_MODEL: dict[str, Sequence[Kind]] = {
    "split": EVERYTHING,
    "packed": EVERYTHING,
    "socket": (PORT,),
}
ON_RTL = ON_MODEL  # the Verilog negotiates all that the model does
ON_ICARUS = {name: SLOW if kinds is EVERYTHING else kinds for name, kinds in ON_RTL.items()}
SIMULATORS = ("verilator", "icarus")
PLACES = ("model", *SIMULATORS)
NAMES = ("split", "packed", "socket")  # of the table's columns
SLOTS = "a buffer takes one slot, however many segments it has"
MESSAGES = "there are no notifications: a frame tells the port of itself"
NOT_APPLICABLE: dict[tuple[str, str], str] = {  # (implementation, rule): the reason
    ("socket", "OP-ADD-04"): SLOTS,
    ("socket", "OP-ADD-05"): SLOTS,
    ("socket", "OP-SYNC-02"): "there is no index: each buffer is a message, seen whole or not",
    ("socket", "OP-SYNC-03"): MESSAGES,
    ("socket", "OP-SYNC-04"): MESSAGES,
    ("socket", "OP-SYNC-05"): MESSAGES,
    ("socket", "OP-DET-03"): "the port can always end a queue's life",
}
# Clauses that an implementation's passing rules may show
CLAUSES = {
    "split": ("SPLIT-", "VQ-", "QRST-", "CLEAN-"),
    "packed": ("PACKED-", "VQ-", "QRST-", "CLEAN-"),
    "socket": (),
}


def model_bed(name: str, kind: Kind) -> Bed:
    """Return an implementation's bed with the model as its other end."""
    return ModelPortBed(kind) if kind.port else ModelBed(FORMS[name], kind)


def kinds(name: str, place: str) -> Sequence[Kind]:
    """Return the kinds of queue that an implementation has at a place."""
    listed = {"model": ON_MODEL, "icarus": ON_ICARUS}
    return listed.get(place, ON_RTL).get(name, ())


def fitting(rule: Rule, name: str, place: str) -> list[Kind]:
    """Return the kinds of queue on which a rule is to be shown."""
    if (name, rule.id) in NOT_APPLICABLE:
        return []
    return [kind for kind in kinds(name, place) if not rule.needs or rule.needs in kind.abilities]


async def run(rule: Rule, kinds_: Sequence[Kind], bed: Callable[[Kind], Bed]) -> None:
    """Run a rule on queues of every kind; an error names the kind."""
    for kind in kinds_:
        try:
            await rule.function(bed(kind))
        except BaseException as error:
            error.args = (f"{rule.id}, {kind.name}: {error}",) if error.args else (rule.id,)
            raise
