"""Cases: an alert with everything that somebody needs who gives a verdict on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dashboards.access import Who, refuse_unseen, seen_camera
from pipeline.alerts.alerts import Alert
from pipeline.alerts.evidence import Evidence
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.feedback.patterns import Pattern, Suppression
from pipeline.reports.cards import gone_words, missing_words
from pipeline.reports.sums import is_of_a_sum
from pipeline.reports.words import Words
from pipeline.retention.gone import evidence_gone, still_there
from pipeline.retention.holds import holds_on
from pipeline.retention.nouns import Hold
from pipeline.store.contract import AlertFilter, Review

__all__ = ["LONGEST_QUEUE", "Case", "alert_seen", "case_of", "queue_of"]

LONGEST_QUEUE = 500
_MOST_SEVERE_FIRST = ("critical", "warning", "notice")


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """An alert, its camera, its evidence, and what people have said of it."""

    alert: Alert
    camera: Camera
    words: Words
    """With times of the camera's zone."""
    evidence: Sequence[Evidence]
    reviews: Sequence[Review]
    """Oldest first, without those taken back."""
    suppression: Suppression | None = None
    """Also one that ended."""
    pattern: Pattern | None = None
    """What it is, or was, suppressed for."""
    own_pattern: Pattern | None = None
    """What stands on the verdict on this alert."""
    kinds: frozenset[str]
    """What evidence there is, as far as its files are."""
    missing: str
    """Why there is no clip, in words; empty where there is one."""
    gone: str
    """Since when and why evidence was removed, in words; empty while it is kept."""
    holds: Sequence[Hold]
    of_a_sum: bool
    """Its score is that of its clips together: none of them has it."""

    @property
    def latest(self) -> str:
        """Id of the verdict that counts; empty when there is none."""
        return self.reviews[-1].review_id if self.reviews else ""


def alert_seen(site: Site, who: Who, alert_id: str) -> Alert:
    """Return an alert of a camera that `who` may see; StoreError when there is none."""
    alert = site.store.alert(alert_id)
    refuse_unseen(who, alert.camera, "this alert")
    return alert


def case_of(site: Site, who: Who, alert_id: str, words_in: Callable[[str], Words]) -> Case:
    """Return the case of an alert, and record that it was looked at."""
    alert = alert_seen(site, who, alert_id)
    camera = site.store.camera(alert.camera)
    site.store.audit(who.user.name, "saw alert", alert.alert_id, {"camera": camera.name})
    quiet = site.store.suppression(alert.alert_id)
    own = [p for p in site.store.patterns(camera.name) if p.alert_id == alert.alert_id]
    words, evidence = words_in(camera.timezone), site.store.evidence(alert.alert_id)
    kinds = _kinds_of(site, evidence)
    missing = "" if "clip" in kinds else words("evidence.clip")
    return Case(
        alert=alert,
        camera=camera,
        words=words,
        evidence=evidence,
        kinds=kinds,
        missing=missing_words(evidence, missing, words),
        gone=gone_words(evidence_gone(site.store, alert, evidence), words),
        holds=holds_on(site, alert),
        of_a_sum=is_of_a_sum(site.store, alert),
        reviews=site.store.reviews(alert.alert_id),
        suppression=quiet,
        pattern=None if quiet is None else site.store.pattern(quiet.pattern_id),
        own_pattern=own[-1] if own else None,
    )


def _kinds_of(site: Site, evidence: Sequence[Evidence]) -> frozenset[str]:
    """Return the kinds of evidence whose files are there: a page shows no hole for a clip."""
    return frozenset(
        item.kind.value for item in still_there(evidence) if (site.folder / item.path).is_file()
    )


def queue_of(site: Site, who: Who, camera: str) -> list[str]:
    """Return the ids of alerts without a verdict of one camera, or of `all` that may be seen: the
    most severe first, among these the newest."""
    cameras = who.cameras() if camera == "all" else [seen_camera(site, who, camera).name]
    queue: list[str] = []
    for severity in _MOST_SEVERE_FIRST:
        # One after the other: of all together the newest may leave no room for what is critical.
        wanted = AlertFilter(cameras=cameras, verdict="none", severity=severity)
        left = LONGEST_QUEUE - len(queue)
        found = site.store.browse_alerts(wanted, limit=left) if left else []
        queue += [item.alert.alert_id for item in found]
    return queue
