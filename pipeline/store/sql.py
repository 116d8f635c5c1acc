"""SqlStore: the contract on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.store.accounts import AccountTable
from pipeline.store.address import Address, parse_address
from pipeline.store.alerts import AlertTable
from pipeline.store.browsing import BrowsingTable
from pipeline.store.cameras import CameraTable
from pipeline.store.drift import DriftTable
from pipeline.store.engine import make_engine
from pipeline.store.feedback import FeedbackTable
from pipeline.store.footage import FootageTable
from pipeline.store.health import HealthTable
from pipeline.store.lighting import LightingTable
from pipeline.store.migrate import Upgrade, bring_up_to_date
from pipeline.store.models import ModelTable
from pipeline.store.outbox import OutboxTable
from pipeline.store.query import read_views
from pipeline.store.retention import RetentionTable
from pipeline.store.schema import Base
from pipeline.store.scores import ScoreTable
from pipeline.store.sessions import Sessions
from pipeline.store.summaries import SummaryTable
from pipeline.store.together import LeaseTable
from pipeline.store.view_rows import ViewTable

__all__ = ["SqlStore", "open_store", "upgrade_store"]


class SqlStore(
    CameraTable,
    FootageTable,
    HealthTable,
    LightingTable,
    DriftTable,
    ModelTable,
    ScoreTable,
    AlertTable,
    FeedbackTable,
    OutboxTable,
    LeaseTable,
    AccountTable,
    BrowsingTable,
    ViewTable,
    RetentionTable,
    SummaryTable,
):
    """A store in an SQLite file or a PostgreSQL database whose schema is up to date."""

    @property
    def address(self) -> Address:
        """Where the database is."""
        return self._sessions.address

    @property
    def place(self) -> str:
        """See `Store`."""
        return self._sessions.address.shown

    def query(
        self, sql: str, *, row_limit: int = 10_000, timeout_seconds: float = 30.0
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """See `Store`."""
        return read_views(self._sessions, sql, row_limit=row_limit, timeout_seconds=timeout_seconds)

    def row_counts(self) -> Mapping[str, int]:
        """See `Store`."""

        def work(session: Session) -> dict[str, int]:
            return {
                table.name: session.scalars(select(func.count()).select_from(table)).one()
                for table in Base.metadata.sorted_tables
            }

        return self._sessions.read(work)

    def close(self) -> None:
        """See `Store`."""
        self._sessions.engine.dispose()


def open_store(url: str, *, busy_timeout_seconds: float = 15.0) -> SqlStore:
    """Return the store at `url`, with its schema up to date.

    `url`: see `pipeline.store.address.parse_address`. `busy_timeout_seconds`: how long a write
    waits for another one on SQLite before it is tried again. Raises StoreError when the URL or the
    place is no good, StoreUnavailable when the database does not answer, MigrationNeeded when the
    schema is newer, or older on a PostgreSQL server.
    """
    address = parse_address(url)
    bring_up_to_date(address)
    engine = make_engine(address, busy_timeout_seconds=busy_timeout_seconds)
    return SqlStore(Sessions(engine, address))


def upgrade_store(url: str) -> Upgrade:
    """Bring the schema of the database at `url` up to date, make its views and grants anew, and
    return what was done. This is what `kizashi store upgrade` calls."""
    return bring_up_to_date(parse_address(url), asked=True)
