"""Backup, wipe, restore, as docs/backup.md says: all is there, and the work goes on."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.crash.small_line import CalmLine, line_of, line_work, register, what_is_left
from tests.crash.steps import count_steps, die_at
from tests.forked import DEATH, in_child
from tests.postgres_server import PostgresServer, postgres_server, program
from tests.promises import Promise

__all__ = ["postgres_server"]

FOLDERS = ("models", "evidence", "deliveries", "reports")


def back_up_files(site: Path, backup: Path) -> None:
    """Copy everything but the database; it comes after the database's copy."""
    for name in FOLDERS:
        if (site / name).exists():
            shutil.copytree(site / name, backup / name)
    shutil.copy(site / "kizashi.toml", backup)
    shutil.copytree(site / "in", backup / "in")


def die_half_way(site: Path, url: str | None = None) -> None:
    def work() -> None:
        count_steps(die_at(110))
        line_work(site, url=url)

    assert in_child(work) == DEATH


def test_a_site_that_was_wiped_comes_back_from_its_backup(
    line: CalmLine, place: Path, promise: Promise
) -> None:
    site, backup = line.copy(place / "site"), place / "backup"
    backup.mkdir()
    die_half_way(site)
    with (
        closing(sqlite3.connect(site / "kizashi.db")) as source,
        closing(sqlite3.connect(backup / "kizashi.db")) as copy,
    ):
        source.backup(copy)
    line_work(site)  # the backup is taken while the work goes on
    back_up_files(site, backup)
    before = what_is_left(backup)
    assert 0 < len(before["segments"]) < len(line.left["segments"]) or before != line.left
    shutil.rmtree(site)
    shutil.copytree(backup, site)
    assert what_is_left(site) == before
    assert in_child(partial(line_work, site)) == 0
    assert what_is_left(site) == line.left
    promise("D6", "SQLite: backup during work, wipe, restore: equal, and the work goes on")


@pytest.mark.postgres
def test_a_database_server_that_was_wiped_comes_back_from_its_backup(
    line: CalmLine, place: Path, postgres_server: PostgresServer, promise: Promise
) -> None:
    site, backup = line.copy(place / "site"), place / "backup"
    backup.mkdir()
    with postgres_server.database() as url:
        opened = line_of(site, url=url)
        register(opened)
        opened.close()
        die_half_way(site, url)
        dumped = subprocess.run(
            [program("pg_dump"), "--format=custom", url], capture_output=True, check=True
        ).stdout
        before = what_is_left(site, url=url)
        assert before != line.left
    with postgres_server.database() as url:
        restore = [program("pg_restore"), "--exit-on-error", f"--dbname={url}"]
        subprocess.run(restore, input=dumped, check=True)
        assert what_is_left(site, url=url) == before
        line_work(site, url=url)
        assert what_is_left(site, url=url) == line.left
    promise("D6", "PostgreSQL: pg_dump, wipe, pg_restore: equal, and the work goes on")
