"""Promise: what another budget would have raised is told from stored scores; nothing changes."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.alerts.alerts import Alert
from pipeline.alerts.budget import EventTail, score_at_rate
from pipeline.assembly import Site, open_site
from pipeline.errors import ModelError
from pipeline.learning.promotion import roll_back
from pipeline.learning.registry import ModelRecord
from pipeline.reports.coverage import WAITING, WATCHED, CoverageSpan
from pipeline.reports.facts import AlertFacts
from pipeline.reports.what_if import WhatIf, compared, lies_in, what_if
from pipeline.scoring.policy import policy_within
from tests.alerts_makers import MODEL, NOON, alert, clips
from tests.store_samples import METRICS, MORNING, camera, fill, footage, model, review, segment
from tests.synthesis_makers import camera_model

TAIL = EventTail(threshold=1.0, events_per_day=10.0, scale=0.5, shape=0.0)
STRICT, LOOSE = 0.01, 5.0
PEAK = score_at_rate(TAIL, LOOSE) + 0.2
"""An alert of the loose budget, and far from one of the strict."""
QUIET = [0.1] * 10


def found(budget: float, raised: Alert | None = None, verdict: str | None = None) -> WhatIf:
    there = []
    if raised is not None:
        said = verdict and review(raised, verdict)
        there = [AlertFacts(alert=raised, evidence=[], review=said or None)]
    return compared(
        lambda part: part.events(clips([*QUIET, *[PEAK] * 5, *QUIET])),
        TAIL,
        policy_within(TAIL, budget),
        budget,
        86_400.0 / 2.0,
        MODEL,
        there,
        camera(),
    )


def test_a_strict_budget_is_silent_where_a_loose_one_alerts() -> None:
    assert found(STRICT).alerts == ()
    loose = found(LOOSE)
    assert [a.start_utc for a in loose.alerts] == [NOON + timedelta(seconds=10)]
    assert loose.per_day == 2.0
    assert loose.new == loose.alerts


def test_alerts_of_the_store_are_kept_or_silent_by_their_verdict() -> None:
    there = alert(start_utc=NOON + timedelta(seconds=12), end_utc=NOON + timedelta(seconds=13))
    loose = found(LOOSE, there, "anomaly")
    assert (loose.kept, loose.silent, loose.new) == (1, (), ())
    strict = found(STRICT, there, "anomaly")
    assert (strict.kept, strict.silent) == (0, (there,))
    assert strict.silent_verdicts == {"anomaly": 1}
    assert found(STRICT, there).silent_verdicts == {"unreviewed": 1}


def test_what_is_stored_and_suppressed_is_not_called_new() -> None:
    quiet = alert(start_utc=NOON + timedelta(seconds=12), end_utc=NOON + timedelta(seconds=13))
    loose = compared(
        lambda part: part.events(clips([*QUIET, *[PEAK] * 5, *QUIET])),
        TAIL,
        policy_within(TAIL, LOOSE),
        LOOSE,
        86_400.0 / 2.0,
        MODEL,
        [],
        camera(),
        [quiet],
    )
    assert len(loose.alerts) == 1
    assert (loose.kept, loose.silent, loose.new) == (0, (), ())


def test_what_ends_where_watched_time_begins_was_seen_before_it() -> None:
    there = alert(start_utc=NOON, end_utc=NOON + timedelta(seconds=4))

    def lies(first: int, last: int, state: str = WATCHED) -> bool:
        begin, end = (NOON + timedelta(seconds=second) for second in (first, last))
        return lies_in(there, [CoverageSpan(state=state, start_utc=begin, end_utc=end)])

    assert [lies(3, 9), lies(-9, 1), lies(1, 2), lies(-9, 0)] == [True] * 4
    assert [lies(4, 9), lies(-9, -1), lies(1, 2, WAITING)] == [False] * 3


def test_nothing_watched_has_no_rate() -> None:
    assert replace(found(LOOSE), watched_seconds=0.0).per_day is None


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "kizashi.toml").touch()
    return open_site(tmp_path)


def test_a_model_that_does_not_know_its_tail_says_so(site: Site) -> None:
    fill(site.store)
    with pytest.raises(ModelError, match=r"press-1 does not say how often .*; train again"):
        what_if(site, "press-1", [1.0])


def test_a_camera_without_a_model_is_told_to_train(site: Site) -> None:
    site.store.put_camera(camera())
    with pytest.raises(ModelError, match="kizashi train press-1"):
        what_if(site, "press-1", [1.0])


def stored(site: Site, seed: int, *, name: str = "press-1") -> ModelRecord:
    folder = site.folder / "models" / name / str(seed)
    digest = camera_model(seed).save(folder)
    record = model(name, seed, digest=digest, model_id=digest[:32], path=f"models/{name}/{seed}")
    record = replace(record, calibration={**record.calibration, "tail": TAIL.to_dict()})
    site.store.add_model(record, METRICS)
    return record


def test_the_scores_of_the_store_are_joined_again_and_nothing_is_stored(site: Site) -> None:
    line = fill(site.store)
    record = stored(site, 1)
    site.store.promote(record.model_id, MORNING)
    site.store.add_anomalies(
        [
            replace(a, anomaly_id=f"{n:032d}", model_id=record.model_id, score=9.0)
            for n, a in enumerate(line.anomalies)
        ]
    )
    site.store.mark_scored(line.segment.segment_id, record.model_id, 20, MORNING)
    before = site.store.row_counts()
    (now,) = what_if(site, "press-1", [2.0])
    assert site.store.row_counts() == before
    assert now.watched_seconds == (line.segment.end_utc - line.segment.start_utc).total_seconds()
    assert (len(now.alerts), now.kept, now.new) == (1, 1, ())
    late = line.segment.start_utc + timedelta(seconds=5)
    (rest,) = what_if(site, "press-1", [2.0], since=late)
    assert rest.watched_seconds == pytest.approx(now.watched_seconds - 5.0)


def test_of_time_that_the_model_has_not_scored_nothing_is_said(site: Site) -> None:
    line = fill(site.store)
    later = replace(footage(number=1), path="later.mp4")
    unscored = segment(later)
    site.store.add_footage(later, [unscored], [])
    record = stored(site, 1)
    site.store.promote(record.model_id, MORNING)
    lines: list[str] = []
    (nothing,) = what_if(site, "press-1", [2.0], progress=lines.append)
    # The alert that there is was raised by the model of before.
    assert (nothing.watched_seconds, nothing.per_day, nothing.unscored) == (0.0, None, 1)
    assert (nothing.alerts, nothing.kept, nothing.silent, nothing.new) == ((), 0, (), ())
    assert lines == [
        f"model {record.model_id[:12]} has scored 0.00 h of the 1.02 h that were asked for; "
        "of the rest nothing is said"
    ]
    site.store.add_anomalies(
        [
            replace(a, anomaly_id=f"{n:032d}", model_id=record.model_id)
            for n, a in enumerate(line.anomalies)
        ]
    )
    site.store.mark_scored(line.segment.segment_id, record.model_id, 20, MORNING)
    (first,) = what_if(site, "press-1", [2.0])
    assert (first.watched_seconds, first.unscored) == (60.0, 0)
    assert first.kept + len(first.silent) == 1
    assert first.asked_seconds == pytest.approx(3660.0, abs=0.001)


def test_a_model_of_another_camera_is_refused_by_name(site: Site) -> None:
    fill(site.store)
    site.store.put_camera(camera("press-2"))
    other = stored(site, 2, name="press-2")
    with pytest.raises(ModelError, match="is of camera press-2, not press-1"):
        what_if(site, "press-1", [1.0], model=other.model_id)


def test_rolling_back_twice_ends_where_it_began(site: Site) -> None:
    site.store.put_camera(camera())
    older, newer = stored(site, 1), stored(site, 2)
    with pytest.raises(ModelError, match="press-1: no other model was ever active"):
        roll_back(site, "press-1", who="sato")
    for hours, record in enumerate((older, newer)):
        site.store.promote(record.model_id, MORNING + timedelta(hours=hours))
    for expected in (older, newer):
        assert roll_back(site, "press-1", who="sato").model_id == expected.model_id
        active = site.store.active_model("press-1")
        assert active is not None
        assert active.model_id == expected.model_id


def test_rolling_back_to_a_damaged_model_changes_nothing(site: Site) -> None:
    site.store.put_camera(camera())
    older, newer = stored(site, 1), stored(site, 2)
    for hours, record in enumerate((older, newer)):
        site.store.promote(record.model_id, MORNING + timedelta(hours=hours))
    (site.folder / older.path / "manifest.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ModelError):
        roll_back(site, "press-1", who="sato")
    active = site.store.active_model("press-1")
    assert active is not None
    assert active.model_id == newer.model_id
