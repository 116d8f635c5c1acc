"""Which model a camera uses changes together with the line of the audit log that says so."""

from __future__ import annotations

from datetime import timedelta

from pipeline.store.sql import SqlStore
from tests.store_dump import dump
from tests.store_samples import METRICS, MORNING, camera, model

pytest_plugins = ("tests.store_fixtures",)


def told(store: SqlStore) -> list[tuple[str, str, str]]:
    return [
        (row["who"], row["subject"], row["detail"]["by"])
        for row in dump(store)["audit_log"]
        if row["what"] == "promote"
    ]


def test_a_promotion_is_told_once_however_often_it_is_asked_for(store: SqlStore) -> None:
    store.put_camera(camera())
    records = [model(number=number) for number in (1, 2)]
    for record in records:
        store.add_model(record, METRICS)
    first, second = (record.model_id for record in records)
    for minutes in range(3):
        store.promote(first, MORNING + timedelta(minutes=minutes), who="kizashi")
    assert told(store) == [("kizashi", first, "training")]
    store.promote(second, MORNING + timedelta(hours=1), who="ada", by="hand")
    store.promote(first, MORNING + timedelta(hours=2), who="ada", by="hand")
    assert sorted(told(store)) == sorted(
        [
            ("kizashi", first, "training"),
            ("ada", second, "hand"),
            ("ada", first, "hand"),
        ]
    )


def test_a_promotion_that_nobody_is_named_for_is_not_told(store: SqlStore) -> None:
    store.put_camera(camera())
    store.add_model(model(number=1), METRICS)
    store.promote(model(number=1).model_id, MORNING)
    assert told(store) == []
