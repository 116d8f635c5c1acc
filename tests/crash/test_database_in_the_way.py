"""An SQLite file that another program holds, or that is replaced while it is in use; transactions
that fail in passing."""

from __future__ import annotations

import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.exc import OperationalError

from pipeline.errors import StoreUnavailable
from pipeline.store.sql import SqlStore, open_store
from tests.crash.small_line import CalmLine, line_work, what_is_left
from tests.promises import Promise
from tests.store_dump import dump
from tests.store_samples import fill

pytestmark = pytest.mark.timeout(900)
pytest_plugins = ("tests.store_fixtures",)


@pytest.mark.parametrize("held_seconds", [1.0, pytest.param(60.0, marks=pytest.mark.full)])
def test_a_line_waits_for_whoever_holds_its_database(
    held_seconds: float,
    line: CalmLine,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    promise: Promise,
) -> None:
    folder = line.copy(place / "site")
    real, commits, waited = DefaultDialect.do_commit, 0, threading.Event()
    other = sqlite3.connect(folder / "kizashi.db", isolation_level=None, check_same_thread=False)

    def let_go() -> None:
        waited.set()
        other.execute("COMMIT")

    def commit(dialect: DefaultDialect, connection: object) -> None:
        nonlocal commits
        real(dialect, connection)  # type: ignore[arg-type]
        commits += 1
        if commits == 20:
            other.execute("BEGIN IMMEDIATE")
            threading.Timer(held_seconds, let_go).start()

    monkeypatch.setattr(DefaultDialect, "do_commit", commit)
    begun = time.monotonic()
    with closing(other):
        line_work(folder)
        assert waited.is_set()
    assert time.monotonic() - begun >= held_seconds
    monkeypatch.undo()
    assert what_is_left(folder) == line.left
    promise("D3", f"database held by another program for {held_seconds:g} s: the line waited")


@pytest.fixture
def old_and_new(place: Path) -> Iterator[tuple[SqlStore, Path]]:
    """A store that is in use, and another file to be put in its place."""
    path = place / "kizashi.db"
    store = open_store(f"sqlite:///{path}")
    fill(store)
    with closing(sqlite3.connect(path)) as source:
        source.execute("VACUUM INTO ?", [str(place / "other.db")])
    yield store, path
    store.close()


@pytest.mark.parametrize("how", ["replaced", "moved"])
def test_a_file_that_is_replaced_under_a_store_takes_nothing_that_is_lost(
    how: str, old_and_new: tuple[SqlStore, Path], promise: Promise
) -> None:
    store, path = old_and_new
    before = dump(store)
    if how == "replaced":
        path.with_name("other.db").rename(path)
    else:
        path.rename(path.with_name("moved.db"))
    for attempt in (lambda: store.audit("x", "y", "z", {}), store.row_counts):
        with pytest.raises(StoreUnavailable, match=r"\A[^\n]*moved or replaced[^\n]*\Z"):
            attempt()
    if how == "moved":
        assert not path.exists()
        path.with_name("moved.db").rename(path)
        store.audit("x", "y", "z", {})
        assert len(dump(store)["audit_log"]) == len(before["audit_log"]) + 1
    promise("D3", "database file replaced or moved away while in use: refused, nothing lost")


def test_a_damaged_file_is_one_line_of_error(line: CalmLine, place: Path) -> None:
    folder = line.copy(place / "site")
    content = bytearray((folder / "kizashi.db").read_bytes())
    content[:64] = bytes(64)
    (folder / "kizashi.db").write_bytes(content)
    with pytest.raises(Exception, match=r"\A[^\n]+\Z") as caught:
        line_work(folder)
    assert type(caught.value).__name__ == "StoreError"
    shutil.rmtree(folder)


class _Passing(Exception):
    sqlstate = "40P01"


@pytest.mark.parametrize("transactions", [400, pytest.param(5000, marks=pytest.mark.full)])
def test_transactions_that_fail_in_passing_are_all_done_once(
    transactions: int, store: SqlStore, monkeypatch: pytest.MonkeyPatch, promise: Promise
) -> None:
    chance = random.Random(transactions)
    failed = row = longest = 0

    @event.listens_for(store._sessions.engine, "commit")
    def fail(connection: object) -> None:
        nonlocal failed, row, longest
        if chance.random() < 0.05:
            failed, row = failed + 1, row + 1
            longest = max(longest, row)
            raise OperationalError("COMMIT", {}, _Passing("deadlock detected"))
        row = 0

    monkeypatch.setattr("pipeline.store.sessions.time.sleep", lambda seconds: None)
    for number in range(transactions):
        store.audit("x", "y", str(number), {})
    assert failed > transactions / 50
    written = [int(row["subject"]) for row in dump(store)["audit_log"]]
    assert sorted(written) == list(range(transactions))
    kind = store._sessions.engine.dialect.name
    promise(
        "D4",
        f"{kind}: {transactions} transactions, {failed} failed in passing: each done once,"
        f" at most {longest} retries",
    )
