# SPDX-License-Identifier: Apache-2.0
"""What can be wrong: the scenario file, or the device."""

from __future__ import annotations


class ScenarioError(Exception):
    """A scenario file is wrong; the text names file, line, field and what is allowed."""


class Problem(Exception):
    """What is wrong with one value; `path` is where, from the scenario's top."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(f"{path}: {text}" if path else text)
        self.path = path
        self.text = text


class StepFailed(AssertionError):
    """The device did not do what a step expects."""

    def __init__(self, what: str, expected: object, actual: object) -> None:
        super().__init__(f"{what}: expected {expected}, actual {actual}")
        self.what, self.expected, self.actual = what, expected, actual
