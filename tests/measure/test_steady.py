# SPDX-License-Identifier: Apache-2.0
"""How a steady rate is taken from the cycles in which buffers became visible."""

import pytest

from tb.measure.throughput import Traffic, bus_use, cycles_per_buffer


def test_an_even_rate_is_found_exactly():
    assert cycles_per_buffer([100 + 3 * n for n in range(640)], 64) == 3


def test_what_comes_in_bursts_has_the_rate_of_its_bursts():
    assert cycles_per_buffer([84 * (n // 64) for n in range(640)], 64) == 84 / 64


def test_a_slow_start_is_left_out():
    slow = [20 * n for n in range(64)]
    assert cycles_per_buffer([*slow, *(slow[-1] + 2 * n for n in range(1, 577))], 64) == 2


def test_a_stall_in_the_middle_is_not_left_out():
    cycles = [2 * n + (1000 if n >= 320 else 0) for n in range(640)]
    assert cycles_per_buffer(cycles, 64) > 4


def test_bursts_that_are_no_batches_are_averaged():
    # 100 at once every 250 cycles
    found = cycles_per_buffer([250 * (n // 100) for n in range(6400)], 64)
    assert found == pytest.approx(2.5, rel=0.01)


def test_beats_and_idle_cycles_of_a_buffer_are_its_cycles():
    use = bus_use(Traffic(800, 100, 50, 0, 125), 100, 10.0)
    assert use == {
        "r_payload": 8,
        "r_descriptors": 1,
        "r_rings": 0.5,
        "r_idle": 0.5,
        "w_payload": 0,
        "w_rings": 1.25,
        "w_idle": 8.75,
    }


def test_a_channel_that_is_never_idle_has_no_idle_cycles():
    assert bus_use(Traffic(101, 0, 0, 0, 0), 10, 10.0)["r_idle"] == 0
