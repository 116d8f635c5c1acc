"""Composing: an alert, what was held back, or a day of a camera, as a message."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.alerts.alerts import Alert, Severity
from pipeline.alerts.evidence import Evidence, EvidenceKind
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.errors import KizashiError
from pipeline.files import inside, sha256_of_file
from pipeline.notification.message import (
    Message,
    MessageKind,
    alert_fields,
    json_time,
    message_of_test,
)
from pipeline.notification.outbox import Digest, DigestKind
from pipeline.notification.texts import Texts
from pipeline.reports.facts import ReportFacts, gather_facts

__all__ = ["compose_alert", "compose_digest", "compose_test"]

_LARGEST_PICTURE_BYTES = 8 << 20


def compose_alert(site: Site, camera: Camera, alert: Alert) -> Message:
    """Return the message of one alert, with the picture of its peak where it is unchanged."""
    texts = Texts(site.settings.language, camera.timezone)
    words = texts.words
    evidence = site.store.evidence(alert.alert_id)
    picture = _picture(site, evidence)
    severity = texts.severity(alert.severity)
    lines = [texts("alert.review", id=alert.alert_id[:12])]
    if picture is None:
        lines.append(texts("alert.no_picture"))
    return Message(
        key=alert.alert_id,
        kind=MessageKind.ALERT,
        camera=camera.name,
        title=texts(
            "alert.title", camera=camera.name, severity=severity, time=texts.time(alert.start_utc)
        ),
        rows=[
            (texts("row.camera"), camera.name),
            (texts("row.purpose"), camera.purpose),
            (texts("row.severity"), severity),
            (texts("row.when"), words.times(alert.start_utc, alert.end_utc)),
            (texts("row.where"), words.where(alert)),
            (texts("row.seen_by"), words.expert(alert.expert)),
            (texts("row.often"), words.often(alert.expected_per_day)),
            (texts("row.alert"), alert.alert_id),
        ],
        lines=lines,
        fields=alert_fields(alert, evidence),
        picture=picture,
        picture_text=texts("alert.picture"),
    )


def compose_digest(site: Site, camera: Camera, digest: Digest) -> Message:
    """Return the message of a digest."""
    texts = Texts(site.settings.language, camera.timezone)
    if digest.kind is DigestKind.HELD:
        return _held(site, camera, digest, texts)
    facts = gather_facts(site, camera.name, digest.since_utc, digest.until_utc)
    return _daily(camera, digest, facts, texts)


def compose_test(site: Site, sink: str) -> Message:
    """Return a message that says that it is only a test."""
    texts = Texts(site.settings.language, "UTC")
    line = texts("test.line", site=str(site.folder), sink=sink)
    return message_of_test(texts("test.title"), [line], site.clock.now_utc())


def _held(site: Site, camera: Camera, digest: Digest, texts: Texts) -> Message:
    alerts = site.store.digest_alerts(digest.digest_id)
    said = [(alert, _verdict(site, alert)) for alert in alerts]
    evidence = {alert.alert_id: site.store.evidence(alert.alert_id) for alert in alerts}
    return Message(
        key=digest.digest_id,
        kind=MessageKind.HELD_DIGEST,
        camera=camera.name,
        title=texts.counted("held.title", len(alerts), camera=camera.name),
        rows=[(texts("row.camera"), camera.name), (texts("row.purpose"), camera.purpose)],
        lines=[texts("held.why"), *texts.alert_lines(camera.name, said)],
        fields={
            **_digest_fields(digest),
            "alerts": [alert_fields(one, evidence[one.alert_id]) for one in alerts],
        },
    )


def _daily(camera: Camera, digest: Digest, facts: ReportFacts, texts: Texts) -> Message:
    alerts = [item.alert for item in facts.alerts]
    verdicts = {
        item.alert.alert_id: item.review.verdict if item.review else "none" for item in facts.alerts
    }
    by_severity = {one: sum(a.severity is one for a in alerts) for one in reversed(Severity)}
    by_verdict = {**facts.verdicts(), "none": list(verdicts.values()).count("none")}
    unseen = {
        state: seconds
        for state, seconds in facts.seconds_by_state().items()
        if state != "watched" and seconds > 0
    }
    counted = (
        texts.counted("daily.alerts", len(alerts))
        if alerts or facts.watched_seconds > 0
        else texts("daily.alerts.nothing_watched")
    )
    lines = texts.alert_lines(camera.name, [(a, verdicts[a.alert_id]) for a in alerts])
    if unseen:
        lines.append(texts("daily.unknown"))
    return Message(
        key=digest.digest_id,
        kind=MessageKind.DAILY_DIGEST,
        camera=camera.name,
        title=texts("daily.title", camera=camera.name, alerts=counted),
        rows=_daily_rows(camera, facts, texts, counted, by_severity, by_verdict, unseen),
        lines=lines,
        fields={
            **_digest_fields(digest),
            "alerts": [alert_fields(item.alert, item.evidence) for item in facts.alerts],
            "verdicts": by_verdict,
            "watched_seconds": facts.watched_seconds,
            "not_watched_seconds": unseen,
        },
    )


def _daily_rows(
    camera: Camera,
    facts: ReportFacts,
    texts: Texts,
    counted: str,
    by_severity: dict[Severity, int],
    by_verdict: dict[str, int],
    unseen: dict[str, float],
) -> list[tuple[str, str]]:
    words = texts.words
    rows = [
        (texts("row.camera"), camera.name),
        (texts("row.purpose"), camera.purpose),
        (texts("row.range"), words("range", since=words.time(facts.since, "minute"),
                                   until=words.time(facts.until, "minute"))),
        (texts("row.alerts"), counted),
    ]  # fmt: skip
    if facts.alerts:
        severities = [
            texts("daily.severity", count=count, severity=texts.severity(one))
            for one, count in by_severity.items()
            if count
        ]
        verdicts = [
            texts("daily.verdict", count=count, verdict=words(f"verdict.{one}"))
            for one, count in by_verdict.items()
            if count
        ]
        rows.append((texts("row.by_severity"), texts.listed(severities)))
        rows.append((texts("row.verdicts"), texts.listed(verdicts)))
    rows.append((texts("row.watched"), _share(facts, facts.watched_seconds, texts)))
    rows.append((texts("row.not_watched"), _share(facts, facts.blind_seconds, texts, unseen)))
    return rows


def _share(
    facts: ReportFacts, seconds: float, texts: Texts, unseen: dict[str, float] | None = None
) -> str:
    words = texts.words
    length, share = words.length(seconds), words.share(seconds / facts.range_seconds)
    if not unseen:
        return texts("daily.share", length=length, share=share)
    longest = max(unseen, key=lambda state: unseen[state])
    short = f"coverage.short.{longest}"
    reason = words(short) if words.knows(short) else words(f"reason.{longest}")
    return texts("daily.share_mostly", length=length, share=share, reason=reason)


def _digest_fields(digest: Digest) -> dict[str, object]:
    return {
        "digest_id": digest.digest_id,
        "camera": digest.camera,
        "since_utc": json_time(digest.since_utc),
        "until_utc": json_time(digest.until_utc),
    }


def _verdict(site: Site, alert: Alert) -> str:
    reviews = site.store.reviews(alert.alert_id)
    return reviews[-1].verdict if reviews else "none"


def _picture(site: Site, evidence: Sequence[Evidence]) -> Path | None:
    """Return the picture of the peak; None when it is not there or not the one that was recorded:
    a picture whose masks somebody took away must not be sent."""
    for item in evidence:
        if item.kind is not EvidenceKind.PEAK_FRAME:
            continue
        try:
            path = inside(site.folder, item.path)
            if path.stat().st_size > _LARGEST_PICTURE_BYTES:
                return None
            return path if sha256_of_file(path) == item.sha256 else None
        except (OSError, KizashiError):
            return None
    return None
