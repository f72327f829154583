# SPDX-License-Identifier: Apache-2.0
"""Which points are measured."""

from tb.measure.points import (
    BATCHES,
    CHAINS,
    DIRECTIONS,
    LATENCIES,
    PAYLOADS,
    QUEUES,
    RING_ENTRIES,
    WIDTHS,
    all_points,
    chosen,
    quick,
)

POINTS = all_points()


def values(width, direction, payload):
    """Return what is varied at one width, direction and payload."""
    return [
        point
        for point in POINTS
        if (point.data_w, point.direction, point.payload) == (width, direction, payload)
    ]


def test_points_have_names_of_their_own():
    assert len({point.name for point in POINTS}) == len(POINTS) > 200


def test_every_width_and_direction_has_every_payload_and_latency():
    for width in WIDTHS:
        for direction in DIRECTIONS:
            for payload in PAYLOADS:
                found = {point.latency for point in values(width, direction, payload)}
                assert found == set(LATENCIES)


def test_small_and_large_buffers_are_varied_in_everything():
    for width in WIDTHS:
        for direction in DIRECTIONS:
            for payload in (64, 1500):
                found = values(width, direction, payload)
                assert {point.batch for point in found} == set(BATCHES)
                assert {point.queues for point in found} == set(QUEUES)
                assert {(point.descriptors, point.indirect) for point in found} == set(CHAINS)
                assert {point.order for point in found} == {"table", "random"}
                assert {point.aligned for point in found} == {True, False}


def test_each_queue_has_the_same_load_and_long_enough():
    for point in POINTS:
        assert point.batches % point.queues == 0
        buffers = point.batches * point.batch
        assert buffers * point.limit_cycles >= 4000
        assert buffers >= 4000 or point.payload > 64
        assert point.ring_size * point.queues <= RING_ENTRIES
        assert 1024 <= point.ring_size <= 4096


def test_the_quick_points_are_those_of_the_floors():
    few = [point for point in POINTS if quick(point)]
    assert {(point.payload, point.batch, point.queues) for point in few} == {
        (64, 64, 1),
        (1500, 64, 1),
    }
    assert len(few) == 2 * 2 * len(WIDTHS) * len(DIRECTIONS) * len(LATENCIES)


def test_points_are_chosen_by_name():
    assert [point.name for point in chosen(POINTS, r"^rx-512-1500.*batch1$")] == [
        "rx-512-1500-lat128-batch1"
    ]
    assert not chosen(POINTS, "fish")
