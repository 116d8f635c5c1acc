"""Fixtures `store` and `store_url`: an empty store in an SQLite file, then one on PostgreSQL.

A test module gets them with `pytest_plugins = ("tests.store_fixtures",)`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.store.schema import Base
from pipeline.store.sql import SqlStore, open_store
from tests.postgres_server import PostgresServer, fast_place, postgres_server, shared_server

__all__ = ["database_url", "fast_folder", "migrated", "postgres_server", "store", "store_url"]

_SHARED = "kizashi_shared"
BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the newest schema and no rows, to be copied."""
    path = tmp_path_factory.mktemp("store") / "template.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def fast_folder() -> Iterator[Path]:
    """An empty folder, in memory where there is one."""
    with tempfile.TemporaryDirectory(prefix="kizashi-store-", dir=fast_place()) as name:
        yield Path(name)


@pytest.fixture(params=BOTH)
def store_url(request: pytest.FixtureRequest, fast_folder: Path, migrated: Path) -> Iterator[str]:
    """URL of a database with the newest schema and no rows."""
    if request.param == "sqlite":
        shutil.copy(migrated, fast_folder / "kizashi.db")
        yield f"sqlite:///{fast_folder / 'kizashi.db'}"
        return
    yield _emptied(shared_server())


@pytest.fixture(params=BOTH)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'kizashi.db'}"
        return
    with shared_server().database() as url:
        yield url


@pytest.fixture
def store(store_url: str) -> Iterator[SqlStore]:
    """An empty store."""
    opened = open_store(store_url)
    yield opened
    opened.close()


_prepared: set[PostgresServer] = set()


def _emptied(server: PostgresServer) -> str:
    """Return the URL of one shared database, emptied: 5 ms, and a new database takes 100."""
    if server not in _prepared:
        server.execute(f"CREATE DATABASE {_SHARED} TEMPLATE template0")
        open_store(server.url(_SHARED)).close()
        _prepared.add(server)
    deletes = "; ".join(str(table.delete()) for table in Base.metadata.sorted_tables)
    # Replica: neither references nor the triggers of audit_log are looked at.
    server.execute(
        f"BEGIN; SET LOCAL session_replication_role = replica; {deletes}; COMMIT", _SHARED
    )
    return server.url(_SHARED)
