"""A proxy before a PostgreSQL server that cuts a connection at a COMMIT, so that whoever commits
never hears whether it was done."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["CuttingProxy", "cutting_proxy"]

_SOCKET = ".s.PGSQL.5432"
_COMMIT = b"COMMIT\0"
_READY = b"Z\0\0\0\x05I"
"""ReadyForQuery, outside of a transaction: the commit is done."""


class CuttingProxy:
    """Passes everything on, until the COMMIT that it was told to cut at."""

    def __init__(self, folder: Path, server: Path) -> None:
        self.folder, self._server = folder, server
        self.commits = 0
        """Seen so far."""
        self.cuts = 0
        self._cut_at: tuple[int, bool] | None = None
        self._lock = threading.Lock()

    def cut_at(self, number: int, *, done: bool) -> None:
        """Cut at the COMMIT that comes after `number` others from now on: after the server has
        done it, or instead of passing it on."""
        self.commits, self._cut_at = 0, (number, done)

    def serve(self, client: socket.socket) -> None:
        """Pass one conversation on, to its end."""
        with client, socket.socket(socket.AF_UNIX) as server, suppress(OSError):
            server.connect(str(self._server / _SOCKET))
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    chunk = ready.recv(1 << 16)
                    if not chunk:
                        return
                    if ready is client and _COMMIT in chunk and (cut := self._due()) is not None:
                        if cut:
                            server.sendall(chunk)
                            _read_until_ready(server)
                        return
                    (server if ready is client else client).sendall(chunk)

    def _due(self) -> bool | None:
        with self._lock:
            number, self.commits = self.commits, self.commits + 1
            if self._cut_at is None or self._cut_at[0] != number:
                return None
            _, done = self._cut_at
            self._cut_at = None
            self.cuts += 1
            return done


def _read_until_ready(server: socket.socket) -> None:
    said = b""
    while not said.endswith(_READY):
        chunk = server.recv(1 << 16)
        assert chunk, "the server hung up"
        said += chunk


@contextmanager
def cutting_proxy(folder: Path, server: Path) -> Iterator[CuttingProxy]:
    """Yield a proxy whose socket lies in `folder`, before the server whose socket is in `server`.

    The URL of a database is the server's with the other folder as its host.
    """
    proxy = CuttingProxy(folder, server)
    threads: list[threading.Thread] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / _SOCKET))
        listener.listen()

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threads.append(threading.Thread(target=proxy.serve, args=(client,)))
                threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for thread in threads:
                thread.join(timeout=10)
