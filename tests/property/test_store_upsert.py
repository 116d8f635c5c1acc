"""Upserts behave as a dictionary does, text comes back as it was, order of arrival is no matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.store.schema import LeaseRow
from pipeline.store.sql import SqlStore
from pipeline.store.types import decode_text, encode_text
from pipeline.store.upsert import insert_new, insert_or_update
from tests.store_samples import fill

pytest_plugins = ("tests.store_fixtures",)

# The store is the same for all examples on purpose: each undoes what it did.
ON_ONE_STORE = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MOMENT = datetime(2026, 1, 31, tzinfo=UTC)

anything = st.text(st.characters(exclude_characters="\0"), max_size=20)
lease_rows = st.builds(
    lambda name, owner, fence, us: {
        "name": name,
        "owner": owner,
        "fence": fence,
        "expires_utc": MOMENT + timedelta(microseconds=us),
    },
    st.sampled_from(["a", "b", "c", "é", "'", "A", "a "]),
    anything,
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 10**15),
)
batches = st.lists(st.lists(lease_rows, max_size=6), max_size=4)


class _UndoError(Exception):
    """Ends an example without a trace."""


def _undone(store: SqlStore, work: Any) -> None:
    def and_undo(session: Session) -> None:
        work(session)
        raise _UndoError

    with pytest.raises(_UndoError):
        store._sessions.write(and_undo)


def _stored(session: Session) -> dict[str, dict[str, Any]]:
    rows = session.execute(select(*LeaseRow.__table__.columns)).mappings()
    return {row["name"]: dict(row) for row in rows}


@ON_ONE_STORE
@given(batches)
def test_insert_new_keeps_the_first_of_each_key_and_counts_it(
    store: SqlStore, batches: Sequence[Sequence[dict[str, Any]]]
) -> None:
    def work(session: Session) -> None:
        expected: dict[str, dict[str, Any]] = {}
        for batch in batches:
            last = {row["name"]: row for row in batch}
            fresh = {name: row for name, row in last.items() if name not in expected}
            assert insert_new(session, LeaseRow, batch) == len(fresh)
            expected.update(fresh)
        assert _stored(session) == expected

    _undone(store, work)


@ON_ONE_STORE
@given(batches)
def test_insert_or_update_keeps_the_last_of_each_key_in_the_named_columns(
    store: SqlStore, batches: Sequence[Sequence[dict[str, Any]]]
) -> None:
    def work(session: Session) -> None:
        expected: dict[str, dict[str, Any]] = {}
        for batch in batches:
            last = {row["name"]: row for row in batch}
            new = len(last.keys() - expected.keys())
            assert insert_or_update(session, LeaseRow, batch, update=["owner"]) == new
            for name, row in last.items():
                expected[name] = {**expected.get(name, row), "owner": row["owner"]}
        assert _stored(session) == expected

    _undone(store, work)


@ON_ONE_STORE
@given(batches)
def test_a_row_that_was_overtaken_changes_nothing(
    store: SqlStore, batches: Sequence[Sequence[dict[str, Any]]]
) -> None:
    def work(session: Session) -> None:
        expected: dict[str, dict[str, Any]] = {}
        for batch in batches:
            last = {row["name"]: row for row in batch}
            insert_or_update(
                session, LeaseRow, batch, update=["owner", "fence", "expires_utc"], newer_by="fence"
            )
            for name, row in last.items():
                if name not in expected or row["fence"] >= expected[name]["fence"]:
                    expected[name] = row
        assert _stored(session) == expected

    _undone(store, work)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.permutations(range(3, 11)), st.lists(st.integers(0, 7), max_size=3))
def test_versions_of_an_event_end_the_same_in_any_order_of_arrival(
    store: SqlStore, order: Sequence[int], repeated: Sequence[int]
) -> None:
    one = fill(store)
    versions = {
        clips: replace(
            one.event, clips=clips, end_utc=one.event.start_utc + timedelta(seconds=clips)
        )
        for clips in range(3, 11)
    }
    for clips in [*order, *(order[index] for index in repeated)]:
        store.put_events([versions[clips]])
    assert store.events("press-1") == [versions[10]]


@given(st.text(st.characters(codec=None, exclude_characters="\0", categories=None)))
def test_every_text_is_storable_and_comes_back(text: str) -> None:
    stored = encode_text(text)
    stored.encode("utf-8")
    assert decode_text(stored) == text


@given(st.lists(st.text(st.sampled_from("\ufffd{}de9\udce9\ud800a")), max_size=2, unique=True))
def test_different_texts_are_stored_differently(texts: Sequence[str]) -> None:
    assert len({encode_text(text) for text in texts}) == len(texts)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(anything, st.floats(allow_nan=False, allow_infinity=False), st.integers(-(2**53), 2**53))
def test_json_comes_back_as_it_was(store: SqlStore, text: str, number: float, whole: int) -> None:
    value = {text: [text, number, whole, None, True, {"deep": {text: [number]}}]}

    def work(session: Session) -> None:
        from pipeline.store.schema import AuditRow

        row = AuditRow(at_utc=MOMENT, who="x", what="y", subject="z", detail=value)
        session.add(row)
        session.flush()
        session.expire(row)
        assert row.detail == value

    _undone(store, work)
