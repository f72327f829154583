# SPDX-License-Identifier: Apache-2.0
"""The command line of `tb.hil.storage_daemon`: a subset of qemu-storage-daemon's.

Options are objects, `key=value,...` with `,,` for a comma in a value, or JSON. They take effect
in their order: an export names a node that came before it.
"""

from __future__ import annotations

import getopt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

MOST_QUEUES = 64
SECTOR = 512  # bytes
ON, OFF = ("on", "yes", "true", "y"), ("off", "no", "false", "n")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,30}")
ID = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
NOT_HERE = "it is not served here: give nodes and exports on the command line"

Value = Union[str, bool, int]


class OptionError(Exception):
    """An option is of no use; the text says which and why, in one line."""


@dataclass(frozen=True)
class Node:
    """A block node.

    Attributes:
        name: by which others name it; empty for one within another.
        image: the file, absolute.
        read_only: it is not to be written.
    """

    name: str
    image: Path
    read_only: bool


@dataclass(frozen=True)
class Export:
    """A node that is to be served.

    Attributes:
        name: its id.
        node: what is served.
        where: path of the socket, or the number of a listening socket's descriptor.
        writable: the clients may write.
        queues: of the device.
        packed: clients may choose packed rings.
    """

    name: str
    node: Node
    where: Union[Path, int]
    writable: bool = False
    queues: int = 1
    packed: bool = False


@dataclass
class Settings:
    """A whole command line.

    Attributes:
        nodes: by name.
        exports: in their order.
        pid_file: takes the process id once all is up, or None.
        daemonize: the command ends once all is up, the daemon goes on.
        show: "help" or "version": to be shown instead.
    """

    nodes: dict[str, Node] = field(default_factory=dict)
    exports: list[Export] = field(default_factory=list)
    pid_file: Optional[Path] = None
    daemonize: bool = False
    show: str = ""


def parse(arguments: Sequence[str]) -> Settings:
    """Return what a command line asks for.

    Raises:
        OptionError: it is wrong, or asks for what is not served.
    """
    takers = ["blockdev=", "export=", "object=", "pidfile="]
    elsewhere = ["chardev=", "monitor=", "nbd-server=", "trace="]
    try:
        options, rest = getopt.gnu_getopt(
            list(arguments), "hVT:", ["help", "version", "daemonize", *takers, *elsewhere]
        )
    except getopt.GetoptError as error:
        raise OptionError(error.msg) from None
    settings = Settings()
    for option, _ in options:
        if option in ("-h", "--help", "-V", "--version"):
            settings.show = "help" if option in ("-h", "--help") else "version"
            return settings
    if rest:
        raise OptionError(f"{rest[0]}: Unexpected argument")
    _Reader(settings).read(options)
    return settings


class Fields:
    """The fields of one option, by dotted name; each is taken once.

    Args:
        fields: what there is.
        typed: the values have types of their own, as in JSON.
    """

    def __init__(self, fields: Mapping[str, Value], typed: bool) -> None:
        self._fields, self._typed = dict(fields), typed

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def below(self, name: str) -> Optional[Fields]:
        """Take the fields of an object within, if there is one."""
        prefix = f"{name}."
        inner = [key for key in self._fields if key.startswith(prefix)]
        if not inner:
            return None
        return Fields({key[len(prefix) :]: self._fields.pop(key) for key in inner}, self._typed)

    def text(self, name: str, default: Optional[str] = None) -> str:
        """Take a text, which must be there unless it has a default."""
        if name not in self._fields:
            if default is None:
                raise OptionError(f"Parameter '{name}' is missing")
            return default
        value = self._fields.pop(name)
        if not isinstance(value, str):
            raise OptionError(f"Invalid parameter type for '{name}', expected: string")
        return value

    def choice(self, name: str, *allowed: str, default: Optional[str] = None) -> str:
        """Take one of some texts."""
        value = self.text(name, default)
        if value not in allowed:
            raise OptionError(
                f"Parameter '{name}' does not accept value '{value}', but {' or '.join(allowed)}"
            )
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Take a switch."""
        value = self._fields.pop(name, default)
        if isinstance(value, bool):
            return value
        if self._typed:
            raise OptionError(f"Invalid parameter type for '{name}', expected: boolean")
        if value in (*ON, *OFF):
            return value in ON
        raise OptionError(f"Parameter '{name}' expects 'on' or 'off'")

    def number(self, name: str, default: int) -> int:
        """Take a number."""
        value = self._fields.pop(name, default)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, bool) or self._typed:
            raise OptionError(f"Invalid parameter type for '{name}', expected: integer")
        try:
            return int(value, 0)
        except ValueError:
            raise OptionError(f"Parameter '{name}' expects integer") from None

    def end(self, prefix: str = "") -> None:
        """Say that nothing else may be there; `prefix` is how the names begin outside."""
        for name in self._fields:
            raise OptionError(f"Parameter '{prefix}{name}' is unexpected")


def fields(text: str, implied: str) -> Fields:
    """Return the fields of an option: JSON if it begins with a brace.

    Args:
        text: the option's argument.
        implied: name of a first value that has none.
    """
    if text.startswith("{"):
        try:
            whole = json.loads(text)
        except ValueError as error:
            raise OptionError(f"JSON parse error, {error}") from None
        return Fields(_flat(whole, ""), True)
    found: dict[str, Value] = {}
    for number, part in enumerate(_split(text)):
        name, equals, value = part.partition("=")
        if not equals:
            if number or not implied:
                raise OptionError(f"Expected '=' after parameter '{part}'")
            name, value = implied, part
        if not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", name):
            raise OptionError(f"Invalid parameter '{name}'")
        found[name] = value
    return Fields(found, False)


def _split(text: str) -> list[str]:
    """Split at single commas, of which a pair is one in a value; the last may be left over."""
    parts = text.replace(",,", "\0").split(",")
    if not parts[-1]:
        parts.pop()
    return [part.replace("\0", ",") for part in parts]


def _flat(value: Any, name: str) -> dict[str, Value]:
    if isinstance(value, dict):
        found: dict[str, Value] = {}
        for key, inner in value.items():
            found |= _flat(inner, f"{name}.{key}" if name else key)
        return found
    if isinstance(value, (str, bool, int)):
        return {name: value}
    raise OptionError(f"Invalid parameter type for '{name}'")


class _Reader:
    """Takes the options one after the other."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._threads: set[str] = set()

    def read(self, options: Sequence[tuple[str, str]]) -> None:
        """Take all of them; the option is named in what is wrong with it."""
        for option, text in options:
            try:
                self._take(option, text)
            except OptionError as error:
                raise OptionError(f"{option} {text}: {error}") from None

    def _take(self, option: str, text: str) -> None:
        if option == "--blockdev":
            self._blockdev(fields(text, "driver"))
        elif option == "--export":
            self._export(fields(text, "type"))
        elif option == "--object":
            self._object(fields(text, "qom-type"))
        elif option == "--pidfile":
            self.settings.pid_file = Path(text).absolute()
        elif option == "--daemonize":
            self.settings.daemonize = True
        else:
            raise OptionError(NOT_HERE)

    def _blockdev(self, given: Fields) -> None:
        node = self._node(given)
        if not node.name:
            raise OptionError("'node-name' must be specified for the root node")
        self.settings.nodes[node.name] = node

    def _node(self, given: Fields) -> Node:
        driver = given.choice("driver", "file", "raw")
        name = given.text("node-name", "")
        if name and not NAME.fullmatch(name):
            raise OptionError(f"Invalid node-name: '{name}'")
        if name in self.settings.nodes:
            raise OptionError(f"Duplicate nodes with node-name='{name}'")
        read_only = given.flag("read-only")
        # what says how the file is accessed makes no difference here
        given.flag("auto-read-only")
        given.flag("cache.direct")
        given.flag("cache.no-flush")
        given.choice("discard", "ignore", "unmap", default="ignore")
        given.choice("detect-zeroes", "off", "on", "unmap", default="off")
        if given.flag("force-share") and not read_only:
            raise OptionError("force-share=on can only be used with read-only images")
        if driver == "file":
            image = Path(given.text("filename")).absolute()
            given.choice("aio", "threads", "native", "io_uring", default="threads")
            given.number("aio-max-batch", 0)
            given.choice("locking", "auto", "on", "off", default="auto")
            given.flag("drop-cache")
        else:
            below = self._child(given)
            image, read_only = below.image, read_only or below.read_only
        given.end()
        return Node(name, image, read_only)

    def _child(self, given: Fields) -> Node:
        """Return the node below: its name, or a description of its own."""
        inner = given.below("file")
        if inner is not None:
            return self._node(inner)
        name = given.text("file")
        if name not in self.settings.nodes:
            raise OptionError(f"Cannot find node-name='{name}'")
        return self.settings.nodes[name]

    def _object(self, given: Fields) -> None:
        """A thread to export in: each export has a process of its own anyway."""
        kind = given.text("qom-type")
        if kind != "iothread":
            raise OptionError(f"objects of type '{kind}' are not served here, but iothread")
        self._threads.add(given.text("id"))

    def _export(self, given: Fields) -> None:
        kind = given.text("type")
        if kind != "vhost-user-blk":
            raise OptionError(f"exports of type '{kind}' are not served here, but vhost-user-blk")
        name, node_name = given.text("id"), given.text("node-name")
        if not ID.fullmatch(name):
            raise OptionError(f"Invalid block export id: '{name}'")
        if any(export.name == name for export in self.settings.exports):
            raise OptionError(f"Block export id '{name}' is already in use")
        node = self.settings.nodes.get(node_name)
        if node is None:
            raise OptionError(f"Cannot find node-name='{node_name}' in an option before this one")
        writable, queues = given.flag("writable"), given.number("num-queues", 1)
        if writable and node.read_only:
            raise OptionError("Cannot export read-only node as writable")
        if not 1 <= queues <= MOST_QUEUES:
            raise OptionError(f"num-queues must be 1 to {MOST_QUEUES}")
        size = given.number("logical-block-size", SECTOR)
        if size != SECTOR:
            raise OptionError(f"logical-block-size {size} is not served, but {SECTOR}")
        packed = given.flag("packed")  # an option of this daemon's own
        self._no_difference(given)
        where = self._address(given)
        given.end()
        self.settings.exports.append(Export(name, node, where, writable, queues, packed))

    def _no_difference(self, given: Fields) -> None:
        """Take what says how a thread does the work."""
        given.flag("fixed-iothread")
        if "iothread" in given:
            thread = given.text("iothread")
            if thread not in self._threads:
                raise OptionError(f"iothread '{thread}' not found")

    @staticmethod
    def _address(given: Fields) -> Union[Path, int]:
        address = given.below("addr")
        if address is None:
            raise OptionError("Parameter 'addr' is missing")
        kind = address.text("type")
        if kind not in ("unix", "fd"):
            raise OptionError("Only socket address types 'unix' and 'fd' are supported")
        where: Union[Path, int]
        if kind == "unix":
            where = Path(address.text("path"))
        else:
            number = address.text("str")
            if not number.isascii() or not number.isdigit():
                raise OptionError(f"Unable to parse FD number {number}")
            where = int(number)
        address.end("addr.")
        return where
