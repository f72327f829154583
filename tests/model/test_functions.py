# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from pymodel import Loopback, Pattern, TestFunction, pattern_bytes


@pytest.mark.parametrize(("readable", "writable"), [(0, 0), (5, 3), (3, 5), (4, 4), (0, 9)])
def test_loopback_returns_as_much_as_both_sides_allow(readable: int, writable: int) -> None:
    data = bytes(range(1, readable + 1))
    assert Loopback().process(0, data, writable) == data[: min(readable, writable)]


@pytest.mark.parametrize(("queue", "number"), [(0, 0), (3, 1), (200, 70000)])
def test_the_pattern_is_the_formula(queue: int, number: int) -> None:
    length = 66000
    formula = bytes(((i + 29 * number + 101 * queue) ^ (i >> 8)) % 256 for i in range(length))
    assert pattern_bytes(queue, number, length) == formula


def test_the_pattern_numbers_chains_per_queue_and_counts_wrong_bytes() -> None:
    pattern = Pattern()
    assert pattern.process(1, b"", 10) == pattern_bytes(1, 0, 10)
    assert pattern.process(0, pattern_bytes(0, 0, 300), 4) == pattern_bytes(0, 0, 4)
    assert pattern.sink_errors == 0
    wrong = bytearray(pattern_bytes(1, 1, 300))
    wrong[7] ^= 1
    wrong[299] ^= 0x80
    pattern.process(1, bytes(wrong), 0)
    assert pattern.sink_errors == 2
    pattern.reset()
    assert pattern.sink_errors == 0
    assert pattern.process(1, b"", 3) == pattern_bytes(1, 0, 3)


def test_the_test_function_follows_its_mode_and_resets_to_loopback() -> None:
    function = TestFunction()
    assert function.process(0, b"abc", 2) == b"ab"
    function.mode = 1
    assert function.process(0, b"", 2) == pattern_bytes(0, 1, 2)
    function.reset()
    assert (function.mode, function.sink_errors) == (0, 0)
    assert function.process(0, b"abc", 2) == b"ab"
