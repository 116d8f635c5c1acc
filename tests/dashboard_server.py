"""The dashboard of a site on a real server, for tests with a browser."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from dashboards.access import Rules
from dashboards.app import create_app
from pipeline.assembly import Site
from tests.dashboard_site import HOST

__all__ = ["serving"]


@contextmanager
def serving(site: Site, rules: Rules | None = None) -> Iterator[str]:
    """Yield the address of the server, on a free port of the loopback."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    app = create_app(site, rules or Rules(secure=False), (HOST,))
    server = uvicorn.Server(uvicorn.Config(app, host=HOST, port=port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://{HOST}:{port}"
    finally:
        server.should_exit = True
        thread.join()
