"""Alert rows: the alerts of a report as CSV, for a spreadsheet, with the facts of each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.csv_text import csv_text, in_utc
from pipeline.reports.facts import AlertFacts, ReportFacts
from pipeline.retention.gone import still_there

__all__ = ["ALERT_COLUMNS", "alerts_csv"]

ALERT_COLUMNS = (
    "alert",
    "camera",
    "severity",
    "start_local",
    "start_utc",
    "end_utc",
    "peak_utc",
    "seconds",
    "score",
    "expected_per_day",
    "expert",
    "x_percent",
    "y_percent",
    "zone",
    "verdict",
    "reviewer",
    "note",
    "model",
    "clip",
)


def alerts_csv(facts: ReportFacts) -> bytes:
    """Return one row an alert, by time, under `ALERT_COLUMNS`; UTF-8 with the mark at its start
    that spreadsheets need to read it as such."""
    zone = ZoneInfo(facts.camera.timezone)
    return csv_text(ALERT_COLUMNS, _rows(facts.alerts, zone)).encode("utf-8-sig")


def _rows(alerts: Iterable[AlertFacts], zone: ZoneInfo) -> Iterable[tuple[Any, ...]]:
    for item in alerts:
        alert, review = item.alert, item.review
        yield (
            alert.alert_id,
            alert.camera,
            alert.severity.value,
            alert.start_utc.astimezone(zone).isoformat(" ", "seconds"),
            in_utc(alert.start_utc),
            in_utc(alert.end_utc),
            in_utc(alert.peak_utc),
            round((alert.end_utc - alert.start_utc).total_seconds(), 1),
            round(alert.score, 2),
            float(f"{alert.expected_per_day:.3g}"),
            alert.expert,
            round(100 * (alert.place.x + alert.place.width / 2)),
            round(100 * (alert.place.y + alert.place.height / 2)),
            alert.zone,
            review.verdict if review else "",
            review.reviewer if review else "",
            review.note if review else "",
            alert.model_id[:12],
            " ".join(file.path for file in still_there(item.evidence) if file.kind.value == "clip"),
        )
