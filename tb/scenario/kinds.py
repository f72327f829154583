# SPDX-License-Identifier: Apache-2.0
"""Kinds of values in a scenario, and the check of each.

A kind is a function `(value, path, known) -> None` that raises `Problem`. `known` are the names
defined so far, so a misspelt buffer is found before a simulator is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Callable, NamedTuple

from pymodel.registers import BY_OFFSET

from .errors import Problem
from .values import VARIABLE, names_in, parse

BUFFER_FIELDS = ("size", "end")
REGISTER_NAMES = {register.name: register.offset for register in BY_OFFSET.values()}

Known = dict[str, tuple[str, ...]]  # name: its fields
Kind = Callable[[Any, str, Known], None]


class Field(NamedTuple):
    """One field of an object."""

    kind: Kind
    required: bool = False


def shown(value: object) -> str:
    """Return a value for a message, cut short."""
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."


def expr(value: Any, path: str, known: Known) -> None:
    """A number or an expression."""
    if type(value) is int:
        return
    if not isinstance(value, str):
        raise Problem(path, f"{shown(value)} is not a number or an expression")
    try:
        used = names_in(parse(value))
    except ValueError as error:
        raise Problem(path, str(error)) from None
    for name, field in used:
        if name not in known:
            said = "$" + name[len(VARIABLE) :] if name.startswith(VARIABLE) else name
            defined = ", ".join(sorted(n.replace(VARIABLE, "$") for n in known))
            raise Problem(path, f"unknown name {said!r}; defined so far: {defined}")
        if field is not None and field not in known[name]:
            allowed = ", ".join(known[name]) or "none"
            raise Problem(path, f"{name} has no field {field!r}; it has: {allowed}")


def text(value: Any, path: str, known: Known) -> None:
    """Any text."""
    if not isinstance(value, str):
        raise Problem(path, f"{shown(value)} is not a text")


def flag(value: Any, path: str, known: Known) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise Problem(path, f"{shown(value)} is not true or false")


def new_name(value: Any, path: str, known: Known) -> None:
    """The name of something that the step defines."""
    if not isinstance(value, str) or not value.isidentifier() or value.startswith(VARIABLE):
        raise Problem(path, f"{shown(value)} is not a name: letters, digits and _")


def name(value: Any, path: str, known: Known) -> None:
    """A buffer or table that was defined."""
    if not isinstance(value, str) or known.get(value) != BUFFER_FIELDS:
        defined = sorted(key for key, fields in known.items() if fields == BUFFER_FIELDS)
        raise Problem(path, f"{shown(value)} is no buffer or table; defined: {', '.join(defined)}")


def one_of(*allowed: Any) -> Kind:
    """One of some values."""

    def check(value: Any, path: str, known: Known) -> None:
        if value not in allowed or isinstance(value, bool):
            raise Problem(path, f"{shown(value)} is not one of {', '.join(map(str, allowed))}")

    return check


def list_of(kind: Kind, length: int | None = None) -> Kind:
    """A list; `length` elements if given."""

    def check(value: Any, path: str, known: Known) -> None:
        if not isinstance(value, list) or length not in (None, len(value)):
            size = "" if length is None else f" of {length}"
            raise Problem(path, f"{shown(value)} is not a list{size}")
        for index, element in enumerate(value):
            kind(element, f"{path}[{index}]", known)

    return check


def either(*kinds: Kind, what: str) -> Kind:
    """Any of some kinds; the message is that of the one whose shape fits best."""

    def check(value: Any, path: str, known: Known) -> None:
        first: Problem | None = None
        for kind in kinds:
            try:
                kind(value, path, known)
                return
            except Problem as problem:
                if problem.path != path:
                    raise
                first = first or problem
        raise Problem(path, f"{shown(value)} is not {what}")

    return check


def many(kind: Kind) -> Kind:
    """One, or a list of them."""

    def check(value: Any, path: str, known: Known) -> None:
        (list_of(kind) if isinstance(value, list) else kind)(value, path, known)

    return check


def obj(fields: Mapping[str, Field], exactly_one: Iterable[str] = ()) -> Kind:
    """An object with these fields; of `exactly_one` just one."""
    choice = tuple(exactly_one)

    def check(value: Any, path: str, known: Known) -> None:
        if not isinstance(value, dict):
            raise Problem(path, f"{shown(value)} is not an object")
        check_fields(value, path, known, fields)
        if choice and sum(key in value for key in choice) != 1:
            raise Problem(path, f"needs exactly one of {', '.join(choice)}")

    return check


def check_fields(
    value: Mapping[str, Any], path: str, known: Known, fields: Mapping[str, Field]
) -> None:
    """Check an object's fields; raise for an unknown or a missing one."""
    for key in value:
        if key not in fields:
            where = f"{path}.{key}" if path else key
            raise Problem(where, f"no such field; allowed: {', '.join(fields)}")
    for key, field in fields.items():
        where = f"{path}.{key}" if path else key
        if key in value:
            field.kind(value[key], where, known)
        elif field.required:
            raise Problem(where, "is missing")


def names_of(enumeration: Any) -> Kind:
    """A list of names of an enumeration's members."""
    return list_of(one_of(*(member.name for member in enumeration)))


def register(value: Any, path: str, known: Known) -> None:
    """A register's name, or a byte offset."""
    if isinstance(value, str) and value in REGISTER_NAMES:
        return
    if type(value) is int and 0 <= value < 0x1000:
        return
    raise Problem(
        path, f"{shown(value)} is no offset below 4096 or one of {', '.join(REGISTER_NAMES)}"
    )


def hex_text(value: Any, path: str, known: Known) -> None:
    """Hexadecimal digits."""
    try:
        bytes.fromhex(value)
    except (TypeError, ValueError):
        raise Problem(path, f"{shown(value)} is not pairs of hexadecimal digits") from None
