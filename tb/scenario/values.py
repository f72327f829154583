# SPDX-License-Identifier: Apache-2.0
"""Values in steps: numbers with symbolic names, and bytes.

A number is an integer or an expression: `"out + 16"`, `"2**64 - 8"`, `"q0.desc[3]"`, `"$t * 4"`.
Bytes are an object with one key: `hex`, `text`, `fill`, `seq`, `pattern` or `copy`.
"""

from __future__ import annotations

import ast
import operator
import re
from typing import Any, Callable, Protocol, Union

from pymodel.functions import pattern_bytes

from .errors import Problem

Number = Union[int, str]
VARIABLE = "var_"  # what `$` becomes, so that Python's grammar takes it
BYTES_FORMS = ("hex", "text", "fill", "seq", "pattern", "copy")

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


class Names(Protocol):
    """What an expression may name."""

    def look_up(self, name: str, field: str | None, index: int | None) -> int:
        """Return the value of `name`, `name.field` or `name.field[index]`; raise KeyError."""

    def read(self, addr: int, length: int) -> bytes:
        """Return guest memory, for `copy`."""


def parse(text: str) -> ast.expr:
    """Return the syntax tree of an expression; raise ValueError if it is none."""
    try:
        source = re.sub(r"\$(?=[A-Za-z_])", VARIABLE, text.strip())
        return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError):
        raise ValueError(
            f"{text!r} is not a number or an expression of +, -, *, //, %, **"
        ) from None


def names_in(node: ast.expr) -> list[tuple[str, str | None]]:
    """Return every `name` or `name.field` of an expression; raise ValueError for anything odd."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return []
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return names_in(node.left) + names_in(node.right)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return names_in(node.operand)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
        return names_in(node.value) + names_in(node.slice)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return [(node.value.id, node.attr)]
    if isinstance(node, ast.Name):
        return [(node.id, None)]
    raise ValueError(f"{ast.unparse(node)!r} is not allowed in an expression")


def number(value: Number, names: Names) -> int:
    """Return the value of a number."""
    if isinstance(value, int):
        return value
    return _evaluate(parse(value), names)


def _evaluate(node: ast.expr, names: Names) -> int:
    if isinstance(node, ast.Constant):
        return int(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.BinOp):
        apply = _OPERATORS[type(node.op)]
        return apply(_evaluate(node.left, names), _evaluate(node.right, names))
    if isinstance(node, ast.UnaryOp):
        return -_evaluate(node.operand, names)
    index = None
    if isinstance(node, ast.Subscript):
        index = _evaluate(node.slice, names)
        node = node.value
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return names.look_up(node.value.id, node.attr, index)
    if isinstance(node, ast.Name):
        return names.look_up(node.id, None, None)
    raise ValueError(f"{ast.unparse(node)!r} is not allowed in an expression")


def data(spec: dict[str, Any], length: int | None, names: Names) -> bytes:
    """Return the bytes of a specification.

    Args:
        spec: `{"hex": …}` and so on.
        length: bytes wanted; None where only `hex` and `text` are allowed, which have their own.
        names: what expressions may name.

    Raises:
        Problem: the length is not given, or too small for the text.
    """
    ((form, value),) = spec.items()
    if form in ("hex", "text"):
        raw = bytes.fromhex(value) if form == "hex" else value.encode()
        if length is not None and len(raw) > length:
            raise Problem(form, f"{len(raw)} bytes do not fit {length}")
        return raw if length is None else raw.ljust(length, b"\0")
    if length is None:
        raise Problem(form, "needs a size")
    if form == "fill":
        return bytes([number(value, names) % 256]) * length
    if form == "seq":
        start = number(value, names)
        return bytes((start + i) % 256 for i in range(length))
    if form == "pattern":
        queue, count = (number(part, names) for part in value)
        return pattern_bytes(queue, count, length)
    return names.read(number(value, names), length)


def default_data(name: str, length: int) -> bytes:
    """What a buffer holds when nothing else is said: it differs from buffer to buffer."""
    start = sum((i + 1) * ord(letter) for i, letter in enumerate(name))
    return bytes((start + 7 * i + (i >> 8)) % 256 for i in range(length))
