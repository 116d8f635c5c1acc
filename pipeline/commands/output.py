"""Output of the command line: tables, CSV and JSON, times in two zones, progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.csv_text import cell_text, csv_cell, csv_text, in_utc
from pipeline.masking import masked
from pipeline.timebase import require_utc

__all__ = [
    "Format",
    "csv_cell",
    "in_utc",
    "in_zone",
    "plain",
    "print_failure",
    "print_line",
    "print_rows",
    "progress_lines",
]


class Format(StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def plain(text: str) -> str:
    """Return `text` fit for a terminal: control characters and broken Unicode as escapes."""
    whole = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(
        letter if letter.isprintable() or letter == " " else repr(letter)[1:-1] for letter in whole
    )


def in_zone(moment: datetime, timezone: str) -> str:
    """Return a moment as the clocks of the plant show it, with the offset from UTC."""
    return require_utc(moment).astimezone(ZoneInfo(timezone)).isoformat(" ", "seconds")


def print_line(text: str) -> None:
    """Print one line of result to standard output."""
    sys.stdout.write(plain(text) + "\n")


def print_failure(message: str) -> None:
    """Print why something failed as one line to standard error, without secrets."""
    sys.stderr.write(f"kizashi: {plain(masked(message))}\n")


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]], format: Format) -> None:
    """Print rows to standard output as a table, as CSV or as a JSON list of objects."""
    if format is Format.CSV:
        sys.stdout.write(csv_text(columns, rows))
    elif format is Format.JSON:
        listed = [dict(zip(columns, row, strict=True)) for row in rows]
        text_json = json.dumps(listed, indent=2, ensure_ascii=False, default=cell_text)
        sys.stdout.write(text_json.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")
    else:
        _print_table(columns, rows)


def _print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(Text(plain(column)), overflow="fold")
    for row in rows:
        # Text, not str: a camera's note must not be read as rich's markup.
        table.add_row(*(Text(plain(cell_text(cell))) for cell in row))
    # Nothing is cut or folded when a program reads it.
    width = None if sys.stdout.isatty() else 10_000
    Console(file=sys.stdout, width=width, highlight=False).print(table)


@contextmanager
def progress_lines() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows one line of progress on standard error.

    On a terminal the newest line also runs beside a spinner; elsewhere lines are only printed.
    """
    if not sys.stderr.isatty():
        yield lambda line: _write_error_line(line)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    with console.status("working") as status:

        def show(line: str) -> None:
            text = Text(plain(masked(line)))
            console.print(text)
            status.update(text)

        yield show


def _write_error_line(line: str) -> None:
    sys.stderr.write(plain(masked(line)) + "\n")
    sys.stderr.flush()
