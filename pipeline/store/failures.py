"""Failures: what an error of the database means to us, and whether to try again.

sqlite3, psycopg and SQLAlchemy errors end here; what leaves is StoreUnavailable, StoreError, or a
ValueError for a value that we should not have tried to store.
"""

from __future__ import annotations

import sqlite3
from typing import Any, NoReturn

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from pipeline.errors import KizashiError, StoreError, StoreUnavailable
from pipeline.store.address import Address

__all__ = ["explain", "is_passing", "raise_explained"]

_PASSING_STATES = {"40001", "40P01", "55P03"}  # serialization, deadlock, lock not available
_ABSENT_CLASSES = {"08", "53", "57", "58"}  # connection, resources, shut-down, disk of the server
_PASSING_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_ABSENT_CODES = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_RESTORE = "restore it from a backup: docs/backup.md"
_REMEDIES = {
    sqlite3.SQLITE_CORRUPT: _RESTORE,
    sqlite3.SQLITE_NOTADB: _RESTORE,
    sqlite3.SQLITE_READONLY: "give this user the right to write to it and to its folder",
    sqlite3.SQLITE_CANTOPEN: "see whether it is a file that this user may read and write, as well"
    " as its folder",
    sqlite3.SQLITE_FULL: "free space on its disk, and try again",
    sqlite3.SQLITE_IOERR: "free space or see whether its disk works, and try again",
}
"""What to do when SQLite says so; of other errors it is the same for both databases."""


def is_passing(error: SQLAlchemyError) -> bool:
    """Return True when the same transaction may succeed if it is done again at once."""
    origin = getattr(error, "orig", None)
    return _state(origin) in _PASSING_STATES or _code(origin) in _PASSING_CODES


def explain(error: SQLAlchemyError, address: Address) -> Exception:
    """Return the error to raise instead of `error`; its message is one line without secrets."""
    origin = getattr(error, "orig", None)
    if isinstance(origin, KizashiError | ValueError) and not isinstance(error, DBAPIError):
        return origin  # refused by a column type, before the database saw it
    if isinstance(error, PoolTimeout):
        return StoreUnavailable(
            f"{address.shown}: no free connection in 30 s; run fewer workers at once"
        )
    text = address.without_secrets(_first_line(origin if origin is not None else error))
    if isinstance(error, IntegrityError):
        return StoreError(f"{address.shown}: {text}; record what it refers to first, each once")
    if is_passing(error):
        return StoreUnavailable(f"{address.shown}: {text}; another process holds it, try again")
    remedy = _REMEDIES.get(_code(origin) or 0)
    if isinstance(error, DBAPIError) and _is_absent(error, origin):
        do = remedy or "start it or free space, and try again"
        return StoreUnavailable(f"{address.shown}: {text}; {do}")
    if remedy is not None:
        return StoreError(f"{address.shown}: {text}; {remedy}")
    if isinstance(error, StatementError):
        return StoreError(f"{address.shown}: {text}")
    return StoreError(f"{address.shown}: {_first_line(error)}")


def raise_explained(error: SQLAlchemyError, address: Address) -> NoReturn:
    """Raise what `explain` returns, with the error of the library as its cause."""
    problem = explain(error, address)
    # A refusal by a column type is itself the cause of `error`: no ring of causes.
    raise problem from (None if problem is getattr(error, "orig", None) else error)


def _is_absent(error: DBAPIError, origin: Any) -> bool:
    if error.connection_invalidated or _code(origin) in _ABSENT_CODES:
        return True
    state = _state(origin)
    if state is not None:
        return state[:2] in _ABSENT_CLASSES
    # psycopg gives no state when it could not even connect.
    return type(origin).__module__.startswith("psycopg") and type(origin).__name__ in (
        "OperationalError",
        "ConnectionTimeout",
    )


def _state(origin: Any) -> str | None:
    state = getattr(origin, "sqlstate", None)
    return state if isinstance(state, str) else None


def _code(origin: Any) -> int | None:
    code = getattr(origin, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None  # the rest are details of the same kind


def _first_line(error: Any) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
