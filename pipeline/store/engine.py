"""Engines: connections that are durable, in UTC, and wait a bounded time."""

from __future__ import annotations

import json
import os
import weakref
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from pipeline.errors import StoreError, StoreUnavailable
from pipeline.store.address import Address, check_filesystem

__all__ = ["WRITING", "is_there", "make_engine"]

WRITING = {"kizashi_begin": "BEGIN IMMEDIATE"}
"""Execution options of a transaction that writes. With a plain BEGIN, 164 of 240 concurrent
read-then-write transactions of SQLite failed in spite of a 30 s busy time-out; so, none."""

_STATEMENT_LIMIT_MS = 300_000
_SESSION = " ".join(
    (
        "-c timezone=UTC",
        "-c synchronous_commit=on",
        "-c jit=off",  # our queries are short: compiling camera_health took 0.25 s of its 0.26
        "-c lock_timeout=60000",
        "-c idle_in_transaction_session_timeout=300000",
    )
)
_dumps = partial(json.dumps, ensure_ascii=False, allow_nan=False)
_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_left_to_the_parent: list[Any] = []


def make_engine(
    address: Address, *, busy_timeout_seconds: float = 15.0, migrating: bool = False
) -> Engine:
    """Return an engine for `address`; nothing is connected yet.

    `migrating`: without foreign keys on SQLite, where a table is rebuilt to change it, and without
    a limit on the time of a statement. Raises StoreError when the place cannot hold a database.
    """
    if address.path is not None:
        return _sqlite_engine(address, address.path, busy_timeout_seconds, migrating)
    limit = "" if migrating else f" -c statement_timeout={_STATEMENT_LIMIT_MS}"
    try:
        engine = create_engine(
            address.url,
            poolclass=NullPool if migrating else QueuePool,
            pool_pre_ping=not migrating,
            hide_parameters=True,
            json_serializer=_dumps,
            connect_args={
                "connect_timeout": 10,
                "options": " ".join((*_given_options(address), _SESSION + limit)),
                "application_name": "kizashi",
                "client_encoding": "utf8",
            },
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            "PostgreSQL needs psycopg; install it with: pip install 'kizashi[postgres]'"
        ) from error
    _survive_fork(engine)
    return engine


def _given_options(address: Address) -> tuple[str, ...]:
    value = address.url.query.get("options", ())
    return (value,) if isinstance(value, str) else tuple(value)


def _sqlite_engine(
    address: Address, path: Path, busy_timeout_seconds: float, migrating: bool
) -> Engine:
    folder = path.parent
    there = is_there(path)
    if not folder.is_dir():
        raise StoreError(f"{folder} is not a folder; make it, or correct database_url")
    if not os.access(path if there else folder, os.W_OK):
        raise StoreError(
            f"{path} cannot be written; give this user the right to write to it and to its folder"
        )
    mounts = Path("/proc/self/mounts")
    if mounts.exists():
        check_filesystem(path.resolve(), mounts.read_text(encoding="utf-8", errors="replace"))
    engine = create_engine(
        address.url,
        poolclass=NullPool if migrating else QueuePool,
        hide_parameters=True,
        json_serializer=_dumps,
        connect_args={
            "timeout": busy_timeout_seconds,
            # The driver would open transactions by its own rules; ours are begun below.
            "isolation_level": None,
            "check_same_thread": False,
        },
    )

    in_use: list[tuple[int, int] | None] = []

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        # FULL: with NORMAL a power cut may take the last commits of a WAL database.
        connection.execute("PRAGMA synchronous=FULL")
        if not migrating:
            connection.execute("PRAGMA foreign_keys=ON")
        if not in_use:
            in_use.append(_file_at(path))
            if not path.stat().st_size:  # just made: passwords and sessions are in it
                path.chmod(0o640)

    @event.listens_for(engine, "do_connect")
    @event.listens_for(engine, "checkout")
    def check(*_: Any) -> None:
        # SQLite would go on writing to the file that has no name any more, and all of it be lost.
        if in_use and in_use[0] != _file_at(path):
            raise StoreUnavailable(
                f"{path} was moved or replaced while it was in use; stop every program of this"
                " site, see docs/backup.md, and start again"
            )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql(options.get("kizashi_begin", "BEGIN"))

    _survive_fork(engine)
    return engine


def is_there(path: Path) -> bool:
    """Tell whether the file of a database is there; StoreError when this user may not look."""
    try:
        return path.exists()
    except OSError as error:
        raise StoreError(
            f"{path} cannot be looked at ({error.strerror}); give this user the right to read and "
            "write it and its folder"
        ) from error


def _file_at(path: Path) -> tuple[int, int] | None:
    """Return which file lies at a path; None when there is none."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    return about.st_dev, about.st_ino


def _survive_fork(engine: Engine) -> None:
    """Let a forked child open connections of its own, and never touch its parent's."""
    _engines.add(engine)


def _leave_connections_to_the_parent() -> None:
    for engine in list(_engines):
        # Kept, not closed: closing in the child would end the parent's conversation.
        _left_to_the_parent.append(engine.pool)
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_leave_connections_to_the_parent)
