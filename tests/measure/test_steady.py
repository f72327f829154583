# SPDX-License-Identifier: Apache-2.0
"""How a steady rate is taken from the cycles in which buffers became visible."""

import pytest

from tb.measure.throughput import Mark, Traffic, bus_use, cycles_per_buffer


def marks(cycle_of, total, step=1):
    """Return marks at each `step` buffers."""
    return [Mark(used, cycle_of(used)) for used in range(step, total + 1, step)]


def test_an_even_rate_is_found_exactly():
    assert cycles_per_buffer(marks(lambda used: 100 + 3 * used, 640), 64) == 3


def test_what_comes_batch_by_batch_has_the_rate_of_the_batches():
    def cycle(used):
        return 84 * ((used - 1) // 64)

    assert cycles_per_buffer(marks(cycle, 1280), 64) == 84 / 64
    assert cycles_per_buffer(marks(cycle, 1280, 16), 64) == 84 / 64
    assert cycles_per_buffer(marks(cycle, 1280, 64), 64) == 84 / 64


@pytest.mark.parametrize("step", [1, 16, 20, 48, 61, 64])
def test_the_step_of_the_index_does_not_matter(step):
    assert cycles_per_buffer(marks(lambda used: 24 * used, 1280, step), 64) == 24


def test_a_slow_start_is_left_out():
    assert cycles_per_buffer(marks(lambda used: 20 * min(used, 300) + 2 * used, 640), 64) == 2


def test_a_fast_end_is_left_out():
    assert cycles_per_buffer(marks(lambda used: 4 * min(used, 576), 640), 64) == 4


def test_a_stall_in_the_second_half_is_not_left_out():
    assert cycles_per_buffer(marks(lambda used: 2 * used + 1000 * (used > 420), 640), 64) > 4


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
