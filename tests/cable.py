"""A cable between a live camera and its recorder: it is cut, pulled, reset, or leads elsewhere."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Cable", "speak_http"]

_AT_ONCE_BYTES = 1 << 16
_LOOK_SECONDS = 0.05
_RESETS = struct.pack("ii", 1, 0)
"""Lingering for no time at all makes a reset of a close."""


class Cable:
    """A port on the loopback interface whose connections lead to the port of a camera."""

    def __init__(self, camera_port: int) -> None:
        self._camera_port = camera_port
        self._cuts = 0
        self._resets = False
        self._flows = True
        self._answer: Callable[[socket.socket], None] | None = None
        self._listener: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self.port = 0
        self.join()

    def join(self) -> None:
        """Let connections be made, to the camera."""
        self._answer = None
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=16)
            self.port = self._listener.getsockname()[1]
            self._begin(self._accept, self._listener)

    def cut(self) -> None:
        """End all connections, and refuse new ones until `join`."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)  # which wakes whoever accepts
            self._listener.close()
            self._listener = None
        self._end()

    def reset(self) -> None:
        """End all connections by a reset; new ones are welcome."""
        self._end(resets=True)

    def pull(self) -> None:
        """Let nothing through, of old connections and new ones, and tell nobody."""
        self._flows = False

    def plug(self) -> None:
        """After `pull`: what was sent meanwhile comes through."""
        self._flows = True

    def answer(self, how: Callable[[socket.socket], None]) -> None:
        """End all connections; new ones do not lead to the camera, `how` speaks to them and they
        are left so, until `join`."""
        self._answer = how
        self._end()

    def close(self) -> None:
        """End everything."""
        self.cut()
        for thread in self._threads:
            thread.join()

    def _begin(self, what: Callable[[socket.socket], None], one: socket.socket) -> None:
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=what, args=(one,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _end(self, *, resets: bool = False) -> None:
        self._resets = resets
        self._cuts += 1
        time.sleep(2 * _LOOK_SECONDS)

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                self._begin(self._lead, listener.accept()[0])

    def _lead(self, near: socket.socket) -> None:
        cuts, answer = self._cuts, self._answer
        with near, suppress(OSError):
            if answer is not None:
                answer(near)  # which may hang up
                while near.fileno() >= 0 and cuts == self._cuts and answer is self._answer:
                    if select.select([near], [], [], _LOOK_SECONDS)[0] and not _read(near):
                        return
                return
            with socket.create_connection(("127.0.0.1", self._camera_port)) as far:
                while self._pass_on(near, far) and cuts == self._cuts:
                    pass
            if self._resets and cuts != self._cuts:
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETS)

    def _pass_on(self, near: socket.socket, far: socket.socket) -> bool:
        """Hand on what came; False when one end is closed."""
        if not self._flows:
            time.sleep(_LOOK_SECONDS)
            return True
        for source in select.select([near, far], [], [], _LOOK_SECONDS)[0]:
            piece = _read(source)
            if not piece:
                return False
            (far if source is near else near).sendall(piece)
        return True


def _read(end: socket.socket) -> bytes:
    return end.recv(_AT_ONCE_BYTES)


def speak_http(end: socket.socket) -> None:
    """Answer as a web server does, and hang up."""
    end.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    end.shutdown(socket.SHUT_RDWR)
