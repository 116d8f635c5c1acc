"""Transactions: one call is one, short, and done again when another one was in its way.

Whoever asks the program to stop waits for the end of the one that it is in.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from pipeline.stopping import not_now
from pipeline.store.address import Address
from pipeline.store.engine import WRITING
from pipeline.store.failures import is_passing, raise_explained

__all__ = ["Sessions"]

Result = TypeVar("Result")
_RETRIES = 5
_FIRST_PAUSE_SECONDS = 0.02


class Sessions:
    """Runs pieces of work in transactions of one database. Thread safe."""

    def __init__(self, engine: Engine, address: Address) -> None:
        self.engine = engine
        self.address = address
        self._read = sessionmaker(engine)
        self._write = sessionmaker(engine.execution_options(**WRITING))
        self._of_thread = threading.local()

    def read(self, work: Callable[[Session], Result]) -> Result:
        """Return what `work` reads, all of it from one state of the database on SQLite."""
        try:
            with not_now(), self._read() as session:
                return work(session)
        except SQLAlchemyError as error:
            raise_explained(error, self.address)

    def write(self, work: Callable[[Session], Result]) -> Result:
        """Return what `work` returns after its changes are durable; none is kept when it raises.

        A transaction that met a lock, a deadlock or a serialization failure is done again, at most
        5 times; so `work` may run more than once.
        """
        for attempt in range(_RETRIES + 1):
            try:
                with not_now(), self._write.begin() as session:
                    result = work(session)
                    # Last, so that the locks of a check are held for no longer than the commit.
                    for check in self._checks():
                        session.flush()
                        check(session)
                    return result
            except SQLAlchemyError as error:
                if attempt == _RETRIES or not is_passing(error):
                    raise_explained(error, self.address)
            # Jitter, or the ones that met would meet again.
            time.sleep(random.uniform(0.5, 1.5) * _FIRST_PAUSE_SECONDS * 2**attempt)
        raise AssertionError("unreachable: the last attempt returns or raises")

    @contextmanager
    def checked(self, check: Callable[[Session], None]) -> Iterator[None]:
        """Let every transaction that this thread writes in the block end with `check`; what it
        raises leaves nothing of the transaction."""
        before = self._checks()
        self._of_thread.checks = (*before, check)
        try:
            yield
        finally:
            self._of_thread.checks = before

    def _checks(self) -> tuple[Callable[[Session], None], ...]:
        checks: tuple[Callable[[Session], None], ...] = getattr(self._of_thread, "checks", ())
        return checks
