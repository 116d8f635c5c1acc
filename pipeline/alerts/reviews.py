"""Reviews: what people say about alerts. The latest verdict counts; none is ever deleted."""

from __future__ import annotations

from pipeline.assembly import Site
from pipeline.errors import SettingsError
from pipeline.identity import content_id
from pipeline.store.contract import Review

__all__ = ["VERDICTS", "review_alert"]

VERDICTS = ("anomaly", "known_harmless", "false_alarm")
"""It was one; it was unusual but is known to do no harm; there was nothing."""


def review_alert(site: Site, alert_id: str, verdict: str, reviewer: str, note: str = "") -> Review:
    """Record a verdict on an alert and who gave it, and return it.

    `alert_id` may be a unique beginning of the id, of at least 6 characters. Raises SettingsError
    for an unknown verdict or a nameless reviewer, StoreError for an unknown alert.
    """
    if verdict not in VERDICTS:
        raise SettingsError(f"verdict {verdict!r}: use one of {', '.join(VERDICTS)}")
    if not reviewer.strip():
        raise SettingsError(f"alert {alert_id}: a verdict needs the name of its reviewer")
    alert = site.store.alert(alert_id)
    at_utc = site.clock.now_utc()
    review = Review(
        review_id=content_id("review", alert.alert_id, reviewer, verdict, at_utc.isoformat()),
        alert_id=alert.alert_id,
        verdict=verdict,
        reviewer=reviewer.strip(),
        note=note.strip(),
        at_utc=at_utc,
    )
    site.store.add_review(review)
    site.store.audit(
        review.reviewer, "review", alert.alert_id, {"verdict": verdict, "note": review.note}
    )
    return review
