# SPDX-License-Identifier: Apache-2.0
"""The servers of these tests: one of each device for each file, the golden model or the Verilog.

After each test the server is looked at: it must serve the next client, and hold nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hil.servers import SERVERS, Serving, serve


@pytest.fixture(scope="module", params=SERVERS)
def blk_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    with serve(
        request.param, "blk", tmp_path_factory.mktemp("blk"), Path(request.path).stem
    ) as server:
        server.check()
        yield server


@pytest.fixture(scope="module", params=SERVERS)
def net_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Serving]:
    with serve(
        request.param, "net", tmp_path_factory.mktemp("net"), Path(request.path).stem
    ) as server:
        server.check()
        yield server


@pytest.fixture
def blk(blk_server: Serving) -> Iterator[Serving]:
    yield blk_server
    blk_server.check()


@pytest.fixture
def net(net_server: Serving) -> Iterator[Serving]:
    yield net_server
    net_server.check()
