"""Span: the stretch of time that a report covers when nobody names one."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.assembly import Site
from pipeline.errors import SettingsError

__all__ = ["report_span"]

_DAY = timedelta(days=1)


def report_span(
    site: Site,
    camera_name: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[datetime, datetime]:
    """Return [since, until) with what is missing filled in: 24 hours up to now, or up to the end of
    what is known of the camera, seen or blind, when none of it is that new (an archive).
    SettingsError for a range that is empty, or still to come from its first moment on."""
    now = site.clock.now_utc()
    known = site.store.known_until(camera_name) or now
    # The clock of a camera may be ahead: what is stored of it has been, whatever time it says.
    newest = max(now, known)
    if since is not None and since >= newest:
        raise SettingsError(f"--since {since.isoformat()} is still to come; give one before now")
    if since is None and until is not None and until - _DAY >= newest:
        raise SettingsError(
            f"--until {until.isoformat()} is still to come, with all of the 24 hours before it; "
            "give one before now"
        )
    if until is not None:
        end = until
    elif since is not None and since >= now:
        end = known
    else:
        end = _end_of_the_known(site, camera_name, known, now)
    start = since or end - _DAY
    if since is not None and until is None and not start < end:
        raise SettingsError(
            f"camera {camera_name} has no footage from --since {start.isoformat()} on: its last "
            f"ends {end.isoformat()}; give an earlier one, or --until too"
        )
    if not start < end:
        raise SettingsError(f"--since {start.isoformat()} is not before --until {end.isoformat()}")
    return start, end


def _end_of_the_known(site: Site, camera_name: str, known: datetime, now: datetime) -> datetime:
    if now - _DAY < known <= now:
        return now
    if known > now:  # a clock ahead, or a file that claims more than it holds
        recent = camera_name, now - _DAY, now
        return now if site.store.footage_of(*recent) or site.store.blind(*recent) else known
    return known
