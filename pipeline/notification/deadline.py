"""Deadline: the end of a whole conversation, however slowly the other side speaks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["Deadline", "deadline"]


class Deadline:
    """The end of a conversation over one connection. `overdue` says whether it came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self.overdue = False

    def watch(self, connection: socket.socket) -> None:
        """End this connection when the time is over, also when it has become an encrypted one."""
        with self._lock:
            # Another handle of the same connection: encryption takes the first one away.
            self._connection = connection.dup()
            if self.overdue:
                self._shut()

    def end(self) -> None:
        """End the conversation now: whoever reads or writes gets an error or the end of file."""
        with self._lock:
            self.overdue = True
            self._shut()

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _shut(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def deadline(seconds: float) -> Iterator[Deadline]:
    """End the conversation in the block after `seconds` in all: the time-out of a socket begins
    anew with every byte, so one byte now and then could hold everything up for ever."""
    limit = Deadline()
    timer = threading.Timer(seconds, limit.end)
    timer.daemon = True
    timer.start()
    try:
        yield limit
    finally:
        timer.cancel()
        limit.close()
