"""Segments that arrive in any order: every event of the whole stream is found, and nothing lies
outside of one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pipeline.alerts.events import Event, join_anomalies
from pipeline.footage.segments import Segment
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.joining import join_around
from pipeline.zones.judging import PartPolicy
from tests import store_samples as samples
from tests.alerts_makers import policy
from tests.promises import Promise

SEGMENTS, CLIPS = 8, 40
MODEL = samples.model()
POLICY = policy(open_score=3.0, close_score=2.0, merge_gap_seconds=2.0)
PART = PartPolicy(zone=None, policy=POLICY, whole=True)


class Arrived:
    """What a store knows of what has arrived: as `pipeline.store` has it, in memory."""

    def __init__(self) -> None:
        self._anomalies: dict[str, Anomaly] = {}
        self._events: dict[str, Event] = {}

    def add(self, stream: list[Anomaly]) -> None:
        self._anomalies |= {one.anomaly_id: one for one in stream}

    def anomalies(
        self, camera: str, model_id: str, since: datetime, until: datetime
    ) -> Iterator[Anomaly]:
        known = sorted(self._anomalies.values(), key=lambda one: one.clip.end_utc)
        return (one for one in known if since <= one.clip.end_utc < until)

    def events(self, camera: str, since: datetime, until: datetime) -> list[Event]:
        known = sorted(self._events.values(), key=lambda one: one.start_utc)
        return [one for one in known if one.start_utc < until and one.end_utc >= since]

    def put_events(self, events: list[Event]) -> None:
        for event in events:
            before = self._events.get(event.event_id)
            if before is None or event.clips >= before.clips:
                self._events[event.event_id] = event

    @property
    def all_events(self) -> list[Event]:
        return sorted(self._events.values(), key=lambda one: one.start_utc)


def line_of_segments(chance: random.Random) -> list[tuple[Segment, list[Anomaly]]]:
    """Return segments of 20 s without a hole between them, with their clips."""
    made = []
    score = 1.0
    for number in range(SEGMENTS):
        film = replace(
            samples.footage(number=number),
            start_utc=samples.MORNING + timedelta(seconds=number * CLIPS / 2),
        )
        segment = samples.segment(film, end_us=CLIPS * samples.SECOND_US // 2)
        clips = []
        for at in range(CLIPS):
            if chance.random() < 0.08:
                score = 5.0 if score < 3.0 else 1.0
            clips.append(samples.anomaly(segment, MODEL, at, score=score, p_value=10**-score))
        made.append((segment, clips))
    return made


def key(event: Event) -> tuple[object, ...]:
    return event.event_id, event.start_utc, event.end_utc, event.peak_anomaly_id, event.clips


@pytest.mark.parametrize("orders", [60, pytest.param(500, marks=pytest.mark.full)])
def test_the_events_of_the_whole_are_found_in_every_order(orders: int, promise: Promise) -> None:
    named_twice = 0
    for seed in range(orders):
        chance = random.Random(seed)
        made = line_of_segments(chance)
        whole = list(join_anomalies([clip for _, clips in made for clip in clips], POLICY))
        assert whole
        store: Any = Arrived()
        for segment, clips in chance.sample(made, len(made)):
            store.add(clips)
            store.put_events(join_around(store, MODEL.model_id, PART, segment))
        found = {key(event) for event in store.all_events}
        assert {key(event) for event in whole} <= found, seed
        for event in store.all_events:
            inside = [w for w in whole if w.start_utc <= event.start_utc <= w.end_utc]
            assert len(inside) == 1, seed
            assert event.end_utc <= inside[0].end_utc
        named_twice += len(store.all_events) > len(whole)
    promise(
        "C3",
        f"{orders} random orders: every event of the whole found, none outside of one;"
        f" in {named_twice} of them late footage gave an event an earlier beginning, and so a"
        " second name",
    )


def test_in_order_no_event_is_named_twice() -> None:
    made = line_of_segments(random.Random(7))
    store: Any = Arrived()
    for segment, clips in made:
        store.add(clips)
        store.put_events(join_around(store, MODEL.model_id, PART, segment))
    whole = list(join_anomalies([clip for _, clips in made for clip in clips], POLICY))
    assert [key(event) for event in store.all_events] == [key(event) for event in whole]
