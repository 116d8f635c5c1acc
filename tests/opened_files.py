"""Sees every opening of a file by any process, through inotify of the Linux kernel."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Openings", "watched"]

_OPENED, _READ, _CHANGED, _WRITTEN = 0x20, 0x1, 0x2, 0x8
_EVENT = struct.Struct("iIII")
_NOT_BLOCKING = 0o4000


class Openings:
    """How often the watched files were opened or read, and how often they were changed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._opened = 0
        self._changed = 0

    def _take(self) -> None:
        while True:
            try:
                content = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return
            place = 0
            while place < len(content):
                _, mask, _, length = _EVENT.unpack_from(content, place)
                self._opened += bool(mask & (_OPENED | _READ))
                self._changed += bool(mask & (_CHANGED | _WRITTEN))
                place += _EVENT.size + length

    @property
    def opened(self) -> int:
        """Openings and readings so far."""
        self._take()
        return self._opened

    @property
    def changed(self) -> int:
        """Writings so far."""
        self._take()
        return self._changed


@contextmanager
def watched(*paths: Path) -> Iterator[Openings]:
    """Watch files, or all that lies in folders, while the block runs."""
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = library.inotify_init1(_NOT_BLOCKING)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    try:
        for path in paths:
            mask = _OPENED | _READ | _CHANGED | _WRITTEN
            added = library.inotify_add_watch(descriptor, os.fsencode(path), mask)
            assert added >= 0, os.strerror(ctypes.get_errno())
        yield Openings(descriptor)
    finally:
        os.close(descriptor)
