"""Being asked to stop: SIGTERM and Ctrl-C end work between two transactions, never inside one.

An exception out of a signal may come up anywhere. In the middle of the database library it left a
transaction open that nobody would end: the program waited for itself, and its lease stayed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Stopped", "end_with_parent", "not_now", "stopped_by_signals"]

_PR_SET_PDEATHSIG = 1


class Stopped(BaseException):
    """SIGTERM came."""


@dataclass(slots=True)
class _Held:
    """How deep the main thread is in what must not be broken off, and what waits for its end."""

    depth: int = 0
    waiting: BaseException | None = None


_held = _Held()


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let SIGTERM end the block by Stopped, and Ctrl-C by KeyboardInterrupt, so that leases are
    given back and children ended; outside `not_now`. A second SIGTERM changes nothing, a second
    Ctrl-C waits for nothing.

    Commands with an end of their own put theirs in its place. Does nothing in another thread than
    the main one.
    """
    if not _in_main_thread():
        yield
        return

    def terminate(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one must not disturb the end
        _end_by(Stopped())

    def interrupt(number: int, frame: object) -> None:
        if _held.waiting is not None:
            raise KeyboardInterrupt
        _end_by(KeyboardInterrupt())

    before = [
        (number, signal.signal(number, handler))
        for number, handler in ((signal.SIGTERM, terminate), (signal.SIGINT, interrupt))
    ]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@contextmanager
def not_now() -> Iterator[None]:
    """Put off the end that a signal asks for until the block is left."""
    if not _in_main_thread():  # signals come up in the main thread only
        yield
        return
    _held.depth += 1
    try:
        yield
    finally:
        _held.depth -= 1
        if _held.depth == 0 and _held.waiting is not None:
            waiting, _held.waiting = _held.waiting, None
            raise waiting


def end_with_parent(parent: int) -> None:
    """Let this process be ended by SIGTERM when the one that started it, process `parent`, is gone
    in whatever way; only Linux knows how. Raises Stopped when it is gone already."""
    if sys.platform != "linux":
        return
    # The kernel goes by the thread that started this process: it has to live as long as the work.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise Stopped


def _end_by(end: BaseException) -> None:
    if _held.depth:
        _held.waiting = end
        return
    raise end


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
