"""Transactions, leases, and several threads or processes on one database."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from pipeline.errors import KizashiError, LeaseHeld, StoreError, StoreUnavailable
from pipeline.store.owners import new_owner
from pipeline.store.sql import SqlStore, open_store
from tests.store_dump import dump
from tests.store_samples import METRICS, MORNING, camera, fill, footage, line, model, segment

pytest_plugins = ("tests.store_fixtures",)


# transactions ------------------------------------------------------------------


def test_a_call_that_fails_in_its_middle_leaves_nothing(store: SqlStore) -> None:
    one = line()
    store.put_camera(one.camera)
    unknown = segment(footage(number=9))
    with pytest.raises(StoreError):
        store.add_footage(one.footage, [one.segment, unknown], [one.blind])
    assert store.footage_of("press-1") == []
    assert store.segments("press-1") == []


def test_a_reference_to_something_unknown_is_a_store_error_of_one_line(store: SqlStore) -> None:
    one = line()
    attempts: list[Callable[[], object]] = [
        lambda: store.add_footage(one.footage, [], []),
        lambda: store.add_model(one.model, METRICS),
        lambda: store.add_anomalies(one.anomalies),
        lambda: store.mark_scored("x", "y", 1, MORNING),
        lambda: store.put_events([one.event]),
        lambda: store.add_alert(one.alert, one.evidence),
    ]
    before = dump(store)
    for attempt in attempts:
        with pytest.raises(StoreError, match=r"\A[^\n]*record what it refers to first[^\n]*\Z"):
            attempt()
    assert dump(store) == before


def test_anomalies_that_are_made_while_they_are_read_hold_no_lock(store: SqlStore) -> None:
    one = line()
    store.put_camera(one.camera)
    store.add_footage(one.footage, [one.segment], [])
    store.add_model(one.model, [])

    def slow_network() -> Any:
        for item in one.anomalies:
            store.audit("other", "write", "in between", {})
            yield item

    assert store.add_anomalies(slow_network()) == 20


def test_a_passing_failure_is_tried_again_and_the_work_is_done_once(store: SqlStore) -> None:
    fill(store)
    injected = _fail_commits(store, every=3)
    for _ in range(60):
        store.audit("x", "y", "z", {})
    assert injected()
    assert store.row_counts()["audit_log"] == 61


def test_a_failure_that_does_not_pass_is_given_up_after_five_retries(store: SqlStore) -> None:
    tries = _fail_commits(store, every=1)
    with pytest.raises(StoreUnavailable, match=r"\A[^\n]+\Z"):
        store.audit("x", "y", "z", {})
    assert tries() == 6
    assert store.row_counts()["audit_log"] == 0


class _Serialization(Exception):
    sqlstate = "40001"


def _fail_commits(store: SqlStore, every: int) -> Callable[[], int]:
    """Let every n-th commit fail as a serialization failure does; return how to count them."""
    commits, failed = 0, 0

    @event.listens_for(store._sessions.engine, "commit")
    def fail(connection: object) -> None:
        nonlocal commits, failed
        commits += 1
        if commits % every == 0:
            failed += 1
            raise OperationalError("COMMIT", {}, _Serialization("could not serialize"))

    return lambda: failed


# leases --------------------------------------------------------------------------


def test_a_lease_is_held_by_one_owner_and_its_fence_grows(store: SqlStore) -> None:
    first = store.acquire_lease("score/press-1", "a", 60.0)
    with pytest.raises(LeaseHeld, match=r"score/press-1 is being worked on by a"):
        store.acquire_lease("score/press-1", "b", 60.0)
    assert store.acquire_lease("score/press-2", "b", 60.0).fence == 1
    again = store.acquire_lease("score/press-1", "a", 60.0)
    assert (first.fence, again.fence) == (1, 2)
    store.release_lease(again)
    taken = store.acquire_lease("score/press-1", "b", 60.0)
    assert (taken.fence, taken.owner) == (3, "b")


def test_leases_that_were_not_given_back_are_listed_expired_ones_too(store: SqlStore) -> None:
    given_back = store.acquire_lease("score/press-2", "a", 60.0)
    held = store.acquire_lease("score/press-1", "a", 60.0)
    expired = store.acquire_lease("ingest/press-1", "b", 0.0)
    store.release_lease(given_back)
    assert list(store.leases()) == [expired, held]


def test_an_expired_lease_is_taken_over_and_its_old_holder_can_do_nothing(store: SqlStore) -> None:
    old = store.acquire_lease("train/press-1", "a", 0.0)
    new = store.acquire_lease("train/press-1", "b", 60.0)
    with pytest.raises(LeaseHeld, match="was lost by a"):
        store.renew_lease(old, 60.0)
    store.release_lease(old)
    with pytest.raises(LeaseHeld):
        store.acquire_lease("train/press-1", "c", 60.0)
    assert store.renew_lease(new, 90.0).fence == new.fence


def test_an_expired_lease_that_nobody_took_may_be_renewed(store: SqlStore) -> None:
    lease = store.acquire_lease("x", "a", 0.0)
    renewed = store.renew_lease(lease, 60.0)
    assert renewed.fence == lease.fence
    with pytest.raises(LeaseHeld):
        store.acquire_lease("x", "b", 60.0)


def test_a_lease_that_was_given_back_cannot_be_renewed(store: SqlStore) -> None:
    lease = store.acquire_lease("x", "a", 60.0)
    store.release_lease(lease)
    with pytest.raises(LeaseHeld):
        store.renew_lease(lease, 60.0)


def test_the_time_of_a_lease_is_the_databases(store: SqlStore) -> None:
    lease = store.acquire_lease("x", "a", 100.0)
    left = lease.expires_utc - datetime.now(UTC)
    assert timedelta(seconds=90) < left < timedelta(seconds=101)


def test_the_lease_of_a_dead_process_of_this_machine_is_free_at_once(store: SqlStore) -> None:
    command = "from pipeline.store.owners import new_owner; print(new_owner())"
    finished = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    dead = finished.stdout.strip()
    store.acquire_lease("x", dead, 3600.0)
    taken = store.acquire_lease("x", new_owner(), 60.0)
    assert taken.fence == 2


def test_the_lease_of_a_living_process_or_another_machine_is_kept(store: SqlStore) -> None:
    store.acquire_lease("x", new_owner(), 60.0)
    store.acquire_lease("y", "other-host.abc.1:99999:5", 60.0)
    for name in ("x", "y"):
        with pytest.raises(LeaseHeld):
            store.acquire_lease(name, "me", 60.0)


def test_of_many_threads_that_want_one_lease_exactly_one_gets_it(store: SqlStore) -> None:
    barrier = threading.Barrier(8)

    def want(number: int) -> str | None:
        barrier.wait()
        try:
            return store.acquire_lease("x", f"owner {number}", 60.0).owner
        except LeaseHeld:
            return None

    with ThreadPoolExecutor(8) as pool:
        got = [owner for owner in pool.map(want, range(8)) if owner]
    assert len(got) == 1


# threads and processes ----------------------------------------------------------------


def test_threads_that_add_the_same_things_count_every_row_once(store: SqlStore) -> None:
    one = line()
    store.put_camera(one.camera)
    store.add_footage(one.footage, [one.segment], [])
    store.add_model(one.model, [])
    barrier = threading.Barrier(4)

    def add(number: int) -> int:
        barrier.wait()
        new = 0
        for start in range(0, 20, 5):
            new += store.add_anomalies(reversed(one.anomalies[start : start + 5]))
            new += store.put_events([one.event]) if start == 15 else 0
        return new

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(add, range(4))) == 21
    assert list(store.anomalies("press-1")) == one.anomalies


def test_threads_that_promote_at_once_leave_exactly_one_active_model(store: SqlStore) -> None:
    store.put_camera(camera())
    records = [model(number=number) for number in range(6)]
    for record in records:
        store.add_model(record, [])
    barrier = threading.Barrier(6)

    def promote(number: int) -> None:
        barrier.wait()
        store.promote(records[number].model_id, MORNING)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(promote, range(6)))
    states = [record.state for record in store.models("press-1")]
    assert sorted(states) == ["active", *["retired"] * 5]


def test_threads_that_record_deliveries_count_every_attempt(store: SqlStore) -> None:
    one = fill(store)
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda n: store.record_delivery(one.alert.alert_id, "file", MORNING, f"no {n}"),
                range(40),
            )
        )
    with store._sessions.engine.connect() as connection:
        attempts = connection.execute(text("SELECT attempts FROM deliveries")).scalar_one()
    assert attempts == 41


FORKSERVER = multiprocessing.get_context("forkserver")
FORKSERVER.set_forkserver_preload(["pipeline.store.sql", "tests.store_samples"])


def _work(url: str, number: int, queue: Any) -> None:
    """In a process of its own: write what all write, and 20 rows that only this one writes."""
    try:
        store = open_store(url)
        fill(store)
        for step in range(20):
            store.audit(f"process {number}", "step", str(step), {})
        store.close()
        queue.put("done")
    except KizashiError as error:
        queue.put(f"{type(error).__name__}: {error}")


def _run_processes(url: str, count: int) -> list[str]:
    queue: Any = FORKSERVER.Queue()
    processes = [FORKSERVER.Process(target=_work, args=(url, n, queue)) for n in range(count)]
    for process in processes:
        process.start()
    said = [queue.get(timeout=120) for _ in processes]
    for process in processes:
        process.join(timeout=60)
        process.close()
    queue.close()
    queue.join_thread()
    return said


def test_eight_processes_at_once_on_an_empty_database_all_succeed(database_url: str) -> None:
    assert _run_processes(database_url, 8) == ["done"] * 8
    store = open_store(database_url)
    try:
        counts = store.row_counts()
        assert counts["anomalies"] == 20
        assert (counts["alerts"], counts["events"], counts["reviews"]) == (1, 1, 2)
        assert counts["audit_log"] == 8 * 21
        content = dump(store)
        content.pop("audit_log")
        fill(store)
        again = dump(store)
        again.pop("audit_log")
        assert again == content
    finally:
        store.close()


def test_a_forked_child_uses_connections_of_its_own(store: SqlStore) -> None:
    fill(store)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            store.audit("child", "look", "x", {})
            os.write(writing, str(store.row_counts()["audit_log"]).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "2"
    os.waitpid(child, 0)
    store.audit("parent", "look", "x", {})
    assert store.row_counts()["audit_log"] == 3


def test_opening_and_closing_leaves_no_open_files(store_url: str) -> None:
    open_store(store_url).close()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        store = open_store(store_url)
        store.row_counts()
        store.query("SELECT 1")
        store.close()
    assert len(os.listdir("/proc/self/fd")) <= before + 2


def test_audit_rows_can_be_neither_changed_nor_deleted(store: SqlStore) -> None:
    store.audit("sato", "look", "x", {"from": "here"})
    for change in ("UPDATE audit_log SET who = 'nobody'", "DELETE FROM audit_log"):
        with (
            pytest.raises(Exception, match="audit rows are never changed"),
            store._sessions.engine.begin() as connection,
        ):
            connection.execute(text(change))
    assert store.row_counts()["audit_log"] == 1


# a database that is in the way -----------------------------------------------------


def test_a_write_waits_for_another_one_and_then_succeeds(fast_folder: Path, migrated: Path) -> None:
    path = fast_folder / "kizashi.db"
    path.write_bytes(migrated.read_bytes())
    store = open_store(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, other.execute, ["COMMIT"]).start()
    begun = time.monotonic()
    store.audit("x", "y", "z", {})
    assert time.monotonic() - begun > 0.2
    other.close()
    store.close()


def test_a_database_that_stays_locked_is_unavailable_but_can_be_read(
    fast_folder: Path, migrated: Path
) -> None:
    path = fast_folder / "kizashi.db"
    path.write_bytes(migrated.read_bytes())
    store = open_store(f"sqlite:///{path}", busy_timeout_seconds=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.audit("x", "y", "z", {})
    assert store.row_counts()["audit_log"] == 0
    assert store.query("SELECT count(*) FROM runs")[1] == [(0,)]
    other.execute("ROLLBACK")
    other.close()
    store.audit("x", "y", "z", {})
    store.close()
