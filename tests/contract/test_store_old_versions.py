"""A database with rows of every older schema comes up to date with all of them, also when the
upgrade is killed at any statement."""

from __future__ import annotations

import os
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, MetaData, Table, event, insert, select

from pipeline.store.address import parse_address
from pipeline.store.engine import WRITING, make_engine
from pipeline.store.migrate import MIGRATIONS
from pipeline.store.schema import SCHEMA_REVISION, Base
from pipeline.store.sql import open_store, upgrade_store
from pipeline.store.views import PUBLIC_VIEWS
from tests.forked import DEATH, in_child
from tests.postgres_server import shared_server
from tests.promises import Promise
from tests.store_dump import dump
from tests.store_samples import MORNING, fill, fill_retention

pytest_plugins = ("tests.store_fixtures",)

CONFIG = Config()
CONFIG.set_main_option("script_location", str(MIGRATIONS))
OLDER = [
    script.revision
    for script in reversed(list(ScriptDirectory.from_config(CONFIG).walk_revisions()))
    if script.revision != SCHEMA_REVISION
]
Rows = dict[str, list[dict[str, Any]]]


def tables_of(connection: Connection) -> dict[str, Table]:
    """Return the tables that a database has, as it describes them, each after what it refers to."""
    there = MetaData()
    there.reflect(connection)
    order = [table.name for table in Base.metadata.sorted_tables]
    return {name: there.tables[name] for name in order if name in there.tables}


def raw_rows(url: str) -> Rows:
    """Return every row of a database, as it is stored."""
    engine = make_engine(parse_address(url), migrating=True)
    with engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for name, table in tables_of(connection).items()
        }


def make_old(url: str, revision: str, rows: Rows) -> Rows:
    """Make a database with an older schema, and with what it can hold of `rows`; return that."""
    engine = make_engine(parse_address(url), migrating=True)
    with engine.execution_options(**WRITING).begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, revision)
        for name, table in tables_of(connection).items():
            known = [
                {key: value for key, value in row.items() if key in table.c}
                for row in rows.get(name, [])
            ]
            if known:
                connection.execute(insert(table), known)
    engine.dispose()
    return raw_rows(url)


def kept(rows: Rows, before: Rows) -> Rows:
    """Return what is in `rows` of the tables and columns that have rows in `before`."""
    return {
        name: sorted(({key: row[key] for key in old[0]} for row in rows[name]), key=repr)
        for name, old in before.items()
        if old
    }


@pytest.fixture(scope="module")
def sqlite_rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Rows of every kind, of the newest schema."""
    return _newest_rows(f"sqlite:///{tmp_path_factory.mktemp('newest') / 'kizashi.db'}")


def _newest_rows(url: str) -> Rows:
    store = open_store(url)
    fill(store)
    fill_retention(store)
    store.close()
    return raw_rows(url)


FEW_AND_ALL = [[OLDER[0], OLDER[-1]], pytest.param(OLDER, marks=pytest.mark.full)]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("revisions", FEW_AND_ALL, ids=["few", "all"])
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_every_older_schema_keeps_its_rows(
    kind: str, revisions: list[str], sqlite_rows: Rows, tmp_path: Path, promise: Promise
) -> None:
    rows = sqlite_rows
    if kind == "postgresql":
        with shared_server().database() as other:
            rows = _newest_rows(other)
    for revision in revisions:
        if kind == "sqlite":
            check_upgrade(f"sqlite:///{tmp_path / revision}.db", revision, rows)
            continue
        with shared_server().database() as url:
            check_upgrade(url, revision, rows)
    promise("D5", f"{kind}: {len(revisions)} older schemas with rows came up to date, all kept")


def check_upgrade(url: str, revision: str, rows: Rows) -> None:
    """Make an old database, bring it up to date, and fail unless all of it is there."""
    old = make_old(url, revision, rows)
    assert sum(map(len, old.values())) > 20
    assert old["alerts"]
    upgrade_store(url)
    assert kept(raw_rows(url), old) == kept(old, old)
    store = open_store(url)
    for view in PUBLIC_VIEWS:
        store.query(f"SELECT * FROM {view}")  # noqa: S608
    assert [alert.camera for alert in store.alerts("press-1")] == ["press-1"]
    store.close()


def test_what_was_announced_before_models_were_removed_is_announced_anew(tmp_path: Path) -> None:
    newest = f"sqlite:///{tmp_path / 'newest.db'}"
    store = open_store(newest)
    fill(store)
    store.announce_retention("press-1", MORNING)
    store.close()
    old = f"sqlite:///{tmp_path / 'old.db'}"
    (before,) = make_old(old, "r0011", raw_rows(newest))["retention_policies"]
    assert before["announced_utc"] is not None
    store = open_store(old)
    assert store.retention_announced("press-1") is None
    store.close()


def statements_of(url: str, die_at: int | None = None) -> int:
    """Bring a database up to date in this process, which dies at a statement; return how many there
    were."""
    seen = 0

    @event.listens_for(Engine, "before_cursor_execute")
    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        open_store(url).close()
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    return seen


@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("revisions", "share"),
    [(OLDER[::4], 2), pytest.param(OLDER, 20, marks=pytest.mark.full)],
    ids=["few", "many"],
)
def test_an_upgrade_that_is_killed_anywhere_is_finished_by_the_next_program(
    revisions: list[str], share: int, sqlite_rows: Rows, fast_folder: Path, promise: Promise
) -> None:
    kills = 0
    for revision in revisions:
        old = fast_folder / f"{revision}.db"
        make_old(f"sqlite:///{old}", revision, sqlite_rows)
        calm = Path(shutil.copy(old, fast_folder / f"{revision}-calm.db"))
        count = statements_of(f"sqlite:///{calm}")
        for part in range(1, share + 1):
            at = count * part // (share + 1)
            killed = Path(shutil.copy(old, fast_folder / "killed.db"))
            url = f"sqlite:///{killed}"
            assert in_child(partial(statements_of, url, at)) == DEATH
            open_store(url).close()
            assert dump(url) == dump(f"sqlite:///{calm}"), (revision, at)
            kills += 1
            for path in fast_folder.glob("killed.db*"):
                path.unlink()
    promise("D5", f"{kills} kills in upgrades of {len(revisions)} schemas: every row kept")
