"""CSV that a spreadsheet can open safely: every text quoted, none taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from pipeline.timebase import require_utc

__all__ = ["cell_text", "csv_cell", "csv_text", "harmless_text", "in_utc"]

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What begins a formula; the full-width signs do where spreadsheets speak Japanese or Chinese."""


def in_utc(moment: datetime) -> str:
    """Return a moment in UTC, to the second: 2026-01-31T08:00:05Z."""
    return require_utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def cell_text(value: Any) -> str:
    """Return a value as the text of a cell; None is empty."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return in_utc(value) if value.tzinfo else value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def harmless_text(text: str) -> str:
    """Return `text`, with a ' before it when a spreadsheet would take it for a formula."""
    return "'" + text if text.startswith(_FORMULA) else text


def csv_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if isinstance(value, str):
        return harmless_text(value)
    return value if isinstance(value, int | float) else cell_text(value)


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows under a heading as CSV, every line ended by one line feed."""
    text = io.StringIO()
    # Every text is quoted: by itself csv leaves a \r alone when lines end with \n.
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(columns)
    writer.writerows([csv_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8", "backslashreplace").decode("utf-8")
