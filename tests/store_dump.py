"""The canonical dump: every table, sorted by key, without run times and numbers of attempts.

Two runs that did the same work have the same dump, however often they were killed in between.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from pipeline.store.schema import Base
from pipeline.store.sql import SqlStore, open_store

_WORKING_STATE = {"leases"}
_RUN_TIMES = {
    "purposes": {"since_utc"},
    "segments": {"settled_utc"},
    "models": {"created_utc", "activated_utc", "retired_utc"},
    "training_runs": {"finished_utc", "work_seconds"},
    "scored_segments": {"at_utc"},
    "deliveries": {"attempts", "last_attempt_utc", "retry_utc", "last_error", "delivered_utc"},
    "digests": {"attempts", "last_attempt_utc", "retry_utc", "last_error", "delivered_utc"},
    "audit_log": {"audit_id", "at_utc"},
}


def dump(store: SqlStore | str) -> dict[str, list[dict[str, Any]]]:
    """Return table -> rows of a store, or of the database at a URL.

    Of a delivery it says whether the receipt is there; leases, which belong to runs, are left out.
    """
    if isinstance(store, str):
        opened = open_store(store)
        try:
            return dump(opened)
        finally:
            opened.close()
    tables: dict[str, list[dict[str, Any]]] = {}
    with store._sessions.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            if table.name in _WORKING_STATE:
                continue
            rows = connection.execute(select(table)).mappings().all()
            tables[table.name] = sorted((_kept(table.name, dict(row)) for row in rows), key=repr)
    return tables


def _kept(table: str, row: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in row.items() if key not in _RUN_TIMES.get(table, ())}
    if table in ("deliveries", "digests"):
        kept["delivered"] = row["delivered_utc"] is not None
    if table == "segments":
        kept["settled"] = row["settled_utc"] is not None
    if table == "models":
        kept["manifest"] = {k: v for k, v in row["manifest"].items() if k != "stage_seconds"}
    # JSON objects come back in any order of their keys.
    return {key: _ordered(value) for key, value in kept.items()}


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value
