"""Whole views: every row of a query comes, typed, in batches; as CSV and Parquet too."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.assembly import Site
from pipeline.errors import CameraError, KizashiError, StoreError
from pipeline.export import ExportFormat, export_view
from pipeline.settings import Settings
from pipeline.store import view_rows
from pipeline.store.sql import SqlStore
from pipeline.store.views import PUBLIC_VIEWS
from pipeline.timebase import SystemClock
from tests.feedback_makers import suppress_one
from tests.store_samples import (
    MORNING,
    anomaly,
    camera,
    fill,
    fill_retention,
    line,
    review,
)

pytest_plugins = ("tests.store_fixtures",)

KINDS = {"text": str, "time": datetime, "whole": int, "real": float}


@pytest.fixture
def site(store: SqlStore, tmp_path: Path) -> Site:
    """Return a site over a store with two cameras, one of them never reviewed."""
    fill(store)
    fill(store, "press-2", reviewed=False)
    for name in ("press-1", "press-2"):
        fill_retention(store, name)
    return Site(folder=tmp_path, settings=Settings(), store=store, clock=SystemClock())


def rows_of(store: SqlStore, view: str, **bounds: Any) -> list[tuple[Any, ...]]:
    return [row for batch in store.view_rows(view, **bounds) for row in batch]


def read_time(text: str | datetime) -> datetime:
    """Return a time as `query` gives it: text on SQLite."""
    return (
        datetime.fromisoformat(text).replace(tzinfo=UTC) if isinstance(text, str) else text
    ).astimezone(UTC)


def test_the_rows_are_those_of_a_query(site: Site) -> None:
    for view in PUBLIC_VIEWS:
        the_rows_are_those_of_a_query(site, view)


def the_rows_are_those_of_a_query(site: Site, view: str) -> None:
    store: Any = site.store
    columns, asked = store.query(f"SELECT * FROM {view}")  # noqa: S608
    known = store.view_columns(view)
    assert [column.name for column in known] == columns
    rows = rows_of(store, view)
    times = [column.kind == "time" for column in known]
    exact = [
        tuple(
            read_time(value) if is_time and value is not None else value
            for value, is_time in zip(row, times, strict=True)
        )
        for row in asked
    ]
    assert sorted(rows, key=repr) == sorted(exact, key=repr)
    for row in rows:
        for value, column in zip(row, known, strict=True):
            assert value is None or type(value) is KINDS[column.kind], column


def test_one_camera_and_a_range_leave_the_others_out(site: Site) -> None:
    for view in sorted(PUBLIC_VIEWS, key=lambda view: view == "suppressions"):
        one_camera_and_a_range_leave_the_others_out(site, view)


def one_camera_and_a_range_leave_the_others_out(site: Site, view: str) -> None:
    store: Any = site.store
    if view == "suppressions":
        suppress_one(store, "press-2")  # its alert is open no more
    column = [item.name for item in store.view_columns(view)].index("camera")
    mine = rows_of(store, view, camera="press-2")
    assert {row[column] for row in mine} == {"press-2"}, view
    if view == "camera_health":
        with pytest.raises(StoreError, match="no range"):
            rows_of(store, view, since=MORNING)
        return
    everything = rows_of(store, view)
    since = MORNING - timedelta(days=1)
    assert rows_of(store, view, since=since) == everything, view
    assert rows_of(store, view, until=since) == []
    assert rows_of(store, view, since=MORNING + timedelta(days=400)) == []


def test_the_range_is_half_open(site: Site) -> None:
    store: Any = site.store
    (start,) = {row[3] for row in rows_of(store, "flagged_clips")}
    assert len(rows_of(store, "flagged_clips", since=start)) == 2
    assert rows_of(store, "flagged_clips", until=start) == []


def test_rows_come_in_batches_of_a_bounded_size(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_rows, "_BATCH_ROWS", 2)
    for name in ("a", "b", "c", "d", "e"):
        fill(store, name)
    sizes = [len(batch) for batch in store.view_rows("camera_health")]
    assert sum(sizes) == 5
    assert max(sizes) <= 2


def test_another_name_is_refused(store: SqlStore) -> None:
    with pytest.raises(StoreError, match="not a public view"):
        store.view_columns("audit_log")
    with pytest.raises(StoreError, match="not a public view"):
        rows_of(store, "flagged_clips; DROP TABLE alerts")


def test_csv_holds_every_row_and_no_formula(site: Site, tmp_path: Path) -> None:
    alert = line("press-2").alert
    site.store.add_review(replace(review(alert, "false_alarm", minutes=9), reviewer="=1+1"))
    out = tmp_path / "flagged.csv"
    assert export_view(site, "flagged_clips", ExportFormat.CSV, out) == 2
    with out.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["camera"] for row in rows] == ["press-1", "press-2"]
    assert rows[1]["reviewer"] == "'=1+1"
    assert rows[0]["start_utc"] == f"{alert.start_utc:%Y-%m-%d %H:%M:%S.%f}"
    assert float(rows[0]["score"]) == line().alert.score


def test_parquet_gives_the_rows_back_with_their_types(site: Site, tmp_path: Path) -> None:
    for view in PUBLIC_VIEWS:
        parquet_gives_the_rows_back_with_their_types(site, tmp_path, view)


def parquet_gives_the_rows_back_with_their_types(site: Site, tmp_path: Path, view: str) -> None:
    from pyarrow import parquet

    out = tmp_path / "view.parquet"
    count = export_view(site, view, ExportFormat.PARQUET, out)
    table = parquet.read_table(out)
    assert table.num_rows == count == len(rows_of(site.store, view))  # type: ignore[arg-type]
    back = [tuple(row.values()) for row in table.to_pylist()]
    assert back == rows_of(site.store, view)  # type: ignore[arg-type]
    types = {
        "text": "string",
        "time": "timestamp[us, tz=UTC]",
        "whole": "int64",
        "real": "double",
    }
    wanted = {item.name: types[item.kind] for item in site.store.view_columns(view)}
    assert {field.name: str(field.type) for field in table.schema} == wanted


def test_a_view_without_rows_keeps_its_columns(store: SqlStore, tmp_path: Path) -> None:
    from pyarrow import parquet

    site = Site(folder=tmp_path, settings=Settings(), store=store, clock=SystemClock())
    for format in ExportFormat:
        out = tmp_path / f"runs.{format}"
        assert export_view(site, "runs", format, out) == 0
    assert parquet.read_table(tmp_path / "runs.parquet").column_names[0] == "run_id"
    assert (tmp_path / "runs.csv").read_text(encoding="utf-8").startswith('"run_id","model_id"')


def test_what_fails_leaves_the_file_of_before(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "health.csv"
    out.write_text("before", encoding="utf-8")
    with pytest.raises(StoreError):
        export_view(site, "camera_health", ExportFormat.CSV, out, since=MORNING)
    with pytest.raises(CameraError, match="press-9"):
        export_view(site, "camera_health", ExportFormat.CSV, out, camera="press-9")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(KizashiError, match=r"kizashi\[parquet\]"):
        export_view(site, "camera_health", ExportFormat.PARQUET, out)
    with pytest.raises(KizashiError, match="not written"):
        export_view(site, "camera_health", ExportFormat.CSV, out / "below")
    assert out.read_text(encoding="utf-8") == "before"
    assert [path.name for path in tmp_path.glob(".part-*")] == []


def memory_of(pass_through: Iterator[Any]) -> int:
    """Return the most memory that Python held while an iterator was read to its end, in bytes."""
    import tracemalloc

    tracemalloc.start()
    try:
        for _ in pass_through:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_rows(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_rows, "_BATCH_ROWS", 20)
    one = line()
    store.put_camera(camera())
    store.add_footage(one.footage, [one.segment], [])
    store.add_model(one.model, [])
    # Many hours of one camera: each of its clips ends in an hour of its own.
    clips = [anomaly(one.segment, one.model, number) for number in range(1_000)]
    moved = [
        replace(
            item,
            clip=replace(
                item.clip,
                start_utc=item.clip.start_utc + timedelta(hours=number),
                end_utc=item.clip.end_utc + timedelta(hours=number),
            ),
        )
        for number, item in enumerate(clips)
    ]
    store.add_anomalies(moved)
    list(store.view_rows("camera_hours"))
    few = memory_of(store.view_rows("camera_hours", until=MORNING + timedelta(hours=100)))
    many = memory_of(store.view_rows("camera_hours"))
    assert sum(len(batch) for batch in store.view_rows("camera_hours")) == 1_000
    assert many < 1.5 * few + 50_000
