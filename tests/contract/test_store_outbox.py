"""Deliveries wait for a receipt of each sink, in order; digests tell of what was held back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from shutil import copytree

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from pipeline.alerts.alerts import Alert, Severity
from pipeline.errors import StoreError
from pipeline.notification.outbox import Digest, DigestKind, SinkState
from pipeline.store.address import Address, parse_address
from pipeline.store.base import Base
from pipeline.store.contract import Store
from pipeline.store.engine import make_engine
from pipeline.store.migrate import MIGRATIONS, bring_up_to_date
from pipeline.store.rows import alert_row
from pipeline.store.schema import SCHEMA_REVISION, AlertRow
from pipeline.store.sql import SqlStore, open_store, upgrade_store
from pipeline.store.types import UtcDateTime
from tests.store_samples import MORNING, alert, event, fill, line

pytest_plugins = ("tests.store_fixtures",)

HOUR = timedelta(hours=1)
SINKS = ("mail", "hook")


def wait_with(store: Store, name: str = "press-1", count: int = 3) -> list[Alert]:
    """Record `count` alerts that wait for both sinks, beside the one of `fill`; oldest first."""
    one = fill(store, name)
    events = [event(one.anomalies[n], one.anomalies[19], clips=9) for n in range(count)]
    store.put_events(events)
    alerts = [alert(item) for item in events]
    for item in reversed(alerts):
        assert store.add_alert(item, [], SINKS) == 1
    return sorted(alerts, key=lambda a: (a.start_utc, a.alert_id))


def fresh(
    store: Store, sink: str = "mail", camera: str = "press-1", limit: int = 99
) -> list[Alert]:
    return [item.alert for item in store.fresh_deliveries(sink, camera, limit)]


def test_an_alert_waits_for_every_sink_until_its_own_receipt(store: Store) -> None:
    alerts = wait_with(store)
    assert fresh(store, "mail") == fresh(store, "hook") == alerts
    assert fresh(store, limit=2) == alerts[:2]
    chosen = alerts[0].alert_id
    store.record_delivery(chosen, "mail", MORNING, "disk full", MORNING + HOUR)
    (head, *_) = store.fresh_deliveries("mail", "press-1", 1)
    assert (head.alert, head.attempts, head.retry_utc) == (alerts[0], 1, MORNING + HOUR)
    store.record_delivery(chosen, "mail", MORNING + HOUR, None)
    store.record_delivery(chosen, "mail", MORNING + 2 * HOUR, "came too late")
    assert fresh(store, "mail") == alerts[1:]
    assert fresh(store, "hook") == alerts


def test_cameras_and_sinks_do_not_see_each_other(store: Store) -> None:
    first, second = wait_with(store, "a"), wait_with(store, "b")
    assert fresh(store, camera="a") == first
    assert fresh(store, camera="b") == second
    assert store.waiting_cameras("mail") == ["a", "b"]
    for item in first:
        store.record_delivery(item.alert_id, "mail", MORNING, None)
    assert store.waiting_cameras("mail") == ["b"]
    store.add_digest(Digest.of_day("mail", "a", "2026-02-01", MORNING, MORNING + HOUR), [])
    assert store.waiting_cameras("mail") == ["a", "b"]
    assert store.waiting_cameras("fax") == []
    assert fresh(store, "file", "a") == []
    assert fresh(store, "fax", "a") == []


def test_recording_an_alert_again_asks_only_sinks_that_were_not_asked(store: SqlStore) -> None:
    alerts = wait_with(store)
    store.record_delivery(alerts[0].alert_id, "mail", MORNING, None)
    counts = dict(store.row_counts())
    assert store.add_alert(alerts[0], [], SINKS) == 0
    assert store.row_counts() == counts
    grown = replace(alerts[0], severity=Severity.CRITICAL, end_utc=alerts[0].end_utc + HOUR)
    assert store.add_alert(grown, [], (*SINKS, "pager")) == 0
    assert fresh(store, "pager") == [grown]
    assert fresh(store, "mail") == alerts[1:]


def test_what_is_held_is_told_of_in_one_digest_with_one_receipt(store: Store) -> None:
    alerts = wait_with(store)
    for item in alerts[:2]:
        store.hold_delivery(item.alert_id, "mail", MORNING)
    assert fresh(store, "mail") == alerts[2:]
    assert fresh(store, "hook") == alerts
    assert [item.alert for item in store.held_deliveries("mail", "press-1")] == alerts[:2]
    digest = Digest.of_held("mail", "press-1", alerts[:2])
    ids = [item.alert_id for item in alerts[:2]]
    assert store.add_digest(digest, ids) == 1
    assert store.held_deliveries("mail", "press-1") == []
    assert store.digest_alerts(digest.digest_id) == alerts[:2]
    store.record_digest(digest.digest_id, MORNING, "no line", MORNING + HOUR)
    (pending,) = store.pending_digests("mail", "press-1", DigestKind.HELD)
    assert (pending.digest, pending.attempts, pending.retry_utc) == (digest, 1, MORNING + HOUR)
    assert store.pending_digests("mail", "press-1", DigestKind.DAILY) == []
    store.record_digest(digest.digest_id, MORNING + HOUR, None)
    assert store.pending_digests("mail", "press-1", DigestKind.HELD) == []
    states = {state.sink: state for state in store.sink_states()}
    assert (states["mail"].pending, states["mail"].held) == (1, 0)
    assert (states["hook"].pending, states["hook"].held) == (3, 0)


def test_a_digest_never_takes_what_another_one_has_or_what_arrived(store: SqlStore) -> None:
    alerts = wait_with(store)
    for item in alerts:
        store.hold_delivery(item.alert_id, "mail", MORNING)
    first = Digest.of_held("mail", "press-1", alerts[:1])
    assert store.add_digest(first, [alerts[0].alert_id]) == 1
    assert store.add_digest(first, [alerts[0].alert_id]) == 0
    second = Digest.of_held("mail", "press-1", alerts[:2])
    with pytest.raises(StoreError, match="does not wait for a digest"):
        store.add_digest(second, [item.alert_id for item in alerts[:2]])
    assert store.row_counts()["digests"] == 1
    store.record_delivery(alerts[1].alert_id, "mail", MORNING, None)
    third = Digest.of_held("mail", "press-1", alerts[1:])
    with pytest.raises(StoreError, match="does not wait for a digest"):
        store.add_digest(third, [item.alert_id for item in alerts[1:]])


def test_messages_are_counted_singly_and_by_digest_but_not_daily_ones(store: Store) -> None:
    alerts = wait_with(store)
    store.record_delivery(alerts[0].alert_id, "mail", MORNING, None)
    for item in alerts[1:]:
        store.hold_delivery(item.alert_id, "mail", MORNING)
    held = Digest.of_held("mail", "press-1", alerts[1:])
    store.add_digest(held, [item.alert_id for item in alerts[1:]])
    store.record_digest(held.digest_id, MORNING + HOUR, None)
    daily = Digest.of_day("mail", "press-1", "2026-02-01", MORNING, MORNING + 24 * HOUR)
    store.add_digest(daily, [])
    store.record_digest(daily.digest_id, MORNING + HOUR, None)
    assert store.messages_since("mail", MORNING - HOUR) == 2
    assert store.messages_since("mail", MORNING) == 1
    assert store.messages_since("mail", MORNING + HOUR) == 0
    assert store.messages_since("hook", MORNING - HOUR) == 0


def test_daily_digests_are_one_a_day_and_say_how_far_they_reach(store: SqlStore) -> None:
    wait_with(store)
    assert store.last_digest_until("mail", "press-1") is None
    for days in (1, 2, 2):
        until = MORNING + timedelta(days=days)
        day = Digest.of_day("mail", "press-1", f"2026-02-0{days}", until - 24 * HOUR, until)
        store.add_digest(day, [])
    assert store.row_counts()["digests"] == 2
    assert store.last_digest_until("mail", "press-1") == MORNING + timedelta(days=2)
    assert store.last_digest_until("hook", "press-1") is None
    pending = store.pending_digests("mail", "press-1", DigestKind.DAILY)
    assert [item.digest.until_utc for item in pending] == [
        MORNING + timedelta(days=days) for days in (1, 2)
    ]


def test_the_state_of_a_sink_is_what_is_pending_and_the_latest_error(store: Store) -> None:
    alerts = wait_with(store)
    store.record_delivery(alerts[0].alert_id, "mail", MORNING, None)
    store.hold_delivery(alerts[1].alert_id, "mail", MORNING)
    store.record_delivery(alerts[2].alert_id, "mail", MORNING + HOUR, "no line")
    states = {state.sink: state for state in store.sink_states()}
    assert states["mail"] == SinkState(
        sink="mail",
        pending=2,
        held=1,
        oldest_utc=alerts[1].start_utc,
        delivered_utc=MORNING,
        last_error="no line",
    )
    store.record_delivery(alerts[2].alert_id, "mail", MORNING + 2 * HOUR, None)
    states = {state.sink: state for state in store.sink_states()}
    assert states["mail"].last_error is None
    assert sorted(states) == ["file", "hook", "mail"]


def test_an_unknown_delivery_or_digest_is_refused(store: Store) -> None:
    alerts = wait_with(store)
    with pytest.raises(StoreError, match="'fax'"):
        store.record_delivery(alerts[0].alert_id, "fax", MORNING, None)
    with pytest.raises(StoreError, match="record it first"):
        store.record_digest("0" * 32, MORNING, None)


def test_deliveries_of_the_first_schema_are_carried_over(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = copytree(MIGRATIONS, tmp_path / "first")
    for found in (first / "versions").glob("r*.py"):
        if found.name[:5] > "r0002":
            found.unlink()
    address = parse_address(database_url)
    with monkeypatch.context() as patch:
        # The views of today ask tables that the first schema does not have.
        some = {"camera_hours": "SELECT 1 AS hour"}
        patch.setattr("pipeline.store.migrate.view_texts", lambda dialect: some)
        bring_up_to_date(address, head="r0002", migrations=first)
    alerts = fill_first_schema(address, tmp_path)
    done = upgrade_store(database_url)
    assert (done.before, done.after) == ("r0002", SCHEMA_REVISION)
    store = open_store(database_url)
    assert fresh(store, "file") == alerts[:2]
    assert [item.attempts for item in store.fresh_deliveries("file", "press-1", 9)] == [0, 3]
    (state,) = store.sink_states()
    assert (state.pending, state.delivered_utc) == (2, MORNING)
    store.add_alert(alerts[0], [], ("mail",))
    assert fresh(store, "mail") == alerts[:1]
    with store._sessions.engine.connect() as connection:
        with pytest.raises(DBAPIError, match="audit rows are never"):
            connection.execute(text("DELETE FROM audit_log"))
        connection.rollback()
    store.close()


def fill_first_schema(address: Address, folder: Path) -> list[Alert]:
    """Write what a site of the first schema may hold: an alert that nobody tried to deliver, one
    that failed, one that arrived; return them."""
    today = open_store(f"sqlite:///{folder / 'today.db'}")
    assert isinstance(today, SqlStore)
    one = line()
    today.put_camera(one.camera)
    today.add_footage(one.footage, [one.segment], [])
    today.add_model(one.model, [])
    today.add_anomalies(one.anomalies)
    today.audit("sato", "look", "press-1", {})
    events = [event(one.anomalies[n], one.anomalies[19]) for n in range(3)]
    today.put_events(events)
    alerts = sorted((alert(item) for item in events), key=lambda a: a.start_utc)
    with today._sessions.engine.begin() as connection:
        connection.execute(sa.insert(AlertRow), [alert_row(item) for item in alerts])
    outcomes = [(None, 0, None), ("file", 3, None), ("file", 2, MORNING)]
    table = sa.table(
        "deliveries",
        *(sa.column(name) for name in ("alert_id", "sink", "attempts")),
        sa.column("delivered_utc", UtcDateTime()),
    )
    engine = make_engine(address)
    with today._sessions.engine.connect() as source, engine.begin() as connection:
        copy_what_both_know(source, connection)
        for item, (sink, attempts, at) in zip(alerts, outcomes, strict=True):
            values = {"alert_id": item.alert_id, "sink": sink, "attempts": attempts}
            connection.execute(sa.insert(table).values(**values, delivered_utc=at))
    engine.dispose()
    today.close()
    return alerts


def copy_what_both_know(source: Connection, target: Connection) -> None:
    """Copy the rows of today's tables, as far as an earlier schema has their columns."""
    inspector = sa.inspect(target)
    for table in Base.metadata.sorted_tables:
        if not inspector.has_table(table.name):
            continue
        known = {column["name"] for column in inspector.get_columns(table.name)} - {"audit_id"}
        columns = [column for column in table.columns if column.name in known]
        if rows := [dict(row) for row in source.execute(sa.select(*columns)).mappings()]:
            target.execute(sa.insert(table), rows)
