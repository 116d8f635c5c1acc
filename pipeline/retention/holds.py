"""Holds: a person says that an alert or a span of time must not be removed, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.alerts.alerts import Alert
from pipeline.assembly import Site
from pipeline.errors import SettingsError
from pipeline.identity import content_id
from pipeline.retention.nouns import Hold
from pipeline.timebase import shift_utc

__all__ = ["HeldNow", "hold_alert", "hold_span", "holds_on"]

_LONGEST_REASON = 2_000


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldNow:
    """A new hold, and what came too late for it."""

    hold: Hold
    footage_gone: int
    """Files of its time that were removed before, or are being removed now."""
    evidence_gone: int


def hold_alert(site: Site, alert_id: str, *, reason: str, who: str) -> HeldNow:
    """Hold an alert with its footage, evidence and scores, a minute before and after it too."""
    alert = site.store.alert(alert_id)
    return _held(site, alert.camera, alert.alert_id, alert.start_utc, alert.end_utc, reason, who)


def hold_span(
    site: Site, camera: str, since: datetime, until: datetime, *, reason: str, who: str
) -> HeldNow:
    """Hold everything of a camera from `since` to `until`, a minute before and after it too."""
    known = site.store.camera(camera)
    if not since < until:
        raise SettingsError(f"camera {camera}: hold from {since} to {until}? give an end after it")
    return _held(site, known.name, None, since, until, reason, who)


def holds_on(site: Site, alert: Alert) -> list[Hold]:
    """Return the holds in force that keep an alert, its own and those of spans of time."""
    return [
        hold
        for hold in site.store.holds(alert.camera)
        if hold.alert_id == alert.alert_id
        or (hold.alert_id is None and hold.covers(alert.start_utc, alert.end_utc))
    ]


def _held(
    site: Site,
    camera: str,
    alert_id: str | None,
    since: datetime,
    until: datetime,
    reason: str,
    who: str,
) -> HeldNow:
    said = reason.strip()
    if not said or len(said) > _LONGEST_REASON:
        raise SettingsError(
            f"a hold needs a reason of at most {_LONGEST_REASON} characters; who looks at it in a"
            " year must know whether it may go"
        )
    at_utc = site.clock.now_utc()
    moments = (since.isoformat(), until.isoformat(), at_utc.isoformat())
    hold = Hold(
        hold_id=content_id("hold", camera, alert_id or "", who, *moments),
        camera=camera,
        alert_id=alert_id,
        since_utc=since,
        until_utc=until,
        reason=said,
        who=who,
        at_utc=at_utc,
    )
    site.store.add_hold(hold)
    footage = [
        item
        for item in site.store.footage_of(camera, since, until)
        if item.removed_utc is not None
        and item.start_utc is not None
        and hold.covers(item.start_utc, shift_utc(item.start_utc, item.duration_us))
    ]
    alerts = site.store.alerts(camera, since, until)
    evidence = [
        file
        for alert in alerts
        for file in site.store.evidence(alert.alert_id)
        if file.removed_utc is not None
    ]
    return HeldNow(hold=hold, footage_gone=len(footage), evidence_gone=len(evidence))
