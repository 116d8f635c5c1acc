"""The role `kizashi_reader` of PostgreSQL: it may read the public views and nothing else."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

__all__ = ["READER", "grant_views", "may_become_reader"]

READER = "kizashi_reader"

_MAY_CREATE = "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"
_EXISTS = "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'kizashi_reader')"
_IS_MEMBER = "SELECT pg_has_role(current_user, 'kizashi_reader', 'MEMBER')"
_DUPLICATE = {"42710", "23505"}  # another database of the server made it at the same moment


def grant_views(connection: Connection, views: list[str]) -> None:
    """Let the role read `views`; make it first where this user may.

    Where it is missing and cannot be made, nothing happens: the administrator can make it later
    with `CREATE ROLE kizashi_reader NOLOGIN`, and `kizashi store upgrade` grants it the views.
    """
    if not connection.exec_driver_sql(_EXISTS).scalar_one():
        if not connection.exec_driver_sql(_MAY_CREATE).scalar_one():
            return
        try:
            with connection.begin_nested():
                connection.exec_driver_sql("CREATE ROLE kizashi_reader NOLOGIN")
                connection.exec_driver_sql("GRANT kizashi_reader TO CURRENT_USER")
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _DUPLICATE:
                raise
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    connection.exec_driver_sql(" ".join(("GRANT USAGE ON SCHEMA", schema, "TO", READER)))
    connection.exec_driver_sql(" ".join(("GRANT SELECT ON", ", ".join(views), "TO", READER)))


def may_become_reader(connection: Connection) -> bool:
    """Return True when the role exists and this user may take it."""
    exists = connection.exec_driver_sql(_EXISTS).scalar_one()
    return bool(exists and connection.exec_driver_sql(_IS_MEMBER).scalar_one())
