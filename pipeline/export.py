"""Export: a public view as a file that other programs open, CSV or Parquet, of any length."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.assembly import Site
from pipeline.csv_text import harmless_text
from pipeline.errors import KizashiError, SettingsError
from pipeline.files import replace_file
from pipeline.store.contract import ViewColumn

__all__ = ["ExportFormat", "export_format", "export_view"]

Batches = Iterable[Sequence[tuple[Any, ...]]]


class ExportFormat(StrEnum):
    """What is written."""

    CSV = "csv"
    PARQUET = "parquet"


def export_format(out: Path, asked: str | None) -> ExportFormat:
    """Return the format that is asked for, or with None that of the ending of a file; SettingsError
    when there is no such format, and when the ending says another one."""
    known = ", ".join(ExportFormat)
    if asked is not None and asked not in list(ExportFormat):
        raise SettingsError(f"--format {asked!r}: use one of {known}")
    ending = out.suffix.lower().removeprefix(".")
    of_ending = ExportFormat(ending) if ending in list(ExportFormat) else None
    if asked is None and of_ending is None:
        raise SettingsError(
            f"--out {out}: its ending is that of no format; give .csv or .parquet, or --format"
        )
    if asked is not None and of_ending not in (None, asked):
        raise SettingsError(f"--out {out} ends otherwise than --format {asked}; give one of them")
    return of_ending if asked is None and of_ending else ExportFormat(asked or ending)


def export_view(
    site: Site,
    view: str,
    format: ExportFormat,
    out: Path,
    *,
    camera: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> int:
    """Write a public view to `out`, durably and in one piece, and return how many rows it has.

    Memory is bounded by a batch of rows. [since, until): see `Store.view_rows`. CSV: UTF-8, a
    header, every text quoted, times as `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, nothing for NULL, a '
    before what a spreadsheet would take for a formula. Parquet: typed columns, times in
    microseconds with UTC. Raises CameraError for an unknown camera, StoreError for another view.
    """
    columns = site.store.view_columns(view)
    name = None if camera is None else site.store.camera(camera).name
    batches = site.store.view_rows(view, camera=name, since=since, until=until)
    write = _write_csv if format is ExportFormat.CSV else _write_parquet
    try:
        with replace_file(out) as temporary:
            return write(temporary, columns, batches)
    except OSError as error:
        raise KizashiError(f"{out}: not written ({error.strerror or error})") from error


def _write_csv(path: Path, columns: Sequence[ViewColumn], batches: Batches) -> int:
    count = 0
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        writer.writerow([column.name for column in columns])
        for batch in batches:
            writer.writerows([_cell(value) for value in row] for row in batch)
            count += len(batch)
    return count


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S.%f}"
    if isinstance(value, str):
        return harmless_text(value)
    return "" if value is None else value


def _write_parquet(path: Path, columns: Sequence[ViewColumn], batches: Batches) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise KizashiError(
            "Parquet needs pyarrow; install it with: pip install 'kizashi[parquet]'"
        ) from error
    types = {
        "text": pyarrow.string(),
        "time": pyarrow.timestamp("us", tz="UTC"),
        "whole": pyarrow.int64(),
        "real": pyarrow.float64(),
    }
    schema = pyarrow.schema([(column.name, types[column.kind]) for column in columns])
    count = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for values in _by_column(batches):
            batch = pyarrow.RecordBatch.from_arrays(
                [pyarrow.array(v, field.type) for v, field in zip(values, schema, strict=True)],
                schema=schema,
            )
            writer.write_batch(batch)
            count += batch.num_rows
    return count


def _by_column(batches: Batches) -> Iterator[list[tuple[Any, ...]]]:
    for batch in batches:
        if batch:
            yield list(zip(*batch, strict=True))
