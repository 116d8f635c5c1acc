"""Bringing the schema up to date: drop the views, migrate, make the views, in one transaction."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from pipeline.errors import MigrationNeeded, StoreError
from pipeline.files import replace_file
from pipeline.store.address import Address
from pipeline.store.engine import WRITING, make_engine
from pipeline.store.failures import is_passing, raise_explained
from pipeline.store.roles import grant_views
from pipeline.store.schema import SCHEMA_REVISION, Base
from pipeline.store.views import view_texts

__all__ = ["MIGRATIONS", "Upgrade", "bring_up_to_date", "revision_of"]

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_KEY = 0x6B697A617368  # "kizash": the advisory lock of PostgreSQL has a number for a name
_PATIENCE_SECONDS = 60.0
_alembic_runs = threading.Lock()  # Alembic keeps its environment in module globals


@dataclass(frozen=True, kw_only=True, slots=True)
class Upgrade:
    """What became of a schema."""

    before: str | None
    """Its revision; None when the database was empty."""
    after: str
    backup: Path | None
    """The copy that was made of an SQLite database with data before it was changed."""


def bring_up_to_date(
    address: Address,
    *,
    asked: bool = False,
    head: str = SCHEMA_REVISION,
    migrations: Path = MIGRATIONS,
) -> Upgrade:
    """Bring the database to revision `head` of the files in `migrations`.

    An empty database and an SQLite file are brought up to date at once, the file after a copy
    beside it; a PostgreSQL database with an older schema only when `asked`, since others use it.
    Raises MigrationNeeded when it is not asked, or when the schema is newer than this program.
    """
    engine = make_engine(address, busy_timeout_seconds=_PATIENCE_SECONDS, migrating=True)
    try:
        if address.path is not None:
            _use_write_ahead_log(engine, address)
        with engine.connect() as connection:
            before = revision_of(connection)
        if before == head and not asked:
            return Upgrade(before=before, after=head, backup=None)
        with engine.execution_options(**WRITING).begin() as connection:
            return _upgrade(connection, address, asked, head, migrations)
    except SQLAlchemyError as error:
        raise_explained(error, address)
    finally:
        engine.dispose()


def _upgrade(
    connection: Connection, address: Address, asked: bool, head: str, migrations: Path
) -> Upgrade:
    if address.path is None:
        _check_encoding(connection, address)
        # Others that begin at the same moment wait here, and then find the work done.
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
    before = revision_of(connection)
    if before != head:
        _check_may_upgrade(connection, address, asked, before, migrations)
    elif not asked:
        return Upgrade(before=before, after=head, backup=None)
    backup = None
    if address.path is not None and before not in (None, head) and _has_rows(connection):
        backup = _copy(address.path, str(before))
    dialect = connection.dialect.name
    views = view_texts(dialect)
    for name in reversed(list(views)):
        connection.exec_driver_sql(" ".join(("DROP VIEW IF EXISTS", name)))
    if before != head:
        _run_alembic(connection, migrations)
    for name, text in views.items():
        connection.exec_driver_sql("\n".join((" ".join(("CREATE VIEW", name, "AS")), text)))
    if dialect == "postgresql":
        grant_views(connection, list(views))
    elif connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        raise StoreError(
            f"{address.shown}: the migration would break references; nothing is changed"
        )
    return Upgrade(before=before, after=head, backup=backup)


def _check_may_upgrade(
    connection: Connection, address: Address, asked: bool, before: str | None, migrations: Path
) -> None:
    known = {path.stem.partition("_")[0] for path in (migrations / "versions").glob("r*.py")}
    if before is None:
        taken = sorted(set(Base.metadata.tables) & set(inspect(connection).get_table_names()))
        if taken:
            raise StoreError(
                f"{address.shown} holds a table {taken[0]!r} that is not ours;"
                " give Kizashi a database of its own"
            )
    elif before not in known:
        raise MigrationNeeded(
            f"{address.shown} has schema {before}, which a newer Kizashi made; update this program"
        )
    elif address.path is None and not asked:
        raise MigrationNeeded(
            f"{address.shown} has the older schema {before}; make a backup, stop the workers, and"
            " run: kizashi store upgrade"
        )


def revision_of(connection: Connection) -> str | None:
    """Return the revision that a database says it has; None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def _has_rows(connection: Connection) -> bool:
    present = set(inspect(connection).get_table_names())
    tables = (table for table in Base.metadata.sorted_tables if table.name in present)
    return any(connection.scalar(select(1).select_from(t).limit(1)) is not None for t in tables)


def _check_encoding(connection: Connection, address: Address) -> None:
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise StoreError(
            f"{address.shown} has encoding {encoding}, which cannot hold every name;"
            " create it with: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )


def _copy(path: Path, revision: str) -> Path:
    """Return a copy of the committed state of an SQLite database, beside it."""
    target = path.with_name(f"{path.name}.before-upgrade-from-{revision}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.before-upgrade-from-{revision}-{number}")
    with (
        replace_file(target) as temporary,
        closing(sqlite3.connect(path)) as source,
        closing(sqlite3.connect(temporary)) as copy,
    ):
        source.backup(copy)
    return target


def _run_alembic(connection: Connection, migrations: Path) -> None:
    # Imported here: a database that is up to date, which is nearly always, does not need it.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    with _alembic_runs:
        command.upgrade(config, "head")


def _use_write_ahead_log(engine: Engine, address: Address) -> None:
    """Switch the file to WAL. SQLite does not wait for a lock when it does that, so we do."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            with engine.connect().execution_options(kizashi_begin="SELECT 1") as connection:
                mode = connection.exec_driver_sql("PRAGMA journal_mode=WAL").scalar_one()
            break
        except SQLAlchemyError as error:
            if not is_passing(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    if mode != "wal":
        raise StoreError(f"{address.shown}: the file system cannot hold a WAL; use a local disk")
