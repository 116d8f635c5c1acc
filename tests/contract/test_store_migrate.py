"""The schema comes up to date in one piece, or stays as it was; views and grants with it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

from pipeline.errors import MigrationNeeded, QueryRefused, StoreError
from pipeline.store.address import parse_address
from pipeline.store.engine import make_engine
from pipeline.store.migrate import MIGRATIONS, Upgrade, bring_up_to_date
from pipeline.store.schema import SCHEMA_REVISION, Base
from pipeline.store.sql import open_store, upgrade_store
from pipeline.store.views import PUBLIC_VIEWS
from tests.postgres_server import PostgresServer
from tests.store_dump import dump
from tests.store_samples import fill

pytest_plugins = ("tests.store_fixtures",)

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "r9000"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("alerts") as table:
        table.add_column(sa.Column("shift", sa.Text(), server_default="day", nullable=False))
    {more}
"""


def later_program(folder: Path, more: str = "pass") -> Path:
    """Return the migrations of a later program, with one revision more."""
    shutil.copytree(MIGRATIONS, folder / "migrations")
    written = NEXT.format(before=SCHEMA_REVISION, more=more)
    (folder / "migrations" / "versions" / "r9000_shift.py").write_text(written)
    return folder / "migrations"


def upgrade_to_later(url: str, migrations: Path, *, asked: bool = False) -> Upgrade:
    return bring_up_to_date(parse_address(url), asked=asked, head="r9000", migrations=migrations)


def described(connection: Connection) -> dict[str, Any]:
    """Return everything that the database says of its tables."""
    inspector = inspect(connection)
    return {
        table: {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column["default"])
                for column in inspector.get_columns(table)
            },
            "key": inspector.get_pk_constraint(table),
            "references": sorted(inspector.get_foreign_keys(table), key=repr),
            "unique": sorted(inspector.get_unique_constraints(table), key=repr),
            "checks": sorted(inspector.get_check_constraints(table), key=repr),
            "indexes": sorted(
                # The condition of a partial index comes as an object without equality.
                (
                    {**index, "dialect_options": _texts(index.get("dialect_options", {}))}
                    for index in inspector.get_indexes(table)
                ),
                key=repr,
            ),
        }
        for table in sorted(inspector.get_table_names())
        if table != "alembic_version"
    }


def _texts(options: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in sorted(options.items())}


def test_the_newest_migration_is_the_revision_of_the_schema() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [SCHEMA_REVISION]


def test_the_migrations_make_exactly_the_tables_of_the_schema(
    database_url: str, fast_folder: Path, postgres_server: PostgresServer
) -> None:
    open_store(database_url).close()
    migrated = make_engine(parse_address(database_url), migrating=True)
    with migrated.connect() as connection:
        by_migrations = described(connection)
    if database_url.startswith("sqlite"):
        made = make_engine(parse_address(f"sqlite:///{fast_folder / 'made.db'}"), migrating=True)
        with made.begin() as connection:
            Base.metadata.create_all(connection)
            by_schema = described(connection)
    else:
        with postgres_server.database() as other:
            made = make_engine(parse_address(other), migrating=True)
            with made.begin() as connection:
                Base.metadata.create_all(connection)
                by_schema = described(connection)
    assert set(by_migrations) == set(Base.metadata.tables)
    assert by_migrations == by_schema


def test_an_empty_database_is_made_and_then_left_alone(database_url: str) -> None:
    address = parse_address(database_url)
    assert bring_up_to_date(address) == Upgrade(before=None, after=SCHEMA_REVISION, backup=None)
    again = Upgrade(before=SCHEMA_REVISION, after=SCHEMA_REVISION, backup=None)
    assert bring_up_to_date(address) == again
    assert upgrade_store(database_url) == again


def test_every_view_can_be_read_from_an_empty_database(database_url: str) -> None:
    store = open_store(database_url)
    for view in PUBLIC_VIEWS:
        assert store.query(f"SELECT * FROM {view}")[1] == []  # noqa: S608
    store.close()


def test_threads_that_open_an_empty_database_at_once_all_succeed(database_url: str) -> None:
    def open_and_count(_: int) -> int:
        store = open_store(database_url)
        counts = store.row_counts()
        store.close()
        return len(counts)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(open_and_count, range(4))) == [len(Base.metadata.tables)] * 4


def test_a_newer_schema_is_refused_and_left_alone(database_url: str, tmp_path: Path) -> None:
    open_store(database_url).close()
    upgrade_to_later(database_url, later_program(tmp_path), asked=True)
    for attempt in (open_store, upgrade_store):
        with pytest.raises(MigrationNeeded, match=r"schema r9000.*update this program"):
            attempt(database_url)


def test_a_database_of_somebody_else_is_refused(database_url: str) -> None:
    engine = make_engine(parse_address(database_url), migrating=True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE cameras (id INTEGER)"))
    with pytest.raises(StoreError, match=r"'cameras' that is not ours"):
        open_store(database_url)


def test_an_sqlite_file_with_data_is_copied_and_upgraded_by_itself(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kizashi.db'}"
    store = open_store(url)
    fill(store)
    before = dump(store)
    store.close()
    done = upgrade_to_later(url, later_program(tmp_path))
    assert (done.before, done.after) == (SCHEMA_REVISION, "r9000")
    assert done.backup == tmp_path / f"kizashi.db.before-upgrade-from-{SCHEMA_REVISION}"
    assert dump(f"sqlite:///{done.backup}") == before
    with sqlite3.connect(tmp_path / "kizashi.db") as connection:
        assert connection.execute("SELECT camera, shift FROM alerts").fetchall() == [
            ("press-1", "day")
        ]
        assert connection.execute("SELECT camera FROM flagged_clips").fetchall() == [("press-1",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_an_earlier_copy_is_never_written_over(tmp_path: Path) -> None:
    migrations = later_program(tmp_path)
    (tmp_path / f"kizashi.db.before-upgrade-from-{SCHEMA_REVISION}").write_text("precious")
    url = f"sqlite:///{tmp_path / 'kizashi.db'}"
    store = open_store(url)
    fill(store)
    store.close()
    done = upgrade_to_later(url, migrations)
    assert done.backup is not None
    assert done.backup.name.endswith("-2")
    assert (
        tmp_path / f"kizashi.db.before-upgrade-from-{SCHEMA_REVISION}"
    ).read_text() == "precious"


def test_an_sqlite_file_without_data_is_upgraded_without_a_copy(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'kizashi.db'}"
    open_store(url).close()
    assert upgrade_to_later(url, later_program(tmp_path)).backup is None


@pytest.mark.postgres
def test_an_older_postgresql_schema_is_upgraded_only_when_asked(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    migrations = later_program(tmp_path)
    with postgres_server.database() as url:
        store = open_store(url)
        fill(store)
        before = dump(store)
        store.close()
        with pytest.raises(MigrationNeeded, match="kizashi store upgrade"):
            upgrade_to_later(url, migrations)
        assert dump(url) == before
        assert upgrade_to_later(url, migrations, asked=True).after == "r9000"
        engine = make_engine(parse_address(url), migrating=True)
        with engine.connect() as connection:
            rows = connection.execute(text("SELECT camera, shift FROM alerts")).all()
            seen = connection.execute(text("SELECT camera FROM flagged_clips")).all()
        assert (rows, seen) == ([("press-1", "day")], [("press-1",)])


def test_a_migration_that_fails_leaves_everything_as_it_was(
    database_url: str, tmp_path: Path
) -> None:
    store = open_store(database_url)
    fill(store)
    before = dump(store)
    store.close()
    broken = later_program(tmp_path, more='op.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(StoreError, match=r"\A[^\n]*nowhere[^\n]*\Z"):
        upgrade_to_later(database_url, broken, asked=True)
    store = open_store(database_url)
    assert dump(store) == before
    assert store.query("SELECT camera FROM flagged_clips")[1] == [("press-1",)]
    store.close()


def _open_and_die(url: str, statement_number: int) -> None:
    seen = 0

    @event.listens_for(Engine, "before_cursor_execute")
    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == statement_number:
            os.kill(os.getpid(), signal.SIGKILL)

    open_store(url).close()


def test_a_kill_inside_the_first_migration_leaves_a_database_that_opens(
    database_url: str,
) -> None:
    context = multiprocessing.get_context("forkserver")

    for statement_number in (3, 9, 20, 45):
        process = context.Process(target=_open_and_die, args=(database_url, statement_number))
        process.start()
        process.join(timeout=60)
        assert process.exitcode == -signal.SIGKILL
        process.close()
    store = open_store(database_url)
    fill(store)
    assert store.query("SELECT count(*) FROM flagged_clips")[1] == [(1,)]
    store.close()


# roles of PostgreSQL ----------------------------------------------------------------


@pytest.fixture
def plain_url(postgres_server: PostgresServer) -> Iterator[str]:
    """URL of an empty database for its owner, an account without any special right."""
    postgres_server.execute("CREATE ROLE plain LOGIN")
    postgres_server.execute("CREATE DATABASE plain OWNER plain TEMPLATE template0")
    yield postgres_server.url("plain", user="plain")
    postgres_server.execute("DROP DATABASE plain WITH (FORCE)")
    postgres_server.execute("DROP ROLE plain")


@pytest.mark.postgres
def test_an_account_without_rights_owns_a_store_and_its_queries_are_held_as_well(
    plain_url: str,
) -> None:
    store = open_store(plain_url)
    fill(store)
    assert store.query("SELECT camera FROM flagged_clips")[1] == [("press-1",)]
    for refused in ("SELECT * FROM alerts", "SELECT current_setting('port')"):
        with pytest.raises(QueryRefused):
            store.query(refused)
    store.close()


@pytest.mark.postgres
def test_the_reader_role_reads_views_and_nothing_else(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        store = open_store(url)
        fill(store)
        store.close()
        engine = make_engine(parse_address(url), migrating=True)
        with engine.connect() as connection:
            connection.execute(text("SET ROLE kizashi_reader"))
            for view in PUBLIC_VIEWS:
                connection.execute(text(f"SELECT * FROM {view}"))  # noqa: S608
            connection.commit()
            for table in [*Base.metadata.tables, "alembic_version"]:
                with pytest.raises(DBAPIError, match="permission denied"):
                    connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608
                connection.rollback()


@pytest.mark.postgres
def test_a_database_of_another_encoding_is_refused(postgres_server: PostgresServer) -> None:
    postgres_server.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StoreError, match="encoding LATIN1"):
            open_store(postgres_server.url("latin"))
    finally:
        postgres_server.execute("DROP DATABASE latin WITH (FORCE)")


@pytest.mark.postgres
def test_an_outage_of_the_server_stops_work_and_takes_nothing(
    postgres_server: PostgresServer,
) -> None:
    with postgres_server.database() as url:
        store = open_store(url)
        fill(store)
        before = dump(store)
        for _ in range(3):
            postgres_server.stop("immediate")
            for attempt in (
                lambda: store.audit("x", "y", "z", {}),
                lambda: store.query("SELECT 1"),
                store.row_counts,
                lambda: open_store(url),
            ):
                with pytest.raises(StoreError, match=r"\A[^\n]+\Z") as caught:
                    attempt()
                assert type(caught.value).__name__ == "StoreUnavailable"
            postgres_server.start()
            assert dump(store) == before
            assert store.query("SELECT count(*) FROM flagged_clips")[1] == [(1,)]
        store.close()
