"""The read-only query on PostgreSQL: analysed by the server first, run in a READ ONLY transaction.

The statement becomes the text of a temporary view that is rolled back. So the server itself, and
no parser of ours, tells which relations and functions it would use: they must be public views and
harmless functions of pg_catalog. The view is made through the extended protocol, which takes one
statement only. Then the statement runs read-only, with a time limit, and as the role
`kizashi_reader` where that exists.
"""

from __future__ import annotations

import re
from typing import Any, cast

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import KizashiError, QueryRefused, StoreError, StoreUnavailable
from pipeline.store.failures import raise_explained
from pipeline.store.sessions import Sessions
from pipeline.store.views import PUBLIC_VIEWS

__all__ = ["read_postgresql"]

# The two columns are there to be found: if this server wrote its trees in another way, so that
# nothing could be read from them, these would be missing as well.
_BEFORE = (
    "CREATE TEMP VIEW kz_inner_check AS SELECT lower('x') AS seen_function,"
    " (SELECT count(*) FROM flagged_clips) AS seen_relation FROM ("
)
_AFTER = ") AS question"
_TREE = """
SELECT CAST(r.ev_action AS text), CAST(c.oid AS bigint)
FROM pg_rewrite AS r JOIN pg_class AS c ON c.oid = r.ev_class
WHERE c.relname = 'kz_inner_check' AND c.relnamespace = pg_my_temp_schema()
"""
_RELATIONS = """
SELECT relname, relkind = 'v' AND relnamespace = CAST(current_schema() AS regnamespace)
FROM pg_class WHERE CAST(oid AS bigint) = ANY(%s) ORDER BY relname
"""
_FUNCTIONS = """
SELECT p.proname, p.pronamespace = CAST('pg_catalog' AS regnamespace)
    AND (p.provolatile <> 'v' OR p.proname IN ('random', 'clock_timestamp'))
    AND p.proname !~ '^(pg_|lo_|ts_stat|ts_rewrite|current_setting|dblink)|to_xml'
FROM pg_proc AS p
WHERE CAST(p.oid AS bigint) = ANY(%s)
    OR p.oid IN (SELECT o.oprcode FROM pg_operator AS o WHERE CAST(o.oid AS bigint) = ANY(%s))
ORDER BY p.proname
"""
_ROLE = """
SELECT count(*) FROM pg_roles
WHERE rolname = 'kizashi_reader' AND pg_has_role(current_user, oid, 'MEMBER')
"""
_RELATION_IDS = re.compile(r":relid (\d+)")
_FUNCTION_IDS = re.compile(r":\w*(?:funcid|fnoid|tsmhandler) (\d+)")
_OPERATOR_IDS = re.compile(r":opno (\d+)|:opnos \(o ([\d ]+)\)")
_UNDEFINED_TABLE = "42P01"
_GONE_CLASSES = ("08", "53", "57P", "58")


def read_postgresql(
    sessions: Sessions, text: str, *, row_limit: int, timeout_seconds: float
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the column names and at most `row_limit` rows of one reading statement."""
    try:
        # Given back at the end, rolled back.
        with sessions.engine.connect() as pooled:
            connection = cast("psycopg.Connection[Any]", pooled.connection.driver_connection)
            try:
                _limit(connection, timeout_seconds)
                _check(connection, text)
                return _run(connection, text, row_limit)
            except psycopg.Error as error:
                if connection.closed:
                    pooled.invalidate()
                raise _refusal(error, sessions, timeout_seconds) from error
    except SQLAlchemyError as error:
        raise_explained(error, sessions.address)


def _limit(connection: psycopg.Connection[Any], timeout_seconds: float) -> None:
    connection.execute(
        "SELECT set_config('statement_timeout', %s, true),"
        " set_config('search_path', quote_ident(current_schema()), true)",
        (str(max(1, round(timeout_seconds * 1000))),),
    )


def _check(connection: psycopg.Connection[Any], text: str) -> None:
    """Raise QueryRefused when the statement would use anything but public views and harmless
    functions; the transaction is left as it was."""
    connection.execute("SAVEPOINT kizashi_check")
    # prepare=True: the extended protocol, where a second statement is an error.
    connection.execute("\n".join((_BEFORE, text, _AFTER)).encode(), prepare=True)
    tree, own_id = connection.execute(_TREE).fetchone() or ("", 0)
    relations = [int(found) for found in _RELATION_IDS.findall(tree)]
    operators = [
        int(number)
        for one, several in _OPERATOR_IDS.findall(tree)
        for number in (one or several).split()
    ]
    functions = [int(found) for found in _FUNCTION_IDS.findall(tree)]
    used = dict(connection.execute(_FUNCTIONS, (functions, operators)).fetchall())
    read = connection.execute(
        _RELATIONS, ([number for number in relations if number not in (0, own_id)],)
    ).fetchall()
    connection.execute("ROLLBACK TO SAVEPOINT kizashi_check")
    if not {"lower", "count"} <= used.keys() or "flagged_clips" not in dict(read):
        raise StoreError("the query trees of this PostgreSQL are not understood; update Kizashi")
    known = ", ".join(PUBLIC_VIEWS)
    for name, is_view in read:
        if not is_view or name not in PUBLIC_VIEWS:
            raise QueryRefused(f"{name} is not a public view; use {known}")
    for name, allowed in used.items():
        if not allowed:
            raise QueryRefused(f"the function {name} is not allowed; use {known}")


def _run(
    connection: psycopg.Connection[Any], text: str, row_limit: int
) -> tuple[list[str], list[tuple[Any, ...]]]:
    connection.execute("SET TRANSACTION READ ONLY")
    (may_become_reader,) = connection.execute(_ROLE).fetchone() or (0,)
    if may_become_reader:
        connection.execute("SET LOCAL ROLE kizashi_reader")
    with connection.cursor(name="kizashi_query") as cursor:
        cursor.execute(text.encode())
        rows = cursor.fetchmany(row_limit)
        return [column.name for column in cursor.description or ()], rows


def _refusal(error: psycopg.Error, sessions: Sessions, timeout_seconds: float) -> KizashiError:
    state = error.sqlstate or ""
    said = error.diag.message_primary or str(error).strip()
    text = sessions.address.without_secrets(" ".join(said.split()))
    if state == "57014":
        return QueryRefused(
            f"no answer within {timeout_seconds:g} s; ask for less, for example one camera"
        )
    if state.startswith(_GONE_CLASSES) or (
        not state and isinstance(error, psycopg.OperationalError)
    ):
        return StoreUnavailable(f"{sessions.address.shown}: {text}; try again later")
    if state == _UNDEFINED_TABLE:
        text += f"; use {', '.join(PUBLIC_VIEWS)}"
    return QueryRefused(text)
