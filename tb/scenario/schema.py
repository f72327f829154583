# SPDX-License-Identifier: Apache-2.0
"""What a scenario may hold: every step with its fields, and the check of a whole scenario."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymodel import Fault, Feature, Interrupt, Status

from .errors import Problem
from .kinds import (
    BUFFER_FIELDS,
    Field,
    Kind,
    Known,
    check_fields,
    either,
    expr,
    flag,
    hex_text,
    list_of,
    many,
    name,
    names_of,
    new_name,
    obj,
    one_of,
    register,
    shown,
    text,
)
from .values import BYTES_FORMS, VARIABLE

QUEUE_FIELDS = (
    *("size", "table", "avail", "used", "avail_flags", "avail_idx", "used_event"),
    *("used_flags", "used_idx", "avail_event", "desc", "entry", "elem"),
)
DEVICE_FIELDS = ("queues", "queue_size_max", "max_chain", "data_w")
FLAGS = {"NEXT": 1, "WRITE": 2, "INDIRECT": 4}
SETTINGS = (
    *("latency", "read_latency", "write_latency", "read_percent", "write_percent"),
    *("stall_ar", "stall_r", "stall_aw", "stall_w", "stall_b", "reorder"),
    *("max_reads", "max_writes", "seed"),
)
REORDERS = ("none", "bursts", "beats")

_O = Field
_BYTES = obj(
    {
        "hex": _O(hex_text),
        "text": _O(text),
        "fill": _O(expr),
        "seq": _O(expr),
        "pattern": _O(list_of(expr, 2)),
        "copy": _O(expr),
    },
    exactly_one=BYTES_FORMS,
)
_FLAGS = either(expr, list_of(one_of(*FLAGS)), what=f"a number or a list of {', '.join(FLAGS)}")
_SEGMENT = either(name, list_of(expr, 2), what="a buffer's name or [address, bytes]")
_RANGE = either(name, list_of(expr, 2), what="a buffer's name or [address, bytes]")
_FEATURES = names_of(Feature)
_WORDS = {key: _O(expr) for key in ("u8", "u16", "u32", "u64")}
_WORDS_OR_BYTES = {**_WORDS, "bytes": _O(_BYTES)}
_DESC = {
    "addr": _O(expr),
    "len": _O(expr),
    "flags": _O(_FLAGS),
    "next": _O(expr),
    "id": _O(expr),
    "allow": _O(flag),
}
_SPAN = either(expr, list_of(expr, 2), what="a number or [lowest, highest]")
MEMORY = {
    "base": _O(expr),
    "size": _O(expr),
    **{key: _O(_SPAN if "latency" in key else expr) for key in SETTINGS if key != "reorder"},
    "reorder": _O(one_of(*REORDERS)),
}
_QUEUE_IS = {"queue": _O(expr), "is": _O(expr, True)}
EXPECT: dict[str, Field] = {
    "memory": _O(many(obj({"at": _O(expr, True), "is": _O(_BYTES, True), "size": _O(expr)}))),
    "untouched": _O(list_of(name)),
    "unread": _O(list_of(name)),
    "used": _O(
        many(
            obj(
                {
                    "queue": _O(expr),
                    "from": _O(expr),
                    "elements": _O(list_of(list_of(expr, 2)), True),
                }
            )
        )
    ),
    "used_idx": _O(many(obj(_QUEUE_IS))),
    "used_flags": _O(many(obj(_QUEUE_IS))),
    "avail_event": _O(many(obj(_QUEUE_IS))),
    "status": _O(
        obj({key: _O(names_of(Status)) for key in ("is", "has", "lacks")}),
    ),
    "interrupt": _O(names_of(Interrupt)),
    "irq": _O(one_of(0, 1)),
    "fault": _O(
        either(
            one_of("none", *(fault.name for fault in Fault)),
            obj(
                {
                    "code": _O(one_of(*(fault.name for fault in Fault)), True),
                    "queue": _O(expr),
                    "descriptor": _O(expr),
                    "in_table": _O(flag),
                    "count": _O(expr),
                }
            ),
            what=f"an object with code, or one of none, {', '.join(f.name for f in Fault)}",
        )
    ),
    "register": _O(
        many(
            obj(
                {
                    "name": _O(register, True),
                    "is": _O(expr, True),
                    "mask": _O(expr),
                    "size": _O(one_of(1, 2, 4)),
                    "queue": _O(expr),
                }
            )
        )
    ),
}
EXPECT["any_of"] = _O(list_of(obj(EXPECT)))

# Each step: the kind of its verb's value, then its other fields.
STEPS: dict[str, tuple[Kind, dict[str, Field]]] = {
    "note": (text, {}),
    "region": (expr, {"size": _O(expr, True)}),
    "buffer": (
        new_name,
        {"size": _O(expr, True), "align": _O(expr), "at": _O(expr), "bytes": _O(_BYTES)},
    ),
    "queue": (
        one_of(*range(256)),
        {
            "size": _O(expr),
            "table": _O(expr),
            "avail": _O(expr),
            "used": _O(expr),
            "shift": _O(expr),
            "allow": _O(flag),
        },
    ),
    "desc": (
        expr,
        {
            "queue": _O(expr),
            "table": _O(name),
            "lap": _O(one_of("held", "available", "used")),
            **_DESC,
        },
    ),
    "table": (
        new_name,
        {
            "entries": _O(list_of(obj(_DESC)), True),
            "align": _O(expr),
            "at": _O(expr),
            "allow": _O(flag),
        },
    ),
    "chain": (
        expr,
        {
            "head": _O(expr),
            "id": _O(expr),
            "readable": _O(list_of(_SEGMENT)),
            "writable": _O(list_of(_SEGMENT)),
            "allow": _O(flag),
        },
    ),
    "avail": (
        list_of(expr),
        {"queue": _O(expr), "at": _O(expr), "idx": _O(expr), "publish": _O(flag)},
    ),
    "poke": (expr, _WORDS_OR_BYTES),
    "write": (
        register,
        {"value": _O(expr, True), "size": _O(one_of(1, 2, 4)), "strobes": _O(expr)},
    ),
    "init": (
        obj(
            {
                "queues": _O(list_of(expr)),
                "until": _O(one_of("features", "queues", "driver_ok")),
                "mode": _O(one_of("loopback", "pattern")),
            }
        ),
        {},
    ),
    "setup": (expr, {"ready": _O(flag)}),
    "notify": (expr, {"if_wanted": _O(flag)}),
    "wait": (
        one_of("idle", "used", "interrupt", "used_or_interrupt", "fault", "cycles"),
        {"queue": _O(expr), "idx": _O(expr), "count": _O(expr), "within": _O(expr)},
    ),
    "race": (
        expr,
        {
            **_WORDS_OR_BYTES,
            "read": _O(_RANGE),
            "write": _O(_RANGE),
            "after": _O(expr),
            "nth": _O(expr),
            "delay": _O(expr),
            "before": _O(flag),
        },
    ),
    "refuse": (
        _RANGE,
        {
            "with": _O(one_of("SLVERR", "DECERR")),
            "on": _O(one_of("read", "write", "any")),
            "nth": _O(expr),
        },
    ),
    "accept": (one_of("all"), {}),
    "allow": (_RANGE, {}),
    "disallow": (_RANGE, {}),
    "memory": (obj(MEMORY), {}),
    "ack": (names_of(Interrupt), {}),
    "reset": (obj({"within": _O(expr)}), {}),
    "disable": (expr, {"within": _O(expr)}),
    "quiet": (expr, {"queue": _O(expr)}),
    "work": (expr, {"chains": _O(expr), "bytes": _O(expr)}),
    "expect": (obj(EXPECT), {}),
}
STEPS["repeat"] = (expr, {"as": _O(new_name), "steps": _O(lambda *_: None, True)})

EPILOGUES = ("others", "reset", "others_and_reset")
SCENARIO = {
    "id": _O(text, True),
    "about": _O(text),
    "clauses": _O(list_of(text)),
    "device": _O(obj({key: _O(one_of(*range(1, 65536))) for key in DEVICE_FIELDS})),
    "features": _O(_FEATURES),
    "memory": _O(obj(MEMORY)),
    "sweep": _O(lambda *_: None),
    "model": _O(flag),
    "thorough": _O(flag),
    "epilogue": _O(one_of(*EPILOGUES)),
    "steps": _O(lambda *_: None, True),
}


def check_steps(steps: Any, path: str, known: Known) -> None:
    """Check a list of steps, in order; names become known as they are defined."""
    if not isinstance(steps, list):
        raise Problem(path, f"{shown(steps)} is not a list of steps")
    for index, step in enumerate(steps):
        _check_step(step, f"{path}[{index}]", known)


def verb_of(step: Mapping[str, Any]) -> str:
    """Return a step's verb: its first field."""
    return next(iter(step))


def _check_step(step: Any, path: str, known: Known) -> None:
    if not isinstance(step, dict) or not step:
        raise Problem(path, f"{shown(step)} is not a step: an object, its first field the verb")
    verb = verb_of(step)
    if verb not in STEPS:
        raise Problem(path, f"no step {verb!r} (the first field); allowed: {', '.join(STEPS)}")
    kind, fields = STEPS[verb]
    check_fields(step, path, known, {verb: Field(kind, True), **fields})
    _check_whole(verb, step, path, known)
    if verb in ("buffer", "table"):
        known[step[verb]] = BUFFER_FIELDS
    elif verb == "queue":
        known[f"q{step[verb]}"] = QUEUE_FIELDS
    elif verb == "repeat":
        inner = step.get("as")
        if inner is not None:
            known[VARIABLE + inner] = ()
        check_steps(step["steps"], f"{path}.steps", known)


def _check_whole(verb: str, step: Mapping[str, Any], path: str, known: Known) -> None:
    """Check what concerns several fields of a step."""
    if verb in ("poke", "race") and sum(key in step for key in _WORDS_OR_BYTES) != 1:
        raise Problem(path, f"needs exactly one of {', '.join(_WORDS_OR_BYTES)}")
    if verb == "race" and sum(key in step for key in ("read", "write", "after")) != 1:
        raise Problem(path, "needs exactly one of read, write, after")
    if verb == "wait":
        need = {"used": "idx", "used_or_interrupt": "idx", "cycles": "count"}.get(step["wait"])
        if need is not None and need not in step:
            raise Problem(f"{path}.{need}", "is missing")
    if verb == "chain" and not (step.get("readable") or step.get("writable")):
        raise Problem(path, "needs at least one readable or writable segment")


def check_scenario(value: Any) -> None:
    """Check a whole scenario; raise Problem."""
    if not isinstance(value, dict):
        raise Problem("", f"{shown(value)} is not an object")
    known: Known = {"device": DEVICE_FIELDS}
    check_fields(value, "", known, SCENARIO)
    sweep = value.get("sweep", {})
    if not isinstance(sweep, dict):
        raise Problem("sweep", f"{shown(sweep)} is not an object: variable to values")
    limits = {"from": Field(expr, True), "to": Field(expr, True), "step": Field(expr)}
    for variable, values in sweep.items():
        new_name(variable, "sweep", known)
        what = "a list of numbers, or from, to and step"
        either(list_of(expr), obj(limits), what=what)(values, f"sweep.{variable}", known)
        known[VARIABLE + variable] = ()
    check_steps(value["steps"], "steps", known)
