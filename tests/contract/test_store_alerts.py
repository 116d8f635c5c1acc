"""Events and alerts grow under one name, the last verdict counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.alerts.reviews import VERDICTS
from pipeline.errors import StoreError
from pipeline.store.contract import Store
from pipeline.store.schema import REVIEW_VERDICTS
from pipeline.store.sql import SqlStore
from tests.store_samples import MORNING, alert, fill, review

pytest_plugins = ("tests.store_fixtures",)

HOUR = timedelta(hours=1)


def test_an_event_that_goes_on_is_brought_up_to_date_and_keeps_its_name(store: Store) -> None:
    one = fill(store)
    last = one.anomalies[15]
    longer = replace(
        one.event, end_utc=MORNING + HOUR, peak_anomaly_id=last.anomaly_id, peak_score=9.5,
        peak_utc=last.clip.end_utc, clips=8, closed=True, expert="reconstruction",
        place=replace(one.event.place, x=0.75),
    )  # fmt: skip
    assert store.put_events([longer]) == 0
    assert store.events("press-1") == [longer]


def test_an_overtaken_worker_does_not_shorten_an_event_or_an_alert(store: Store) -> None:
    one = fill(store)
    longer = replace(one.event, end_utc=one.event.end_utc + HOUR, clips=8, closed=True)
    store.put_events([longer])
    store.add_alert(alert(longer), one.evidence)
    store.put_events([one.event])
    store.add_alert(one.alert, one.evidence)
    assert store.events("press-1") == [longer]
    assert store.alerts("press-1") == [alert(longer)]


def test_an_alert_that_goes_on_is_brought_up_to_date_with_its_evidence(store: SqlStore) -> None:
    one = fill(store)
    counts = store.row_counts()
    longer = alert(
        one.event, end_utc=MORNING + HOUR, peak_utc=MORNING + HOUR, score=12.0, p_value=1e-12,
        expected_per_day=0.001,
    )  # fmt: skip
    remade = [replace(file, sha256="f" * 64, size_bytes=77) for file in one.evidence]
    assert store.add_alert(longer, remade) == 0
    assert store.alert(one.alert.alert_id) == longer
    assert store.evidence(one.alert.alert_id) == remade
    assert store.row_counts() == counts


def test_alerts_of_all_cameras_come_by_time(store: Store) -> None:
    second, first = fill(store, "press-2"), fill(store, "press-1")
    assert store.alerts() == sorted(
        [first.alert, second.alert], key=lambda a: (a.start_utc, a.alert_id)
    )
    assert store.alerts("press-2") == [second.alert]


def test_an_alert_is_found_by_a_unique_beginning_of_its_id(store: Store) -> None:
    one = fill(store)
    twin = alert(one.event, alert_id=one.alert.alert_id[:8] + "z" * 24)
    store.add_alert(twin, [])
    assert store.alert(one.alert.alert_id[:9]) == one.alert
    with pytest.raises(StoreError, match="several alerts begin"):
        store.alert(one.alert.alert_id[:8])
    with pytest.raises(StoreError, match="at least the first 6"):
        store.alert(one.alert.alert_id[:5])
    for wildcard in ("______", "%%%%%%", one.alert.alert_id[:5] + "_", "*" * 6):
        with pytest.raises(StoreError, match="no alert"):
            store.alert(wildcard)


def test_the_latest_verdict_counts_and_none_is_lost(store: Store) -> None:
    one = fill(store, reviewed=False)
    late, early = review(one.alert, "false_alarm", 9), review(one.alert, "known_harmless", 1)
    store.add_review(late)
    store.add_review(early)
    assert store.reviews(one.alert.alert_id) == [early, late]
    _, rows = store.query("SELECT verdict, reviewer FROM flagged_clips")
    assert rows == [("false_alarm", "sato")]


def test_an_unknown_verdict_is_refused(store: Store) -> None:
    one = fill(store)
    with pytest.raises(StoreError, match="anomaly, known_harmless, false_alarm"):
        store.add_review(review(one.alert, "maybe"))


def test_the_verdicts_of_the_store_are_those_of_the_reviews() -> None:
    assert REVIEW_VERDICTS == VERDICTS
