"""Every store returns what it was given, in order, and adds nothing the second time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import event as listen_event

from pipeline.camera import ClockSource
from pipeline.errors import CameraChanged, CameraError, StoreError
from pipeline.footage.admission import Reason
from pipeline.health.events import Trouble
from pipeline.learning.registry import ModelState
from pipeline.scoring.anomaly import REST, PartScore
from pipeline.store.contract import Store
from pipeline.store.sql import SqlStore
from pipeline.zones.zone import Zone, ZoneKind
from tests.store_dump import dump
from tests.store_samples import (
    METRICS,
    MORNING,
    SECOND_US,
    alert,
    anomaly,
    blind,
    camera,
    comparison,
    drift_check,
    event,
    fill,
    footage,
    health,
    light,
    line,
    model,
    refused,
    review,
    segment,
    statistic,
)

pytest_plugins = ("tests.store_fixtures",)

HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)


def test_a_whole_line_comes_back_as_it_was(store: Store) -> None:
    one = fill(store)
    assert store.camera("press-1") == one.camera
    assert store.footage(one.footage.footage_id) == one.footage
    assert store.segment(one.segment.segment_id) == one.segment
    assert store.segments("press-1") == [one.segment]
    assert store.blind("press-1") == [one.blind]
    assert store.active_model("press-1") == replace(one.model, state=ModelState.ACTIVE)
    assert store.training_metrics(one.model.model_id) == METRICS
    assert list(store.anomalies("press-1")) == one.anomalies
    assert store.events("press-1") == [one.event]
    assert store.alert(one.alert.alert_id) == one.alert
    assert store.evidence(one.alert.alert_id) == one.evidence
    assert [said.verdict for said in store.reviews(one.alert.alert_id)] == [
        "false_alarm",
        "anomaly",
    ]


def test_recording_a_whole_line_again_adds_no_row(store: SqlStore) -> None:
    fill(store)
    counts, content = store.row_counts(), dump(store)
    fill(store)
    assert store.row_counts() == {**counts, "audit_log": counts["audit_log"] + 1}
    again = dump(store)
    assert again.pop("audit_log") == content.pop("audit_log") * 2
    assert again == content


ADDING: dict[str, tuple[int, Callable[[Store], int]]] = {
    "footage": (3, lambda s: s.add_footage(line().footage, [line().segment], [line().blind])),
    "health": (
        1, lambda s: s.put_health(line().segment.segment_id, [health(line().segment)]),
    ),
    "lighting": (
        1, lambda s: s.put_lighting(line().segment.segment_id, [light(line().segment)]),
    ),
    "model": (5, lambda s: s.add_model(line().model, METRICS)),
    "comparison": (1, lambda s: s.add_comparison(comparison(line().model, line().model))),
    "anomalies": (20, lambda s: s.add_anomalies(iter(line().anomalies))),
    "scored": (
        1, lambda s: s.mark_scored(line().segment.segment_id, line().model.model_id, 9, MORNING),
    ),
    "events": (1, lambda s: s.put_events([line().event])),
    "alert": (1, lambda s: s.add_alert(line().alert, line().evidence)),
    "review": (1, lambda s: s.add_review(review(line().alert))),
}  # fmt: skip


def test_every_add_returns_its_new_rows_and_0_the_second_time(store: Store) -> None:
    store.put_camera(camera())
    for name, (new, add) in ADDING.items():
        assert (name, add(store), add(store)) == (name, new, 0)


def test_rows_that_are_partly_known_count_only_the_new_ones(store: Store) -> None:
    one = line()
    store.put_camera(one.camera)
    store.add_footage(one.footage, [one.segment], [])
    store.add_model(one.model, [])
    assert store.add_anomalies(one.anomalies[:7]) == 7
    assert store.add_anomalies(one.anomalies) == 13
    assert store.add_anomalies([*one.anomalies, *one.anomalies]) == 0


def test_the_same_thing_twice_in_one_call_is_one_row(store: Store) -> None:
    one = line()
    store.put_camera(one.camera)
    store.add_footage(one.footage, [one.segment, one.segment], [one.blind, one.blind])
    store.add_model(one.model, [])
    assert store.add_anomalies([*one.anomalies, *one.anomalies]) == 20
    longer = replace(one.event, clips=5)
    assert store.put_events([one.event, longer]) == 1
    assert store.events("press-1") == [longer]


def test_a_known_footage_adds_nothing_whatever_its_path(store: Store) -> None:
    one = fill(store)
    moved = replace(one.footage, path="elsewhere.mp4")
    other = segment(one.footage, 1, 2)
    assert store.add_footage(moved, [other], [blind(one.footage, 3, 4)]) == 0
    assert store.footage(one.footage.footage_id) == one.footage
    assert store.segments("press-1") == [one.segment]


def test_cameras_come_by_name_in_the_order_of_code_points(store: Store) -> None:
    names = ["press_1", "press-2", "a", "press-1", "press10", "z"]
    for name in names:
        store.put_camera(camera(name))
    assert [known.name for known in store.cameras()] == sorted(names)


def test_every_kind_of_clock_and_a_start_of_a_sequence_come_back(store: Store) -> None:
    for clock in ClockSource:
        put = camera(clock=clock, sequence_start_utc=MORNING, privacy_masks=())
        store.put_camera(put)
        assert store.camera("press-1") == put


def test_zones_masks_and_hours_of_a_camera_come_back(store: Store) -> None:
    corners = ((0.1, 1 / 3), (0.5, 0.0), (1.0, 1.0))
    put = camera(
        mask_names=("食堂のドア",),
        zones=(
            Zone(name="robot", kind=ZoneKind.WATCH, corners=corners, budget_per_day=0.1),
            Zone(name="門", kind=ZoneKind.CLOSED, corners=corners, hours="22:00-06:00"),
        ),
        closed_hours="sat,sun 00:00-24:00",
    )
    store.put_camera(put)
    assert store.camera("press-1") == put
    assert store.cameras() == [put]


def test_what_a_model_says_of_parts_and_the_zone_of_an_alert_come_back(store: Store) -> None:
    one = fill(store)
    said = PartScore(score=1 / 3, expert="motion", place=one.event.place)
    parts = {"robot": said, REST: replace(said, score=0.0)}
    split = anomaly(one.segment, one.model, 40, parts=parts)
    store.add_anomalies([split])
    assert list(store.anomalies("press-1"))[-1] == split
    known = event(split, split, zone="robot")
    store.put_events([known])
    store.add_alert(alert(known, zone="robot"), [])
    assert store.events("press-1")[-1] == known
    assert store.alerts("press-1")[-1].zone == "robot"
    asked = "SELECT zone FROM flagged_clips ORDER BY start_utc"
    assert store.query(asked)[1] == [("",), ("robot",)]


def test_a_camera_that_was_changed_meanwhile_is_not_overwritten(store: SqlStore) -> None:
    store.put_camera(camera())
    known = store.camera("press-1")
    noted = ("ada", "camera set", {"owner": "line 2"})
    store.put_camera(camera(owner="line 2"), instead_of=known, noted=noted)
    before = dump(store)
    with pytest.raises(CameraChanged, match="press-1: somebody else has changed it meanwhile"):
        store.put_camera(camera(owner="line 3"), instead_of=known, noted=noted)
    assert dump(store) == before
    with pytest.raises(CameraChanged):
        store.put_camera(camera("gone"), instead_of=camera("gone"))


def test_a_changed_purpose_is_kept_as_history_and_the_same_one_is_not(store: SqlStore) -> None:
    store.put_camera(camera())
    store.put_camera(camera())
    store.put_camera(camera(budget_per_day=9.0))
    store.put_camera(camera(purpose="see people in the closed zone"))
    store.put_camera(camera())
    history = dump(store)["purposes"]
    assert sorted((row["revision"], row["purpose"]) for row in history) == [
        (1, "see jams of the press"),
        (2, "see people in the closed zone"),
        (3, "see jams of the press"),
    ]


def test_an_unknown_camera_is_refused_with_the_known_ones(store: Store) -> None:
    with pytest.raises(CameraError, match="kizashi camera add"):
        store.camera("nowhere")
    store.put_camera(camera("b"))
    store.put_camera(camera("a"))
    with pytest.raises(CameraError, match="no camera 'nowhere'; known: a, b"):
        store.camera("nowhere")


def test_a_camera_without_a_purpose_is_not_registered(store: Store) -> None:
    with pytest.raises(CameraError, match="purpose"):
        store.put_camera(camera(purpose=" "))
    assert store.cameras() == []


UNKNOWN: dict[str, Callable[[Store], object]] = {
    "footage": lambda s: s.footage("0" * 32),
    "segment": lambda s: s.segment("0" * 32),
    "alert": lambda s: s.alert("0" * 32),
    "promote": lambda s: s.promote("0" * 32, MORNING),
    "review": lambda s: s.add_review(review(line().alert)),
    "delivery": lambda s: s.record_delivery("0" * 32, "file", MORNING, None),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_id_is_a_store_error_of_one_line(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match=r"^[^\n]+$"):
        UNKNOWN[name](store)


def test_lists_of_an_unknown_camera_are_empty(store: Store) -> None:
    assert store.footage_ids("x") == set()
    assert store.footage_of("x") == store.segments("x") == store.blind("x") == []
    assert store.models("x") == store.events("x") == store.alerts("x") == []
    assert store.active_model("x") is None
    assert list(store.anomalies("x")) == []
    assert store.unscored_segments("x", "m") == []
    assert store.evidence("x") == store.reviews("x") == store.training_metrics("x") == []


def test_footage_comes_by_time_and_refused_footage_last_without_bounds(store: Store) -> None:
    store.put_camera(camera())
    films = [footage(number=number) for number in (2, 0, 1)]
    for film in [refused(), *films]:
        store.add_footage(film, [], [])
    by_time = sorted(films, key=lambda film: film.path)
    assert store.footage_of("press-1") == [*by_time, refused()]
    assert store.footage_of("press-1", MORNING) == by_time
    assert store.footage_of("press-1", until=MORNING + HOUR) == [by_time[0]]
    assert store.footage_ids("press-1") == {film.footage_id for film in [refused(), *films]}


def test_the_last_drift_check_of_a_model_counts(store: SqlStore) -> None:
    one = fill(store)
    first = drift_check(one.model)
    assert store.drift("press-1", one.model.model_id) == first
    quiet = statistic("motion", severity=None, since_utc=None, found_utc=None, usual=None)
    later = replace(drift_check(one.model, quiet), checked_utc=first.checked_utc + HOUR)
    store.put_drift(later)
    assert store.drift("press-1", one.model.model_id) == later
    assert store.row_counts()["drift"] == 1
    assert store.drift("press-1", "another") is None


def test_comparisons_come_back_in_order_of_time_and_by_candidate(store: Store) -> None:
    one = fill(store)
    other = model("press-1", number=1)
    store.add_model(other, [])
    early = comparison(other, one.model, not_worse=False, minutes=-30)
    late = comparison(other, one.model, minutes=30)
    assert [store.add_comparison(c) for c in (late, early, late)] == [1, 1, 0]
    assert store.comparisons("press-1", other.model_id) == [early, late]
    filled = comparison(one.model, one.model)
    assert store.comparisons("press-1") == [early, filled, late]


def test_health_of_a_segment_is_what_was_found_last(store: Store) -> None:
    store.put_camera(camera())
    film = footage()
    good, other = segment(film), segment(film, 70_000_000, 80_000_000)
    store.add_footage(film, [good, other], [])
    covered = health(good, 0, 5_000_000, Trouble.COVERED)
    black = health(good, 5_000_000, 9_000_000, Trouble.BLACK)
    beside = health(other, 71_000_000, 75_000_000, Trouble.FROZEN)
    assert store.put_health(good.segment_id, [covered]) == 1
    assert store.put_health(other.segment_id, [beside]) == 1
    assert store.health("press-1") == [covered, beside]
    # Scored again, by another model: what it says counts, of this segment alone.
    assert store.put_health(good.segment_id, [covered, black]) == 1
    assert store.health("press-1") == [covered, black, beside]
    assert store.health("press-1", since=black.end_utc) == [beside]
    assert store.health("press-1", until=black.start_utc) == [covered]
    assert store.put_health(good.segment_id, []) == 0
    assert store.health("press-1") == [beside]


def test_lighting_of_a_segment_is_what_was_found_last(store: Store) -> None:
    store.put_camera(camera())
    film = footage()
    good, other = segment(film), segment(film, 70_000_000, 80_000_000)
    store.add_footage(film, [good, other], [])
    bright = light(good, "bright", 0, 5_000_000)
    dark = light(good, "lights_off", 6_000_000, 9_000_000)
    beside = light(other, "bright", 71_000_000, 75_000_000)
    assert store.put_lighting(good.segment_id, [bright]) == 1
    assert store.put_lighting(other.segment_id, [beside]) == 1
    assert store.put_lighting(good.segment_id, [bright, dark]) == 1
    assert store.lighting("press-1") == [bright, dark, beside]
    assert store.lighting("press-1", since=dark.end_utc) == [beside]
    # Its states are those of the model that scored the segment last.
    assert store.light_found_by(model().model_id, good.segment_id) == []
    for number in (0, 1):
        later, at_utc = model(number=number), MORNING + timedelta(hours=number)
        store.add_model(later, [])
        store.mark_scored(good.segment_id, later.model_id, 1, at_utc)
        assert store.light_found_by(later.model_id, good.segment_id) == [bright, dark]
    assert store.light_found_by(model().model_id, good.segment_id) == []
    assert store.put_lighting(good.segment_id, []) == 0
    assert store.lighting("press-1") == [beside]


def test_a_switch_of_light_is_kept_with_what_was_found_of_health(store: Store) -> None:
    store.put_camera(camera())
    film = footage()
    good = segment(film)
    store.add_footage(film, [good], [])
    switch = health(good, 0, 5_000_000, Trouble.STATE_CHANGE)
    assert store.put_health(good.segment_id, [switch]) == 1
    assert store.health("press-1") == [switch]


def test_half_open_stretches_overlap_only_where_they_share_time(store: Store) -> None:
    store.put_camera(camera())
    film = footage()
    good, bad = segment(film), blind(film)  # seen [0, 60) s, blind [60, 100) s
    store.add_footage(film, [good], [bad])
    border = good.end_utc
    assert store.segments("press-1", until=good.start_utc) == []
    assert store.segments("press-1", until=good.start_utc + MICROSECOND) == [good]
    assert store.segments("press-1", since=border - MICROSECOND) == [good]
    assert store.segments("press-1", since=border) == []
    assert store.blind("press-1", until=border) == []
    assert store.blind("press-1", since=border, until=border + MICROSECOND) == [bad]
    assert store.footage_of("press-1", border, border + MICROSECOND) == [film]


def test_events_and_alerts_hold_their_last_moment(store: Store) -> None:
    one = fill(store)
    end, start = one.event.end_utc, one.event.start_utc
    assert store.events("press-1", since=end) == [one.event]
    assert store.alerts("press-1", since=end) == [one.alert]
    assert store.events("press-1", since=end + MICROSECOND) == []
    assert store.alerts("press-1", since=end + MICROSECOND) == []
    assert store.events("press-1", until=start) == store.alerts("press-1", until=start) == []
    assert store.alerts(since=start, until=start + MICROSECOND) == [one.alert]


def test_times_keep_their_microseconds_and_come_back_in_utc(store: Store) -> None:
    store.put_camera(camera())
    tokyo = timezone(timedelta(hours=9))
    moments = [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2026, 3, 29, 1, 59, 59, 999999, tzinfo=UTC),
        datetime(2026, 1, 31, 0, 0, 0, 1, tzinfo=tokyo),
        datetime(9999, 12, 31, 23, 0, 0, 5, tzinfo=UTC),
    ]
    for number, moment in enumerate(moments):
        film = footage(number=number, start_utc=moment)
        store.add_footage(film, [], [])
        back = store.footage(film.footage_id).start_utc
        assert back == moment
        assert back is not None
        assert back.utcoffset() == timedelta(0)


def test_a_naive_time_is_refused_and_nothing_is_recorded(store: Store) -> None:
    store.put_camera(camera())
    with pytest.raises(ValueError, match="no time zone"):
        store.add_footage(footage(start_utc=datetime(2026, 1, 31)), [], [])
    with pytest.raises(ValueError, match="no time zone"):
        store.segments("press-1", since=datetime(2026, 1, 31))
    assert store.footage_of("press-1") == []


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["score", "p_value", "scores", "place"])
def test_a_number_that_is_none_is_refused_in_scores(
    store: Store, number: float, where: str
) -> None:
    one = line()
    store.put_camera(one.camera)
    store.add_footage(one.footage, [one.segment], [])
    store.add_model(one.model, [])
    bad = one.anomalies[3]
    changed: dict[str, object] = {
        "score": number,
        "p_value": number,
        "scores": {"critic": number},
        "place": replace(bad.place, x=number),
    }
    with pytest.raises(ValueError, match="finite"):
        store.add_anomalies([one.anomalies[0], replace(bad, **{where: changed[where]})])  # type: ignore[arg-type]
    assert list(store.anomalies("press-1")) == []


def test_doubles_come_back_to_the_last_bit(store: Store) -> None:
    one = line()
    store.put_camera(one.camera)
    store.add_footage(one.footage, [one.segment], [])
    store.add_model(one.model, [])
    numbers = [0.1 + 0.2, 1 / 3, 5e-324, 1.7976931348623157e308, 1e-17, 2.0**60 + 1, 0.0, 300.0]
    put = [
        replace(anomaly(one.segment, one.model, n), score=x, scores={"critic": x})
        for n, x in enumerate(numbers)
    ]
    store.add_anomalies(put)
    back = list(store.anomalies("press-1"))
    assert [(a.score, dict(a.scores)) for a in back] == [(x, {"critic": x}) for x in numbers]


def test_models_come_oldest_first_and_by_state(store: Store) -> None:
    store.put_camera(camera())
    records = [model(number=number) for number in range(3)]
    for record in reversed(records):
        store.add_model(record, [])
    assert store.models("press-1") == records
    assert store.active_model("press-1") is None
    store.promote(records[1].model_id, MORNING)
    store.promote(records[2].model_id, MORNING + HOUR)
    assert [known.state for known in store.models("press-1")] == [
        ModelState.CANDIDATE,
        ModelState.RETIRED,
        ModelState.ACTIVE,
    ]
    assert [m.model_id for m in store.models("press-1", ModelState.CANDIDATE)] == [
        records[0].model_id
    ]
    store.promote(records[1].model_id, MORNING + 2 * HOUR)  # roll back
    store.promote(records[1].model_id, MORNING + 3 * HOUR)
    active = store.active_model("press-1")
    assert active is not None
    assert active.model_id == records[1].model_id


def test_a_promotion_is_audited_with_it_and_only_when_something_changed(store: SqlStore) -> None:
    store.put_camera(camera())
    store.add_model(model(), [])
    for _ in range(2):
        store.promote(model().model_id, MORNING, who="sato", by="hand")
    detail = {"camera": "press-1", "by": "hand"}
    assert dump(store)["audit_log"] == [
        {"who": "sato", "what": "promote", "subject": model().model_id, "detail": detail}
    ]


def test_a_second_active_model_of_a_camera_cannot_be_recorded(store: SqlStore) -> None:
    store.put_camera(camera())
    store.add_model(model(number=1, state=ModelState.ACTIVE), METRICS)
    before = store.row_counts()
    with pytest.raises(StoreError):
        store.add_model(model(number=2, state=ModelState.ACTIVE), METRICS)
    assert store.row_counts() == before


def test_segments_stay_unscored_until_the_mark_of_that_model(store: Store) -> None:
    store.put_camera(camera())
    films = [footage(number=number) for number in range(3)]
    good = [segment(film) for film in films]
    for film, one in zip(reversed(films), reversed(good), strict=True):
        store.add_footage(film, [one], [])
    first, second = model(number=1), model(number=2)
    store.add_model(first, [])
    store.add_model(second, [])
    assert store.unscored_segments("press-1", first.model_id) == good
    assert store.mark_scored(good[1].segment_id, first.model_id, 7, MORNING) == 1
    assert store.mark_scored(good[1].segment_id, first.model_id, 9, MORNING) == 0
    assert store.unscored_segments("press-1", first.model_id) == [good[0], good[2]]
    assert store.unscored_segments("press-1", second.model_id) == good
    assert store.unscored_segments("press-1", None) == [good[0], good[2]]


def test_what_an_earlier_active_model_has_scored_is_not_to_be_scored(store: Store) -> None:
    store.put_camera(camera())
    films = [footage(number=number) for number in range(4)]
    good = [segment(film) for film in films]
    for film, one in zip(films, good, strict=True):
        store.add_footage(film, [one], [])
    before, student, now = (model(number=number) for number in range(3))
    for number, record in enumerate((before, student, now)):
        store.add_model(record, [])
        store.mark_scored(good[number].segment_id, record.model_id, 7, MORNING)
    # No model was active yet: what it has not scored itself.
    assert store.segments_to_score("press-1", now.model_id) == [good[0], good[1], good[3]]
    store.promote(before.model_id, MORNING)
    store.promote(now.model_id, MORNING + HOUR)
    assert store.segments_to_score("press-1", now.model_id) == [good[1], good[3]]
    # What it has scored itself is done too, whether it ever was active or not.
    assert store.segments_to_score("press-1", student.model_id) == [good[3]]
    assert store.segments_to_score("press-2", now.model_id) == []
    # Going back scores nothing again either.
    store.promote(before.model_id, MORNING + 2 * HOUR)
    assert store.segments_to_score("press-1", before.model_id) == [good[1], good[3]]
    assert store.unscored_segments("press-1", before.model_id) == good[1:]


def test_footage_is_seen_by_another_model_when_all_of_it_is(store: Store) -> None:
    store.put_camera(camera())
    films = [footage(number=number) for number in range(3)]
    good = [segment(film) for film in films]
    for film, one in zip(films, good, strict=True):
        store.add_footage(film, [one], [])
    first, second = model(number=1), model(number=2)
    store.add_model(first, [])
    store.add_model(second, [])
    for one in good[:2]:
        store.mark_scored(one.segment_id, first.model_id, 7, MORNING)
    store.mark_scored(good[2].segment_id, second.model_id, 7, MORNING)

    def seen(begin: int, end: int) -> bool:
        when = good[begin].end_utc, good[end].end_utc
        return store.seen_by_another("press-1", second.model_id, *when)

    assert [seen(0, 0), seen(0, 1), seen(1, 1)] == [True, True, True]
    assert [seen(1, 2), seen(2, 2)] == [False, False]
    assert not store.seen_by_another("press-1", first.model_id, MORNING, good[0].end_utc)
    long_ago = MORNING - timedelta(days=9)
    assert not store.seen_by_another("press-1", second.model_id, long_ago, long_ago)


def test_anomalies_stream_in_order_of_clip_end_within_their_bounds(store: Store) -> None:
    one = fill(store)
    other = model(number=5)
    store.add_model(other, [])
    of_other = [anomaly(one.segment, other, number) for number in range(20)]
    store.add_anomalies(reversed(of_other))
    both = sorted([*one.anomalies, *of_other], key=lambda a: (a.clip.end_utc, a.anomaly_id))
    assert list(store.anomalies("press-1")) == both
    assert list(store.anomalies("press-1", other.model_id)) == of_other
    fifth, eighth = of_other[5].clip.end_utc, of_other[8].clip.end_utc
    assert list(store.anomalies("press-1", other.model_id, fifth, eighth)) == of_other[5:8]


def test_a_long_stream_gives_each_anomaly_once_and_lets_its_reader_write(store: SqlStore) -> None:
    one = line()
    film = footage(duration_us=3000 * SECOND_US)
    long = segment(film, 0, 3000 * SECOND_US)
    store.put_camera(one.camera)
    store.add_footage(film, [long], [])
    store.add_model(one.model, [])
    put = [anomaly(long, one.model, number, score=0.0, p_value=1.0) for number in range(5_000)]
    assert store.add_anomalies(put) == 5_000
    pages = []
    listen_event.listen(
        store._sessions.engine,
        "before_cursor_execute",
        lambda _c, _k, sql, *_: pages.append(sql) if "FROM anomalies" in sql else None,
    )
    seen = []
    for number, found in enumerate(store.anomalies("press-1")):
        seen.append(found.anomaly_id)
        if number % 1_000 == 0:
            store.audit("test", "read", str(number), {})
    assert seen == [item.anomaly_id for item in put]
    assert len(pages) == 3  # of 2,000 rows: never more are in memory


def test_every_reason_can_be_stored(store: Store) -> None:
    store.put_camera(camera())
    film = footage()
    stretches = [blind(film, n, n + 1, reason) for n, reason in enumerate(Reason)]
    store.add_footage(film, [], stretches)
    assert store.blind("press-1") == stretches


def test_blind_time_without_footage_is_recorded(store: Store) -> None:
    store.put_camera(camera())
    gap = replace(blind(footage()), footage_id=None, reason=Reason.NOT_RECORDED)
    store.add_footage(footage(number=1), [], [gap])
    assert store.blind("press-1") == [gap]
