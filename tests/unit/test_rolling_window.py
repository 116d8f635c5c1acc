"""What is taken for normal: recent footage without alerts, unless people called them harmless."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pipeline.assembly import Site, open_site
from pipeline.errors import FootageError, ModelError, NotPromoted
from pipeline.health.events import Trouble
from pipeline.learning.candidate import compare_candidate, retrain_camera
from pipeline.learning.promotion import promote_compared, roll_back
from pipeline.learning.registry import ModelRecord
from pipeline.learning.retraining import check_and_retrain
from pipeline.learning.rolling_window import normal_window
from pipeline.learning.spans import within, without_spans
from tests.fakes import FakeClock
from tests.feedback_makers import suppress_one
from tests.store_samples import (
    METRICS,
    MORNING,
    SECOND_US,
    comparison,
    fill,
    health,
    model,
    review,
)
from tests.synthesis_makers import camera_model


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "kizashi.toml").touch()
    opened = open_site(tmp_path, clock=FakeClock(MORNING + timedelta(hours=1)))
    yield opened
    opened.close()


def filled(site: Site, *, verdict: str | None) -> None:
    """One segment of a minute and an alert in it; the file is there."""
    line = fill(site.store, reviewed=False)
    if verdict:
        site.store.add_review(review(line.alert, verdict))
    path = site.folder / "footage" / "press-1" / line.footage.path
    path.parent.mkdir(parents=True)
    path.touch()


def seconds_of(site: Site) -> list[tuple[float, float]]:
    window = normal_window(site, "press-1", days=1.0)
    (whole,) = site.store.segments("press-1")

    def since(moment: datetime) -> float:
        return round((moment - whole.start_utc).total_seconds(), 1)

    return [(since(s.segment.start_utc), since(s.segment.end_utc)) for s in window.stretches]


@pytest.mark.parametrize("verdict", [None, "anomaly"])
def test_an_alert_is_left_out_with_half_a_minute_around_it(site: Site, verdict: str | None) -> None:
    filled(site, verdict=verdict)
    (alert,) = site.store.alerts("press-1")
    (whole,) = site.store.segments("press-1")
    end = (alert.end_utc - whole.start_utc).total_seconds() + 30.0
    length = (whole.end_utc - whole.start_utc).total_seconds()
    expected = [(round(end, 1), round(length, 1))] if length - end >= 2.0 else []
    assert seconds_of(site) == expected
    assert normal_window(site, "press-1", days=1.0).left_out_alerts == 1


@pytest.mark.parametrize("verdict", ["known_harmless", "false_alarm"])
def test_what_people_called_harmless_is_learnt(site: Site, verdict: str) -> None:
    filled(site, verdict=verdict)
    (whole,) = site.store.segments("press-1")
    length = (whole.end_utc - whole.start_utc).total_seconds()
    assert seconds_of(site) == [(0.0, round(length, 1))]
    assert normal_window(site, "press-1", days=1.0).left_out_seconds == 0.0


def test_what_looks_like_something_harmless_is_learnt_too(site: Site) -> None:
    filled(site, verdict=None)
    suppress_one(site.store, "press-1")
    assert len(site.store.alerts("press-1")) == 2
    assert normal_window(site, "press-1", days=1.0).left_out_alerts == 0


def test_what_the_camera_could_not_see_is_left_out(site: Site) -> None:
    filled(site, verdict="false_alarm")
    (segment,) = site.store.segments("press-1")
    covered = health(segment, 20 * SECOND_US, 30 * SECOND_US, Trouble.COVERED)
    site.store.put_health(segment.segment_id, [covered])
    first, last = seconds_of(site)
    assert (first, last[0]) == ((0.0, 20.0), 30.0)


def test_a_window_before_all_footage_is_refused(site: Site) -> None:
    filled(site, verdict=None)
    with pytest.raises(FootageError, match="no usable footage"):
        normal_window(site, "press-1", days=1.0, until=MORNING - timedelta(days=9))


def test_spans_cut_stretches_and_leave_no_crumbs(site: Site) -> None:
    filled(site, verdict="false_alarm")
    (stretch,) = normal_window(site, "press-1", days=1.0).stretches
    start = stretch.segment.start_utc

    def cut(*spans: tuple[float, float]) -> list[tuple[int, int]]:
        given = [(start + timedelta(seconds=a), start + timedelta(seconds=b)) for a, b in spans]
        parts = without_spans([stretch], given)
        return [(p.segment.start_us // SECOND_US, p.segment.end_us // SECOND_US) for p in parts]

    whole = (stretch.segment.start_us // SECOND_US, stretch.segment.end_us // SECOND_US)
    assert cut() == cut((-9, 0), (5000, 5001)) == [whole]
    assert cut((10, 20)) == [(whole[0], 10), (20, whole[1])]
    assert cut((1, 20)) == [(20, whole[1])]  # one second is no footage
    assert cut((-5, 5000)) == []


def test_only_what_lies_in_the_time_that_was_given_is_learnt(site: Site) -> None:
    filled(site, verdict="false_alarm")
    (stretch,) = normal_window(site, "press-1", days=1.0).stretches
    start, end = stretch.segment.start_utc, stretch.segment.end_utc
    assert within([stretch], None, None) == within([stretch], start, end) == [stretch]
    (middle,) = within([stretch], start + timedelta(seconds=5), end - timedelta(seconds=7))
    assert middle.segment.start_us == stretch.segment.start_us + 5 * SECOND_US
    assert middle.segment.end_us == stretch.segment.end_us - 7 * SECOND_US
    (cut,) = normal_window(site, "press-1", days=1.0, until=start + timedelta(seconds=9)).stretches
    assert cut.segment.end_us == stretch.segment.start_us + 9 * SECOND_US


def stored(site: Site, number: int) -> ModelRecord:
    folder = site.folder / "models" / "press-1" / str(number)
    digest = camera_model(number).save(folder)
    path = folder.relative_to(site.folder).as_posix()
    record = model("press-1", number, digest=digest, model_id=digest[:32], path=path)
    site.store.add_model(record, METRICS)
    return record


def test_only_the_comparison_with_the_model_that_is_active_now_counts(site: Site) -> None:
    fill(site.store)
    first, second, third = (stored(site, number) for number in (1, 2, 3))
    site.store.promote(first.model_id, MORNING + timedelta(minutes=1))
    with pytest.raises(NotPromoted, match="kizashi model compare"):
        promote_compared(site, second.model_id, who="ada")
    site.store.add_comparison(comparison(second, first))
    site.store.add_comparison(comparison(third, first))
    assert promote_compared(site, second.model_id, who="ada").model_id == second.model_id
    # The third was compared with the first, which is active no more.
    with pytest.raises(NotPromoted, match="was not compared with the active model"):
        promote_compared(site, third.model_id, who="ada")
    site.store.add_comparison(comparison(third, second, not_worse=False, minutes=5))
    with pytest.raises(NotPromoted, match="none of the 3 injected faults of kind reversed"):
        promote_compared(site, third.model_id, who="ada")
    assert roll_back(site, "press-1", who="ada").model_id == first.model_id


def test_the_last_comparison_counts(site: Site) -> None:
    fill(site.store)
    first, second = (stored(site, number) for number in (1, 2))
    site.store.promote(first.model_id, MORNING)
    site.store.add_comparison(comparison(second, first, not_worse=False))
    site.store.add_comparison(comparison(second, first, minutes=5))
    assert promote_compared(site, second.model_id, who="ada").model_id == second.model_id


def test_a_round_of_retraining_leaves_a_young_model_alone(site: Site) -> None:
    fill(site.store)
    record = stored(site, 0)
    site.store.promote(record.model_id, MORNING)
    lines: list[str] = []
    done = check_and_retrain(site, "press-1", progress=lines.append)
    assert (done.drift, done.candidate, done.outcome) == ("unknown", None, "not due")
    assert "has no drift reference" in lines[0]


def test_a_camera_without_a_model_is_told_to_train(site: Site) -> None:
    line = fill(site.store)
    site.store.put_camera(replace(line.camera, name="press-7"))
    with pytest.raises(ModelError, match="kizashi train press-7"):
        check_and_retrain(site, "press-7")


def test_a_candidate_that_nothing_new_can_be_asked_about_is_told_before_and_after(
    site: Site,
) -> None:
    filled(site, verdict="false_alarm")
    (segment,) = site.store.segments("press-1")
    knowing = model("press-1", 7, manifest={"footage": [segment.footage_id]})
    site.store.add_model(knowing, METRICS)
    site.store.promote(knowing.model_id, MORNING + timedelta(minutes=1))
    lines: list[str] = []
    with pytest.raises(FootageError):  # there is nothing in the file: learning ends at once
        retrain_camera(site, "press-1", days=1.0, progress=lines.append)
    assert f"warning: the active model {knowing.model_id[:12]} learnt from all" in lines[1]

    begin = segment.start_utc + timedelta(seconds=5)
    trial = {"trial_since_utc": begin.isoformat(), "trial_until_utc": segment.end_utc.isoformat()}
    candidate = model("press-1", 8, manifest=trial)
    site.store.add_model(candidate, METRICS)
    with pytest.raises(FootageError, match="learnt from all of the footage that was held out"):
        compare_candidate(site, candidate.model_id, who="ada")
