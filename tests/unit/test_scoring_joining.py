"""Events joined segment after segment are those of the whole stream."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.alerts.events import EventPolicy, join_anomalies
from pipeline.alerts.sequential import SumRule
from pipeline.footage.segments import Segment
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.joining import join_around
from pipeline.store.sql import SqlStore, open_store
from pipeline.zones.judging import PartPolicy
from tests import store_samples as samples

SEGMENTS = 9
SEGMENT_SECONDS = 300
MODEL = samples.model()
POLICY = EventPolicy(
    policy_id="policy",
    open_score=1.2,
    close_score=0.7,
    alert_score=2.0,
    smoothing_seconds=0.5,
    minimum_seconds=0.3,
    merge_gap_seconds=3.0,
)
PART = PartPolicy(zone=None, policy=POLICY, whole=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    opened = open_store(f"sqlite:///{tmp_path / 'kizashi.db'}")
    opened.put_camera(samples.camera())
    opened.add_model(MODEL, [])
    yield opened
    opened.close()


def segments(store: SqlStore, count: int = SEGMENTS) -> list[Segment]:
    """Record footage that goes on for 45 minutes without a hole, and return its segments."""
    made = []
    for number in range(count):
        start_utc = samples.MORNING + timedelta(seconds=number * SEGMENT_SECONDS)
        film = replace(samples.footage(number=number), start_utc=start_utc)
        segment = samples.segment(film, end_us=SEGMENT_SECONDS * samples.SECOND_US)
        store.add_footage(film, [segment], [])
        made.append(segment)
    return made


def scored(segment: Segment, scores: list[float]) -> list[Anomaly]:
    """Return two clips a second of a segment, with these scores."""
    return [
        samples.anomaly(segment, MODEL, number, score=score, p_value=10**-score)
        for number, score in enumerate(scores)
    ]


def joined_one_by_one(
    store: SqlStore, streams: dict[str, list[Anomaly]], part: PartPolicy = PART
) -> list[tuple[object, ...]]:
    """Store and join the segments in order of time; return the events that are then stored."""
    for segment in store.segments("press-1"):
        store.add_anomalies(streams[segment.segment_id])
        store.put_events(join_around(store, MODEL.model_id, part, segment))
    return [key(event) for event in store.events("press-1")]


def key(event: object) -> tuple[object, ...]:
    fields = ("event_id", "start_utc", "end_utc", "peak_anomaly_id", "clips")
    return tuple(getattr(event, field) for field in fields)


def joined_at_once(
    streams: dict[str, list[Anomaly]], policy: EventPolicy = POLICY
) -> list[tuple[object, ...]]:
    stream = [anomaly for part in streams.values() for anomaly in part]
    return [key(event) for event in join_anomalies(stream, policy)]


@pytest.mark.parametrize(
    "seed", [0, pytest.param(1, marks=pytest.mark.full), pytest.param(2, marks=pytest.mark.full)]
)
def test_joining_segment_after_segment_gives_the_events_of_the_whole(
    store: SqlStore, seed: int
) -> None:
    # A busy camera: something under way at one moment in three, so that many joins begin in it.
    chance = np.random.default_rng(seed)
    streams = {}
    for segment in segments(store):
        calm = chance.exponential(0.4, size=597)
        busy = np.repeat(chance.random(12) < 0.3, 50)[:597]
        streams[segment.segment_id] = scored(segment, (calm + 2.0 * busy).tolist())
    expected = joined_at_once(streams)
    assert len(expected) > 20
    assert joined_one_by_one(store, streams) == expected


def test_a_single_strange_clip_where_joining_begins_makes_no_event(store: SqlStore) -> None:
    parts = segments(store, 6)
    streams = {segment.segment_id: scored(segment, [0.1] * 597) for segment in parts}
    # Ten minutes before the fifth segment. After the clip ahead of it, it smooths to 1.19.
    streams[parts[2].segment_id] = scored(parts[2], [1.21] + [0.1] * 596)
    assert joined_at_once(streams) == []
    assert joined_one_by_one(store, streams) == []


def test_joining_again_changes_nothing(store: SqlStore) -> None:
    parts = segments(store)[:3]
    streams = {}
    for number, segment in enumerate(parts):
        scores = [0.1] * 300 + [3.0] * 20 + [0.1] * 277
        streams[segment.segment_id] = scored(segment, scores if number else [0.1] * 597)
        store.add_anomalies(streams[segment.segment_id])
        store.put_events(join_around(store, MODEL.model_id, PART, segment))
    before = list(store.events("press-1"))
    assert len(before) == 2
    for segment in parts:
        assert store.put_events(join_around(store, MODEL.model_id, PART, segment)) == 0
    assert list(store.events("press-1")) == before


@pytest.mark.parametrize(("gain", "opens"), [(0.07, True), (0.003, False)])
def test_what_adds_up_for_longer_than_joining_looks_back_is_the_same(
    store: SqlStore, gain: float, opens: bool
) -> None:
    summing = replace(
        POLICY,
        smoothing_seconds=0.0,
        open_score=2.0,
        close_score=1.6,
        sums=(SumRule(drift=1.0, offset=0.0, gain=gain),),
    )
    chance = np.random.default_rng(0)
    streams = {}
    for number, segment in enumerate(segments(store)):
        # For half an hour a little strange: what adds up until it is usual is
        # about enough to open, or far from it.
        level = 1.2 if 1 <= number < 7 else 0.1
        scores = level + chance.uniform(0.0, 0.7 if 1 <= number < 7 else 0.1, size=597)
        streams[segment.segment_id] = scored(segment, np.round(scores, 6).tolist())
    expected = joined_at_once(streams, summing)
    assert bool(expected) == opens
    part = PartPolicy(zone=None, policy=summing, whole=True)
    assert joined_one_by_one(store, streams, part) == expected


def rows_read(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that holds how many anomalies were read from the store in all."""
    counted, page = [0], store._page

    def counting(query: Any) -> list[Anomaly]:
        found = page(query)
        counted[0] += len(found)
        return found

    monkeypatch.setattr(store, "_page", counting)
    return counted


@pytest.mark.parametrize("smoothing_seconds", [pytest.param(0.0, marks=pytest.mark.full), 0.5])
def test_an_event_of_hours_is_not_read_anew_for_every_segment(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch, smoothing_seconds: float
) -> None:
    parts = segments(store, 24)
    chance = np.random.default_rng(1)
    streams = {}
    for number, segment in enumerate(parts):
        # It goes on from the second file to the last but one, and is strangest in the third and
        # then in the fifteenth.
        level = 2.0 if 0 < number < 23 else 0.1
        scores = level + chance.uniform(0.0, 0.1, 299) + (0.05 * number if number < 15 else 0.0)
        scores[17] += {3: 2.0, 14: 3.0}.get(number, 0.0)
        clips = enumerate(np.round(scores, 6).tolist())
        streams[segment.segment_id] = [
            samples.anomaly(segment, MODEL, 2 * at, score=score, p_value=10**-score)
            for at, score in clips
        ]
    policy = replace(
        POLICY,
        smoothing_seconds=smoothing_seconds,
        sums=(SumRule(drift=1.0, offset=0.0, gain=0.01),),
    )
    part = PartPolicy(zone=None, policy=policy, whole=True)
    counted, by_segment = rows_read(store, monkeypatch), []
    for segment in parts:
        store.add_anomalies(streams[segment.segment_id])
        before = counted[0]
        store.put_events(join_around(store, MODEL.model_id, part, segment))
        by_segment.append(counted[0] - before)
    assert max(by_segment) <= 3 * 10 * 60
    stream = [anomaly for clips in streams.values() for anomaly in clips]
    whole = list(join_anomalies(stream, policy))
    assert store.events("press-1") == whole
    assert [event.clips > 6_000 for event in whole] == [True]

    # Joined again, or where footage comes late: from the beginning, and the same.
    assert store.put_events(join_around(store, MODEL.model_id, part, parts[12])) == 0
    assert store.events("press-1") == whole


def test_events_of_another_model_or_policy_are_not_read_for(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = segments(store)
    for segment in parts:
        store.add_anomalies(scored(segment, [0.1] * 597))
    first, last = (samples.anomaly(parts[at], MODEL, 3) for at in (0, -1))
    store.put_events([samples.event(first, last)])
    counted = rows_read(store, monkeypatch)
    assert join_around(store, MODEL.model_id, PART, parts[4]) == []
    assert counted[0] <= 6 * 597
