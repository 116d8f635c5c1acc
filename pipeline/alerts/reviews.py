"""Reviews: what people say about alerts. The latest verdict counts; none is ever deleted."""

from __future__ import annotations

from pipeline.assembly import Site
from pipeline.errors import AccessRefused, SettingsError, StoreError
from pipeline.identity import content_id
from pipeline.store.contract import Review

__all__ = ["VERDICTS", "review_alert", "take_back_review"]

VERDICTS = ("anomaly", "known_harmless", "false_alarm")
"""It was one; it was unusual but is known to do no harm; there was nothing."""


def review_alert(
    site: Site,
    alert_id: str,
    verdict: str,
    reviewer: str,
    note: str = "",
    *,
    after: str | None = None,
) -> Review:
    """Record a verdict on an alert and who gave it, and return it.

    `alert_id` may be a unique beginning of the id, of at least 6 characters. `after`: the review
    that the reviewer has seen as the latest ("" for none). Raises SettingsError for an unknown
    verdict or a nameless reviewer, StoreError for an unknown alert, ReviewConflict when another
    verdict was given or taken back meanwhile.
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
    site.store.add_review(review, after=after)
    site.store.audit(
        review.reviewer, "review", alert.alert_id, {"verdict": verdict, "note": review.note}
    )
    return review


def take_back_review(site: Site, alert_id: str, reviewer: str) -> Review:
    """Take back the latest verdict on an alert and return it; what was said before counts again.

    Raises StoreError when there is none, AccessRefused when somebody else has given it.
    """
    alert = site.store.alert(alert_id)
    reviews = site.store.reviews(alert.alert_id)
    if not reviews:
        raise StoreError(f"alert {alert.alert_id[:12]} has no verdict to take back")
    last = reviews[-1]
    if last.reviewer != reviewer.strip():
        raise AccessRefused(
            f"the verdict on alert {alert.alert_id[:12]} is of {last.reviewer}; give your own"
        )
    site.store.withdraw_review(last.review_id, last.reviewer, site.clock.now_utc())
    site.store.audit(last.reviewer, "review taken back", alert.alert_id, {"verdict": last.verdict})
    return last
