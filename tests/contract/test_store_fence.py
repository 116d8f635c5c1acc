"""Fences: what a worker would record after another one has taken its lease is refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.errors import LeaseHeld, LeaseLost, StoreUnavailable
from pipeline.store.leases import lease_kept
from pipeline.store.nouns import Lease
from pipeline.store.sql import SqlStore
from tests.promises import Promise
from tests.store_dump import dump
from tests.store_samples import METRICS, MORNING, Line, fill, line

pytest_plugins = ("tests.store_fixtures",)

ROOT = Path(__file__).parents[2]
SHORT_SECONDS = 0.6


def taken_over(store: SqlStore, lease: Lease) -> Lease:
    """Let another worker take a lease that has run out."""
    store.renew_lease(lease, 0.0)
    return store.acquire_lease(lease.name, "another", 60.0)


COMMITS: dict[str, Callable[[SqlStore, Line], object]] = {
    "footage": lambda store, one: store.add_footage(one.footage, [one.segment], []),
    "blind": lambda store, one: store.add_blind([one.blind]),
    "model": lambda store, one: store.add_model(one.model, METRICS),
    "promotion": lambda store, one: store.promote(one.model.model_id, MORNING, who="kizashi"),
    "scores": lambda store, one: store.add_anomalies(one.anomalies),
    "mark": lambda store, one: store.mark_scored(
        one.segment.segment_id, one.model.model_id, 20, MORNING
    ),
    "events": lambda store, one: store.put_events([one.event]),
    "alert": lambda store, one: store.add_alert(one.alert, one.evidence),
    "delivery": lambda store, one: store.record_delivery(one.alert.alert_id, "file", MORNING, None),
}


@pytest.mark.parametrize("what", COMMITS)
def test_nothing_that_a_late_worker_records_is_kept(store: SqlStore, what: str) -> None:
    one = line()
    before_it = list(COMMITS)[: list(COMMITS).index(what)]
    store.put_camera(one.camera)
    for earlier in before_it:
        COMMITS[earlier](store, one)
    before = dump(store)
    lease = store.acquire_lease("score/press-1", "late", 60.0)
    taken_over(store, lease)
    with (
        pytest.raises(LeaseLost, match=r"\Ascore/press-1 was lost by late: [^\n]*not recorded"),
        store.fenced(lease),
    ):
        COMMITS[what](store, one)
    assert dump(store) == before
    COMMITS[what](store, one)  # it was the fence that refused it, and it is down again
    assert dump(store) != before


def test_a_worker_that_still_holds_its_lease_records_as_ever(store: SqlStore) -> None:
    lease = store.acquire_lease("score/press-1", "a", 60.0)
    with store.fenced(lease):
        fill(store)
    assert store.row_counts()["anomalies"] == 20


def test_a_lease_that_ran_out_and_that_nobody_took_is_no_reason_to_refuse(store: SqlStore) -> None:
    lease = store.acquire_lease("score/press-1", "a", 0.0)
    with store.fenced(lease):
        store.audit("a", "look", "x", {})
    assert store.row_counts()["audit_log"] == 1


def test_a_lease_that_was_given_back_refuses_too(store: SqlStore) -> None:
    lease = store.acquire_lease("score/press-1", "a", 60.0)
    store.release_lease(lease)
    with pytest.raises(LeaseLost), store.fenced(lease):
        store.audit("a", "look", "x", {})
    assert store.row_counts()["audit_log"] == 0


def test_a_fence_is_of_its_thread_and_of_its_block(store: SqlStore) -> None:
    lease = store.acquire_lease("score/press-1", "a", 60.0)
    taken_over(store, lease)
    with store.fenced(lease):
        other = threading.Thread(target=store.audit, args=("b", "look", "x", {}))
        other.start()
        other.join()
    store.audit("c", "look", "x", {})
    assert store.row_counts()["audit_log"] == 2


def test_of_two_leases_both_are_looked_at(store: SqlStore) -> None:
    outer = store.acquire_lease("outer", "a", 60.0)
    inner = store.acquire_lease("inner", "a", 60.0)
    taken_over(store, outer)
    with pytest.raises(LeaseLost, match="outer"), store.fenced(outer), store.fenced(inner):
        store.audit("a", "look", "x", {})


def test_threads_of_one_process_do_not_share_a_lease(store: SqlStore) -> None:
    with lease_kept(store, "score/press-1", 60.0):
        with (
            pytest.raises(LeaseHeld, match="another thread"),
            lease_kept(store, "score/press-1", 60.0),
        ):
            pass
        with lease_kept(store, "score/press-2", 60.0):
            store.audit("a", "look", "x", {})
    with lease_kept(store, "score/press-1", 60.0) as again:
        assert again.fence == 2


def test_a_taking_waits_for_a_commit_that_has_looked_at_the_fence(store: SqlStore) -> None:
    """Else a commit could come after the taking that it did not see."""
    lease = store.acquire_lease("score/press-1", "a", 0.0)
    looked, order = threading.Event(), []

    def slow(session: object) -> None:
        looked.set()
        time.sleep(0.4)
        order.append("commit")

    def take() -> None:
        looked.wait(30)
        store.acquire_lease("score/press-1", "b", 60.0)
        order.append("taking")

    taker = threading.Thread(target=take)
    taker.start()
    with store.fenced(lease), store._sessions.checked(slow):
        store.audit("a", "look", "x", {})
    taker.join()
    assert order == ["commit", "taking"]


# real processes, stopped and woken ---------------------------------------------------------


@dataclass(frozen=True)
class Late:
    """A worker in a process of its own."""

    process: subprocess.Popen[str]

    def say(self) -> str:
        """Return its next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def step(self) -> None:
        """Let it record one more clip."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> str:
        """Let it come to its end; return its last words."""
        rest, _ = self.process.communicate(timeout=60)
        return rest.strip()


@contextmanager
def late_worker(url: str) -> Iterator[Late]:
    command = ["-m", "tests.late_worker", url, "score/press-1", str(SHORT_SECONDS)]
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Late(process)
        finally:
            process.kill()


def stopped_outside_of_a_transaction(late: Late, store: SqlStore) -> None:
    """Stop the worker where it holds no lock: a stopped writer would block SQLite for all."""
    while True:
        os.kill(late.process.pid, signal.SIGSTOP)
        try:
            store.audit("tests", "can write", "x", {})
            return
        except StoreUnavailable:
            os.kill(late.process.pid, signal.SIGCONT)
            time.sleep(0.05)


def taken_as_soon_as_it_runs_out(store: SqlStore) -> Lease:
    end = time.monotonic() + 60
    while True:
        try:
            return store.acquire_lease("score/press-1", "another", SHORT_SECONDS)
        except LeaseHeld:
            assert time.monotonic() < end
            time.sleep(0.05)


@pytest.mark.parametrize("rounds", [1, pytest.param(50, marks=pytest.mark.full)])
def test_a_worker_that_slept_longer_than_its_lease_records_nothing(
    store: SqlStore, store_url: str, rounds: int, promise: Promise
) -> None:
    one = line()
    store.put_camera(one.camera)
    store.add_footage(one.footage, [one.segment], [one.blind])
    store.add_model(one.model, METRICS)
    fence = 0
    for _ in range(rounds):
        with late_worker(store_url) as late:
            fence += 1
            assert late.say() == f"fence {fence}"
            late.step()
            assert late.say() in ("new 1", "new 0")  # the first round's, or done before
            stopped_outside_of_a_transaction(late, store)
            late.step()  # what it would record next
            taken = taken_as_soon_as_it_runs_out(store)
            fence += 1
            assert taken.fence == fence
            clips = list(store.anomalies("press-1"))
            os.kill(late.process.pid, signal.SIGCONT)
            assert late.say().startswith("LeaseLost: score/press-1 was lost by ")
            assert late.end() == ""
            assert list(store.anomalies("press-1")) == clips == one.anomalies[:1]
            store.release_lease(taken)
    with late_worker(store_url) as late:  # and one that is not stopped records all
        late.say()
        for _ in one.anomalies:
            late.step()
            late.say()
        assert late.end() == ""
    assert list(store.anomalies("press-1")) == one.anomalies
    assert store.row_counts()["anomalies"] == len(one.anomalies)
    promise(
        "C2", f"{rounds} workers stopped for longer than their lease: every late commit refused"
    )
