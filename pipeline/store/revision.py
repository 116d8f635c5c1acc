"""Revision: which schema a database has, looked up without changing anything."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from pipeline.store.address import parse_address
from pipeline.store.engine import is_there, make_engine
from pipeline.store.failures import raise_explained
from pipeline.store.migrate import revision_of
from pipeline.store.schema import SCHEMA_REVISION

__all__ = ["FoundRevision", "schema_revision"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRevision:
    """The schema of a database beside the one that this program needs."""

    shown: str
    """Where the database is, without its password."""
    revision: str | None
    """None when there is no database yet, or an empty one."""
    needed: str


def schema_revision(url: str) -> FoundRevision:
    """Return the schema of the database at `url`; StoreError when the URL is no good,
    StoreUnavailable when it does not answer. An SQLite file that is not there is not made."""
    address = parse_address(url)
    if address.path is not None and not is_there(address.path):
        return FoundRevision(shown=address.shown, revision=None, needed=SCHEMA_REVISION)
    engine = make_engine(address)
    try:
        with engine.connect() as connection:
            found = revision_of(connection)
    except SQLAlchemyError as error:
        raise_explained(error, address)
    finally:
        engine.dispose()
    return FoundRevision(shown=address.shown, revision=found, needed=SCHEMA_REVISION)
