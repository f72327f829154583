# SPDX-License-Identifier: Apache-2.0
"""A file server on 127.0.0.1, from which a guest fetches."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Iterator, Mapping
from typing import Any


@contextlib.contextmanager
def website(files: Mapping[str, bytes]) -> Iterator[int]:
    """Serve files, each with its checksum as `<name>.sha256`; the TCP port is the value."""
    pages = dict(files)
    for name, data in files.items():
        pages[f"{name}.sha256"] = hashlib.sha256(data).hexdigest().encode() + b"\n"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = pages.get(self.path.lstrip("/"))
            self.send_response(404 if data is None else 200)
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            self.wfile.write(data or b"")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
