"""Inserting what is not there yet, on both databases, in chunks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Table,
    Text,
    bindparam,
    column,
    func,
    select,
)
from sqlalchemy import cast as cast_to
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeDecorator

from pipeline.store.schema import Base

__all__ = ["insert_new", "insert_or_update"]

Row = Mapping[str, Any]
_CHUNK_ROWS = 1_000
"""Rows in one round of the driver. On SQLite each row is a statement of its own with at most 20
parameters, far below its 32,766."""


def insert_new(session: Session, kind: type[Base], rows: Sequence[Row]) -> int:
    """Insert the rows whose key is not there yet; return how many were new."""
    new = 0
    for chunk in _chunks(kind, rows):
        if session.get_bind().dialect.name == "postgresql":
            new += _insert_together(session, kind, chunk)
            continue
        # With its target named: another unique constraint that is broken still raises.
        statement = _insert(session, kind).on_conflict_do_nothing(index_elements=_key(kind))
        result = session.execute(statement, chunk, execution_options={"preserve_rowcount": True})
        new += cast(CursorResult[Any], result).rowcount
    return new


def insert_or_update(
    session: Session,
    kind: type[Base],
    rows: Sequence[Row],
    *,
    update: Sequence[str],
    newer_by: str | None = None,
) -> int:
    """Insert rows, and bring the columns `update` of those that are there up to date; return how
    many were new.

    `newer_by` names a column that only grows: a row with a smaller value than the one stored comes
    from a worker that was overtaken, and changes nothing.
    """
    new = insert_new(session, kind, rows)
    if new < len(rows):
        statement = _insert(session, kind)
        condition: ColumnElement[bool] | None = None
        if newer_by is not None:
            condition = statement.excluded[newer_by] >= _table(kind).c[newer_by]
        statement = statement.on_conflict_do_update(
            index_elements=_key(kind),
            set_={name: statement.excluded[name] for name in update},
            where=condition,
        )
        for chunk in _chunks(kind, rows):
            session.execute(statement, chunk)
    return new


def _insert_together(session: Session, kind: type[Base], rows: Sequence[Row]) -> int:
    """Insert rows of which each key is there once by one statement of PostgreSQL, which gets them
    as one JSON text; return how many were new."""
    names = tuple(rows[0])
    dialect = session.get_bind().dialect
    checks = [
        (name, kept.type.process_bind_param)
        for name in names
        if isinstance((kept := _table(kind).columns[name]).type, TypeDecorator)
    ]
    checked = [
        {**row, **{name: check(row[name], dialect) for name, check in checks}} for row in rows
    ]
    text = json.dumps(checked, ensure_ascii=False, allow_nan=False, default=datetime.isoformat)
    options = {"preserve_rowcount": True}
    result = session.execute(_from_json(kind, names), {"rows": text}, execution_options=options)
    return cast(CursorResult[Any], result).rowcount


@cache
def _from_json(kind: type[Base], names: tuple[str, ...]) -> postgresql.Insert:
    """Return the insertion of a parameter `rows`, the text of a JSON array of objects."""
    columns = (column(name, _table(kind).columns[name].type) for name in names)
    text = cast_to(bindparam("rows", type_=Text), postgresql.JSON)
    rows = func.json_to_recordset(text).table_valued(*columns).render_derived(with_types=True)
    return (
        postgresql.insert(_table(kind))
        .from_select(names, select(rows))
        .on_conflict_do_nothing(index_elements=_key(kind))
    )


def _insert(session: Session, kind: type[Base]) -> postgresql.Insert | sqlite.Insert:
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(_table(kind))
    return sqlite.insert(_table(kind))


def _table(kind: type[Base]) -> Table:
    return cast(Table, kind.__table__)


def _key(kind: type[Base]) -> list[str]:
    return [column.name for column in _table(kind).primary_key]


def _chunks(kind: type[Base], rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Yield the rows by key, each key once: two workers that insert the same rows in one order
    cannot wait for each other."""
    names = _key(kind)
    by_key = {tuple(row[name] for name in names): row for row in rows}
    ordered = [by_key[key] for key in sorted(by_key)]
    for start in range(0, len(ordered), _CHUNK_ROWS):
        yield ordered[start : start + _CHUNK_ROWS]
