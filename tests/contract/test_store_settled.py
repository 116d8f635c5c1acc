"""Segments that no model has to score any more say so, on every way there is."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from pipeline.footage.segments import Segment
from pipeline.learning.registry import ModelRecord
from pipeline.retention.policy import Kind
from pipeline.store.contract import Store
from pipeline.store.sql import SqlStore, open_store
from pipeline.store.views import view_texts
from tests.contract.test_store_old_versions import make_old, raw_rows
from tests.store_dump import dump
from tests.store_samples import MORNING, camera, fill, footage, model, old_file, removal, segment

pytest_plugins = ("tests.store_fixtures",)


def hours(store: Store, count: int) -> list[Segment]:
    """Put a camera with so many files of a segment into a store."""
    store.put_camera(camera())
    films = [footage(number=number) for number in range(count)]
    segments = [segment(film) for film in films]
    for film, one in zip(films, segments, strict=True):
        store.add_footage(film, [one], [])
    return segments


def settled(store: SqlStore) -> set[str]:
    """Return the segments that say that nobody has to score them."""
    return {row["segment_id"] for row in dump(store)["segments"] if row["settled"]}


def recorded(store: Store, number: int) -> ModelRecord:
    """Add a model that nobody promoted."""
    one = model(number=number)
    store.add_model(one, [])
    return one


def test_what_the_active_model_has_scored_is_settled(store: SqlStore) -> None:
    segments = hours(store, 2)
    active = recorded(store, 0)
    store.promote(active.model_id, MORNING)
    assert settled(store) == set()
    store.mark_scored(segments[1].segment_id, active.model_id, 7, MORNING)
    assert settled(store) == {segments[1].segment_id}
    assert store.segments_to_score("press-1", active.model_id) == [segments[0]]
    assert store.unscored_segments("press-1", None) == [segments[0]]


def test_what_a_candidate_has_scored_is_settled_once_it_is_promoted(store: SqlStore) -> None:
    segments = hours(store, 3)
    active, candidate = recorded(store, 0), recorded(store, 1)
    store.promote(active.model_id, MORNING)
    store.mark_scored(segments[0].segment_id, candidate.model_id, 7, MORNING)
    assert settled(store) == set()
    assert store.segments_to_score("press-1", active.model_id) == segments
    assert store.unscored_segments("press-1", None) == segments[1:]
    store.promote(candidate.model_id, MORNING + timedelta(hours=1))
    assert settled(store) == {segments[0].segment_id}
    # One that was active goes on settling what it scores.
    store.mark_scored(segments[1].segment_id, active.model_id, 7, MORNING)
    assert settled(store) == {one.segment_id for one in segments[:2]}
    assert store.segments_to_score("press-1", candidate.model_id) == [segments[2]]
    # Another model has to look at them as ever, where it is asked what it has not seen.
    assert store.unscored_segments("press-1", recorded(store, 2).model_id) == segments


def test_footage_that_is_gone_is_settled(store: SqlStore) -> None:
    segments = hours(store, 2)
    name = store.footage(segments[0].footage_id).path
    store.begin_removal(removal(kind=Kind.FOOTAGE), [old_file(name)])
    assert settled(store) == {segments[0].segment_id}
    assert store.unscored_segments("press-1", None) == [segments[1]]


def test_an_older_database_learns_what_is_settled(tmp_path: Path) -> None:
    newest, old = (f"sqlite:///{tmp_path / name}.db" for name in ("newest", "old"))
    store = open_store(newest)
    fill(store)
    segments = hours(store, 6)[1:]
    name = store.footage(segments[4].footage_id).path
    store.begin_removal(removal(kind=Kind.FOOTAGE), [old_file(name)])
    candidate = recorded(store, 9)
    store.mark_scored(segments[3].segment_id, candidate.model_id, 7, MORNING)
    expected = settled(store)
    store.close()
    assert 0 < len(expected) < len(segments)
    make_old(old, "r0012", raw_rows(newest))
    store = open_store(old)
    assert settled(store) == expected
    store.close()


def test_nobody_reads_through_all_segments_to_count_what_waits(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path / 'kizashi.db'}").close()
    with closing(sqlite3.connect(tmp_path / "kizashi.db")) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {view_texts('sqlite')['camera_health']}")
        steps = [str(row[3]) for row in plan]
    assert any("ix_segments_unsettled" in step for step in steps), steps
    assert [step for step in steps if step.startswith("SCAN s")] in (
        [],
        ["SCAN s USING INDEX ix_segments_unsettled"],
    )
