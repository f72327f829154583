# SPDX-License-Identifier: Apache-2.0
"""A client whose memory goes away under the device: files cut short, regions taken out."""

from __future__ import annotations

import os

import pytest

from pymodel import BlkRequest
from tb.hil.client import Client, QemuLike
from tb.hil.server import MESSAGES
from tests.hil.servers import SANITIZED, Serving, connect

ALL, HALF = 0, 0x8000


def submit(client: Client) -> list[BlkRequest]:
    """Let the device have some work."""
    requests = [BlkRequest.write(8 * at, bytes(512 * 64), queue=at % 2) for at in range(4)]
    client.run(client.driver.submit(*requests))
    return requests


@pytest.mark.parametrize("blk_server", [SANITIZED], indirect=True)
@pytest.mark.parametrize("left", (ALL, HALF, 0x1_0040))
def test_a_file_that_is_cut_short_ends_its_session_alone(blk: Serving, left: int) -> None:
    with connect(blk, QemuLike) as client:
        submit(client)
        os.ftruncate(client.ram.fd(client.ram.regions[1]), left)
        client.kick(0)
        assert client.front.gone()
        blk.expect("closed: ", "cut short")


def test_regions_go_when_the_device_has_done_its_work(blk: Serving) -> None:
    with connect(blk, QemuLike) as client:
        requests = submit(client)
        for _ in range(2 * MESSAGES):
            client.front.get_features()  # the kicks have been seen
        for region in client.ram.regions:
            client.front.remove_region(region)
        assert client.front.get_features()
        assert not blk.mapped()
        client.run(client.driver.finish(*requests))
        assert not [line for line in blk.news() if "broke a rule" in line]
