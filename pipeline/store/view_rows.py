"""Whole views, read in batches: the same values on both databases, memory bounded by a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Double, Select, Text, column, select, table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeEngine

from pipeline.errors import StoreError
from pipeline.store.contract import ViewColumn
from pipeline.store.failures import raise_explained
from pipeline.store.parts import StorePart
from pipeline.store.types import PlainText, UtcDateTime
from pipeline.store.views import PUBLIC_VIEWS

__all__ = ["ViewTable", "columns_of"]

_BATCH_ROWS = 5_000
_PLACE = "place_x:real place_y:real place_width:real place_height:real"
_PATHS = "clip_path:text heat_map_path:text strip_path:text peak_frame_path:text"
_ALERT = (
    "alert_id:text camera:text severity:text start_utc:time end_utc:time peak_utc:time "
    "duration_seconds:real score:real p_value:real expected_per_day:real expert:text "
    f"{_PLACE} {_PATHS}"
)
_MODEL = "model_id:text preset:text footage_path:text footage_sha256:text"
_LATER = "evidence_removed_utc:time footage_removed_utc:time zone:text"
_COLUMNS: Mapping[str, str] = {
    "flagged_clips": f"{_ALERT} verdict:text reviewer:text {_MODEL} suppressed_by:text {_LATER}",
    "open_alerts": f"{_ALERT} {_MODEL} {_LATER}",
    "score_hours": (
        "camera:text model_id:text hour_utc:time clips:whole mean_score:real largest_score:real "
        "smallest_p_value:real removed_clips:whole"
    ),
    "camera_hours": (
        "camera:text hour_utc:time seen_seconds:real blind_seconds:real clips:whole alerts:whole"
    ),
    "camera_health": (
        "camera:text last_footage_end_utc:time last_scored_utc:time active_model_id:text "
        "active_model_created_utc:time segments_to_score:whole footage_refused:whole "
        "open_alerts:whole alerts_last_day:whole seen_seconds_last_day:real "
        "blind_seconds_last_day:real blind_share_last_day:real"
    ),
    "model_performance": (
        "model_id:text camera:text preset:text state:text created_utc:time activated_utc:time "
        "retired_utc:time clips_scored:whole hours_scored:real alerts:whole verdict_anomaly:whole "
        "verdict_known_harmless:whole verdict_false_alarm:whole unreviewed:whole precision:real "
        "alerts_per_day:real budget_per_day:real"
    ),
    "runs": (
        "run_id:text model_id:text camera:text preset:text state:text seed:whole "
        "footage_count:whole footage_seconds:real work_seconds:real finished_utc:time "
        "logged_steps:whole last_step:real last_figures:text held_out_seconds:real "
        "budget_per_day:real"
    ),
    "camera_troubles": (
        "camera:text trouble:text blind:whole start_utc:time end_utc:time duration_seconds:real "
        "detail:text footage_path:text"
    ),
    "suppressions": (
        "alert_id:text camera:text severity:text start_utc:time end_utc:time score:real "
        "suppressed_utc:time pattern_id:text nearness:real pattern_alert_id:text model_id:text "
        "reviewer:text note:text reviewed_utc:time ended_utc:time ended_by:text ended_why:text"
    ),
    "deletions": (
        "deletion_id:text camera:text kind:text why:text since_utc:time until_utc:time items:whole "
        "size_bytes:whole unscored_segments:whole planned_utc:time finished_utc:time"
    ),
    "holds": (
        "hold_id:text camera:text alert_id:text since_utc:time until_utc:time reason:text who:text "
        "at_utc:time released_utc:time released_by:text"
    ),
    "camera_drift": (
        "camera:text statistic:text severity:text since_utc:time found_utc:time usual:real "
        "recent:real spreads:real evidence:real reference_samples:whole samples:whole "
        "first_utc:time last_utc:time checked_utc:time model_id:text"
    ),
    "model_comparisons": (
        "comparison_id:text camera:text candidate_id:text candidate_state:text "
        "candidate_activated_utc:time active_id:text at_utc:time who:text not_worse:whole "
        "figures:text"
    ),
}
_TIME: Mapping[str, str] = {
    "flagged_clips": "start_utc",
    "open_alerts": "start_utc",
    "camera_hours": "hour_utc",
    "model_performance": "created_utc",
    "runs": "finished_utc",
    "camera_troubles": "start_utc",
    "suppressions": "start_utc",
    "score_hours": "hour_utc",
    "deletions": "planned_utc",
    "holds": "at_utc",
    "camera_drift": "checked_utc",
    "model_comparisons": "at_utc",
}
"""View -> the column that --since and --until mean; camera_health is of now and has none."""
_TYPES: Mapping[str, TypeEngine[Any]] = {
    # Text as it is stored: what a query shows.
    "text": Text(),
    "time": UtcDateTime(),
    "whole": BigInteger(),
    "real": Double(),
}


def columns_of(view: str) -> Sequence[ViewColumn]:
    """Return the columns of a public view with what they hold; StoreError for another name."""
    if view not in _COLUMNS:
        raise StoreError(f"{view!r} is not a public view; use one of {', '.join(PUBLIC_VIEWS)}")
    parts = (item.split(":") for item in _COLUMNS[view].split())
    return [ViewColumn(name=name, kind=kind) for name, kind in parts]


class ViewTable(StorePart):
    """Reading whole views."""

    def view_columns(self, view: str) -> Sequence[ViewColumn]:
        """See `Store`."""
        return columns_of(view)

    def view_rows(
        self,
        view: str,
        *,
        camera: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """See `Store`."""
        query = _query(view, camera, since, until)
        kinds = [item.kind for item in columns_of(view)]
        try:
            with self._sessions.engine.connect() as connection:
                options = {"stream_results": True, "yield_per": _BATCH_ROWS}
                result = connection.execution_options(**options).execute(query)
                for batch in result.partitions():
                    yield [_exact(row, kinds) for row in batch]
        except SQLAlchemyError as error:
            raise_explained(error, self._sessions.address)


def _query(
    view: str, camera: str | None, since: datetime | None, until: datetime | None
) -> Select[Any]:
    columns = [column(item.name, _TYPES[item.kind]) for item in columns_of(view)]
    names = {item.name: item for item in columns}
    query = select(*columns).select_from(table(view))
    if camera is not None:
        query = query.where(column("camera", PlainText()) == camera)
    if since is None and until is None:
        ordered = [names[_TIME[view]]] if view in _TIME else []
        return query.order_by(*ordered, names["camera"], columns[0])
    if view not in _TIME:
        raise StoreError(f"{view} is of now and has no range; leave the moments out")
    at_utc = names[_TIME[view]]
    if since is not None:
        query = query.where(at_utc >= since)
    if until is not None:
        query = query.where(at_utc < until)
    return query.order_by(at_utc, names["camera"], columns[0])


def _exact(row: Sequence[Any], kinds: Sequence[str]) -> tuple[Any, ...]:
    """Return the values of a row as their kinds; SQLite gives 0 for a sum of nothing."""
    return tuple(
        float(value) if kind == "real" and value is not None else value
        for value, kind in zip(row, kinds, strict=True)
    )
