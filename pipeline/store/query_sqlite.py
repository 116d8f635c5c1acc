"""The read-only query on SQLite: a connection of its own that can see the public views only.

SQLite asks an authorizer about every column that a statement reads, and names the innermost view
or common table expression through which it is read. Anybody can name an expression after a public
view, so those names prove nothing. The public views are therefore made anew as temporary views
over inner ones, whose names begin with `kz_inner_`; tables may be read through these only, and a
text that holds these letters is refused.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.errors import QueryRefused, StoreUnavailable
from pipeline.store.views import INNER_PREFIX, PUBLIC_VIEWS, view_texts

__all__ = ["read_sqlite"]

_INSTRUCTIONS_BETWEEN_LOOKS = 10_000
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 1_000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_FUNCTION_NAMES = """
abs avg ceil ceiling char coalesce concat concat_ws count cume_dist current_date current_time
current_timestamp date datetime dense_rank exp first_value floor format glob group_concat hex
ifnull iif instr json json_array json_array_length json_extract json_group_array
json_group_object json_object json_quote json_type json_valid -> ->> julianday lag last_value
lead length like likelihood likely ln log log10 log2 lower ltrim max min mod nth_value ntile
nullif percent_rank pow power printf quote random rank replace round row_number rtrim sign sqrt
strftime string_agg substr substring sum time total trim trunc typeof unicode unixepoch unlikely
upper
"""
_OF_THE_LIBRARY = ("sqlite_", "pragma_", "json_", "fts", "rtree", "dbstat", "bytecode", "tables_")
_NO_TABLE = "no such table: "
_FUNCTIONS = frozenset(_FUNCTION_NAMES.split())


def read_sqlite(
    path: Path, text: str, *, row_limit: int, timeout_seconds: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the column names and at most `row_limit` rows of one reading statement."""
    if INNER_PREFIX in text.lower():
        raise QueryRefused(f"names with {INNER_PREFIX!r} are for the program; use {_known()}")
    refused: list[str] = []
    deadline = time.monotonic() + timeout_seconds
    try:
        with closing(_open(path)) as connection:
            connection.set_authorizer(_authorizer(_objects(connection), refused))
            connection.set_progress_handler(
                lambda: time.monotonic() > deadline, _INSTRUCTIONS_BETWEEN_LOOKS
            )
            cursor = connection.execute(text)
            rows = cursor.fetchmany(row_limit)
            return [column[0] for column in cursor.description], rows
    except (sqlite3.Error, sqlite3.Warning) as error:
        if refused:
            raise QueryRefused(f"{refused[0]}; use {_known()}") from error
        if time.monotonic() > deadline:
            raise QueryRefused(
                f"no answer within {timeout_seconds:g} s; ask for less, for example one camera"
            ) from error
        if isinstance(error, sqlite3.OperationalError) and not path.exists():
            raise StoreUnavailable(f"sqlite:///{path} is gone; restore it") from error
        said = " ".join(str(error).split())
        unknown = said.removeprefix(_NO_TABLE)
        if unknown != said:
            said = f"there is no view {unknown}; use {_known()}"
        raise QueryRefused(said) from error


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        for name, text in view_texts("sqlite").items():
            inner = INNER_PREFIX + name
            connection.execute("\n".join((" ".join(("CREATE TEMP VIEW", inner, "AS")), text)))
            connection.execute(" ".join(("CREATE TEMP VIEW", name, "AS SELECT * FROM", inner)))
        connection.execute("PRAGMA query_only=ON")
        for limit, value in _LIMITS.items():
            connection.setlimit(limit, value)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _objects(connection: sqlite3.Connection) -> set[str]:
    """Return the names of everything in the database file, in small letters."""
    return {name.lower() for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def _authorizer(objects: set[str], refused: list[str]) -> Any:
    """Return the callback of SQLite; what it refuses is added to `refused`, in words."""

    def ask(
        action: int, first: str | None, second: str | None, place: str | None, via: str | None
    ) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            if str(second).lower() in _FUNCTIONS:
                return sqlite3.SQLITE_OK
            refused.append(f"the function {second} is not allowed")
        elif action == sqlite3.SQLITE_READ:
            if _may_read(str(first).lower(), str(second), via, objects):
                return sqlite3.SQLITE_OK
            refused.append(f"{first} is not a public view")
        else:
            refused.append("only reading is allowed")
        return sqlite3.SQLITE_DENY

    return ask


def _may_read(table: str, column: str, via: str | None, objects: set[str]) -> bool:
    if table.startswith(INNER_PREFIX) or table in PUBLIC_VIEWS:
        return True
    if via is not None and via.startswith(INNER_PREFIX):
        return True
    # Without a column, as in count(*), the name may be that of an expression of the statement; it
    # is one when neither the file nor the library has anything of that name.
    return not column and table not in objects and not table.startswith(_OF_THE_LIBRARY)


def _known() -> str:
    return ", ".join(PUBLIC_VIEWS)
