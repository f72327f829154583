# SPDX-License-Identifier: Apache-2.0
"""A server that is told to stop, with a client or without one."""

import socket

import pytest

from tb.hil.run import listen, serving
from tb.hil.server import Options
from tests.hil.servers import PARAMETERS


@pytest.mark.parametrize("sim", ["verilator", "icarus"])
@pytest.mark.parametrize("clients", [0, 1])
def test_a_server_that_is_told_to_stop_ends_well(tmp_path, sim, clients):
    path = tmp_path / "socket"
    with listen(path) as listener, socket.socket(socket.AF_UNIX) as client:
        options = Options("net", listener.fileno(), wire="slirp")
        with serving(options, parameters=PARAMETERS["net"], sim=sim) as server:
            if clients:
                client.connect(str(path))
        assert server.process.returncode == 0
        assert "PASS=1" in server.log.read_text()
