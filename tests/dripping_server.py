"""A server that says a byte now and then, for a minute: no time-out of a socket ever comes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["ENDLESS_HANDSHAKE", "dripping"]

ENDLESS_HANDSHAKE = b"\x16\x03\x03\x3f\xff"
"""The header of a record of 16 KiB, which is all that encryption can begin with."""


@contextmanager
def dripping(begin: bytes, asked: bytes = b"", answer: bytes = b"") -> Iterator[int]:
    """Yield the port of a server that begins so, waits to be asked so, answers so, and then goes on
    byte by byte."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                connection.sendall(begin)
                heard = b""
                while asked not in heard:
                    heard += connection.recv(4096) or asked
                connection.sendall(answer)
                for _ in range(600):
                    if over.wait(0.1):
                        return
                    connection.sendall(b"x")
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        thread.join()
        listener.close()
