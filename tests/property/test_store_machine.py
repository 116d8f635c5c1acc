"""Whatever is done to a store in whatever order, again and again: it holds what a plain dictionary
would, and a thing that is done once more adds nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pipeline.errors import LeaseHeld
from pipeline.learning.registry import ModelState
from pipeline.store.sql import SqlStore, open_store
from tests.store_samples import (
    MORNING,
    alert,
    anomaly,
    blind,
    camera,
    event,
    evidence,
    footage,
    model,
    review,
    segment,
)

CAMERAS = ("press-1", "belt")
NUMBERS = st.integers(0, 2)
NAMES = st.sampled_from(CAMERAS)


@cache
def template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        open_store(f"sqlite:///{folder}/kizashi.db").close()
        return (Path(folder) / "kizashi.db").read_bytes()


class StoreMachine(RuleBasedStateMachine):
    """A store beside sets of what it must hold."""

    def __init__(self) -> None:
        super().__init__()
        place = "/dev/shm" if os.path.isdir("/dev/shm") else None
        self.folder = Path(tempfile.mkdtemp(prefix="kizashi-machine-", dir=place))
        (self.folder / "kizashi.db").write_bytes(template())
        self.store: SqlStore = self._open()
        self.films: set[str] = set()
        self.models: dict[str, str] = {}
        self.active: dict[str, str] = {}
        self.alerts: set[str] = set()
        self.reviews: set[str] = set()
        self.scored: set[str] = set()
        for name in CAMERAS:
            self.store.put_camera(camera(name))

    def _open(self) -> SqlStore:
        return open_store(f"sqlite:///{self.folder / 'kizashi.db'}")

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @rule(name=NAMES, number=NUMBERS)
    def add_film(self, name: str, number: int) -> None:
        film = footage(name, number)
        new = self.store.add_footage(film, [segment(film)], [blind(film)])
        assert (new > 0) == (film.footage_id not in self.films)
        self.films.add(film.footage_id)

    @rule(name=NAMES, number=NUMBERS)
    def add_model(self, name: str, number: int) -> None:
        made = model(name, number)
        self.store.add_model(made, [])
        self.models.setdefault(made.model_id, name)

    @precondition(lambda self: self.models)
    @rule(data=st.data())
    def promote(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(sorted(self.models)))
        self.store.promote(chosen, MORNING, who="ada")
        self.active[self.models[chosen]] = chosen

    @precondition(lambda self: self.films and self.models)
    @rule(name=NAMES, number=NUMBERS, by=NUMBERS)
    def raise_alert(self, name: str, number: int, by: int) -> None:
        film, made = footage(name, number), model(name, by)
        if film.footage_id not in self.films or made.model_id not in self.models:
            return
        seen = [anomaly(segment(film), made, n) for n in range(12, 15)]
        self.store.add_anomalies(seen)
        joined = event(seen[0], seen[-1])
        self.store.put_events([joined])
        raised = alert(joined)
        new = self.store.add_alert(raised, evidence(raised))
        assert (new > 0) == (raised.alert_id not in self.alerts)
        self.alerts.add(raised.alert_id)
        self.store.mark_scored(segment(film).segment_id, made.model_id, 3, MORNING)
        self.scored.add(f"{segment(film).segment_id}/{made.model_id}")

    @precondition(lambda self: self.alerts)
    @rule(data=st.data(), minutes=st.integers(0, 3))
    def say(self, data: st.DataObject, minutes: int) -> None:
        about = self.store.alert(data.draw(st.sampled_from(sorted(self.alerts))))
        said = review(about, minutes=minutes)
        new = self.store.add_review(said)
        assert bool(new) == (said.review_id not in self.reviews)
        self.reviews.add(said.review_id)

    @rule(name=NAMES, days=st.integers(1, 40))
    def change_register(self, name: str, days: int) -> None:
        put = replace(self.store.camera(name), retention_days=days)
        self.store.put_camera(put)
        assert self.store.camera(name).retention_days == days

    @rule(owner=st.sampled_from(["a", "b"]), seconds=st.sampled_from([60.0, 3600.0]))
    def lease(self, owner: str, seconds: float) -> None:
        before = self.store.row_counts()["leases"]
        try:
            held = self.store.acquire_lease("work", owner, seconds)
        except LeaseHeld:  # somebody else has it
            return
        assert held.name == "work"
        assert self.store.row_counts()["leases"] == max(before, 1)

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = self._open()

    @invariant()
    def it_holds_what_it_was_given(self) -> None:
        counts = self.store.row_counts()
        expected = {
            "footage": len(self.films),
            "segments": len(self.films),
            "blind_intervals": len(self.films),
            "models": len(self.models),
            "alerts": len(self.alerts),
            "events": len(self.alerts),
            "reviews": len(self.reviews),
            "scored_segments": len(self.scored),
            "evidence": 4 * len(self.alerts),
        }
        assert {name: counts[name] for name in expected} == expected

    @invariant()
    def a_camera_has_at_most_one_active_model_and_it_is_the_last_promoted(self) -> None:
        for name in CAMERAS:
            known = self.store.active_model(name)
            assert (known.model_id if known else None) == self.active.get(name)
            states = [record.state for record in self.store.models(name)]
            assert states.count(ModelState.ACTIVE) == (name in self.active)

    @invariant()
    def all_lists_are_in_order_of_time(self) -> None:
        for name in CAMERAS:
            starts = [part.start_utc for part in self.store.segments(name)]
            assert starts == sorted(starts)
            window = self.store.segments(name, MORNING, MORNING + timedelta(hours=1))
            assert len(window) <= len(starts)


def run(examples: int) -> None:
    chosen = settings(
        max_examples=examples,
        stateful_step_count=25,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(StoreMachine, settings=chosen)  # type: ignore[no-untyped-call]


def test_a_store_holds_what_it_was_given(promise: Callable[[str, str], None]) -> None:
    run(5)
    promise("K7", "5 random histories of 25 steps: the store holds what a dictionary would")


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_store_holds_what_it_was_given_over_many_histories(
    promise: Callable[[str, str], None],
) -> None:
    run(200)
    promise("K7", "200 random histories of 25 steps: the store holds what a dictionary would")
