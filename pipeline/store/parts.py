"""What the parts of the store have in common: their transactions, and overlap in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from pipeline.store import schema
from pipeline.store.sessions import Sessions

__all__ = ["StorePart", "database_now", "overlapping"]

Interval = (
    type[schema.FootageRow]
    | type[schema.SegmentRow]
    | type[schema.BlindRow]
    | type[schema.HealthRow]
    | type[schema.LightingRow]
    | type[schema.EventRow]
    | type[schema.AlertRow]
)


class StorePart:
    """A group of the methods of `pipeline.store.contract.Store`; see there what they promise."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions


def overlapping(
    kind: Interval, since: datetime | None, until: datetime | None
) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions for rows that overlap [since, until).

    Footage, segments, blind intervals, health and lighting are half-open. Events and alerts hold
    their last moment: one of a single clip begins and ends at once.
    """
    if until is not None:
        yield kind.start_utc < until
    if since is not None:
        closed = issubclass(kind, schema.EventRow | schema.AlertRow)
        yield kind.end_utc >= since if closed else kind.end_utc > since


def database_now(session: Session) -> datetime:
    """Return the time by the clock of the database: one clock for all workers of a server."""
    if session.get_bind().dialect.name == "postgresql":
        now: datetime = session.scalars(select(func.clock_timestamp())).one()
        return now.astimezone(UTC)
    text = session.scalars(select(func.strftime("%Y-%m-%dT%H:%M:%f", "now"))).one()
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
