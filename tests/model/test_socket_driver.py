# SPDX-License-Identifier: Apache-2.0
"""What is the socket queue's own: frames, room, answers that are wrong, taking frames back."""

from __future__ import annotations

import errno
import random
from typing import Any

import pytest

from pymodel import (
    BrokenQueueError,
    GuestMemory,
    InitError,
    Interrupt,
    SocketDevice,
    SocketVirtqueue,
    UsedBuffer,
    VirtqueueError,
    open_port,
    run_sync,
)
from pymodel.socket_registers import Control, Window
from tests.model.world import BUFFER_BYTES, BUFFERS, SocketWorld

A, B = BUFFERS, BUFFERS + 0x1000
SMALL = {"tx_words": 16, "rx_words": 16}


def fails(code: int, match: str) -> Any:
    class Check:
        def __enter__(self) -> None:
            self.raises = pytest.raises(VirtqueueError, match=match)
            self.caught = self.raises.__enter__()

        def __exit__(self, *error: Any) -> bool:
            result = self.raises.__exit__(*error)
            assert self.caught.value.errno == code
            return bool(result)

    return Check()


class Tapped:
    """A port whose accesses are counted, and may be followed by something."""

    def __init__(self, device: SocketDevice) -> None:
        self.device = device
        self.reads: list[int] = []
        self.writes: list[tuple[int, int]] = []
        self.after: Any = lambda: None

    def read32(self, offset: int) -> int:
        self.reads.append(offset)
        value = self.device.read32(offset)
        self.after()
        return value

    def write32(self, offset: int, value: int) -> None:
        self.writes.append((offset, value))
        self.device.write32(offset, value)
        self.after()


def tap(world: SocketWorld) -> Tapped:
    port = Tapped(world.device)
    world.queue._port = port
    return port


def test_a_buffer_goes_as_one_frame_and_comes_back_as_one_answer() -> None:
    world = SocketWorld()
    port = tap(world)
    world.memory.write(A, b"hello, port")
    world.queue.add_buf([(A, 6), (A + 6, 5), (B, 4), (B + 8, 5)], 2, 2, "t")
    assert port.writes == []
    world.queue.sync()
    header = [(0x1008, 0 << 24 | 11), (0x1008, 9)]
    words = [b"hell", b"o, p", b"ort\0"]
    assert port.writes == header + [(0x100C, int.from_bytes(w, "little")) for w in words]
    assert world.serve() == 0, "without a callback"
    assert world.queue.get_buf() == UsedBuffer("t", 9)
    assert world.memory.read(B, 4) + world.memory.read(B + 8, 5) == b"hello, po"
    assert world.queue.get_buf() is None


@pytest.mark.parametrize("length", [64, 256, 1500])
def test_the_price_of_a_buffer_in_register_accesses(length: int) -> None:
    world = SocketWorld(callback=lambda queue: False)
    port = tap(world)
    for token in range(4):
        world.queue.add_buf([(A, length)], token % 2, 1 - token % 2, token)
    world.queue.sync()
    data = -(-length // 4)
    assert len(port.writes) == 4 * 2 + 2 * data
    assert port.reads == [0x1004], "the room was looked at once"
    world.serve()
    port.reads.clear()
    assert world.drain() == [(token, 0) for token in range(4)]
    assert port.reads == [0x1010] * 4 + [0x1004], "what was there is known from the callback"


def test_what_finds_no_room_goes_when_there_is_some_even_without_a_callback() -> None:
    world = SocketWorld(**SMALL)
    for token in range(8):
        world.queue.add_buf([(A, 20)], 1, 0, token)
    world.queue.sync()
    assert world.queue.unsent == (2, 3, 4, 5, 6, 7)
    assert world.device.queues[0].control == Control.ENABLE | Control.ROOM
    served = 0
    while world.serve() & Interrupt.USED_BUFFER:
        served += 1
    assert (served, world.queue.unsent) == (3, ())
    assert world.device.queues[0].control == Control.ENABLE
    assert world.drain() == [(token, 0) for token in range(8)]


def test_room_that_comes_while_the_driver_asks_for_it_is_not_missed() -> None:
    def on_step(step: str) -> None:
        if step == "control written":
            world.device.run()

    world = SocketWorld(on_step=on_step, **SMALL)
    for token in range(8):
        world.queue.add_buf([(A, 20)], 1, 0, token)
    world.queue.sync()
    assert world.queue.unsent == (4, 5, 6, 7), "asked once, looked again after that"


def test_frames_that_wait_go_in_order_and_before_later_ones() -> None:
    world = SocketWorld(**SMALL)
    for token in range(4):
        world.queue.add_buf([(A, 20)], 1, 0, token)
    world.queue.sync()
    world.device.run()
    world.queue.add_buf([(A, 1)], 1, 0, "late")
    world.queue.sync()
    assert world.queue.unsent == ("late",)
    while world.serve():
        pass
    assert [token for token, _ in world.drain()] == [0, 1, 2, 3, "late"]


def test_slots_bound_what_is_outstanding() -> None:
    world = SocketWorld(size=3, slots=4)
    for token in range(3):
        world.queue.add_buf([(A, 1)] * 5, 5, 0, token)
    before = world.state()
    with fails(errno.ENOSPC, "0 free"):
        world.queue.add_buf([(A, 1)], 1, 0, "more")
    assert world.state() == before
    world.queue.sync()
    world.serve()
    assert world.queue.get_buf() == UsedBuffer(0, 0)
    world.queue.add_buf([(A, 1)], 1, 0, "more")


@pytest.mark.parametrize(
    ("sg", "out_num", "message"),
    [
        ([(A, 28), (B, 29)], 2, "57 readable bytes, the port takes 56"),
        ([(A, 61)], 0, "61 writable bytes, the port takes 60"),
        ([(BUFFERS + BUFFER_BYTES - 1, 2)], 1, "not in memory"),
        ([(BUFFERS - 1, 2)], 0, "not in memory"),
    ],
)
def test_buffers_that_the_port_cannot_take_are_refused(
    sg: list[tuple[int, int]], out_num: int, message: str
) -> None:
    world = SocketWorld(**SMALL)
    before = world.state()
    with fails(errno.EINVAL, message):
        world.queue.add_buf(sg, out_num, len(sg) - out_num, "t")
    assert world.state() == before


def test_the_largest_buffers_pass() -> None:
    world = SocketWorld(**SMALL)
    world.memory.write(A, bytes(range(56)))
    world.queue.add_buf([(A, 56), (B, 60)], 1, 1, "t")
    world.queue.sync()
    world.serve()
    assert world.drain() == [("t", 56)]
    assert world.memory.read(B, 56) == bytes(range(56))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([5 << 24], "an answer names 5"),
        ([0xFF << 24], "an answer names 255"),
        ([1], "1 bytes written of 0"),
        ([1 << 24 | 0xFFFFFF], "16777215 bytes written of 4"),
        ([1 << 24 | 4], "answer 1: 4 bytes, 0 words are there"),
    ],
)
def test_wrong_answers_break_the_queue_and_lose_nothing(words: list[int], message: str) -> None:
    world = SocketWorld()
    world.queue.add_buf([(A, 4)], 1, 0, "out")
    world.queue.add_buf([(A, 4)], 0, 1, "in")
    world.queue.sync()
    world.device.queues[0].answers.append(words)
    with pytest.raises(BrokenQueueError, match=message):
        world.queue.get_buf()
    with pytest.raises(BrokenQueueError, match=message):
        world.queue.sync()
    assert world.queue.shutdown() == ["out", "in"]


def test_an_answer_that_cannot_be_stored_breaks_the_queue() -> None:
    world = SocketWorld()
    world.queue.add_buf([(A, 4), (B, 4)], 1, 1, "t")
    world.queue.sync()
    world.device.run()
    world.memory.refuse(B, 4)
    with pytest.raises(BrokenQueueError, match="answer 0 cannot be stored"):
        world.queue.get_buf()
    assert world.queue.shutdown() == ["t"]


def test_bytes_that_cannot_be_read_break_the_queue() -> None:
    world = SocketWorld()
    world.queue.add_buf([(A, 4)], 1, 0, "t")
    world.memory.refuse(A, 4)
    with pytest.raises(BrokenQueueError, match="'t' cannot be read"):
        world.queue.sync()
    assert world.queue.shutdown() == ["t"]


# ---- taking buffers back


def test_detach_before_sync_leaves_no_trace() -> None:
    worlds = [SocketWorld() for _ in range(2)]
    for world in worlds:
        for token in "abc":
            if token != "b" or world is worlds[0]:
                world.queue.add_buf([(A, 4), (B, 4)], 1, 1, token)
    worlds[0].queue.detach_buf("b")
    for world in worlds:
        world.queue.sync()
    assert worlds[0].state() == worlds[1].state()
    for world in worlds:
        world.serve()
    assert worlds[0].drain() == worlds[1].drain() == [("a", 4), ("c", 4)]


def test_a_frame_that_waits_for_room_is_taken_back_at_once() -> None:
    world = SocketWorld(**SMALL)
    for token in range(4):
        world.queue.add_buf([(A, 20)], 1, 0, token)
    world.queue.sync()
    port = tap(world)
    for token in (2, 3):
        world.queue.detach_buf(token)
    assert [offset for offset, _ in port.writes] == [0x1000], "the wish for room is withdrawn"
    assert world.device.queues[0].control == Control.ENABLE
    world.serve()
    assert world.drain() == [(0, 0), (1, 0)]


@pytest.mark.parametrize("gone", range(5))
def test_a_sent_frame_is_taken_back_and_the_others_go_again_in_order(gone: int) -> None:
    world = SocketWorld(callback=lambda queue: False)
    world.memory.write(A, b"abcdefgh")
    for token in range(5):
        world.queue.add_buf([(A + token, 1), (B + token, 1)], 1, 1, token)
    world.queue.sync()
    world.queue.add_buf([(A, 1)], 1, 0, "later")
    world.queue.detach_buf(gone)
    assert world.queue.num_free == 3
    assert world.queue.unpublished == ("later",)
    world.serve()
    assert world.drain() == [(token, 1) for token in range(5) if token != gone]
    expected = bytearray(b"abcde")
    expected[gone] = 0
    assert world.memory.read(B, 5) == expected
    with fails(errno.ENOENT, "not outstanding"):
        world.queue.detach_buf(gone)


def test_a_used_buffer_is_not_taken_back_and_the_queue_goes_on() -> None:
    world = SocketWorld()
    for token in "ab":
        world.queue.add_buf([(A, 4)], 1, 0, token)
    world.queue.sync()
    world.device.step(0)
    port = tap(world)
    with fails(errno.ENOENT, "used already"):
        world.queue.detach_buf("a")
    assert port.writes == [], "no need to end the life"
    world.queue.detach_buf("b")
    assert world.drain() == [("a", 0)]


def test_an_answer_that_comes_as_the_life_ends_is_kept() -> None:
    world = SocketWorld()
    for token in "abc":
        world.queue.add_buf([(A, 4)], 1, 0, token)
    world.queue.sync()
    port = tap(world)
    port.after = lambda: world.device.step(0) if len(port.reads) == 1 else None
    with fails(errno.ENOENT, "used already"):
        world.queue.detach_buf("a")
    port.after = lambda: None
    world.device.run()
    assert world.drain() == [("a", 0), ("b", 0), ("c", 0)]


def test_callbacks_stay_as_they_were_when_a_frame_is_taken_back() -> None:
    for answer, expected in ((True, Interrupt.USED_BUFFER), (False, Interrupt(0))):
        world = SocketWorld(callback=lambda queue, answer=answer: answer)
        world.queue.add_buf([(A, 4)], 1, 0, "first")
        world.queue.sync()
        world.serve()
        for token in "ab":
            world.queue.add_buf([(A, 4)], 1, 0, token)
        world.queue.sync()
        world.queue.detach_buf("a")
        assert world.serve() == expected


# ---- set-up and end


def test_another_device_is_not_opened() -> None:
    device = SocketDevice()
    for place, value in ((0, 0x74726976), (4, 2)):

        def read(offset: int, place: int = place, value: int = value) -> int:
            return value if offset == place else device.read32(offset)

        with pytest.raises(InitError):
            run_sync(open_port(), read, device.write32)


def test_a_queue_that_the_port_does_not_have_is_refused() -> None:
    device = SocketDevice(queues=2, slots=16)
    info = run_sync(open_port(), device.read32, device.write32)
    assert info == device.info
    for arguments in ({"index": 2}, {"index": -1}, {"size": 17}, {"size": 0}):
        with pytest.raises(ValueError, match="port"):
            SocketVirtqueue(GuestMemory((0, 4096)), device, info, **arguments)


def test_a_new_driver_begins_with_an_empty_queue() -> None:
    world = SocketWorld()
    for token in "ab":
        world.queue.add_buf([(A, 4)], 1, 0, token)
    world.queue.sync()
    world.device.step(0)
    assert world.queue.shutdown() == ["a", "b"]
    queue = SocketVirtqueue(world.memory, world.device, world.info)
    assert queue.get_buf() is None
    assert world.device.read32(Window.STATUS.of(0)) == world.info.tx_words


def test_the_queue_of_a_later_window_is_its_own() -> None:
    world = SocketWorld(index=2, callback=lambda queue: True)
    world.queue.add_buf([(A, 4), (B, 4)], 1, 1, "t")
    world.queue.sync()
    assert world.serve() == Interrupt.USED_BUFFER
    assert world.drain() == [("t", 4)]


# ---- anything


@pytest.mark.parametrize("seed", range(40))
def test_random_operations_lose_and_invent_nothing(seed: int) -> None:
    rand = random.Random(seed)
    answer = {"value": True}
    collected: list[Any] = []

    def callback(queue: Any) -> bool:
        while (used := queue.get_buf()) is not None:
            collected.append(used)
        return answer["value"]

    def on_step(step: str) -> None:
        if rand.random() < 0.2:
            world.device.step(0)

    words = rand.choice([16, 32, 256])
    world = SocketWorld(
        size=rand.choice([1, 5, 16]),
        callback=callback if rand.random() < 0.7 else None,
        on_step=on_step,
        tx_words=words,
        rx_words=rand.choice([16, 64]),
    )
    queue, held, number = world.queue, {}, 0
    for _ in range(300):
        what = rand.choice(["add", "add", "add", "sync", "get", "serve", "detach", "restart"])
        if what == "add" and queue.num_free:
            out = rand.randint(0, min(40, world.info.max_readable))
            room = rand.randint(not out, min(40, world.info.max_writable))
            data = rand.randbytes(out)
            at = A + 128 * number
            world.memory.write(at, data)
            sg = [(at, out)] * bool(out) + [(at + 64, room)] * bool(room)
            queue.add_buf(sg, bool(out), bool(room), number)
            held[number] = (data[:room], at + 64)
            number += 1
        elif what == "sync":
            queue.sync()
        elif what == "get" and (used := queue.get_buf()) is not None:
            collected.append(used)
        elif what == "serve":
            world.serve()
        elif what == "detach" and queue.outstanding:
            token = rand.choice(list(queue.outstanding))
            try:
                queue.detach_buf(token)
                del held[token]
            except VirtqueueError as error:
                assert error.errno == errno.ENOENT
        elif what == "restart" and queue.callback and not queue.callbacks_on:
            queue.restart()
        answer["value"] = rand.random() < 0.7
    queue.sync()
    for _ in range(40):
        world.serve()
        while (used := queue.get_buf()) is not None:
            collected.append(used)
    assert sorted(used.data for used in collected) == sorted(held)
    for used in collected:
        data, at = held[used.data]
        assert world.memory.read(at, used.length) == data
    assert queue.num_free == queue.size
    assert world.device.read32(0x80C) == 0, "no fault"
