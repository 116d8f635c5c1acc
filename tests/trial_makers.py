"""A trial on the hand-made morning of line-1: three watched hours, three alerts, verdicts."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.alerts.alerts import Alert
from pipeline.alerts.reviews import review_alert
from pipeline.assembly import Site
from pipeline.trial.trial import Trial
from pipeline.trial.trial_file import start_trial
from tests.alerts_makers import NOON
from tests.reports_makers import FixedClock, add_alerts, fill_morning, open_small_site

__all__ = ["ClockAt", "at", "morning_trial", "site_of_a_morning"]


class ClockAt(FixedClock):
    """A clock that stands still at a moment."""

    def __init__(self, now_utc: datetime) -> None:
        self._now_utc = now_utc

    def now_utc(self) -> datetime:
        return self._now_utc


def at(site: Site, now_utc: datetime) -> Site:
    """Return the same site at another time."""
    return replace(site, clock=ClockAt(now_utc))


def morning_trial(**changes: object) -> Trial:
    """Return the trial that learns for two days and watches the three hours from NOON."""
    fields: dict[str, object] = {
        "name": "small",
        "camera": "line-1",
        "start_utc": NOON - timedelta(days=2),
        "learn_days": 2.0,
        "watch_days": 0.125,
    }
    return Trial(**{**fields, **changes})  # type: ignore[arg-type]


def site_of_a_morning(
    folder: Path, *verdicts: str, trial: Trial | None = None
) -> tuple[Site, list[Alert]]:
    """Return a site with the morning, the file of the trial, and verdicts on the first alerts."""
    site = open_small_site(folder)
    alerts = fill_morning(site)
    add_alerts(site, alerts)
    start_trial(site, trial or morning_trial())
    for alert, verdict in zip(alerts, verdicts, strict=False):
        review_alert(site, alert.alert_id, verdict, "sato", "a <board> lay across & blocked it")
    return site, alerts
