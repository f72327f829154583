# SPDX-License-Identifier: Apache-2.0
"""What `init` says on a guest's console."""

from __future__ import annotations

from typing import Optional

MARK = "HIL "


class Console:
    """The lines of a console, and what they mean.

    Attributes:
        lines: all of them.
        results: text of each test that went well, by its name.
        failure: name and text of the test that did not, or nothing.
        done: the guest has come to its end.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.results: dict[str, str] = {}
        self.failure = ""
        self.done = False
        self._marks: dict[tuple[str, str], float] = {}
        self._texts: dict[str, str] = {}

    def feed(self, line: str, now: float) -> Optional[tuple[str, str]]:
        """Take a line that came at `now` (seconds); return name and text of a test that it ends."""
        self.lines.append(line)
        _, found, rest = line.partition(MARK)
        kind, _, rest = rest.partition(" ")
        name, _, text = rest.partition(" ")
        if not found:
            return None
        if kind == "ok":
            self.results[name] = text
            return name, text
        if kind == "fail" and not self.failure:
            self.failure = f"{name}: {text}"
        elif kind in ("begin", "end"):
            self._marks[kind, name] = now
            self._texts.setdefault(name, text)
        elif kind == "done":
            self.done = True
        return None

    def began(self, name: str) -> Optional[float]:
        """Return when a part began, seconds, None if it did not."""
        return self._marks.get(("begin", name))

    def about(self, name: str) -> str:
        """Return what was said as a part began."""
        return self._texts.get(name, "")

    def seconds(self, name: str) -> Optional[float]:
        """Return how long a part took, None if it did not end."""
        begin, end = self._marks.get(("begin", name)), self._marks.get(("end", name))
        return end - begin if begin is not None and end is not None else None
