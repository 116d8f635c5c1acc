"""Rounds of retraining over weeks: nothing is learnt, tried or promoted again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.assembly import Site, open_site
from pipeline.learning import retraining
from pipeline.learning.registry import ComparisonRecord, ModelRecord
from pipeline.learning.retraining import check_and_retrain
from tests.fakes import FakeClock
from tests.store_samples import METRICS, MORNING, comparison, fill, model

TRIAL = {"trial_since_utc": MORNING.isoformat(), "trial_until_utc": MORNING.isoformat()}


class Trainer:
    """Stands in for learning and trying: what it would learn is given, and it counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gives: ModelRecord | None = None
        self.learnt = 0
        self.tried: list[str] = []
        self.drift = "none"
        monkeypatch.setattr(retraining, "retrain_camera", self.retrain)
        monkeypatch.setattr(retraining, "compare_candidate", self.compare)
        monkeypatch.setattr(retraining, "promote_compared", self.promote)
        monkeypatch.setattr(retraining, "_drift", lambda *_: self.drift)
        self.promoted: list[str] = []

    def retrain(self, site: Site, camera: str, **_: object) -> ModelRecord:
        assert self.gives is not None, "nothing was to be learnt"
        self.learnt += 1
        site.store.add_model(self.gives, METRICS)
        return self.gives

    def compare(self, site: Site, model_id: str, **_: object) -> ComparisonRecord:
        self.tried.append(model_id)
        active = site.store.active_model("press-1")
        assert active is not None
        (record,) = [one for one in site.store.models("press-1") if one.model_id == model_id]
        made = comparison(record, active, not_worse=True)
        site.store.add_comparison(made)
        return made

    def promote(self, site: Site, model_id: str, **_: object) -> None:
        self.promoted.append(model_id)
        site.store.promote(model_id, site.clock.now_utc())


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    return Trainer(monkeypatch)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MORNING + timedelta(days=1))


@pytest.fixture
def site(tmp_path: Path, clock: FakeClock) -> Iterator[Site]:
    (tmp_path / "kizashi.toml").write_text("retrain_promotes = true\n", encoding="utf-8")
    opened = open_site(tmp_path, clock=clock)
    fill(opened.store)
    first = model("press-1", 0)
    opened.store.add_model(first, METRICS)
    opened.store.promote(first.model_id, MORNING)
    yield opened
    opened.close()


def candidate(day: int, **changes: object) -> ModelRecord:
    return replace(model("press-1", day), manifest=TRIAL, **changes)  # type: ignore[arg-type]


def test_a_camera_without_newer_footage_is_not_tried_again_every_night(
    site: Site, clock: FakeClock, trainer: Trainer
) -> None:
    clock.advance(timedelta(days=8).total_seconds())
    trainer.gives = candidate(9)
    assert check_and_retrain(site, "press-1").outcome == "promoted"
    # Somebody goes back; the line stands still for weeks, so learning gives the same model.
    site.store.promote(model("press-1", 0).model_id, clock.now_utc())
    for _ in range(5):
        clock.advance(timedelta(days=8).total_seconds())
        done = check_and_retrain(site, "press-1")
        assert done.outcome == "not due: no newer footage to learn from"
        assert done.candidate is None
    assert trainer.tried == trainer.promoted == [trainer.gives.model_id]


def test_a_trial_that_was_cut_short_is_made_by_the_next_round_and_once(
    site: Site, clock: FakeClock, trainer: Trainer
) -> None:
    learnt = candidate(1)
    site.store.add_model(learnt, METRICS)
    done = check_and_retrain(site, "press-1")
    assert (done.candidate, done.outcome) == (learnt.model_id, "promoted")
    clock.advance(86_400.0)
    assert check_and_retrain(site, "press-1").outcome == "not due"
    assert (trainer.learnt, trainer.tried) == (0, [learnt.model_id])


def test_a_student_makes_no_model_younger_and_keeps_no_drift_from_being_learnt(
    site: Site, trainer: Trainer
) -> None:
    student = model("press-1", 1, manifest={"teacher": model("press-1", 0).model_id})
    site.store.add_model(student, METRICS)
    trainer.drift, trainer.gives = "serious", candidate(1, digest="a" * 64, model_id="a" * 32)
    assert check_and_retrain(site, "press-1").candidate == "a" * 32
    assert (trainer.learnt, trainer.tried) == (1, ["a" * 32])
