# SPDX-License-Identifier: Apache-2.0
"""Byte ranges of beats: how benches make them and read them back."""

from __future__ import annotations

import random


def part(data: bytes, offset: int, beat: int) -> int:
    """Return a beat with `data` from lane `offset` on; the other lanes hold noise."""
    lanes = bytearray(random.randbytes(beat))
    lanes[offset : offset + len(data)] = data
    return int.from_bytes(lanes, "little")


def lanes_of(word: int, beat: int, offset: int, count: int) -> bytes:
    """Return `count` bytes of a beat from lane `offset` on."""
    return word.to_bytes(beat, "little")[offset : offset + count]


def cut(length: int, first: int, beat: int) -> list[tuple[int, int]]:
    """Cut `length` bytes from lane `first` on into beats: offset and count of each."""
    parts = []
    while length:
        count = min(length, beat - first)
        parts.append((first, count))
        length, first = length - count, 0
    return parts
