"""Reading with a person's own SQL: one SELECT over the public views, bounded in time and rows."""

from __future__ import annotations

import re
from typing import Any

from pipeline.errors import QueryRefused
from pipeline.store.query_sqlite import read_sqlite
from pipeline.store.sessions import Sessions

__all__ = ["read_views"]

_BEGINNING = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*([A-Za-z]*)", re.DOTALL)
_LONGEST_CHARACTERS = 100_000


def read_views(
    sessions: Sessions, sql: str, *, row_limit: int, timeout_seconds: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the column names and at most `row_limit` rows of one SELECT or WITH statement.

    The words here only make clear messages; what holds is the database: the authorizer of SQLite,
    and PostgreSQL's own analysis of the statement. Raises QueryRefused with one line.
    """
    text = re.sub(r"[;\s]+\Z", "", sql)
    found = _BEGINNING.match(text)
    word = found[1].upper() if found else ""
    if word not in ("SELECT", "WITH"):
        raise QueryRefused("only one statement that begins with SELECT or WITH is answered")
    if "\0" in text or len(text) > _LONGEST_CHARACTERS:
        raise QueryRefused(f"a query has at most {_LONGEST_CHARACTERS:,} characters and no NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise QueryRefused("the query is not valid Unicode text; write it in UTF-8") from None
    if row_limit < 1 or timeout_seconds <= 0:
        raise ValueError(f"row limit {row_limit} and {timeout_seconds} s must be more than 0")
    path = sessions.address.path
    if path is not None:
        return read_sqlite(path, text, row_limit=row_limit, timeout_seconds=timeout_seconds)
    from pipeline.store.query_postgresql import read_postgresql  # psycopg is optional

    return read_postgresql(sessions, text, row_limit=row_limit, timeout_seconds=timeout_seconds)
