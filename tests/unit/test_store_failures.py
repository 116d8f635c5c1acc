"""Every error of the libraries becomes one of ours, with one line and without secrets."""

from __future__ import annotations

import sqlite3
from typing import Any

import psycopg
import pytest
from sqlalchemy import exc

from pipeline.errors import KizashiError, StoreError, StoreUnavailable
from pipeline.store.address import parse_address
from pipeline.store.failures import explain, is_passing

ADDRESS = parse_address("postgresql://user:s3cret@h/d")


def wrapped(origin: BaseException, kind: type[exc.DBAPIError] = exc.OperationalError) -> Any:
    return kind("SELECT 1", {"note": "s3cret"}, origin, hide_parameters=True)


def lite(code: int, said: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(said)
    error.sqlite_errorcode = code
    return error


def server(state: str) -> psycopg.Error:
    return psycopg.errors.lookup(state)("the server said\nmore, s3cret")


CASES = {
    "locked": (wrapped(lite(sqlite3.SQLITE_BUSY, "database is locked")), StoreUnavailable, True),
    "snapshot": (wrapped(lite(5 | (2 << 8), "database is locked")), StoreUnavailable, True),
    "disk full": (wrapped(lite(sqlite3.SQLITE_FULL, "disk is full")), StoreUnavailable, False),
    "disk i/o": (wrapped(lite(10 | (3 << 8), "disk I/O error")), StoreUnavailable, False),
    "cannot open": (wrapped(lite(sqlite3.SQLITE_CANTOPEN, "no")), StoreUnavailable, False),
    "read-only": (wrapped(lite(sqlite3.SQLITE_READONLY, "readonly")), StoreError, False),
    "no table": (wrapped(lite(sqlite3.SQLITE_ERROR, "no such table")), StoreError, False),
    "malformed": (
        wrapped(sqlite3.DatabaseError("malformed"), exc.DatabaseError), StoreError, False,
    ),
    "reference": (
        wrapped(sqlite3.IntegrityError("FOREIGN KEY"), exc.IntegrityError), StoreError, False,
    ),
    "serialization": (wrapped(server("40001")), StoreUnavailable, True),
    "deadlock": (wrapped(server("40P01")), StoreUnavailable, True),
    "lock time-out": (wrapped(server("55P03")), StoreUnavailable, True),
    "too many connections": (wrapped(server("53300")), StoreUnavailable, False),
    "server disk full": (wrapped(server("53100")), StoreUnavailable, False),
    "shut down": (wrapped(server("57P01")), StoreUnavailable, False),
    "statement time-out": (wrapped(server("57014")), StoreUnavailable, False),
    "connection lost": (wrapped(server("08006")), StoreUnavailable, False),
    "no connection": (wrapped(psycopg.OperationalError("refused")), StoreUnavailable, False),
    "undefined table": (wrapped(server("42P01"), exc.ProgrammingError), StoreError, False),
    "no permission": (wrapped(server("42501"), exc.ProgrammingError), StoreError, False),
    "data": (wrapped(server("22003"), exc.DataError), StoreError, False),
    "server reference": (wrapped(server("23503"), exc.IntegrityError), StoreError, False),
    "pool": (exc.TimeoutError("QueuePool limit reached"), StoreUnavailable, False),
    "our own use": (exc.InvalidRequestError("mapper\nmore"), StoreError, False),
    "empty": (wrapped(sqlite3.OperationalError("")), StoreError, False),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_error_of_a_library_becomes_one_of_ours(name: str) -> None:
    error, kind, passing = CASES[name]
    explained = explain(error, ADDRESS)
    assert type(explained) is kind
    assert isinstance(explained, KizashiError)
    assert "\n" not in str(explained)
    assert "s3cret" not in str(explained)
    assert is_passing(error) is passing


def test_what_a_column_type_refused_is_raised_as_it_was() -> None:
    for refusal in (ValueError("naive"), StoreError("NUL")):
        assert explain(exc.StatementError("x", "INSERT", {}, refusal), ADDRESS) is refusal


def test_every_error_class_of_sqlalchemy_is_explained() -> None:
    seen = 0
    for kind in vars(exc).values():
        if isinstance(kind, type) and issubclass(kind, exc.DBAPIError):
            assert isinstance(explain(wrapped(Exception("x"), kind), ADDRESS), StoreError)
            seen += 1
    assert seen >= 9
